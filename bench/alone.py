"""The commands of an operation without a server: what MongoDB alone could answer, and what they cost it.

The commands of A, B and C are those that this project sends, taken down while it answers one customer after the other,
and sent again by 16 tasks of one process that decodes nothing of what comes back. M is the bare transaction
(bench/bare_sale.py). Where asking takes one process as long as answering takes MongoDB, as in C and M, MongoDB's
processor time says more than the rate.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from statistics import quantiles
from typing import Any

import httpx
import psutil
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import AsyncMongoClient
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent
from starlette.requests import Request as HTTPRequest

from api import logs
from api.app import create_app
from api.settings import Settings
from bench.bare_sale import BareSale
from bench.contenders import CONTENDERS, Contender, used
from bench.data import Data, sale
from bench.load import CONNECTIONS, Request, requests, sold_to
from store.client import Database

READS = frozenset({"find", "aggregate"})
OF_A_SESSION = frozenset({"lsid", "$db", "$clusterTime", "$readPreference", "txnNumber"})
RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)

Command = Mapping[str, Any]
Commands = Sequence[Sequence[Command]]
"""Of each customer, one after the other."""

Step = Callable[[int], Awaitable[None]]


class Taken(CommandListener):
    """Takes down the reads that are sent."""

    def __init__(self) -> None:
        self.commands: list[Command] = []

    def started(self, event: CommandStartedEvent) -> None:
        """Keep a read."""
        follows = any("$changeStream" in stage for stage in event.command.get("pipeline", ()))
        if event.command_name in READS and not follows:
            self.commands.append({name: value for name, value in event.command.items() if name not in OF_A_SESSION})

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Keep nothing."""

    def failed(self, event: CommandFailedEvent) -> None:
        """Keep nothing."""


async def commands_of(data: Data, server: Contender, name: str) -> Commands:
    """Return the reads of an operation, for each of the customers that the load asks for."""
    settings = Settings.from_environ({**data.environ, **server.environ, "CRM_RATE_LIMIT": "off"})
    logs.configure(settings)
    taken, found = Taken(), []
    app = create_app(settings, listeners=[taken])
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://bench") as client,
    ):
        these = requests(name, server, data.callers)
        for request in [*these[:2], *these]:  # the first ones also read what is kept in memory from then on
            taken.commands.clear()
            await _asked(client, request)
            found.append(list(taken.commands))
    return found[2:]


async def _asked(client: httpx.AsyncClient, request: Request) -> None:
    headers = {"Content-Type": "application/json", **request["headers"]}
    response = await client.post("/graphql", content=request["body"], headers=headers)
    assert "data" in response.json(), response.text


def prepared(data: Data, server: Contender, name: str) -> Commands | None:
    """Return the commands of an operation, None for a sale."""
    return None if name == "M" else asyncio.run(commands_of(data, server, name))


def sent(data: Data, commands: Commands | None, seconds: float) -> dict[str, Any]:
    """Send an operation's commands for a while; return what `bench.load.send` does, and CPU seconds."""
    mongod = psutil.Process(data.mongod)
    return asyncio.run(_sales(data, seconds, mongod) if commands is None else _reads(data, commands, seconds, mongod))


async def _reads(data: Data, commands: Commands, seconds: float, mongod: psutil.Process) -> dict[str, Any]:
    client: AsyncMongoClient[Any] = AsyncMongoClient(data.environ["CRM_MONGODB_URI"])
    database = client[data.environ["CRM_MONGODB_DATABASE"]]

    async def step(number: int) -> None:
        for command in commands[number % len(commands)]:
            await database.command(dict(command), codec_options=RAW)

    try:
        return await _sent(step, len(commands), seconds, mongod)
    finally:
        await client.close()


async def _sales(data: Data, seconds: float, mongod: psutil.Process) -> dict[str, Any]:
    database = Database(data.environ["CRM_MONGODB_URI"], data.environ["CRM_MONGODB_DATABASE"], driver="pymongo")
    bare, customers = BareSale(database), sold_to(len(CONTENDERS), data.callers)
    nobody = HTTPRequest({"type": "http"})

    async def step(number: int) -> None:
        input_ = sale(customers[number % len(customers)], "alone")
        await bare.answer(database, nobody, {"variables": {"input": input_}})

    try:
        return await _sent(step, len(customers), seconds, mongod)
    finally:
        await database.close()


async def _sent(step: Step, customers: int, seconds: float, mongod: psutil.Process) -> dict[str, Any]:
    """Take steps in several tasks, each from another customer on."""
    for number in range(CONNECTIONS):  # the first sale also reads what it copies
        await step(number)
    times: list[float] = []
    own, own_before, mongod_before = psutil.Process(), used(psutil.Process()), used(mongod)
    began = time.perf_counter()

    async def task(number: int) -> None:
        while (sent_at := time.perf_counter()) < began + seconds:
            await step(number)
            times.append(time.perf_counter() - sent_at)
            number += 1

    await asyncio.gather(*(task(number * customers // CONNECTIONS) for number in range(CONNECTIONS)))
    parts = [part * 1000 for part in quantiles(times, n=100)]
    return {
        "requests": len(times),
        "seconds": time.perf_counter() - began,
        "p50": parts[49],
        "p99": parts[98],
        "client": used(own) - own_before,
        "mongod": used(mongod) - mongod_before,
    }
