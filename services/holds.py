"""Reserves points while a cart is open: hold, capture, release. What times out is played by the ledger itself."""

from datetime import timedelta

from crm.ids import HOLD, account_of, prefix_of
from crm.refusals import invalid, not_found
from crm.values import Role
from loyalty.points import POINTS_MAX, Source
from loyalty.values import HoldStatus, SourceKind
from services.context import Call
from services.inputs import CustomerKey
from services.lookup import customer
from services.outcomes import Outcome, done, finish
from services.standing import Standing, locked, write
from store import keys
from store.client import Tx

TTL_MAX = 86_400
ACTIVE_MAX = 100


async def hold_points(call: Call, key: CustomerKey | None, points: int, ttl_seconds: int) -> Outcome:
    """Reserve available points for `ttl_seconds`.

    Raises:
        Refusal: INVALID for points or a time out of bounds, INSUFFICIENT_POINTS, NOT_FOUND.
    """
    check_points(points)
    if not 1 <= ttl_seconds <= TTL_MAX:
        raise invalid(f"A hold lasts from 1 to {TTL_MAX} seconds.", "ttlSeconds")
    owner = await customer(call, key, "customer")

    async def work(tx: Tx) -> Outcome:
        standing = await locked(call, owner, "customer", tx=tx)
        if sum(one.status is HoldStatus.ACTIVE for one in standing.ledger.holds.values()) >= ACTIVE_MAX:
            raise invalid(f"An account has at most {ACTIVE_MAX} holds at once.", "points")
        hold = standing.ledger.hold(points, expires_at=call.now + timedelta(seconds=ttl_seconds))
        await keys.insert(call.database, [{"_id": keys.of_id(hold.id), "ref": hold.id, "owner": owner}], tx=tx)
        return await _finish(call, standing, hold.id, tx=tx)

    return await call.database.transaction(work, queue=owner)


def check_points(points: int, *field: str) -> None:
    """Hold that somebody speaks of at least one point.

    Raises:
        Refusal: INVALID.
    """
    if not 1 <= points <= POINTS_MAX:
        raise invalid("This must be 1 or more.", *(field or ("points",)))


async def capture_hold(call: Call, hold_id: str, points: int | None) -> Outcome:
    """Spend a hold's points, all of them where `points` is None; the rest is free again.

    Raises:
        Refusal: INVALID, NOT_FOUND, INSUFFICIENT_POINTS for more than it holds, HOLD_EXPIRED, HOLD_NOT_ACTIVE.
    """
    if points is not None:
        check_points(points)
    owner = await _owner(call, hold_id)

    async def work(tx: Tx) -> Outcome:
        standing = await locked(call, owner, "holdId", tx=tx, hold_id=hold_id)
        source = Source(kind=SourceKind.HOLD, node_id=hold_id)
        standing.ledger.capture(hold_id, points, occurred_at=call.now, source=source)
        return await _finish(call, standing, hold_id, tx=tx)

    return await call.database.transaction(work, queue=owner)


async def release_hold(call: Call, hold_id: str) -> Outcome:
    """Give a hold's points free.

    Raises:
        Refusal: INVALID, NOT_FOUND, HOLD_EXPIRED, HOLD_NOT_ACTIVE.
    """
    owner = await _owner(call, hold_id)

    async def work(tx: Tx) -> Outcome:
        standing = await locked(call, owner, "holdId", tx=tx, hold_id=hold_id)
        standing.ledger.release(hold_id)
        return await _finish(call, standing, hold_id, tx=tx)

    return await call.database.transaction(work, queue=owner)


async def _owner(call: Call, hold_id: str) -> str:
    """Return whose hold this is; a customer has none but the own."""
    if prefix_of(hold_id) != HOLD:
        raise invalid("This is not an id of a hold.", "holdId")
    name = keys.of_id(hold_id)
    found = await keys.find(call.database, [name])
    owner = found[name]["owner"] if name in found else None
    if owner is None or (call.caller.role is Role.CUSTOMER and owner != call.caller.customer_id):
        raise not_found("No such hold.", "holdId")
    return str(owner)


async def _finish(call: Call, standing: Standing, hold_id: str, *, tx: Tx) -> Outcome:
    facts = await write(call, standing, tx=tx)
    outcome = done(hold=hold_id, account=account_of(standing.customer_id))
    return await finish(call, outcome, facts, owner=standing.customer_id, tx=tx)
