"""`crm serve` as it is started: real processes, a real MongoDB beside them, real signals."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo import MongoClient

from store.embedded import running_uri
from store.mongod_binary import is_mongod_on
from tests.api.cli.servers import (
    CRM,
    END_SECONDS,
    RECORD,
    RECORD_DAY,
    SALE,
    START_SECONDS,
    STOP_SECONDS,
    Server,
    crm,
    environ,
    eventually,
    free_port,
    mongod_pid,
    runs,
    said,
    sale,
    sentence,
    serving,
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that started from nothing, for the tests that leave it as it is."""
    with serving(tmp_path_factory.mktemp("serve") / "data") as server:
        yield server
        assert server.end(signal.SIGTERM) == 0


# ---------------------------------------------------------------- a server that runs


def test_one_sale_sent_over_fifty_connections_to_two_workers_is_recorded_once_with_its_points_once(
    tmp_path: Path,
) -> None:
    points = """query($by: CustomerKey!) { customer(by: $by) {
      metrics { purchaseCount } loyalty { balance { lifetimeEarned } } } }"""
    create = "mutation($input: CreateCustomerInput!) { createCustomer(input: $input) { customer { id } } }"
    with serving(tmp_path / "data", "--workers", "2") as server, ThreadPoolExecutor(50) as tills:
        key, ann = server.key(), {"email": "ann@example.com"}
        server.ask(key, create, input=ann)

        # httpx.post opens a connection of its own each time.
        sent = [tills.submit(server.ask, key, RECORD, input=sale(1, customer=ann)) for _ in range(50)]
        payloads = [one.result()["recordPurchase"] for one in sent]

        assert [payload["userErrors"] for payload in payloads] == [[]] * 50
        assert len({payload["purchase"]["id"] for payload in payloads}) == 1
        assert [payload["replayed"] for payload in payloads].count(False) == 1
        found = server.ask(key, points, by=ann)["customer"]
        assert found == {"metrics": {"purchaseCount": 1}, "loyalty": {"balance": {"lifetimeEarned": 7}}}


def test_a_server_starts_from_nothing_and_answers(running: Server) -> None:
    assert httpx.get(f"{running.url}/health/live").json() == {"status": "live"}
    assert httpx.get(f"{running.url}/health/ready").json() == {"status": "ready"}

    assert running.ask(running.key(), "{ __typename customers { totalCount } }")["__typename"] == "Query"
    assert is_mongod_on(mongod_pid(running.folder), running.folder / "mongodb")
    assert (running.folder / "secret").stat().st_mode & 0o077 == 0


def test_keys_made_listed_and_revoked_beside_it_hold_in_it(running: Server) -> None:
    folder, query = str(running.folder), "{ customers(first: 1) { totalCount } }"
    good = said("keys", "create", "--role", "admin", "--name", "Back office", "--data-dir", folder)
    ended = said("keys", "create", "--role", "admin", "--data-dir", folder)

    assert crm("keys", "revoke", ended["id"], "--data-dir", folder).stdout == "Revoked.\n"

    assert running.ask(good["key"], query)["customers"]["totalCount"] >= 0
    headers = {"Authorization": f"Bearer {ended['key']}"}
    answer = httpx.post(f"{running.url}/graphql", json={"query": query}, headers=headers)
    assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    listed = {key["id"]: key["revokedAt"] for key in said("keys", "list", "--data-dir", folder)["keys"]}
    assert listed[good["id"]] is None
    assert listed[ended["id"]] is not None


def test_real_households_are_imported_beside_it_and_a_token_opens_the_page_of_one(running: Server) -> None:
    folder = str(running.folder)
    words = ["import", "complete-journey", "--households", "3", "--shift-to", "2026-11-21", "--data-dir", folder]

    first = crm(*words, COLUMNS="120")
    second = said(*words)

    assert (first.returncode, first.stderr) == (0, "")
    for row in ("households", "baskets", "lines", "sales, USD", "left out: quantity 0 and no value", "refused"):
        assert row in first.stdout
    assert (second["households"], second["baskets"], second["products"], second["refused"]) == (0, 0, 0, [])
    assert (second["households_known"], second["baskets_known"]) == (3, second["expected"]["baskets"])
    checked = said("check", "--data-dir", folder)
    assert (checked["customers"], checked["purchases"]) == (3, second["baskets_known"])
    assert checked["differenceCount"] == 0
    people = running.ask(running.key(), "{ customers(first: 1, sort: TOTAL_SPENT_DESC) { nodes { id } } }")
    customer = people["customers"]["nodes"][0]["id"]
    token = said("token", "--customer", customer, "--data-dir", folder)["token"]
    me = running.ask(token, "{ me { id loyalty { balance { available } } purchases(first: 1) { totalCount } } }")["me"]
    assert me["id"] == customer
    assert me["loyalty"]["balance"]["available"] > 0
    assert me["purchases"]["totalCount"] > 0


