"""How long is waited with a request: for its body, for what a query reads, and while its client is there.

One timer does for all of it. Most requests are over before it goes off, and of them nothing was watched; one that lasts
is looked at from then on. Two timeouts of asyncio and a timer of its own for the client took 20 µs of every request.
"""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from time import monotonic

from starlette.types import Receive

LASTS_SECONDS = 0.1
"""A request that takes longer lasts: it is looked at, and its client listened to."""

LOOK_SECONDS = 1.0
"""Between two looks at most; the last one is at the end itself."""

NEVER = float("inf")
Why = Callable[[], Exception]


class Gone(Exception):
    """The client left, and what was read from him or for him was given up."""


class Patience:
    """The block of one request, or of one operation on a socket; what lasts too long in it is cancelled.

    The rules are those of `asyncio.timeout`, the exception is the one that was asked for.

    Args:
        receive: tells of the client's going, once the body is read; None on a socket, where others listen.
    """

    __slots__ = (
        "_cancelling", "_late", "_listens", "_receive", "_task", "_timer", "_token", "_until", "_watcher", "_why",
    )  # fmt: skip

    def __init__(self, receive: Receive | None = None) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task, self._cancelling = task, task.cancelling()
        self._receive = receive
        self._until = NEVER
        self._listens = False
        self._why: Why | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> "Patience":
        self._token = WAITING.set(self)
        self._timer = self._task.get_loop().call_later(LASTS_SECONDS, self._look)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = None  # it holds a context that holds this: left there, both wait for the garbage collector
        WAITING.reset(self._token)
        self.rest(kind)

    def wait(self, seconds: float, late: Why, *, listens: bool = False) -> None:
        """Begin something that may take so long, and raises what `late` gives where it does not end by then.

        Args:
            listens: it ends as well when the client leaves, with Gone.
        """
        self._until = monotonic() + seconds
        self._late = late
        self._listens = listens

    def rest(self, kind: type[BaseException] | None = None) -> None:
        """End it.

        Args:
            kind: with which exception; a cancellation that comes from here becomes what it was for.
        """
        self._until = NEVER
        self._listens = False
        if self._watcher:
            self._watcher.cancel()
            self._watcher = None
        if self._why:
            why, self._why = self._why, None
            # A task that was cancelled for another reason as well stays cancelled.
            if self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
                raise why() from None

    def _look(self) -> None:
        loop, left = self._task.get_loop(), self._until - monotonic()
        if left <= 0:
            self._end(self._late)
        elif self._listens and self._receive and not self._watcher:
            self._watcher = loop.create_task(self._watch(self._receive))
        self._timer = loop.call_later(min(max(left, LASTS_SECONDS), LOOK_SECONDS), self._look)

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._end(Gone)

    def _end(self, why: Why) -> None:
        if self._why is None:
            self._why = why
            self._task.cancel()


WAITING: ContextVar[Patience | None] = ContextVar("patience", default=None)
