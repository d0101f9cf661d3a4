"""What a hold takes and sets free: lots that end, debt, and points that are not spendable yet."""

from typing import Any

import pytest

from tests.services.helpers import ago, codes, ledger_of, nothing_written, row
from tests.services.loyalty_helpers import (
    TIME_OUT,
    adjust,
    bought,
    capture,
    event,
    held,
    hold,
    lots,
    paid,
    release,
    told,
    totals,
    track,
    transactions,
)
from tests.services.program_helpers import clean, save, settle
from tests.support import World


async def test_a_hold_takes_the_soonest_to_end_and_a_capture_too(world: World) -> None:
    ann = await world.customer()
    for days in (10, 700):
        await bought(world, paid(world, 10, customer=ann, id=f"s-{days}", occurredAt=ago(world, days=days)))
    made = await held(world, ann, 15)
    await capture(world, made, 12)
    left = {lot["earnedAt"][:10]: lot["remaining"] for lot in await lots(world, ann)}
    assert left == {"2026-11-11": 8}  # 10 of the older and 2 of the newer
    await clean(world)


@pytest.mark.parametrize("worked", TIME_OUT)
@pytest.mark.parametrize("end", [release, capture, None])
async def test_held_points_outlive_their_end_until_the_hold_is_over(world: World, worked: bool, end: Any) -> None:
    ann = await world.customer()
    await bought(world, paid(world, 10, customer=ann, occurredAt="2024-11-21T13:00:00Z"))  # ends in an hour
    made = await held(world, ann, 6, ttl=7200)
    world.clock.advance(hours=1)
    assert await settle(world) == 1 if worked else True
    assert await totals(world, ann) == (0, 0, 6, 0)
    if end is capture:
        assert told(await capture(world, made, 2)) == (6, 2, "CAPTURED")
    elif end is release:
        assert told(await release(world, made)) == (6, 0, "RELEASED")
    world.clock.advance(hours=1)
    assert await totals(world, ann) == (0, 0, 0, 0)
    await settle(world)
    spent = [("SPEND", -2, 4), ("EXPIRE", -4, 0)] if end is capture else [("EXPIRE", -6, 0)]
    assert await ledger_of(world, ann) == [("EARN", 10, 10), ("EXPIRE", -4, 6), *spent]
    expired = next(one for one in await transactions(world, ann) if one["type"] == "EXPIRE")
    assert expired["at"] == ("2026-11-21T13:00:00.000Z" if end else "2026-11-21T14:00:00.000Z")
    assert await totals(world, ann) == (0, 0, 0, 0)
    await clean(world)


@pytest.mark.parametrize("timed_out", [True, False])
async def test_points_that_a_hold_sets_free_pay_the_debt_first(world: World, timed_out: bool) -> None:
    ann = await world.customer()
    purchase = (await bought(world, paid(world, 100, customer=ann)))["id"]
    made = await held(world, ann, 100)
    back = await world.give_back(purchase, {1: "1"})
    assert back["purchaseReturn"]["pointsTakenBack"] == 100
    assert await totals(world, ann) == (0, 0, 100, 100)
    assert await ledger_of(world, ann) == [("EARN", 100, 100), ("RETURN_EARNED", -100, 0)]
    if timed_out:
        world.clock.advance(minutes=15)
    else:
        assert told(await release(world, made)) == (100, 0, "RELEASED")
    assert await totals(world, ann) == (0, 0, 0, 0)
    await settle(world)
    assert (await ledger_of(world, ann))[2:] == [("ADJUST", 0, 0)]
    assert await lots(world, ann) == []
    async with nothing_written(world):
        assert codes(await hold(world, ann, 1)) == ["INSUFFICIENT_POINTS"]
    await clean(world)


async def test_a_captured_hold_leaves_the_debt_that_its_rest_does_not_pay(world: World) -> None:
    ann = await world.customer()
    purchase = (await bought(world, paid(world, 100, customer=ann)))["id"]
    made = await held(world, ann, 100)
    await world.give_back(purchase, {1: "1"})
    assert told(await capture(world, made, 70)) == (100, 70, "CAPTURED")
    assert await totals(world, ann) == (0, 0, 0, 70)
    await adjust(world, ann, 100)
    assert await totals(world, ann) == (30, 0, 0, 0)
    await clean(world)


async def test_points_that_are_not_spendable_yet_are_not_held(world: World) -> None:
    await save(world, pending={"kind": "UNTIL_EVENT", "event": "delivered"})
    ann = await world.customer()
    await bought(world, row(world, "s-1", 100, customer={"id": ann}))
    assert await totals(world, ann) == (0, 100, 0, 0)
    async with nothing_written(world):
        assert codes(await hold(world, ann, 1)) == ["INSUFFICIENT_POINTS"]
    world.clock.advance(seconds=1)
    await track(world, ann, event(world, "delivered"))
    assert told(await hold(world, ann, 100)) == (100, 0, "ACTIVE")
    await clean(world)
