"""The import of real households: the same as selling them basket by basket, and safe to run again."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyarrow import compute, parquet

from crm.callers import SYSTEM
from crm.numbers import QUANTITY_DIGITS, UNIT_PRICE_DIGITS, decimal
from loyalty.program import default_program
from loyalty.tiers import QualifyingSale, step_before, tier_steps
from loyalty.values import EarningEvent, EarningRule, Program
from services.checking import check
from services.customers import create_customer
from services.imports import complete_journey
from services.imports.complete_journey import JourneyReport, WrongCurrency, import_journey
from services.imports.journey_files import installed_folder
from services.imports.journey_history import Tiers
from services.imports.journey_reader import Journey, JourneyBasket
from services.inputs import CreateCustomerInput, ImportedPurchaseInput
from services.known import Known
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
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real files, cut down to a few households and to what they bought."""
    made, real = tmp_path_factory.mktemp("journey"), installed_folder()
    households = [("household_id", "in", [int(household) for household in HOUSEHOLDS])]
    lines = parquet.read_table(real / "transactions.parquet", filters=households)
    sold = compute.unique(lines["product_id"]).to_pylist()
    parquet.write_table(lines, made / "transactions.parquet")
    products = parquet.read_table(real / "products.parquet", filters=[("product_id", "in", sold)])
    parquet.write_table(products, made / "products.parquet")
    return made


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
    names: dict[str, str] = {}
    for customer in stored["customers"]:
        names[customer["_id"]] = f"customer {customer['externalIds'][0]['value']}"
    for account in stored["loyalty_accounts"]:
        names[account["_id"]] = f"account of {names[account['customerId']]}"
    for purchase in stored["purchases"]:
        names[purchase["_id"]] = f"purchase {purchase['externalId']['value']}"
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


