"""Purchases from every channel."""

from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from crm.ids import PURCHASE
from crm.numbers import QUANTITY_DIGITS, UNIT_PRICE_DIGITS, decimal
from crm.values import Channel, PurchaseStatus
from resolvers import customers, offers, purchases
from schema.common import ExternalId, Money, Node, known_by
from schema.fields import computed, relation, stored
from schema.offers import Offer
from schema.scalars import DateTime, Decimal
from schema.shop import Product, Store

if TYPE_CHECKING:
    from schema.customers import Customer


def _quantity(name: str, description: str) -> Any:
    return computed(lambda line, _: decimal(line.get(name, 0), QUANTITY_DIGITS), description)


@strawberry.type(description="One line of a purchase.")
class PurchaseLine:
    """Embedded in its purchase."""

    line_number: int = stored("Unique within the purchase.")
    sku: str = stored("The product's SKU.")
    title: str = stored("What stood on the receipt.")
    category: str | None = stored("The category it was sold under.")
    quantity: Decimal = _quantity("quantity", "Pieces, weight or volume.")
    unit_price: Decimal = computed(
        lambda line, _: decimal(line["unitPrice"], UNIT_PRICE_DIGITS), "Price of one unit before discounts."
    )
    discount: Money = stored("Taken off this line.")
    total: Money = stored("What the line came to.")
    returned_quantity: Decimal = _quantity("returnedQuantity", "How much of it came back.")
    product: Product | None = relation(
        purchases.shop_things, "The product as it is known now.", key=purchases.product_of
    )


@strawberry.type(description="How much of a line came back.")
class ReturnLine:
    """Embedded in its return."""

    line_number: int = stored("The line of the purchase.")
    quantity: Decimal = _quantity("quantity", "How much came back.")
    total: Money = stored("What of the total fell on it.")


@strawberry.type(description="Goods that came back.")
class PurchaseReturn:
    """Embedded in its purchase."""

    id: strawberry.ID = stored("Names the return.")
    external_id: ExternalId = stored("The return's id in the system that made it.")
    occurred_at: DateTime = stored("The till's time of the return.")
    total: Money = stored("What was paid back.")
    points_taken_back: int = stored("Points the returned goods had earned.")
    points_given_back: int = stored("Points that had paid for them.")
    lines: list[ReturnLine] = stored("What came back.")


@strawberry.type(description="An offer that a sale redeemed.")
class OfferRedemption:
    """Embedded in its purchase."""

    id: strawberry.ID = stored("Names the redemption.")
    offer: Offer = relation(offers.any_by_ids, "The offer as it is now.", key=lambda redemption: redemption["offerId"])
    discount: Money = stored("What it took off.")
    at: DateTime = stored("When the sale was.")
    returned: bool = stored("Whether it came back, because nothing that it discounted is kept.")
    reward_code: str | None = stored("The code of the reward that it handed out.")


@strawberry.type(description="A sale through any channel.")
class Purchase(Node):
    """Recorded once, however often it is sent."""

    external_id: ExternalId = stored("Its id in the system that recorded it.")
    customer: Annotated["Customer", strawberry.lazy("schema.customers")] | None = relation(
        customers.by_ids,
        "Who bought; null while anonymous.",
        key=lambda purchase: purchase["customerId"],
        reads=("customerId",),
    )
    channel: Channel = stored("Where it was sold.")
    store: Store | None = relation(
        purchases.shop_things, "The store.", key=lambda purchase: purchase["storeId"], reads=("storeId",)
    )
    terminal_id: str | None = stored("The till.")
    occurred_at: DateTime = stored("The till's time of the sale.")
    recorded_at: DateTime = stored("When it arrived here.")
    status: PurchaseStatus = stored("How much of it still stands.")
    lines: list[PurchaseLine] = stored("What was sold, in the order sent.")
    discount_total: Money = stored("Everything taken off, on lines and on the whole.")
    tax_total: Money = stored("Tax on the whole sale.")
    tax_included: bool = stored("Whether the prices contain the tax.")
    total: Money = stored("What was paid.")
    returns: list[PurchaseReturn] = stored("What came back, in the order recorded.")
    returned_total: Money = stored("What was paid back.")
    points_earned: int = stored("Points the sale earned when it was recorded or claimed.")
    points_spent: int = stored("Points that paid for a part of it.")
    redemptions: list[OfferRedemption] = computed(
        lambda purchase, _: purchase.get("redemptions", []),
        "The offers it redeemed, in the order in which they applied.",
        reads=("redemptions",),
    )

    is_type_of = known_by(PURCHASE)
