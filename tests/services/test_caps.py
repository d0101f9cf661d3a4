"""Caps: at most so many points a person, rule and period, by the store's calendar, given back by what comes back."""

import asyncio
from typing import Any

import pytest

from tests.services.helpers import cancel, claim, line
from tests.services.program_helpers import at, buy, clean, earned, flat, posted, rule, save, save_store
from tests.support import World, whole


async def counters(world: World) -> dict[str, str]:
    """Return what every counter stands at, by its period."""
    return {found["_id"].rsplit(":", 1)[1]: found["used"] for found in await world.all("cap_counters")}


async def test_a_cap_ends_within_a_sale_and_other_rules_go_on(world: World) -> None:
    ann = await world.customer()
    await save(
        world,
        earningRules=[rule(pointsPerUnit="0.1"), rule(name="Capped", capPoints=100, capPeriod="DAY")],
    )
    assert [await earned(world, ann, f"s-{n}", 60) for n in range(3)] == [66, 46, 6]
    assert await counters(world) == {"2026-11-21": "100"}
    await clean(world)


@pytest.mark.parametrize(
    ("period", "last", "first"),
    [
        ("DAY", "2026-11-22T22:59:59.999Z", "2026-11-22T23:00:00Z"),
        ("WEEK", "2026-11-22T22:59:59.999Z", "2026-11-22T23:00:00Z"),  # Sunday to Monday in Vienna
        ("MONTH", "2026-11-30T22:59:59.999Z", "2026-11-30T23:00:00Z"),
        ("YEAR", "2026-12-31T22:59:59.999Z", "2026-12-31T23:00:00Z"),
    ],
)
@pytest.mark.parametrize("given", [{"pointsPerUnit": "1"}, {"points": 60}])
async def test_a_period_ends_at_midnight_in_the_shops_zone(
    world: World, period: str, last: str, first: str, given: dict[str, Any]
) -> None:
    ann, bob = await world.customer(), await world.customer(email="bob@example.com")
    await save(world, earningRules=[rule(**given, name="Capped", capPoints=100, capPeriod=period)])
    at(world, "2027-02-01T00:00:00+00:00")
    assert await earned(world, ann, "a", 60, occurredAt=last) == 60
    assert await earned(world, ann, "b", 60, occurredAt=last) == 40
    assert await earned(world, ann, "c", 60, occurredAt=first) == 60
    assert await earned(world, ann, "d", 60, occurredAt=last) == 0  # a late one of the period before
    assert await earned(world, ann, "e", 60, occurredAt=first) == 40
    assert await earned(world, bob, "f", 60, occurredAt=first) == 60  # a cap is a person's
    await clean(world)


async def test_ever_never_begins_again(world: World) -> None:
    ann = await world.customer()
    await save(world, earningRules=[rule(capPoints=100, capPeriod="EVER")])
    assert await earned(world, ann, "a", 60) == 60
    world.clock.advance(days=3650)
    assert [await earned(world, ann, f"b-{n}", 60) for n in range(2)] == [40, 0]
    assert await counters(world) == {"ever": "100"}
    await clean(world)


async def test_days_are_those_of_the_store(world: World) -> None:
    ann = await world.customer()
    await save_store(world, "ny-1", "America/New_York")
    await save(world, earningRules=[rule(capPoints=100, capPeriod="DAY")])
    at(world, "2026-11-24T00:00:00+00:00")
    there = {"storeCode": "ny-1"}
    assert await earned(world, ann, "a", 80, occurredAt="2026-11-23T04:59:59.999Z", **there) == 80  # the 22nd
    assert await earned(world, ann, "b", 80, occurredAt="2026-11-22T22:00:00Z") == 20  # the 22nd in Vienna, too
    assert await earned(world, ann, "c", 80, occurredAt="2026-11-23T05:00:00Z", **there) == 80  # the 23rd
    assert await earned(world, ann, "d", 80, occurredAt="2026-11-22T23:00:00Z") == 20  # the 23rd in Vienna
    assert await counters(world) == {"2026-11-22": "100", "2026-11-23": "100"}
    await clean(world)


async def test_a_cap_counts_exact_fractions(world: World) -> None:
    ann = await world.customer()
    await save(world, earningRules=[rule(pointsPerUnit="0.333333", capPoints=1, capPeriod="EVER")])
    told = [await earned(world, ann, f"s-{n}", 1) for n in range(2)]
    assert told == [0, 0]
    assert await counters(world) == {"ever": "333333/500000"}
    assert await earned(world, ann, "rest", 3) == 0  # 1 - 0.666666 = 0.333334 left, of which none is a whole point
    assert await counters(world) == {"ever": "1"}
    await clean(world)


