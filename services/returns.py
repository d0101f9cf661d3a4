"""Takes goods back: money line by line, points out of the lots they made. Partial returns add up to a full one."""

from collections.abc import Sequence
from datetime import datetime

from pymongo.errors import DuplicateKeyError

from crm.refusals import Refusal, Refusals, conflict
from crm.values import PurchaseStatus, Topic
from loyalty.points import Source
from loyalty.values import SourceKind
from services import offers_back, referrals, tastes
from services.context import Call
from services.earnings import count_back
from services.inputs import ExternalIdInput, PurchaseKey, RecordReturnInput
from services.lookup import named_purchase, purchase_key
from services.outcomes import Outcome, done, finish, refused, row_by_row, try_again
from services.paying import parts_document, parts_value, unpay
from services.selling import PlaceOfSale, content_fingerprint, fingerprint, place_of
from services.standing import Standing, lock, reconsider_tier, write
from services.stored_return import Taking, changed_by, returned
from services.stored_sale import ends
from services.terms import kept_shares, owed, returned_part
from store import customers, keys, ledger, purchases
from store.client import Document, Tx
from store.outbox import Fact

TRIES = 3


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
                queue=[known["owner"], *known.get("limited", ())],
            )
        except DuplicateKeyError:
            continue  # the same return came in elsewhere: read what won
        except Refusal:
            if name in await keys.find(call.database, [name]):
                continue  # it came in elsewhere, and left nothing to take
            raise
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
    back = returned(call, taking, purchase)
    changed = changed_by(purchase, back, cancelled=taking.lines is None)
    facts: list[Fact] = []
    if standing:
        facts += await _move_points(call, standing, purchase, changed, back, tx=tx)
    await unpay(call, changed, returned_part(call, changed, cancelled=taking.lines is None), tx=tx)
    facts += await offers_back.give_back(call, changed, cancelled=taking.lines is None, tx=tx)
    await purchases.update(call.database, known["owner"], known["ref"], _stored(changed), tx=tx)
    if standing:
        facts += await _follow(call, standing, changed, back, tx)
        await tastes.take_back(call, purchase, changed, tx=tx)
    key = {"_id": keys.purchase_return(taking.external_id.pair), "ref": back["id"], "owner": known["owner"]}
    await keys.insert(call.database, [{**key, "purchase": purchase["_id"], "fingerprint": taking.fingerprint}], tx=tx)
    outcome = done(purchase=purchase["_id"], purchaseReturn={"id": back["id"], "purchase": purchase["_id"]})
    return await finish(call, outcome, [_fact(changed, back), *facts], owner=known["owner"], tx=tx)


async def _move_points(
    call: Call, standing: Standing, before: Document, purchase: Document, back: Document, *, tx: Tx
) -> list[Fact]:
    """Give back what the returned part was paid with, then take back what it had earned; write both down.

    Returns what happened to whoever had referred the customer. A till's words about a person stay in the purchase,
    where they can be erased: they are no reason in the ledger.
    """
    program = standing.programs.of(purchase)
    cancelled = purchase["status"] == PurchaseStatus.CANCELLED.value
    so_far = owed(call, purchase, cancelled=cancelled)
    external = (back["externalId"]["source"], back["externalId"]["value"])
    source = Source(kind=SourceKind.RETURN, node_id=purchase["_id"], external_id=external)
    back["pointsGivenBack"] = so_far.given_back - purchase.get("pointsGivenBack", 0)
    back["pointsTakenBack"] = so_far.taken_back - purchase["pointsTakenBack"]
    at = back["occurredAt"]
    if back["pointsGivenBack"]:
        parts = standing.ledger.give_back(
            back["pointsGivenBack"],
            parts_value(purchase),
            occurred_at=at,
            source=source,
            **ends(call, program, purchase["occurredAt"]),
        )
        purchase["spent"] = parts_document(parts)
    if back["pointsTakenBack"]:
        standing.ledger.take_back(
            back["pointsTakenBack"],
            lot_ids=purchase["lotIds"],
            policy=program.returns,
            occurred_at=at,
            source=source,
        )
    purchase |= {"pointsTakenBack": so_far.taken_back, "pointsGivenBack": so_far.given_back}
    if not program.tier_policy.keep_on_return:
        earned = purchase["pointsEarned"] - sum(bonus["points"] for bonus in purchase.get("bonuses", ()))
        nothing = not returned_part(call, purchase, cancelled=cancelled).anything_kept
        purchase["qualifying"] = earned - so_far.earned_back
        purchase["qualifyingSpend"] = 0 if nothing else sum(kept_shares(purchase))
    await count_back(call, standing.customer_id, owed(call, before).used, so_far.used, tx=tx)
    part = returned_part(call, purchase, cancelled=cancelled)
    return await referrals.take_back(call, program, purchase, part, source, tx=tx)


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
    points = ("pointsTakenBack", "pointsGivenBack", "qualifying", "qualifyingSpend", "spent", "referral", "redemptions")
    names = ("lines", "returns", "returnedTotal", "status", *points)
    return {name: purchase[name] for name in names if name in purchase}


def _fact(purchase: Document, back: Document) -> Fact:
    values = {name: back[name] for name in ("externalId", "occurredAt", "total", "pointsTakenBack", "pointsGivenBack")}
    cancelled = purchase["status"] == PurchaseStatus.CANCELLED.value
    return (
        Topic.RETURN,
        purchase["_id"],
        {**values, "returnId": back["id"], "customerId": purchase["customerId"], "cancelled": cancelled},
    )
