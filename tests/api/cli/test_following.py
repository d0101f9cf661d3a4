"""`crm serve` while people follow their points: told to stop, and robbed of its MongoDB."""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from api.cli.serve import DRAIN_SECONDS
from store.embedded import running_uri
from tests.api.cli.servers import RECORD, STOP_SECONDS, Server, eventually, mongod_pid, said, sale, serving

POINTS = "subscription { loyaltyUpdated { balance { available } } }"
CREATE = "mutation($input: CreateCustomerInput!) { createCustomer(input: $input) { customer { id } } }"
SECONDS = 60.0


@contextmanager
def customer(folder: Path, *words: str) -> Iterator[tuple[Server, str, str]]:
    """A server, a customer and the customer's token."""
    with serving(folder, *words, await_ready=False) as server:
        server.await_ready(SECONDS)
        created = server.ask(server.key(), CREATE, input={"email": "ann@example.com"})["createCustomer"]
        id_ = created["customer"]["id"]
        yield server, id_, said("token", "--customer", id_, "--data-dir", str(folder))["token"]


@contextmanager
def following(server: Server, token: str) -> Iterator[ClientConnection]:
    """A socket that follows the points, and has been told of none."""
    address = f"ws://127.0.0.1:{server.port}/graphql"
    with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:
        socket.send(json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}))
        assert json.loads(socket.recv(SECONDS)) == {"type": "connection_ack"}
        socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": POINTS}}))
        assert available(socket.recv(SECONDS)) == 0
        yield socket


def available(message: str | bytes) -> int:
    payload: Any = json.loads(message)["payload"]
    return int(payload["data"]["loyaltyUpdated"]["balance"]["available"])


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sigterm_ends_sockets_with_a_code_and_event_streams_without_waiting(tmp_path: Path, workers: str) -> None:
    with customer(tmp_path / "data", "--workers", workers) as (server, _, token), following(server, token) as socket:
        headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
        body = {"query": POINTS}
        with httpx.stream("POST", f"{server.url}/graphql", json=body, headers=headers, timeout=SECONDS) as stream:
            chunks = stream.iter_bytes()
            while b"event: next" not in next(chunks):
                pass

            began = time.monotonic()
            server.process.send_signal(signal.SIGTERM)

            with pytest.raises(ConnectionClosed):
                socket.recv(SECONDS)
            assert socket.close_code in (1001, 1012)
            assert b"complete" not in b"".join(chunks), "the client is to come again"
            assert time.monotonic() - began < DRAIN_SECONDS / 2
            assert server.process.wait(DRAIN_SECONDS + STOP_SECONDS) == 0
        assert server.process.stderr is not None
        assert server.process.stderr.read() == ""


def test_a_socket_outlives_a_killed_mongod_and_is_told_of_the_next_sale(tmp_path: Path) -> None:
    with customer(tmp_path / "data") as (server, id_, token), following(server, token) as socket:
        first = mongod_pid(server.folder)
        os.kill(first, signal.SIGKILL)
        folder = server.folder
        assert eventually(lambda: running_uri(folder) is not None and mongod_pid(folder) != first, SECONDS)
        server.await_ready(SECONDS)

        sold = server.ask(server.key(), RECORD, input=sale(1, customer={"id": id_}, occurredAt="2026-11-21T10:00:00Z"))

        assert sold["recordPurchase"]["userErrors"] == []
        while available(socket.recv(SECONDS)) != 7:  # the state from before may come once anew
            pass
