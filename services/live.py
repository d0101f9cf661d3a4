"""Loyalty accounts as they change: one change stream for the process, however many watch, and open while anybody does.

What is told is that an account changed. The accounts that changed meanwhile are read together, and each watcher gets
the latest state once it is ready for it: a burst, or a watcher that is slow, costs no memory and delays nobody.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextvars import Context

from pymongo.errors import PyMongoError

from services.following import FIRST_PAUSE, LONGEST_PAUSE, ended, follow
from store import ledger
from store.changes import of_accounts
from store.client import Database, Document

READ_MAX = 1000


class _Watcher:
    """Holds the latest state not yet taken."""

    __slots__ = ("account", "ready", "told")

    def __init__(self) -> None:
        self.account: Document | None = None
        self.told = False
        self.ready = asyncio.Event()

    def give(self, account: Document | None) -> None:
        self.account = account
        self.told = True
        self.ready.set()

    async def take(self) -> Document | None:
        await self.ready.wait()
        self.ready.clear()
        return self.account


class Live:
    """Whoever watches loyalty accounts in this process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._watchers: dict[str, set[_Watcher]] = {}
        self._touched: dict[str, bool] = {}  # whether all who watch are told, or those who came just now
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None

    @property
    def watching(self) -> int:
        """How many watch now."""
        return sum(len(watchers) for watchers in self._watchers.values())

    async def account(self, id_: str) -> AsyncGenerator[Document | None, None]:
        """Yield an account as it is now, and again after every change; None where there is none.

        Changes that follow each other faster than they are taken come as one.
        """
        watcher = _Watcher()
        self._watchers.setdefault(id_, set()).add(watcher)
        if self._task is None or self._task.done():
            # In a context of its own: it outlives the request that happens to be the first, and counts for none.
            self._task = asyncio.create_task(self._run(), name="live accounts", context=Context())
        self._touch(id_, everybody=False)
        try:
            while True:
                yield await watcher.take()
        finally:
            watchers = self._watchers.get(id_, set())
            watchers.discard(watcher)
            if not watchers:
                self._watchers.pop(id_, None)

    async def close(self) -> None:
        """Let go of the stream; whoever still watches is told nothing more."""
        self._watchers.clear()
        await ended(self._task)

    def _touch(self, id_: str, *, everybody: bool = True) -> None:
        self._touched[id_] = everybody or self._touched.get(id_, False)
        self._wake.set()

    def _wanted(self) -> bool:
        return bool(self._watchers)

    async def _run(self) -> None:
        """Work until nobody watches; between the last look and the end nothing awaits, so nobody comes in unseen."""
        while self._wanted():
            try:
                await follow(of_accounts(self._database), self._wanted, anew=self._anew, told=self._changed)
            finally:
                reading, self._reading = self._reading, None
                if reading:
                    reading.cancel()
                    await asyncio.gather(reading, return_exceptions=True)

    def _anew(self) -> None:
        """Tell all once what is now, and read from here on: what is read before could be older than what is told."""
        for id_ in self._watchers:
            self._touch(id_)
        self._reading = self._reading or asyncio.create_task(self._read(), name="touched accounts")

    def _changed(self, change: Document) -> None:
        id_ = change["documentKey"]["_id"]
        if id_ in self._watchers:
            self._touch(id_)

    async def _read(self) -> None:
        """Read touched accounts, all of a moment together, and give them to who watches them."""
        pause = FIRST_PAUSE
        while True:
            await self._wake.wait()
            self._wake.clear()
            touched = {id_: self._touched.pop(id_) for id_ in list(self._touched)[:READ_MAX]}
            try:
                found = await ledger.by_ids(self._database, list(touched))
            except PyMongoError:
                for id_, everybody in touched.items():
                    self._touch(id_, everybody=everybody)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
                continue
            pause = FIRST_PAUSE
            for (id_, everybody), account in zip(touched.items(), found, strict=True):
                self._give(id_, account, everybody=everybody)
            if self._touched:
                self._wake.set()

    def _give(self, id_: str, account: Document | None, *, everybody: bool) -> None:
        for watcher in self._watchers.get(id_, ()):
            if everybody or not watcher.told:
                watcher.give(account)
