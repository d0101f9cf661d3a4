"""`crm serve` told to stop while people follow their points: streams end at once, and properly."""

import json
import signal
import time
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from api.cli.serve import DRAIN_SECONDS
from tests.api.cli.servers import said, serving

POINTS = "subscription { loyaltyUpdated { balance { available } } }"
CREATE = "mutation($input: CreateCustomerInput!) { createCustomer(input: $input) { customer { id } } }"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sigterm_ends_sockets_with_a_code_and_event_streams_without_waiting(tmp_path: Path, workers: str) -> None:
    folder = tmp_path / "data"
    with serving(folder, "--workers", workers) as server:
        created = server.ask(server.key(), CREATE, input={"email": "ann@example.com"})["createCustomer"]
        token = said("token", "--customer", created["customer"]["id"], "--data-dir", str(folder))["token"]
        headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
        address = f"ws://127.0.0.1:{server.port}/graphql"
        with (
            connect(address, subprotocols=[Subprotocol("graphql-transport-ws")]) as socket,
            httpx.stream("POST", f"{server.url}/graphql", json={"query": POINTS}, headers=headers) as stream,
        ):
            socket.send(json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}))
            assert json.loads(socket.recv(10)) == {"type": "connection_ack"}
            socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": POINTS}}))
            assert json.loads(socket.recv(10))["type"] == "next"
            chunks = stream.iter_bytes()
            while b"event: next" not in next(chunks):
                pass

            began = time.monotonic()
            server.process.send_signal(signal.SIGTERM)

            with pytest.raises(ConnectionClosed):
                socket.recv(10)
            assert socket.close_code in (1001, 1012)
            assert b"complete" not in b"".join(chunks)
            assert server.process.wait(DRAIN_SECONDS) == 0
            assert time.monotonic() - began < DRAIN_SECONDS / 2
        assert server.process.stderr is not None
        assert server.process.stderr.read() == ""
