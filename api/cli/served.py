"""The application as `crm serve` runs it: in its own process, or in each of several workers."""

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any

from starlette.applications import Starlette

from api.app import from_environ


def app() -> Starlette:
    """Return the application of this process's environment; a worker ends when the process that started it has."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_leave_after, args=(parent,), name="parent watcher", daemon=True).start()
    made = from_environ()
    _drain_at_the_end(made)
    return made


def _drain_at_the_end(made: Starlette) -> None:
    """End streams when a signal tells uvicorn to stop: it would wait for them, and they have no end of their own.

    uvicorn has set its handlers before it asks for the application, and it closes sockets by itself.
    """
    loop = asyncio.get_running_loop()

    def chained(before: Any) -> Callable[[int, FrameType | None], None]:
        def handle(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(drain)
            before(number, frame)

        return handle

    def drain() -> None:
        streams = getattr(made.state, "streams", None)
        if streams:  # the application has started
            streams.drain()

    for ending in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(ending)
        if callable(before):
            signal.signal(ending, chained(before))


def _leave_after(parent: BaseProcess) -> None:
    """End when the parent has: a killed one cannot say goodbye, and its workers would keep the port without MongoDB."""
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
