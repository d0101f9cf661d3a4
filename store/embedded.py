"""A real MongoDB beside the product, for an installation without one: `crm` starts it and stops it.

A replica set of one node, so that transactions and change streams work. The process that
holds the lock on the data folder owns it, alone:

    data/lock         held by the owner; the kernel lets go when it dies
    data/guests.lock  held, shared, by every other process that uses the owner's MongoDB
    data/mongod.json  who owns it, and which process and port mongod has or last had
    data/mongodb/     mongod's own files
    data/mongod.log   its output since the last start; mongod.log.1 is that of the start before

It listens on 127.0.0.1 without passwords: whoever can run programs on this machine can read it.
Journal and majority writes keep mongod's durable defaults: a test kills it and looks for what it acknowledged.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from store.mongod_binary import (
    POLL_SECONDS,
    REPLICA_SET,
    STOP_SECONDS_MAX,
    EmbeddedError,
    MongodProcess,
    find_mongod,
    free_port,
    is_mongod_on,
)

if sys.platform != "win32":
    import fcntl

__all__ = [
    "CACHE_MB", "CACHE_MB_MIN", "DataDirInUse", "EmbeddedError", "EmbeddedMongo", "attached", "find_mongod",
    "holds_database", "running_uri",
]  # fmt: skip

CACHE_MB = 768  # mongod itself stays under 1 GB with it, and the full import is no slower than with more
CACHE_MB_MIN = 256  # mongod refuses less
ATTACH_SECONDS_MAX = 10.0
KILL_SECONDS_MAX = 5.0
PORT_SECONDS_MAX = 2.0


class DataDirInUse(EmbeddedError):
    """Another live process owns the data folder; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    """The content of mongod.json. `port` outlives the process: the next start prefers it."""

    owner_pid: int
    purpose: str
    port: int | None = None
    mongod_pid: int | None = None
    ready: bool = False


class EmbeddedMongo:
    """The MongoDB of one data folder, owned by this process; a context manager that stops it."""

    def __init__(self, folder: Path, lock: int, record: _Record, process: MongodProcess) -> None:
        """Take over what `start` has started; `lock` is closed by `stop`."""
        self.uri = _uri(record.port)
        self.pid = process.pid
        self._folder = folder
        self._lock: int | None = lock
        self._record = record
        self._process = process

    @classmethod
    def start(cls, data_dir: Path, *, purpose: str, cache_mb: int = CACHE_MB) -> Self:
        """Start MongoDB on `data_dir` and return when it takes writes.

        Args:
            data_dir: folder of the data; made when missing.
            purpose: the command at work, such as "crm serve"; whoever finds the folder in use reads it.
            cache_mb: memory for mongod's cache in MiB, at least 256.

        Raises:
            DataDirInUse: another live process owns the folder.
            EmbeddedError: mongod is missing or did not start; the sentence says why.
        """
        if cache_mb < CACHE_MB_MIN:
            raise ValueError(f"cache_mb must be at least {CACHE_MB_MIN}, got {cache_mb}")
        try:
            folder = data_dir.resolve()
            (folder / "mongodb").mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = _lock(folder / "lock")
            if lock is None:
                raise DataDirInUse(_in_use(data_dir))
            try:
                return cls(folder, lock, *_run(folder, purpose, cache_mb))
            except BaseException:
                os.close(lock)
                raise
        except OSError as error:
            raise EmbeddedError(f"The data folder {data_dir} cannot be used: {error}.") from error

    def alive(self) -> bool:
        """Whether mongod still runs."""
        return self._process.alive()

    def stop(self) -> None:
        """Stop mongod cleanly and let go of the data folder. Calling it again does nothing."""
        if self._lock is None:
            return
        self._process.stop()
        with suppress(OSError):  # a full disk: the record is a hint, the lock decides
            _write(self._folder, replace(self._record, mongod_pid=None, ready=False))
        os.close(self._lock)
        self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def holds_database(data_dir: Path) -> bool:
    """Whether an embedded MongoDB was ever started on `data_dir`."""
    return (data_dir / "mongodb").is_dir()


def running_uri(data_dir: Path) -> str | None:
    """Return the URI of the MongoDB that a live process owns on `data_dir`; None when there is none."""
    folder = data_dir.resolve()
    record = _read(folder)
    if record is None or not record.ready or not _exists(record.owner_pid):
        return None
    return _uri(record.port) if _mongod_runs(folder, record) else None


@contextmanager
def attached(data_dir: Path, *, purpose: str, cache_mb: int = CACHE_MB) -> Iterator[str]:
    """Lend the URI of the MongoDB that runs on `data_dir`, or of one started for this block alone.

    One started here, with this cache, stops when the block is over and nobody else has joined it meanwhile.

    Raises:
        DataDirInUse: another process owns the folder, and its MongoDB was not ready in 10 s.
        EmbeddedError: mongod is missing or did not start; the sentence says why.
    """
    deadline = time.monotonic() + ATTACH_SECONDS_MAX
    while True:
        with _as_guest(data_dir) as uri:
            if uri is not None:
                yield uri
                return
        server = _start_unless_held(data_dir, purpose, cache_mb, deadline)
        if server is None:
            time.sleep(POLL_SECONDS)
            continue
        with server:
            try:
                yield server.uri
            finally:
                _stop_after_guests(data_dir, server)
        return


