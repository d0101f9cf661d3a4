"""The product as it is installed: its start, its memory, the full import, and what a shop of that size does with it."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import tastes
from bench.free_port import free_port
from store.embedded import EmbeddedMongo

CRM = [sys.executable, "-m", "api.cli"]
STARTS = 3
POLL_SECONDS = 0.2
ANSWER_SECONDS_MAX = 60
QUERY = json.dumps({"query": "{ customers(first: 1) { nodes { id } } }"}).encode()
MEMORY_OF_SCHEMA = (
    "from api.app import create_app\n"
    "from api.settings import Settings\n"
    "create_app(Settings(mongodb_uri='mongodb://127.0.0.1', secret='x' * 32))\n"
    "print([line for line in open('/proc/self/status') if line.startswith('VmRSS')][0].split()[1])"
)


def measure_start(table: Table) -> None:
    """Add the start of the embedded MongoDB and the memory of the API process."""
    starts = [_cold_start() for _ in range(STARTS)]
    table.add_row("embedded MongoDB from nothing to writable", "under 2 s", _seconds(starts))
    table.add_row("API process after building the schema", "under 120 MB", _megabytes(_schema_memory()))


def measure_whole(console: Console, table: Table) -> None:
    """Add the full import, and what is done with all of it."""
    with tempfile.TemporaryDirectory() as folder:
        for driver in ("motor", "pymongo"):
            console.print(f"Full import over {driver}", style="dim")
            _measure_import(table, Path(folder) / driver, driver)
        console.print("Statistics, crm check, crm serve", style="dim")
        tastes.measure_rebuild(table, Path(folder) / "motor")
        _measure_use(table, Path(folder) / "motor")


def _measure_import(table: Table, data_dir: Path, driver: str) -> None:
    seconds, peaks, report = _full_import(data_dir, driver)
    memory = ", ".join(f"{name} {_megabytes(peak)}" for name, peak in peaks.items())
    done = f"{report['baskets']:,} baskets, {report['lines']:,} lines, {report['sales'] / 100:,.2f} USD"
    table.add_row(f"full import over {driver}: {done}", "under 60 s, 1 GB", f"{seconds:.1f} s, {memory}")


def _measure_use(table: Table, data_dir: Path) -> None:
    started = time.perf_counter()
    subprocess.run([*CRM, "check", "--data-dir", str(data_dir)], check=True, stdout=subprocess.DEVNULL)
    table.add_row("crm check on all of it: no difference", "", f"{time.perf_counter() - started:.1f} s")
    answers = [_first_answer(data_dir) for _ in range(STARTS)]
    seconds = [answer[0] for answer in answers]
    table.add_row("crm serve with all of it to the first answer", "under 3 s", _seconds(seconds))
    table.add_row("API process after the first answer", "", _megabytes(max(answer[1] for answer in answers)))


def _megabytes(kilobytes: int) -> str:
    return f"{kilobytes / 1024:.0f} MB"


def _seconds(measured: list[float]) -> str:
    return f"{sorted(measured)[len(measured) // 2]:.2f} s (median of {len(measured)})"


def _cold_start() -> float:
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        with EmbeddedMongo.start(Path(folder), purpose="bench"):
            return time.perf_counter() - started


def _schema_memory() -> int:
    """Return kilobytes of resident memory of a process that has built the application."""
    return int(
        subprocess.run([sys.executable, "-c", MEMORY_OF_SCHEMA], check=True, capture_output=True, text=True).stdout
    )


def _full_import(data_dir: Path, driver: str) -> tuple[float, dict[str, int], dict[str, int]]:
    """Return seconds, MongoDB's start and stop included, the peak kilobytes of both processes, and the report."""
    command = [*CRM, "import", "complete-journey", "--data-dir", str(data_dir), "--json"]
    environment = {**os.environ, "CRM_MONGO_DRIVER": driver}
    peaks: dict[str, int] = {}
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as run:
        assert run.stdout is not None
        while run.poll() is None:
            peaks |= _peaks(run.pid, data_dir)
            time.sleep(POLL_SECONDS)
        output = run.stdout.read()
    assert run.returncode == 0, output
    return time.perf_counter() - started, peaks, json.loads(output)


def _peaks(importer: int, data_dir: Path) -> dict[str, int]:
    """Return the peak resident kilobytes, so far, of the importer and of its MongoDB."""
    found: dict[str, int] = {}
    with suppress(OSError, ValueError, IndexError):
        found["importer"] = _kilobytes(importer, "VmHWM")
        found["mongod"] = _kilobytes(json.loads((data_dir / "mongod.json").read_text())["mongod_pid"], "VmHWM")
    return found


def _kilobytes(pid: int, what: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.split(f"{what}:")[1].split()[0])


def _first_answer(data_dir: Path) -> tuple[float, int]:
    """Return seconds from the command to the first answer over HTTP, and the process's kilobytes then."""
    made = subprocess.run(
        [*CRM, "keys", "create", "--role", "STAFF", "--json", "--data-dir", str(data_dir)],
        check=True,
        capture_output=True,
        text=True,
    )
    key, port = json.loads(made.stdout)["key"], free_port()
    started = time.perf_counter()
    with _serving(data_dir, port) as server:
        _ask_until_answered(port, key)
        seconds = time.perf_counter() - started
        memory = _kilobytes(server.pid, "VmRSS")
    return seconds, memory


@contextmanager
def _serving(data_dir: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    command = [*CRM, "serve", "--port", str(port), "--data-dir", str(data_dir)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            yield server
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()


def _ask_until_answered(port: int, key: str) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        QUERY,
        {"Content-Type": "application/json", "Authorization": f"Bearer {key}"},
    )
    deadline = time.monotonic() + ANSWER_SECONDS_MAX
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                assert "data" in json.load(response)
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.01)
    raise TimeoutError("The server did not answer.")
