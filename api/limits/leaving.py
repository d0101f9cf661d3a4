"""A client who leaves: what only reads is given up for him, what changes something is carried out all the same.

Looking out for it costs a task, so it begins with a request that lasts.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

WATCH_AFTER_SECONDS = 0.1

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class Client:
    """Who waits for an answer. `gone` once he does not any more."""

    def __init__(self) -> None:
        self.gone = False
        self._reading: asyncio.Task[Any] | None = None

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Let what is done here be given up when the client leaves."""
        self._reading = asyncio.current_task()
        try:
            yield
        finally:
            self._reading = None

    def leave(self) -> None:
        """Give up what is only read for him."""
        if self._reading is not None:
            self.gone = True
            self._reading.cancel()


WAITING: ContextVar[Client | None] = ContextVar("client", default=None)


class Gone(Exception):
    """The client left, and what was read for him was given up."""


@contextmanager
def looked_after(receive: Receive) -> Iterator[None]:
    """Watch whether the client is still there.

    Raises:
        Gone: he left while only something was read.
    """
    client, loop = Client(), asyncio.get_running_loop()
    watchers: list[asyncio.Task[None]] = []
    timer = loop.call_later(WATCH_AFTER_SECONDS, lambda: watchers.append(loop.create_task(_watch(receive, client))))
    token = WAITING.set(client)
    try:
        yield
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if not client.gone or task is None:
            raise
        task.uncancel()
        raise Gone from None
    finally:
        WAITING.reset(token)
        timer.cancel()
        for watcher in watchers:
            watcher.cancel()


async def _watch(receive: Receive, client: Client) -> None:
    while True:
        if (await receive())["type"] == "http.disconnect":
            client.leave()
            return