@contextmanager
def _as_guest(data_dir: Path) -> Iterator[str | None]:
    """Give the running MongoDB's URI, which its owner keeps up during the block; None when there is none."""
    hold = _lock(data_dir / "guests.lock", shared=True) if running_uri(data_dir) else None
    try:
        # Asked again: it may have stopped before we held it.
        yield None if hold is None else running_uri(data_dir)
    finally:
        if hold is not None:
            os.close(hold)


def _start_unless_held(data_dir: Path, purpose: str, cache_mb: int, deadline: float) -> EmbeddedMongo | None:
    try:
        return EmbeddedMongo.start(data_dir, purpose=purpose, cache_mb=cache_mb)
    except DataDirInUse:
        if time.monotonic() >= deadline:
            raise
        return None


def _stop_after_guests(data_dir: Path, server: EmbeddedMongo) -> None:
    while (hold := _lock(data_dir / "guests.lock")) is None:
        time.sleep(POLL_SECONDS)
    server.stop()
    os.close(hold)


def _run(folder: Path, purpose: str, cache_mb: int) -> tuple[_Record, MongodProcess]:
    """Start mongod in a folder that is ours, on its last port if that is free; once more when it was not."""
    before = _read(folder)
    record = _Record(owner_pid=os.getpid(), purpose=purpose)
    if before is not None:
        record = replace(record, port=before.port, mongod_pid=before.mongod_pid)
    _write(folder, record)  # at once: whoever is refused from now on reads our name
    binary = find_mongod()
    _end_orphan(folder, record)
    # A mongod that was killed a moment ago may hold its port a little longer than its process can be seen.
    patience = PORT_SECONDS_MAX if record.mongod_pid is not None else 0.0
    try:
        return _run_on(free_port(record.port, patience=patience), folder, record, cache_mb, binary)
    except EmbeddedError as error:
        if "address already in use" not in str(error).lower():
            raise
        return _run_on(free_port(None), folder, record, cache_mb, binary)


def _run_on(port: int, folder: Path, record: _Record, cache_mb: int, binary: Path) -> tuple[_Record, MongodProcess]:
    log = folder / "mongod.log"
    with suppress(FileNotFoundError):
        log.replace(folder / "mongod.log.1")
    process = MongodProcess(binary, folder / "mongodb", log, port=port, cache_mb=cache_mb)
    try:
        started = replace(record, port=port, mongod_pid=process.pid)
        _write(folder, started)
        process.await_writable()
        ready = replace(started, ready=True)
        _write(folder, ready)
    except BaseException:
        process.stop()
        raise
    return ready, process


def _uri(port: int | None) -> str:
    return f"mongodb://127.0.0.1:{port}/?replicaSet={REPLICA_SET}&directConnection=true"


def _lock(path: Path, *, shared: bool = False) -> int | None:
    """Return a descriptor that holds `path` until it is closed; None when another's lock stands in the way.

    Python's descriptors close on exec, so mongod never inherits it.
    """
    if sys.platform == "win32":
        raise EmbeddedError("The embedded MongoDB needs Linux or macOS: set CRM_MONGODB_URI to a replica set.")
    hold = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(hold, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(hold)
        return None
    return hold


def _in_use(data_dir: Path) -> str:
    record = _read(data_dir)
    if record is None or not _exists(record.owner_pid):
        return f"The data folder {data_dir} is in use by another process."
    return f"The data folder {data_dir} is in use by `{record.purpose}` (process {record.owner_pid})."


def _read(folder: Path) -> _Record | None:
    """Return the content of mongod.json; None when there is none, or a power cut has left it unreadable."""
    try:
        return _Record(**json.loads((folder / "mongod.json").read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def _write(folder: Path, record: _Record) -> None:
    draft = folder / "mongod.json.new"
    draft.write_text(json.dumps(asdict(record)))
    draft.replace(folder / "mongod.json")


def _mongod_runs(folder: Path, record: _Record) -> bool:
    return record.mongod_pid is not None and is_mongod_on(record.mongod_pid, folder / "mongodb")


def _end_orphan(folder: Path, record: _Record) -> None:
    """Wait for the mongod of a dead owner, which is on its way out; kill it when it does not leave."""
    if record.mongod_pid is None:
        return
    for ending, patience in ((signal.SIGTERM, STOP_SECONDS_MAX), (signal.SIGKILL, KILL_SECONDS_MAX)):
        if not _mongod_runs(folder, record):
            return
        with suppress(ProcessLookupError):
            os.kill(record.mongod_pid, ending)
        deadline = time.monotonic() + patience
        while _mongod_runs(folder, record) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is another user's
        return True
    return True
