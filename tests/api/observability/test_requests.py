"""One line for each request: who, what by its hash, what came of it, what it took; and the request's id everywhere."""

import asyncio
import json
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import pytest
from structlog.testing import capture_logs

from api.observability.observing import observing
from api.observability.requests import sane_id
from api.settings import Settings
from crm.values import Role
from tests.api.logged import configured
from tests.api.serving import URL, Served, serving, settings
from tests.support import CREATE, RECORD, sale

PAGE = """query Page { customers(first: 10) { nodes { id purchases(first: 2) { nodes { id store { code } } } } } }"""


def requests(lines: list[Any]) -> list[Any]:
    return [line for line in lines if line["event"] == "request"]


async def test_a_request_is_one_line(served: Served) -> None:
    await served.post(CREATE, {"input": {"email": "ann@example.com"}})
    served.commands.names.clear()

    with capture_logs() as lines:
        response = await served.post(PAGE, role=Role.STAFF)

    (line,) = lines
    assert line["event"] == "request"
    assert line["request_id"] == response.headers["X-Request-Id"]
    assert (line["status"], line["bytes"], line["transport"]) == (200, len(response.content), "http")
    assert (line["role"], line["principal"].startswith("key_")) == ("STAFF", True)
    assert (line["kind"], line["operation"]) == ("query", "Page")
    assert line["document"] == sha256(PAGE.encode()).hexdigest()[:16]
    assert line["commands"] == len(served.commands.names) > 1
    assert line["commands_ms"] > 0
    assert 0 < line["ms"] < 60_000
    assert not {"codes", "retries", "trace_id"} & set(line)


@pytest.fixture
async def on_its_own(mongodb_uri: str, driver: str) -> AsyncIterator[Served]:
    """A server whose requests share nothing."""
    async with serving(settings(mongodb_uri, driver, shared_lookups=False)) as served:
        yield served


async def test_commands_count_for_the_request_that_caused_them_though_many_run_at_once(on_its_own: Served) -> None:
    served = on_its_own
    for number in range(5):
        person = await served.post(CREATE, {"input": {"email": f"ann{number}@example.com"}})
        id_ = person.json()["data"]["createCustomer"]["customer"]["id"]
        await served.post(RECORD, {"input": sale(id=f"s-{number}", customer={"id": id_}, storeCode="vienna-1")})
    queries = [PAGE, "{ stores(first: 1) { nodes { code } } }", "{ __typename }"]
    alone = []
    await served.post(PAGE)  # keys and programmes are remembered from here on
    for query in queries:
        served.commands.names.clear()
        await served.post(query)
        alone.append(len(served.commands.names))

    with capture_logs() as lines:
        await asyncio.gather(*(served.post(query) for query in queries * 10))

    counted: dict[str, set[int]] = {}
    for line in requests(lines):
        counted.setdefault(line["document"], set()).add(line["commands"])
    assert len(requests(lines)) == 30
    expected = {sha256(query.encode()).hexdigest()[:16]: {count} for query, count in zip(queries, alone, strict=True)}
    assert counted == expected
    assert alone[2] == 0 < alone[1] < alone[0]


async def test_a_command_that_several_requests_share_counts_for_one_of_them(served: Served) -> None:
    await served.post(PAGE)
    served.commands.names.clear()

    with capture_logs() as lines:
        await asyncio.gather(*(served.post(PAGE) for _ in range(10)))

    assert sum(line["commands"] for line in requests(lines)) == len(served.commands.names)


@pytest.mark.parametrize(
    ("sent", "status", "codes"),
    [
        ({"query": "{ nope }"}, 200, {"GRAPHQL_VALIDATION_FAILED": 1}),
        ({"query": 'mutation { saveStore(input: {code: "a"}) { store { id } } }'}, 200, {"FORBIDDEN": 1}),
        ({"query": 5}, 400, {"BAD_REQUEST": 1}),
        (
            {"query": 'query { customer(by: {id: "pur_0"}) { id } me: customer(by: {id: "x"}) { id } }'},
            200,
            {"INVALID": 2},
        ),
    ],
)
async def test_what_was_refused_is_told_by_its_codes(served: Served, sent: Any, status: int, codes: Any) -> None:
    with capture_logs() as lines:
        await served.send(json.dumps(sent).encode(), Authorization=f"Bearer {served.keys[Role.POS]}")

    (line,) = requests(lines)
    assert (line["status"], line["codes"]) == (status, codes)


