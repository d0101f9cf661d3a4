"""What breaks graphql-transport-ws closes the socket, with the protocol's code and a reason."""

import asyncio
import json
from contextlib import suppress
from random import Random
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from api import socket_protocol, sockets
from tests.api.http_answers import CREATED, create
from tests.api.listening import POINTS, Listening, until

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
