"""A client who leaves: what only reads is given up for him, what changes something is carried out all the same.

Looking out for it costs a task, so it begins with a request that lasts.
"""

import asyncio
from contextvars import ContextVar

from starlette.types import Receive

from api.limits.alarm import Alarm

WATCH_AFTER_SECONDS = 0.1


class Gone(Exception):
    """The client left, and what was read from him or for him was given up."""


class Client:
    """Who waits for an answer. `reading` is what ends with his going, None where nothing does."""

    __slots__ = ("_receive", "_watcher", "reading")

    def __init__(self, receive: Receive) -> None:
        self.reading: Alarm | None = None
        self._receive = receive
        self._watcher: asyncio.Task[None] | None = None

    def watch(self) -> None:
        """Begin to look out for his going."""
        self._watcher = asyncio.get_running_loop().create_task(self._watch())

    def watch_no_more(self) -> None:
        """End that, where it began."""
        if self._watcher:
            self._watcher.cancel()

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if self.reading:
            self.reading.ring(Gone)


WAITING: ContextVar[Client | None] = ContextVar("client", default=None)


class looked_after:  # noqa: N801 -- it is used as the block it stands for
    """The block in which a client waits, and is looked out for if it lasts."""

    __slots__ = ("_client", "_timer", "_token")

    def __init__(self, receive: Receive) -> None:
        self._client = Client(receive)

    def __enter__(self) -> None:
        self._token = WAITING.set(self._client)
        self._timer = asyncio.get_running_loop().call_later(WATCH_AFTER_SECONDS, self._client.watch)

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._client.watch_no_more()
        WAITING.reset(self._token)
