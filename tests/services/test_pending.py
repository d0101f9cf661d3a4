"""Points that are earned and not spendable yet: after days, or once an event has happened."""

from typing import Any

import pytest

from services import upkeep
from tests.services.helpers import instant, ledger_of
from tests.services.program_helpers import (
    adjust,
    at,
    balance,
    buy,
    clean,
    event,
    flat,
    loyalty,
    posted,
    rule,
    save,
    say,
    settle,
    track,
)
from tests.support import POS, World, customer_caller, whole

DAYS = {"kind": "DAYS", "days": 14}
PAID = {"kind": "UNTIL_EVENT", "event": "paid"}


async def test_without_a_policy_points_can_be_spent_at_once(world: World) -> None:
    ann = await world.customer()
    await save(world, pending={"kind": "NONE"})
    await buy(world, ann, "a", 100)
    assert await balance(world, ann) == (100, 0, 0)
    await clean(world)


@pytest.mark.parametrize("worker", [False, True])
async def test_after_their_days_points_are_spendable_by_the_clock_alone(world: World, worker: bool) -> None:
    ann = await world.customer()
    await save(world, pending=DAYS, earningRules=[rule(), flat(7)])
    sold = await buy(world, ann, "a", 100)

    told = await loyalty(world, ann)
    assert (told["balance"]["available"], told["balance"]["pending"], told["balance"]["lifetimeEarned"]) == (
        0,
        107,
        107,
    )
    assert {lot["activeAt"] for lot in told["lots"]} == {"2026-12-05T12:00:00.000Z"}
    assert [entry["points"] for entry in told["transactions"]["nodes"]] == [7, 100]
    refused = await world.sell(**whole(1, id="x", customer={"id": ann}, points=1))
    assert [error["code"] for error in refused["userErrors"]] == ["INSUFFICIENT_POINTS"]

    at(world, "2026-12-05T11:59:59.999+00:00")
    assert await settle(world) == 0
    assert await balance(world, ann) == (0, 107, 0)
    at(world, "2026-12-05T12:00:00+00:00")
    before = await loyalty(world, ann)
    if worker:
        assert await settle(world) == 1
        assert await settle(world) == 0
    assert await loyalty(world, ann) == before
    assert await balance(world, ann) == (107, 0, 0)
    assert await posted(world, ann) == [("EARN", 100, None), ("BONUS", 7, "Extra")]  # an activation is no entry
    assert sold["pointsEarned"] == 107
    await clean(world)


async def test_a_late_sale_counts_its_days_from_when_it_happened(world: World) -> None:
    ann = await world.customer()
    await save(world, pending=DAYS)
    at(world, "2026-12-05T12:00:00+00:00")
    await buy(world, ann, "a", 100, occurredAt="2026-11-21T12:00:00Z")
    await buy(world, ann, "b", 10, occurredAt="2026-11-21T12:00:00.001Z")
    assert await balance(world, ann) == (100, 10, 0)
    world.clock.advance(milliseconds=1)
    assert await balance(world, ann) == (110, 0, 0)
    await clean(world)


async def test_a_return_takes_what_is_pending_of_its_sale_and_leaves_the_rest(world: World) -> None:
    ann = await world.customer()
    await save(world, pending=DAYS)
    await adjust(world, ann, 50)
    first = await buy(world, ann, "a", 100)
    await buy(world, ann, "b", 30)
    await world.give_back(first["id"], {1: "1"})
    assert await balance(world, ann) == (50, 30, 0)
    assert await posted(world, ann) == [
        ("ADJUST", 50, "By hand"),
        ("EARN", 100, None),
        ("EARN", 30, None),
        ("RETURN_EARNED", -100, None),
    ]
    world.clock.advance(days=14)
    assert await balance(world, ann) == (80, 0, 0)
    assert await settle(world) == 1
    assert await balance(world, ann) == (80, 0, 0)
    await clean(world)


