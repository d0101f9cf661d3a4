"""The ledger's figures: a sale against the bare transaction, an old account against a young one, many tills at once."""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from rich.table import Table

from api.engine import Engine
from bench.bare_sale import write, written_by
from bench.crashes import serving
from bench.tills import Endpoint, Load, prepared, quantile
from crm.callers import Caller
from crm.ids import account_of
from crm.values import Role
from resolvers.context import Context
from schema.build import build_schema, executable
from services.context import Shop
from services.customers import create_customer
from services.input_types import Rules
from services.inputs import CreateCustomerInput, CustomerKey, RecordPurchaseInput
from services.installation import open_shop
from services.points import adjust_points
from services.purchases import record_purchase
from services.validation import parse
from store.client import Database
from store.embedded import EmbeddedMongo

ADMIN = Caller(role=Role.ADMIN, principal="bench", name="Bench")
CUSTOMERS, SALES = 100, 1000
FEW, MANY, PAGES = 10, 10_000, 300
CONNECTIONS, ACCOUNTS, SECONDS = 32, 10, 30.0
PAGE = """query($id: ID!) { node(id: $id) { ... on LoyaltyAccount {
  balance { available pending held lifetimeEarned nextExpiry { points at } }
  lots { id remaining expiresAt }
  transactions(first: 20) { nodes { id type points balanceAfter at source { kind nodeId } } } } } }"""


def measure(table: Table, driver: str) -> None:
    """Add the ledger's rows over one driver."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedMongo.start(Path(folder), purpose="bench") as mongo:
        asyncio.run(_in_process(table, mongo.uri, driver))


def measure_tills(table: Table) -> None:
    """Add the row of many tills at once, over HTTP, with two processes that answer."""
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder)
        with serving(data_dir) as (port, key, _):
            load, seconds = asyncio.run(_tills(port, key))
        check = [sys.executable, "-m", "api.cli", "check", "--json", "--data-dir", str(data_dir)]
        report = json.loads(subprocess.run(check, capture_output=True, text=True, check=False).stdout)
    rate, times = len(load.seconds) / seconds, load.seconds
    table.add_row(
        f"{CONNECTIONS} connections, {ACCOUNTS} accounts, {SECONDS:.0f} s over HTTP: sales, holds, rewards, returns",
        "p99 under 1.9 s",
        f"{rate:.0f}/s, p50 {quantile(times, 0.5) * 1000:.0f} ms, p99 {quantile(times, 0.99) * 1000:.0f} ms, "
        f"{load.refused.get('THROTTLED', 0)} throttled, {report['differenceCount']} differences",
    )


async def _tills(port: int, key: str) -> tuple[Load, float]:
    endpoint = Endpoint(f"http://127.0.0.1:{port}/graphql", key, CONNECTIONS)
    try:
        load = Load(await prepared(endpoint, ACCOUNTS), seed=7)
        await load.run(endpoint, CONNECTIONS, 2.0)  # warm
        load.seconds.clear()
        began = time.perf_counter()
        await load.run(endpoint, CONNECTIONS, SECONDS)
        return load, time.perf_counter() - began
    finally:
        await endpoint.close()


async def _in_process(table: Table, uri: str, driver: str) -> None:
    database = Database(uri, "bench", driver=driver)
    try:
        shop = Shop(database=database, currency="USD", time_zone=ZoneInfo("UTC"), pepper=b"bench" * 8)
        await open_shop(shop)
        ours, bare = await _sale_against_bare(shop)
        table.add_row(
            f"recording a sale with points in process, over {driver}, against the bare transaction with its writes",
            "at most 1.3 times",
            f"{ours / bare:.2f} times: {ours * 1000:.2f} ms against {bare * 1000:.2f} ms",
        )
        young, old = await _old_against_young(shop)
        table.add_row(
            f"balance, lots and a page of history of {MANY:,} entries against {FEW}, over {driver}",
            "at most 1.5 times",
            f"{old / young:.2f} times: {old * 1000:.2f} ms against {young * 1000:.2f} ms",
        )
    finally:
        await database.close()


def _rules(shop: Shop) -> Rules:
    return Rules(currency=shop.currency, currency_digits=shop.currency_digits, now=shop.clock())


async def _customer(shop: Shop, number: int) -> str:
    person = parse(CreateCustomerInput, {"email": f"c{number}@example.com"}, _rules(shop))
    return str((await create_customer(shop.call(ADMIN), person))["customer"])


def _sale(shop: Shop, customer: str, number: int, at: datetime) -> RecordPurchaseInput:
    lines = [
        {"lineNumber": line, "sku": f"SKU-{line}", "title": "Mug", "quantity": "2", "unitPrice": "5.45"}
        for line in range(1, 4)
    ]
    sent = {
        "externalId": {"source": "bench", "value": f"{customer}-{number}"},
        "customer": {"id": customer},
        "channel": "POS",
        "occurredAt": at.isoformat(),
        "currencyCode": "USD",
        "lines": lines,
        "total": "32.70",
    }
    return parse(RecordPurchaseInput, sent, _rules(shop))


async def _sale_against_bare(shop: Shop) -> tuple[float, float]:
    """Return the median seconds of a sale through the service, and of its writes alone, taken in turns."""
    customers = [await _customer(shop, number) for number in range(CUSTOMERS)]
    others = [await _customer(shop, CUSTOMERS + number) for number in range(CUSTOMERS)]
    first = (await record_purchase(shop.call(ADMIN), _sale(shop, customers[0], -1, shop.clock())))["purchase"]
    (purchase,) = await shop.database["purchases"].find({"_id": first}).to_list(None)
    written = await written_by(shop.database, purchase)
    ours: list[float] = []
    bare: list[float] = []
    for number in range(SALES):
        sale = _sale(shop, customers[number % CUSTOMERS], number, shop.clock())
        ours.append(await _timed(lambda: record_purchase(shop.call(ADMIN), sale)))  # noqa: B023 -- awaited at once
        other = others[number % CUSTOMERS]
        bare.append(
            await _timed(lambda: shop.database.transaction(lambda tx: write(shop.database, written, other, tx)))  # noqa: B023 -- awaited at once
        )
    return median(ours[CUSTOMERS:]), median(bare[CUSTOMERS:])


async def _timed(work: Callable[[], Awaitable[Any]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


async def _old_against_young(shop: Shop) -> tuple[float, float]:
    """Return the median seconds of an account's page with few entries and with many, taken in turns."""
    young, old = await _customer(shop, 2 * CUSTOMERS), await _customer(shop, 2 * CUSTOMERS + 1)
    await _history(shop, young, FEW)
    await _history(shop, old, MANY)
    engine = Engine(executable(build_schema()))
    seconds: dict[str, list[float]] = {young: [], old: []}
    for _ in range(PAGES):
        for customer in (young, old):
            context = Context(shop.call(ADMIN))
            seconds[customer].append(
                await _timed(lambda: engine.run(context, PAGE, {"id": account_of(customer)}, None))  # noqa: B023 -- awaited at once
            )
    return median(seconds[young]), median(seconds[old])


async def _history(shop: Shop, customer: str, entries: int) -> None:
    """Give an account so many entries: points come and go, ten lots stay."""
    key = parse(CustomerKey, {"id": customer}, _rules(shop))
    for number in range(entries):
        call = shop.call(ADMIN)
        call.now += timedelta(milliseconds=number)
        points = 10 if number < 10 or number % 2 == 0 else -10
        await adjust_points(call, key, points, "bench")
