"""Repeats the jobs: each by one worker at a time, however many workers run.

A lease keeps two workers from doing the same work twice over; that the work is right does not rest on it, because each
thing done is a transaction that looks again. So a worker may lose its lease in the middle of a batch.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from pymongo.errors import ConnectionFailure, PyMongoError

from crm.callers import SYSTEM
from services.context import Shop
from store import leases
from worker.jobs import Job

SPAN = timedelta(seconds=30)
PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=10)
RELEASE_SECONDS = 1.0
log = structlog.get_logger()


@dataclass(slots=True)
class Round:
    """What came of every job: how many things were done, and the names of jobs left to others or given up."""

    done: Counter[str] = field(default_factory=Counter)
    elsewhere: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


class Worker:
    """Does what is due, over and over.

    Args:
        holder: names this worker in the leases; no two workers have the same.
        span: how long a lease lasts, and so how long the jobs of a worker that died stand still.
        pause: between two looks for work.
        told: is told of every batch: its job, how many things it did, and `done`, `idle` or `failed`.
    """

    def __init__(
        self,
        shop: Shop,
        jobs: Sequence[Job],
        *,
        holder: str,
        span: timedelta = SPAN,
        pause: timedelta = PAUSE,
        told: Callable[[str, int, str], None] = lambda *_: None,
    ) -> None:
        self._shop = shop
        self._jobs = jobs
        self._holder = holder
        self._span = span
        self._pause = pause
        self._told = told
        self._held: dict[str, datetime] = {}
        self._stop = asyncio.Event()
        self._away = False

    async def run_once(self) -> Round:
        """Do everything that is due, leave the leases to others and return what was done.

        Raises:
            ConnectionFailure: MongoDB does not answer.
        """
        try:
            return await self._round()
        finally:
            await self._release()

    async def run(self, stop: asyncio.Event) -> None:
        """Do what is due until `stop`, which ends it after the batch under way; then leave the leases to others.

        The leases are kept from round to round: giving them up each second would write six times a second for nothing.
        """
        self._stop = stop
        pause = self._pause
        try:
            while not stop.is_set():
                pause = self._pause if await self._went_well() else min(pause * 2, LONGEST_PAUSE)
                await _pause(stop, pause)
        finally:
            await self._release()

    async def _went_well(self) -> bool:
        """Do a round and return whether all went well; log that MongoDB is away once, however long it stays so."""
        try:
            told = await self._round()
        except ConnectionFailure as error:
            if not self._away:
                log.warning("MongoDB does not answer", holder=self._holder, exc_info=error)
            self._away = True
            return False
        self._away = False
        return not told.failed

    async def _round(self) -> Round:
        told = Round()
        for job in self._jobs:
            try:
                await self._catch_up(job, told)
            except ConnectionFailure:  # the other jobs would wait for MongoDB as well
                raise
            except Exception as error:  # one job's bug must not stop the others
                log.error("job failed", job=job.name, holder=self._holder, exc_info=error)
                told.failed.append(job.name)
                self._told(job.name, 0, "failed")
        return told

    async def _catch_up(self, job: Job, told: Round) -> None:
        """Run a job until nothing is due, its lease is another's or the worker is told to stop."""
        while not self._stop.is_set():
            if not await self._hold(job.name):
                told.elsewhere.append(job.name)
                return
            did = await job.run(self._shop.call(SYSTEM))
            self._told(job.name, did, "done" if did else "idle")
            if not did:
                return
            told.done[job.name] += did

    async def _hold(self, name: str) -> bool:
        """Whether the job is ours; its lease is renewed once half of it is over, or where the clock was set back."""
        now = self._shop.clock()
        if name in self._held and self._span / 2 < self._held[name] - now <= self._span:
            return True
        self._held.pop(name, None)
        if await leases.acquire(self._shop.database, name, holder=self._holder, now=now, span=self._span):
            self._held[name] = now + self._span
        return name in self._held

    async def _release(self) -> None:
        """Give up what we hold; where MongoDB is away or on its way out the leases run out by themselves."""
        with suppress(PyMongoError, TimeoutError):
            async with asyncio.timeout(RELEASE_SECONDS):
                while self._held:
                    name, _ = self._held.popitem()
                    await leases.release(self._shop.database, name, holder=self._holder)


async def _pause(stop: asyncio.Event, span: timedelta) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), span.total_seconds())
