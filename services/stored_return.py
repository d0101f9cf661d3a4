"""A return as its purchase keeps it: how much of each line came back and what it comes to, before any points."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from crm.ids import RETURN
from crm.numbers import extended, round_half_up
from crm.refusals import Refusal, UserErrorCode, invalid
from crm.values import PurchaseStatus
from services.context import Call
from services.inputs import ExternalIdInput, PurchaseKey, ReturnLineInput
from services.selling import PlaceOfSale, split_over_lines
from store.client import Document

RETURNS_MAX = 500
LINES_MAX = 5000  # with both, a purchase stays far below the 16 MB of a document


@dataclass(frozen=True, slots=True, kw_only=True)
class Taking:
    """What is to come back. `lines` None: everything that is left, and the purchase is cancelled."""

    external_id: ExternalIdInput
    purchase: PurchaseKey
    place: PlaceOfSale
    terminal_id: str | None
    occurred_at: datetime
    lines: Sequence[ReturnLineInput] | None
    reason: str | None
    refund_total: int | None
    fingerprint: str


def returned(call: Call, taking: Taking, purchase: Document) -> Document:
    """Return the return as stored: how much of each line, what it comes to, no points yet.

    Raises:
        Refusal: RETURN_EXCEEDS_PURCHASE or INVALID, as `record_return` says.
    """
    if len(purchase["returns"]) >= RETURNS_MAX or sum(len(back["lines"]) for back in purchase["returns"]) > LINES_MAX:
        raise invalid(f"A purchase takes at most {RETURNS_MAX} returns with {LINES_MAX} lines.", "purchase")
    quantities = _everything(purchase) if taking.lines is None else _asked(taking.lines, purchase)
    left = purchase["total"] - purchase["returnedTotal"]
    parts = money_back(purchase, quantities, call.shop.currency_digits)
    total = min(sum(parts), left) if taking.refund_total is None else taking.refund_total
    if taking.lines is None:
        total = left
    if total > left:
        raise Refusal(UserErrorCode.RETURN_EXCEEDS_PURCHASE, "More is paid back than was paid.", ("refundTotal",))
    if total != sum(parts):
        parts = split_over_lines(total, list(quantities), parts if any(parts) else [1] * len(parts))
    return {
        "id": call.new_id(RETURN),
        "externalId": {"source": taking.external_id.source, "value": taking.external_id.value},
        "occurredAt": taking.occurred_at,
        "recordedAt": call.now,
        "channel": taking.place.channel.value if taking.place.channel else None,
        "storeCode": taking.place.store_code,
        "terminalId": taking.terminal_id,
        "reason": taking.reason,
        "total": total,
        "pointsTakenBack": 0,
        "pointsGivenBack": 0,
        "lines": [
            {"lineNumber": number, "quantity": quantity, "total": part}
            for (number, quantity), part in zip(quantities.items(), parts, strict=True)
        ],
    }


def _everything(purchase: Document) -> dict[int, int]:
    """Return what is left of each line.

    Raises:
        Refusal: RETURN_EXCEEDS_PURCHASE where nothing is.
    """
    left = {line["lineNumber"]: line["quantity"] - line.get("returnedQuantity", 0) for line in purchase["lines"]}
    left = {number: quantity for number, quantity in left.items() if quantity}
    if purchase["status"] == PurchaseStatus.CANCELLED.value or (purchase["lines"] and not left):
        raise Refusal(UserErrorCode.RETURN_EXCEEDS_PURCHASE, "Nothing of this purchase is left.", ("purchase",))
    return left


def _asked(lines: Sequence[ReturnLineInput], purchase: Document) -> dict[int, int]:
    """Return how much of each line comes back; a line named twice counts twice."""
    left = {line["lineNumber"]: line["quantity"] - line.get("returnedQuantity", 0) for line in purchase["lines"]}
    quantities: dict[int, int] = {}
    for index, line in enumerate(lines):
        if line.line_number not in left:
            raise invalid("The purchase has no such line.", "lines", str(index), "lineNumber")
        quantities[line.line_number] = quantities.get(line.line_number, 0) + line.quantity
        if quantities[line.line_number] > left[line.line_number]:
            raise Refusal(
                UserErrorCode.RETURN_EXCEEDS_PURCHASE,
                "More comes back than was bought.",
                ("lines", str(index), "quantity"),
            )
    return quantities


def money_back(purchase: Document, quantities: dict[int, int], currency_digits: int) -> list[int]:
    """Return what of the purchase's total falls on what comes back of each line, tax included.

    Each is the difference of two rounded sums, so that all returns of a line together come to the line's share.
    """
    lines = purchase["lines"]
    weights = [line["total"] for line in lines]
    if not any(weights):
        weights = [extended(line["quantity"], line["unitPrice"], currency_digits) for line in lines]
    if not any(weights):
        weights = [line["quantity"] for line in lines]
    parts = {}
    shares = split_over_lines(purchase["total"], [line["lineNumber"] for line in lines], weights)
    for share, line in zip(shares, lines, strict=True):
        before = line.get("returnedQuantity", 0)
        after = before + quantities.get(line["lineNumber"], 0)
        parts[line["lineNumber"]] = round_half_up(share * after, line["quantity"]) - round_half_up(
            share * before, line["quantity"]
        )
    return [parts[number] for number in quantities]


def changed_by(purchase: Document, back: Document, *, cancelled: bool) -> Document:
    """Return the purchase with the return in it."""
    quantities = {line["lineNumber"]: line["quantity"] for line in back["lines"]}
    lines = [
        {**line, "returnedQuantity": line.get("returnedQuantity", 0) + quantities[line["lineNumber"]]}
        if line["lineNumber"] in quantities
        else line
        for line in purchase["lines"]
    ]
    complete = all(line.get("returnedQuantity", 0) == line["quantity"] for line in lines)
    status = PurchaseStatus.RETURNED if complete else PurchaseStatus.PARTIALLY_RETURNED
    return {
        **purchase,
        "lines": lines,
        "returns": [*purchase["returns"], back],
        "returnedTotal": purchase["returnedTotal"] + back["total"],
        "status": (PurchaseStatus.CANCELLED if cancelled else status).value,
    }
