"""What mutations answer: the object under the name of its type, whether it is a replay, and what was wrong.

An outcome holds ids; the objects are loaded here, so a retry may select other fields than the first try did.
"""

from typing import Any

import strawberry

from resolvers import customers, feedback, offers, points, programs, purchases
from resolvers.context import Load
from schema.common import UserError
from schema.customers import Customer
from schema.feedback import Feedback
from schema.fields import field, relation, stored
from schema.loyalty import LoyaltyAccount, LoyaltyProgram, PointsHold, PointsTransaction, Reward
from schema.offers import Offer
from schema.purchases import Purchase, PurchaseReturn
from schema.resolver import Info
from schema.shop import Product, Store

REPLAYED = "Whether this is what an earlier try did."
USER_ERRORS = "What was wrong; empty where it was carried out."


def _named(load: Load, name: str, description: str) -> Any:
    """Return the payload's field whose object the outcome names by id."""
    return relation(load, description, key=lambda outcome: outcome.get(name))


def _account_of(name: str) -> Any:
    """Return the resolver of an account whose field's name is a word of Python's."""

    async def resolve(root: Any, info: Info) -> Any:
        account = root.get(name)
        return await info.context.load(points.accounts, account) if account else None

    return resolve


@strawberry.type(description="The customer that was created or changed.")
class CustomerPayload:
    """Of createCustomer, updateCustomer, updateMe, setConsents."""

    customer: Customer | None = _named(customers.by_ids, "customer", "The customer.")
    replayed: bool = stored(REPLAYED)
    user_errors: list[UserError] = stored(USER_ERRORS)


@strawberry.type(description="The purchase that was recorded or claimed.")
class RecordPurchasePayload:
    """Of recordPurchase and claimPurchase; a row of recordPurchases."""

    purchase: Purchase | None = _named(purchases.by_ids, "purchase", "The purchase; on a CONFLICT the first one.")
    receipt_token: str | None = stored("Lets the buyer of an anonymous purchase claim it; null once it is claimed.")
    replayed: bool = stored(REPLAYED)
    user_errors: list[UserError] = stored(USER_ERRORS)

    @field("What was recorded all the same, but not as sent.")
    def warnings(self: Any) -> list[UserError]:
        """Return the outcome's warnings; a refusal has none."""
        found: list[UserError] = self.get("warnings") or []
        return found


@strawberry.type(description="A till's day, row by row.")
class RecordPurchasesPayload:
    """Of recordPurchases."""

    results: list[RecordPurchasePayload] = stored("In the order of the input.")
    replayed: bool = stored(REPLAYED)
    user_errors: list[UserError] = stored(USER_ERRORS)


@strawberry.type(description="The return that was recorded.")
class RecordReturnPayload:
    """Of recordReturn and cancelPurchase; a row of recordReturns."""

    purchase: Purchase | None = _named(purchases.by_ids, "purchase", "The purchase as it is now.")
    replayed: bool = stored(REPLAYED)
    user_errors: list[UserError] = stored(USER_ERRORS)

    @field("The return; on a CONFLICT the first one.")
    async def purchase_return(self: Any, info: Info) -> PurchaseReturn | None:
        """Return the return out of its purchase, which is loaded once for both fields."""
        named = self.get("purchaseReturn")
        return await purchases.returned(info.context, named) if named else None


@strawberry.type(description="A till's returns of a day, row by row.")
class RecordReturnsPayload:
    """Of recordReturns."""

    results: list[RecordReturnPayload] = stored("In the order of the input.")
    replayed: bool = stored(REPLAYED)
    user_errors: list[UserError] = stored(USER_ERRORS)


@strawberry.type(description="The store that was saved.")
class StorePayload:
    """Of saveStore."""

    store: Store | None = _named(purchases.shop_things, "store", "The store.")
    replayed: bool = stored(REPLAYED)
    user_errors: list[UserError] = stored(USER_ERRORS)


@strawberry.type(description="One product of a batch.")
class ProductPayload:
    """A row of saveProducts."""

    product: Product | None = _named(purchases.shop_things, "product", "The product.")
    user_errors: list[UserError] = stored(USER_ERRORS)


