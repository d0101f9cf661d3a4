"""Workers of a test, and work for them that a test can watch."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from services.context import Call
from tests.support import World
from worker.jobs import Job
from worker.loop import Worker

SPAN = timedelta(seconds=30)
SOON = timedelta(milliseconds=1)


class Backlog:
    """Work that is there: `run` does at most `batch` of it, and whatever a test wants to happen meanwhile."""

    def __init__(self, things: int, *, batch: int = 10, meanwhile: Callable[[], Awaitable[None]] | None = None) -> None:
        self.left = things
        self.calls: list[Call] = []
        self.running = self.most_running = 0
        self._batch = batch
        self._meanwhile = meanwhile

    async def run(self, call: Call) -> int:
        self.calls.append(call)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        await asyncio.sleep(0.001)  # lets the others on
        did = min(self._batch, self.left)
        self.left -= did
        if did and self._meanwhile:
            await self._meanwhile()
        self.running -= 1
        return did


def worker(world: World, *jobs: Job, holder: str = "a") -> Worker:
    return Worker(world.shop, jobs, holder=holder, span=SPAN, pause=SOON)


@asynccontextmanager
async def running(*workers: Worker) -> AsyncIterator[asyncio.Event]:
    """Run workers during the block, and end them as SIGTERM does."""
    stop = asyncio.Event()
    tasks = [asyncio.ensure_future(one.run(stop)) for one in workers]
    try:
        yield stop
    finally:
        stop.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 10)


async def until(reached: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not reached():
            await asyncio.sleep(0.002)


async def held(world: World) -> dict[str, str]:
    return {lease["_id"]: lease["holder"] for lease in await world.all("leases")}
