"""Statistics of the shop: rebuilt when due, whole or not at all, by one process at a time."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from crm.taste.statistics import Baskets, Statistics
from services import shop_statistics
from store import statistics as stored
from tests.services.taste_helpers import MUG, TEA, basket, rebuilt
from tests.support import World


async def sold(world: World, *ids: str) -> None:
    for id_ in ids:
        payload = await world.sell(**basket("MUG", "TEA", id=id_, occurredAt=world.clock().isoformat()))
        assert payload["userErrors"] == []


async def test_an_empty_shop_has_nothing_to_rebuild(world: World) -> None:
    assert await shop_statistics.rebuild_when_due(world.call()) == 0
    assert await world.all("taste_statistics") == []


async def test_a_rebuild_in_a_process_of_its_own_leaves_a_generation(world: World) -> None:
    await sold(world, "1", "2")

    assert await shop_statistics.rebuild_when_due(world.call()) == 1

    pointer = await stored.current(world.database)
    assert pointer is not None
    assert (pointer.purchases, pointer.built_at, pointer.most) == (2, world.clock(), 2)
    found = await stored.products(world.database, pointer.generation, [MUG, TEA, "prd_none"])
    assert found == {MUG: (1.0, 2, None), TEA: (1.0, 2, None)}
    assert (await stored.shelves(world.database, pointer.generation, ["all", "channel:POS"])).keys() == {
        "all",
        "channel:POS",
    }
    assert await shop_statistics.rebuild_when_due(world.call()) == 0


async def test_it_is_due_after_an_hour_of_much_or_a_day_of_anything(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shop_statistics, "in_own_process", shop_statistics.here)
    monkeypatch.setattr(shop_statistics, "NEW_SHARE", 0.5)
    await sold(world, *"1234")
    await rebuilt(world)
    await sold(world, "5", "6")
    assert await shop_statistics.rebuild_when_due(world.call()) == 0  # much, and too soon
    world.clock.advance(hours=1)
    assert await shop_statistics.rebuild_when_due(world.call()) == 1
    await sold(world, "7")
    world.clock.advance(hours=23)
    assert await shop_statistics.rebuild_when_due(world.call()) == 0
    world.clock.advance(hours=1)
    assert await shop_statistics.rebuild_when_due(world.call()) == 1
    world.clock.advance(days=30)
    assert await shop_statistics.rebuild_when_due(world.call()) == 0  # nothing was sold


async def test_of_two_processes_one_rebuilds(world: World) -> None:
    await sold(world, "1")
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(
        baskets: Baskets, until: datetime, catalogue: Mapping[str, str], offers: shop_statistics.About
    ) -> Statistics:
        begun.set()
        await go_on.wait()
        return await shop_statistics.here(baskets, until, catalogue, offers)

    first = asyncio.ensure_future(shop_statistics.rebuild(world.call(), count=slow))
    await begun.wait()
    assert not await shop_statistics.rebuild(world.call())
    go_on.set()

    assert await first
    assert await shop_statistics.rebuild(world.call())


async def test_a_rebuild_that_died_is_begun_anew_after_half_an_hour_and_left_the_old_one_alone(world: World) -> None:
    await sold(world, "1")
    await rebuilt(world)
    before = await stored.current(world.database)

    async def dies(*_: object) -> Statistics:
        raise MemoryError

    with pytest.raises(MemoryError):
        await shop_statistics.rebuild(world.call(), count=dies)
    assert await stored.current(world.database) == before
    assert await stored.claim_rebuild(world.database, now=world.clock(), span=timedelta(minutes=30))  # killed now
    assert not await shop_statistics.rebuild(world.call())
    world.clock.advance(minutes=30)
    assert await shop_statistics.rebuild(world.call())


async def test_the_generation_before_is_kept_for_who_reads_it_and_the_one_before_that_is_not(world: World) -> None:
    generations = []
    for number in range(3):
        await sold(world, str(number))
        await rebuilt(world)
        pointer = await stored.current(world.database)
        assert pointer is not None
        generations.append(pointer.generation)
        world.clock.advance(seconds=1)

    kept = {document.get("generation") for document in await world.all("taste_statistics")}

    assert kept == set(generations[1:])
    assert await stored.products(world.database, generations[1], [MUG]) == {MUG: (1.0, 2, None)}


async def test_a_shop_of_last_year_s_sales_counts_its_last_four_weeks(world: World) -> None:
    """Popular is what sold before the last sale: data that ends in the past would have no popularity at all."""
    await sold(world, "1")
    world.clock.advance(days=400)

    await rebuilt(world)

    pointer = await stored.current(world.database)
    assert pointer is not None
    assert pointer.most == 1
