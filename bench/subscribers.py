"""Phones that follow their points: what an idle one costs the process, and how soon it is told of a sale.

`python -m bench.subscribers` prints these rows alone. Each phone is a customer with a token and a socket of its own.
"""

import asyncio
import json
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from api.app import development_secret
from api.settings import Settings
from api.tokens import development_token
from bench.crashes import serving
from bench.tills import CREATE, DOCUMENTS, Endpoint, quantile

PHONES, SALES = 500, 300
SETTLE_SECONDS = 3.0
POINTS = "subscription { loyaltyUpdated { balance { available pending } } }"


@dataclass
class Measured:
    """Bytes of an idle phone, and seconds to its message from a till's sending a sale or from having its answer."""

    bytes_each: float = 0
    from_sending: list[float] = field(default_factory=list)
    from_answer: list[float] = field(default_factory=list)


def measure(table: Table) -> None:
    """Add the rows."""
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder)
        with serving(data_dir, workers=1) as (port, key, server):
            secret = development_secret(Settings(secret=(data_dir / "secret").read_text(encoding="ascii").strip()))
            assert secret is not None
            found = asyncio.run(_measured(port, key, secret, psutil.Process(server.pid)))
    table.add_row(
        f"{PHONES} idle subscribers over WebSocket in one process, memory each",
        "under 60 kB",
        f"{found.bytes_each / 1000:.0f} kB",
    )
    sending, answer = found.from_sending, found.from_answer
    table.add_row(
        f"{SALES} sales, one after the other, to {PHONES} subscribers: from sending the sale to the message",
        "p99 under 100 ms",
        f"p50 {quantile(sending, 0.5) * 1000:.0f} ms, p99 {quantile(sending, 0.99) * 1000:.0f} ms; "
        f"from the till's answer p50 {quantile(answer, 0.5) * 1000:.0f} ms, p99 {quantile(answer, 0.99) * 1000:.0f} ms",
    )


async def _measured(port: int, key: str, secret: str, process: psutil.Process) -> Measured:
    endpoint, found = Endpoint(f"http://127.0.0.1:{port}/graphql", key, 10), Measured()
    customers = [
        (await endpoint.ask(CREATE, {"email": f"phone-{number}@example.com"}))["createCustomer"]["customer"]["id"]
        for number in range(PHONES)
    ]
    async with AsyncExitStack() as stack:
        # What the first one costs, the change stream and what is read once, is not what the next one costs.
        phones = [await _following(stack, port, secret, customers[0])]
        before = process.memory_info().rss
        phones += [await _following(stack, port, secret, customer) for customer in customers[1:]]
        await asyncio.sleep(SETTLE_SECONDS)
        found.bytes_each = (process.memory_info().rss - before) / (PHONES - 1)
        for number in range(SALES):
            await _sell(endpoint, customers[number], phones[number], found)
    await endpoint.close()
    return found


async def _following(stack: AsyncExitStack, port: int, secret: str, customer: str) -> ClientConnection:
    """Return a socket that has been told the present state."""
    token = development_token(customer, secret=secret, now=datetime.now(UTC))
    socket = await stack.enter_async_context(
        connect(f"ws://127.0.0.1:{port}/graphql", subprotocols=[Subprotocol("graphql-transport-ws")], compression=None)
    )
    await socket.send(json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}))
    assert json.loads(await socket.recv())["type"] == "connection_ack"
    await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": POINTS}}))
    assert json.loads(await socket.recv())["type"] == "next"
    return socket


async def _sell(endpoint: Endpoint, customer: str, phone: ClientConnection, found: Measured) -> None:
    """Record a sale and wait for both, the till's answer and the phone's message."""
    began = time.perf_counter()

    async def timed(coming: Any) -> float:
        await coming
        return time.perf_counter() - began

    told, answered = await asyncio.gather(timed(phone.recv()), timed(endpoint.ask(DOCUMENTS["sale"], _sale(customer))))
    found.from_sending.append(told)
    found.from_answer.append(max(0.0, told - answered))


def _sale(customer: str) -> dict[str, Any]:
    key = f"{customer}-{time.time_ns()}"
    input_ = {
        "externalId": {"source": "bench", "value": key},
        "customer": {"id": customer},
        "channel": "POS",
        "occurredAt": datetime.now(UTC).isoformat(),
        "currencyCode": "USD",
        "lines": [{"lineNumber": 1, "sku": "MUG", "title": "Mug", "quantity": "1", "unitPrice": "9.90"}],
        "total": "9.90",
    }
    return {"input": input_, "key": key}


def main() -> None:
    """Measure and print."""
    table = Table("what", "aim", "measured")
    measure(table)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
