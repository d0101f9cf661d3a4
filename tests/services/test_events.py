"""Tracked events: each counts once, all or none are kept, a rule rewards them by their name."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.services.helpers import codes, instant, nothing_written
from tests.services.program_helpers import TRACK, balance, clean, event, flat, loyalty, posted, save, track
from tests.support import POS, STAFF, STOREFRONT, World, customer_caller


@asynccontextmanager
async def nothing_written_but_locks(world: World) -> AsyncIterator[None]:
    """Hold that no collection grows or shrinks; a replay does count a lock of the account."""
    before = await world.everything()
    yield
    assert await world.everything() == before


def quiz(**fields: Any) -> dict[str, Any]:
    usual = {"name": "Quiz", "event": "CUSTOM_EVENT", "eventName": "quiz", "capPoints": 25, "capPeriod": "DAY"}
    return flat(**{"points": 10} | usual | fields)


async def test_an_event_is_rewarded_by_the_rules_of_its_name_up_to_their_cap(world: World) -> None:
    ann = await world.customer()
    await save(world, earningRules=[quiz(), quiz(name="Survey", eventName="survey", points=3)])
    quizzes = [event(f"e-{n}", occurredAt=f"2026-11-21T12:00:0{n}Z") for n in range(4)]
    survey = event("e-9", "survey", occurredAt="2026-11-21T12:01:00Z")
    told = await track(world, ann, survey, *quizzes, event("e-8", "Quiz"))
    assert (told["userErrors"], told["replayed"]) == ([], False)
    assert told["account"]["balance"] == {"available": 28, "pending": 0}
    assert await posted(world, ann) == [
        ("BONUS", 10, "Quiz"),
        ("BONUS", 10, "Quiz"),
        ("BONUS", 5, "Quiz"),
        ("BONUS", 3, "Survey"),
    ]
    kept = await world.all("customer_events")
    assert len(kept) == 6
    first = (await loyalty(world, ann))["transactions"]["nodes"][-1]
    assert (first["source"]["kind"], first["source"]["nodeId"] in {one["_id"] for one in kept}) == ("EVENT", True)
    await clean(world)


async def test_events_of_one_instant_are_rewarded_in_the_order_sent(world: World) -> None:
    ann = await world.customer()
    await save(world, earningRules=[quiz(), quiz(name="Survey", eventName="survey", points=3, capPoints=100)])
    sent = [event(f"e-{n}", "survey" if n % 2 else "quiz") for n in range(10)]
    await track(world, ann, *sent)
    assert [reason for _, _, reason in await posted(world, ann)] == ["Quiz", "Survey"] * 3 + ["Survey"] * 2
    await clean(world)


async def test_an_event_counts_in_the_period_it_happened_in_and_by_the_version_of_then(world: World) -> None:
    ann = await world.customer()
    world.clock.advance(days=-3)
    await save(world, earningRules=[quiz()])
    world.clock.advance(days=3)
    await save(world, earningRules=[])
    days = ["2026-11-18T22:59:59.999Z", "2026-11-18T23:00:00Z", "2026-11-19T12:00:00Z", "2026-11-20T12:00:00Z"]
    late = [event(f"e-{n}", occurredAt=at) for n, at in enumerate(days)]
    await track(world, ann, *late, event("now"))
    assert await balance(world, ann) == (40, 0, 0)
    assert [entry["occurredAt"] for entry in (await loyalty(world, ann))["transactions"]["nodes"]][-1] == days[0]
    await clean(world)


async def test_an_event_sent_again_is_the_first_one(world: World) -> None:
    ann = await world.customer()
    await save(world, earningRules=[quiz()])
    sent = event("e-1", properties={"score": 7, "on": True})
    await track(world, ann, sent)
    world.clock.advance(days=40)
    async with nothing_written_but_locks(world):
        again = await track(world, ann, {**sent, "occurredAt": "2026-11-21T13:00:00+01:00"})
    assert (again["replayed"], again["userErrors"], again["account"]["balance"]["available"]) == (True, [], 10)

    mixed = await track(world, ann, sent, event("e-2", occurredAt="2026-12-30T12:00:00Z"))
    assert (mixed["replayed"], mixed["account"]["balance"]["available"]) == (False, 20)
    await clean(world)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "survey"},
        {"occurredAt": "2026-11-21T11:00:00Z"},
        {"properties": {"score": 8}},
        {"properties": None},
        {"properties": {"score": True}},
    ],
)
async def test_other_content_under_a_known_id_is_a_conflict(world: World, change: dict[str, Any]) -> None:
    ann = await world.customer()
    await save(world, earningRules=[quiz(capPoints=1000)])
    sent = event("e-1", properties={"score": 1})
    await track(world, ann, sent)
    async with nothing_written_but_locks(world):
        refused = await track(world, ann, event("e-2"), {**sent, **change})
    assert refused["account"] is None
    assert [(error["code"], error["field"]) for error in refused["userErrors"]] == [
        ("CONFLICT", ["events", "1", "externalId"])
    ]
    assert await balance(world, ann) == (10, 0, 0)
    await clean(world)


async def test_an_event_of_somebody_else_is_a_conflict(world: World) -> None:
    ann, bob = await world.customer(), await world.customer(email="bob@example.com")
    await track(world, ann, event("e-1"))
    async with nothing_written(world):
        refused = await track(world, bob, event("e-1"))
    assert codes(refused) == ["CONFLICT"]


async def test_the_same_id_twice_in_one_call_counts_once_and_conflicts_with_other_content(world: World) -> None:
    ann = await world.customer()
    await save(world, earningRules=[quiz()])
    twice = await track(world, ann, event("e-1"), event("e-1"))
    assert (twice["userErrors"], twice["account"]["balance"]["available"]) == ([], 10)
    async with nothing_written_but_locks(world):
        refused = await track(world, ann, event("e-2"), event("e-2", "survey"))
    assert [(error["code"], error["field"]) for error in refused["userErrors"]] == [
        ("CONFLICT", ["events", "1", "externalId"])
    ]
    await clean(world)


async def test_one_to_five_hundred_events_are_accepted(world: World) -> None:
    ann = await world.customer()
    await save(world, earningRules=[quiz()])
    for count in (0, 501):
        async with nothing_written(world):
            refused = await track(world, ann, *(event(f"e-{n}") for n in range(count)))
        assert [(error["code"], error["field"]) for error in refused["userErrors"]] == [("INVALID", ["events"])]
    told = await track(world, ann, *(event(f"e-{n}") for n in range(500)))
    assert told["account"]["balance"]["available"] == 25
    assert len(await world.all("customer_events")) == 500
    await clean(world)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " "}, ["events", "1", "name"]),
        ({"externalId": {"source": "", "value": "x"}}, ["events", "1", "externalId", "source"]),
        ({"occurredAt": "2026-11-21T12:05:00.001Z"}, ["events", "1", "occurredAt"]),
        ({"occurredAt": "2026-11-21T12:00:00"}, ["events", "1", "occurredAt"]),
        ({"properties": {"$where": 1}}, ["events", "1", "properties"]),
        ({"properties": [1]}, ["events", "1", "properties"]),
    ],
)
async def test_one_bad_event_keeps_all_out(world: World, change: dict[str, Any], field: list[str]) -> None:
    ann = await world.customer()
    await save(world, earningRules=[quiz()])
    async with nothing_written(world):
        refused = await track(world, ann, event("e-1"), {**event("e-2"), **change})
    assert [(error["code"], error["field"]) for error in refused["userErrors"]] == [("INVALID", field)]


async def test_events_at_once_count_once_and_never_exceed_the_cap(world: World) -> None:
    ann = await world.customer()
    await save(world, earningRules=[quiz()])
    same = await asyncio.gather(*(track(world, ann, event("e-0")) for _ in range(6)))
    assert sorted(told["replayed"] for told in same) == [False, True, True, True, True, True]
    assert await balance(world, ann) == (10, 0, 0)
    await asyncio.gather(*(track(world, ann, event(f"e-{n}")) for n in range(6)))
    assert await balance(world, ann) == (25, 0, 0)
    assert len(await world.all("customer_events")) == 6
    await clean(world)


async def test_everybody_but_a_storefront_tracks_and_customers_only_for_themselves(world: World) -> None:
    ann, bob = await world.customer(), await world.customer(email="bob@example.com")
    for n, caller in enumerate((POS, STAFF, customer_caller(ann))):
        assert codes(await track(world, ann, event(f"e-{n}"), caller=caller)) == []
    assert codes(await track(world, None, event("e-8"), caller=customer_caller(ann))) == []
    async with nothing_written(world):
        others = await track(world, bob, event("e-9"), caller=customer_caller(ann))
        nobody = await track(world, None, event("e-9"), caller=POS)
        body = await world.answer(TRACK, {"events": [event("e-9")]}, caller=STOREFRONT)
    assert codes(others) == ["NOT_FOUND"]
    assert codes(nobody) == ["INVALID"]
    assert body["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    stored = {one["externalId"]["value"]: one["trusted"] for one in await world.all("customer_events")}
    assert stored == {"e-0": True, "e-1": True, "e-2": False, "e-8": False}
    assert {one["recordedAt"] for one in await world.all("customer_events")} == {instant("2026-11-21T12:00:00")}