async def test_user_errors_are_told_too_those_of_a_batch_by_their_number(served: Served) -> None:
    rows = [sale(id="s-1"), sale(id="s-2", total="1.00"), sale(id="s-3", total="2.00")]
    query = """mutation($inputs: [RecordPurchaseInput!]!) { recordPurchases(inputs: $inputs) {
      results { purchase { id } } } }"""

    with capture_logs() as lines:
        await served.post(query, {"inputs": rows}, role=Role.POS)

    (line,) = requests(lines)
    assert line["codes"] == {"TOTAL_MISMATCH": 2}


async def test_nobody_known_is_one_line_without_a_caller(served: Served) -> None:
    with capture_logs() as lines:
        await served.post("{ __typename }", role=None)

    (line,) = requests(lines)
    assert (line["status"], line["codes"]) == (401, {"UNAUTHENTICATED": 1})
    assert not {"role", "principal", "operation"} & set(line)


async def test_a_bug_is_logged_with_the_request_it_happened_in(
    served: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(*_: Any) -> Any:
        raise RuntimeError("ann@example.com")

    monkeypatch.setattr("resolvers.customers.customers.by_ids", broken)

    with configured(environment="production"):
        id_ = "cus_01J00000000000000000000000"
        response = await served.post("query($id: ID!) { customer(by: {id: $id}) { id } }", {"id": id_})

    written = capsys.readouterr().err
    bug, request = map(json.loads, written.splitlines())
    assert (bug["event"], request["event"]) == ("internal_error", "request")
    assert bug["request_id"] == request["request_id"] == response.headers["X-Request-Id"]
    assert request["codes"] == {"INTERNAL": 1}
    assert "ann@example.com" not in written


async def test_a_sane_request_id_is_kept_and_returned(served: Served) -> None:
    with capture_logs() as lines:
        response = await served.post("{ __typename }", X_Request_Id="till-7_0001-x")

    assert response.headers["X-Request-Id"] == "till-7_0001-x"
    assert requests(lines)[0]["request_id"] == "till-7_0001-x"


@pytest.mark.parametrize(
    "sent",
    [
        None,
        "",
        "short",
        "a" * 65,
        "ann@example.com",
        "436601234567",
        "4111-1111-1111-1111",
        "crm_admin_0123456789",
        "aaaaaaaa.bbbb.cccc",
        "line\nbreak-1234",
        "Ann Smith of Vienna",
        "ünïcödé-1234",
    ],
)
def test_an_id_that_could_be_anything_else_is_replaced(sent: str | None) -> None:
    made = sane_id(sent)

    assert made != sent
    assert len(made) == 32


@pytest.mark.parametrize(("level", "told"), [("debug", 1), ("info", 1), ("warning", 0), ("error", 0)])
def test_where_no_line_is_written_none_is_made_and_the_driver_tells_nothing(level: str, told: int) -> None:
    seen = observing(Settings.model_validate({"log_level": level}))

    assert len(seen.requests.told) == len(seen.listeners) == told


async def test_probes_are_logged_for_who_debugs_alone(served: Served) -> None:
    async with served.client() as client:
        with capture_logs() as lines:
            ready = await client.get(URL.replace("/graphql", "/health/ready"))
            nothing = await client.get(URL.replace("/graphql", "/ann@example.com?email=ann@example.com"))

    assert [line["log_level"] for line in lines] == ["debug", "debug"]
    assert ready.headers["X-Request-Id"] != nothing.headers["X-Request-Id"]
    assert "example" not in str(lines)
