"""`python -m bench.executor`: what running an operation costs, by plans and by graphql-core, in one process.

CPU time of this process, mongod's left out. "Alone" is the executor without a database: everything its batch functions
give is at hand. "With MongoDB" is the whole engine over the embedded server, one request after the other.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table

from api.engine import Engine
from crm.callers import Caller
from crm.values import Role
from resolvers.context import Context
from schema.build import build_schema, executable
from services.context import Shop, utc_now
from services.installation import open_shop
from store.client import Database
from store.embedded import EmbeddedMongo

ADMIN = Caller(role=Role.ADMIN, principal="bench", name="Bench")
CUSTOMERS, PURCHASES = 50, 15
SLICES, SLICE_SECONDS = 3, 0.1

A = """{ me { id firstName lastName email createdAt lifecycleStage tags
  metrics { purchaseCount totalSpent { amount currencyCode } lastPurchaseAt }
  loyalty { balance { available pending held nextExpiry { points at } } tier { tier { name } pointsToNext }
    transactions(first: 5) { nodes { id type points balanceAfter at } } }
  purchases(first: 10) { nodes { id occurredAt status total { amount currencyCode }
    lines { lineNumber sku title quantity total { amount } } } } } }"""
B = """{ customers(first: 50) { nodes { id firstName lastName
  loyalty { balance { available } }
  purchases(first: 1) { nodes { id occurredAt total { amount currencyCode } } } } } }"""
C = "{ me { loyalty { balance { available } } } }"
M = """mutation($input: RecordPurchaseInput!) { recordPurchase(input: $input) {
  purchase { id total { amount } pointsEarned } replayed userErrors { code } } }"""
CREATE = """mutation($input: CreateCustomerInput!) { createCustomer(input: $input) {
  customer { id } userErrors { code message } } }"""


@dataclass
class Bench:
    """A shop with data, and both engines."""

    shop: Shop
    engines: Mapping[str, Engine]
    caller: Caller = ADMIN
    sales: int = 0

    async def run(self, name: str, query: str, variables: Any = None, *, caller: Caller | None = None) -> Any:
        """Return an operation's data."""
        answer = await self.engines[name].run(Context(self.shop.call(caller or self.caller)), query, variables, None)
        assert "errors" not in answer.body, answer.body
        return answer.body["data"]

    async def sell(self, name: str, customer: str) -> Any:
        """Record a sale of three lines."""
        self.sales += 1
        lines = [
            {"lineNumber": n, "sku": f"S{n}", "title": f"Thing {n}", "quantity": "1", "unitPrice": "4.00"}
            for n in range(1, 4)
        ]
        at = utc_now() - timedelta(minutes=1)
        sale = {
            "externalId": {"source": "bench", "value": str(self.sales)},
            "customer": {"id": customer},
            "channel": "WEB",
            "currencyCode": "USD",
            "occurredAt": at.isoformat(),
            "lines": lines,
            "total": "12.00",
        }
        data = await self.run(name, M, {"input": sale}, caller=ADMIN)
        assert not data["recordPurchase"]["userErrors"], data

    async def fill(self) -> str:
        """Make customers with purchases and return the first one's id."""
        ids = []
        for number in range(CUSTOMERS):
            person = {"email": f"c{number}@example.com", "firstName": f"F{number}", "lastName": f"L{number}"}
            data = await self.run("compiled", CREATE, {"input": person}, caller=ADMIN)
            ids.append(data["createCustomer"]["customer"]["id"])
            await self.sell("compiled", ids[-1])
        for _ in range(PURCHASES):
            await self.sell("compiled", ids[0])
        return str(ids[0])


def main() -> None:
    """Measure and print."""
    driver = sys.argv[1] if len(sys.argv) > 1 else "pymongo"
    with tempfile.TemporaryDirectory() as folder, EmbeddedMongo.start(Path(folder), purpose="bench") as mongo:
        asyncio.run(_measure(mongo.uri, driver))


async def _measure(uri: str, driver: str) -> None:
    database = Database(uri, "bench", driver=driver)
    shop = Shop(database=database, currency="USD", time_zone=ZoneInfo("UTC"), pepper=b"p" * 32)
    await open_shop(shop)
    schema = executable(build_schema())
    engines = {name: Engine(schema, executor=name) for name in ("compiled", "graphql-core")}  # type: ignore[arg-type]  # the two there are
    bench = Bench(shop, engines)
    customer = await bench.fill()
    bench.caller = Caller(role=Role.CUSTOMER, principal="jwt:bench", name="bench", customer_id=customer)
    table = Table("operation", "measured", "compiled", "graphql-core", "ratio", title=f"Executor, {driver}")
    for letter, query, caller in (("A", A, bench.caller), ("B", B, ADMIN), ("C", C, bench.caller)):
        _row(table, letter, "executor alone", await _alone(bench, query, caller))
        _row(table, letter, "with MongoDB", await _with_database(bench, query, caller))
    _row(table, "M", "with MongoDB", await _writes(bench, customer))
    Console().print(table)
    await database.close()


async def _alone(bench: Bench, query: str, caller: Caller) -> dict[str, float]:
    """Return microseconds a run with everything at hand that batch functions give."""
    context = Context(bench.shop.call(caller))
    body = (await bench.engines["compiled"].run(context, query, None, None)).body
    known = {load: loader.found for load, loader in context._loaders.items()}

    async def once(name: str) -> None:
        again = Context(bench.shop.call(caller))
        for load, found in known.items():
            again.loader(load).found = found
        engine = bench.engines[name]
        answer = await engine.run(again, query, None, None)
        assert answer.executed

    for name in bench.engines:  # equal before fast
        assert (await bench.engines[name].run(Context(bench.shop.call(caller)), query, None, None)).body == body
    return await _interleaved(bench, once)


async def _with_database(bench: Bench, query: str, caller: Caller) -> dict[str, float]:
    async def once(name: str) -> None:
        await bench.run(name, query, caller=caller)

    return await _interleaved(bench, once)


async def _writes(bench: Bench, customer: str) -> dict[str, float]:
    async def once(name: str) -> None:
        await bench.sell(name, customer)

    return await _interleaved(bench, once)


async def _interleaved(bench: Bench, once: Callable[[str], Awaitable[None]]) -> dict[str, float]:
    """Return the median of interleaved slices, in microseconds."""
    taken: dict[str, list[float]] = {name: [] for name in bench.engines}
    for _ in range(SLICES):
        for name, of_name in taken.items():
            count, started = 0, time.process_time()
            while (seconds := time.process_time() - started) < SLICE_SECONDS:
                await once(name)
                count += 1
            of_name.append(seconds / count * 1e6)
    return {name: statistics.median(of_name) for name, of_name in taken.items()}


def _row(table: Table, letter: str, what: str, taken: dict[str, float]) -> None:
    compiled, core = taken["compiled"], taken["graphql-core"]
    table.add_row(letter, what, f"{compiled:,.0f} µs", f"{core:,.0f} µs", f"{core / compiled:.1f}")


if __name__ == "__main__":
    main()
