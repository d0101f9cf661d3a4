"""Saves offers; each save is a new version, and sales are judged by the newest."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from pymongo.errors import DuplicateKeyError

from crm.ids import OFFER, prefix_of
from crm.numbers import RATE_DIGITS, decimal
from crm.refusals import Refusal, Refusals, UserErrorCode, invalid, not_found
from crm.values import Topic
from services.audit import Change, difference
from services.context import Call
from services.input_types import Input
from services.lookup import named_customers
from services.offer_checks import offer_problems
from services.offer_inputs import OfferInput
from services.outcomes import Outcome, done, finish
from store import keys, offer_redemptions, offers
from store.client import Document, Tx
from store.outbox import Fact

_QUEUE = "offers"
_CUSTOMERS = ("conditions", "customers")

NO_CONDITIONS: Document = {
    **dict.fromkeys(("channels", "storeCodes", "weeklyHours", "tiers", "tags", "attributes", "customerCount")),
    **dict.fromkeys(("firstPurchase", "birthdayWithinDays", "minimumSpend", "minimumQuantity")),
    **dict.fromkeys(("skus", "categories", "requiredSkus")),
    "requiresCode": False,
}
NO_LIMITS: Document = dict.fromkeys(("total", "perCustomer", "period", "perPeriod", "budget"))
NEW: Document = {
    **dict.fromkeys(("title", "description", "code", "kind", "value", "buyQuantity", "getQuantity", "getSkus")),
    **dict.fromkeys(("rewardId", "startsAt", "endsAt", "stackingGroup")),
    "priority": 0,
    "stacking": "COMBINABLE",
    "conditions": NO_CONDITIONS,
    "limits": NO_LIMITS,
    "active": True,
}
"""What an offer is before anything is said about it."""


async def save_offer(call: Call, id_: str | None, input: OfferInput) -> Outcome:
    """Make a new offer, or a new version of one.

    Raises:
        Refusals: INVALID and NOT_FOUND for everything that `offer_problems` says, ALREADY_EXISTS for a code that is
            another's, NOT_FOUND for an offer or a customer that is not there.
    """
    if id_ is not None:
        check_id(id_)

    async def work(tx: Tx) -> Outcome:
        revision = await offers.next_revision(call.database, tx=tx)
        before = await offers.get(call.database, id_, tx=tx) if id_ is not None else None
        if id_ is not None and before is None:
            raise not_found("No such offer.", "id")
        audience = await _audience(call, input, tx=tx)
        offer = merged(call, before, input, audience)
        if problems := await offer_problems(call, offer, audience, tx=tx):
            raise Refusals(tuple(problems))
        return await _store(call, before, {**offer, "revision": revision}, audience, tx=tx)

    try:
        outcome = await call.database.transaction(work, queue=_QUEUE)
    except DuplicateKeyError:  # nothing else that it inserts can be there: saves wait for each other
        raise Refusal(UserErrorCode.ALREADY_EXISTS, "This code is in use.", ("code",)) from None
    call.shop.known.forget_offers()
    return outcome


async def archive_offer(call: Call, id_: str) -> Outcome:
    """Let an offer not be had any more; what was redeemed of it stays. Archived before: nothing changes.

    Raises:
        Refusal: INVALID for an id of another type, NOT_FOUND.
    """
    check_id(id_)

    async def work(tx: Tx) -> Outcome:
        revision = await offers.next_revision(call.database, tx=tx)
        before = await offers.get(call.database, id_, tx=tx)
        if before is None:
            raise not_found("No such offer.", "id")
        if not before["active"]:
            return await finish(call, done(offer=id_), [], owner=id_, tx=tx)
        changes = {"active": False, "version": before["version"] + 1, "revision": revision, "updatedAt": call.now}
        offer = {**before, **changes}
        await offers.put(call.database, offer, tx=tx)
        fact = offer_fact(offer, "ARCHIVED")
        return await finish(call, done(offer=id_), [fact], owner=id_, tx=tx, changes=_changes(before, offer))

    outcome = await call.database.transaction(work, queue=_QUEUE)
    call.shop.known.forget_offers()
    return outcome


def check_id(id_: str) -> None:
    """Hold that an id is an offer's.

    Raises:
        Refusal: INVALID.
    """
    if prefix_of(id_) != OFFER:
        raise invalid("This is not an id of an offer.", "id")


def offer_fact(offer: Document, change: str, **values: Any) -> Fact:
    """Return the fact of a change to an offer."""
    names = ("version", "kind", "active")
    return (Topic.OFFER, offer["_id"], {"change": change, **{name: offer[name] for name in names}, **values})


def merged(call: Call, before: Document | None, input: OfferInput, audience: Sequence[str] | None) -> Document:
    """Return the next version: what was sent over what was there, null as in a new offer."""
    base = before or {"_id": call.new_id(OFFER), "version": 0, "createdAt": call.now, **NEW}
    sent = _sent(input, NEW)
    if "value" in sent and sent["value"] is not None:
        sent["value"] = decimal(sent["value"], RATE_DIGITS)
    if sent.get("code"):
        sent["code"] = sent["code"].upper()
    conditions = _merged_part(base["conditions"], input, "conditions", NO_CONDITIONS)
    conditions.pop("customers", None)
    if _names_customers(input):
        conditions["customerCount"] = len(audience) if audience is not None else None
    elif input.conditions is None and "conditions" in input.model_fields_set:
        conditions["customerCount"] = None
    offer = {**base, **sent, "conditions": conditions}
    offer["limits"] = _merged_part(base["limits"], input, "limits", NO_LIMITS)
    said = input.conditions is not None and "requires_code" in input.conditions.model_fields_set
    if offer["code"] and not said:
        conditions["requiresCode"] = True
    public = not conditions["requiresCode"] and conditions["customerCount"] is None
    return {**offer, "version": base["version"] + 1, "updatedAt": call.now, "public": public}


def _merged_part(base: Document, input: OfferInput, name: str, nothing: Document) -> Document:
    """Return conditions or limits: what was sent of them over what was there."""
    part = getattr(input, name)
    if part is not None:
        return {**base, **_sent(part, nothing)}
    return dict(nothing) if name in input.model_fields_set else dict(base)


def _sent(input: Input, nothing: Mapping[str, Any]) -> Document:
    """Return what was sent as stored, null as `nothing` has it; parts of their own are left out."""
    sent = input.model_dump(by_alias=True, exclude_unset=True, exclude={"conditions", "limits", "customers"})
    return {name: nothing[name] if value is None else _plain(value) for name, value in sent.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(one) for one in dict.fromkeys(value)] if value and isinstance(value[0], str) else value
    return value.value if isinstance(value, Enum) else value


def _names_customers(input: OfferInput) -> bool:
    return input.conditions is not None and "customers" in input.conditions.model_fields_set


async def _audience(call: Call, input: OfferInput, *, tx: Tx) -> list[str] | None:
    """Return whom the offer is addressed to by what was sent; None where nobody in particular was named."""
    if input.conditions is None or input.conditions.customers is None:
        return None
    return list(dict.fromkeys(await named_customers(call, input.conditions.customers, *_CUSTOMERS, tx=tx)))


async def _store(
    call: Call, before: Document | None, offer: Document, audience: Sequence[str] | None, *, tx: Tx
) -> Outcome:
    id_, old = offer["_id"], before["code"] if before else None
    if offer["code"] != old:
        if old:
            await keys.delete(call.database, [keys.code(old)], ref=id_, tx=tx)
        if offer["code"]:
            await keys.insert(call.database, [{"_id": keys.code(offer["code"]), "ref": id_, "owner": id_}], tx=tx)
    if audience is not None or (before and offer["conditions"]["customerCount"] is None):
        await offers.set_audience(call.database, id_, audience or (), tx=tx)
    await offers.put(call.database, offer, tx=tx)
    await _count(call, offer, tx=tx)
    fact = offer_fact(offer, "SAVED")
    return await finish(call, done(offer=id_), [fact], owner=id_, tx=tx, changes=_changes(before, offer))


def _changes(before: Document | None, offer: Document) -> list[Change]:
    """Return what the audit log is told: what of the offer was and became; of an audience its size alone."""
    change = difference(offer["_id"], before, offer)
    return [change] if change else []


async def _count(call: Call, offer: Document, *, tx: Tx) -> None:
    """Give an offer with a total or a budget its counter, counted anew; take it from one that has neither now."""
    limited = offer["limits"]["total"] is not None or offer["limits"]["budget"] is not None
    counted = (await offer_redemptions.recount(call.database, [offer["_id"]], tx=tx)) if limited else {}
    await offer_redemptions.set_counter(call.database, offer["_id"], counted.get(offer["_id"]), tx=tx)
