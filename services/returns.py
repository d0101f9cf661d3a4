"""Takes goods back: money line by line, points out of the lots they made. Partial returns add up to a full one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from pymongo.errors import DuplicateKeyError

from crm.ids import RETURN
from crm.numbers import extended, round_half_up
from crm.refusals import Refusal, Refusals, UserErrorCode, conflict, invalid
from crm.values import PurchaseStatus, Topic
from loyalty.earning import points_taken_back
from loyalty.ledger import Source
from loyalty.values import SourceKind
from services.context import Call
from services.inputs import ExternalIdInput, PurchaseKey, RecordReturnInput, ReturnLineInput
from services.lookup import named_purchase, purchase_key
from services.outcomes import Outcome, done, finish, refused, row_by_row, try_again
from services.selling import PlaceOfSale, content_fingerprint, fingerprint, place_of, split_over_lines
from services.standing import Standing, lock, reconsider_tier, write
from services.stored_sale import kept_shares
from store import customers, keys, ledger, purchases
from store.client import Document, Tx
from store.outbox import Fact

TRIES = 3
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


async def record_return(call: Call, input: RecordReturnInput) -> Outcome:
    """Record a return; the same external id with the same content gives the first one.

    Raises:
        Refusal: NOT_FOUND for a purchase not known (yet), RETURN_EXCEEDS_PURCHASE for more than was bought or paid,
            INVALID for a line the purchase does not have, FORBIDDEN for another store's key.
    """
    place = place_of(call.caller, input)
    taking = Taking(
        external_id=input.external_id,
        purchase=input.purchase,
        place=place,
        terminal_id=input.terminal_id,
        occurred_at=input.occurred_at,
        lines=input.lines,
        reason=input.reason,
        refund_total=input.refund_total,
        fingerprint=fingerprint(input, place),
    )
    return await _take_once(call, taking)


async def cancel_purchase(
    call: Call, purchase: PurchaseKey, external_id: ExternalIdInput, occurred_at: datetime, reason: str | None
) -> Outcome:
    """Take back everything that is left of a purchase and mark it cancelled.

    Raises:
        Refusal: NOT_FOUND as above; RETURN_EXCEEDS_PURCHASE where nothing is left.
    """
    content = {"cancel": True, "occurredAt": occurred_at, "reason": reason}
    taking = Taking(
        external_id=external_id,
        purchase=purchase,
        place=PlaceOfSale(channel=call.caller.channel, store_code=call.caller.store_code),
        terminal_id=None,
        occurred_at=occurred_at,
        lines=None,
        reason=(reason or "").strip() or None,
        refund_total=None,
        fingerprint=content_fingerprint(content),
    )
    return await _take_once(call, taking)


async def record_returns(call: Call, rows: Sequence[RecordReturnInput | Refusals]) -> list[Outcome]:
    """Record a till's returns of a day, as `record_purchases` does sales."""
    return await row_by_row(call, rows, record_return, order=lambda row: (row.occurred_at, row.external_id.pair))


async def _take_once(call: Call, taking: Taking) -> Outcome:
    name, of_purchase = keys.purchase_return(taking.external_id.pair), purchase_key(taking.purchase)
    for _ in range(TRIES):
        found = await keys.find(call.database, [name, of_purchase])
        if name in found:
            return _again(taking, found[name], found.get(of_purchase))
        known = named_purchase(taking.purchase, found, "purchase")
        buyer = known["owner"] if known["owner"] != known["ref"] else None
        try:
            outcome = await call.database.transaction(
                lambda tx: _take(call, taking, known, buyer, tx),  # noqa: B023 -- runs within the iteration
                queue=known["owner"],
            )
        except DuplicateKeyError:
            continue  # the same return came in elsewhere: read what won
        if outcome is not None:
            return outcome
    raise try_again("purchase")


def _again(taking: Taking, key: Document, named: Document | None) -> Outcome:
    """Answer a return whose external id is known: the same content of the same purchase, by whichever key, is it."""
    first = {"purchase": key["purchase"], "purchaseReturn": {"id": key["ref"], "purchase": key["purchase"]}}
    if key["fingerprint"] == taking.fingerprint and named is not None and named["ref"] == key["purchase"]:
        return {**done(**first), "replayed": True}
    return refused(conflict("Another return was recorded under this external id.", "externalId"), **first)


