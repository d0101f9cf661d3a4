"""Loads the Complete Journey: each household whole in one transaction, so a second run adds nothing.

A household that is there already (an earlier run with fewer baskets, or somebody's sales) is completed basket by
basket through `record_purchase`, which knows what it has.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from pymongo.errors import DuplicateKeyError

from crm.callers import SYSTEM
from crm.ids import store_id
from crm.refusals import Refusal, Refusals
from services.context import Call, Shop
from services.customers import create_customer
from services.imports.journey_history import CONSENT_SOURCE, content, history
from services.imports.journey_reader import CURRENCY, SOURCE, Journey, JourneyBasket, JourneyTotals, JourneyTraps
from services.inputs import CreateCustomerInput, ImportedPurchaseInput
from services.purchases import record_purchase
from services.validation import parse
from store import bulk, keys, shop
from store.client import Tx
from store.collections import PRODUCTS, STORES

AT_ONCE = 3
PRODUCTS_AT_ONCE = 5_000


class WrongCurrency(Exception):
    """The data is in US dollars and the installation is not."""


@dataclass(slots=True, kw_only=True)
class JourneyReport:
    """What an import read, wrote and left alone; `sales` in cents, of the baskets written."""

    expected: JourneyTotals
    traps: JourneyTraps
    shift_weeks: int
    products: int = 0
    stores: int = 0
    households: int = 0
    baskets: int = 0
    lines: int = 0
    sales: int = 0
    households_known: int = 0
    baskets_known: int = 0
    refused: list[str] = field(default_factory=list)


async def import_journey(
    shop_: Shop,
    *,
    households: int | None = None,
    shift_to: date | None = None,
    data_dir: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> JourneyReport:
    """Load the first `households` by number, all where None; `progress` is told how many of how many are done.

    Raises:
        WrongCurrency: the shop's currency is not USD.
        JourneyDataError: the data is not installed or not what we rely on.
    """
    if shop_.currency != CURRENCY:
        raise WrongCurrency(f"The Complete Journey is in {CURRENCY}, this shop is in {shop_.currency}.")
    journey = Journey(data_dir, shift_to=shift_to)
    chosen = journey.first(households)
    report = JourneyReport(
        expected=journey.expected_totals(chosen), traps=journey.traps(chosen), shift_weeks=journey.shift_weeks
    )
    await _products(shop_, journey, report)
    known = await keys.find(shop_.database, [keys.external((SOURCE, household)) for household in chosen])
    waiting = iter(chosen)
    done = 0

    async def work() -> None:
        nonlocal done
        for household in waiting:
            baskets = journey.baskets_of(household)
            await _stores(shop_, baskets, report)
            await _household(shop_, household, baskets, report, known=keys.external((SOURCE, household)) in known)
            done += 1
            progress(done, len(chosen))

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return report


async def _products(shop_: Shop, journey: Journey, report: JourneyReport) -> None:
    catalogue = [
        shop.new_product(product.sku, title=product.title, category=product.category) for product in journey.products
    ]
    for start in range(0, len(catalogue), PRODUCTS_AT_ONCE):
        batch = catalogue[start : start + PRODUCTS_AT_ONCE]
        report.products += await shop.insert_missing(shop_.database, PRODUCTS, batch)
    shop_.known.exist(product["_id"] for product in catalogue)


async def _stores(shop_: Shop, baskets: Sequence[JourneyBasket], report: JourneyReport) -> None:
    """Make the stores of a household's baskets, and the few products that were sold and are in no catalogue."""
    codes = {store_id(basket.store_code): basket.store_code for basket in baskets}
    unknown = shop_.known.missing(codes)
    if unknown:
        zone = shop_.time_zone.key
        made = [shop.new_store(codes[id_], time_zone=zone) for id_ in unknown]
        report.stores += await shop.insert_missing(shop_.database, STORES, made)
        shop_.known.exist(unknown)
    sold = {line.product for basket in baskets for line in basket.lines if line.product.category is None}
    extra = {document["_id"]: document for document in (shop.new_product(p.sku, title=p.title) for p in sold)}
    unknown = shop_.known.missing(extra)
    if unknown:
        report.products += await shop.insert_missing(shop_.database, PRODUCTS, [extra[id_] for id_ in unknown])
        shop_.known.exist(unknown)


async def _household(
    shop_: Shop, household: str, baskets: Sequence[JourneyBasket], report: JourneyReport, *, known: bool
) -> None:
    call = shop_.call(SYSTEM)
    if not known:
        try:
            await _at_once(call, household, baskets)
        except DuplicateKeyError:  # somebody has recorded some of it
            pass
        else:
            report.households += 1
            _count(report, baskets)
            return
    await _one_by_one(call, household, baskets, report)


async def _at_once(call: Call, household: str, baskets: Sequence[JourneyBasket]) -> None:
    documents = history(call, await call.shop.known.programs(), household, baskets)

    async def work(tx: Tx) -> None:
        await bulk.insert(call.database, documents, tx=tx)

    await call.database.transaction(work, seconds=60)


def _count(report: JourneyReport, baskets: Sequence[JourneyBasket]) -> None:
    report.baskets += len(baskets)
    report.lines += sum(len(basket.lines) for basket in baskets)
    report.sales += sum(basket.total for basket in baskets)


async def _one_by_one(call: Call, household: str, baskets: Sequence[JourneyBasket], report: JourneyReport) -> None:
    customer = {"source": SOURCE, "value": household}
    if keys.external((SOURCE, household)) in await keys.find(call.database, [keys.external((SOURCE, household))]):
        report.households_known += 1
    else:
        await create_customer(call, parse(CreateCustomerInput, _customer(customer), call.rules))
        report.households += 1
    names = {keys.purchase((SOURCE, basket.basket_id)): basket for basket in baskets}
    there = await keys.find(call.database, names)
    report.baskets_known += len(there)
    for name, basket in names.items():
        if name in there:
            continue
        try:
            sale = parse(ImportedPurchaseInput, _sale(basket, customer), call.rules)
            outcome = await record_purchase(call, sale)
        except (Refusal, Refusals) as problem:
            report.refused.append(f"basket {basket.basket_id}: {problem}")
            continue
        if outcome["userErrors"]:
            report.refused.append(f"basket {basket.basket_id}: {outcome['userErrors'][0]['message']}")
        else:
            _count(report, [basket])


def _customer(key: dict[str, str]) -> dict[str, object]:
    consent = {"state": "GRANTED", "source": CONSENT_SOURCE}
    return {
        "externalIds": [key],
        "consents": [{"purpose": purpose, **consent} for purpose in ("PERSONALIZATION", "ANALYTICS")],
    }


def _sale(basket: JourneyBasket, customer: dict[str, str]) -> dict[str, object]:
    """Return a basket as recordPurchase takes it; numbers are in our units already."""
    sent = content(basket)
    lines = [
        {
            "lineNumber": line["line_number"],
            "sku": line["sku"],
            "title": line["title"],
            "category": line["category"],
            "quantity": line["quantity"],
            "unitPrice": line["unit_price"],
            "discount": line["discount"],
            "total": line["total"],
        }
        for line in sent["lines"]
    ]
    return {
        "externalId": sent["external_id"],
        "customer": {"externalId": customer},
        "channel": sent["channel"],
        "storeCode": sent["storeCode"],
        "occurredAt": basket.occurred_at,
        "currencyCode": CURRENCY,
        "lines": lines,
        "discountTotal": 0,
        "taxTotal": 0,
        "total": basket.total,
    }
