"""Tiers by what a programme says of them: basis, window, grace, returns, and new ladders of tiers."""

from typing import Any

import pytest

from tests.services.helpers import cancel, line, tier
from tests.services.program_helpers import at, buy, clean, earned, flat, reconsider, rule, save
from tests.support import World

ROLLING = {"basis": "POINTS", "window": "ROLLING_365_DAYS"}
Told = tuple[str, str, str | None, int, int | None]


async def told(world: World, customer: str) -> Told:
    """Return tier, since, until, qualifying points and points to next."""
    now = await tier(world, customer)
    return now["tier"]["name"], now["since"], now["until"], now["qualifyingPoints"], now["pointsToNext"]


async def tier_events(world: World) -> list[tuple[str, str]]:
    """Return the changes of tiers that were told, oldest first, by the tiers' names."""
    versions = await world.all("loyalty_programs")
    names = {one["id"]: one["name"] for version in versions for one in version["tiers"]}
    events = sorted(await world.all("outbox", {"topic": "TIER"}), key=lambda event: event["_id"])
    return [(names[event["data"]["from"]], names[event["data"]["to"]]) for event in events]


async def same_after_the_worker(world: World, *people: str) -> None:
    """Hold that no answer changes by what the worker writes down, and that it finds nothing left to do."""
    before = [await tier(world, person) for person in people]
    await reconsider(world)
    assert [await tier(world, person) for person in people] == before
    assert await reconsider(world) == 0
    await clean(world)


async def test_spend_counts_whole_units_of_what_is_kept_without_tax(world: World) -> None:
    ann = await world.customer()
    await save(world, tierPolicy={**ROLLING, "basis": "SPEND"}, earningRules=[rule(pointsPerUnit="0.1"), flat(1000)])
    cents = {"lines": [line(1, "1", "499.99")], "total": "509.99", "taxTotal": "10.00"}
    await buy(world, ann, "a", 0, **cents)
    assert await told(world, ann) == ("Bronze", "2026-11-21T12:00:00.000Z", None, 499, 1)
    world.clock.advance(days=1)
    cent = await buy(world, ann, "b", 0, lines=[line(1, "1", "0.01")], total="0.01")
    assert await told(world, ann) == ("Silver", "2026-11-22T12:00:00.000Z", "2027-11-22T12:00:00.000Z", 500, 1500)
    world.clock.advance(days=1)
    assert await earned(world, ann, "c", 100) == 1012  # 10 x 1.25, and flat points
    assert (await told(world, ann))[3] == 600
    await world.give_back(cent["id"], {1: "1"})  # so it was the last sale that reached 500
    assert await told(world, ann) == ("Silver", "2026-11-23T12:00:00.000Z", "2027-11-23T12:00:00.000Z", 599, 1401)
    await same_after_the_worker(world, ann)


async def test_a_calendar_year_holds_its_tier_to_the_end_of_the_next(world: World) -> None:
    ann = await world.customer()
    await save(world, tierPolicy={**ROLLING, "window": "CALENDAR_YEAR"})
    await buy(world, ann, "a", 600)
    since, until = "2026-11-21T12:00:00.000Z", "2027-12-31T23:00:00.000Z"
    assert await told(world, ann) == ("Silver", since, until, 600, 1400)
    at(world, "2026-12-31T22:59:59.999+00:00")
    assert await told(world, ann) == ("Silver", since, until, 600, 1400)
    at(world, "2026-12-31T23:00:00+00:00")
    assert await told(world, ann) == ("Silver", since, until, 0, 2000)
    assert await earned(world, ann, "b", 100) == 125
    assert await told(world, ann) == ("Silver", since, until, 125, 1875)
    at(world, "2027-12-31T22:59:59.999+00:00")
    assert (await told(world, ann))[0] == "Silver"
    at(world, "2027-12-31T23:00:00+00:00")
    assert await told(world, ann) == ("Bronze", until, None, 0, 500)
    await same_after_the_worker(world, ann)
    assert await tier_events(world) == [("Bronze", "Silver"), ("Silver", "Bronze")]


async def test_since_joining_counts_everything_and_never_falls(world: World) -> None:
    ann = await world.customer()
    await save(world, tierPolicy={**ROLLING, "window": "SINCE_JOINING"})
    await buy(world, ann, "a", 300, occurredAt="2024-01-01T12:00:00Z")  # before joining
    first = await buy(world, ann, "b", 200)
    assert await told(world, ann) == ("Silver", "2026-11-21T12:00:00.000Z", None, 500, 1500)
    world.clock.advance(days=3000)
    assert await told(world, ann) == ("Silver", "2026-11-21T12:00:00.000Z", None, 500, 1500)
    assert await reconsider(world) == 0
    await cancel(world, first["id"])
    assert (await told(world, ann))[3:] == (300, 200)
    await same_after_the_worker(world, ann)


@pytest.mark.parametrize(
    ("window", "until"),
    [
        ("ROLLING_365_DAYS", "2027-12-21T12:00:00.000Z"),
        ("CALENDAR_YEAR", "2028-01-30T23:00:00.000Z"),
        ("SINCE_JOINING", None),
    ],
)
async def test_grace_days_put_the_fall_off(world: World, window: str, until: str | None) -> None:
    ann = await world.customer()
    await save(world, tierPolicy={**ROLLING, "window": window, "graceDays": 30})
    await buy(world, ann, "a", 500)
    assert (await told(world, ann))[:3] == ("Silver", "2026-11-21T12:00:00.000Z", until)
    if until is None:
        return
    at(world, until)
    world.clock.advance(milliseconds=-1)
    assert (await told(world, ann))[0] == "Silver"
    world.clock.advance(milliseconds=1)
    assert await told(world, ann) == ("Bronze", until, None, 0, 500)
    await same_after_the_worker(world, ann)


