"""What a cart comes to before it is bought."""

from typing import Annotated, Any

import strawberry

from crm.numbers import QUANTITY_DIGITS, UNIT_PRICE_DIGITS, decimal
from crm.offers.values import IneligibilityCode
from resolvers import offers, quotes
from schema.common import Money, UserError
from schema.fields import answered, computed, field, relation, stored
from schema.loyalty import RewardOption, Tier
from schema.offers import Offer
from schema.resolver import Info
from schema.scalars import DateTime, Decimal

Shown = Annotated[int, strawberry.argument(description="How many, at most 100.")]


@strawberry.type(description="One line of a cart, with everything taken off it.")
class QuoteLine:
    """To record what was quoted, send discount back as the line's."""

    line_number: int = stored("The line's number in the cart.")
    sku: str = stored("The product's SKU.")
    quantity: Decimal = computed(lambda line, _: decimal(line["quantity"], QUANTITY_DIGITS), "As sent.")
    unit_price: Decimal = computed(lambda line, _: decimal(line["unitPrice"], UNIT_PRICE_DIGITS), "As sent.")
    discount: Money = stored("What offers, the till and rewards take off it.")
    total: Money = stored("What is left to pay for it.")


@strawberry.type(description="Why an offer does not apply, and how far away it is.")
class IneligibilityReason:
    """The code is for programs; the rest lets a shop say what is missing."""

    code: IneligibilityCode = stored("For programs.")
    message: str = stored("For people.")
    missing_amount: Money | None = stored("How much more must be spent on what it is about.")
    missing_quantity: Decimal | None = computed(
        lambda reason, _: offers.quantity(reason["missingQuantity"]), "How much more must be bought."
    )
    missing_points: int | None = stored("Qualifying points to the tier it is for.")
    available_at: DateTime | None = stored("From when on this may be otherwise.")


@strawberry.type(description="Whether an offer applies, and every reason if not.")
class OfferEligibility:
    """Of one offer and one cart."""

    eligible: bool = stored("Whether all that it asks for is there.")
    reasons: list[IneligibilityReason] = stored("What is missing; empty where it is eligible.")


@strawberry.type(description="What an offer does to a cart.")
class QuotedOffer:
    """Of an offer that others beat, discount and points are what it would give alone."""

    offer: Offer = relation(offers.any_by_ids, "The offer.", key=lambda quoted: quoted["offerId"])
    applied: bool = stored("Whether it is in the totals.")
    discount: Money | None = stored(
        "What it takes off; null for kinds that take nothing, and where it is not eligible."
    )
    points: int | None = stored("The points it gives; null for kinds that give none, and where it is not eligible.")
    eligibility: OfferEligibility = stored("Whether it may apply, and why not.")


@strawberry.type(description="What a cart comes to: the best combination of offers that this customer may have.")
class Quote:
    """The same on web, app and till, and what recordPurchase then does."""

    lines: list[QuoteLine] = stored("The lines, as they were sent.")
    subtotal: Money = stored("The sum of quantity x unitPrice, each line rounded.")
    discount_total: Money = stored("Everything taken off.")
    tax_total: Money = stored("As sent.")
    total: Money = stored("What is to be paid.")
    points_to_earn: int = stored("All points that its sale would bring.")
    tier_after: Tier | None = answered(quotes.tier_after, "The tier that its sale leads to; null without a customer.")
    rewards: list[RewardOption] = answered(
        quotes.rewards, "Rewards that can be had now, the cheapest first, and what is missing for each."
    )
    warnings: list[UserError] = stored("What of codes, rewards and points could not be had; the rest is quoted.")

    @field("Applied first, then nearest to unlock: public ones, those for this customer, those whose code was sent.")
    async def offers(self: Any, info: Info, first: Shown = 50) -> list[QuotedOffer]:
        """Return the offers shown first."""
        return quotes.offers(info.context, self, first)
