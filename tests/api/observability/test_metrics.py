"""Metrics: what is counted, with labels that nobody outside can make more of, and one address for all processes."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry
from pymongo.errors import OperationFailure

from api.cli.runtime import Stop, exposed_metrics
from api.observability.metrics import Metrics
from api.observability.observing import Observing
from api.settings import Settings
from crm.values import Role
from tests.api.cli.servers import eventually, free_port
from tests.api.cli.servers import serving as process
from tests.api.serving import Served, serving, settings
from tests.support import CREATE, sale

CONFLICT = 112


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest_asyncio.fixture
async def counted(mongodb_uri: str, driver: str, registry: CollectorRegistry) -> AsyncIterator[Served]:
    seen = Observing(Metrics(registry))
    async with serving(settings(mongodb_uri, driver, mongodb_database="tests_metrics"), seen=seen) as served:
        yield served
        await served.app.state.database.drop()


async def test_requests_are_counted_by_kind_role_and_outcome(counted: Served, registry: CollectorRegistry) -> None:
    await counted.post("query One { __typename }", role=Role.POS)
    await counted.post("query Two { __typename }", role=Role.POS)
    await counted.post("{ customers(first: 1) { totalCount } }", role=Role.POS)
    await counted.post("{ nope }", role=Role.STAFF)
    await counted.post("{ __typename }", role=None)

    def count(kind: str, role: str, outcome: str) -> float | None:
        labels = {"kind": kind, "role": role, "outcome": outcome}
        return registry.get_sample_value("crm_requests_total", labels)

    assert count("query", "POS", "OK") == 2
    assert count("query", "POS", "FORBIDDEN") == 1
    assert count("none", "STAFF", "GRAPHQL_VALIDATION_FAILED") == 1
    assert count("none", "none", "UNAUTHENTICATED") == 1
    labels = {"kind": "query", "role": "POS"}
    assert registry.get_sample_value("crm_request_duration_seconds_count", labels) == 3


async def test_every_row_refused_counts_and_so_does_every_command(counted: Served, registry: CollectorRegistry) -> None:
    before = registry.get_sample_value("crm_database_command_duration_seconds_count", {"command": "insert"}) or 0
    inserts = counted.commands.names
    inserts.clear()
    await counted.post(CREATE, {"input": {"email": "ann@example.com"}})
    rows = [sale(id=f"s-{number}", total="1.00") for number in range(3)]
    query = "mutation($inputs: [RecordPurchaseInput!]!) { recordPurchases(inputs: $inputs) { results { replayed } } }"
    await counted.post(query, {"inputs": rows})

    assert registry.get_sample_value("crm_refusals_total", {"code": "TOTAL_MISMATCH"}) == 3
    after = registry.get_sample_value("crm_database_command_duration_seconds_count", {"command": "insert"})
    assert after == before + sum(name.startswith("insert") for name in inserts)


async def test_a_transaction_tried_again_is_counted(counted: Served, registry: CollectorRegistry) -> None:
    tries = []

    async def work(_: Any) -> None:
        tries.append(1)
        if len(tries) < 3:
            raise OperationFailure("conflict", CONFLICT, {"errorLabels": ["TransientTransactionError"]})

    await counted.app.state.database.transaction(work)

    assert registry.get_sample_value("crm_transactions_retried_total") == 2


async def test_what_clients_choose_makes_no_series(counted: Served, registry: CollectorRegistry) -> None:
    await counted.post("{ __typename }")
    before = sum(len(metric.samples) for metric in registry.collect())

    for number in range(50):
        await counted.post(f"query Name{number} {{ alias{number}: __typename }}", X_Request_Id=f"request-{number}")

    assert sum(len(metric.samples) for metric in registry.collect()) == before


def test_jobs_of_the_worker_are_counted_and_say_when_they_had_caught_up(registry: CollectorRegistry) -> None:
    metrics = Metrics(registry)
    metrics.job("settle", 7, "done")
    metrics.job("settle", 0, "idle")
    metrics.job("tiers", 0, "failed")

    assert registry.get_sample_value("crm_worker_job_done_total", {"job": "settle"}) == 7
    assert registry.get_sample_value("crm_worker_job_runs_total", {"job": "tiers", "outcome": "failed"}) == 1
    caught_up = "crm_worker_job_caught_up_timestamp_seconds"
    assert (registry.get_sample_value(caught_up, {"job": "settle"}) or 0) > 1_700_000_000
    assert registry.get_sample_value(caught_up, {"job": "tiers"}) is None


def test_without_a_port_nothing_listens_and_nothing_is_counted(tmp_path: Path) -> None:
    assert Settings.model_validate({}).metrics_port is None
    with exposed_metrics(Settings.model_validate({})):
        pass


def test_a_taken_port_is_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(Stop, match=f"^CRM_METRICS_PORT: port {port} of 127.0.0.1 cannot be used: "),
            exposed_metrics(Settings.model_validate({"metrics_port": port})),
        ):
            pass


def test_one_address_tells_of_two_workers_and_the_job_worker_and_the_clients_port_tells_nothing(
    tmp_path: Path,
) -> None:
    port = free_port()
    with process(tmp_path / "data", "--workers", "2", CRM_METRICS_PORT=str(port)) as server:
        key, url = server.key(), f"http://127.0.0.1:{port}/metrics"

        def told() -> dict[str, float]:
            lines = httpx.get(url).text.splitlines()
            return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line[0] != "#"}

        asked = 30
        for _ in range(asked):  # each over a connection of its own, so both workers answer some
            server.ask(key, "{ __typename }")

        assert told()['crm_requests_total{kind="query",outcome="OK",role="ADMIN"}'] == asked
        idle = 'crm_worker_job_runs_total{job="settle",outcome="idle"}'
        assert eventually(lambda: told().get(idle), 10)
        memory = [name for name in told() if name.startswith("process_resident_memory_bytes")]
        assert len(memory) >= 4  # the server, two workers and `crm worker`
        assert httpx.get(f"{server.url}/metrics").status_code == 404
        with pytest.raises(httpx.ConnectError):
            httpx.get(url.replace("127.0.0.1", _outside()))


def _outside() -> str:
    """Return another address of this machine: what is bound to 127.0.0.1 does not answer there."""
    return "127.0.0.2"
