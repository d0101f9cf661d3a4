"""The callers' points: a bucket for each, shared by all processes, of which a process borrows a slice at a time.

A request is paid for out of what was borrowed, without a word to the database. When that runs out the process borrows
anew, at most once a second for each caller; until then it lets pass what it knows to be there, up to a slice. So
processes together let pass at most a slice each too much.

Without MongoDB every process goes on by itself from what it last knew: the limit then holds for each of them.
"""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from api.limits.numbers import Points
from crm.callers import Caller
from store.buckets import Draw, Drawn

PAUSE = timedelta(seconds=1)
"""Between two draws of one process for one caller."""

PAUSE_WITHOUT_DATABASE = timedelta(seconds=5)
CALLERS_MAX = 20_000
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

DrawFrom = Callable[[str, Draw], Awaitable[Drawn | None]]
"""Draws from a shared bucket; None where the database does not answer."""


class Throttled(Exception):
    """The caller has to wait: `seconds`, at least one. `cost` is what there is to tell about points."""

    def __init__(self, seconds: float, cost: Mapping[str, Any] | None = None) -> None:
        self.seconds = max(1, math.ceil(seconds))
        super().__init__(f"Too many requests; wait {self.seconds} s.")
        self.cost = cost


@dataclass(slots=True)
class Account:
    """What a process knows of one caller: `credit` is borrowed, `left` was in the bucket at `seen_at`."""

    points: Points
    left: float
    seen_at: datetime
    credit: float = 0
    next_draw: datetime = BEGINNING
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def left_at(self, now: datetime) -> float:
        """Return what the bucket holds by now, as far as is known here."""
        restored = max(0.0, (now - self.seen_at).total_seconds()) * self.points.rate
        return min(self.points.maximum, self.left + restored)

    def pay(self, points: int, now: datetime) -> bool:
        """Pay if there is enough: borrowed, or known to be there."""
        missing = points - self.credit
        if missing > 0 and (missing > self.left_at(now) or missing > self.points.slice):
            return False
        self.credit -= points
        return True

    def status(self, now: datetime) -> dict[str, Any]:
        """Return how the bucket stands."""
        available = max(0.0, min(self.points.maximum, self.credit + self.left_at(now)))
        return {
            "maximumAvailable": self.points.maximum,
            "currentlyAvailable": int(available),
            "restoreRate": self.points.rate,
        }


class Buckets:
    """The accounts of one process."""

    def __init__(self, draw_from: DrawFrom, clock: Callable[[], datetime]) -> None:
        self._draw_from = draw_from
        self._clock = clock
        self._accounts: OrderedDict[str, Account] = OrderedDict()

    def check(self, id_: str) -> None:
        """Stop whoever is known to have nothing, before anything is done for him.

        Raises:
            Throttled: that is so.
        """
        account = self._accounts.get(id_)
        if account is None or account.credit >= 1:
            return
        now = self._clock()
        if account.credit + account.left_at(now) < 1:
            raise Throttled(_wait(account, 1, now))

    async def pay(self, id_: str, points: Points, cost: int) -> Account:
        """Take the cost of a request from a caller's points.

        Raises:
            Throttled: there are not enough.
        """
        account = self._account(id_, points)
        if 0 <= account.credit - cost <= points.slice:  # borrowed before
            account.credit -= cost
            return account
        if self._clock() >= account.next_draw or account.lock.locked():
            async with account.lock:
                if self._clock() >= account.next_draw:  # else the request before this one has just done it
                    await self._draw(id_, account, cost)
        now = self._clock()
        if not account.pay(cost, now):
            raise Throttled(_wait(account, cost, now), told(cost, None, account, now))
        return account

    def _account(self, id_: str, points: Points) -> Account:
        account = self._accounts.get(id_)
        if account is None:
            account = self._accounts[id_] = Account(points, points.maximum, self._clock())
            if len(self._accounts) > CALLERS_MAX:
                self._accounts.popitem(last=False)
        else:
            self._accounts.move_to_end(id_)
        return account

    async def _draw(self, id_: str, account: Account, cost: int) -> None:
        """Borrow so much that a slice is there after paying, or give back what is more than that."""
        points, now = account.points, self._clock()
        keep = max(points.slice, cost) - account.credit
        asked = Draw(maximum=points.maximum, rate=points.rate, need=cost - account.credit, want=keep)
        account.next_draw = now + PAUSE
        drawn = await self._draw_from(id_, asked)
        if drawn is None:
            account.next_draw = now + PAUSE_WITHOUT_DATABASE
            drawn = _drawn_here(account.left_at(now), asked)
        account.credit += drawn.given
        account.left, account.seen_at = drawn.left, now


def payer(caller: Caller) -> str:
    """Return whose points a call spends."""
    return caller.account or caller.principal


def told(requested: int, actual: int | None, account: Account, now: datetime) -> dict[str, Any]:
    """Return `extensions.cost`, in Shopify's words."""
    return {"requestedQueryCost": requested, "actualQueryCost": actual, "throttleStatus": account.status(now)}


def _drawn_here(left: float, asked: Draw) -> Drawn:
    given = 0.0 if asked.need is None or left < asked.need else min(asked.want, left)
    return Drawn(given, min(asked.maximum, left - given))


def _wait(account: Account, cost: int, now: datetime) -> float:
    missing = cost - account.credit - account.left_at(now)
    return max(missing / account.points.rate, (account.next_draw - now).total_seconds())
