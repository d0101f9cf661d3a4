"""graphql-transport-ws over real sockets: what is asked is answered, and what is wrong harms nobody else."""

import asyncio
import hashlib
import json
from contextlib import suppress
from random import Random
from typing import Any

import pytest
from pymongo.errors import AutoReconnect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from api import socket_protocol, sockets
from crm.callers import SYSTEM
from crm.values import Role
from services import api_keys, customers
from tests.api.http_answers import CREATED, create
from tests.api.listening import POINTS, Listening, Socket, until

STORES = "{ stores { totalCount } }"


async def one_answer(socket: Socket, id: str) -> Any:
    """Return what an operation gives that gives one thing and completes."""
    message = await socket.next()
    assert (message["id"], message["type"]) == (id, "next")
    assert await socket.next() == {"id": id, "type": "complete"}
    return message["payload"]


async def refusal(socket: Socket, id: str) -> str:
    message = await socket.next()
    assert (message["id"], message["type"]) == (id, "error")
    assert set(message) == {"id", "type", "payload"}
    return str(message["payload"][0]["extensions"]["code"])


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


# ---------------------------------------------------------------- what breaks the protocol


BAD_MESSAGES: list[tuple[str | bytes, int]] = [
    ("null", 4400),
    ("5", 4400),
    ("[]", 4400),
    ('"ping"', 4400),
    ("{}", 4400),
    ("{", 4400),
    ("[" * 20_000, 4400),
    ('{"type": null}', 4400),
    ('{"type": "nothing"}', 4400),
    ('{"type": "ping", "type": "pong"}', 4400),
    ('{"type": "ping", "payload": NaN}', 4400),
    ('{"type": "ping", "payload": "\\ud800"}', 4400),
    (b'{"type": "ping"}', 4400),
    ('{"type": "subscribe", "id": "1", "payload": null}', 4400),
    ('{"type": "subscribe", "id": "1", "payload": 5}', 4400),
    ('{"type": "subscribe", "id": "1", "payload": []}', 4400),
    ('{"type": "subscribe", "id": "1"}', 4400),
    ('{"type": "subscribe", "payload": {"query": "{ __typename }"}}', 4400),
    ('{"type": "subscribe", "id": {}, "payload": {"query": "{ __typename }"}}', 4400),
    ('{"type": "subscribe", "id": "", "payload": {"query": "{ __typename }"}}', 4400),
    ('{"type": "subscribe", "id": 1, "payload": {"query": "{ __typename }"}}', 4400),
    (json.dumps({"type": "subscribe", "id": "x" * 129, "payload": {"query": "{ __typename }"}}), 4400),
    ('{"type": "complete"}', 4400),
    ('{"type": "complete", "id": []}', 4400),
    ('{"type": "connection_init"}', 4429),
    ("x" * 65_537, 1009),
]


@pytest.mark.parametrize(("message", "code"), BAD_MESSAGES, ids=range(len(BAD_MESSAGES)))
async def test_what_is_no_message_closes_the_socket_with_a_code_and_a_reason(
    live: Listening, message: str | bytes, code: int
) -> None:
    async with live.staffed() as socket:
        await socket.connection.send(message)
        closed, reason = await socket.closed()
    assert closed == code
    assert reason or code == 1009
    await until(lambda: live.streams == 0)


def anything(random: Random, depth: int = 0) -> Any:
    """Return a value that JSON can carry, with the protocol's words in it more often than chance would have it."""
    words = ["subscribe", "complete", "ping", "pong", "connection_init", "1", "{ __typename }", POINTS, "", "\x00", "é"]
    plain = [None, True, 0, -1, 1e300, 10**18, *words]
    kind = random.randrange(6) if depth < 3 else 0
    if kind < 3:
        return random.choice(plain)
    if kind == 3:
        return [anything(random, depth + 1) for _ in range(random.randrange(4))]
    names = ["type", "id", "payload", "query", "variables", "operationName", "extensions", "authorization", "x"]
    return {random.choice(names): anything(random, depth + 1) for _ in range(random.randrange(1, 6))}


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_is_sent_a_socket_serves_on_or_closes_with_a_code_of_the_protocol(
    live: Listening, seed: int
) -> None:
    random, codes = Random(seed), set()
    async with live.staffed() as bystander:
        for _ in range(25):
            async with live.staffed() as socket:
                with suppress(ConnectionClosed):
                    for _ in range(6):
                        message = anything(random)
                        if random.random() < 0.8:
                            message = {"type": random.choice(["subscribe", "complete", "ping"]), "id": "1"} | (
                                {"payload": message} if random.random() < 0.9 else {}
                            )
                        await socket.connection.send(json.dumps(message))
                    await socket.send(type="nothing")
                codes.add((await socket.closed())[0])
        await bystander.answers()
    assert codes <= {4400, 4409, 4429}
    await until(lambda: live.streams == 0)


async def test_an_id_in_use_closes_the_socket(live: Listening) -> None:
    ann = await create(live.served)
    async with live.socket(live.served.token(ann)) as socket:
        await socket.subscribe("1" * 128, POINTS)
        await socket.subscribe("1" * 128, POINTS)
        code, reason = await socket.closed()
    assert code == 4409
    assert reason.startswith("Subscriber for 111")
    assert len(reason.encode()) <= 123
    await until(lambda: live.watching() == 0)