@strawberry.type(description="The products that were saved, row by row.")
class ProductsPayload:
    """Of saveProducts."""

    results: list[ProductPayload] = stored("In the order of the input.")
    replayed: bool = stored(REPLAYED)
    user_errors: list[UserError] = stored(USER_ERRORS)


@strawberry.type(description="The feedback that was given or answered.")
class FeedbackPayload:
    """Of submitFeedback and replyToFeedback."""

    feedback: Feedback | None = _named(feedback.by_ids, "feedback", "The feedback.")
    replayed: bool = stored(REPLAYED)
    user_errors: list[UserError] = stored(USER_ERRORS)


ACCOUNT = "The account as it is now."


@strawberry.type(description="The hold that was made or ended.")
class HoldPayload:
    """Of holdPoints, captureHold, releaseHold."""

    hold: PointsHold | None = _named(points.holds_by_id, "hold", "The hold.")
    account: LoyaltyAccount | None = _named(points.accounts, "account", ACCOUNT)
    replayed: bool = stored(REPLAYED)
    user_errors: list[UserError] = stored(USER_ERRORS)


@strawberry.type(description="The reward that was redeemed.")
class RedeemRewardPayload:
    """Of redeemReward."""

    reward: Reward | None = _named(programs.rewards_by_id, "reward", "The reward.")
    code: str | None = stored("Names the reward at the till, once: recordPurchase takes it in codes.")
    transaction: PointsTransaction | None = _named(points.transactions, "transaction", "What was spent on it.")
    account: LoyaltyAccount | None = _named(points.accounts, "account", ACCOUNT)
    replayed: bool = stored(REPLAYED)
    user_errors: list[UserError] = stored(USER_ERRORS)


@strawberry.type(description="Points that were given or taken by hand.")
class PointsPayload:
    """Of adjustPoints."""

    transaction: PointsTransaction | None = _named(points.transactions, "transaction", "The entry.")
    account: LoyaltyAccount | None = _named(points.accounts, "account", ACCOUNT)
    replayed: bool = stored(REPLAYED)
    user_errors: list[UserError] = stored(USER_ERRORS)


@strawberry.type(description="Points that went from one account to another.")
class TransferPayload:
    """Of transferPoints."""

    from_: LoyaltyAccount | None = strawberry.field(
        resolver=_account_of("from"), name="from", description="The account they left."
    )
    to: LoyaltyAccount | None = _named(points.accounts, "to", "The account they went to.")
    replayed: bool = stored(REPLAYED)
    user_errors: list[UserError] = stored(USER_ERRORS)


@strawberry.type(description="The programme's version that was saved.")
class LoyaltyProgramPayload:
    """Of saveLoyaltyProgram."""

    loyalty_program: LoyaltyProgram | None = _named(
        programs.versions, "loyaltyProgram", "The version, in force or planned."
    )
    replayed: bool = stored(REPLAYED)
    user_errors: list[UserError] = stored(USER_ERRORS)


@strawberry.type(description="The account that the events were about.")
class EventsPayload:
    """Of trackEvents."""

    account: LoyaltyAccount | None = _named(points.accounts, "account", ACCOUNT)
    replayed: bool = stored(REPLAYED)
    user_errors: list[UserError] = stored(USER_ERRORS)


@strawberry.type(description="The offer that was saved or archived.")
class OfferPayload:
    """Of saveOffer, archiveOffer."""

    offer: Offer | None = _named(offers.any_by_ids, "offer", "The offer as it is now.")
    replayed: bool = stored(REPLAYED)
    user_errors: list[UserError] = stored(USER_ERRORS)


@strawberry.type(description="The codes that were issued.")
class OfferCodesPayload:
    """Of issueOfferCodes."""

    offer: Offer | None = _named(offers.any_by_ids, "offer", "The offer.")
    replayed: bool = stored(REPLAYED)
    user_errors: list[UserError] = stored(USER_ERRORS)

    @field("The codes, those of one customer together, in the order named; a retry gives the same ones.")
    async def codes(self: Any, info: Info) -> list[str]:
        """Return the codes of the issue that the outcome names."""
        issue = self.get("issue")
        return await info.context.load(offers.issued_codes, issue) if issue else []
