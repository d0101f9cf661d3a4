"""What every command stands on: settings, the secret, MongoDB (the installation's own or the embedded one), a shop."""

import asyncio
import os
import secrets
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from pymongo.errors import PyMongoError
from rich.console import Console

from api.app import make_shop, open_database
from api.settings import BadSettings, Settings
from services.context import Shop
from services.installation import CannotOpen, open_shop
from store.embedded import EmbeddedError, EmbeddedMongo, attached
from store.migrations import MigrationChanged

T = TypeVar("T")
DataDir = Annotated[Path, typer.Option(help="Folder of the embedded MongoDB and of the secret.", file_okay=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object for another program.")]
DEFAULT_DATA_DIR = Path("data")
WATCH_SECONDS = 0.5
out, err = Console(), Console(stderr=True)


class Stop(Exception):
    """Ends a command with one sentence on standard error and exit code 1."""


@contextmanager
def one_sentence() -> Iterator[None]:
    """Turn what a user can mend into one sentence and exit code 1."""
    try:
        yield
    except (Stop, BadSettings, EmbeddedError, CannotOpen, MigrationChanged) as problem:
        err.print(f"[red]{problem}[/red]", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    except PyMongoError as problem:
        err.print(f"[red]MongoDB does not answer: {str(problem).split(',')[0][:200]}[/red]", soft_wrap=True)
        raise typer.Exit(1) from None


def load_settings(data_dir: Path) -> Settings:
    """Return the environment's settings; where there is no CRM_SECRET, with the one kept in the data folder.

    Raises:
        BadSettings: as `Settings.from_environ`.
    """
    settings = Settings.from_environ(os.environ)
    return settings if settings.secret else settings.model_copy(update={"secret": kept_secret(data_dir)})


def kept_secret(data_dir: Path) -> str:
    """Return the data folder's secret, made at the first start and readable by its owner alone."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = data_dir / "secret"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        secret = secrets.token_hex(32)
        file.write(secret + "\n")
    return secret


@contextmanager
def mongodb_for(settings: Settings, data_dir: Path, purpose: str) -> Iterator[Settings]:
    """Give settings with a MongoDB: the one they name, the one a running server has, or one for this block alone."""
    if settings.mongodb_uri:
        yield settings
        return
    with attached(data_dir, purpose=purpose) as uri:
        yield settings.model_copy(update={"mongodb_uri": uri})


def with_shop(data_dir: Path, purpose: str, work: Callable[[Shop, Settings], Awaitable[T]]) -> T:
    """Run `work` on the opened shop and return what it returns."""
    with one_sentence(), mongodb_for(load_settings(data_dir), data_dir, purpose) as settings:
        return asyncio.run(run_in_shop(settings, work))


async def run_in_shop(settings: Settings, work: Callable[[Shop, Settings], Awaitable[T]]) -> T:
    """Open the shop, run `work`, close it."""
    database = open_database(settings)
    try:
        shop = make_shop(settings, database)
        await open_shop(shop)
        return await work(shop, settings)
    finally:
        await database.close()


class KeptMongo:
    """The embedded MongoDB of a server: owned by this process and started again when it dies."""

    def __init__(self, data_dir: Path, purpose: str) -> None:
        self._data_dir = data_dir
        self._purpose = purpose
        self._mongo = EmbeddedMongo.start(data_dir, purpose=purpose)
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="mongod watcher", daemon=True)
        self._watcher.start()

    @property
    def uri(self) -> str:
        """Where it listens; the same after a restart wherever the port is still free."""
        return self._mongo.uri

    def _watch(self) -> None:
        while not self._over.wait(WATCH_SECONDS):
            if not self._mongo.alive():
                self._mongo.stop()
                try:
                    self._mongo = EmbeddedMongo.start(self._data_dir, purpose=self._purpose)
                except EmbeddedError as problem:
                    print(f"MongoDB died and does not start again: {problem}", file=sys.stderr)  # noqa: T201 -- a thread's only way out

    def stop(self) -> None:
        """Stop it for good."""
        self._over.set()
        self._watcher.join()
        self._mongo.stop()
