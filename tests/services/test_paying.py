"""Sales that points pay for: captured from a hold or spent directly, in the sale's own transaction, once."""

from typing import Any

import pytest

from tests.services.helpers import ago, codes, ledger_of, nothing_written
from tests.services.loyalty_helpers import (
    adjust,
    bought,
    buy,
    capture,
    held,
    hold,
    holds,
    lots,
    paid,
    problems,
    release,
    rich,
    totals,
    transactions,
)
from tests.services.program_helpers import clean, save, settle
from tests.support import POS, World

UNKNOWN = "hld_00000000000000000000000000"
EARLY = "2026-11-21T12:00:30Z"  # within a hold of a minute that is made at noon


async def test_a_sale_captures_all_of_its_hold_before_it_earns(world: World) -> None:
    ann = await rich(world, 1000)
    made = await held(world, ann, 300)
    world.clock.advance(minutes=1)
    purchase = await bought(world, paid(world, 10, off="3.00", customer=ann, holdId=made))
    assert (purchase["pointsSpent"], purchase["pointsEarned"]) == (300, 7)
    assert await totals(world, ann) == (707, 0, 0, 0)
    assert await ledger_of(world, ann) == [("ADJUST", 1000, 1000), ("SPEND", -300, 700), ("EARN", 7, 707)]
    assert await holds(world, ann) == []
    sale_source = {
        "kind": "PURCHASE",
        "nodeId": purchase["id"],
        "externalId": {"source": "till-7", "value": "s-1"},
    }
    assert [one["source"] for one in (await transactions(world, ann))[:2]] == [sale_source] * 2
    async with nothing_written(world):
        assert codes(await capture(world, made)) == ["HOLD_NOT_ACTIVE"]
    await clean(world)


async def test_points_say_how_many_of_the_hold_a_sale_captures(world: World) -> None:
    ann = await rich(world, 1000)
    made = await held(world, ann, 300)
    async with nothing_written(world):
        refused = await buy(world, paid(world, 10, customer=ann, holdId=made, points=301))
        assert problems(refused) == [("INSUFFICIENT_POINTS", ["input", "points"])]
        assert refused["purchase"] is None
    purchase = await bought(world, paid(world, 10, off="1.00", customer=ann, holdId=made, points=100))
    assert purchase["pointsSpent"] == 100
    assert await totals(world, ann) == (909, 0, 0, 0)
    assert await holds(world, ann) == []
    await clean(world)


async def test_a_till_pays_with_the_hold_of_a_customer_it_names_by_card(world: World) -> None:
    ann = await world.customer(cardNumber="4711")
    await adjust(world, ann, 100)
    made = await held(world, {"cardNumber": "4711"}, 40)
    sent = paid(world, 10, customer={"cardNumber": "4711"}, holdId=made)
    assert (await bought(world, sent, caller=POS))["pointsSpent"] == 40


@pytest.mark.parametrize("points", [0, -1])
async def test_a_sale_of_no_points_is_refused(world: World, points: int) -> None:
    ann = await rich(world, 100)
    made = await held(world, ann, 10)
    async with nothing_written(world):
        for fields in ({}, {"holdId": made}):
            refused = await buy(world, paid(world, 10, customer=ann, points=points, **fields))
            assert problems(refused) == [("INVALID", ["input", "points"])]


async def test_nobodys_points_pay_for_an_anonymous_sale(world: World) -> None:
    ann = await rich(world, 100)
    made = await held(world, ann, 10)
    async with nothing_written(world):
        for fields in ({"points": 1}, {"holdId": made}, {"rewardIds": ["rwd_00000000000000000000000000"]}):
            assert problems(await buy(world, paid(world, 10, **fields))) == [("INVALID", ["input", "customer"])]


async def test_a_sale_takes_neither_anothers_hold_nor_one_that_is_not_there(world: World) -> None:
    ann, bob = await rich(world, 100), await rich(world, 100, email="bob@example.com")
    others = await held(world, bob, 10)
    over = await held(world, bob, 10, ttl=1)
    ended = await held(world, bob, 10)
    await release(world, ended)
    world.clock.advance(seconds=2)
    async with nothing_written(world):
        for made in (others, over, ended, UNKNOWN):
            refused = await buy(world, paid(world, 10, customer=ann, holdId=made))
            assert problems(refused) == [("NOT_FOUND", ["input", "holdId"])]
    assert await totals(world, bob) == (90, 0, 10, 0)


