"""graphql-transport-ws over real sockets: what is asked is answered, and what is wrong harms nobody else."""

import hashlib
import json
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from api import sockets
from crm.values import Role
from tests.api.http_answers import CREATED, create
from tests.api.listening import POINTS, STORES, Listening, one_answer, refusal, until

# ---------------------------------------------------------------- what it is for


async def test_queries_and_mutations_are_answered_over_a_socket(live: Listening) -> None:
    async with live.staffed() as socket:
        await socket.subscribe("1", "query Q($n: Int) { stores(first: $n) { totalCount } }", variables={"n": 1})
        assert await one_answer(socket, "1") == {"data": {"stores": {"totalCount": 0}}}

        await socket.subscribe("1", CREATED)  # an id is free again once its operation is over
        payload = await one_answer(socket, "1")
        assert payload["data"]["createCustomer"]["userErrors"] == []

        await socket.subscribe("2", "query A { __typename } query B { stores { totalCount } }", operationName="B")
        assert await one_answer(socket, "2") == {"data": {"stores": {"totalCount": 0}}}


async def test_operations_run_beside_each_other(live: Listening) -> None:
    ann = await create(live.served)
    async with live.socket(live.served.token(ann)) as socket:
        await socket.subscribe("live", POINTS)
        assert (await socket.next())["id"] == "live"
        await socket.subscribe("once", "{ me { id } }")
        assert await one_answer(socket, "once") == {"data": {"me": {"id": ann}}}


async def test_a_persisted_query_is_known_over_sockets_too(live: Listening) -> None:
    query = STORES + " # over a socket"
    persisted = {"persistedQuery": {"version": 1, "sha256Hash": hashlib.sha256(query.encode()).hexdigest()}}
    async with live.staffed() as socket:
        await socket.send(id="1", type="subscribe", payload={"extensions": persisted})
        assert await refusal(socket, "1") == "PERSISTED_QUERY_NOT_FOUND"
        await socket.subscribe("2", query, extensions=persisted)
        assert await one_answer(socket, "2") == {"data": {"stores": {"totalCount": 0}}}
        await socket.send(id="3", type="subscribe", payload={"extensions": persisted})
        assert await one_answer(socket, "3") == {"data": {"stores": {"totalCount": 0}}}


@pytest.mark.parametrize("name", ["authorization", "Authorization", "AUTHORIZATION"])
async def test_the_credential_comes_in_the_payload_in_either_case(live: Listening, name: str) -> None:
    async with live.raw() as socket:
        await socket.send(type="connection_init", payload={name: f"Bearer {live.served.keys[Role.STAFF]}"})
        assert await socket.next() == {"type": "connection_ack"}
        await socket.answers()


async def test_a_program_may_send_the_credential_in_the_header(live: Listening) -> None:
    headers = {"Authorization": f"Bearer {live.served.keys[Role.STAFF]}"}
    async with live.raw(additional_headers=headers) as socket:
        await socket.send(type="connection_init")
        assert await socket.next() == {"type": "connection_ack"}


async def test_pings_are_answered_before_and_after_the_init(live: Listening) -> None:
    async with live.raw() as socket:
        await socket.send(type="ping")
        assert await socket.next() == {"type": "pong"}
        await socket.send(type="pong")
        await socket.send(type="connection_init", payload={"authorization": f"Bearer {live.served.keys[Role.STAFF]}"})
        assert await socket.next() == {"type": "connection_ack"}
        await socket.send(type="ping", payload={"n": 1})
        assert await socket.next() == {"type": "pong", "payload": {"n": 1}}
        await socket.send(type="pong")
        await socket.answers()