def test_a_reason_is_cut_between_characters_to_what_a_close_frame_carries() -> None:
    reason = socket_protocol.Close(4400, "é" * 100).reason

    assert reason == "é" * 61


async def test_whoever_asks_before_the_init_is_unauthorized(live: Listening) -> None:
    for message in (
        {"type": "subscribe", "id": "1", "payload": {"query": CREATED}},
        {"type": "complete", "id": "1"},
    ):
        async with live.raw() as socket:
            await socket.send(**message)
            assert (await socket.closed())[0] == 4401
    assert (await live.served.everything())["customers"] == 0


@pytest.mark.parametrize(
    "payload",
    [None, {}, {"authorization": None}, {"authorization": 5}, {"authorization": "Bearer wrong"}, {"token": "x"}],
)
async def test_an_init_without_a_good_credential_is_forbidden(live: Listening, payload: Any) -> None:
    async with live.raw() as socket:
        await socket.send(type="connection_init", payload=payload)
        code, reason = await socket.closed()
    assert code == 4403
    assert reason.startswith("Forbidden: ")


@pytest.mark.parametrize("payload", [5, "x", []])
async def test_an_init_of_another_shape_is_a_bad_message(live: Listening, payload: Any) -> None:
    async with live.raw() as socket:
        await socket.send(type="connection_init", payload=payload)
        assert (await socket.closed())[0] == 4400


async def test_a_socket_that_never_begins_is_closed_whatever_else_it_says(
    live: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "INIT_SECONDS", 0.2)
    async with live.raw() as socket, live.raw() as silent:
        for _ in range(3):
            await socket.send(type="ping")
        assert await socket.closed() == (4408, "Connection initialisation timeout")
        assert await silent.closed() == (4408, "Connection initialisation timeout")


async def test_a_client_that_sends_too_fast_is_read_more_slowly(
    live: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_protocol, "BURST", 5)
    async with live.staffed() as socket:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for _ in range(20):
            await socket.send(type="ping")
        for _ in range(20):
            assert await socket.next() == {"type": "pong"}
        assert loop.time() - began >= (20 - 5) / socket_protocol.PER_SECOND * 0.9


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


# ---------------------------------------------------------------- a credential that ends


async def test_a_socket_ends_with_its_token(live: Listening) -> None:
    ann = await create(live.served)
    async with live.socket(live.served.token(ann)) as socket:
        await socket.subscribe("1", POINTS)
        await socket.next()
        await live.served.app.state.streams.sweep()
        assert live.streams == 1

        live.served.clock.advance(days=31)
        await live.served.app.state.streams.sweep()

        assert await socket.closed() == (4403, "Forbidden")
    await until(lambda: live.streams == 0 and live.watching() == 0)


async def test_a_revoked_keys_socket_ends_and_runs_nothing_more(live: Listening) -> None:
    made = await api_keys.create(live.served.shop.call(SYSTEM), Role.STAFF)
    async with live.socket(made.key) as socket:
        await socket.answers()
        assert await api_keys.revoke(live.served.shop.call(SYSTEM), made.id)
        live.served.clock.advance(seconds=5)

        await socket.subscribe("1", CREATED)

        assert await socket.closed() == (4403, "Forbidden")
    assert (await live.served.everything())["customers"] == 0


async def test_a_database_that_is_away_throws_nobody_out(live: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise AutoReconnect("no primary")

    async with live.staffed() as socket:
        with monkeypatch.context() as patched:
            patched.setattr("api.authentication.known", away)
            live.served.clock.advance(seconds=6)
            await live.served.app.state.streams.sweep()
            await socket.subscribe("1", STORES)
            assert await refusal(socket, "1") == "INTERNAL"
        await socket.answers()


async def test_a_customer_has_so_many_sockets_and_another_has_as_many(
    live: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.streams.CUSTOMER_STREAMS_MAX", 2)
    ann, ben = await create(live.served), await create(live.served, email="ben@example.com")
    async with live.socket(live.served.token(ann)), live.socket(live.served.token(ann)):
        async with live.raw() as third:
            await third.send(type="connection_init", payload={"authorization": f"Bearer {live.served.token(ann)}"})
            assert await third.closed() == (1013, "Too many streams are open for this caller.")
        async with live.socket(live.served.token(ben)) as socket:
            await socket.answers()
    await until(lambda: live.streams == 0)
    async with live.socket(live.served.token(ann)) as socket:
        await socket.answers()


# ---------------------------------------------------------------- how it ends


async def test_a_client_that_breaks_off_frees_everything(live: Listening) -> None:
    ann = await create(live.served)
    async with live.socket(live.served.token(ann)) as socket:
        for number in range(5):
            await socket.subscribe(str(number), POINTS)
            await socket.next()
        assert live.watching() == 5
        socket.connection.transport.abort()
        await until(lambda: live.watching() == 0 and live.streams == 0)


async def test_a_mutation_goes_on_where_its_client_breaks_off(live: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on, create_customer = asyncio.Event(), asyncio.Event(), customers.create_customer

    async def slow(*arguments: Any) -> Any:
        begun.set()
        await go_on.wait()
        return await create_customer(*arguments)

    monkeypatch.setattr(customers, "create_customer", slow)
    async with live.staffed() as socket:
        await socket.subscribe("1", CREATED)
        await asyncio.wait_for(begun.wait(), 10)
        socket.connection.transport.abort()
    go_on.set()
    await until(lambda: live.streams == 0)
    assert (await live.served.everything())["customers"] == 1