async def test_a_sale_takes_no_hold_that_was_ended(world: World) -> None:
    ann = await rich(world, 100)
    captured, released = await held(world, ann, 10), await held(world, ann, 20)
    await capture(world, captured, 4)
    await release(world, released)
    async with nothing_written(world):
        for made in (captured, released):
            refused = await buy(world, paid(world, 10, customer=ann, holdId=made))
            assert problems(refused) == [("HOLD_NOT_ACTIVE", ["input", "holdId"])]


# ---------------------------------------------------------------- a sale that arrives after the hold's time


@pytest.mark.parametrize("worked", [False, True])
async def test_a_sale_from_within_the_hold_captures_it_until_72_hours_after(world: World, worked: bool) -> None:
    ann = await rich(world, 100)
    made = await held(world, ann, 80, ttl=60)
    world.clock.advance(hours=72, seconds=59)
    if worked:
        await settle(world)
    purchase = await bought(world, paid(world, 10, customer=ann, holdId=made, occurredAt=EARLY, points=30))
    assert (purchase["pointsSpent"], purchase["pointsEarned"]) == (30, 10)
    assert await ledger_of(world, ann) == [("ADJUST", 100, 100), ("SPEND", -30, 70), ("EARN", 10, 80)]
    node = "query($id: ID!) { node(id: $id) { ... on PointsHold { status captured } } }"
    assert (await world.data(node, {"id": made}))["node"] == {"status": "CAPTURED", "captured": 30}
    async with nothing_written(world):
        again = await buy(world, paid(world, 10, customer=ann, holdId=made, occurredAt=EARLY, id="s-2"))
        assert problems(again) == [("HOLD_NOT_ACTIVE", ["input", "holdId"])]
    assert await totals(world, ann) == (80, 0, 0, 0)
    await clean(world)


@pytest.mark.parametrize(
    ("hours", "occurred_at"),
    [
        (72.02, EARLY),  # too late by seconds
        (1, "2026-11-21T12:01:00Z"),  # the hold was over
        (1, "2026-11-21T12:59:00Z"),
    ],
)
async def test_a_sale_from_after_the_hold_or_too_late_is_refused(world: World, hours: float, occurred_at: str) -> None:
    ann = await rich(world, 100)
    made = await held(world, ann, 80, ttl=60)
    world.clock.advance(hours=hours)
    async with nothing_written(world):
        refused = await buy(world, paid(world, 10, customer=ann, holdId=made, occurredAt=occurred_at))
        assert problems(refused) == [("HOLD_EXPIRED", ["input", "holdId"])]
    assert await totals(world, ann) == (100, 0, 0, 0)


async def test_a_late_sale_gets_no_points_that_were_spent_meanwhile(world: World) -> None:
    await save(world, overdraftPoints=1000)
    ann = await rich(world, 100)
    made = await held(world, ann, 80, ttl=60)
    world.clock.advance(hours=1)
    await adjust(world, ann, -21)
    async with nothing_written(world):
        for fields in ({}, {"points": 80}):
            refused = await buy(world, paid(world, 10, customer=ann, holdId=made, occurredAt=EARLY, **fields))
            assert problems(refused) == [("HOLD_EXPIRED", ["input", "holdId"])]
        more = await buy(world, paid(world, 10, customer=ann, holdId=made, occurredAt=EARLY, points=81))
        assert problems(more) == [("INSUFFICIENT_POINTS", ["input", "points"])]
    fewer = await bought(world, paid(world, 10, customer=ann, holdId=made, occurredAt=EARLY, points=79))
    assert fewer["pointsSpent"] == 79
    assert await totals(world, ann) == (10, 0, 0, 0)
    await clean(world)


async def test_a_late_sale_takes_available_points_the_soonest_to_end_first(world: World) -> None:
    ann = await world.customer()
    await bought(world, paid(world, 50, customer=ann, id="old", occurredAt=ago(world, days=600)))
    made = await held(world, ann, 50, ttl=60)
    await bought(world, paid(world, 40, customer=ann, id="older", occurredAt=ago(world, days=700)))
    world.clock.advance(hours=1)
    await bought(world, paid(world, 1, customer=ann, id="s-1", holdId=made, occurredAt=EARLY))
    left = {lot["earnedAt"][:7]: lot["remaining"] for lot in await lots(world, ann)}
    assert left == {"2025-03": 40, "2026-11": 1}  # 40 of the one in December 2024, 10 of this
    await clean(world)


# ---------------------------------------------------------------- points spent directly


