"""The embedded MongoDB, against real ones: each test has a data folder and a mongod of its own."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from pymongo import MongoClient, WriteConcern

from store import embedded, mongod_binary
from store.embedded import DataDirInUse, EmbeddedError, EmbeddedMongo, attached, find_mongod, running_uri

ROOT = Path(__file__).parents[2]

OWNER = """
import sys, threading, time
from pathlib import Path
from store.embedded import EmbeddedMongo

def own():
    server = EmbeddedMongo.start(Path(sys.argv[1]), purpose="crm serve")
    print(server.pid, server.uri, flush=True)
    time.sleep(60)

if sys.argv[2] == "main thread":
    own()
else:
    threading.Thread(target=own).start()
"""


@contextmanager
def documents(uri: str) -> Iterator[Any]:
    """A collection whose writes are acknowledged by the majority, journal included."""
    with MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=3000) as client:
        yield client["shop"].get_collection("sales", write_concern=WriteConcern("majority"))


def ids(uri: str) -> list[int]:
    with documents(uri) as sales:
        return [sale["_id"] for sale in sales.find().sort("_id")]


def write(uri: str, *numbers: int) -> None:
    with documents(uri) as sales:
        sales.insert_many([{"_id": number} for number in numbers])


def eventually(reached: Callable[[], bool], seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while not reached() and time.monotonic() < deadline:
        time.sleep(0.02)
    return reached()


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, EmbeddedMongo]]:
    """A data folder and the server on it, for the tests that leave both as they are."""
    folder = tmp_path_factory.mktemp("data")
    with EmbeddedMongo.start(folder, purpose="crm serve") as server:
        yield folder, server


def test_a_first_start_takes_a_transaction_and_a_change_stream(tmp_path: Path) -> None:
    with (
        EmbeddedMongo.start(tmp_path / "data", purpose="crm serve") as server,
        documents(server.uri) as sales,
        sales.watch() as changes,
        sales.database.client.start_session() as session,
    ):
        with session.start_transaction():
            sales.insert_one({"_id": 1}, session=session)
            assert sales.find_one({"_id": 1}) is None
        assert server.alive()
        assert next(changes)["documentKey"] == {"_id": 1}
        assert ids(server.uri) == [1]


def test_mongod_has_a_session_of_its_own_and_not_the_lock(serving: tuple[Path, EmbeddedMongo]) -> None:
    folder, server = serving
    opened = {file.path for file in psutil.Process(server.pid).open_files()}

    assert str(folder / "mongod.log") in opened
    assert str(folder / "lock") not in opened
    assert os.getsid(server.pid) == server.pid  # Ctrl-C in the terminal goes to our session only


def test_a_transaction_that_nobody_ends_is_over_in_half_a_minute(serving: tuple[Path, EmbeddedMongo]) -> None:
    with MongoClient[dict[str, Any]](serving[1].uri) as client:
        told = client.admin.command({"getParameter": 1, "transactionLifetimeLimitSeconds": 1})

    assert told["transactionLifetimeLimitSeconds"] == 30


def test_data_and_port_survive_a_stop_and_a_start(tmp_path: Path) -> None:
    first = EmbeddedMongo.start(tmp_path, purpose="crm serve")
    write(first.uri, 1)
    first.stop()
    first.stop()
    assert not first.alive()
    assert running_uri(tmp_path) is None

    with EmbeddedMongo.start(tmp_path, purpose="crm serve") as second:
        assert second.uri == first.uri
        assert ids(second.uri) == [1]
    assert sorted(path.name for path in tmp_path.glob("mongod.log*")) == ["mongod.log", "mongod.log.1"]


def test_data_moves_to_another_port_when_another_installation_took_the_old_one(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    first = EmbeddedMongo.start(ours, purpose="crm serve")
    write(first.uri, 1)
    first.stop()
    theirs.mkdir()
    (theirs / "mongod.json").write_bytes((ours / "mongod.json").read_bytes())

    with EmbeddedMongo.start(theirs, purpose="crm serve") as other:
        assert other.uri == first.uri
        with EmbeddedMongo.start(ours, purpose="crm serve") as moved:
            assert moved.uri != first.uri
            assert ids(moved.uri) == [1]
            write(moved.uri, 2)
        assert ids(other.uri) == []


def test_a_port_lost_between_choice_and_use_is_chosen_anew(
    tmp_path: Path, serving: tuple[Path, EmbeddedMongo], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, other = serving
    before = ids(other.uri)
    ports = iter([json.loads((folder / "mongod.json").read_text())["port"], mongod_binary.free_port(None)])
    monkeypatch.setattr(embedded, "free_port", lambda preferred, **_: next(ports))
    with EmbeddedMongo.start(tmp_path, purpose="crm serve") as server:
        assert server.uri != other.uri
        write(server.uri, 101)
    assert ids(other.uri) == before


def test_a_second_start_on_the_folder_is_refused_naming_the_first(serving: tuple[Path, EmbeddedMongo]) -> None:
    folder, server = serving
    with pytest.raises(DataDirInUse) as refusal:
        EmbeddedMongo.start(folder, purpose="crm import")

    assert str(refusal.value) == f"The data folder {folder} is in use by `crm serve` (process {os.getpid()})."
    assert server.alive()
    assert running_uri(folder) == server.uri


def test_attached_uses_the_running_server_and_leaves_it_running(serving: tuple[Path, EmbeddedMongo]) -> None:
    folder, server = serving
    with attached(folder, purpose="crm import") as uri:
        assert uri == server.uri
        write(uri, 1)
    assert server.alive()
    assert ids(server.uri) == [1]


def test_attached_gives_up_on_an_owner_whose_server_does_not_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "ATTACH_SECONDS_MAX", 0.1)
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with (
            pytest.raises(DataDirInUse, match=r"is in use by another process\.$"),
            attached(tmp_path, purpose="crm import"),
        ):
            pytest.fail("nothing runs")
    assert not (tmp_path / "mongod.json").exists()


def test_two_attached_at_once_share_one_server_until_both_are_done(tmp_path: Path) -> None:
    uris: list[str] = []
    both, first_done = threading.Barrier(3, timeout=20), threading.Event()

    def command(number: int) -> None:
        with attached(tmp_path, purpose=f"crm command {number}") as uri:
            uris.append(uri)
            both.wait()
            owner = json.loads((tmp_path / "mongod.json").read_text())["purpose"]
            if not owner.endswith(str(number)):
                assert not first_done.wait(0.5)  # the owner's block is over, its server waits for us
                write(uri, 1)
        first_done.set()

    commands = [threading.Thread(target=command, args=(number,)) for number in (1, 2)]
    for thread in commands:
        thread.start()
    both.wait()
    for thread in commands:
        thread.join()

    assert len(set(uris)) == 1
    assert running_uri(tmp_path) is None
    with attached(tmp_path, purpose="crm doctor") as uri:
        assert ids(uri) == [1]


def test_acknowledged_writes_survive_a_kill_of_mongod(tmp_path: Path) -> None:
    with EmbeddedMongo.start(tmp_path, purpose="crm serve") as server:
        write(server.uri, *range(500))
        os.kill(server.pid, signal.SIGKILL)
        assert eventually(lambda: not server.alive())
        assert running_uri(tmp_path) is None

    with EmbeddedMongo.start(tmp_path, purpose="crm serve") as again:
        assert ids(again.uri) == list(range(500))


@pytest.mark.parametrize("thread", ["main thread", "other thread"])
def test_mongod_dies_with_a_killed_owner_though_nobody_starts_again(tmp_path: Path, thread: str) -> None:
    pid, _ = _own_and_be_killed(tmp_path, thread)
    assert eventually(lambda: not mongod_binary.is_mongod_on(pid, tmp_path / "mongodb"))


def test_a_start_right_after_the_kill_of_the_owner_works(tmp_path: Path) -> None:
    pid, uri = _own_and_be_killed(tmp_path, "main thread")
    assert running_uri(tmp_path) is None

    with EmbeddedMongo.start(tmp_path, purpose="crm serve") as again:
        assert not mongod_binary.is_mongod_on(pid, tmp_path / "mongodb")
        assert again.uri == uri
        assert ids(again.uri) == [1]


def test_a_live_mongod_that_a_dead_owner_left_is_stopped_first(tmp_path: Path) -> None:
    """What is left when the owner's end went unnoticed: the record, and a mongod on the folder."""
    left = mongod_binary.MongodProcess(
        find_mongod(),
        _made(tmp_path / "mongodb"),
        tmp_path / "old.log",
        port=mongod_binary.free_port(None),
        cache_mb=256,
    )
    left.await_writable()
    (tmp_path / "mongod.json").write_text(
        json.dumps({"owner_pid": _dead_pid(), "purpose": "crm serve", "port": None, "mongod_pid": left.pid})
    )
    reaper = threading.Thread(target=lambda: eventually(lambda: not left.alive(), 10))
    reaper.start()
    with EmbeddedMongo.start(tmp_path, purpose="crm serve") as server:
        assert not left.alive()
        write(server.uri, 1)
    reaper.join()