def with_names(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {name: with_names(inner, names) for name, inner in sorted(value.items())}
    if isinstance(value, list):
        return [with_names(inner, names) for inner in value]
    if isinstance(value, str) and value.startswith("id:"):
        return f"id of {names[value.removeprefix('id:')]}"
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


async def test_a_year_up_to_today_is_stored_as_if_it_had_been_sold_basket_by_basket(world: World, folder: Path) -> None:
    at_once, one_by_one = await both_ways(world, folder, TODAY)

    assert_equal(at_once, one_by_one)
    assert len(at_once["purchases"]) == 330
    assert {customer for customer, _ in at_once["TIER"]} == {"customer 20", "customer 2042"}
    assert {entry["type"] for entry in at_once["points_transactions"]} == {"EARN"}


async def test_2017_itself_is_stored_as_if_sold_basket_by_basket_and_all_its_points_are_over(
    world: World, folder: Path
) -> None:
    at_once, one_by_one = await both_ways(world, folder, None)

    assert_equal(at_once, one_by_one)
    assert at_once["TIER"] == []
    assert {account["available"] for account in at_once["loyalty_accounts"]} == {0}
    types = [entry["type"] for entry in at_once["points_transactions"]]
    assert types.count("EXPIRE") == types.count("EARN") > 300


async def test_half_of_the_points_being_over_makes_no_difference(world: World, folder: Path) -> None:
    world.clock.now = HALFWAY

    at_once, one_by_one = await both_ways(world, folder, None)

    assert_equal(at_once, one_by_one)
    types = [entry["type"] for entry in at_once["points_transactions"]]
    assert 100 < types.count("EXPIRE") < types.count("EARN") - 100


async def test_a_programme_that_changed_in_the_year_makes_no_difference(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By line: twice the points on some categories, so that every share of a sale has its own rate."""
    (first,) = await world.shop.known.programs()
    drinks = EarningRule(
        id="rul_drinks",
        name="2 more on drinks",
        event=EarningEvent.PURCHASE,
        points_per_unit=Fraction(2),
        categories=("SOFT DRINKS", "FLUID MILK PRODUCTS", "CHEESE"),
    )
    second = replace(
        first,
        version=2,
        valid_from=datetime(2017, 6, 1, tzinfo=UTC),
        earning_rules=(*first.earning_rules, drinks),
        expiry=replace(first.expiry, months=18),
        tier_policy=replace(first.tier_policy, grace_days=30),
    )

    async def programs(_: Known) -> tuple[Program, ...]:
        return first, second

    monkeypatch.setattr(Known, "programs", programs)
    world.clock.now = datetime(2018, 3, 1, tzinfo=UTC)

    at_once, one_by_one = await both_ways(world, folder, None)

    assert_equal(at_once, one_by_one)
    assert any(len(purchase["earnRates"]) > 1 for purchase in at_once["purchases"])
    assert len({len(purchase["earnRates"]) for purchase in at_once["purchases"]}) > 10


# ---------------------------------------------------------------- again and again


async def test_the_counts_are_those_the_data_promises(world: World, folder: Path) -> None:
    told: list[tuple[int, int]] = []
    journey = Journey(folder)

    report = await import_journey(world.shop, data_dir=folder, progress=lambda *counts: told.append(counts))

    assert report.expected == journey.expected_totals()
    written = report.households, report.baskets, report.lines, report.sales
    assert written == tuple(getattr(report.expected, name) for name in ("households", "baskets", "lines", "sales"))
    purchases = await world.all("purchases")
    assert sum(len(purchase["lines"]) for purchase in purchases) == report.lines
    assert sum(purchase["total"] for purchase in purchases) == report.sales
    assert sum(customer["metrics"]["totalSpent"] for customer in await world.all("customers")) == report.sales
    assert report.products == len(await world.all("products"))
    assert report.stores == len(await world.all("stores"))
    assert told == [(done, 4) for done in (1, 2, 3, 4)]
    assert (await check(world.call(SYSTEM))).differences == []


async def test_a_second_import_adds_nothing(world: World, folder: Path) -> None:
    first = await import_journey(world.shop, data_dir=folder, shift_to=TODAY)
    before, documents = await world.everything(), await named(world)
    world.clock.advance(days=1)

    again = await import_journey(
        World(world.database, world.engine, world.clock, world.commands).shop, data_dir=folder, shift_to=TODAY
    )

    assert await world.everything() == before
    assert await named(world) == documents
    assert (again.households_known, again.baskets_known) == (first.households, first.baskets)
    assert (again.households, again.baskets, again.lines, again.sales, again.refused) == (0, 0, 0, 0, [])
    assert (again.products, again.stores) == (0, 0)


async def test_more_households_later_only_add(world: World, folder: Path) -> None:
    await import_journey(world.shop, data_dir=folder, households=2, shift_to=TODAY)
    few = await named(world)

    report = await import_journey(world.shop, data_dir=folder, shift_to=TODAY)

    assert (report.households, report.households_known, report.refused) == (2, 2, [])
    more = await named(world)
    for name in COLLECTIONS:
        assert all(document in more[name] for document in few[name])
    await import_journey((await emptied(world)).shop, data_dir=folder, shift_to=TODAY)
    assert await named(world) == more


async def test_an_import_that_was_interrupted_is_completed_by_the_next(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = asyncio.all_tasks()
    with monkeypatch.context() as patch:
        patch.setattr(complete_journey.bulk, "insert", failing_after(2, complete_journey.bulk.insert))
        with pytest.raises(ConnectionError, match="gone"):
            await import_journey(world.shop, data_dir=folder, shift_to=TODAY)

    assert asyncio.all_tasks() == before, "nothing goes on behind an import that has failed"
    there = len(await world.all("customers"))
    assert there < len(HOUSEHOLDS)
    report = await import_journey(world.shop, data_dir=folder, shift_to=TODAY)
    assert (report.households, report.households_known) == (len(HOUSEHOLDS) - there, there)
    completed = await named(world)
    await import_journey((await emptied(world)).shop, data_dir=folder, shift_to=TODAY)
    assert await named(world) == completed


def failing_after(count: int, insert: Any) -> Any:
    calls = 0

    async def fail(*args: Any, **kwargs: Any) -> None:
        nonlocal calls
        calls += 1
        if calls > count:
            raise ConnectionError("mongod is gone")
        await insert(*args, **kwargs)

    return fail


async def test_a_household_that_has_some_of_its_baskets_gets_the_others(world: World, folder: Path) -> None:
    journey = Journey(folder, shift_to=TODAY)
    baskets = journey.baskets_of("2042")
    ann = await world.customer(externalIds=[{"source": "complete-journey", "value": "2042"}])
    for basket in baskets[:5]:
        await sell(world, sold(basket, "2042"))
    before = await named(world)

    report = await import_journey(world.shop, data_dir=folder, shift_to=TODAY)

    assert (report.households, report.households_known) == (3, 1)
    assert (report.baskets_known, report.baskets) == (5, report.expected.baskets - 5)
    assert report.refused == []
    after = await named(world)
    assert all(purchase in after["purchases"] for purchase in before["purchases"])
    assert len(await world.all("purchases", {"owner": ann})) == len(baskets)
    await emptied(world)
    await sell_everything(World(world.database, world.engine, world.clock, world.commands), journey)
    for name in ("purchases", "points_lots", "points_transactions"):
        for ours, theirs in zip(after[name], (await named(world))[name], strict=True):
            assert without_callers(ours) == without_callers(theirs)


def without_callers(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != "by"}


async def test_a_basket_recorded_before_with_other_content_is_reported_and_the_rest_goes_in(
    world: World, folder: Path
) -> None:
    first, second, *_ = Journey(folder, shift_to=TODAY).baskets_of("2042")
    await world.customer(externalIds=[{"source": "complete-journey", "value": "2042"}])
    await sell(world, {**sold(first, "2042"), "storeCode": "elsewhere"})
    await sell(world, sold(second, "2042"))
    kept = await world.all("purchases")

    for attempt in (1, 2):
        report = await import_journey(world.shop, data_dir=folder, shift_to=TODAY)

        said = "Another sale was recorded under this external id."
        assert report.refused == [f"basket {first.basket_id}: {said}"], attempt
        assert report.baskets_known == (1 if attempt == 1 else report.expected.baskets - 1)
        assert report.baskets == (report.expected.baskets - 2 if attempt == 1 else 0)
    stored = await world.all("purchases")
    assert len(stored) == report.expected.baskets
    assert all(purchase in stored for purchase in kept)


async def test_a_basket_that_an_anonymous_sale_has_taken_is_reported_and_the_household_completed(
    world: World, folder: Path
) -> None:
    journey = Journey(folder, shift_to=TODAY)
    basket = journey.baskets_of("1853")[3]
    raw = sold(basket, "1853")
    del raw["customer"]
    await sell(world, raw)

    report = await import_journey(world.shop, data_dir=folder, shift_to=TODAY)

    assert [line.split(":")[0] for line in report.refused] == [f"basket {basket.basket_id}"]
    assert (report.households, report.baskets) == (4, report.expected.baskets - 1)
    (still,) = await world.all("purchases", {"externalId.value": basket.basket_id})
    assert still["customerId"] is None
    (account,) = await world.all("loyalty_accounts", {"createdAt": NOW, "locks": len(journey.baskets_of("1853")) - 1})
    entries = await world.all("points_transactions", {"owner": account["customerId"]})
    assert sum(entry["points"] for entry in entries) == account["available"] > 0


async def test_a_shop_in_another_currency_is_refused_and_left_empty(world: World, folder: Path) -> None:
    world.shop.currency = "EUR"
    before = await world.everything()

    with pytest.raises(WrongCurrency, match=r"^The Complete Journey is in USD, this shop is in EUR\.$"):
        await import_journey(world.shop, data_dir=folder)

    assert await world.everything() == before


async def test_two_imports_at_once_write_everything_once(world: World, folder: Path) -> None:
    other = World(world.database, world.engine, world.clock, world.commands)

    reports: Sequence[JourneyReport] = await asyncio.gather(
        *(import_journey(shop, data_dir=folder, shift_to=TODAY) for shop in (world.shop, other.shop))
    )

    assert [report.refused for report in reports] == [[], []]
    both = await named(world)
    assert sum(report.baskets for report in reports) == reports[0].expected.baskets == len(both["purchases"])
    await import_journey((await emptied(world)).shop, data_dir=folder, shift_to=TODAY)
    assert await named(world) == both


# ---------------------------------------------------------------- tiers of a history told in order

PROGRAM = default_program(lambda prefix: f"{prefix}_{id(object())}")
TIERS = tuple(replace(tier, id=tier.name) for tier in PROGRAM.tiers)
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
JOINED = BEGIN + timedelta(days=500)
# A fifth of 365 and the days beside it: sales meet what leaves, and the end of a tier's own 365 days.
DAYS = st.sampled_from(sorted(73 * fifth + beside for fifth in range(16) for beside in (-1, 0, 1)))
POINTS = st.sampled_from([0, 1, 250, 499, 500, 501, 1500, 2000])
SALES = st.lists(st.tuples(DAYS, POINTS), max_size=14).map(sorted)
GRACE_DAYS = st.sampled_from([0, 0, 1, 73, 365])


@settings(max_examples=500, deadline=None)
# Gold and its grace end on day 730, but for what the sale on day 1 still gives then.
@example(sales=[(-1, 1500), (0, 500), (1, 2000), (730, 0), (731, 0)], grace_days=365, asked=False)
@given(sales=SALES, grace_days=GRACE_DAYS, asked=st.booleans())
def test_tiers_told_in_order_are_those_worked_out_from_scratch_before_and_after_every_sale(
    sales: list[tuple[int, int]], grace_days: int, asked: bool
) -> None:
    """With `asked` the whole path is asked for after every sale, else only the tier before each, as the import does."""
    policy = replace(PROGRAM.tier_policy, grace_days=grace_days)
    told = Tiers(replace(PROGRAM, tiers=TIERS, tier_policy=policy), JOINED)
    history: list[QualifyingSale] = []
    steps = tier_steps(history, tiers=TIERS, policy=policy, joined=JOINED)
    for day, points in sales:
        sale = QualifyingSale(at=BEGIN + timedelta(days=day), points=points)

        assert told.before(sale.at) == step_before(steps, sale.at).tier
        told.count(sale)
        history.append(sale)
        steps = tier_steps(history, tiers=TIERS, policy=policy, joined=JOINED)

        assert not asked or told.current() == steps
    assert told.current() == steps
    assert told.sales == history
