"""Carries a mutation out at most once per idempotency key (docs/decisions/0005)."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

from pymongo.errors import DuplicateKeyError

from crm.refusals import Refusal, Refusals, UserErrorCode, invalid
from services.context import Call
from services.outcomes import Outcome, refused, storable
from services.purchases import with_receipt
from store import idempotency
from store.deadlines import apart
from store.idempotency import Claim, ClaimLost

KEEP = timedelta(days=30)
KEY_LENGTH_MAX = 255
GIVE_UP_SECONDS = 2.0
NOT_STORED = frozenset(
    {
        UserErrorCode.INVALID,
        UserErrorCode.NOT_FOUND,
        UserErrorCode.FORBIDDEN,
        UserErrorCode.THROTTLED,
        UserErrorCode.IDEMPOTENCY_KEY_MISMATCH,
        UserErrorCode.IDEMPOTENCY_KEY_IN_USE,
    }
)


async def once(
    call: Call, key: str, fingerprint: str, run: Callable[[], Awaitable[Outcome]], *, batch: bool = False
) -> Outcome:
    """Return what `run` gives, or the stored outcome of whoever ran it first under this key.

    A batch stores only that it ran: its retry runs again, and every row finds its own first result.

    Raises:
        Refusal: IDEMPOTENCY_KEY_MISMATCH where the key was used for other arguments, IDEMPOTENCY_KEY_IN_USE while it
            is being used, INVALID for a key that is none, and whatever `run` refuses.
    """
    if not 1 <= len(key) <= KEY_LENGTH_MAX or not key.isprintable():
        raise invalid(f"An idempotency key has 1 to {KEY_LENGTH_MAX} printable characters.")
    id_ = idempotency.key_id(call.caller.principal, key)
    held = await idempotency.claim(
        call.database, id_, fingerprint=fingerprint, token=uuid4().hex, now=call.shop.clock(), keep=KEEP
    )
    if isinstance(held, Claim):
        call.claim = held
        return await _run(call, held, run, batch=batch)
    if held["fingerprint"] != fingerprint:
        raise Refusal(UserErrorCode.IDEMPOTENCY_KEY_MISMATCH, "This idempotency key was used with other arguments.")
    if "outcome" not in held:
        raise Refusal(UserErrorCode.IDEMPOTENCY_KEY_IN_USE, "A request with this idempotency key is still running.")
    return {**(await run() if batch else await with_receipt(call, held["outcome"])), "replayed": True}


async def _run(call: Call, held: Claim, run: Callable[[], Awaitable[Outcome]], *, batch: bool) -> Outcome:
    try:
        try:
            outcome = await run()
        except (Refusal, Refusals, DuplicateKeyError) as problem:
            if await idempotency.own_outcome(call.database, held) is not None:
                raise ClaimLost from None  # this was a second try: the first, whose commit seemed to fail, had not
            if not isinstance(problem, DuplicateKeyError):
                await _keep(call, held, refused(problem))
            raise
        await _keep(call, held, {} if batch else outcome)
        return outcome
    except ClaimLost:
        own = await idempotency.own_outcome(call.database, held)
        if own is not None:  # a try whose commit seemed to have failed had not
            return await with_receipt(call, dict(own))
        raise Refusal(UserErrorCode.IDEMPOTENCY_KEY_IN_USE, "Another request took this idempotency key over.") from None
    except BaseException:
        # Safe though the effect may have been committed: its outcome was committed with it, and such a key stays.
        await apart(lambda: idempotency.give_up(call.database, held), seconds=GIVE_UP_SECONDS)
        raise


async def _keep(call: Call, held: Claim, outcome: Outcome) -> None:
    """Store an outcome, unless it is one that is not stored or its effect's own transaction has stored it.

    A transaction that had stored it may have been given up all the same, for another request was first: then the
    outcome is that request's, a replay or a refusal.
    """
    errors = outcome.get("userErrors", [])
    if {error["code"] for error in errors} & {code.value for code in NOT_STORED}:
        await idempotency.give_up(call.database, held)
    elif not call.claim_completed or errors or outcome["replayed"]:
        await idempotency.complete(call.database, held, storable(outcome), tx=None)
