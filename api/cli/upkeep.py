"""`crm worker`: what happens without a caller."""

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer

from api import logs
from api.cli.runtime import DEFAULT_DATA_DIR, DataDir, exposed_metrics, load_settings, one_sentence, out, with_shop
from api.cli.serve import leave_on
from api.observability.observing import metrics_of
from api.settings import Settings
from services.context import Shop
from worker.jobs import JOBS
from worker.loop import Round, Worker

Once = Annotated[bool, typer.Option("--once", help="Do everything that is due, say what was done, and end.")]
UntilEof = Annotated[bool, typer.Option("--until-eof", hidden=True, help="End when standard input does.")]
ENDINGS = (signal.SIGTERM, signal.SIGINT)
STDIN = 0
LEAVE_SECONDS = 2.0


def worker(once: Once = False, until_eof: UntilEof = False, data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """Do what falls due without a caller, until told to stop; any number of workers may run."""
    with one_sentence():
        settings = load_settings(data_dir)
    logs.configure(settings)
    if once:
        _catch_up(data_dir)
        return
    leave_on(*ENDINGS)
    if until_eof:  # the server tells our metrics with its own
        threading.Thread(target=_leave_at_eof, name="server watcher", daemon=True).start()
    with one_sentence(), nullcontext() if until_eof else exposed_metrics(settings):
        with_shop(data_dir, "crm worker", _run)


def _catch_up(data_dir: Path) -> None:
    async def work(shop: Shop, _: object) -> Round:
        return await _worker(shop, _nobody).run_once()

    told = with_shop(data_dir, "crm worker", work)
    out.print(_sentence(told), soft_wrap=True, highlight=False, markup=False)
    if told.failed:
        raise typer.Exit(1)


async def _run(shop: Shop, settings: Settings) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for told in ENDINGS:  # from here on the batch under way is finished first
        loop.add_signal_handler(told, stop.set)
    metrics = metrics_of(settings)
    shop.database.on_retry = metrics.retry if metrics else None
    shop.freshness.start()
    try:
        await _worker(shop, metrics.job if metrics else _nobody).run(stop)
    finally:
        await shop.freshness.close()


def _worker(shop: Shop, told: Callable[[str, int, str], None]) -> Worker:
    """Return a worker whose name in the leases tells a person where it runs."""
    return Worker(shop, JOBS, holder=f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}", told=told)


def _nobody(*_: object) -> None:
    pass


def _sentence(told: Round) -> str:
    def one(name: str) -> str:
        count = f"{name} {told.done[name]:,}"
        if name in told.failed:
            return f"{count} (failed)"
        return f"{count} (another worker is at it)" if name in told.elsewhere else count

    return ", ".join(one(job.name) for job in JOBS)


def _leave_at_eof() -> None:
    """End when the server has: it holds the other end, and a killed one cannot say goodbye."""
    os.read(STDIN, 1)  # not sys.stdin, whose lock a thread that waits would keep while the process ends
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(LEAVE_SECONDS)
    os._exit(1)  # its MongoDB went with it, and the driver's threads wait 5 s for that one
