"""How long the database may take: the end of a request reaches every command it sends, and MongoDB itself as maxTimeMS.

Both drivers take it from a context variable, which asyncio hands on to the tasks a request starts.
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TypeVar

import pymongo
from pymongo.errors import PyMongoError

from store.blocking import in_thread, inside

T = TypeVar("T")
NEVER = float("inf")
_END: contextvars.ContextVar[float] = contextvars.ContextVar("end", default=NEVER)
_BEFORE: contextvars.ContextVar[contextvars.Context | None] = contextvars.ContextVar("before", default=None)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Let every command inside end within `seconds`; one deadline inside another can only be earlier."""
    before = contextvars.copy_context() if _BEFORE.get() is None else _BEFORE.get()
    tokens = _END.set(min(_END.get(), monotonic() + seconds)), _BEFORE.set(before)
    try:
        with pymongo.timeout(seconds):
            yield
    finally:
        _END.reset(tokens[0])
        _BEFORE.reset(tokens[1])


def end() -> float:
    """Return the instant of the monotonic clock at which time is over here."""
    return _END.get()


def timed_out(error: BaseException | None) -> bool:
    """Whether an error says that the database did not answer in time."""
    return isinstance(error, PyMongoError) and error.timeout


def before_deadline() -> contextvars.Context:
    """Return a context like this one with no deadline: for what several requests wait for, each as long as it may."""
    before = _BEFORE.get()
    return contextvars.copy_context() if before is None else before.copy()


async def apart(work: Callable[[], Awaitable[T]], *, seconds: float) -> T:
    """Run what must not be left half done: for `seconds` whatever the deadline, to its end whoever is cancelled."""

    async def run() -> T:
        with pymongo.timeout(seconds):
            return await work()

    before = _BEFORE.get()
    if before is None:
        return await work()
    if inside():
        return before.copy().run(in_thread, run)
    task = asyncio.create_task(run(), context=before.copy())
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
