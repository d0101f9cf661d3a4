"""What happens without a caller, in bounded steps: what fell due is written down, tiers follow, birthdays are granted.

Every step may be done twice, late, or by two workers at once: each account is its own transaction, which finds nothing
left to do. No answer waits for any of it, but for the points of a birthday.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime, time, timedelta
from functools import partial

import structlog
from pymongo.errors import PyMongoError

from crm.refusals import Refusal
from loyalty.points import Source
from loyalty.values import EarningEvent, SourceKind
from services import engagement
from services.context import Call
from services.outcomes import Outcome, done, finish
from services.standing import lock, reconsider_tier, write
from store import customers, installation
from store import ledger as accounts
from store.client import Tx

log = structlog.get_logger()
BATCH = 200
CATCH_UP_DAYS = 366


async def settle_due(call: Call) -> int:
    """Write down what fell due on some accounts: ends, activations, time-outs of holds. Return how many accounts."""
    return await _each(call, await accounts.due(call.database, call.now, BATCH), _settle)


async def _each(call: Call, owners: Sequence[str], step: Callable[[Call, str, Tx], Awaitable[Outcome]]) -> int:
    """Carry a step out for each account and return how many times it worked: one bad account does not stop the rest."""
    done_ = 0
    for owner in owners:
        try:
            await call.database.transaction(partial(step, call, owner), queue=owner)
            done_ += 1
        except (PyMongoError, Refusal):
            raise  # the database is gone, or the account busy: the round ends, and the next begins here
        except Exception:  # a bug; told by the account's id, so that it does not stop the others
            log.exception("upkeep failed", owner=owner, step=repr(step))
    return done_


async def _settle(call: Call, owner: str, tx: Tx) -> Outcome:
    standing = await lock(call, owner, tx=tx, lots=True)
    facts = await write(call, standing, tx=tx) if standing else []
    return await finish(call, done(), facts, owner=owner, tx=tx)


async def reconsider_due_tiers(call: Call) -> int:
    """Tell of tiers that fell by themselves, and work out those that the programme's new ladder changed."""
    programs = await call.shop.known.programs()
    owners = await accounts.tier_due(call.database, call.now, programs.ladders_id, BATCH)
    return await _each(call, owners, _reconsider)


async def _reconsider(call: Call, owner: str, tx: Tx) -> Outcome:
    standing = await lock(call, owner, tx=tx)
    if standing is None:
        return done()
    tier = [] if standing.renewed else await reconsider_tier(call, standing, None, tx=tx)
    facts = [*await write(call, standing, tx=tx), *tier]
    return await finish(call, done(), facts, owner=owner, tx=tx)


async def grant_birthdays(call: Call) -> int:
    """Give the points of birthdays that have begun since the last time, a part of one day at a call.

    Days are the shop's; 29 February is the 28th where there is none. A birthday that was not known when its day began
    has to wait a year, so that nobody puts it on today. An outage is caught up with, up to a year of it.
    """
    zone = call.shop.time_zone
    today = call.now.astimezone(zone).date()
    earliest = today - timedelta(days=CATCH_UP_DAYS)
    state = await installation.birthdays(call.database) or installation.Birthdays(today, None)
    if state.day > today:
        return 0
    if state.day < earliest:
        state = installation.Birthdays(earliest, None)
    begins = datetime.combine(state.day, time(), zone)
    program = (await call.shop.known.programs()).at(begins)
    owners: list[str] = []
    if engagement.rewards(program, EarningEvent.BIRTHDAY):
        owners = await customers.with_birthday(call.database, _names(state.day), begins, state.after, BATCH)
    await _each(call, owners, partial(_birthday, begins))
    following = (
        installation.Birthdays(state.day, owners[-1])
        if len(owners) == BATCH
        else installation.Birthdays(state.day + timedelta(days=1), None)
    )
    await installation.set_birthdays(call.database, following)
    return 1


def _names(day: date) -> list[str]:
    """Return the birthdays that are kept on a day."""
    names = [f"{day:%m-%d}"]
    leap = (day + timedelta(days=1)).month == day.month
    return names if leap or names != ["02-28"] else [*names, "02-29"]


async def _birthday(begins: datetime, call: Call, owner: str, tx: Tx) -> Outcome:
    standing = await lock(call, owner, tx=tx)
    if standing is None:
        return done()
    at = begins.astimezone(call.now.tzinfo)
    source = Source(kind=SourceKind.EVENT)
    await engagement.grant(call, standing, EarningEvent.BIRTHDAY, at=at, source=source, once=str(begins.year), tx=tx)
    facts = await write(call, standing, tx=tx) if standing.ledger.entries else []
    return await finish(call, done(), facts, owner=owner, tx=tx)
