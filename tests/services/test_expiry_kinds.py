"""When points end, for every kind of expiry, on the calendar of Vienna."""

from typing import Any

import pytest

from tests.services.helpers import instant
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
from tests.support import World, whole

SLIDING = {"kind": "SLIDING", "months": 3}


@pytest.mark.parametrize(
    ("kind", "months", "occurred", "end"),
    [
        ("ROLLING", 1, "2026-10-31T11:00:00Z", "2026-11-30T11:00:00.000Z"),  # no 31 November
        ("ROLLING", 1, "2026-10-10T10:00:00Z", "2026-11-10T11:00:00.000Z"),  # noon in Vienna, summer and winter
        ("ROLLING", 24, "2026-11-21T11:00:00Z", "2028-11-21T11:00:00.000Z"),
        ("END_OF_MONTH", None, "2026-11-21T11:00:00Z", "2026-11-30T23:00:00.000Z"),
        ("END_OF_MONTH", 0, "2026-10-31T22:59:59.999Z", "2026-10-31T23:00:00.000Z"),
        ("END_OF_MONTH", 0, "2026-10-31T23:00:00Z", "2026-11-30T23:00:00.000Z"),
        ("END_OF_MONTH", 2, "2026-11-21T11:00:00Z", "2027-01-31T23:00:00.000Z"),
        ("END_OF_QUARTER", None, "2026-11-21T11:00:00Z", "2026-12-31T23:00:00.000Z"),
        ("END_OF_QUARTER", 2, "2026-11-21T11:00:00Z", "2027-03-31T22:00:00.000Z"),  # summer time by then
        ("END_OF_QUARTER", 1, "2026-11-21T11:00:00Z", "2026-12-31T23:00:00.000Z"),
        ("END_OF_YEAR", None, "2026-11-21T11:00:00Z", "2026-12-31T23:00:00.000Z"),
        ("END_OF_YEAR", 12, "2026-11-21T11:00:00Z", "2027-12-31T23:00:00.000Z"),
        ("END_OF_YEAR", 2, "2026-11-21T11:00:00Z", "2027-12-31T23:00:00.000Z"),
        ("NEVER", None, "2026-11-21T11:00:00Z", None),
    ],
)
async def test_every_kind_ends_where_the_calendar_says(
    world: World, kind: str, months: int | None, occurred: str, end: str | None
) -> None:
    at(world, "2026-10-01T00:00:00+00:00")
    ann = await world.customer()
    await save(world, expiry={"kind": kind, "months": months})
    at(world, occurred)
    await buy(world, ann, "a", 100)

    told = await loyalty(world, ann)

    assert [lot["expiresAt"] for lot in told["lots"]] == [end]
    assert told["balance"]["nextExpiry"] == ({"points": 100, "at": end} if end else None)
    if end is None:
        world.clock.advance(days=20_000)
        assert await settle(world) == 0
        assert await balance(world, ann) == (100, 0, 0)
        await clean(world)
        return
    at(world, end)
    world.clock.advance(milliseconds=-1)
    assert await balance(world, ann) == (100, 0, 0)
    at(world, end)
    assert await balance(world, ann) == (0, 0, 0)
    assert (await loyalty(world, ann))["lots"] == []
    world.clock.advance(days=3)
    assert await settle(world) == 1
    gone = (await loyalty(world, ann))["transactions"]["nodes"][0]
    assert (gone["type"], gone["points"], gone["at"], gone["occurredAt"]) == ("EXPIRE", -100, end, end)
    await clean(world)


async def end_of(world: World, customer: str) -> Any:
    """Return the one end that all lots and the balance tell."""
    told = await loyalty(world, customer)
    ends = {lot["expiresAt"] for lot in told["lots"]}
    assert len(ends) == 1
    assert told["balance"]["nextExpiry"] == {"points": told["balance"]["available"], "at": max(ends)}
    return max(ends)


async def test_every_earning_and_spending_moves_the_end_of_all_points(world: World) -> None:
    ann = await world.customer()
    cap = {"capPoints": 100, "capPeriod": "DAY"}
    await save(world, expiry=SLIDING, earningRules=[rule(), flat(5, event="FEEDBACK", **cap)])
    await buy(world, ann, "a", 100)
    assert await end_of(world, ann) == "2027-02-21T12:00:00.000Z"

    world.clock.advance(days=30)
    await buy(world, ann, "b", 10)
    assert await end_of(world, ann) == "2027-03-21T12:00:00.000Z"
    world.clock.advance(days=60)  # 19 February
    await world.sell(**whole(0, id="c", customer={"id": ann}, points=10, occurredAt=world.clock().isoformat()))
    assert await end_of(world, ann) == "2027-05-19T11:00:00.000Z"  # 13:00 in Vienna
    world.clock.advance(days=60)  # 20 April
    await say(world, ann)
    assert await end_of(world, ann) == "2027-07-20T12:00:00.000Z"

    at(world, "2027-07-20T11:59:59.999+00:00")
    assert await balance(world, ann) == (105, 0, 0)
    world.clock.advance(milliseconds=1)
    assert await balance(world, ann) == (0, 0, 0)
    world.clock.advance(days=9)
    assert await settle(world) == 1
    ended = [entry for entry in await world.all("points_transactions") if entry["type"] == "EXPIRE"]
    assert sum(entry["points"] for entry in ended) == -105
    assert {entry["at"] for entry in ended} == {instant("2027-07-20T12:00:00")}
    await clean(world)


