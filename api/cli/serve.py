"""`crm serve`: the API, with a worker beside it, and with its own MongoDB where none is named."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from time import monotonic
from typing import Annotated, Any

import typer
import uvicorn

from api import logs
from api.app import make_engine
from api.cli.runtime import (
    DEFAULT_DATA_DIR,
    DataDir,
    KeptMongo,
    Stop,
    err,
    exposed_metrics,
    load_settings,
    one_sentence,
    out,
    run_in_shop,
)
from api.settings import PREFIX, Settings
from api.socket_protocol import MESSAGE_BYTES_MAX
from services.context import Shop

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)]
Workers = Annotated[int, typer.Option(help="Processes that answer.", min=1, max=64)]
NoWorker = Annotated[bool, typer.Option("--no-worker", help="Start no worker; `crm worker` runs elsewhere.")]
DRAIN_SECONDS = 10
WORKER_STOP_SECONDS = 10
# uvicorn kills a worker that is silent for so long, and one that still imports is: on a busy machine 5 s, its default,
# started workers over and over and never got to serve.
WORKER_HEALTH_SECONDS = 30
WATCH_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
SERVER: dict[str, Any] = {
    "log_level": "warning",
    "log_config": None,  # ours passes on what uvicorn warns of (api/logs.py)
    "access_log": False,
    "timeout_graceful_shutdown": DRAIN_SECONDS,
    "timeout_worker_healthcheck": WORKER_HEALTH_SECONDS,
    "server_header": False,
    "ws_max_size": MESSAGE_BYTES_MAX,
    "ws_per_message_deflate": False,  # compressed, an idle socket takes twice the memory
}
"""How uvicorn serves, whatever it serves on."""
PROJECT = Path(__file__).parents[2]


def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    workers: Workers = 1,
    no_worker: NoWorker = False,
) -> None:
    """Migrate and serve until told to stop; with no CRM_MONGODB_URI also start the embedded MongoDB."""
    run_server(host, port, data_dir, workers, purpose="crm serve", prepare=_migrate, upkeep=not no_worker)


def _migrate(settings: Settings) -> None:
    """Open the shop once, here, where what stands in the way is one sentence."""

    async def nothing_more(_: Shop, __: Settings) -> None:
        pass

    asyncio.run(run_in_shop(settings, nothing_more))


def run_server(
    host: str,
    port: int,
    data_dir: Path,
    workers: int,
    *,
    purpose: str,
    prepare: Callable[[Settings], None],
    upkeep: bool = True,
) -> None:
    """Serve; `prepare` runs once MongoDB is up and before the first request.

    Args:
        workers: processes that answer.
        upkeep: whether to start `crm worker` beside them.
    """
    leave_on(signal.SIGTERM)  # uvicorn drains, then raises the signal again for whoever had it before
    with one_sentence(), server_mongodb(load_settings(data_dir), data_dir, purpose) as settings:
        logs.configure(settings)
        _check_port(host, port)
        if settings.trusted_documents:
            make_engine(settings)  # here a bad file is one sentence, and in a worker a traceback
        prepare(settings)
        # Workers read their settings from the environment, and find there what was decided here.
        os.environ[f"{PREFIX}MONGODB_URI"], os.environ[f"{PREFIX}SECRET"] = (
            settings.mongodb_uri or "",
            settings.secret or "",
        )
        out.print(f"Serving at [bold]http://{host}:{port}/graphql[/bold]; Ctrl-C stops it.", highlight=False)
        with exposed_metrics(settings), kept_worker() if upkeep else nullcontext():
            uvicorn.run(
                "api.cli.served:app",
                factory=True,
                host=host,
                port=port,
                workers=workers,
                **SERVER,
            )


@contextmanager
def server_mongodb(settings: Settings, data_dir: Path, purpose: str) -> Iterator[Settings]:
    """Give settings with a MongoDB that this process owns, or with the one they name."""
    if settings.mongodb_uri:
        yield settings
        return
    mongo = KeptMongo(data_dir, purpose, settings.mongodb_cache_mb)
    try:
        yield settings.model_copy(update={"mongodb_uri": mongo.uri})
    except KeyboardInterrupt:
        pass
    finally:
        mongo.stop()


class KeptWorker:
    """A server's `crm worker`: a process of its own that ends with the server, and is started again when it dies."""

    def __init__(self) -> None:
        self._process = _start_worker()
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="worker watcher", daemon=True)
        self._watcher.start()

    def _watch(self) -> None:
        pause, started = WATCH_SECONDS, monotonic()
        while not self._over.wait(WATCH_SECONDS):
            if (code := self._process.poll()) is None:
                continue
            err.print(f"The worker ended with exit code {code} and is started again.", soft_wrap=True, highlight=False)
            lived = monotonic() - started
            pause = WATCH_SECONDS if lived > LONGEST_PAUSE_SECONDS else min(pause * 2, LONGEST_PAUSE_SECONDS)
            if self._over.wait(pause):  # one that keeps dying is not started all the time
                return
            self._process, started = _start_worker(), monotonic()

    def stop(self) -> None:
        """Let it finish what it is at, and end it by force where that lasts longer than 10 s."""
        self._over.set()
        self._watcher.join()
        self._process.terminate()
        try:
            self._process.wait(WORKER_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._process.communicate()  # closes its standard input, which would have hurried it


def _start_worker() -> subprocess.Popen[bytes]:
    """Start it as `crm worker`, whose settings this process's environment holds.

    It waits for the end of its standard input, which is a pipe that only this process holds the other end of. In a
    session of its own Ctrl-C does not reach it. From the project's folder no other package is found as `api`.
    """
    command = [sys.executable, "-m", "api.cli", "worker", "--until-eof"]
    return subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603 -- ours


@contextmanager
def kept_worker() -> Iterator[None]:
    """Keep a worker running during the block."""
    kept = KeptWorker()
    try:
        yield
    finally:
        kept.stop()


def leave_on(*endings: signal.Signals) -> None:
    """Leave by way of `finally` on any of these signals, with exit code 0."""

    def leave(*_: object) -> None:
        raise SystemExit(0)

    for ending in endings:
        signal.signal(ending, leave)


def _check_port(host: str, port: int) -> None:
    """Say in one sentence that the port is taken, before anything else happens.

    Raises:
        Stop: it is taken.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            raise Stop(
                f"Port {port} of {host} cannot be used: {problem.strerror}. Choose another with --port."
            ) from None
