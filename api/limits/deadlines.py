"""The end of a request: its database commands end with it, a query is given up, a mutation is never cut in two.

A mutation is ended by the database alone: each of its commands has the time that is left, and one that is too late
aborts its transaction as a whole. A commit that has begun is waited for. A batch begins no row after its time.
"""

from time import monotonic

from api.limits import numbers
from api.limits.asked import Asked
from api.limits.patience import WAITING, Patience
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

    __slots__ = ("_deadline", "_own", "_patience", "_seconds")

    def __init__(self, call: Call, asked: Asked) -> None:
        seconds = numbers.SECONDS_MAX
        if asked.batch:
            call.rows_until = monotonic() + numbers.BATCH_SECONDS_MAX
            seconds += numbers.BATCH_SECONDS_MAX
        self._seconds = seconds
        self._deadline = deadline(seconds)
        self._patience = WAITING.get() if asked.reads else None
        # Nobody else is waiting where an operation came over a socket.
        self._own = Patience() if asked.reads and self._patience is None else None

    def __enter__(self) -> None:
        self._deadline.__enter__()
        patience = self._own.__enter__() if self._own else self._patience
        if patience:
            patience.wait(self._seconds + GRACE_SECONDS, TimeOver, listens=True)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._deadline.__exit__()
        if self._own:
            self._own.__exit__(kind)
        elif self._patience:
            self._patience.rest(kind)
