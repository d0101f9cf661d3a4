"""Turns: in one process, writes to one owner's things wait for each other before they begin.

MongoDB would let the first one through and abort the others, which costs more than waiting.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from time import monotonic

from crm.refusals import Refusal, UserErrorCode
from store.deadlines import NEVER, end

BUSY = "Others are changing the same thing right now; try again."


class Turns:
    """Who waits for whom, by owner; it remembers nobody who does not wait."""

    def __init__(self) -> None:
        self._queues: dict[str, _Queue] = {}

    @asynccontextmanager
    async def queued(self, *owners: str) -> AsyncIterator[None]:
        """Let one write at a time through for each owner in this process, so that tills do not collide in MongoDB.

        Owners are waited for one after the other, in the order given: it must be the same for all.
        """
        async with AsyncExitStack() as turns:
            for owner in owners:
                await turns.enter_async_context(self._turn(owner))
            yield

    @asynccontextmanager
    async def _turn(self, owner: str) -> AsyncIterator[None]:
        queue = self._queues.setdefault(owner, _Queue())
        queue.waiting += 1
        try:
            await _acquired(queue)
            try:
                yield
            finally:
                queue.lock.release()
        finally:
            queue.waiting -= 1
            if not queue.waiting:
                del self._queues[owner]


async def _acquired(queue: "_Queue") -> None:
    """Wait for one's turn, no longer than there is time to use it."""
    if queue.waiting == 1:  # nobody else: worth no timer
        await queue.lock.acquire()
        return
    try:
        async with asyncio.timeout(None if end() == NEVER else end() - monotonic()):
            await queue.lock.acquire()
    except TimeoutError:
        raise Refusal(UserErrorCode.THROTTLED, BUSY) from None


class _Queue:
    __slots__ = ("lock", "waiting")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.waiting = 0
