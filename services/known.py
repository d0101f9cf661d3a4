"""What a process may remember about the shop: things that never change once they are there, and the programme.

Products and stores are never deleted, so remembering that one exists can never be wrong. The programme's versions are
read again every few seconds.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from loyalty.values import Program
from store import programs
from store.client import Database

REMEMBERED_MAX = 200_000
PROGRAM_AGE_MAX = timedelta(seconds=5)


class Known:
    """A process's memory of one shop; empty at start, bounded."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._programs: tuple[Program, ...] = ()
        self._programs_at: datetime | None = None

    def missing(self, ids: Iterable[str]) -> list[str]:
        """Return the ids not known to exist."""
        return [id_ for id_ in dict.fromkeys(ids) if id_ not in self._ids]

    def exist(self, ids: Iterable[str]) -> None:
        """Remember that documents with these ids are committed."""
        for id_ in ids:
            self._ids[id_] = None
        while len(self._ids) > REMEMBERED_MAX:
            self._ids.popitem(last=False)

    async def programs(self) -> tuple[Program, ...]:
        """Return all versions of the programme, oldest first, at most 5 seconds old."""
        now = self._clock()
        if self._programs_at is None or abs(now - self._programs_at) > PROGRAM_AGE_MAX:
            self._programs = await programs.versions(self._database)
            self._programs_at = now
        return self._programs
