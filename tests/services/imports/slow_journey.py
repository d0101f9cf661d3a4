"""Real households sold basket by basket, and two shops compared: what the import is held against."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from crm.callers import SYSTEM
from crm.ids import referral_code
from crm.numbers import QUANTITY_DIGITS, UNIT_PRICE_DIGITS, decimal
from services.customers import create_customer
from services.imports.complete_journey import import_journey
from services.imports.journey_reader import Journey, JourneyBasket
from services.inputs import CreateCustomerInput, ImportedPurchaseInput
from services.purchases import record_purchase
from services.validation import parse
from tests.conftest import KEPT
from tests.support import NOW, World

# By number: of one basket; of many, with products that no catalogue has; of baskets without lines and two at one
# instant; of so much money that it is Gold within weeks.
HOUSEHOLDS = ["10", "20", "1853", "2042"]
TODAY = NOW.date()
HALFWAY = datetime(2019, 7, 1, 12, 0, tzinfo=UTC)
COLLECTIONS = (
    "customers", "keys", "loyalty_accounts", "outbox", "points_lots", "points_transactions", "purchases", "stores",
    "tastes",
)  # fmt: skip


async def emptied(world: World) -> World:
    """Return the same shop, at the same instant, with nothing in it and no memory of what it had."""
    for name in await world.everything():
        if name not in KEPT:
            await world.database[name].delete_many({})
    return World(world.database, world.engine, world.clock, world.commands)


# ---------------------------------------------------------------- the slow way


def sold(basket: JourneyBasket, household: str) -> dict[str, Any]:
    """Return a basket as a till would send it, in decimals."""
    return {
        "externalId": {"source": "complete-journey", "value": basket.basket_id},
        "customer": {"externalId": {"source": "complete-journey", "value": household}},
        "channel": "POS",
        "storeCode": basket.store_code,
        "occurredAt": basket.occurred_at.isoformat(),
        "currencyCode": "USD",
        "lines": [
            {
                "lineNumber": number,
                "sku": line.product.sku,
                "title": line.product.title,
                "category": line.product.category,
                "quantity": decimal(line.quantity, QUANTITY_DIGITS),
                "unitPrice": decimal(line.unit_price, UNIT_PRICE_DIGITS),
                "discount": decimal(line.discount, 2),
                "total": decimal(line.total, 2),
            }
            for number, line in enumerate(basket.lines, 1)
        ],
        "total": decimal(basket.total, 2),
    }


async def sell(world: World, raw: dict[str, Any]) -> None:
    call = world.call(SYSTEM)
    outcome = await record_purchase(call, parse(ImportedPurchaseInput, raw, call.rules))
    assert (outcome["userErrors"], outcome["replayed"]) == ([], False)


async def sell_everything(world: World, journey: Journey) -> None:
    """Create every household and record its baskets, one by one, as `import_journey` promises to have done."""
    consents = [
        {"purpose": purpose, "state": "GRANTED", "source": "complete-journey-import"}
        for purpose in ("PERSONALIZATION", "ANALYTICS")
    ]
    for household in journey.households:
        call = world.call(SYSTEM)
        customer = {"externalIds": [{"source": "complete-journey", "value": household}], "consents": consents}
        await create_customer(call, parse(CreateCustomerInput, customer, call.rules))
        for basket in journey.baskets_of(household):
            await sell(world, sold(basket, household))


# ---------------------------------------------------------------- comparing


async def named(world: World) -> dict[str, Any]:
    """Return all documents with every id replaced by what it is the id of, and the TIER events apart."""
    stored = {name: await world.all(name) for name in COLLECTIONS}
    _without_campaigns(stored)
    names: dict[str, str] = {}
    for customer in stored["customers"]:
        names[customer["_id"]] = f"customer {customer['externalIds'][0]['value']}"
        names[referral_code(customer["_id"])] = f"code of {names[customer['_id']]}"
    for account in stored["loyalty_accounts"]:
        names[account["_id"]] = f"account of {names[account['customerId']]}"
    for purchase in stored["purchases"]:
        names[purchase["_id"]] = f"purchase {purchase['externalId']['value']}"
    for taste in stored["tastes"]:
        names[taste["_id"]] = f"{taste['year']} of {names[taste['owner']]}"
    for lot in stored["points_lots"]:
        names[lot["_id"]] = f"lot of {names[lot['source']['nodeId']]}"
    for entry in stored["points_transactions"]:
        names[entry["_id"]] = f"entry {entry['sequence']} of {names[entry['owner']]}"
    tiers = [event for event in stored["outbox"] if event["topic"] == "TIER"]
    stored["outbox"] = [event for event in stored["outbox"] if event["topic"] != "TIER"]
    for event in sorted(stored["outbox"], key=lambda event: event["position"]):  # the first one names the transaction
        of = names[event["transactionId"] if event["position"] else event["nodeId"]]
        names[event["_id"]] = f"event {event['position']} of {of}"
    assert len(set(names.values())) == len(names)
    replaced = {
        name: sorted((with_names(document, names) for document in documents), key=repr)
        for name, documents in stored.items()
    }
    return {**replaced, "TIER": sorted(((names[event["nodeId"]], event["data"]) for event in tiers), key=repr)}


def _without_campaigns(stored: dict[str, list[dict[str, Any]]]) -> None:
    """Leave out what only whole households are given, tags of campaigns and redeemed coupons, or only single sales."""
    for customer in stored["customers"]:
        customer["tags"] = []
    for purchase in stored["purchases"]:
        purchase.pop("redemptions", None)
    for account in stored["loyalty_accounts"]:
        account.pop("recent", None)  # what a sale leaves the next one to know; read from the purchases where it is not
    stored["outbox"] = [event for event in stored["outbox"] if event["topic"] != "OFFER"]


def with_names(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {name: with_names(inner, names) for name, inner in sorted(value.items())}
    if isinstance(value, list):
        return [with_names(inner, names) for inner in value]
    if isinstance(value, str) and value.startswith(("id:", "ref:")):
        kind, _, named_ = value.partition(":")
        return f"{kind} of {names[named_]}"
    return names.get(value, value) if isinstance(value, str) else value


async def both_ways(world: World, folder: Path, shift_to: date | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Import the households, empty the shop, sell them basket by basket; return what was stored each time."""
    report = await import_journey(world.shop, data_dir=folder, shift_to=shift_to)
    assert (report.households, report.households_known, report.refused) == (len(HOUSEHOLDS), 0, [])
    at_once = await named(world)
    fresh = await emptied(world)
    await sell_everything(fresh, Journey(folder, shift_to=shift_to))
    return at_once, await named(fresh)


def assert_equal(at_once: dict[str, Any], one_by_one: dict[str, Any]) -> None:
    for name in COLLECTIONS:
        assert len(at_once[name]) == len(one_by_one[name]), name
        for ours, theirs in zip(at_once[name], one_by_one[name], strict=True):
            assert ours == theirs
    (lowest,) = {account["tierSteps"][0]["tierId"] for account in at_once["loyalty_accounts"]}
    last = dict(sorted(one_by_one["TIER"], key=lambda event: event[1]["since"]))
    reached = {customer: (fact["to"], fact["since"]) for customer, fact in last.items() if fact["to"] != lowest}
    assert {customer: (fact["to"], fact["since"]) for customer, fact in at_once["TIER"]} == reached
    assert {fact["from"] for _, fact in at_once["TIER"]} <= {lowest}
