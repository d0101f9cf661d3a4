"""The customer: one person for every channel."""

from typing import Annotated, Any

import strawberry

from crm.ids import CUSTOMER, account_of
from crm.numbers import round_half_up
from crm.taste.ranking import RecommendationKind
from crm.values import Channel, ConsentPurpose, ConsentState, LifecycleStage
from resolvers import customers, feedback, points, purchases
from resolvers.lists import PageArguments
from resolvers.recommendations import offer_lists, product_lists, wanted_offers, wanted_products
from schema.common import Connection, ExternalId, Money, Node, known_by
from schema.feedback import Feedback
from schema.fields import After, Before, First, Last, computed, relation, stored
from schema.listed import batched, listed
from schema.loyalty import LoyaltyAccount
from schema.purchases import Purchase
from schema.recommendations import PersonalOffer, Recommendation
from schema.resolver import Info
from schema.scalars import JSON, Date, DateTime


@strawberry.type(description="What a person said about one purpose; no record means not given.")
class Consent:
    """The newest statement about its purpose."""

    purpose: ConsentPurpose = stored("What it is for.")
    state: ConsentState = stored("What the person said.")
    at: DateTime = stored("When it was said.")
    source: str = stored("Where it was said.")
    evidence: str | None = stored("What proves it.")


@strawberry.type(description="Whether this person's data may shape what is shown, and what is missing where not.")
class Personalization:
    """Decided by the consents."""

    active: bool = stored("Whether personalisation is on.")
    missing: list[ConsentPurpose] = stored("The consents that are missing for it.")


@strawberry.type(description="What the purchases add up to; cancelled ones are left out.")
class CustomerMetrics:
    """Kept by every sale and return."""

    purchase_count: int = stored("How many purchases, cancelled ones left out.")
    total_spent: Money = stored("What was paid less what was paid back.")
    average_order_value: Money | None = computed(
        lambda metrics, _: (
            round_half_up(metrics["totalSpent"], metrics["purchaseCount"]) if metrics["purchaseCount"] else None
        ),
        "totalSpent for each purchase, rounded half up.",
    )
    first_purchase_at: DateTime | None = stored("When the person first bought.")
    last_purchase_at: DateTime | None = stored("When the person last bought.")


@strawberry.type(description="A person, the same for every channel.")
class Customer(Node):
    """What a role may see of it is in resolvers/policy.py."""

    version: int = stored("Grows with every change of the profile.")
    created_at: DateTime = stored("When the shop first knew of the person.")
    updated_at: DateTime = stored("When the profile last changed.")
    erased_at: DateTime | None = stored("When the personal data was erased.")
    first_name: str | None = stored("Given name.")
    last_name: str | None = stored("Family name.")
    email: str | None = stored("E-mail address, in lower case.")
    phone: str | None = stored("Phone number in E.164.")
    card_number: str | None = stored("Number of the customer card.")
    birth_date: Date | None = stored("Date of birth.")
    locale: str | None = stored("Preferred language as a BCP 47 tag.")
    external_ids: list[ExternalId] = stored("The person's ids in other systems.")
    attributes: JSON = stored("The shop's own fields.")
    tags: list[str] = stored("The shop's labels.")
    consents: list[Consent] = stored("What the person said about each purpose.")
    personalization: Personalization = computed(
        lambda customer, _: customers.personalization(customer),
        "What a missing consent withholds.",
        reads=("consents",),
    )
    referral_code: str | None = stored("The code by which this person refers others.")
    lifecycle_stage: LifecycleStage = computed(
        customers.stage, "Where the person stands with the shop now.", reads=("metrics",)
    )
    metrics: CustomerMetrics = stored("What the purchases add up to.")
    loyalty: LoyaltyAccount = relation(
        points.accounts,
        "The person's points.",
        key=lambda customer: account_of(customer["_id"]),
        outline=points.outline,
        reads=("_id",),
    )

    @listed("Purchases through every channel, newest first.", reads=("_id",))
    def purchases(
        self: Any,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        channel: Annotated[Channel | None, strawberry.argument(description="Only through this channel.")] = None,
    ) -> Connection[Purchase]:
        """Return a part of the purchase history."""
        return purchases.of_customer(self["_id"], channel, PageArguments(first, after, last, before))

    @listed("What the person has said, newest first.", reads=("_id",))
    def feedback(
        self: Any, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Feedback]:
        """Return a part of the person's feedback."""
        return feedback.of_customer(self["_id"], PageArguments(first, after, last, before))

    @batched(
        product_lists,
        "Products for this person, best first, with why. Without a kind: what is bought again beside what is popular.",
    )
    def recommendations(
        self: Any,
        info: Info,
        first: Annotated[int, strawberry.argument(description="How many, at most 50.")] = 10,
        kind: Annotated[RecommendationKind | None, strawberry.argument(description="Only of this kind.")] = None,
    ) -> list[Recommendation]:
        """Return a list of recommendations."""
        return wanted_products(info.context, self, first, kind)

    @batched(
        offer_lists,
        "Offers that fit this person, best first, with why: public ones and those for this person.",
    )
    def offers(
        self: Any,
        info: Info,
        first: Annotated[int, strawberry.argument(description="How many, at most 50.")] = 10,
        channel: Annotated[Channel | None, strawberry.argument(description="Only those that hold there.")] = None,
    ) -> list[PersonalOffer]:
        """Return a list of offers."""
        return wanted_offers(info.context, self, first, channel)

    is_type_of = known_by(CUSTOMER)
