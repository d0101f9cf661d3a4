"""The end of a request: its database commands end with it, a query is given up, a mutation is never cut in two.

A mutation is ended by the database alone: each of its commands has the time that is left, and one that is too late
aborts its transaction as a whole. A commit that has begun is waited for. A batch begins no row after its time.
"""

from time import monotonic

from api.limits import numbers
from api.limits.alarm import Alarm
from api.limits.asked import Asked
from api.limits.leaving import WAITING
from services.context import Call
from store.deadlines import deadline

TOO_LATE = "This took too long and was given up."
GRACE_SECONDS = 0.5
"""The database gives up first, and says so."""


class TimeOver(Exception):
    """A query took too long, and was left where it stood."""


class in_time:  # noqa: N801 -- it is used as the block it stands for
    """The block in which an operation is carried out; a query is given up when its time is over or its client gone.

    Raises:
        TimeOver, Gone: that was so.
    """

    __slots__ = ("_alarm", "_client", "_deadline")

    def __init__(self, call: Call, asked: Asked) -> None:
        seconds = numbers.SECONDS_MAX
        if asked.batch:
            call.rows_until = monotonic() + numbers.BATCH_SECONDS_MAX
            seconds += numbers.BATCH_SECONDS_MAX
        self._deadline = deadline(seconds)
        self._alarm = Alarm(seconds + GRACE_SECONDS, TimeOver) if asked.reads else None
        self._client = WAITING.get()

    def __enter__(self) -> None:
        self._deadline.__enter__()
        if self._alarm:
            self._alarm.__enter__()
            if self._client:
                self._client.reading = self._alarm

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._deadline.__exit__()
        if self._alarm:
            if self._client:
                self._client.reading = None
            self._alarm.__exit__(kind)