def test_a_stranger_with_the_recorded_pid_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "30"]) as stranger:
        record = {"owner_pid": os.getpid(), "purpose": "x", "port": 27099, "mongod_pid": stranger.pid, "ready": True}
        (tmp_path / "mongod.json").write_text(json.dumps(record))

        assert running_uri(tmp_path) is None
        with EmbeddedMongo.start(tmp_path, purpose="crm serve"):
            assert stranger.poll() is None
        stranger.kill()


def test_damaged_data_is_reported_in_mongods_words_and_the_folder_let_go(tmp_path: Path) -> None:
    (_made(tmp_path / "mongodb") / "storage.bson").write_bytes(b"damaged")

    for _ in range(2):  # the second is not told that the folder is in use
        with pytest.raises(EmbeddedError, match=r"^MongoDB did not start: .*storage engine metadata") as refusal:
            EmbeddedMongo.start(tmp_path, purpose="crm serve")
        assert not isinstance(refusal.value, DataDirInUse)
        assert "\n" not in str(refusal.value)
    assert running_uri(tmp_path) is None


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedError, match=r"cannot be used: .*Not a directory"):
        EmbeddedMongo.start(tmp_path / "file" / "data", purpose="crm serve")


def test_a_cache_smaller_than_mongod_takes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 256, got 255"):
        EmbeddedMongo.start(tmp_path / "data", purpose="crm serve", cache_mb=255)
    assert not (tmp_path / "data").exists()


def _own_and_be_killed(folder: Path, thread: str) -> tuple[int, str]:
    """Let another process own `folder` and write 1 there; kill it and return its mongod's pid and URI."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder), thread], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        pid, uri = owner.stdout.readline().split()
        write(uri, 1)
        owner.kill()
    return int(pid), uri


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _dead_pid() -> int:
    with subprocess.Popen(["true"]) as process:
        return process.pid
