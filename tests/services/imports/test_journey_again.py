"""The import of real households: safe to run again, beside sales and beside itself."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from crm.callers import SYSTEM
from services.checking import check
from services.imports import complete_journey
from services.imports.complete_journey import JourneyReport, WrongCurrency, import_journey
from services.imports.journey_reader import Journey
from tests.services.imports.slow_journey import (
    COLLECTIONS,
    HOUSEHOLDS,
    TODAY,
    emptied,
    named,
    sell,
    sell_everything,
    sold,
)
from tests.support import NOW, World


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


def tasks() -> set[asyncio.Task[Any]]:
    """Return what goes on, but for PyMongo's looking after its servers."""
    codes = {task: getattr(task.get_coro(), "cr_code", None) for task in asyncio.all_tasks()}
    return {task for task, code in codes.items() if code is None or "pymongo" not in code.co_filename}


async def test_an_import_that_was_interrupted_is_completed_by_the_next(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tasks()
    with monkeypatch.context() as patch:
        patch.setattr(complete_journey.bulk, "insert", failing_after(2, complete_journey.bulk.insert))
        with pytest.raises(ConnectionError, match="gone"):
            await import_journey(world.shop, data_dir=folder, shift_to=TODAY)

    assert tasks() == before, "nothing goes on behind an import that has failed"
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