def test_a_second_server_on_its_data_folder_is_refused_and_the_first_unharmed(running: Server) -> None:
    before = mongod_pid(running.folder)

    refused = crm("serve", "--port", str(free_port()), "--data-dir", str(running.folder))

    in_use = f"The data folder {running.folder} is in use by `crm serve` (process {running.process.pid})."
    assert sentence(refused) == in_use
    assert running.ready()
    assert mongod_pid(running.folder) == before
    assert is_mongod_on(before, running.folder / "mongodb")


def test_a_taken_port_is_one_sentence_and_leaves_no_mongod(running: Server, tmp_path: Path) -> None:
    refused = crm("serve", "--port", str(running.port), "--data-dir", str(tmp_path))

    assert sentence(refused).startswith(f"Port {running.port} of 127.0.0.1 cannot be used: ")
    assert sentence(refused).endswith("Choose another with --port.")
    assert running_uri(tmp_path) is None
    assert json.loads((tmp_path / "mongod.json").read_text())["mongod_pid"] is None
    assert running.ready()


# ---------------------------------------------------------------- refused at once


def test_what_cannot_start_says_so_in_a_sentence_and_with_the_right_exit_code(tmp_path: Path) -> None:
    """All at once: an address where nobody answers is waited for."""
    nobody = {"CRM_MONGODB_URI": f"mongodb://127.0.0.1:{free_port()}/?replicaSet=rs0"}
    serve = ("serve", "--port", str(free_port()), "--data-dir", str(tmp_path))
    began = time.monotonic()
    with ThreadPoolExecutor(6) as starts:
        unknown = starts.submit(crm, *serve, CRM_COLOUR="red")
        usage = [starts.submit(crm, *serve, *wrong) for wrong in (["--workers", "0"], ["--port", "x"], ["--colour"])]
        dead = starts.submit(crm, *serve, "--workers", "2", **nobody)
        dead_keys = starts.submit(crm, "keys", "list", "--data-dir", str(tmp_path), **nobody)

    assert sentence(unknown.result()) == "CRM_COLOUR is no setting of this version."
    assert [done.result().returncode for done in usage] == [2, 2, 2]
    for waited in (dead.result(), dead_keys.result()):
        assert sentence(waited).startswith("MongoDB does not answer: ")
        assert "Serving" not in waited.stdout
    assert time.monotonic() - began < 20
    assert not (tmp_path / "mongodb").exists()


# ---------------------------------------------------------------- told to stop


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sigterm_lets_a_request_in_flight_be_answered_and_leaves_nothing_running(tmp_path: Path, workers: str) -> None:
    with serving(tmp_path / "data", "--workers", workers) as server, ThreadPoolExecutor(1) as till:
        key, everything = server.key("pos"), server.all_processes()
        uri = running_uri(server.folder)
        assert uri is not None
        assert len(everything) >= 2 + (int(workers) if workers != "1" else 0)

        answer = till.submit(server.ask, key, RECORD_DAY, inputs=[sale(number) for number in range(400)])
        with MongoClient[dict[str, Any]](uri) as client:
            assert eventually(lambda: client["crm"]["purchases"].count_documents({}), END_SECONDS)
            assert not answer.done(), "it is in flight when the signal comes"
        code = server.end(signal.SIGTERM)

        results = answer.result()["recordPurchases"]["results"]
        assert [result["userErrors"] for result in results] == [[]] * 400
        assert code == 0
        assert server.process.stderr is not None
        assert server.process.stderr.read() == ""
        assert eventually(lambda: not any(map(runs, everything)), END_SECONDS)
        assert running_uri(server.folder) is None


