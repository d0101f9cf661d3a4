"""`crm worker` as it is started: alone, and by `crm serve` beside its API; real processes, real signals."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from pymongo import MongoClient
from pymongo.collection import Collection
from structlog.testing import capture_logs
from typer.testing import CliRunner

from api import logs
from api.cli import upkeep
from api.cli.main import app
from services.context import Call
from store.embedded import running_uri
from tests.api.cli.servers import (
    CRM,
    END_SECONDS,
    START_SECONDS,
    STOP_SECONDS,
    Server,
    crm,
    environ,
    eventually,
    runs,
    sentence,
    serving,
)
from worker.jobs import JOBS, Job

NAMES = {job.name for job in JOBS}
NOTHING = ", ".join(f"{job.name} 0" for job in JOBS) + "\n"
Leases = Collection[dict[str, Any]]


@pytest.fixture
def own(mongodb_uri: str, driver: str) -> Iterator[dict[str, str]]:
    """Settings of a shop with a MongoDB of its own."""
    yield {
        "CRM_MONGODB_URI": mongodb_uri,
        "CRM_MONGODB_DATABASE": "upkeep",
        "CRM_MONGO_DRIVER": driver,
        "CRM_SECRET": "s" * 32,
    }
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        client.drop_database("upkeep")


@pytest.fixture
def leases(own: dict[str, str]) -> Iterator[Leases]:
    with MongoClient[dict[str, Any]](own["CRM_MONGODB_URI"], tz_aware=True) as client:
        yield client["upkeep"]["leases"]


@contextmanager
def working(*words: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [CRM, "worker", *words],
        env=environ(**settings),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def at_work(leases: Leases, process: subprocess.Popen[str]) -> bool:
    """Whether a worker that was started has taken all jobs."""
    holders = {lease["_id"]: lease["holder"] for lease in leases.find()}
    return set(holders) == NAMES and all(f":{process.pid}:" in holder for holder in holders.values())


def workers_of(server: Server) -> list[psutil.Process]:
    """Return the server's worker, as a list of one while it runs."""
    children = filter(runs, psutil.Process(server.process.pid).children())
    return [child for child in children if child.cmdline()[-3:] == ["api.cli", "worker", "--until-eof"]]


def holders(server: Server) -> set[int]:
    """Return the pids of those who hold leases."""
    uri = running_uri(server.folder)
    assert uri is not None
    with MongoClient[dict[str, Any]](uri) as client:
        return {int(lease["holder"].split(":")[-2]) for lease in client["crm"]["leases"].find()}


def follows_changes(client: MongoClient[dict[str, Any]], database: str) -> bool:
    """Whether anybody has a change stream open on a whole database."""
    stages: list[dict[str, Any]] = [
        {"$currentOp": {"allUsers": True, "idleCursors": True}},
        {"$match": {"cursor.originatingCommand.$db": database}},
    ]
    opened = [operation["cursor"]["originatingCommand"] for operation in client.admin.aggregate(stages)]
    return any(command.get("aggregate") == 1 and "$changeStream" in command["pipeline"][0] for command in opened)


# ---------------------------------------------------------------- crm worker


def test_once_catches_up_in_a_folder_of_its_own_says_what_was_done_and_leaves_nothing_running(tmp_path: Path) -> None:
    first, second = (crm("worker", "--once", "--data-dir", str(tmp_path)) for _ in range(2))

    assert (first.returncode, first.stderr) == (0, "")
    assert re.sub(r"\d+", "0", first.stdout) == NOTHING
    assert (second.returncode, second.stdout, second.stderr) == (0, NOTHING, "")
    assert running_uri(tmp_path) is None


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_told_to_stop_leaves_its_leases_and_ends_well(
    own: dict[str, str], leases: Leases, ending: signal.Signals
) -> None:
    with working(**own) as process:
        assert eventually(lambda: at_work(leases, process), START_SECONDS)

        process.send_signal(ending)

        assert process.communicate(timeout=STOP_SECONDS) == ("", "")
    assert process.returncode == 0
    assert leases.count_documents({}) == 0


def test_a_worker_hears_of_what_others_change(own: dict[str, str]) -> None:
    with MongoClient[dict[str, Any]](own["CRM_MONGODB_URI"]) as client, working(**own):
        assert eventually(lambda: follows_changes(client, "upkeep"), START_SECONDS)


def test_once_beside_a_worker_leaves_the_jobs_to_it(own: dict[str, str], leases: Leases) -> None:
    with working(**own) as process:
        assert eventually(lambda: at_work(leases, process), START_SECONDS)

        done = crm("worker", "--once", **own)

        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.count("0 (another worker is at it)") == len(NAMES)
        assert at_work(leases, process)