async def test_a_sale_spends_points_directly_before_it_earns(world: World) -> None:
    ann = await rich(world, 100)
    purchase = await bought(world, paid(world, 10, off="1.00", customer=ann, points=100))
    assert (purchase["pointsSpent"], purchase["pointsEarned"]) == (100, 9)
    assert await ledger_of(world, ann) == [("ADJUST", 100, 100), ("SPEND", -100, 0), ("EARN", 9, 9)]
    await clean(world)


async def test_what_a_sale_earns_does_not_pay_for_it(world: World) -> None:
    ann = await rich(world, 99)
    async with nothing_written(world):
        refused = await buy(world, paid(world, 1000, customer=ann, points=100))
        assert problems(refused) == [("INSUFFICIENT_POINTS", ["input", "points"])]
        assert refused["purchase"] is None
    assert (await bought(world, paid(world, 1000, customer=ann)))["pointsSpent"] == 0  # its id is still free


async def test_held_points_do_not_pay_directly(world: World) -> None:
    ann = await rich(world, 100)
    await held(world, ann, 60)
    async with nothing_written(world):
        assert codes(await buy(world, paid(world, 10, customer=ann, points=41))) == ["INSUFFICIENT_POINTS"]
    await bought(world, paid(world, 10, customer=ann, points=40))
    assert await totals(world, ann) == (10, 0, 60, 0)


async def test_points_that_ended_do_not_pay_whether_the_worker_ran_or_not(world: World) -> None:
    ann = await world.customer()
    await bought(world, paid(world, 10, customer=ann, occurredAt="2024-11-21T13:00:00Z"))
    world.clock.advance(hours=1)
    async with nothing_written(world):
        assert codes(await buy(world, paid(world, 10, customer=ann, points=1, id="s-2"))) == ["INSUFFICIENT_POINTS"]


async def test_the_overdraft_bounds_the_debt_there_is_after_the_sale(world: World) -> None:
    await save(world, overdraftPoints=50)
    ann = await rich(world, 20)
    async with nothing_written(world):
        refused = await buy(world, paid(world, 10, customer=ann, points=71))
        assert problems(refused) == [("INSUFFICIENT_POINTS", ["input", "points"])]
    free: dict[str, Any] = {"total": "0.00", "discountTotal": "10.00", "customer": ann}
    await bought(world, paid(world, 10, points=40, id="s-1", **free))
    assert await totals(world, ann) == (0, 0, 0, 20)
    async with nothing_written(world):
        assert codes(await buy(world, paid(world, 10, points=31, id="s-2", **free))) == ["INSUFFICIENT_POINTS"]
    await bought(world, paid(world, 10, points=30, id="s-2", **free))
    assert await totals(world, ann) == (0, 0, 0, 50)
    async with nothing_written(world):
        assert codes(await buy(world, paid(world, 10, points=1, id="s-3", **free))) == ["INSUFFICIENT_POINTS"]
        assert codes(await hold(world, ann, 1)) == ["INSUFFICIENT_POINTS"]
        assert codes(await adjust(world, ann, -1)) == ["INSUFFICIENT_POINTS"]
    await bought(world, paid(world, 60, customer=ann, id="s-4"))
    assert await totals(world, ann) == (10, 0, 0, 0)
    assert [entry[1:] for entry in await ledger_of(world, ann)] == [(20, 20), (-40, -20), (-30, -50), (60, 10)]
    await clean(world)


async def test_a_sale_by_overdraft_earns_only_what_its_debt_leaves(world: World) -> None:
    await save(world, overdraftPoints=50)
    ann = await rich(world, 5)
    purchase = await bought(world, paid(world, 100, customer=ann, points=55))
    assert (purchase["pointsSpent"], purchase["pointsEarned"]) == (55, 100)
    assert await ledger_of(world, ann) == [("ADJUST", 5, 5), ("SPEND", -55, -50), ("EARN", 100, 50)]
    assert await totals(world, ann) == (50, 0, 0, 0)
    await clean(world)


async def test_the_overdraft_is_that_of_the_programme_at_the_sale(world: World) -> None:
    before = world.clock().isoformat()
    world.clock.advance(minutes=10)
    await save(world, overdraftPoints=50)
    ann = await world.customer()
    async with nothing_written(world):
        early = await buy(world, paid(world, 10, customer=ann, points=10, occurredAt=before))
        assert codes(early) == ["INSUFFICIENT_POINTS"]
    await bought(world, paid(world, 10, customer=ann, points=10))
