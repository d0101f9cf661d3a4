"""The application as `crm serve` runs it: in its own process, or in each of several workers."""

import asyncio
import gc
import multiprocessing
import os
import signal
import threading
from multiprocessing.process import BaseProcess
from types import FrameType

from starlette.applications import Starlette

from api.app import from_environ

YOUNG_MAX = 10_000
"""Objects made and not freed after which the collector looks at them."""


def app() -> Starlette:
    """Return the application of this process's environment; a worker ends when the process that started it has."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_leave_after, args=(parent,), name="parent watcher", daemon=True).start()
    made = from_environ()
    for ending in (signal.SIGTERM, signal.SIGINT):
        _tell(made, ending)
    _set_aside()
    return made


def _set_aside() -> None:
    """Spare the garbage collector what stays as long as the process does: the schema, and the modules.

    A full collection walked all of it, 120,000 objects in 60 ms, one or two times a second under load. Nobody was
    answered meanwhile: that was the p99 of a small query. Young objects are looked at less often than by default, for
    most of a request is freed without the collector: 6% of the processor's time instead of 13% (both measured).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_MAX)


def _tell(made: Starlette, ending: signal.Signals) -> None:
    """Let the application know that it is told to end, before uvicorn is: readiness ends first, and so do streams.

    uvicorn has set its handlers before it asks for the application. It closes sockets by itself, but would wait for
    event streams, which have no end of their own.
    """
    before, loop = signal.getsignal(ending), asyncio.get_running_loop()

    def leave(number: int, frame: FrameType | None) -> None:
        made.state.draining = True
        loop.call_soon_threadsafe(_drain, made)
        if callable(before):
            before(number, frame)

    signal.signal(ending, leave)


def _drain(made: Starlette) -> None:
    streams = getattr(made.state, "streams", None)
    if streams:  # the application has started
        streams.drain()


def _leave_after(parent: BaseProcess) -> None:
    """End when the parent has: a killed one cannot say goodbye, and its workers would keep the port without MongoDB."""
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
