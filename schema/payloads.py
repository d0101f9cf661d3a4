"""What mutations answer: the object under the name of its type, whether it is a replay, and what was wrong.

An outcome holds ids; the objects are loaded anew here, so a retry may select other fields than the first try did.
"""

from typing import Any

import strawberry

from resolvers import customers, feedback, purchases
from resolvers.context import Load
from schema.common import UserError
from schema.customers import Customer
from schema.feedback import Feedback
from schema.fields import Info, field, relation, stored
from schema.purchases import Purchase, PurchaseReturn
from schema.shop import Product, Store

REPLAYED = "Whether this is what an earlier try did."
USER_ERRORS = "What was wrong; empty where it was carried out."


def _named(load: Load, name: str, description: str) -> Any:
    """Return the payload's field whose object the outcome names by id."""
    return relation(load, description, key=lambda outcome: outcome.get(name))


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
