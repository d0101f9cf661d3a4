"""Customers of the real shop's shapes: repeatable, whole, and drawn from real households."""

from pathlib import Path
from typing import Any

import pytest

from crm.callers import SYSTEM
from services.checking import check
from services.imports.complete_journey import WrongCurrency
from services.imports.journey_reader import Journey
from services.imports.synth import Synth, synthesize
from tests.support import NOW, World

TODAY = NOW.date()


def without_ids(purchase: dict[str, Any]) -> dict[str, Any]:
    """Return what the seed decides about a purchase: ids are drawn anew in every installation."""
    return {name: purchase[name] for name in ("externalId", "occurredAt", "lines", "total", "pointsEarned")}


async def test_customers_are_whole_and_every_point_of_theirs_is_right(world: World, folder: Path) -> None:
    told: list[tuple[int, int]] = []

    report = await synthesize(
        world.shop, customers=30, shift_to=TODAY, data_dir=folder, progress=lambda *counts: told.append(counts)
    )

    found = await check(world.call(SYSTEM))
    assert found.differences == []
    assert (found.customers, found.purchases, found.lines) == (30, report.baskets, report.lines)
    assert report.baskets > 30
    assert max(told) == (30, 30)
    people = await world.all("customers")
    assert len({person["email"] for person in people}) == 30
    assert all(person["email"].endswith("@example.com") for person in people)


async def test_more_customers_later_only_add(world: World, folder: Path) -> None:
    await synthesize(world.shop, customers=5, shift_to=TODAY, data_dir=folder)
    before = await world.all("purchases")

    report = await synthesize(world.shop, customers=8, shift_to=TODAY, data_dir=folder)

    assert (report.customers, report.known) == (3, 5)
    after = await world.all("purchases")
    assert all(purchase in after for purchase in before)
    assert len(after) == len(before) + report.baskets


async def test_nobody_has_bought_anything_that_has_not_happened_yet(world: World, folder: Path) -> None:
    await synthesize(world.shop, customers=40, shift_to=TODAY, data_dir=folder)

    assert max(purchase["occurredAt"] for purchase in await world.all("purchases")).date() < TODAY


def test_the_same_seed_and_number_are_the_same_customer(folder: Path) -> None:
    journey = Journey(folder, shift_to=TODAY)

    first, again, other = (Synth(journey, seed, TODAY) for seed in (1, 1, 2))

    histories = [[synth.baskets_of(number) for number in range(1, 20)] for synth in (first, again, other)]
    assert histories[0] == histories[1]
    assert histories[0] != histories[2]


def test_about_one_product_in_seven_is_another_of_its_type_and_always_the_same_one(folder: Path) -> None:
    journey = Journey(folder, shift_to=TODAY)
    synth = Synth(journey, 1, TODAY)
    sold = {basket.basket_id: basket for household in journey.households for basket in journey.baskets_of(household)}
    exchanged: dict[tuple[int, str], set[str]] = {}
    lines = others = 0

    for number in range(1, 60):
        for basket in synth.baskets_of(number):
            real = sold[basket.basket_id.partition("-")[2]]
            for line, was in zip(basket.lines, real.lines, strict=True):
                lines += 1
                others += line.product != was.product
                assert line.product.kind == was.product.kind
                assert line.total == was.total
                exchanged.setdefault((number, was.product.sku), set()).add(line.product.sku)

    assert lines > 1000
    assert 0.08 < others / lines < 0.22
    assert all(len(products) == 1 for products in exchanged.values())


async def test_a_shop_in_another_currency_gets_none(world: World, folder: Path) -> None:
    euro = World(world.database, world.engine, world.clock, world.commands, currency="EUR")

    with pytest.raises(WrongCurrency):
        await synthesize(euro.shop, customers=1, shift_to=TODAY, data_dir=folder)

    assert await world.all("customers") == []