# ---------------------------------------------------------------- one bad operation


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"query": "{"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "{ nothing }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "{ ...Nope }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "subscription { nothing }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "query A { __typename }", "operationName": "B"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "query($n: Int!) { stores(first: $n) { totalCount } }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "{ me { id } }"}, "FORBIDDEN"),
        ({"query": POINTS}, "FORBIDDEN"),
        ({"query": f"{{ a{'x' * 500} }}"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "{ " + "a { " * 300 + "b" + " }" * 301}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": ""}, "BAD_REQUEST"),
        ({"query": 5}, "BAD_REQUEST"),
        ({}, "BAD_REQUEST"),
        ({"query": "{ __typename }", "variables": 5}, "BAD_REQUEST"),
        ({"query": "{ __typename }", "extensions": []}, "BAD_REQUEST"),
        (
            {"query": "{ __typename }", "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}},
            "BAD_REQUEST",
        ),
    ],
)
async def test_a_bad_operation_is_told_so_and_harms_no_other(
    live: Listening, payload: dict[str, Any], code: str
) -> None:
    async with live.staffed() as socket:
        await socket.send(id="bad", type="subscribe", payload=payload)
        assert await refusal(socket, "bad") == code
        await socket.answers()


async def test_a_fault_of_ours_is_masked_and_harms_no_other(live: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("password=hunter2")

    async with live.staffed() as socket:
        with monkeypatch.context() as patched:
            patched.setattr("api.runner.Runner.run", broken)
            await socket.subscribe("1", STORES)
            message = await socket.next()
        assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "INTERNAL")
        assert "hunter2" not in json.dumps(message)
        await socket.answers()


async def test_a_socket_runs_so_many_operations_at_once_and_says_so_of_the_next(
    live: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "OPERATIONS_MAX", 3)
    ann = await create(live.served)
    async with live.socket(live.served.token(ann)) as socket:
        for id_ in "123":
            await socket.subscribe(id_, POINTS)
            assert (await socket.next())["id"] == id_
        await socket.subscribe("4", POINTS)
        assert await refusal(socket, "4") == "THROTTLED"
        await socket.send(id="2", type="complete")
        await socket.answers()
        assert live.watching() == 2


async def test_a_completed_operation_says_nothing_more(live: Listening) -> None:
    ann = await create(live.served)
    async with live.socket(live.served.token(ann)) as socket:
        await socket.subscribe("1", POINTS)
        await socket.next()
        await socket.send(id="1", type="complete")
        await socket.send(id="never", type="complete")  # nobody's: nothing happens
        await until(lambda: live.watching() == 0)
        await socket.subscribe("1", "{ me { id } }")
        assert await one_answer(socket, "1") == {"data": {"me": {"id": ann}}}


# ---------------------------------------------------------------- who may open one


@pytest.mark.parametrize("protocols", [["graphql-ws"], None])
async def test_another_subprotocol_is_not_acceptable(live: Listening, protocols: list[Subprotocol] | None) -> None:
    async with live.raw(subprotocols=protocols) as socket:
        assert socket.connection.subprotocol is None
        assert (await socket.closed())[0] == 4406


async def test_among_several_subprotocols_ours_is_taken(live: Listening) -> None:
    offered = [Subprotocol("graphql-ws"), Subprotocol("graphql-transport-ws")]
    async with live.raw(subprotocols=offered) as socket:
        assert socket.connection.subprotocol == "graphql-transport-ws"


async def test_another_website_cannot_open_a_socket_and_our_own_page_can(live: Listening) -> None:
    for origin in ("https://evil.example", "null", f"http://127.0.0.1:{live.port}.evil.example"):
        with pytest.raises(InvalidStatus) as refused:
            async with live.raw(origin=origin):
                pass
        assert refused.value.response.status_code == 403
    async with live.raw(origin=f"http://127.0.0.1:{live.port}") as socket:
        await socket.send(type="ping")
        assert await socket.next() == {"type": "pong"}


async def test_messages_are_not_compressed_whatever_the_client_offers(live: Listening) -> None:
    async with live.raw(compression="deflate") as socket:
        assert socket.connection.protocol.extensions == []
