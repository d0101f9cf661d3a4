"""Sales and the tier: what a sale earns at, what a late one changes and what not, how returns let a tier fall."""

from typing import Any

from tests.services.helpers import ago, batch, claim, ledger_of, row, tier
from tests.support import World, whole


async def sell(world: World, customer: str, id: str, amount: int, day: str, **fields: Any) -> dict[str, Any]:
    """Sell at noon of a day and return the purchase."""
    sold = whole(amount, id=id, customer={"id": customer}, occurredAt=f"{day}T12:00:00Z", **fields)
    payload = await world.sell(**sold)
    assert payload["userErrors"] == []
    purchase: dict[str, Any] = payload["purchase"]
    return purchase


async def test_a_new_customer_is_at_the_bottom_and_sees_the_way_up(world: World) -> None:
    ann = await world.customer()
    assert await tier(world, ann) == {
        "tier": {"name": "Bronze"},
        "since": "2026-11-21T12:00:00.000Z",
        "until": None,
        "qualifyingPoints": 0,
        "next": {"name": "Silver"},
        "pointsToNext": 500,
    }


async def test_the_sale_that_reaches_a_tier_earns_at_the_one_before_and_the_next_at_the_new_one(world: World) -> None:
    ann = await world.customer()
    assert (await sell(world, ann, "a", 499, "2026-11-01"))["pointsEarned"] == 499
    assert (await sell(world, ann, "b", 1, "2026-11-02"))["pointsEarned"] == 1
    assert (await sell(world, ann, "c", 100, "2026-11-03"))["pointsEarned"] == 125
    assert await tier(world, ann) == {
        "tier": {"name": "Silver"},
        "since": "2026-11-02T12:00:00.000Z",
        "until": "2027-11-02T12:00:00.000Z",  # only b and c would count then
        "qualifyingPoints": 625,
        "next": {"name": "Gold"},
        "pointsToNext": 1375,
    }


async def test_a_late_sale_earns_at_the_tier_just_before_it_and_rates_nothing_anew(world: World) -> None:
    ann = await world.customer()
    await sell(world, ann, "a", 600, "2026-09-01")
    await sell(world, ann, "c", 100, "2026-09-20")
    assert (await sell(world, ann, "z", 100, "2026-08-01"))["pointsEarned"] == 100  # Bronze in August
    assert (await sell(world, ann, "b", 1500, "2026-09-10"))["pointsEarned"] == 1875  # Silver since 1 September
    assert [points for _, points, _ in await ledger_of(world, ann)] == [600, 125, 100, 1875]
    held = await tier(world, ann)
    # 100 + 600 + 1875 on 10 September: Gold since then; c had been rated at Silver and stays so
    assert (held["tier"]["name"], held["since"], held["qualifyingPoints"]) == ("Gold", "2026-09-10T12:00:00.000Z", 2700)
    assert (held["next"], held["pointsToNext"]) == (None, None)


async def test_a_late_sale_of_the_instant_of_an_upgrade_does_not_profit_from_it(world: World) -> None:
    ann = await world.customer()
    await sell(world, ann, "a", 500, "2026-09-01")
    assert (await sell(world, ann, "b", 100, "2026-09-01"))["pointsEarned"] == 100


async def test_the_window_is_half_open_and_a_tier_is_held_for_365_days(world: World) -> None:
    ann = await world.customer()
    world.clock.advance(days=1)
    await world.sell(**whole(500), id="a", customer={"id": ann}, occurredAt=ago(world, days=0))
    world.clock.advance(days=364, hours=23, minutes=59, seconds=59.999)
    held = await tier(world, ann)
    assert (held["tier"]["name"], held["qualifyingPoints"]) == ("Silver", 500)
    world.clock.advance(milliseconds=1)
    held = await tier(world, ann)
    assert (held["tier"]["name"], held["qualifyingPoints"], held["until"]) == ("Bronze", 0, None)
    assert held["since"] == "2027-11-22T12:00:00.000Z"
    told = await batch(
        world,
        row(world, "b", 100, customer={"id": ann}),  # just before this instant it was Silver still
        row(world, "c", 100, customer={"id": ann}, occurredAt="2027-11-22T12:00:00.001Z"),
    )
    assert [payload["purchase"]["pointsEarned"] for payload in told["results"]] == [125, 100]


