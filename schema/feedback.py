"""What customers say, and what the shop answers."""

from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from crm.ids import FEEDBACK, product_id
from crm.values import Channel, FeedbackKind
from resolvers import customers, purchases
from schema.common import Node, known_by
from schema.fields import field, relation, stored
from schema.purchases import Purchase, PurchaseLine
from schema.resolver import Info
from schema.scalars import DateTime
from schema.shop import Product, Store

if TYPE_CHECKING:
    from schema.customers import Customer


@strawberry.type(description="The shop's answer.")
class FeedbackReply:
    """Embedded in its feedback."""

    message: str = stored("The answer.")
    by: str = stored("Who answered.")
    at: DateTime = stored("When.")


@strawberry.type(description="A review, a score, a complaint, an idea or a question.")
class Feedback(Node):
    """Tied to what it is about."""

    kind: FeedbackKind = stored("What it is.")
    score: int | None = stored("REVIEW and CSAT 1 to 5, NPS 0 to 10.")
    comment: str | None = stored("In the customer's words.")
    customer: Annotated["Customer", strawberry.lazy("schema.customers")] | None = relation(
        customers.by_ids, "Who said it.", key=lambda feedback: feedback.get("customerId")
    )
    purchase: Purchase | None = relation(
        purchases.by_ids, "The purchase it is about.", key=lambda feedback: feedback.get("purchaseId")
    )

    @field("The line of that purchase.")
    async def line(self: Any, info: Info) -> PurchaseLine | None:
        """Return the line out of the purchase, which is loaded once for both fields."""
        if self.get("lineNumber") is None:
            return None
        purchase = await info.context.load(purchases.by_ids, self["purchaseId"])
        lines = purchase["lines"] if purchase else []
        return next((line for line in lines if line["lineNumber"] == self["lineNumber"]), None)

    product: Product | None = relation(
        purchases.shop_things,
        "The product it is about.",
        key=lambda feedback: product_id(feedback["sku"]) if feedback.get("sku") else None,
    )
    store: Store | None = relation(
        purchases.shop_things, "The store it is about.", key=lambda feedback: feedback.get("storeId")
    )
    channel: Channel = stored("Where it was said.")
    created_at: DateTime = stored("When it was said.")
    reply: FeedbackReply | None = stored("The shop's answer.")

    is_type_of = known_by(FEEDBACK)