async def test_what_comes_back_gives_the_cap_back(world: World) -> None:
    ann = await world.customer()
    await save(world, earningRules=[rule(capPoints=100, capPeriod="DAY")])
    two = {"lines": [line(1, "2", "30.00")], "total": "60.00"}
    first = await buy(world, ann, "a", 60, **two)
    second = await buy(world, ann, "b", 60, **two)
    assert (first["pointsEarned"], second["pointsEarned"]) == (60, 40)

    half = await world.give_back(first["id"], {1: "1"}, id="r-1")
    assert half["purchaseReturn"]["pointsTakenBack"] == 30
    assert await counters(world) == {"2026-11-21": "70"}
    part = await world.give_back(second["id"], {1: "1"}, id="r-2")
    assert part["purchaseReturn"]["pointsTakenBack"] == 10  # what is kept, 30.00, is below the 40 it had left
    assert await counters(world) == {"2026-11-21": "60"}
    assert await earned(world, ann, "c", 60) == 40
    await cancel(world, first["id"])
    rest = await world.give_back(second["id"], {1: "1"}, id="r-3")
    assert rest["purchaseReturn"]["pointsTakenBack"] == 30
    assert await counters(world) == {"2026-11-21": "40"}
    assert (await world.points(ann))["available"] == 40
    await clean(world)


async def test_flat_points_come_back_to_their_cap_by_share(world: World) -> None:
    ann = await world.customer()
    await save(world, earningRules=[flat(10, capPoints=15, capPeriod="DAY")])
    two = {"lines": [line(1, "2", "30.00")], "total": "60.00"}
    first = await buy(world, ann, "a", 60, **two)
    second = await buy(world, ann, "b", 60, **two)
    assert (first["pointsEarned"], second["pointsEarned"]) == (10, 5)
    await world.give_back(second["id"], {1: "1"}, id="r-1")  # floor(5 / 2) = 2 go, 3 stay
    assert await counters(world) == {"2026-11-21": "13"}
    await world.give_back(first["id"], {1: "2"}, id="r-2")
    assert await counters(world) == {"2026-11-21": "3"}
    assert await earned(world, ann, "c", 10) == 10
    assert await earned(world, ann, "d", 10) == 2
    assert (await world.points(ann))["available"] == 15
    await clean(world)


@pytest.mark.parametrize(("given", "last"), [({"pointsPerUnit": "1"}, "75"), ({"points": 10}, "75")])
async def test_twenty_sales_at_once_never_exceed_a_cap(world: World, given: dict[str, Any], last: str) -> None:
    ann = await world.customer()
    await save(world, earningRules=[rule(**given, name="Capped", capPoints=75, capPeriod="DAY")])
    told = await asyncio.gather(*(earned(world, ann, f"s-{n}", 10) for n in range(20)))
    assert sorted(told) == [0] * 12 + [5] + [10] * 7
    assert (await world.points(ann))["available"] == 75
    assert await counters(world) == {"2026-11-21": last}
    await clean(world)


async def test_sales_and_returns_at_once_leave_the_cap_at_what_is_kept(world: World) -> None:
    ann = await world.customer()
    await save(world, earningRules=[rule(capPoints=75, capPeriod="DAY")])
    sold = [await buy(world, ann, f"s-{n}", 10) for n in range(5)]
    await asyncio.gather(
        *(world.give_back(one["id"], {1: "1"}, id=f"r-{n}") for n, one in enumerate(sold)),
        *(earned(world, ann, f"t-{n}", 10) for n in range(10)),
    )
    used = int((await counters(world))["2026-11-21"])
    assert (await world.points(ann))["available"] == used
    assert 25 <= used <= 75
    await clean(world)


async def test_a_cap_goes_on_under_a_new_version_that_keeps_the_rules_id(world: World) -> None:
    ann = await world.customer()
    first = await save(world, earningRules=[rule(capPoints=100, capPeriod="DAY")])
    assert await earned(world, ann, "a", 80) == 80
    world.clock.advance(minutes=1)
    kept = rule(id=first["earningRules"][0]["id"], pointsPerUnit="2", capPoints=120, capPeriod="DAY")
    await save(world, earningRules=[kept])
    assert await earned(world, ann, "b", 80) == 40
    world.clock.advance(minutes=1)
    await save(world, earningRules=[rule(capPoints=100, capPeriod="DAY")])  # another rule
    assert await earned(world, ann, "c", 80) == 80
    await clean(world)


async def test_a_cap_below_what_is_used_by_now_gives_nothing_and_takes_nothing(world: World) -> None:
    ann = await world.customer()
    first = await save(world, earningRules=[rule(capPoints=100, capPeriod="DAY")])
    sold = await buy(world, ann, "a", 80)
    world.clock.advance(minutes=1)
    await save(world, earningRules=[rule(id=first["earningRules"][0]["id"], capPoints=50, capPeriod="DAY")])
    assert await earned(world, ann, "b", 10) == 0
    assert (await world.points(ann))["available"] == 80
    await world.give_back(sold["id"], {1: "1"})
    assert await earned(world, ann, "c", 60) == 50
    await clean(world)


async def test_a_claimed_sale_counts_for_whoever_claims_it(world: World) -> None:
    ann = await world.customer()
    await save(world, earningRules=[rule(capPoints=100, capPeriod="DAY")])
    left = (await world.sell(**whole(80), id="left", occurredAt=world.clock().isoformat()))["purchase"]["id"]
    assert await counters(world) == {}
    assert await earned(world, ann, "a", 60) == 60
    assert (await claim(world, left, customer=ann))["purchase"]["pointsEarned"] == 40
    assert await posted(world, ann) == [("EARN", 60, None), ("EARN", 40, None)]
    await clean(world)