async def test_a_sale_of_a_till_whose_clock_is_ahead_counts_from_its_own_instant_on(world: World) -> None:
    ann = await world.customer()
    await world.sell(**whole(500), customer={"id": ann}, occurredAt="2026-11-21T12:05:00Z")
    assert (await world.points(ann))["available"] == 500
    for name, points in (("Bronze", 0), ("Silver", 500)):
        held = await tier(world, ann)
        assert (held["tier"]["name"], held["qualifyingPoints"]) == (name, points)
        world.clock.advance(minutes=5)


async def test_a_tier_falls_when_what_carried_it_comes_back(world: World) -> None:
    ann = await world.customer()
    first = await sell(world, ann, "a", 450, "2026-11-01")
    second = await sell(world, ann, "b", 100, "2026-11-02")
    third = await sell(world, ann, "c", 80, "2026-11-03")
    assert third["pointsEarned"] == 100
    assert (await tier(world, ann))["tier"]["name"] == "Silver"

    await world.give_back(second["id"], {1: "1"}, id="r-1")
    held = await tier(world, ann)  # 450 on the 1st, 550 on the 3rd
    assert (held["tier"]["name"], held["since"], held["qualifyingPoints"]) == (
        "Silver",
        "2026-11-03T12:00:00.000Z",
        550,
    )

    await world.give_back(third["id"], {1: "1"}, id="r-2")
    held = await tier(world, ann)
    assert (held["tier"]["name"], held["qualifyingPoints"], held["pointsToNext"]) == ("Bronze", 450, 50)
    assert (await sell(world, ann, "d", 10, "2026-11-04"))["pointsEarned"] == 10
    assert [points for _, points, _ in await ledger_of(world, ann)] == [450, 100, 100, -100, -100, 10]
    assert first["pointsEarned"] == 450


async def test_a_return_counts_at_its_sale_and_not_when_the_goods_came_back(world: World) -> None:
    ann = await world.customer()
    old = await sell(world, ann, "a", 600, "2025-10-01")
    await sell(world, ann, "b", 300, "2026-09-15")
    assert (await tier(world, ann))["qualifyingPoints"] == 375  # a is out of the window, b was rated at Silver
    await world.give_back(old["id"], {1: "1"})
    held = await tier(world, ann)
    assert (held["qualifyingPoints"], held["tier"]["name"]) == (375, "Bronze")


async def test_points_that_expired_still_count_for_the_tier(world: World) -> None:
    world.clock.advance(days=-800)
    ben = await world.customer()
    await world.sell(**whole(700), id="b", customer={"id": ben}, occurredAt=ago(world, days=0))
    world.clock.advance(days=800)
    late = await world.sell(**whole(100), id="c", customer={"id": ben}, occurredAt=ago(world, days=799))
    assert late["purchase"]["pointsEarned"] == 125  # Silver then, though both lots are over by now
    assert (await world.points(ben))["available"] == 0
    assert (await tier(world, ben))["tier"]["name"] == "Bronze"


async def test_a_tier_that_is_another_now_is_told_once_with_its_instant(world: World) -> None:
    ann = await world.customer()
    await sell(world, ann, "a", 100, "2026-11-01")
    purchase = await sell(world, ann, "b", 500, "2026-11-02")
    await sell(world, ann, "c", 100, "2026-11-03")
    await world.give_back(purchase["id"], {1: "1"})
    told = [(event["data"]["from"], event["data"]["to"]) for event in await world.all("outbox", {"topic": "TIER"})]
    names = {entry["id"]: entry["name"] for entry in (await world.all("loyalty_programs"))[0]["tiers"]}
    assert [(names[before], names[after]) for before, after in told] == [("Bronze", "Silver"), ("Silver", "Bronze")]


async def test_the_same_sales_one_by_one_in_a_batch_or_claimed_lead_to_the_same_tier(world: World) -> None:
    people = [await world.customer(email=f"c{n}@example.com") for n in range(3)]
    amounts = {"a": (300, 300), "b": (250, 200), "c": (40, 100)}
    for name, (amount, minutes) in amounts.items():
        await batch(world, row(world, f"1{name}", amount, minutes=minutes, customer={"id": people[0]}))
    await batch(
        world,
        *(
            row(world, f"2{name}", amount, minutes=at, customer={"id": people[1]})
            for name, (amount, at) in amounts.items()
        ),
    )
    for name, (amount, minutes) in amounts.items():
        told = await batch(world, row(world, f"3{name}", amount, minutes=minutes))
        await claim(world, told["results"][0]["purchase"]["id"], customer=people[2])
    first, *others = [await tier(world, person) for person in people]
    assert first["qualifyingPoints"] == 600  # 300, 250 and 40 at Silver
    assert first["tier"]["name"] == "Silver"
    assert others == [first, first]
