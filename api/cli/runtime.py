"""What every command stands on: settings, the secret, MongoDB (the installation's own or the embedded one), a shop."""

import asyncio
import os
import re
import secrets
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import mkstemp
from typing import Annotated, TypeVar

import typer
from pymongo.errors import PyMongoError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from api.app import make_shop, open_database
from api.observability.exposition import exposed
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
        _complain(str(problem))
        raise typer.Exit(1) from None
    except PyMongoError as problem:
        # The drivers' messages go on for a screen: only the first clause is about what happened.
        _complain(f"MongoDB does not answer: {re.split(r', | [(]configured', str(problem))[0][:200].rstrip('.')}.")
        raise typer.Exit(1) from None


def _complain(sentence: str) -> None:
    """Print to standard error; a path with [brackets] in it is no markup."""
    err.print(Text(sentence, style="red"), soft_wrap=True)


def load_settings(data_dir: Path) -> Settings:
    """Return the environment's settings; where there is no CRM_SECRET, with the one kept in the data folder.

    Raises:
        BadSettings: as `Settings.from_environ`.
    """
    settings = Settings.from_environ(os.environ)
    return settings if settings.secret else settings.model_copy(update={"secret": kept_secret(data_dir)})


def kept_secret(data_dir: Path) -> str:
    """Return the data folder's secret, made at the first start and readable by its owner alone.

    Raises:
        Stop: the folder cannot be used.
    """
    path = data_dir / "secret"
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _make_secret(path)
        return path.read_text(encoding="ascii").strip()
    except OSError as problem:
        raise Stop(f"The data folder {data_dir} cannot be used: {problem.strerror}.") from None


def _make_secret(path: Path) -> None:
    """Make the secret appear whole and once, whoever else starts now and wherever a crash falls."""
    descriptor, name = mkstemp(dir=path.parent, prefix="secret.")
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(descriptor)
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink()


@contextmanager
def mongodb_for(settings: Settings, data_dir: Path, purpose: str) -> Iterator[Settings]:
    """Give settings with a MongoDB: the one they name, the one a running server has, or one for this block alone."""
    if settings.mongodb_uri:
        yield settings
        return
    with attached(data_dir, purpose=purpose, cache_mb=settings.mongodb_cache_mb) as uri:
        yield settings.model_copy(update={"mongodb_uri": uri})


def with_shop(data_dir: Path, purpose: str, work: Callable[[Shop, Settings], Awaitable[T]]) -> T:
    """Run `work` on the opened shop and return what it returns."""
    with one_sentence(), mongodb_for(load_settings(data_dir), data_dir, purpose) as settings:
        return asyncio.run(run_in_shop(settings, work))


async def run_in_shop(settings: Settings, work: Callable[[Shop, Settings], Awaitable[T]]) -> T:
    """Open the shop, run `work`, close it.

    Raises:
        Stop: the address of MongoDB is none.
    """
    try:
        database = open_database(settings)
    except ValueError as problem:  # the driver's, of a port beyond 65535
        raise Stop(f"CRM_MONGODB_URI: {problem}.") from None
    try:
        shop = make_shop(settings, database)
        await open_shop(shop)
        return await work(shop, settings)
    finally:
        await database.close()


@contextmanager
def exposed_metrics(settings: Settings) -> Iterator[None]:
    """Tell metrics during the block, where the settings say so.

    Raises:
        Stop: the port is taken.
    """
    host, port = settings.metrics_host, settings.metrics_port
    with ExitStack() as stack:
        try:
            stack.enter_context(exposed(host, port))
        except OSError as problem:
            raise Stop(f"CRM_METRICS_PORT: port {port} of {host} cannot be used: {problem.strerror}.") from None
        yield


class KeptMongo:
    """The embedded MongoDB of a server: owned by this process and started again when it dies."""

    def __init__(self, data_dir: Path, purpose: str, cache_mb: int) -> None:
        self._start = partial(EmbeddedMongo.start, data_dir, purpose=purpose, cache_mb=cache_mb)
        self._mongo = self._start()
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="mongod watcher", daemon=True)
        self._watcher.start()

    @property
    def uri(self) -> str:
        """Where it listens, for as long as the server runs."""
        return self._mongo.uri

    def _watch(self) -> None:
        said = False
        while not self._over.wait(WATCH_SECONDS):
            if self._mongo.alive():
                said = False
                continue
            self._mongo.stop()
            try:
                self._start_again()
            except EmbeddedError as problem:
                if not said:  # once, however long it takes
                    _say(f"MongoDB died and does not start again: {problem}")
                said = True

    def _start_again(self) -> None:
        before = self._mongo.uri
        self._mongo = self._start()
        if self._mongo.uri != before:  # somebody took the port meanwhile, and the workers know only the old one
            _say("MongoDB died and its port is taken: stopping, start again.")
            os.kill(os.getpid(), signal.SIGTERM)

    def stop(self) -> None:
        """Stop it for good."""
        self._over.set()
        self._watcher.join()
        self._mongo.stop()


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)  # noqa: T201 -- a thread's only way out


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """Give a function that shows how many of how many are done, as a progress bar on standard error."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
