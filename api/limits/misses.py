"""Guesses that failed: look-ups of keys, codes and receipts that were none, counted for each caller who may guess.

They are counted afterwards, so a request may overdraw; what is owed is waited off. A request that misses nothing costs
no command, one that does at most one in a second.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from api.limits.buckets import BEGINNING, CALLERS_MAX, PAUSE, PAUSE_WITHOUT_DATABASE, DrawFrom, Throttled, payer
from api.limits.numbers import MISSES, Points
from crm.callers import Caller
from store.buckets import Draw


@dataclass(slots=True)
class Tally:
    """One caller: `left` guesses at `seen_at`, of which `owed` are not written down yet."""

    points: Points
    left: float
    seen_at: datetime
    owed: int = 0
    next_draw: datetime = BEGINNING

    def left_at(self, now: datetime) -> float:
        """Return how many guesses are left, as far as is known here."""
        restored = max(0.0, (now - self.seen_at).total_seconds()) * self.points.rate
        return min(self.points.maximum, self.left + restored) - self.owed


class Misses:
    """The tallies of one process; of who never missed it has none."""

    def __init__(self, draw_from: DrawFrom, clock: Callable[[], datetime]) -> None:
        self._draw_from = draw_from
        self._clock = clock
        self._tallies: OrderedDict[str, Tally] = OrderedDict()

    def check(self, caller: Caller) -> None:
        """Let a caller guess.

        Raises:
            Throttled: there were too many guesses.
        """
        tally = self._tallies.get(payer(caller))
        if tally and (left := tally.left_at(self._clock())) < 1:
            raise Throttled((1 - left) / tally.points.rate)

    async def count(self, caller: Caller, missed: int) -> None:
        """Write down guesses that failed, now or with the next ones."""
        points = MISSES.get(caller.role)
        if not missed or points is None:
            return
        now, id_ = self._clock(), payer(caller)
        tally = self._tallies.setdefault(id_, Tally(points, points.maximum, now))
        self._tallies.move_to_end(id_)
        if len(self._tallies) > CALLERS_MAX:
            self._tallies.popitem(last=False)
        tally.owed += missed
        if now < tally.next_draw:
            return
        tally.next_draw, owed = now + PAUSE, tally.owed
        drawn = await self._draw_from(id_, Draw(maximum=points.maximum, rate=points.rate, need=None, want=owed))
        if drawn is None:
            tally.next_draw = now + PAUSE_WITHOUT_DATABASE
        else:
            tally.left, tally.seen_at = drawn.left, now
            tally.owed -= owed
