"""How long the database may take: the end of a request reaches every command it sends, and MongoDB itself as maxTimeMS.

Both drivers take it from a context variable, which asyncio hands on to the tasks a request starts.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context, ContextVar, copy_context
from time import monotonic
from typing import TypeVar

import pymongo
from pymongo.errors import PyMongoError

from store.blocking import in_thread, inside

T = TypeVar("T")
NEVER = float("inf")
_WITHIN: ContextVar[tuple[float, Context] | None] = ContextVar("deadline", default=None)
"""When time is over, and the context as it was before anybody had set a deadline."""


class deadline:  # noqa: N801 -- it is used as the block it stands for
    """The block whose every command ends within `seconds`; one deadline inside another can only be earlier.

    A class, because every request has one: made by `contextmanager` it took twice as long.
    """

    __slots__ = ("_driver", "_seconds", "_token")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._driver = pymongo.timeout(seconds)

    def __enter__(self) -> None:
        within, until = _WITHIN.get(), monotonic() + self._seconds
        before = copy_context() if within is None else within[1]
        self._token = _WITHIN.set((until if within is None else min(within[0], until), before))
        self._driver.__enter__()

    def __exit__(self, *_: object) -> None:
        self._driver.__exit__(None, None, None)
        _WITHIN.reset(self._token)


def end() -> float:
    """Return the instant of the monotonic clock at which time is over here."""
    within = _WITHIN.get()
    return NEVER if within is None else within[0]


def timed_out(error: BaseException | None) -> bool:
    """Whether an error says that the database did not answer in time."""
    return isinstance(error, PyMongoError) and error.timeout


def before_deadline() -> Context:
    """Return a context like this one with no deadline: for what several requests wait for, each as long as it may."""
    within = _WITHIN.get()
    return copy_context() if within is None else within[1].copy()


async def apart(work: Callable[[], Awaitable[T]], *, seconds: float) -> T:
    """Run what must not be left half done: for `seconds` whatever the deadline, to its end whoever is cancelled."""

    async def run() -> T:
        with pymongo.timeout(seconds):
            return await work()

    within = _WITHIN.get()
    if within is None:
        return await work()
    before = within[1].copy()
    if inside():
        return before.run(in_thread, run)
    task = asyncio.create_task(run(), context=before)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
