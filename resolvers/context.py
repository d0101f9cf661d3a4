"""What one request carries: the call, and the loaders that turn a level's keys into one question."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from crm.callers import Caller
from resolvers.loader import Loader, Wave
from services.context import Call

Load = Callable[["Context", list[Any]], Awaitable[Sequence[Any]]]


class Context:
    """One request. A batch function's loader lives as long as the request, or until a mutation changed things.

    `reads` is what batch functions read by. `shown` is what they read of each type's documents: all of those left out.
    """

    def __init__(self, call: Call) -> None:
        self.call = call
        self.reads = call.shop.reader()
        self.asks_ahead = call.shop.fetch_planning
        self.shown: Mapping[str, tuple[str, ...]] = {}
        self._loaders: dict[Load, Loader] = {}
        self._wave = Wave()

    @property
    def caller(self) -> Caller:
        """Who asks."""
        return self.call.caller

    def loader(self, load: Load) -> Loader:
        """Return this request's loader of a batch function."""
        loader = self._loaders.get(load)
        if loader is None:
            loader = self._loaders[load] = Loader(partial(load, self), self._wave)
        return loader

    def load(self, load: Load, key: Any) -> Awaitable[Any]:
        """Return what a batch function gives for one key, together with all other keys asked for at the same time."""
        return self.loader(load).load(key)

    def forget(self) -> None:
        """Let everything be read anew: a mutation has changed it."""
        self._loaders.clear()
