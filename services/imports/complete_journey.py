"""Loads the Complete Journey: each household whole in one transaction, so a second run adds nothing.

A household that is there already, or some of whose baskets are, is completed basket by basket through
`record_purchase`, which knows what it has and refuses a basket that was recorded with other content.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from pymongo.errors import DuplicateKeyError

from crm.callers import SYSTEM
from crm.ids import product_id, store_id
from crm.numbers import QUANTITY_DIGITS, UNIT_PRICE_DIGITS, decimal
from crm.refusals import Refusal, Refusals
from services.context import Call, Shop
from services.customers import create_customer
from services.imports.journey_history import CONSENT_SOURCE, content, history, is_plain, profile
from services.imports.journey_offers import JourneyOffers, OffersReport, import_offers
from services.imports.journey_reader import (
    CHANNEL,
    CURRENCY,
    SOURCE,
    Journey,
    JourneyBasket,
    JourneyTotals,
    JourneyTraps,
)
from services.inputs import CreateCustomerInput, ImportedPurchaseInput
from services.known import Programs
from services.purchases import record_purchase
from services.selling import content_fingerprint
from services.validation import parse
from store import bulk, keys, purchases, shop
from store.client import Document, Tx
from store.collections import CUSTOMERS, PRODUCTS, STORES

AT_ONCE = 3
PRODUCTS_AT_ONCE = 5_000
CENTS = 2


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
    offers: OffersReport = field(default_factory=OffersReport)
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
    report.products += await add_products(shop_, journey)
    offers = await import_offers(
        shop_.call(SYSTEM),
        data_dir,
        chosen,
        {product.sku: product for product in journey.products},
        shift=timedelta(weeks=journey.shift_weeks),
    )
    report.offers = offers.report
    known = await keys.find(shop_.database, [keys.external((SOURCE, household)) for household in chosen])
    waiting = iter(chosen)
    done = 0

    async def work() -> None:
        nonlocal done
        for household in waiting:
            baskets = journey.baskets_of(household)
            stores, products = await add_stores(shop_, baskets)
            report.stores += stores  # not `+= await`: that would lose what another worker counts meanwhile
            report.products += products
            there = keys.external((SOURCE, household)) in known
            await _household(shop_, household, baskets, report, offers, known=there)
            done += 1
            progress(done, len(chosen))

    workers = [asyncio.create_task(work()) for _ in range(AT_ONCE)]
    try:
        await asyncio.gather(*workers)
    finally:  # one has failed: the others must be over before somebody closes the database
        for worker in workers:
            worker.cancel()
        await asyncio.wait(workers)
    return report


async def add_products(shop_: Shop, journey: Journey) -> int:
    """Make the products of the catalogue that are missing, and return how many."""
    catalogue = {product_id(product.sku): product for product in journey.products}
    ids = list(catalogue)
    made = 0
    for start in range(0, len(ids), PRODUCTS_AT_ONCE):
        batch = ids[start : start + PRODUCTS_AT_ONCE]
        # Looked up first: a duplicate costs 60 us more than a document that is found (92,331 of them: 5.5 s).
        there = await shop.existing(shop_.database, PRODUCTS, batch)
        missing = [catalogue[id_] for id_ in batch if id_ not in there]
        new = [shop.new_product(product.sku, title=product.title, category=product.category) for product in missing]
        made += await shop.insert_missing(shop_.database, PRODUCTS, new) if new else 0
    shop_.known.exist(ids)
    return made


async def add_stores(shop_: Shop, baskets: Sequence[JourneyBasket]) -> tuple[int, int]:
    """Make the stores of some baskets, and the few products that were sold and are in no catalogue.

    Returns how many stores and how many products were made.
    """
    zone = shop_.time_zone.key
    codes = {store_id(basket.store_code): basket.store_code for basket in baskets}
    stores = {id_: shop.new_store(code, time_zone=zone) for id_, code in codes.items()}
    sold = {line.product for basket in baskets for line in basket.lines if line.product.category is None}
    extra = {document["_id"]: document for document in (shop.new_product(p.sku, title=p.title) for p in sold)}
    return await _make(shop_, STORES, stores), await _make(shop_, PRODUCTS, extra)


async def _make(shop_: Shop, collection: str, documents: dict[str, Document]) -> int:
    """Insert what this process does not know to be there, and return how many were new."""
    unknown = shop_.known.missing(documents)
    if not unknown:
        return 0
    made = await shop.insert_missing(shop_.database, collection, [documents[id_] for id_ in unknown])
    shop_.known.exist(unknown)
    return made


async def _household(
    shop_: Shop,
    household: str,
    baskets: Sequence[JourneyBasket],
    report: JourneyReport,
    offers: JourneyOffers,
    *,
    known: bool,
) -> None:
    call = shop_.call(SYSTEM)
    programs = await shop_.known.programs()
    if not known and is_plain(programs):
        try:
            await _at_once(call, programs, household, baskets, offers)
        except DuplicateKeyError:  # somebody has recorded some of it
            pass
        else:
            report.households += 1
            _count(report, baskets)
            return
    offers.leave(household)
    await _one_by_one(call, household, baskets, report, offers.tags_of(household))


async def _at_once(
    call: Call, programs: Programs, household: str, baskets: Sequence[JourneyBasket], offers: JourneyOffers
) -> None:
    documents = history(call, programs, profile(call, household), baskets)
    for person in documents[CUSTOMERS]:
        person["tags"] = offers.tags_of(household)
    offers.redeem(call, household, documents)

    async def work(tx: Tx) -> None:
        await bulk.insert(call.database, documents, tx=tx)

    await call.database.transaction(work, seconds=60)


def _count(report: JourneyReport, baskets: Sequence[JourneyBasket]) -> None:
    report.baskets += len(baskets)
    report.lines += sum(len(basket.lines) for basket in baskets)
    report.sales += sum(basket.total for basket in baskets)


async def _one_by_one(
    call: Call, household: str, baskets: Sequence[JourneyBasket], report: JourneyReport, tags: Sequence[str]
) -> None:
    named = {"source": SOURCE, "value": household}
    key = keys.external((SOURCE, household))
    known = await keys.find(call.database, [key])
    if known:
        customer = known[key]["ref"]
        report.households_known += 1
    else:
        customer = (
            await create_customer(
                call, parse(CreateCustomerInput, {**_customer(named), "tags": list(tags)}, call.rules)
            )
        )["customer"]
        report.households += 1
    there = await _fingerprints(call, customer, baskets)
    for basket in baskets:
        if there.get(basket.basket_id) == content_fingerprint(content(basket)):
            report.baskets_known += 1
        else:
            await _record(call, basket, named, report)


async def _fingerprints(call: Call, customer: str, baskets: Sequence[JourneyBasket]) -> dict[str, str]:
    """Return what those of the baskets were recorded with that are the customer's purchases, by their ids."""
    known = await keys.find(call.database, [keys.purchase((SOURCE, basket.basket_id)) for basket in baskets])
    found = await purchases.owned_by(call.database, [(key["owner"], key["ref"]) for key in known.values()])
    return {
        purchase["externalId"]["value"]: purchase["fingerprint"]
        for purchase in found
        if purchase is not None and purchase["customerId"] == customer
    }


