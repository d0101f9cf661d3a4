"""Turns the keys asked for at one tick into one question: what a request keeps for one batch function."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from typing import Any

BATCH_KEYS_MAX = 1000
"""Ten purchases of fifty lines each are one question for their products."""


class Loader:
    """Asks a batch function for each key once; `found` holds what it gave, exceptions among it."""

    def __init__(self, load: Callable[[list[Any]], Awaitable[Sequence[Any]]]) -> None:
        self.found: dict[Hashable, Any] = {}
        self._load = load
        self._asked: dict[Hashable, asyncio.Future[None]] = {}
        """The ticks at which keys were asked for that are not found yet."""
        self._tick: asyncio.Future[None] | None = None
        self._gathered: list[Any] = []
        self._task: asyncio.Task[None] | None = None

    def request(self, keys: Iterable[Any]) -> Awaitable[Any] | None:
        """Ask for keys at the next tick; None where all of them are in `found` already."""
        ticks = dict.fromkeys(self._ask(key) for key in keys if key not in self.found)
        if len(ticks) > 1:  # some were asked for before
            return asyncio.gather(*ticks)
        return next(iter(ticks), None)

    async def load(self, key: Any) -> Any:
        """Return what the batch function gives for a key, together with all keys asked for at the same time."""
        if key not in self.found:
            await asyncio.shield(self._ask(key))  # whoever is cancelled must not take the others along
        value = self.found[key]
        if isinstance(value, BaseException):
            raise value
        return value

    async def load_many(self, keys: Sequence[Any]) -> list[Any]:
        """Return what the batch function gives for keys, in their order."""
        self.request(keys)
        return [await self.load(key) for key in keys]

    def _ask(self, key: Any) -> asyncio.Future[None]:
        """Return the tick at which a key is asked for."""
        tick = self._asked.get(key)
        if tick is None:
            if self._tick is None:
                loop = asyncio.get_running_loop()
                self._tick = loop.create_future()
                loop.call_soon(self._schedule)
            tick = self._asked[key] = self._tick
            self._gathered.append(key)
        return tick

    def _schedule(self) -> None:
        """Let coroutines that were started at the same tick have their turn before the question goes out."""
        self._task = asyncio.ensure_future(self._dispatch())

    async def _dispatch(self) -> None:
        tick, keys = self._tick, self._gathered
        self._tick, self._gathered = None, []
        assert tick is not None
        try:
            if len(keys) <= BATCH_KEYS_MAX:
                await self._ask_for(keys)
            else:
                parts = (keys[start : start + BATCH_KEYS_MAX] for start in range(0, len(keys), BATCH_KEYS_MAX))
                await asyncio.gather(*(self._ask_for(part) for part in parts))
        finally:
            for key in keys:
                del self._asked[key]
                self.found.setdefault(key, asyncio.CancelledError())
            tick.set_result(None)

    async def _ask_for(self, keys: list[Any]) -> None:
        try:
            values = await self._load(keys)
            self.found.update(zip(keys, values, strict=True))
        except Exception as problem:  # noqa: BLE001 -- it is the answer to each of the keys
            self.found.update(dict.fromkeys(keys, problem))