async def test_a_sale_in_the_days_of_grace_keeps_the_tier(world: World) -> None:
    ann = await world.customer()
    await save(world, tierPolicy={**ROLLING, "graceDays": 30})
    await buy(world, ann, "a", 500)
    world.clock.advance(days=380)
    assert await told(world, ann) == ("Silver", "2026-11-21T12:00:00.000Z", "2027-12-21T12:00:00.000Z", 0, 2000)
    assert await earned(world, ann, "b", 400) == 500
    assert (await told(world, ann))[:4] == (
        "Silver",
        "2026-11-21T12:00:00.000Z",
        "2029-01-04T12:00:00.000Z",  # 6 December 2027, 365 days and 30 more: 2028 has 366
        500,
    )
    await same_after_the_worker(world, ann)


@pytest.mark.parametrize(("keep", "name", "counted"), [(True, "Silver", 600), (False, "Bronze", 0)])
async def test_returned_sales_go_on_counting_where_the_policy_says_so(
    world: World, keep: bool, name: str, counted: int
) -> None:
    ann = await world.customer()
    await save(world, tierPolicy={**ROLLING, "keepOnReturn": keep})
    sold = await buy(world, ann, "a", 600)
    await world.give_back(sold["id"], {1: "1"})
    assert (await world.points(ann))["available"] == 0
    now = await told(world, ann)
    assert (now[0], now[3]) == (name, counted)
    await same_after_the_worker(world, ann)


@pytest.mark.parametrize("worker", [True, False])
async def test_new_thresholds_change_the_answer_at_once_and_the_worker_writes_the_same_down(
    world: World, worker: bool
) -> None:
    ann, bob, cid = [await world.customer(email=f"c{n}@example.com") for n in range(3)]
    await buy(world, ann, "a", 100)
    await buy(world, bob, "b", 600)
    world.clock.advance(hours=1)
    version = await save(
        world, tiers=[{"name": "Low", "threshold": 0}, {"name": "High", "threshold": 80, "earnMultiplier": "2"}]
    )
    assert version["tiers"][0]["name"] == "Low"
    high = ("High", "2026-11-21T13:00:00.000Z")
    assert (await told(world, ann))[:2] == high
    # Silver is no more: bob has what his points reach, and what was left of Silver's own 365 days
    assert await told(world, bob) == (*high, "2027-11-21T12:00:00.000Z", 600, None)
    assert await told(world, cid) == ("Low", "2026-11-21T13:00:00.000Z", None, 0, 80)
    assert await tier_events(world) == [("Bronze", "Silver")]

    changes = [("Bronze", "High"), ("Bronze", "Low"), ("Bronze", "Silver"), ("Silver", "High")]
    if worker:
        await same_after_the_worker(world, ann, bob, cid)
        assert sorted(await tier_events(world)) == changes
    world.clock.advance(minutes=1)
    assert await earned(world, ann, "c", 10) == 20
    assert await earned(world, cid, "d", 10) == 10
    await same_after_the_worker(world, ann, bob, cid)
    assert sorted(await tier_events(world)) == changes


async def test_a_planned_ladder_decides_from_its_instant_on_and_is_told_once(world: World) -> None:
    ann = await world.customer()
    await buy(world, ann, "a", 100)
    (bronze, silver, gold) = (await save(world))["tiers"]
    kept = [
        {"id": bronze["id"], "name": "Bronze", "threshold": 0},
        {"id": silver["id"], "name": "Silver", "threshold": 90},
    ]
    await save(world, tiers=kept, validFrom="2026-12-01T00:00:00Z")
    assert await told(world, ann) == ("Bronze", "2026-11-21T12:00:00.000Z", None, 100, 400)
    await same_after_the_worker(world, ann)
    assert await tier_events(world) == []
    at(world, "2026-12-01T00:00:00+00:00")
    assert await told(world, ann) == ("Silver", "2026-12-01T00:00:00.000Z", "2027-12-01T00:00:00.000Z", 100, None)
    await same_after_the_worker(world, ann)
    assert await tier_events(world) == [("Bronze", "Silver")]
    assert gold["name"] == "Gold"


async def test_a_version_with_the_same_ladder_leaves_every_path_as_it_is(world: World) -> None:
    ann = await world.customer()
    await buy(world, ann, "a", 600)
    before: Any = await told(world, ann)
    await save(world, name="Beans", earningRules=[rule(pointsPerUnit="2")])
    assert await told(world, ann) == before
    assert await reconsider(world) == 0
    await clean(world)


@pytest.mark.parametrize("between", ["nothing", "a sale", "a sale first"])
async def test_a_fall_by_itself_is_told_once(world: World, between: str) -> None:
    ann = await world.customer()
    await buy(world, ann, "a", 500)
    assert await tier_events(world) == [("Bronze", "Silver")]
    world.clock.advance(days=364)
    assert await reconsider(world) == 0
    world.clock.advance(days=2)
    if between == "a sale first":
        assert await earned(world, ann, "b", 10) == 10
    assert await reconsider(world) == (0 if between == "a sale first" else 1)
    if between == "a sale":
        assert await earned(world, ann, "b", 10) == 10
    assert await reconsider(world) == 0
    assert await tier_events(world) == [("Bronze", "Silver"), ("Silver", "Bronze")]
    assert (await told(world, ann))[:2] == ("Bronze", "2027-11-21T12:00:00.000Z")
    await clean(world)