def test_ctrl_c_stops_both_as_well(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        everything = server.all_processes()

        assert server.end(signal.SIGINT) == 0

        assert eventually(lambda: not any(map(runs, everything)), END_SECONDS)


def test_sigterm_stops_a_server_over_a_mongodb_of_the_shops_own(mongodb_uri: str, tmp_path: Path) -> None:
    own = {"CRM_MONGODB_URI": mongodb_uri, "CRM_MONGODB_DATABASE": "serve", "CRM_SECRET": "s" * 32}
    with serving(tmp_path / "data", **own) as server, MongoClient[dict[str, Any]](mongodb_uri) as client:
        assert server.end(signal.SIGTERM) == 0

        assert client["serve"]["installation"].count_documents({"_id": "installation"}) == 1
        client.drop_database("serve")
    assert not (tmp_path / "data").exists()


# ---------------------------------------------------------------- killed


def test_a_killed_mongod_is_started_again_and_then_a_killed_server_leaves_none(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with serving(folder) as server:
        key, first = server.key(), mongod_pid(folder)
        acknowledged = server.ask(key, RECORD, input=sale(1))["recordPurchase"]
        assert acknowledged["userErrors"] == []
        stored = {"id": acknowledged["purchase"]["id"]}

        os.kill(first, signal.SIGKILL)

        assert eventually(lambda: running_uri(folder) is not None and mongod_pid(folder) != first, END_SECONDS)
        server.await_ready(END_SECONDS)
        assert server.ask(key, SALE, **stored) == {"purchase": {"total": {"amount": "7.00"}}}
        again = server.ask(key, RECORD, input=sale(1))["recordPurchase"]
        assert (again["purchase"], again["replayed"]) == (acknowledged["purchase"], True)
        second = mongod_pid(folder)
        everything = server.all_processes()

        os.kill(server.process.pid, signal.SIGKILL)

        assert eventually(lambda: not is_mongod_on(second, folder / "mongodb"), END_SECONDS)
        assert eventually(lambda: not any(map(runs, everything)), END_SECONDS)
    with serving(folder) as server:
        assert server.ask(key, SALE, **stored) == {"purchase": {"total": {"amount": "7.00"}}}
        assert server.end(signal.SIGTERM) == 0


def test_a_killed_server_takes_its_workers_and_its_mongod_with_it(tmp_path: Path) -> None:
    with serving(tmp_path / "data", "--workers", "2") as server:
        everything = server.all_processes()
        assert len(everything) >= 4

        os.kill(server.process.pid, signal.SIGKILL)

        assert eventually(lambda: not any(map(runs, everything)), END_SECONDS)


def test_a_server_killed_while_it_starts_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with serving(folder, await_ready=False) as server:
        assert eventually((folder / "mongod.log").exists, START_SECONDS)
        everything = server.all_processes()

        os.kill(server.process.pid, signal.SIGKILL)

        assert eventually(lambda: not any(map(runs, everything)), END_SECONDS)
    with serving(folder) as server:
        assert server.end(signal.SIGTERM) == 0


def test_an_import_that_is_interrupted_leaves_no_mongod_and_the_next_one_completes_it(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    words = ["import", "complete-journey", "--households", "40", "--data-dir", str(folder), "--json"]
    with subprocess.Popen([CRM, *words], env=environ(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert eventually(lambda: running_uri(folder), START_SECONDS)
            with MongoClient[dict[str, Any]](running_uri(folder)) as client:
                assert eventually(lambda: client["crm"]["customers"].count_documents({}), START_SECONDS)
            mongod = mongod_pid(folder)
            process.send_signal(signal.SIGINT)
            output, complaint = process.communicate(timeout=STOP_SECONDS)
        finally:
            process.kill()
    assert process.returncode != 0
    assert output == b""
    assert b"Traceback" not in complaint
    assert eventually(lambda: not is_mongod_on(mongod, folder / "mongodb"), END_SECONDS)

    completed = said(*words[:-1])

    expected = completed["expected"]
    assert 0 < completed["households_known"] < 40
    assert completed["households"] + completed["households_known"] == expected["households"] == 40
    assert completed["baskets"] + completed["baskets_known"] == expected["baskets"]
    assert completed["refused"] == []
