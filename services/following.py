"""Follows a change stream and goes on with it wherever it breaks: in a task that ends by itself when told to."""

import asyncio
from collections.abc import Callable

import structlog
from pymongo.errors import PyMongoError

from store.changes import Changes
from store.client import Document

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
CLOSE_SECONDS = 2.0
log = structlog.get_logger()


async def follow(
    changes: Changes, wanted: Callable[[], bool], *, anew: Callable[[], None], told: Callable[[Document], None]
) -> None:
    """Tell of changes for as long as `wanted` says so.

    Args:
        anew: is called where the stream begins: nobody knows what happened before.
        told: is given each change after that.
    """
    pause, broken = FIRST_PAUSE, False
    while wanted():
        try:
            if await changes.settle():
                anew()
            async for change in changes.told(wanted):
                pause, broken = FIRST_PAUSE, False
                if change is not None:
                    told(change)
        except PyMongoError as problem:
            if not broken:  # once, however long MongoDB is away
                log.warning("change_stream_broken", error=type(problem).__name__)
            broken = True
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            # A connection made while a lone MongoDB starts never has sessions, and a sale may get it from the pool.
            while wanted() and not changes.at_hand:
                await asyncio.sleep(FIRST_PAUSE)


async def ended(task: asyncio.Task[None] | None) -> None:
    """Let a task that was told to end do so, or end it where MongoDB does not answer."""
    if task is not None:
        await asyncio.wait({task}, timeout=CLOSE_SECONDS)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
