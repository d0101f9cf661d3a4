"""What staff do to points by hand: adjust and transfer, each with who did it and why."""

from crm.ids import account_of
from crm.refusals import invalid
from loyalty.points import POINTS_MAX, Source
from loyalty.values import SourceKind, TransactionType
from services.context import Call
from services.holds import check_points
from services.inputs import CustomerKey
from services.lookup import customer
from services.outcomes import Outcome, done, finish
from services.standing import locked, write
from services.stored_sale import ends
from store.client import Tx

REASON_MAX = 500


async def adjust_points(call: Call, key: CustomerKey, points: int, reason: str) -> Outcome:
    """Give or take points by hand; what is taken must be available.

    Raises:
        Refusal: INVALID for 0 points or no reason, INSUFFICIENT_POINTS, NOT_FOUND.
    """
    reason = reason.strip()
    if not points:
        raise invalid("Give points, or take some where negative.", "points")
    if abs(points) > POINTS_MAX:
        raise invalid(f"At most {POINTS_MAX} points are given or taken.", "points")
    if not 1 <= len(reason) <= REASON_MAX:
        raise invalid(f"Say why, in 1 to {REASON_MAX} characters.", "reason")
    owner = await customer(call, key, "customer")
    source = Source(kind=SourceKind.STAFF)

    async def work(tx: Tx) -> Outcome:
        standing = await locked(call, owner, "customer", tx=tx)
        kind, now = TransactionType.ADJUST, call.now
        if points > 0:
            end = ends(call, standing.program_at(now), now)
            standing.ledger.credit(kind, points, occurred_at=now, source=source, reason=reason, **end)
        else:
            standing.ledger.spend(-points, occurred_at=now, source=source, reason=reason, type_=kind)
        entry = next(one for one in standing.ledger.entries if one.type is kind and one.points == points)
        facts = await write(call, standing, tx=tx)
        return await finish(call, done(transaction=entry.id, account=account_of(owner)), facts, owner=owner, tx=tx)

    return await call.database.transaction(work, queue=owner)


async def transfer_points(call: Call, from_: CustomerKey, to: CustomerKey, points: int) -> Outcome:
    """Move available points to another customer; they keep their ends.

    Raises:
        Refusal: INVALID for no points or the same customer, INSUFFICIENT_POINTS, NOT_FOUND.
    """
    check_points(points)
    giver, taker = await customer(call, from_, "from"), await customer(call, to, "to")
    if giver == taker:
        raise invalid("Points are transferred to somebody else.", "to")

    async def work(tx: Tx) -> Outcome:
        giving = await locked(call, giver, "from", tx=tx)
        taking = await locked(call, taker, "to", tx=tx)
        moved = giving.ledger.transfer_out(points, source=Source(kind=SourceKind.TRANSFER, node_id=account_of(taker)))
        taking.ledger.transfer_in(moved, source=Source(kind=SourceKind.TRANSFER, node_id=account_of(giver)))
        facts = [*await write(call, giving, tx=tx), *await write(call, taking, tx=tx)]
        outcome = done(**{"from": account_of(giver), "to": account_of(taker)})
        return await finish(call, outcome, facts, owner=giver, tx=tx)

    first, second = sorted((giver, taker))
    async with call.database.queued(first):  # in one order: two transfers of this process never wait for each other
        return await call.database.transaction(work, queue=second)