def test_a_worker_with_a_server_ends_when_its_standard_input_does(own: dict[str, str], leases: Leases) -> None:
    with working("--until-eof", **own) as process:
        assert eventually(lambda: at_work(leases, process), START_SECONDS)
        assert process.stdin is not None

        process.stdin.close()

        assert process.wait(STOP_SECONDS) == 0
    assert leases.count_documents({}) == 0


def test_a_worker_without_its_mongodb_says_so_in_a_sentence() -> None:
    nobody = {"CRM_MONGODB_URI": "mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=50", "CRM_SECRET": "s" * 32}
    with ThreadPoolExecutor() as both:
        refused = list(both.map(lambda words: crm("worker", *words, **nobody), ([], ["--once"])))

    assert all(sentence(one).startswith("MongoDB does not answer: ") for one in refused)


def test_once_says_which_jobs_did_what_and_fails_where_one_did(
    own: dict[str, str], leases: Leases, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    due = [1_200, 34]

    async def some(_: Call) -> int:
        return due.pop() if due else 0

    async def broken(_: Call) -> int:
        raise ValueError("a bug")

    later = datetime.now(UTC) + timedelta(hours=1)
    leases.insert_one({"_id": "tiers", "holder": "another", "until": later})
    jobs: Sequence[Job] = (Job("settle", some), Job("tiers", some), Job("birthdays", broken))
    monkeypatch.setattr(upkeep, "JOBS", jobs)
    monkeypatch.setattr(logs, "configure", lambda settings: None)
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("CRM_")]:
        monkeypatch.delenv(name)

    with capture_logs() as logged:
        done = CliRunner().invoke(app, ["worker", "--once"], env=own)

    assert done.stdout == "settle 1,234, tiers 0 (another worker is at it), birthdays 0 (failed)\n"
    assert done.exit_code == 1
    assert [line["job"] for line in logged] == ["birthdays"]
    assert [lease["_id"] for lease in leases.find()] == ["tiers"]


# ---------------------------------------------------------------- beside the API


def test_a_server_has_a_worker_that_is_started_again_when_it_dies_and_none_outlives_it(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        (first,) = workers_of(server)
        assert eventually(lambda: holders(server) == {first.pid}, START_SECONDS)

        first.kill()

        assert eventually(lambda: not runs(first), END_SECONDS)
        assert eventually(lambda: workers_of(server), START_SECONDS)
        (second,) = workers_of(server)
        everything = server.all_processes()
        assert second in everything

        os.kill(server.process.pid, signal.SIGKILL)

        assert eventually(lambda: not any(map(runs, everything)), END_SECONDS)
        assert server.process.stderr is not None
        assert server.process.stderr.read().splitlines()[0] == (
            "The worker ended with exit code -9 and is started again."
        )


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_a_server_told_to_stop_ends_its_worker_and_leaves_no_lease(
    own: dict[str, str], leases: Leases, tmp_path: Path, ending: signal.Signals
) -> None:
    with serving(tmp_path / "data", "--workers", "2", **own) as server:
        assert eventually(lambda: leases.count_documents({}) == len(NAMES), START_SECONDS)
        everything = server.all_processes()
        assert len(workers_of(server)) == 1

        assert server.end(ending) == 0

        assert eventually(lambda: not any(map(runs, everything)), END_SECONDS)
        assert server.process.stderr is not None
        assert server.process.stderr.read() == ""
    assert leases.count_documents({}) == 0


def test_a_server_told_so_has_no_worker(own: dict[str, str], leases: Leases, tmp_path: Path) -> None:
    with serving(tmp_path / "data", "--no-worker", **own) as server:
        assert workers_of(server) == []
        assert server.end(signal.SIGTERM) == 0
    assert leases.count_documents({}) == 0


def test_a_worker_that_cannot_start_does_not_stop_the_server(tmp_path: Path) -> None:
    """A worker killed while MongoDB is away finds none when it starts again, and tries until there is one."""
    with serving(tmp_path / "data") as server:
        (first,) = workers_of(server)
        mongod = json.loads((server.folder / "mongod.json").read_text())["mongod_pid"]

        os.kill(mongod, signal.SIGKILL)
        first.kill()

        assert eventually(lambda: not runs(first), END_SECONDS)
        assert eventually(lambda: workers_of(server), START_SECONDS)
        server.await_ready(END_SECONDS)
        assert server.end(signal.SIGTERM) == 0
