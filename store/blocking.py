"""A transaction in one thread: its commands go by the blocking driver, and the event loop hears of it when it is over.

A command over asyncio costs tasks, timers and turns of the loop; over Motor it is handed to a thread and back. Ten that
wait for each other anyway are handed over once (docs/decisions/0021). The functions of store/ and services/ do not
know: what they await is there at once.
"""

import asyncio
import contextvars
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
_INSIDE: contextvars.ContextVar[bool] = contextvars.ContextVar("inside", default=False)


def inside() -> bool:
    """Whether this runs in a transaction's thread, where nothing can wait for the event loop."""
    return _INSIDE.get()


def in_thread(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Carry `work` out in this thread and this context, which are its own.

    Raises:
        RuntimeError: it waits for something else than the database.
    """
    _INSIDE.set(True)
    running = work()
    try:
        running.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    running.close()
    raise RuntimeError("In a transaction's thread nothing is waited for but the database.")


async def pause(seconds: float) -> None:
    """Sleep, wherever this runs."""
    if inside():
        time.sleep(seconds)  # the thread is this transaction's alone
    else:
        await asyncio.sleep(seconds)


class AtOnce:
    """A database or session of the blocking driver with the methods of Motor's, which are done when awaited."""

    __slots__ = ("of",)

    def __init__(self, of: Any) -> None:
        self.of = of

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self.of, name)

        async def call(*positional: Any, **named: Any) -> Any:
            return method(*positional, **_blocking(named))

        return call


class SessionAtOnce(AtOnce):
    """A session of the blocking driver with the methods of Motor's."""

    __slots__ = ()

    @property
    def session_id(self) -> Any:
        """What MongoDB knows it by."""
        return self.of.session_id


class CollectionAtOnce(AtOnce):
    """A collection of the blocking driver with the methods of Motor's."""

    __slots__ = ()

    def find(self, *positional: Any, **named: Any) -> "CursorAtOnce":
        """Return a cursor."""
        return CursorAtOnce(self.of.find(*positional, **_blocking(named)))

    def aggregate(self, *positional: Any, **named: Any) -> "CursorAtOnce":
        """Return a cursor."""
        return CursorAtOnce(self.of.aggregate(*positional, **_blocking(named)))


class CursorAtOnce(AtOnce):
    """A cursor of the blocking driver with the methods of Motor's."""

    __slots__ = ()

    async def __aiter__(self) -> AsyncIterator[Any]:
        for document in self.of:
            yield document


def _blocking(named: dict[str, Any]) -> dict[str, Any]:
    """Return named arguments with the blocking driver's own session."""
    session = named.get("session")
    return {**named, "session": session.of} if isinstance(session, AtOnce) else named
