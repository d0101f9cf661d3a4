"""What the rules of a programme give a sale: rates and flat points, their filters, and the first purchase."""

import asyncio
from typing import Any

import pytest

from tests.services.helpers import cancel, line
from tests.services.program_helpers import adjust, buy, clean, earned, flat, loyalty, posted, rule, save, settle
from tests.support import World

TEA_AND_MUG = {
    "lines": [line(1, "1", "20.00", category="tea", sku="TEA"), line(2, "1", "10.00", sku="MUG")],
    "total": "30.00",
}


async def test_points_per_unit_are_exact_and_one_floor_comes_last(world: World) -> None:
    ann = await world.customer()
    await save(world, earningRules=[rule(pointsPerUnit="0.333333"), rule(name="Half", pointsPerUnit="0.5")])
    # 10.90 x 0.833333 = 9.08…; two floors would give 3 + 5 = 8
    assert await earned(world, ann, "a", 10, lines=[line(1, "2", "5.45")], total="10.90") == 9
    assert await posted(world, ann) == [("EARN", 9, None)]
    await clean(world)


async def test_all_rules_that_match_add_up_and_the_tier_multiplies_rates_alone(world: World) -> None:
    ann = await world.customer()
    await buy(world, ann, "a", 500)  # Silver, x1.25
    await save(
        world,
        earningRules=[
            rule(),
            rule(name="Tea", categories=["tea"]),
            rule(name="Mugs", pointsPerUnit="0.5", skus=["MUG"]),
            rule(name="Nothing here", pointsPerUnit="9", categories=["tea"], skus=["MUG"]),
            flat(10, name="Visit"),
            flat(3, name="Tea drinkers", categories=["tea"]),
            flat(99, name="Coffee drinkers", categories=["coffee"]),
        ],
    )
    world.clock.advance(minutes=1)

    sold = await buy(world, ann, "b", 30, **TEA_AND_MUG)

    # tea 20.00 x (1 + 1) x 1.25 = 50, mug 10.00 x (1 + 0.5) x 1.25 = 18.75; 68.75 floors to 68; 10 + 3 flat
    assert sold["pointsEarned"] == 81
    assert (await posted(world, ann))[1:] == [("EARN", 68, None), ("BONUS", 10, "Visit"), ("BONUS", 3, "Tea drinkers")]
    told = await loyalty(world, ann)
    assert (told["balance"]["available"], told["balance"]["lifetimeEarned"]) == (581, 581)
    assert told["tier"]["qualifyingPoints"] == 568  # bonuses do not count
    assert {node["source"]["nodeId"] for node in told["transactions"]["nodes"][:3]} == {sold["id"]}
    await clean(world)


async def test_returns_take_rates_back_by_line_and_flat_points_by_share(world: World) -> None:
    ann = await world.customer()
    await save(world, earningRules=[rule(), rule(name="Tea", categories=["tea"]), flat(10, name="Visit")])
    sold = await buy(world, ann, "a", 30, **TEA_AND_MUG)
    assert sold["pointsEarned"] == 60  # 40 + 10, and 10 flat

    mug = await world.give_back(sold["id"], {2: "1"}, id="r-1")
    # 10 of the mug; of the flat 10 floor(10 x 10.00 / 30.00) = 3
    assert mug["purchaseReturn"]["pointsTakenBack"] == 13
    tea = await world.give_back(sold["id"], {1: "1"}, id="r-2")
    assert tea["purchaseReturn"]["pointsTakenBack"] == 47
    assert (await world.points(ann))["available"] == 0
    await clean(world)


