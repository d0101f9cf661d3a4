"""`crm serve`: the API, with its own MongoDB beside it where none is named."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from api.cli.runtime import DEFAULT_DATA_DIR, DataDir, KeptMongo, Stop, load_settings, one_sentence, out, run_in_shop
from api.settings import PREFIX, Settings
from services.context import Shop

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)]
Workers = Annotated[int, typer.Option(help="Processes that answer.", min=1, max=64)]
DRAIN_SECONDS = 10


def serve(
    host: Host = "127.0.0.1", port: Port = 8000, data_dir: DataDir = DEFAULT_DATA_DIR, workers: Workers = 1
) -> None:
    """Migrate and serve until told to stop; with no CRM_MONGODB_URI also start the embedded MongoDB."""
    run_server(host, port, data_dir, workers, purpose="crm serve", prepare=_migrate)


def _migrate(settings: Settings) -> None:
    """Open the shop once, here, where what stands in the way is one sentence."""

    async def nothing_more(_: Shop, __: Settings) -> None:
        pass

    asyncio.run(run_in_shop(settings, nothing_more))


def run_server(
    host: str, port: int, data_dir: Path, workers: int, *, purpose: str, prepare: Callable[[Settings], None]
) -> None:
    """Serve; `prepare` runs once MongoDB is up and before the first request."""
    _leave_on_sigterm()
    with one_sentence(), server_mongodb(load_settings(data_dir), data_dir, purpose) as settings:
        _check_port(host, port)
        prepare(settings)
        # Workers read their settings from the environment, and find there what was decided here.
        os.environ[f"{PREFIX}MONGODB_URI"], os.environ[f"{PREFIX}SECRET"] = (
            settings.mongodb_uri or "",
            settings.secret or "",
        )
        out.print(f"Serving at [bold]http://{host}:{port}/graphql[/bold]; Ctrl-C stops it.", highlight=False)
        uvicorn.run(
            "api.cli.worker:app",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            log_level="warning",
            timeout_graceful_shutdown=DRAIN_SECONDS,
            server_header=False,
        )


@contextmanager
def server_mongodb(settings: Settings, data_dir: Path, purpose: str) -> Iterator[Settings]:
    """Give settings with a MongoDB that this process owns, or with the one they name."""
    if settings.mongodb_uri:
        yield settings
        return
    mongo = KeptMongo(data_dir, purpose)
    try:
        yield settings.model_copy(update={"mongodb_uri": mongo.uri})
    except KeyboardInterrupt:
        pass
    finally:
        mongo.stop()


def _leave_on_sigterm() -> None:
    """Leave by way of `finally` on SIGTERM: uvicorn drains, then raises the signal again for whoever had it before."""

    def leave(*_: object) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, leave)


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
