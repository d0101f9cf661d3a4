"""`make crash`: kills the API, the whole server and mongod under load, and looks whether anything was lost or doubled.

Each round starts the server, lets tills at it, and kills one of the three with SIGKILL at a random moment. In the end
the tills send what was never answered again, with its keys, and everything they were told is compared with the ledger.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
from pymongo import MongoClient

from bench.tills import Endpoint, Load, prepared
from store.embedded import attached

CRM = [sys.executable, "-m", "api.cli"]
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")} | {
    "CRM_RATE_LIMIT": "off"  # tills here send as fast as they can
}
VICTIMS = ("api", "server", "mongod")
START_SECONDS = 120.0  # two processes import and a killed mongod recovers, beside whatever else the machine does
STOP_SECONDS = 90.0
SAID_MAX = 4000
REPLAY_SECONDS = 120.0  # a key whose holder was killed is free again after 60 s


@dataclass
class Outcome:
    """What the crashes came to; `problems` is empty where nothing was lost or doubled."""

    killed: dict[str, int] = field(default_factory=dict)
    acknowledged: int = 0
    replayed: int = 0
    problems: list[str] = field(default_factory=list)


def crash(data_dir: Path, *, rounds: int, seed: int, connections: int = 8, seconds: float = 2.5) -> Outcome:
    """Run so many rounds of load and SIGKILL on a new shop and compare."""
    chance, outcome = random.Random(seed), Outcome()
    load: Load | None = None
    for round_ in range(rounds):
        victim = VICTIMS[round_ % len(VICTIMS)]
        with serving(data_dir) as (port, key, server):
            load = asyncio.run(_round(port, key, load, server, victim, connections, chance.uniform(0.5, seconds), seed))
        outcome.killed[victim] = outcome.killed.get(victim, 0) + 1
        done = f"{len(load.seconds):,} acknowledged, {len(load.unanswered)} to be sent again"
        print(f"round {round_ + 1} of {rounds}: killed {victim}; {done}", file=sys.stderr, flush=True)
    assert load is not None
    outcome.replayed = len(load.unanswered)
    with serving(data_dir) as (port, key, _):
        asyncio.run(_replay(port, key, load, connections))
    outcome.acknowledged = len(load.seconds)
    outcome.problems = [*_unanswered(load), *_differences(data_dir), *_compared(data_dir, load)]
    return outcome


async def _round(
    port: int,
    key: str,
    load: Load | None,
    server: "subprocess.Popen[bytes]",
    victim: str,
    connections: int,
    after: float,
    seed: int,
) -> Load:
    endpoint = Endpoint(f"http://127.0.0.1:{port}/graphql", key, connections)
    try:
        load = load or Load(await prepared(endpoint, 4), seed)

        async def kill() -> None:
            await asyncio.sleep(after)
            _kill(server, victim)

        await asyncio.gather(load.run(endpoint, connections, after + 1.0), kill())
    finally:
        await endpoint.close()
    return load


async def _replay(port: int, key: str, load: Load, connections: int) -> None:
    endpoint = Endpoint(f"http://127.0.0.1:{port}/graphql", key, connections)
    try:
        await load.replay(endpoint, REPLAY_SECONDS)
    finally:
        await endpoint.close()


def _kill(server: "subprocess.Popen[bytes]", victim: str) -> None:
    """Kill one process for good: one that answers, the one that owns them all, or the database."""
    children = psutil.Process(server.pid).children(recursive=True)
    chosen = {
        "server": [server.pid],
        "mongod": [child.pid for child in children if child.name().startswith("mongod")],
        "api": [child.pid for child in children if "spawn_main" in " ".join(child.cmdline())][:1],
    }[victim]
    for pid in chosen:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@contextmanager
def serving(data_dir: Path, *, workers: int = 2) -> Iterator[tuple[int, str, "subprocess.Popen[bytes]"]]:
    """Serve with so many API processes until the block ends, and wait until all of it is gone.

    Gives the port, a key of an administrator, and the server's process.
    """
    port, key = _free_port(), _key(data_dir)
    command = [*CRM, "serve", "--port", str(port), "--data-dir", str(data_dir), "--workers", str(workers)]
    with (
        (data_dir / "server.log").open("wb") as log,
        subprocess.Popen(command, env=ENVIRONMENT, stdout=log, stderr=log) as server,
    ):
        known: list[psutil.Process] = []
        try:
            _wait_until_ready(port, data_dir / "server.log")
            known = psutil.Process(server.pid).children(recursive=True)
            yield port, key, server
        finally:
            with suppress(ProcessLookupError):
                server.send_signal(signal.SIGTERM)
            server.wait(STOP_SECONDS)
            _, left = psutil.wait_procs(known, timeout=15)
            for process in left:
                process.kill()


def _wait_until_ready(port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with suppress(httpx.HTTPError):
            if httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=2).status_code == httpx.codes.OK:
                return
        time.sleep(0.05)
    raise TimeoutError(f"The server did not get ready. It said last: {log.read_text(errors='replace')[-SAID_MAX:]}")


def _unanswered(load: Load) -> Iterator[str]:
    if load.unanswered:
        yield f"{len(load.unanswered)} requests were never answered: {load.refused}"


def _differences(data_dir: Path) -> Iterator[str]:
    command = [*CRM, "check", "--json", "--data-dir", str(data_dir)]
    run = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    for difference in json.loads(run.stdout)["differences"]:
        yield f"crm check: {difference}"


def _compared(data_dir: Path, load: Load) -> Iterator[str]:
    """Compare what the tills were told with what is stored: everything acknowledged is there, and there once."""
    with attached(data_dir, purpose="crash test") as uri, MongoClient(uri) as client:
        database = client["crm"]
        for customer, told in load.told.items():
            purchases = [purchase["_id"] for purchase in database["purchases"].find({"owner": customer}, ["_id"])]
            entries = list(database["points_transactions"].find({"owner": customer}))
            checks = (
                ("purchases", sorted(purchases), sorted(told.purchases)),
                ("earned", _sum(entries, "EARN", "BONUS"), told.earned),
                ("spent", -_sum(entries, "SPEND"), told.spent),
                ("given back", _sum(entries, "RETURN_SPENT"), told.given_back),
            )
            for what, stored, expected in checks:
                if stored != expected:
                    yield f"{customer}: {what} is {stored}, tills were told {expected}"


def _sum(entries: list[dict[str, Any]], *types: str) -> int:
    return sum(entry["points"] for entry in entries if entry["type"] in types)


def _key(data_dir: Path) -> str:
    """Return the tills' key, made once: idempotency keys belong to it, and would mean nothing under another.

    Tried again while the MongoDB of a server that was killed is still going.
    """
    kept = data_dir / "till.key"
    if not kept.exists():
        kept.write_text(_made(data_dir), encoding="ascii")
    return kept.read_text(encoding="ascii")


def _made(data_dir: Path) -> str:
    command = [*CRM, "keys", "create", "--role", "ADMIN", "--json", "--data-dir", str(data_dir)]
    deadline = time.monotonic() + START_SECONDS
    while True:
        made = subprocess.run(command, check=False, env=ENVIRONMENT, capture_output=True, text=True)
        if made.returncode == 0:
            return str(json.loads(made.stdout)["key"])
        if time.monotonic() > deadline:
            raise RuntimeError(made.stderr)
        time.sleep(0.5)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    """Crash as often as asked for, tell what came of it, and exit 1 where anything was lost or doubled."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = crash(Path(folder), rounds=arguments.rounds, seed=arguments.seed)
    print(
        f"seed {arguments.seed}: killed {outcome.killed}; {outcome.acknowledged:,} requests acknowledged, of which "
        f"{outcome.replayed} were sent again with their keys"
    )
    for problem in outcome.problems:
        print(problem)
    print("Something was lost or doubled." if outcome.problems else "Nothing was lost, nothing was doubled.")
    sys.exit(bool(outcome.problems))


if __name__ == "__main__":
    main()
