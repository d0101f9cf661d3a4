"""The servers that are compared, each a process of its own on the same database: how it is started and spoken to."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from bench.free_port import free_port

PEERS = Path(__file__).parent / "peers"
PROJECT = Path(__file__).parents[1]
START_SECONDS = 30.0
STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A server: `factory` is a Python application, `script` a Node one with its `options`.

    `operations` are those in which it differs from another that is measured.
    """

    name: str
    operations: str = "ABCM"
    factory: str | None = None
    script: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def ours(self) -> bool:
        """Whether it authenticates as the service does."""
        return self.factory is not None and self.factory != "bench.bare:create_app"


SERVED = "bench.unlimited:app"
PYMONGO = {"CRM_MONGO_DRIVER": "pymongo"}
MOTOR = {"CRM_MONGO_DRIVER": "motor"}
ONE_BY_ONE = {"CRM_FETCH_PLANNING": "false", "CRM_SHARED_LOOKUPS": "false"}
OURS = "this project"
PLAIN = "this project's resolvers on plain strawberry"
PLAIN_MOTOR = f"{PLAIN}, on Motor"
BARE = "bare Starlette endpoint"
MERCURIUS = "Mercurius with JIT"
MERCURIUS_FUSED = "Mercurius with JIT, same aggregation"
APOLLO = "Apollo Server 5"
CONTENDERS = (
    Contender(name=OURS, factory=SERVED, environ=PYMONGO),
    Contender(name="this project, on Motor", factory=SERVED, environ=MOTOR),
    Contender(name="without the operation cache", factory=SERVED, environ={**PYMONGO, "CRM_OPERATION_CACHE": "false"}),
    Contender(name="without plans (graphql-core)", factory=SERVED, environ={**PYMONGO, "CRM_EXECUTOR": "graphql-core"}),
    Contender(name="without fetch planning", factory=SERVED, environ={**PYMONGO, "CRM_FETCH_PLANNING": "false"}),
    Contender(name="without shared look-ups", factory=SERVED, environ={**PYMONGO, "CRM_SHARED_LOOKUPS": "false"}),
    Contender(
        name="without pipelined writes",
        operations="M",
        factory=SERVED,
        environ={**PYMONGO, "CRM_PIPELINED_WRITES": "false"},
    ),
    Contender(name=PLAIN, factory="bench.plain:create_app", environ={**PYMONGO, **ONE_BY_ONE}),
    Contender(name=PLAIN_MOTOR, factory="bench.plain:create_app", environ={**MOTOR, **ONE_BY_ONE}),
    Contender(name=BARE, factory="bench.bare:create_app", environ=PYMONGO),
    Contender(name=MERCURIUS, script="mercurius.mjs"),
    Contender(name=MERCURIUS_FUSED, operations="A", script="mercurius.mjs", options={"fused": True}),
    Contender(name=APOLLO, script="apollo.mjs"),
)


@dataclass(frozen=True, slots=True)
class Running:
    """A started server."""

    contender: Contender
    url: str
    pid: int

    @property
    def processes(self) -> list[psutil.Process]:
        """The processes that answer: the one that was started, or its workers."""
        started = psutil.Process(self.pid)
        workers = [child for child in started.children() if "spawn_main" in " ".join(child.cmdline())]
        return workers or [started]

    @property
    def seconds(self) -> float:
        """Processor seconds that it has used."""
        return sum(used(process) for process in self.processes)

    @property
    def megabytes(self) -> float:
        """Resident memory of its largest process."""
        return max(process.memory_info().rss for process in self.processes) / 1024**2


def used(process: psutil.Process) -> float:
    """Return the processor seconds that a process has used."""
    times = process.cpu_times()
    return float(times.user + times.system)


@contextmanager
def running(contender: Contender, shop: Mapping[str, str], *, workers: int = 1) -> Iterator[Running]:
    """Start a server on the shop's database, as its CRM_ settings name it, and stop it after the block.

    Args:
        workers: processes that answer, of a Python one.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}/graphql"
    with subprocess.Popen(
        _command(contender, shop, port, workers),
        cwd=PROJECT,
        env=_environ(contender, shop),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            _wait(url, process)
            yield Running(contender, url, process.pid)
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            process.kill()


def _command(contender: Contender, shop: Mapping[str, str], port: int, workers: int) -> list[str]:
    if contender.script:
        options = {"uri": shop["CRM_MONGODB_URI"], "database": shop["CRM_MONGODB_DATABASE"], "port": port}
        return ["node", str(PEERS / contender.script), json.dumps({**options, **contender.options})]
    assert contender.factory
    quiet = ["--log-level", "warning", "--no-server-header", "--no-access-log"]
    # A worker that is silent for so long is ended by uvicorn, and one that still imports is silent.
    many = ["--workers", str(workers), "--timeout-worker-healthcheck", "30"] if workers > 1 else []
    return [sys.executable, "-m", "uvicorn", "--factory", contender.factory, "--port", str(port), *quiet, *many]


def _environ(contender: Contender, shop: Mapping[str, str]) -> dict[str, str]:
    rest = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
    return {**rest, **shop, "NODE_ENV": "production", **contender.environ}


def _wait(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, f"{process.args!r} ended"
        try:
            urllib.request.urlopen(url, timeout=5)
        except urllib.error.HTTPError:
            return  # it answers
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"{url} did not answer.")
