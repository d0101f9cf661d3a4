"""Events that a customer's own device tells, and those that the shop tells: whose word counts for what."""

from datetime import timedelta
from typing import Any

import pytest

from crm.callers import Caller
from tests.services.program_helpers import balance, buy, clean, event, flat, save, track
from tests.support import ADMIN, POS, STAFF, World, customer_caller

DAYS = 365
DAILY = {"event": "CUSTOM_EVENT", "eventName": "quiz", "capPoints": 10, "capPeriod": "DAY"}
DELIVERED = {"kind": "UNTIL_EVENT", "event": "delivered"}


async def backdated(world: World) -> list[dict[str, Any]]:
    """Put a rule capped by the day into force, let a year pass, and return an event of each of its days."""
    await save(world, earningRules=[flat(10, **DAILY)])
    world.clock.advance(days=DAYS)
    days = [(world.clock() - timedelta(days=number)).isoformat() for number in range(DAYS)]
    return [event(f"e-{number}", occurredAt=day) for number, day in enumerate(days)]


async def test_a_customer_who_dates_events_back_earns_within_the_cap_of_today(world: World) -> None:
    events = await backdated(world)
    ann = await world.customer()
    assert (await track(world, None, *events, caller=customer_caller(ann)))["userErrors"] == []
    assert await balance(world, ann) == (10, 0, 0)
    await clean(world)


@pytest.mark.parametrize("caller", [STAFF, POS], ids=["staff", "pos"])
async def test_the_shops_events_earn_in_the_periods_in_which_they_happened(world: World, caller: Caller) -> None:
    events = await backdated(world)
    ann = await world.customer()
    assert (await track(world, ann, *events, caller=caller))["userErrors"] == []
    again = [{**one, "externalId": {"source": "app", "value": f"again-{n}"}} for n, one in enumerate(events)]
    assert (await track(world, ann, *again, caller=caller))["userErrors"] == []  # every day's cap is reached
    assert await balance(world, ann) == (10 * DAYS, 0, 0)
    await clean(world)


async def test_a_customers_event_id_does_not_stand_in_the_way_of_the_shops_for_anybody(world: World) -> None:
    await save(world, pending=DELIVERED)
    ann, eve = await world.customer(), await world.customer(email="eve@example.com")
    await buy(world, ann, "a", 100)
    told = event("order-1", "delivered")
    assert (await track(world, None, told, caller=customer_caller(eve)))["userErrors"] == []
    other = {**told, "properties": {"by": "ann"}}
    assert (await track(world, None, other, caller=customer_caller(ann)))["userErrors"] == []
    assert await balance(world, ann) == (0, 100, 0)

    payload = await track(world, ann, told, caller=ADMIN)
    assert (payload["userErrors"], payload["replayed"]) == ([], False)
    assert await balance(world, ann) == (100, 0, 0)
    assert (await track(world, ann, told, caller=ADMIN))["replayed"] is True
    elsewhere = await track(world, eve, told, caller=ADMIN)
    assert [error["code"] for error in elsewhere["userErrors"]] == ["CONFLICT"]  # among the shop's an id names one
    await clean(world)


@pytest.mark.parametrize("caller", [STAFF, POS, ADMIN], ids=["staff", "pos", "admin"])
async def test_the_shops_event_frees_points_though_the_customer_told_the_same_before(
    world: World, caller: Caller
) -> None:
    await save(world, pending=DELIVERED)
    ann = await world.customer()
    await buy(world, ann, "a", 100)
    told = event("order-2", "delivered")
    for _ in range(2):
        assert (await track(world, None, told, caller=customer_caller(ann)))["userErrors"] == []
    assert await balance(world, ann) == (0, 100, 0)

    payload = await track(world, ann, told, caller=caller)
    assert (payload["userErrors"], payload["replayed"]) == ([], False)
    assert await balance(world, ann) == (100, 0, 0)
    await clean(world)


async def test_a_customers_word_before_the_sale_does_not_free_its_points(world: World) -> None:
    await save(world, pending=DELIVERED)
    ann = await world.customer()
    ahead = event("e-1", "delivered", occurredAt=(world.clock() + timedelta(minutes=1)).isoformat())
    assert (await track(world, None, ahead, caller=customer_caller(ann)))["userErrors"] == []
    await buy(world, ann, "a", 100)
    assert await balance(world, ann) == (0, 100, 0)
    await clean(world)