async def test_pending_points_of_other_sales_pay_no_return_but_their_activation_pays_the_debt(world: World) -> None:
    ann = await world.customer()
    spent = await buy(world, ann, "a", 100)
    await world.sell(**whole(1, id="pay", customer={"id": ann}, points=100))
    world.clock.advance(days=1)
    await save(world, pending=DAYS)
    await buy(world, ann, "b", 70)
    await world.give_back(spent["id"], {1: "1"})
    assert await balance(world, ann) == (0, 70, 99)  # 1 that the paying sale had earned
    world.clock.advance(days=14)
    assert await balance(world, ann) == (0, 0, 29)
    assert await settle(world) == 1
    assert (await posted(world, ann))[-1] == ("ADJUST", 0, "Debt paid")
    assert await balance(world, ann) == (0, 0, 29)
    await clean(world)


async def test_debt_that_is_there_already_is_paid_by_what_is_earned_even_if_the_rest_is_pending(world: World) -> None:
    ann = await world.customer()
    spent = await buy(world, ann, "a", 100)
    await world.sell(**whole(0, id="pay", customer={"id": ann}, points=100))
    await world.give_back(spent["id"], {1: "1"})
    assert await balance(world, ann) == (0, 0, 100)
    world.clock.advance(days=1)
    await save(world, pending=DAYS)
    await buy(world, ann, "b", 130)
    assert await balance(world, ann) == (0, 30, 0)
    await clean(world)


@pytest.mark.parametrize(
    ("happened", "properties", "free"),
    [
        ("2026-11-21T12:00:00Z", {}, True),  # at the instant of the sale
        ("2026-11-22T12:00:00Z", {"order": 7}, True),
        ("2026-11-21T11:59:59.999Z", {}, False),
        ("2026-11-22T12:00:00Z", {"purchaseId": "pur_01J00000000000000000000000"}, False),
    ],
)
async def test_points_wait_for_an_event_that_happens_at_their_sale_or_later(
    world: World, happened: str, properties: dict[str, Any], free: bool
) -> None:
    ann = await world.customer()
    await save(world, pending=PAID, earningRules=[rule(), flat(7)])
    await buy(world, ann, "a", 100)
    assert {lot["activeAt"] for lot in (await loyalty(world, ann))["lots"]} == {"9999-12-31T23:59:59.999Z"}
    world.clock.advance(days=1)
    other = await track(world, ann, event("e-0", "shipped", occurredAt=happened))
    assert other["account"]["balance"] == {"available": 0, "pending": 107}

    told = await track(world, ann, event("e-1", "paid", occurredAt=happened, properties=properties))

    assert told["account"]["balance"] == (
        {"available": 107, "pending": 0} if free else {"available": 0, "pending": 107}
    )
    assert await ledger_of(world, ann) == [("EARN", 100, 100), ("BONUS", 7, 107)]
    if free:
        assert {lot["activeAt"] for lot in (await loyalty(world, ann))["lots"]} == {"2026-11-22T12:00:00.000Z"}
    await clean(world)


async def test_an_event_that_names_a_purchase_frees_its_points_alone(world: World) -> None:
    ann = await world.customer()
    await save(world, pending=PAID)
    first, second = await buy(world, ann, "a", 100), await buy(world, ann, "b", 10)
    await track(world, ann, event("e-1", "paid", properties={"purchaseId": second["id"]}))
    assert await balance(world, ann) == (10, 100, 0)
    await track(world, ann, event("e-2", "paid", properties={"purchaseId": first["id"]}))
    assert await balance(world, ann) == (110, 0, 0)
    await clean(world)


@pytest.mark.parametrize(
    ("occurred", "properties", "free"),
    [
        ("2026-11-21T12:00:00Z", {}, True),
        ("2026-11-21T12:00:00.001Z", {}, False),
        ("2026-11-21T10:00:00Z", {"purchaseId": "pur_01J00000000000000000000000"}, False),
    ],
)
async def test_a_late_sale_finds_the_event_that_is_known_already(
    world: World, occurred: str, properties: dict[str, Any], free: bool
) -> None:
    ann = await world.customer()
    world.clock.advance(hours=-3)
    await save(world, pending=PAID)
    world.clock.advance(hours=4)
    await track(world, ann, event("e-1", "paid", properties=properties))
    await buy(world, ann, "a", 100, occurredAt=occurred)
    assert await balance(world, ann) == ((100, 0, 0) if free else (0, 100, 0))
    await clean(world)


