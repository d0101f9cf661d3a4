"""What a mutation did: the ids of what it touched, told the same way at once, in a replay and years later.

An outcome holds ids, scalars and user errors, never objects: payload types load these anew, so that a retry may ask
for other fields than the first try did. Keys are the payload's field names.
"""

from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import Any, TypeVar

from crm.refusals import Refusal, Refusals, UserErrorCode
from services import audit
from services.audit import Change
from services.context import Call
from store import idempotency, outbox
from store.client import BUSY, Tx
from store.outbox import Fact

Outcome = dict[str, Any]
Row = TypeVar("Row")
RECEIPT = "receiptToken"
"""The one thing in an outcome that is never stored: whoever reads the database must not be able to claim a sale."""

UNDONE = "The time of this request was over before this row; send the same batch again."


def refused(problem: Refusal | Refusals, **known: Any) -> Outcome:
    """Return the outcome of a request that was refused; `known` is what the payload shows all the same."""
    refusals = problem.refusals if isinstance(problem, Refusals) else (problem,)
    return {**known, "replayed": False, "userErrors": [user_error(refusal) for refusal in refusals]}


def user_error(refusal: Refusal) -> dict[str, Any]:
    """Return a refusal as clients see it."""
    return {
        "code": refusal.code.value,
        "field": list(refusal.field) if refusal.field is not None else None,
        "message": refusal.message,
    }


def done(**known: Any) -> Outcome:
    """Return the outcome of a request that was carried out."""
    return {**known, "replayed": False, "userErrors": []}


def codes_of(outcome: Outcome) -> list[str]:
    """Return the codes of all user errors of an outcome, those of a batch's rows included."""
    outcomes = [outcome, *outcome.get("results", ())]
    return [str(error["code"]) for one in outcomes for error in one["userErrors"]]


def try_again(*field: str) -> Refusal:
    """Return the refusal of a request that others kept getting ahead of; not stored, so its key can be used again."""
    return Refusal(UserErrorCode.THROTTLED, BUSY, field or None)


def storable(outcome: Outcome) -> Outcome:
    """Return what of an outcome may be stored under an idempotency key."""
    return {**outcome, RECEIPT: None} if RECEIPT in outcome else outcome


async def finish(
    call: Call, outcome: Outcome, facts: Sequence[Fact], *, owner: str, tx: Tx, changes: Sequence[Change] = ()
) -> Outcome:
    """Write the events of a fact and, under an idempotency key, its outcome: the last step of every transaction.

    Args:
        changes: what the audit log is told beside the facts, where staff did it.
    """
    await audit.record(call, changes, facts=facts, owner=owner, tx=tx)
    await outbox.insert(
        call.database,
        outbox.events(facts, at=call.now, owner=owner, principal=call.caller.principal, new_id=call.new_id),
        tx=tx,
    )
    if call.claim:
        await idempotency.complete(call.database, call.claim, storable(outcome), tx=tx)
        call.claim_completed = True
    return outcome


async def attempt(effect: Awaitable[Outcome]) -> Outcome:
    """Return what `effect` gives, or its refusal as an outcome."""
    try:
        return await effect
    except (Refusal, Refusals) as problem:
        return refused(problem)


async def row_by_row(
    call: Call,
    rows: Sequence[Row | Refusals],
    effect: Callable[[Call, Row], Awaitable[Outcome]],
    *,
    order: Callable[[Row], Any],
) -> list[Outcome]:
    """Carry out a batch, each row in a transaction of its own, and return the outcomes in the order sent.

    Rows run in `order`. One that was refused before it began keeps its place and does not stop the others; when the
    time is over, rows not yet begun are THROTTLED, and the batch may be sent again. The batch's idempotency key is held
    for as long as it runs, and completed by nobody's row: the batch as a whole owns it.
    """
    outcomes = {index: refused(row) for index, row in enumerate(rows) if isinstance(row, Refusals)}
    held, call.claim = call.claim, None
    good = [(index, row) for index, row in enumerate(rows) if not isinstance(row, Refusals)]
    for index, row in sorted(good, key=lambda pair: order(pair[1])):
        if call.rows_until is not None and monotonic() >= call.rows_until:
            outcomes[index] = refused(Refusal(UserErrorCode.THROTTLED, UNDONE))
            continue
        if held:
            await idempotency.renew(call.database, held, call.shop.clock())
        call.now = max(call.now, call.shop.clock())  # a long batch takes effect row by row
        outcomes[index] = await attempt(effect(call, row))
    call.claim = held
    return [outcomes[index] for index in range(len(rows))]
