"""What customers did outside of purchases: kept once, rewarded by rules, waited for by pending points."""

from collections.abc import Sequence

from pymongo.errors import DuplicateKeyError

from crm.ids import PURCHASE, TRACKED, account_of, prefix_of
from crm.refusals import conflict, invalid
from crm.values import Role
from loyalty.points import Lot, Source
from loyalty.values import EarningEvent, SourceKind
from services import engagement, referrals
from services.context import Call
from services.inputs import CustomerKey, EventInput
from services.lookup import customer
from services.outcomes import Outcome, done, finish, try_again
from services.selling import content_fingerprint
from services.standing import Standing, locked, write
from store import events, keys
from store.client import Document, Tx
from store.outbox import Fact

TRIES = 3
EVENTS_MAX = 500


async def track_events(call: Call, key: CustomerKey | None, inputs: Sequence[EventInput]) -> Outcome:
    """Keep events, all or none, and post what they earn.

    One whose external id is known with the same content is skipped; where all are, this is a replay. An event that
    pending points wait for makes them spendable when the shop tells of it, not when the customer's own device does.

    Raises:
        Refusal: INVALID for none or too many, CONFLICT for a known external id with other content,
            NOT_FOUND for the customer.
    """
    if not 1 <= len(inputs) <= EVENTS_MAX:
        raise invalid(f"1 to {EVENTS_MAX} events are accepted.", "events")
    owner = await customer(call, key, "customer")
    for _ in range(TRIES):
        try:
            return await call.database.transaction(lambda tx: _track(call, owner, inputs, tx), queue=owner)
        except DuplicateKeyError:
            continue  # one of them came in elsewhere: read what won
    raise try_again("events")


async def _track(call: Call, owner: str, inputs: Sequence[EventInput], tx: Tx) -> Outcome:
    lots = bool((await call.shop.known.programs()).awaited)
    standing = await locked(call, owner, "customer", tx=tx, lots=lots)
    new = await _new(call, owner, inputs, tx=tx)
    await events.insert(call.database, new, tx=tx)
    names = [(event["externalId"]["source"], event["externalId"]["value"]) for event in new]
    await keys.insert(
        call.database,
        [
            {"_id": _key(call, owner, pair), "ref": event["_id"], "owner": owner, "fingerprint": event["fingerprint"]}
            for pair, event in zip(names, new, strict=True)
        ],
        tx=tx,
    )
    for event in sorted(new, key=lambda event: event["occurredAt"]):
        await _follow(call, standing, event, tx=tx)
    facts = await _activate(call, standing, [event for event in new if event["trusted"]], tx=tx)
    facts += await write(call, standing, tx=tx)
    outcome = await finish(call, done(account=account_of(owner)), facts, owner=owner, tx=tx)
    return outcome if new else {**outcome, "replayed": True}


async def _new(call: Call, owner: str, inputs: Sequence[EventInput], *, tx: Tx) -> list[Document]:
    """Return the events that are not known yet."""
    known = await keys.find(call.database, [_key(call, owner, one.external_id.pair) for one in inputs], tx=tx)
    seen = {name: (key["owner"], key["fingerprint"]) for name, key in known.items()}
    new: list[Document] = []
    for index, one in enumerate(inputs):
        named = one.properties.get("purchaseId") if one.properties else None
        if named is not None and (not isinstance(named, str) or prefix_of(named) != PURCHASE):
            raise invalid("This is not an id of a purchase.", "events", str(index), "properties", "purchaseId")
        name, print_ = _key(call, owner, one.external_id.pair), content_fingerprint(one.model_dump())
        if seen.get(name, (owner, print_)) != (owner, print_):
            raise conflict("Another event was tracked under this external id.", "events", str(index), "externalId")
        if name in seen:
            continue
        seen[name] = (owner, print_)
        new.append(_document(call, owner, one, print_))
    return new


def _key(call: Call, owner: str, pair: keys.Pair) -> str:
    """Return an event's key; what a customer's own device tells cannot stand in the way of the shop's."""
    return keys.event(pair, owner if call.caller.role is Role.CUSTOMER else None)


def _document(call: Call, owner: str, one: EventInput, print_: str) -> Document:
    return {
        "_id": call.new_id(TRACKED),
        "owner": owner,
        "name": one.name,
        "externalId": {"source": one.external_id.source, "value": one.external_id.value},
        "fingerprint": print_,
        "occurredAt": one.occurred_at,
        "recordedAt": call.now,
        "properties": one.properties or {},
        "trusted": call.caller.role is not Role.CUSTOMER,
    }


async def _follow(call: Call, standing: Standing, event: Document, *, tx: Tx) -> None:
    """Post what an event earns."""
    external = event["externalId"]
    source = Source(kind=SourceKind.EVENT, node_id=event["_id"], external_id=(external["source"], external["value"]))
    await engagement.grant(
        call,
        standing,
        EarningEvent.CUSTOM_EVENT,
        at=event["occurredAt"] if event["trusted"] else call.now,  # a customer does not choose the cap's period
        source=source,
        event_name=event["name"],
        tx=tx,
    )


async def _activate(call: Call, standing: Standing, told: Sequence[Document], *, tx: Tx) -> list[Fact]:
    """Make spendable what waited for any of the events that the shop has told; return what happened to a referrer."""
    awaited = [event for event in told if event["name"] in standing.programs.awaited]
    if not awaited:
        return []

    def chosen(lot: Lot) -> bool:
        return any(_waits(lot, event) for event in awaited)

    standing.ledger.activate(chosen)
    return await referrals.activate(call, standing, chosen, tx=tx)


def _waits(lot: Lot, event: Document) -> bool:
    """Whether a lot waits for this event, told of its purchase or of no purchase in particular."""
    named = event["properties"].get("purchaseId")
    happened = lot.earned_at <= event["occurredAt"] if named is None else lot.source.node_id == named
    return bool(lot.awaits == event["name"] and happened)
