"""What a quote costs: a cart of 30 lines for a known customer, with 500 live offers and with 5,000.

Below GraphQL, in one process, MongoDB's answers included. Of the offers 40 have to do with the cart, 14 of these apply
and may be combined; all others are about other products, categories, customers, stores, channels or codes. The two
shops are asked in turns.
"""

import asyncio
import random
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

from rich.table import Table

from bench.tills import quantile
from crm.callers import Caller
from crm.ids import OFFER, product_id, time_ordered
from crm.values import Role
from services.context import Shop
from services.customers import create_customer
from services.input_types import Rules
from services.inputs import CreateCustomerInput, RecordPurchaseInput
from services.installation import open_shop
from services.offers import NEW, NO_CONDITIONS, NO_LIMITS
from services.purchases import record_purchase
from services.quote_inputs import CartInput
from services.quotes import quote, shown
from services.validation import parse
from store.client import Database, Document
from store.collections import OFFER_COUNTERS, OFFERS, PRODUCTS
from store.embedded import EmbeddedMongo
from store.offers import members
from store.shop import new_product

ADMIN = Caller(role=Role.ADMIN, principal="bench", name="Bench")
FEW, MANY = 500, 5000
LINES, SALES, QUOTES, WARM = 30, 30, 400, 50
CATEGORIES = ("coffee", "tea", "bakery", "dairy", "fruit")


@dataclass(slots=True)
class Times:
    """Seconds of each quote, by the clock and of this process's own work."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        p50, p99, cpu = (one * 1000 for one in (median(self.wall), quantile(self.wall, 0.99), median(self.cpu)))
        return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, of which {cpu:.1f} ms in Python"


def measure(table: Table, driver: str) -> None:
    """Add the rows of quotes over one driver."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedMongo.start(Path(folder), purpose="bench") as mongo:
        few, many, applied = asyncio.run(_both(mongo.uri, driver))
    table.add_row(
        f"quote of {LINES} lines with {FEW} live offers over {driver}, {applied} applied", "p99 under 15 ms", f"{few}"
    )
    table.add_row(
        f"the same with {MANY:,} live offers over {driver}: {MANY - FEW:,} more that cannot apply",
        "no slower",
        f"{median(many.wall) / median(few.wall):.2f} times: {many}",
    )


async def _both(uri: str, driver: str) -> tuple[Times, Times, int]:
    """Return the times of quotes in both shops, asked in turns, and how many offers applied."""
    small, large = Database(uri, "few", driver=driver), Database(uri, "many", driver=driver)
    try:
        asked = [(await _shop(small, FEW), Times()), (await _shop(large, MANY), Times())]
        applied = 0
        for number in range(QUOTES + WARM):
            for (shop, cart), times in asked:
                applied, wall, cpu = await _one(shop, cart)
                if number >= WARM:
                    times.wall.append(wall)
                    times.cpu.append(cpu)
        return asked[0][1], asked[1][1], applied
    finally:
        await small.close()
        await large.close()


