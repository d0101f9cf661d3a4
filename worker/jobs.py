"""What there is to do without a caller, in the order in which it is done."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from services import shop_statistics, upkeep
from services.context import Call


@dataclass(frozen=True, slots=True)
class Job:
    """One thing to keep up with.

    Args:
        name: what its lease and its log lines are called; changing it forgets who holds the lease.
        run: does a bounded batch, some hundred accounts at most, and returns how many things it did; 0 when nothing
            is due. Each thing is a transaction of its own that finds nothing left to do when another did it.
    """

    name: str
    run: Callable[[Call], Awaitable[int]]


JOBS = (
    Job("settle", upkeep.settle_due),
    Job("tiers", upkeep.reconsider_due_tiers),
    Job("birthdays", upkeep.grant_birthdays),
    Job("statistics", shop_statistics.rebuild_when_due),
)