@pytest.mark.parametrize(
    ("filters", "matching", "other"),
    [
        ({"channels": ["WEB", "MOBILE"]}, {"channel": "WEB"}, {"channel": "POS"}),
        ({"storeCodes": ["v-1"]}, {"storeCode": "v-1"}, {"storeCode": "v-2"}),
        ({"storeCodes": ["v-1"]}, {"storeCode": "v-1"}, {}),
        (
            {"startsAt": "2026-11-21T10:00:00Z"},
            {"occurredAt": "2026-11-21T10:00:00Z"},
            {"occurredAt": "2026-11-21T09:59:59.999Z"},
        ),
        (
            {"endsAt": "2026-11-21T10:00:00Z"},
            {"occurredAt": "2026-11-21T09:59:59.999Z"},
            {"occurredAt": "2026-11-21T10:00:00Z"},
        ),
        ({"tiers": ["bronze"]}, {"occurredAt": "2026-11-21T08:00:00Z"}, {"occurredAt": "2026-11-21T11:00:00Z"}),
        ({"tiers": ["Silver", "Gold"]}, {"occurredAt": "2026-11-21T11:00:00Z"}, {"occurredAt": "2026-11-21T08:00:00Z"}),
    ],
)
async def test_every_filter_lets_its_own_through_and_nothing_else(
    world: World, filters: dict[str, Any], matching: dict[str, Any], other: dict[str, Any]
) -> None:
    ann = await world.customer()
    world.clock.advance(hours=-5)
    await save(world, earningRules=[flat(7, **filters), rule(name="Rate", **filters)])
    await save(world, earningRules=[rule()], validFrom="2026-11-21T08:30:00Z")
    await save(world, earningRules=[flat(7, **filters), rule(name="Rate", **filters)], validFrom="2026-11-21T08:40:00Z")
    world.clock.advance(hours=5)
    await buy(world, ann, "silver", 500, occurredAt="2026-11-21T08:35:00Z")
    at = {"occurredAt": "2026-11-21T11:30:00Z"}
    multiplied = 10 if matching.get("occurredAt", "") == "2026-11-21T08:00:00Z" else 12  # floor(12.5) at Silver
    assert await earned(world, ann, "a", 10, **at | matching) == 7 + multiplied
    assert await earned(world, ann, "b", 10, **at | other) == 0
    await clean(world)


async def test_a_rule_that_is_not_active_gives_nothing(world: World) -> None:
    ann = await world.customer()
    await save(world, earningRules=[rule(active=False), flat(7, active=False)])
    assert await earned(world, ann, "a", 10) == 0
    assert await posted(world, ann) == []
    await clean(world)


async def test_tax_earns_nothing_and_anonymous_sales_neither(world: World) -> None:
    ann = await world.customer()
    await save(world, earningRules=[rule(), flat(7)])
    assert await earned(world, ann, "a", 10, total="12.00", taxTotal="2.00") == 17
    assert (await world.sell(id="b", occurredAt=world.clock().isoformat()))["purchase"]["pointsEarned"] == 0
    assert await world.all("points_lots", {"owner": {"$ne": ann}}) == []
    await clean(world)


async def test_the_first_purchase_is_rewarded_once_by_rate_and_flat(world: World) -> None:
    ann = await world.customer()
    await adjust(world, ann, 5)  # is no purchase
    await save(
        world,
        earningRules=[
            rule(),
            rule(name="First rate", event="FIRST_PURCHASE", pointsPerUnit="2"),
            flat(100, name="Welcome", event="FIRST_PURCHASE"),
        ],
    )
    assert await earned(world, ann, "a", 10) == 130
    assert await earned(world, ann, "b", 10) == 10
    assert await posted(world, ann) == [
        ("ADJUST", 5, "By hand"),
        ("EARN", 30, None),
        ("BONUS", 100, "Welcome"),
        ("EARN", 10, None),
    ]
    await clean(world)


async def test_after_the_first_purchase_is_cancelled_the_next_is_the_first_again(world: World) -> None:
    ann = await world.customer()
    await save(world, earningRules=[rule(), flat(100, name="Welcome", event="FIRST_PURCHASE")])
    first = await buy(world, ann, "a", 10)
    assert first["pointsEarned"] == 110
    await cancel(world, first["id"])
    assert (await world.points(ann))["available"] == 0
    assert await earned(world, ann, "b", 20) == 120
    assert await earned(world, ann, "c", 20) == 20
    await clean(world)


async def test_a_first_purchase_that_came_back_was_one_all_the_same(world: World) -> None:
    ann = await world.customer()
    await save(world, earningRules=[rule(), flat(100, name="Welcome", event="FIRST_PURCHASE")])
    first = await buy(world, ann, "a", 10)
    await world.give_back(first["id"], {1: "1"})
    assert (await world.points(ann))["available"] == 0
    assert await earned(world, ann, "b", 20) == 20
    await clean(world)


async def test_a_first_purchase_at_two_tills_at_once_is_rewarded_once(world: World) -> None:
    ann = await world.customer()
    await save(world, earningRules=[flat(100, name="Welcome", event="FIRST_PURCHASE")])
    told = await asyncio.gather(*(earned(world, ann, f"s-{n}", 10) for n in range(6)))
    assert sorted(told) == [0, 0, 0, 0, 0, 100]
    await clean(world)


async def test_bonuses_end_like_everything_a_sale_earns(world: World) -> None:
    ann = await world.customer()
    await save(world, earningRules=[rule(), flat(7)], expiry={"kind": "ROLLING", "months": 1})
    await buy(world, ann, "a", 10)
    world.clock.advance(days=30)
    assert (await world.points(ann))["available"] == 0  # 21 December, noon
    assert await settle(world) == 1
    assert sorted(points for _, points, _ in await posted(world, ann)) == [-10, -7, 7, 10]
    await clean(world)
