"""A lease has one holder at a time, whoever asks at once, and outlives no holder by more than its span."""

import asyncio
from datetime import timedelta

from store import leases
from tests.support import NOW, World

SPAN = timedelta(seconds=30)


async def take(world: World, holder: str, name: str = "settle") -> bool:
    return await leases.acquire(world.database, name, holder=holder, now=world.clock(), span=SPAN)


async def test_a_free_lease_is_taken_until_its_span_is_over(world: World) -> None:
    assert await take(world, "a")

    assert await world.all("leases") == [{"_id": "settle", "holder": "a", "until": NOW + SPAN}]


async def test_another_s_lease_is_refused_and_stays_as_it_was(world: World) -> None:
    await take(world, "a")
    before = await world.all("leases")
    world.clock.advance(seconds=29, milliseconds=999)

    assert not await take(world, "b")

    assert await world.all("leases") == before


async def test_a_lease_that_ran_out_is_taken_and_then_the_new_holder_s(world: World) -> None:
    await take(world, "a")
    world.clock.advance(seconds=30)

    assert await take(world, "b")

    assert not await take(world, "a")
    assert await world.all("leases") == [{"_id": "settle", "holder": "b", "until": NOW + 2 * SPAN}]


async def test_the_holder_s_own_lease_is_prolonged_whether_it_ran_out_or_not(world: World) -> None:
    for seconds in (0, 29, 31):
        world.clock.advance(seconds=seconds)
        assert await take(world, "a")

    assert await world.all("leases") == [{"_id": "settle", "holder": "a", "until": world.clock() + SPAN}]


async def test_a_released_lease_is_free_at_once(world: World) -> None:
    await take(world, "a")

    await leases.release(world.database, "settle", holder="a")

    assert await take(world, "b")


async def test_a_stranger_releases_nothing(world: World) -> None:
    await take(world, "a")

    await leases.release(world.database, "settle", holder="b")
    await leases.release(world.database, "tiers", holder="a")

    assert not await take(world, "b")


async def test_leases_of_two_jobs_are_apart(world: World) -> None:
    assert await take(world, "a", "settle")
    assert await take(world, "b", "tiers")
    assert not await take(world, "a", "tiers")


async def test_of_twenty_at_once_exactly_one_gets_a_free_lease_and_one_that_ran_out(world: World) -> None:
    for _ in range(10):
        got = await asyncio.gather(*(take(world, f"w-{number}") for number in range(20)))

        assert got.count(True) == 1
        (lease,) = await world.all("leases")
        assert lease == {"_id": "settle", "holder": f"w-{got.index(True)}", "until": world.clock() + SPAN}
        world.clock.advance(seconds=30)
