"""Turns the keys asked for at one tick into one question: what a request keeps for one batch function."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from typing import Any

BATCH_KEYS_MAX = 1000
"""Ten purchases of fifty lines each are one question for their products."""


class Wave:
    """Asks, a tick later, for all that a request's loaders were asked for at one tick: one task, however many."""

    def __init__(self) -> None:
        self._loaders: list[Loader] = []
        self._tick: asyncio.Future[None] | None = None
        self._tasks: set[asyncio.Task[None] | None] = set()
        """A reference to each that runs, or it may be collected on its way; none to one that is over."""

    def join(self, loader: "Loader") -> asyncio.Future[None]:
        """Let a loader take part; return what is done when all of its keys are found."""
        if self._tick is None:
            loop = asyncio.get_running_loop()
            self._tick = loop.create_future()
            loop.call_soon(self._schedule)
        self._loaders.append(loader)
        return self._tick

    def _schedule(self) -> None:
        """Let coroutines that were started at the same tick have their turn before the question goes out."""
        self._tasks.add(asyncio.get_running_loop().create_task(self._ask()))

    async def _ask(self) -> None:
        tick, loaders = self._tick, self._loaders
        self._tick, self._loaders = None, []
        assert tick is not None
        try:
            if len(loaders) == 1:
                await loaders[0].ask()
            else:
                await asyncio.gather(*(loader.ask() for loader in loaders))
        finally:
            self._tasks.discard(asyncio.current_task())
            tick.set_result(None)


class Loader:
    """Asks a batch function for each key once; `found` holds what it gave, exceptions among it."""

    def __init__(self, load: Callable[[list[Any]], Awaitable[Sequence[Any]]], wave: Wave | None = None) -> None:
        self.found: dict[Hashable, Any] = {}
        self._load = load
        self._wave = wave or Wave()
        self._asked: dict[Hashable, asyncio.Future[None]] = {}
        """The ticks at which keys were asked for that are not found yet."""
        self._tick: asyncio.Future[None] | None = None
        self._gathered: list[Any] = []

    def request(self, keys: Iterable[Any]) -> Awaitable[Any] | None:
        """Ask for keys at the next tick; None where all of them are in `found` already."""
        found = self.found
        ticks = dict.fromkeys([self._ask_for(key) for key in keys if key not in found])
        if len(ticks) > 1:  # some were asked for before
            return asyncio.gather(*ticks)
        return next(iter(ticks), None)

    async def load(self, key: Any) -> Any:
        """Return what the batch function gives for a key, together with all keys asked for at the same time."""
        if key not in self.found:
            await asyncio.shield(self._ask_for(key))  # whoever is cancelled must not take the others along
        value = self.found[key]
        if isinstance(value, BaseException):
            raise value
        return value

    async def load_many(self, keys: Sequence[Any]) -> list[Any]:
        """Return what the batch function gives for keys, in their order."""
        self.request(keys)
        return [await self.load(key) for key in keys]

    def _ask_for(self, key: Any) -> asyncio.Future[None]:
        """Return the tick at which a key is asked for."""
        tick = self._asked.get(key)
        if tick is None:
            if self._tick is None:
                self._tick = self._wave.join(self)
            tick = self._asked[key] = self._tick
            self._gathered.append(key)
        return tick

    async def ask(self) -> None:
        """Ask for the keys that were gathered; whatever comes of it, there is something in `found` for each."""
        keys, self._gathered, self._tick = self._gathered, [], None
        try:
            if len(keys) <= BATCH_KEYS_MAX:
                await self._give(keys)
            else:
                parts = (keys[start : start + BATCH_KEYS_MAX] for start in range(0, len(keys), BATCH_KEYS_MAX))
                await asyncio.gather(*(self._give(part) for part in parts))
        finally:
            for key in keys:
                del self._asked[key]
                self.found.setdefault(key, asyncio.CancelledError())

    async def _give(self, keys: list[Any]) -> None:
        try:
            values = await self._load(keys)
            self.found.update(zip(keys, values, strict=True))
        except Exception as problem:  # noqa: BLE001 -- it is the answer to each of the keys
            self.found.update(dict.fromkeys(keys, problem))