async def test_what_comes_back_or_is_given_by_hand_is_no_activity(world: World) -> None:
    ann = await world.customer()
    await save(world, expiry=SLIDING)
    await buy(world, ann, "a", 100)
    second = await buy(world, ann, "b", 10)
    world.clock.advance(days=30)
    await world.give_back(second["id"], {1: "1"})
    assert await end_of(world, ann) == "2027-02-21T12:00:00.000Z"
    await adjust(world, ann, -20)
    assert await end_of(world, ann) == "2027-02-21T12:00:00.000Z"
    at(world, "2027-02-21T12:00:00+00:00")
    assert await balance(world, ann) == (0, 0, 0)
    await clean(world)


async def test_activity_after_the_end_brings_nothing_back(world: World) -> None:
    ann = await world.customer()
    await save(world, expiry=SLIDING)
    await buy(world, ann, "a", 100)
    at(world, "2027-02-21T12:00:00+00:00")
    await buy(world, ann, "b", 10)
    assert await balance(world, ann) == (10, 0, 0)
    assert await posted(world, ann) == [("EARN", 100, None), ("EXPIRE", -100, None), ("EARN", 10, None)]
    assert await end_of(world, ann) == "2027-05-21T11:00:00.000Z"
    await clean(world)


async def test_sliding_points_last_by_every_activity_also_of_a_version_that_no_longer_slides(world: World) -> None:
    ann = await world.customer()
    await save(world, expiry=SLIDING)
    await buy(world, ann, "a", 100)
    world.clock.advance(days=10)
    await save(world, expiry={"kind": "END_OF_YEAR"})
    await buy(world, ann, "b", 10)
    told = await loyalty(world, ann)
    assert [(lot["remaining"], lot["expiresAt"]) for lot in told["lots"]] == [
        (10, "2026-12-31T23:00:00.000Z"),
        (100, "2027-03-01T12:00:00.000Z"),
    ]
    assert told["balance"]["nextExpiry"] == {"points": 10, "at": "2026-12-31T23:00:00.000Z"}
    await clean(world)


async def test_points_given_by_hand_end_like_those_of_a_sale(world: World) -> None:
    ann = await world.customer()
    await save(world, expiry={"kind": "END_OF_MONTH"})
    await adjust(world, ann, 30)
    assert await end_of(world, ann) == "2026-11-30T23:00:00.000Z"
    world.clock.advance(days=60)
    assert await balance(world, ann) == (0, 0, 0)
    await clean(world)


async def test_a_late_sale_of_a_version_that_slid_forgets_no_other_end(world: World) -> None:
    ann = await world.customer()
    await buy(world, ann, "a", 100, occurredAt="2024-12-01T12:00:00Z")  # ends on 1 December 2026
    await save(world, expiry=SLIDING)
    world.clock.advance(days=1)
    await save(world, expiry={"kind": "NEVER"})
    world.clock.advance(days=1)
    await buy(world, ann, "late", 10, occurredAt="2026-11-21T13:00:00Z")
    told = await loyalty(world, ann)
    assert told["balance"]["nextExpiry"] == {"points": 100, "at": "2026-12-01T12:00:00.000Z"}
    await clean(world)
    at(world, "2026-12-02T12:00:00+00:00")
    assert await balance(world, ann) == (10, 0, 0)


async def test_late_feedback_or_an_event_of_a_version_that_slid_forgets_no_other_end(world: World) -> None:
    ann = await world.customer()
    await buy(world, ann, "a", 100, occurredAt="2024-12-01T12:00:00Z")  # ends on 1 December 2026
    cap = {"capPoints": 100, "capPeriod": "DAY"}
    quiz = flat(5, event="CUSTOM_EVENT", eventName="quiz", **cap)
    await save(world, expiry=SLIDING, earningRules=[quiz])
    world.clock.advance(days=1)
    await save(world, expiry={"kind": "NEVER"})
    world.clock.advance(days=1)
    await track(world, ann, event("e-1", occurredAt="2026-11-21T13:00:00Z"))
    assert await balance(world, ann) == (105, 0, 0)
    told = await loyalty(world, ann)
    assert told["balance"]["nextExpiry"] == {"points": 100, "at": "2026-12-01T12:00:00.000Z"}
    await clean(world)
