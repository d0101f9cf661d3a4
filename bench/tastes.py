"""Tastes' figures: what counters cost a sale, what a rebuild of the statistics costs, and how good the lists are."""

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

from rich.table import Table

from crm.callers import Caller
from crm.values import Role
from services import purchases, shop_statistics, tastes
from services.context import Call, Shop
from services.customers import create_customer
from services.inputs import CreateCustomerInput, RecordPurchaseInput
from services.installation import open_shop
from services.validation import parse
from store.client import Database, Document, Tx
from store.embedded import EmbeddedMongo, attached

ADMIN = Caller(role=Role.ADMIN, principal="bench", name="Bench")
CUSTOMERS, SALES, WARM = 20, 300, 40
PRODUCTS = 600
TARGETS = {
    ("product", "weeks"): "must .097/.405/.82, aim .100/.42/.83",
    ("product", "next"): "must .142/.199/.585, aim .150/.21/.60",
    ("category", "weeks"): "must .260/.645/.942, aim .267/.66/.947",
}
NOVEL = {"product": "must .28, aim .30", "category": "must .58, aim .61"}


def measure(table: Table) -> None:
    """Add what the counters cost a sale: the same sales by turns with and without them."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedMongo.start(Path(folder), purpose="bench") as mongo:
        for lines in (3, 30):
            counting, bare = asyncio.run(_sales(mongo.uri, lines))
            table.add_row(
                f"recording a sale of {lines} lines with the counters of tastes, against without",
                "",
                f"{counting / bare:.2f} times: {(counting - bare) * 1e6 / lines:.0f} µs a line",
            )


async def _nothing(call: Call, purchase: Document, *, tx: Tx) -> None:
    """Count nothing."""


async def _sales(uri: str, lines: int) -> tuple[float, float]:
    database = Database(uri, f"tastes{lines}")
    try:
        shop = Shop(database=database, currency="USD", time_zone=ZoneInfo("UTC"), pepper=b"bench" * 8)
        await open_shop(shop)
        people = [await _customer(shop, number) for number in range(CUSTOMERS)]
        times: dict[bool, list[float]] = {True: [], False: []}
        count = tastes.count
        for number in range(SALES * 2):
            counting = number % 2 == 0
            purchases.tastes.count = count if counting else _nothing  # type: ignore[attr-defined]
            sale = _sale(shop, people[number // 2 % CUSTOMERS], number, lines)
            began = time.perf_counter()
            await purchases.record_purchase(shop.call(ADMIN), sale)
            times[counting].append(time.perf_counter() - began)
        purchases.tastes.count = count  # type: ignore[attr-defined]
        return median(times[True][WARM:]), median(times[False][WARM:])
    finally:
        await database.close()


async def _customer(shop: Shop, number: int) -> str:
    call = shop.call(ADMIN)
    person = parse(CreateCustomerInput, {"email": f"t{number}@example.com"}, call.rules)
    return str((await create_customer(call, person))["customer"])


def _sale(shop: Shop, customer: str, number: int, lines: int) -> RecordPurchaseInput:
    at: datetime = shop.clock() - timedelta(minutes=number + 1)
    bought = [(number * 7 + line * 13) % PRODUCTS for line in range(lines)]
    sent = {
        "externalId": {"source": "bench", "value": str(number)},
        "customer": {"id": customer},
        "channel": "POS",
        "occurredAt": at.isoformat(),
        "currencyCode": "USD",
        "total": f"{lines}.00",
        "lines": [
            {
                "lineNumber": line,
                "sku": f"SKU-{product}",
                "title": f"Product {product}",
                "category": f"Category {product % 40}",
                "quantity": "1",
                "unitPrice": "1.00",
            }
            for line, product in enumerate(bought, 1)
        ],
    }
    return parse(RecordPurchaseInput, sent, shop.call(ADMIN).rules)


def measure_rebuild(table: Table, data_dir: Path) -> None:
    """Add what a rebuild of the statistics costs on what is in a data folder, as the worker does it."""
    with attached(data_dir, purpose="bench") as uri, ProcessPoolExecutor(1, get_context("spawn")) as alone:
        seconds, megabytes = alone.submit(_rebuilt, uri).result()
    table.add_row(
        "rebuilding popularity, repeat ratios and pairs of all of it",
        "under 60 s, 1 GB",
        f"{seconds:.1f} s, {megabytes:.0f} MB in the process that counts",
    )


def _rebuilt(uri: str) -> tuple[float, float]:
    """Return the seconds of a rebuild and the megabytes of the process that counts, the only child of this one."""
    seconds = asyncio.run(_rebuild(uri))
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


async def _rebuild(uri: str) -> float:
    database = Database(uri, "crm")
    try:
        shop = Shop(database=database, currency="USD", time_zone=ZoneInfo("UTC"), pepper=b"bench" * 8)
        began = time.perf_counter()
        assert await shop_statistics.rebuild(shop.call(ADMIN), count=shop_statistics.in_own_process)
        return time.perf_counter() - began
    finally:
        await database.close()


def measure_lists(table: Table) -> None:
    """Add how well the lists that are served meet what people then bought."""
    began = time.perf_counter()
    run = subprocess.run(
        [sys.executable, "-m", "api.cli", "evaluate", "--json"], check=True, capture_output=True, text=True
    )
    told = json.loads(run.stdout)
    table.add_row("crm evaluate", "", f"{time.perf_counter() - began:.1f} s")
    for (kind, span), target in TARGETS.items():
        table.add_row(f"{kind}, {span}: recall/NDCG/hit of ten", target, _figures(told[kind][span]))
    for kind, target in NOVEL.items():
        table.add_row(f"{kind}, new to the person: hit of ten", target, f"{told[kind]['novel']['hit']:.4f}")
    coupons = told["coupons"]
    figures = "/".join(f"{coupons[name]:.4f}" for name in ("auc", "hit5", "recall16"))
    table.add_row("coupons: AUC/hit@5/recall@16", "must .87/.715/.67, aim .885/.735/.70", figures)


def _figures(measures: dict[str, float]) -> str:
    return "/".join(f"{measures[name]:.4f}" for name in ("recall", "ndcg", "hit"))
