"""`crm serve` as a process of its own, and what its tests ask of it.

A process that should be gone is looked for by its pid, and mongod by its data folder, never by name alone.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

CRM = str(Path(sys.executable).with_name("crm"))
START_SECONDS = 30.0
STOP_SECONDS = 20.0
END_SECONDS = 15.0  # a worker that starts while MongoDB goes waits 5 s for it

RECORD = """mutation($input: RecordPurchaseInput!) { recordPurchase(input: $input) {
  purchase { id } replayed userErrors { code message } } }"""
RECORD_DAY = """mutation($inputs: [RecordPurchaseInput!]!) { recordPurchases(inputs: $inputs) {
  results { purchase { id } userErrors { code message } } } }"""
SALE = """query($id: ID!) { purchase(by: {id: $id}) { total { amount } } }"""


def environ(**settings: str) -> dict[str, str]:
    """Return this environment with no CRM_* variables but the ones given.

    A line for each request would fill the pipe that nobody reads before the end, and a full pipe stops the server.
    """
    ours = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
    return {**ours, "CRM_LOG_LEVEL": "warning", **settings}


def crm(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [CRM, *words], env=environ(**settings), capture_output=True, text=True, check=False, timeout=60
    )


def said(*words: str) -> Any:
    """Return the JSON that a command printed."""
    done = crm(*words, "--json")
    assert (done.returncode, done.stderr) == (0, ""), done
    return json.loads(done.stdout)


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one sentence a command was refused with."""
    assert done.returncode == 1, done
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.strip().endswith("."), done.stderr
    return done.stderr.strip()


def eventually(reached: Callable[[], Any], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not (there := reached()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(there)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def mongod_pid(folder: Path) -> int:
    """Return the pid of the mongod that last ran on a data folder."""
    return int(json.loads((folder / "mongod.json").read_text())["mongod_pid"])


def runs(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


@dataclass
class Server:
    """One `crm serve` and what belongs to it."""

    process: subprocess.Popen[str]
    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ready(self) -> bool:
        with suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/health/ready", timeout=6).status_code == 200
        return False

    def await_ready(self, seconds: float = START_SECONDS) -> None:
        assert eventually(lambda: self.process.poll() is not None or self.ready(), seconds)
        assert self.process.poll() is None, self.process.communicate()

    def ask(self, key: str, query: str, **variables: Any) -> Any:
        """Return the data of an operation."""
        answer = httpx.post(
            f"{self.url}/graphql",
            json={"query": query, "variables": variables},
            headers={"Authorization": f"Bearer {key}"},
            timeout=30,
        )
        body = answer.json()
        assert answer.status_code == 200, body
        assert "errors" not in body, body
        return body["data"]

    def key(self, role: str = "admin") -> str:
        return str(said("keys", "create", "--role", role, "--data-dir", str(self.folder))["key"])

    def all_processes(self) -> list[psutil.Process]:
        """Return everything that was started, mongod and workers included."""
        serve = psutil.Process(self.process.pid)
        return [serve, *serve.children(recursive=True)]

    def end(self, how: signal.Signals) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(how)
        return self.process.wait(STOP_SECONDS)


@contextmanager
def serving(folder: Path, *words: str, await_ready: bool = True, **settings: str) -> Iterator[Server]:
    """A server on a data folder, killed at the end with all it started where a test has not stopped it."""
    port = free_port()
    command = [CRM, "serve", "--port", str(port), "--data-dir", str(folder), *words]
    with subprocess.Popen(
        command, env=environ(**settings), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        server = Server(process, folder, port)
        started: list[psutil.Process] = []
        try:
            if await_ready:
                server.await_ready()
            started = server.all_processes()
            yield server
        finally:
            for one in [*started, psutil.Process(process.pid)] if process.poll() is None else started:
                with suppress(psutil.NoSuchProcess):
                    one.kill()


def sale(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "externalId": {"source": "till-7", "value": f"s-{number}"},
        "channel": "POS",
        "occurredAt": "2024-11-21T10:00:00+01:00",
        "currencyCode": "USD",
        "lines": [{"lineNumber": 1, "sku": "MUG", "title": "MUG", "quantity": "1", "unitPrice": "7.00"}],
        "total": "7.00",
        **fields,
    }