async def _take(call: Call, taking: Taking, known: Document, buyer: str | None, tx: Tx) -> Outcome | None:
    """Carry a return out; None where the purchase has changed hands since it was looked up."""
    standing = await lock(call, buyer, tx=tx, purchase_id=known["ref"]) if buyer else None
    purchase = standing.purchase if standing else await purchases.get(call.database, known["ref"], known["ref"], tx=tx)
    if purchase is None:
        return None
    back = _returned(call, taking, purchase)
    changed = _changed(purchase, back, cancelled=taking.lines is None)
    facts: list[Fact] = []
    if standing:
        _take_points(call, standing, changed, back, taking)
    await purchases.update(call.database, known["owner"], known["ref"], _stored(changed), tx=tx)
    if standing:
        facts += await _follow(call, standing, changed, back, tx)
    key = {"_id": keys.purchase_return(taking.external_id.pair), "ref": back["id"], "owner": known["owner"]}
    await keys.insert(call.database, [{**key, "purchase": purchase["_id"], "fingerprint": taking.fingerprint}], tx=tx)
    outcome = done(purchase=purchase["_id"], purchaseReturn={"id": back["id"], "purchase": purchase["_id"]})
    return await finish(call, outcome, [_fact(changed, back), *facts], owner=known["owner"], tx=tx)


def _returned(call: Call, taking: Taking, purchase: Document) -> Document:
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


def _changed(purchase: Document, back: Document, *, cancelled: bool) -> Document:
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


def _take_points(call: Call, standing: Standing, purchase: Document, back: Document, taking: Taking) -> None:
    """Take back what the returned part had earned, and write it into the return and the purchase."""
    program = standing.program_at(purchase["occurredAt"])
    rates = [Fraction(rate) for rate in purchase["earnRates"]]
    so_far = points_taken_back(purchase["pointsEarned"], kept_shares(purchase), rates, call.shop.currency_digits)
    points = so_far - purchase["pointsTakenBack"]
    external = taking.external_id
    if points:
        standing.ledger.take_back(
            points,
            lot_ids=purchase["lotIds"],
            policy=program.returns,
            occurred_at=taking.occurred_at,
            reason=None,  # a till's words about a person stay in the purchase, where they can be erased
            source=Source(kind=SourceKind.RETURN, node_id=purchase["_id"], external_id=external.pair),
        )
    back["pointsTakenBack"] = points
    purchase["pointsTakenBack"] = so_far
    if not program.tier_policy.keep_on_return:
        purchase["qualifying"] = purchase["pointsEarned"] - so_far


async def _follow(call: Call, standing: Standing, purchase: Document, back: Document, tx: Tx) -> list[Fact]:
    """Let tier, account and metrics follow the changed purchase, which is stored by now."""
    tier = await reconsider_tier(call, standing, purchase["occurredAt"], tx=tx)
    points = await write(call, standing, tx=tx)
    steps = ledger.steps_document(standing.steps)
    buyer = standing.customer_id
    await customers.count_return(call.database, buyer, total=back["total"], steps=steps, tx=tx)
    if purchase["status"] == PurchaseStatus.CANCELLED.value:
        metrics = await purchases.metrics(call.database, buyer, tx=tx)
        await customers.set_metrics(call.database, buyer, metrics, tx=tx)
    return [*points, *tier]


def _stored(purchase: Document) -> Document:
    names = ("lines", "returns", "returnedTotal", "status", "pointsTakenBack", "qualifying")
    return {name: purchase[name] for name in names}


def _fact(purchase: Document, back: Document) -> Fact:
    values = {name: back[name] for name in ("externalId", "occurredAt", "total", "pointsTakenBack")}
    cancelled = purchase["status"] == PurchaseStatus.CANCELLED.value
    return (
        Topic.RETURN,
        purchase["_id"],
        {**values, "returnId": back["id"], "customerId": purchase["customerId"], "cancelled": cancelled},
    )