async def test_a_customers_own_device_frees_nothing_and_a_till_does(world: World) -> None:
    ann = await world.customer()
    await save(world, pending=PAID)
    await buy(world, ann, "a", 100)
    told = await track(world, None, event("e-1", "paid"), caller=customer_caller(ann))
    assert told["userErrors"] == []
    assert await balance(world, ann) == (0, 100, 0)
    await buy(world, ann, "b", 10)  # nor is it an event that a later sale finds
    assert await balance(world, ann) == (0, 110, 0)
    await track(world, ann, event("e-2", "paid"), caller=POS)
    assert await balance(world, ann) == (110, 0, 0)
    await clean(world)


async def test_an_event_frees_nothing_that_waits_for_days_or_another_event(world: World) -> None:
    ann = await world.customer()
    await save(world, pending=DAYS)
    await buy(world, ann, "a", 100)
    world.clock.advance(hours=1)
    await save(world, pending={"kind": "UNTIL_EVENT", "event": "shipped"})
    await buy(world, ann, "b", 20)
    world.clock.advance(hours=1)
    await save(world, pending=PAID)
    await buy(world, ann, "c", 3)
    await track(world, ann, event("e-1", "paid", occurredAt="2026-11-21T14:00:00Z"))
    assert await balance(world, ann) == (3, 120, 0)
    await clean(world)


async def test_points_of_feedback_events_and_staff_are_spendable_at_once(world: World) -> None:
    ann = await world.customer()
    cap = {"capPoints": 100, "capPeriod": "DAY"}
    await save(
        world,
        pending=PAID,
        earningRules=[flat(5, event="FEEDBACK", **cap), flat(9, event="CUSTOM_EVENT", eventName="quiz", **cap)],
    )
    await say(world, ann)
    await track(world, ann, event("e-1"))
    await adjust(world, ann, 20)
    assert await balance(world, ann) == (34, 0, 0)
    await clean(world)


async def test_points_that_end_before_they_are_spendable_are_never_spendable(world: World) -> None:
    ann = await world.customer()
    await save(world, pending={"kind": "DAYS", "days": 45}, expiry={"kind": "ROLLING", "months": 1})
    await buy(world, ann, "a", 100)
    assert (await loyalty(world, ann))["balance"]["nextExpiry"] == {"points": 100, "at": "2026-12-21T12:00:00.000Z"}
    world.clock.advance(days=30)
    assert await balance(world, ann) == (0, 0, 0)
    world.clock.advance(days=30)
    assert await balance(world, ann) == (0, 0, 0)
    assert await settle(world) == 1
    (_, gone) = sorted(await world.all("points_transactions"), key=lambda entry: entry["sequence"])
    assert (gone["type"], gone["points"], gone["at"]) == ("EXPIRE", -100, instant("2026-12-21T12:00:00"))
    await clean(world)


async def test_what_fell_due_twice_is_played_in_its_order(world: World) -> None:
    ann = await world.customer()
    await save(world, pending={"kind": "DAYS", "days": 10}, expiry={"kind": "ROLLING", "months": 1})
    await buy(world, ann, "a", 100)
    world.clock.advance(days=5)
    await buy(world, ann, "b", 20)
    world.clock.advance(days=25)  # both active by now, a is over
    before = await loyalty(world, ann)
    assert before["balance"]["nextExpiry"] == {"points": 20, "at": "2026-12-26T12:00:00.000Z"}
    assert await upkeep.settle_due(world.call()) == 1
    after = await loyalty(world, ann)
    assert {**after, "transactions": None} == {**before, "transactions": None}
    assert await balance(world, ann) == (20, 0, 0)
    assert [points for _, points, _ in await posted(world, ann)] == [100, 20, -100]
    await clean(world)


async def test_an_event_that_names_its_purchase_frees_it_though_the_tills_clock_was_ahead(world: World) -> None:
    ann = await world.customer()
    await save(world, pending=PAID)
    sold = await buy(world, ann, "a", 100, occurredAt="2026-11-21T12:04:00Z")
    await track(world, ann, event("e-1", "paid", properties={"purchaseId": sold["id"]}))  # at 12:00
    assert await balance(world, ann) == (100, 0, 0)
    await clean(world)
