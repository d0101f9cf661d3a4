"""The application behind a real uvicorn, as `crm serve` sets it up, and clients that speak to it by hand."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from api.cli.serve import SERVER
from api.settings import Settings
from crm.values import Role
from tests.api.serving import Served, serving

SECONDS = 10.0
PROTOCOL = "graphql-transport-ws"
STORES = "{ stores { totalCount } }"
POINTS = "subscription { loyaltyUpdated { balance { available lifetimeEarned } } }"


class Server(uvicorn.Server):
    """One that leaves the tests' signal handlers alone."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass
class Listening:
    """A served application and where it listens."""

    served: Served
    port: int
    server: Server

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"

    @property
    def streams(self) -> int:
        return len(self.served.app.state.streams)

    def watching(self) -> int:
        return self.served.app.state.shop.live.watching  # type: ignore[no-any-return]

    @asynccontextmanager
    async def raw(self, **options: Any) -> AsyncIterator["Socket"]:
        """A socket on which nothing has been said yet."""
        options = {"subprotocols": [Subprotocol(PROTOCOL)], "compression": None} | options
        async with connect(f"ws://127.0.0.1:{self.port}/graphql", **options) as connection:
            yield Socket(connection)

    @asynccontextmanager
    async def socket(self, credential: str) -> AsyncIterator["Socket"]:
        """A socket that is acknowledged."""
        async with self.raw() as socket:
            await socket.send(type="connection_init", payload={"Authorization": f"Bearer {credential}"})
            assert await socket.next() == {"type": "connection_ack"}
            yield socket

    @asynccontextmanager
    async def staffed(self) -> AsyncIterator["Socket"]:
        async with self.socket(self.served.keys[Role.STAFF]) as socket:
            yield socket

    @asynccontextmanager
    async def events(
        self, credential: str, query: str = POINTS, *, method: str = "POST", accept: str = "text/event-stream"
    ) -> AsyncIterator["Events"]:
        """A response as it comes in."""
        headers = {"Authorization": f"Bearer {credential}", "Accept": accept}
        sent: dict[str, Any] = {"json": {"query": query}} if method == "POST" else {"params": {"query": query}}
        async with (
            httpx.AsyncClient(timeout=SECONDS) as client,
            client.stream(method, self.url, headers=headers, **sent) as response,
        ):
            yield Events(response)


class Socket:
    """Speaks in messages."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def subscribe(self, id: Any, query: str, **more: Any) -> None:
        await self.send(id=id, type="subscribe", payload={"query": query, **more})

    async def next(self) -> Any:
        async with asyncio.timeout(SECONDS):
            return json.loads(await self.connection.recv())

    async def closed(self) -> tuple[int, str]:
        """Return the code and the reason with which the other side closes; whatever is still said before is dropped."""
        async with asyncio.timeout(SECONDS):
            with suppress(ConnectionClosed):
                while True:
                    await self.connection.recv()
        assert self.connection.close_code != 1006, "it broke without a close frame"
        return self.connection.close_code or 0, self.connection.close_reason or ""

    async def answers(self) -> None:
        """Assert that the socket still serves."""
        await self.subscribe("alive", "{ __typename }")
        assert await self.next() == {"id": "alive", "type": "next", "payload": {"data": {"__typename": "Query"}}}
        assert await self.next() == {"id": "alive", "type": "complete"}


class Events:
    """Reads an event stream as its specification has it, and keeps the raw bytes."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.raw = b""
        self._chunks = response.aiter_raw()

    async def next(self) -> tuple[str, Any]:
        """Return the next event and what it carries; comments are left out."""
        async with asyncio.timeout(SECONDS):
            while True:
                block, end, rest = self.raw.partition(b"\n\n")
                if not end:
                    self.raw += await anext(self._chunks)
                    continue
                self.raw = rest
                if not block.startswith(b":"):
                    kind, data = block.split(b"\n")
                    assert kind.startswith(b"event: ")
                    assert data.startswith(b"data: ")
                    content = data.removeprefix(b"data: ")
                    return kind.removeprefix(b"event: ").decode(), json.loads(content) if content else None

    async def ends(self) -> bool:
        """Whether nothing but the end is to come."""
        async with asyncio.timeout(SECONDS):
            return not self.raw and [chunk async for chunk in self._chunks] == []


async def one_answer(socket: Socket, id: str) -> Any:
    """Return what an operation gives that gives one thing and completes."""
    message = await socket.next()
    assert (message["id"], message["type"]) == (id, "next")
    assert await socket.next() == {"id": id, "type": "complete"}
    return message["payload"]


async def refusal(socket: Socket, id: str) -> str:
    """Return the code with which an operation is refused."""
    message = await socket.next()
    assert (message["id"], message["type"]) == (id, "error")
    assert set(message) == {"id", "type", "payload"}
    return str(message["payload"][0]["extensions"]["code"])


async def until(reached: Callable[[], Any]) -> None:
    """Wait for what is about to become true."""
    async with asyncio.timeout(SECONDS):
        while not reached():
            await asyncio.sleep(0.005)


async def soon(reached: Callable[[], Awaitable[Any]]) -> Any:
    """Return what an asynchronous look gives once it gives something."""
    async with asyncio.timeout(SECONDS):
        while not (found := await reached()):
            await asyncio.sleep(0.005)
        return found


@asynccontextmanager
async def listening(settings: Settings) -> AsyncIterator[Listening]:
    async with serving(settings) as served:
        server = Server(uvicorn.Config(served.app, host="127.0.0.1", port=0, lifespan="off", **SERVER))
        task = asyncio.create_task(server.serve())
        await until(lambda: server.started)
        try:
            yield Listening(served, server.servers[0].sockets[0].getsockname()[1], server)
        finally:
            served.app.state.streams.drain()
            server.should_exit = True
            await task
