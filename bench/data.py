"""The data that servers are measured on: a MongoDB with the customers of `crm synth`, offers, a sale, and who asks."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from api.app import development_secret
from api.cli.runtime import run_in_shop
from api.settings import Settings
from api.tokens import development_token
from bench.bare_sale import TEMPLATE
from crm.callers import SYSTEM, Caller
from crm.values import Channel, Role
from services import api_keys
from services.context import Shop
from services.inputs import RecordPurchaseInput
from services.offer_inputs import OfferInput
from services.offers import save_offer
from services.purchases import record_purchase
from services.validation import parse
from store.embedded import CACHE_MB, EmbeddedMongo

T = TypeVar("T")
SECRET = "bench" * 8
OFFERS, BOUGHT = 20, 3
TILL = Caller(role=Role.POS, principal="key_bench", name="bench", channel=Channel.POS)


@dataclass(frozen=True, slots=True)
class Callers:
    """Who asks: customers who bought something, with their tokens, and keys of the desk and a till.

    `template` is the customer of the sale that servers without a service of their own write again, and asks nothing.
    """

    template: str
    customers: Sequence[str]
    tokens: Mapping[str, str]
    staff: str
    till: str


@dataclass(frozen=True, slots=True)
class Data:
    """A running MongoDB with data in it: what a server's environment says of it, its process, who may ask."""

    environ: Mapping[str, str]
    mongod: int
    callers: Callers


@contextmanager
def made(folder: Path, customers: int, *, cache_mb: int = CACHE_MB) -> Iterator[Data]:
    """Make so many customers in a data folder, or what is missing of them, and run its MongoDB during the block.

    Args:
        cache_mb: memory for MongoDB's cache in MiB.
    """
    synth = [sys.executable, "-m", "api.cli", "synth", "--customers", str(customers), "--data-dir", str(folder)]
    outside = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}  # no shop of anybody's
    subprocess.run(synth, check=True, stdout=subprocess.DEVNULL, env={**outside, "CRM_SECRET": SECRET})
    with EmbeddedMongo.start(folder, purpose="bench", cache_mb=cache_mb) as mongo:
        environ = environ_of(mongo.uri)
        yield Data(environ, mongo.pid, asyncio.run(in_shop(environ, _furnish)))


def environ_of(uri: str) -> dict[str, str]:
    """Return the settings of a server on the data: nobody else writes a line for each request."""
    return {
        "CRM_MONGODB_URI": uri,
        "CRM_MONGODB_DATABASE": "crm",
        "CRM_SECRET": SECRET,
        "CRM_LOG_LEVEL": "warning",
    }


async def in_shop(environ: Mapping[str, str], work: Callable[[Shop, Settings], Awaitable[T]]) -> T:
    """Return what `work` does in the shop on the data."""
    return await run_in_shop(Settings.from_environ({**environ, "CRM_MONGO_DRIVER": "pymongo"}), work)


async def _furnish(shop: Shop, settings: Settings) -> Callers:
    """Add what synth does not make, and say who may ask."""
    for number in range(OFFERS):
        call = shop.call(SYSTEM)
        await save_offer(call, None, parse(OfferInput, offer(number), call.rules))
    callers = await callers_of(shop, settings)
    call, (source, value) = shop.call(TILL), TEMPLATE
    template = {**sale(callers.template, value), "externalId": {"source": source, "value": value}}
    await record_purchase(call, parse(RecordPurchaseInput, template, call.rules))
    return callers


async def callers_of(shop: Shop, settings: Settings) -> Callers:
    """Return who may ask."""
    staff = await api_keys.create(shop.call(SYSTEM), Role.STAFF)
    till = await api_keys.create(shop.call(SYSTEM), Role.POS, channel=Channel.POS)
    found = shop.database["customers"].find({"metrics.purchaseCount": {"$gte": BOUGHT}}, {"_id": 1}, sort=[("_id", 1)])
    template, *ids = [person["_id"] for person in await found.to_list(None)]
    secret, now = development_secret(settings), shop.clock()
    assert secret
    tokens = {id_: development_token(id_, secret=secret, now=now) for id_ in ids}
    return Callers(template, ids, tokens, staff.key, till.key)


def offer(number: int) -> dict[str, Any]:
    """Return one of the live public offers; a sale has them only if it names them, and the bench's does not."""
    return {
        "title": f"{5 + number % 4 * 5}% off from {20 + number} USD",
        "description": f"This month, for everybody. Offer {number}.",
        "kind": "PERCENTAGE",
        "value": str(5 + number % 4 * 5),
        "endsAt": (datetime.now(UTC) + timedelta(days=30 + number)).isoformat(timespec="milliseconds"),
        "conditions": {"minimumSpend": f"{20 + number}.00"},
    }


def sale(customer: str, value: str) -> dict[str, Any]:
    """Return a sale of three lines as clients send it; `value` is its number at the till."""
    lines = [
        {"lineNumber": number, "sku": f"BENCH-{number}", "title": "Mug", "quantity": "2", "unitPrice": "5.45"}
        for number in range(1, 4)
    ]
    return {
        "externalId": {"source": "bench", "value": value},
        "customer": {"id": customer},
        "channel": "POS",
        "occurredAt": (datetime.now(UTC) - timedelta(minutes=1)).isoformat(timespec="milliseconds"),
        "currencyCode": "USD",
        "lines": lines,
        "total": "32.70",
    }
