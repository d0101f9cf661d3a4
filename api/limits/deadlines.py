"""The end of a request: its database commands end with it, a query is given up, a mutation is never cut in two.

A mutation is ended by the database alone: each of its commands has the time that is left, and one that is too late
aborts its transaction as a whole. A commit that has begun is waited for. A batch begins no row after its time.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from time import monotonic

from api.limits import numbers
from api.limits.asked import Asked
from api.limits.leaving import WAITING
from services.context import Call
from store.deadlines import deadline

TOO_LATE = "This took too long and was given up."
GRACE_SECONDS = 0.5
"""The database gives up first, and says so."""


@dataclass(slots=True)
class Time:
    """Whether the time of a query was over."""

    over: bool = False


@asynccontextmanager
async def in_time(call: Call, asked: Asked) -> AsyncIterator[Time]:
    """Give an operation its time; a query whose time is over is left where it stands, and `over` says so."""
    time, seconds = Time(), numbers.SECONDS_MAX
    if asked.batch:
        call.rows_until = monotonic() + numbers.BATCH_SECONDS_MAX
        seconds += numbers.BATCH_SECONDS_MAX
    try:
        async with asyncio.timeout(seconds + GRACE_SECONDS if asked.reads else None):
            client = WAITING.get()
            with deadline(seconds), client.reading() if client and asked.reads else nullcontext():
                yield time
    except TimeoutError:
        time.over = True
