"""The application as `crm serve` runs it: in its own process, or in each of several workers."""

import multiprocessing
import os
import signal
import threading
from multiprocessing.process import BaseProcess
from types import FrameType

from starlette.applications import Starlette

from api.app import from_environ


def app() -> Starlette:
    """Return the application of this process's environment; a worker ends when the process that started it has."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_leave_after, args=(parent,), name="parent watcher", daemon=True).start()
    made = from_environ()
    for ending in (signal.SIGTERM, signal.SIGINT):
        _tell(made, ending)
    return made


def _tell(made: Starlette, ending: signal.Signals) -> None:
    """Let the application know that it is told to end, before uvicorn is: readiness ends first."""
    before = signal.getsignal(ending)

    def leave(number: int, frame: FrameType | None) -> None:
        made.state.draining = True
        if callable(before):
            before(number, frame)

    signal.signal(ending, leave)


def _leave_after(parent: BaseProcess) -> None:
    """End when the parent has: a killed one cannot say goodbye, and its workers would keep the port without MongoDB."""
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