async def _one(shop: Shop, cart: CartInput) -> tuple[int, float, float]:
    """Ask for one quote with its offers; return how many applied, and the seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    call = shop.call(ADMIN)
    offers = shown(call, await quote(call, cart), 50)
    seconds = time.perf_counter() - wall, time.process_time() - cpu
    return sum(one["applied"] for one in offers), *seconds


async def _shop(database: Database, number: int) -> tuple[Shop, CartInput]:
    """Return a shop with so many live offers, and a cart in it."""
    shop = Shop(database=database, currency="USD", time_zone=ZoneInfo("Europe/Vienna"), pepper=b"bench" * 8)
    await open_shop(shop)
    rules = Rules(currency="USD", currency_digits=2, now=shop.clock())
    person = parse(CreateCustomerInput, {"email": "ann@example.com", "tags": ["vip"]}, rules)
    customer = str((await create_customer(shop.call(ADMIN), person))["customer"])
    products = [new_product(_sku(line), category=_category(line)) for line in range(LINES)]
    await database[PRODUCTS].insert_many([{**one, "_id": product_id(one["sku"])} for one in products])
    for sale in range(SALES):
        await record_purchase(shop.call(ADMIN), parse(RecordPurchaseInput, _sale(shop, customer, sale), rules))
    offers = [*_touching(shop), *_others(shop, number)][:number]
    await database[OFFERS].insert_many(offers)
    limited = [one for one in offers if one["limits"]["total"] is not None]
    await database[OFFER_COUNTERS].insert_many([{"_id": one["_id"], "redeemed": 1, "spent": 0} for one in limited])
    named = [
        member for one in offers if one["conditions"]["customerCount"] for member in members(one["_id"], ["cus_x"])
    ]
    await database["offer_audience"].insert_many(named)
    cart = {"customer": {"id": customer}, "channel": "POS", "storeCode": "vienna-1", "currencyCode": "USD"}
    return shop, parse(CartInput, {**cart, "lines": _lines()}, rules)


def _sku(line: int) -> str:
    return f"SKU-{line}"


def _category(line: int) -> str:
    return CATEGORIES[line % len(CATEGORIES)]


def _lines() -> list[Document]:
    return [
        {"lineNumber": line + 1, "sku": _sku(line), "title": "A", "quantity": str(line % 3 + 1), "unitPrice": "4.35"}
        for line in range(LINES)
    ]


def _sale(shop: Shop, customer: str, number: int) -> Document:
    return {
        "externalId": {"source": "bench", "value": str(number)},
        "customer": {"id": customer},
        "channel": "POS",
        "storeCode": "vienna-1",
        "occurredAt": shop.clock().isoformat(),
        "currencyCode": "USD",
        "lines": [{"lineNumber": 1, "sku": _sku(1), "title": "A", "quantity": "1", "unitPrice": "4.35"}],
        "total": "4.35",
    }


def _offer(shop: Shop, conditions: Document, limits: Document | None = None, **fields: object) -> Document:
    merged = {**NO_CONDITIONS, **conditions}
    public = not merged["requiresCode"] and merged["customerCount"] is None
    now = shop.clock()
    return {
        **NEW,
        "_id": time_ordered(OFFER, int(now.timestamp() * 1000), random.getrandbits(80)),
        "title": "An offer",
        "kind": "PERCENTAGE",
        "value": "5",
        "version": 1,
        "revision": 1,
        "createdAt": now,
        "updatedAt": now,
        "public": public,
        **fields,
        "conditions": merged,
        "limits": {**NO_LIMITS, **(limits or {})},
    }


def _touching(shop: Shop) -> list[Document]:
    """Return 40 offers that have to do with the cart; 14 of them apply and may be combined."""
    offers = [_offer(shop, {"skus": [_sku(n), _sku(n + 7), _sku(n + 14)]}, value=str(5 + n)) for n in range(6)]
    offers += [_offer(shop, {"categories": [name]}, {"total": 1000}, priority=1) for name in CATEGORIES[:3]]
    offers += [_offer(shop, {"minimumSpend": 5000}, kind="AMOUNT", value="5", priority=2)]
    offers += [
        _offer(shop, {"categories": ["tea"]}, kind="BUY_X_GET_Y", value=None, buyQuantity=2 * 10**5, getQuantity=10**5)
    ]
    offers += [_offer(shop, {"tags": ["vip"]}, {"perCustomer": 3}, priority=3)]
    offers += [_offer(shop, {}, kind="BONUS_POINTS", value="50")]
    offers += [_offer(shop, {"categories": ["fruit"]}, kind="POINTS_MULTIPLIER", value="2")]
    offers += [_offer(shop, {"skus": [_sku(n)]}, stacking="EXCLUSIVE", value="10") for n in range(10)]
    offers += [_offer(shop, {"minimumSpend": 10**5 + n}) for n in range(8)]
    offers += [_offer(shop, {"skus": [_sku(n)], "minimumQuantity": 10**8}) for n in range(8)]
    return offers


def _others(shop: Shop, number: int) -> list[Document]:
    """Return offers about what is not in the cart, about other people, places and codes."""
    kinds: list[Document] = [
        {"skus": ["OTHER-{n}", "OTHER-{n}-B"]},
        {"categories": ["other-{n}"]},
        {"requiredSkus": ["OTHER-{n}"]},
        {"customerCount": 1},
        {"requiresCode": True},
        {"storeCodes": ["graz-{n}"]},
        {"channels": ["WEB"]},
        {"tags": ["other-{n}"]},
    ]
    made = []
    for n in range(number):
        conditions = {
            name: [text.format(n=n) for text in value] if isinstance(value, list) else value
            for name, value in kinds[n % len(kinds)].items()
        }
        made.append(_offer(shop, conditions))
    return made