async def _record(call: Call, basket: JourneyBasket, customer: dict[str, str], report: JourneyReport) -> None:
    try:
        sale = parse(ImportedPurchaseInput, _sale(basket, customer), call.rules)
        outcome = await record_purchase(call, sale)
    except (Refusal, Refusals) as problem:
        report.refused.append(f"basket {basket.basket_id}: {problem}")
        return
    if outcome["userErrors"]:
        report.refused.append(f"basket {basket.basket_id}: {outcome['userErrors'][0]['message']}")
    elif outcome["replayed"]:
        report.baskets_known += 1
    else:
        _count(report, [basket])


def _customer(key: dict[str, str]) -> dict[str, object]:
    consent = {"state": "GRANTED", "source": CONSENT_SOURCE}
    return {
        "externalIds": [key],
        "consents": [{"purpose": purpose, **consent} for purpose in ("PERSONALIZATION", "ANALYTICS")],
    }


def _sale(basket: JourneyBasket, customer: dict[str, str]) -> dict[str, object]:
    """Return a basket as recordPurchase takes it."""
    lines = [
        {
            "lineNumber": number,
            "sku": line.product.sku,
            "title": line.product.title,
            "category": line.product.category,
            "quantity": decimal(line.quantity, QUANTITY_DIGITS),
            "unitPrice": decimal(line.unit_price, UNIT_PRICE_DIGITS),
            "discount": decimal(line.discount, CENTS),
            "total": decimal(line.total, CENTS),
        }
        for number, line in enumerate(basket.lines, 1)
    ]
    return {
        "externalId": {"source": SOURCE, "value": basket.basket_id},
        "customer": {"externalId": customer},
        "channel": CHANNEL,
        "storeCode": basket.store_code,
        "occurredAt": basket.occurred_at,
        "currencyCode": CURRENCY,
        "lines": lines,
        "total": decimal(basket.total, CENTS),
    }
