"""How points pay for a sale: spent directly, captured from a hold, as rewards, or as a reward's code."""

from collections.abc import Iterable

from crm.numbers import QUANTITY_DIGITS, extended
from crm.refusals import Refusal, UserErrorCode, invalid, not_found
from loyalty.points import Source, SpentPart
from loyalty.values import SourceKind
from services import rewards
from services.context import Call
from services.inputs import RecordPurchaseInput
from services.standing import Standing
from services.terms import Part
from store.client import Document, Tx

ONE_UNIT: int = 10**QUANTITY_DIGITS


def needs_customer(input: RecordPurchaseInput) -> None:
    """Hold that nobody's points pay for an anonymous sale.

    Raises:
        Refusal: INVALID.
    """
    if input.customer is None and (input.points is not None or input.hold_id is not None or input.reward_ids):
        raise invalid("Points and rewards need their customer.", "customer")


def takes_points(input: RecordPurchaseInput) -> bool:
    """Whether a sale is paid with points of any kind."""
    return input.points is not None or input.hold_id is not None or bool(input.reward_ids)


async def pay(call: Call, standing: Standing, input: RecordPurchaseInput, purchase: Document, *, tx: Tx) -> None:
    """Take the points a sale is paid with, and write into the purchase where they came from.

    Raises:
        Refusal: INSUFFICIENT_POINTS, HOLD_EXPIRED, HOLD_NOT_ACTIVE, REWARD_UNAVAILABLE; NOT_FOUND for a hold that is
            not the customer's; TOTAL_MISMATCH where rewards take off more than was taken off.
    """
    parts: list[SpentPart] = []
    at, source = purchase["occurredAt"], source_of(purchase)
    if input.hold_id is not None:
        if input.hold_id not in standing.ledger.holds:
            raise not_found("No such hold.", "holdId")
        parts += standing.ledger.capture(input.hold_id, input.points, occurred_at=at, source=source, in_sale=True)
        purchase["holdId"] = input.hold_id
    elif input.points is not None:
        overdraft = standing.program_at(at).overdraft_points
        parts += standing.ledger.spend(input.points, occurred_at=at, source=source, overdraft=overdraft)
    if input.reward_ids:
        parts += await rewards.redeem_in_sale(call, standing, input.reward_ids, purchase, source, tx=tx)
    if parts:
        purchase["spent"] = parts_document(parts)
        purchase["pointsSpent"] = sum(part.points for part in parts)


def source_of(purchase: Document) -> Source:
    """Return a purchase as what an entry came from."""
    external = purchase["externalId"]
    return Source(
        kind=SourceKind.PURCHASE, node_id=purchase["_id"], external_id=(external["source"], external["value"])
    )


def parts_document(parts: Iterable[SpentPart]) -> list[Document]:
    """Return where points came from as a purchase keeps it, one part a lot."""
    merged: dict[str | None, Document] = {}
    for part in parts:
        one = merged.setdefault(part.lot_id, {"lotId": part.lot_id, "points": 0, "returned": 0})
        one["points"] += part.points
        one["returned"] += part.returned
    return list(merged.values())


def parts_value(purchase: Document) -> list[SpentPart]:
    """Return where a purchase's points came from as values."""
    return [
        SpentPart(lot_id=part["lotId"], points=part["points"], returned=part["returned"])
        for part in purchase.get("spent", ())
    ]


def check_discounts(call: Call, input: RecordPurchaseInput, purchase: Document) -> None:
    """Hold that offers and rewards took off no more than the till did, and note what products given as rewards did.

    That is at most the price of one unit each; what else the till took off is its own.

    Raises:
        Refusal: TOTAL_MISMATCH, at whatever was named: rewards, else offers, else codes; INVALID where the sale has
            fewer units of a product than rewards that give it.
    """
    field = "rewardIds" if input.reward_ids else "offerIds" if input.offer_ids else "codes"
    redeemed = purchase.get("rewards", ())
    left = purchase["discountTotal"] - sum(one["discount"] for one in purchase.get("redemptions", ()))
    left -= sum(one["value"] or 0 for one in redeemed)
    if left < 0:
        raise Refusal(UserErrorCode.TOTAL_MISMATCH, "Offers and rewards take off more than the sale says.", (field,))
    prices: dict[str, list[int]] = {}
    for one in redeemed:
        if one["productSku"] is None:
            continue
        sku, digits = one["productSku"], call.shop.currency_digits
        units = prices.setdefault(sku, unit_prices(purchase["lines"], sku, len(redeemed), digits))
        if not units:
            raise invalid("The sale has fewer of a product than rewards that give it.", field)
        one["value"] = min(units.pop(0), left)
        left -= one["value"]


def unit_prices(lines: Iterable[Document], sku: str, most: int, currency_digits: int) -> list[int]:
    """Return what up to `most` single units of a product cost in a sale's lines, the dearest first, in minor units."""
    found: list[int] = []
    for line in lines:
        if line["sku"] == sku:
            units = min(-(-line["quantity"] // ONE_UNIT), most)  # a part of a unit is one too
            price = extended(min(line["quantity"], ONE_UNIT), line["unitPrice"], currency_digits)
            found += [price] * units
    return sorted(found, reverse=True)


async def unpay(call: Call, purchase: Document, part: Part, *, tx: Tx) -> None:
    """Give rewards back once nothing of their sale is kept."""
    if not part.anything_kept and purchase.get("rewards"):
        await rewards.give_back(call, purchase, tx=tx)
