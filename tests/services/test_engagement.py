"""Points for what is no purchase: feedback, a complete profile, a birthday."""

import asyncio
from typing import Any

import pytest

from services import upkeep
from tests.services.helpers import instant
from tests.services.program_helpers import (
    FEEDBACK,
    at,
    balance,
    birthdays,
    buy,
    clean,
    flat,
    loyalty,
    posted,
    save,
    save_store,
    say,
    update,
)
from tests.support import ERRORS, World, customer_caller

UPDATE_ME = f"""mutation($input: UpdateMeInput!) {{ updateMe(input: $input) {{ customer {{ id }} {ERRORS} }} }}"""
WHOLE: dict[str, Any] = {
    "firstName": "Ann",
    "lastName": "Bell",
    "email": "ann@example.com",
    "phone": "+43 660 1234567",
    "birthDate": "1990-05-17",
}
BIRTHDAY = flat(50, name="Happy birthday", event="BIRTHDAY")
PROFILE = flat(25, name="Thank you", event="PROFILE_COMPLETED")


def said(**fields: Any) -> dict[str, Any]:
    return flat(10, name="Your word", event="FEEDBACK", **{"capPoints": 25, "capPeriod": "DAY", **fields})


async def test_feedback_is_rewarded_up_to_its_cap_and_again_the_next_day(world: World) -> None:
    ann = await world.customer()
    await save(world, earningRules=[said()])
    for _ in range(4):
        await say(world, ann)
    assert await posted(world, ann) == [
        ("BONUS", 10, "Your word"),
        ("BONUS", 10, "Your word"),
        ("BONUS", 5, "Your word"),
    ]
    assert len(await world.all("feedback")) == 4
    at(world, "2026-11-21T23:00:00+00:00")  # midnight in Vienna
    await say(world, ann)
    assert await balance(world, ann) == (35, 0, 0)
    newest = (await loyalty(world, ann))["transactions"]["nodes"][0]
    assert newest["source"]["kind"] == "FEEDBACK"
    assert newest["source"]["nodeId"] in {one["_id"] for one in await world.all("feedback")}
    assert (await loyalty(world, ann))["tier"]["qualifyingPoints"] == 0
    await clean(world)


async def test_days_of_feedback_in_a_store_are_those_of_the_store(world: World) -> None:
    ann = await world.customer()
    await save_store(world, "ny-1", "America/New_York")
    await save(world, earningRules=[said(capPoints=10)])
    at(world, "2026-11-23T04:59:00+00:00")  # the 22nd in New York, the 23rd in Vienna
    there = FEEDBACK.replace("kind: IDEA", 'kind: IDEA, storeCode: "ny-1"')
    for _ in range(2):
        await world.data(there, {"id": ann})
    assert await balance(world, ann) == (10, 0, 0)
    world.clock.advance(minutes=1)
    await world.data(there, {"id": ann})
    assert await balance(world, ann) == (20, 0, 0)
    await clean(world)


async def test_feedback_at_once_never_exceeds_the_cap(world: World) -> None:
    ann = await world.customer()
    await save(world, earningRules=[said()])
    await asyncio.gather(*(say(world, ann) for _ in range(8)))
    assert await balance(world, ann) == (25, 0, 0)
    assert len(await world.all("feedback")) == 8
    await clean(world)


async def test_feedback_without_a_rule_moves_nothing(world: World) -> None:
    ann = await world.customer()
    await say(world, ann)
    assert await posted(world, ann) == []
    await clean(world)


@pytest.mark.parametrize("worker", [False, True])
async def test_the_tier_of_a_new_ladder_decides_about_feedback_whenever_the_worker_runs(
    world: World, worker: bool
) -> None:
    ann = await world.customer()
    await buy(world, ann, "a", 100)
    world.clock.advance(hours=1)
    tiers = [{"name": "Low", "threshold": 0}, {"name": "High", "threshold": 50}]
    await save(world, tiers=tiers, earningRules=[said(tiers=["High"])])
    assert (await loyalty(world, ann))["tier"]["tier"]["name"] == "High"
    if worker:
        await upkeep.reconsider_due_tiers(world.call())
    await say(world, ann)
    assert await balance(world, ann) == (110, 0, 0)
    await clean(world)


async def test_a_profile_that_is_complete_at_once_is_rewarded_at_its_creation(world: World) -> None:
    await save(world, earningRules=[PROFILE])
    ann = await world.customer(**WHOLE)
    assert await posted(world, ann) == [("BONUS", 25, "Thank you")]
    await clean(world)


async def test_a_profile_is_rewarded_once_it_is_complete_and_never_again(world: World) -> None:
    await save(world, earningRules=[PROFILE])
    ann = await world.customer(**{**WHOLE, "phone": None})
    assert await posted(world, ann) == []
    await update(world, ann, locale="de-AT")
    assert await posted(world, ann) == []
    await update(world, ann, phone="+43 660 1234567")
    assert await posted(world, ann) == [("BONUS", 25, "Thank you")]
    for phone in (None, "+43 660 7654321"):
        world.clock.advance(days=300)
        await update(world, ann, phone=phone)
    assert await posted(world, ann) == [("BONUS", 25, "Thank you")]
    await clean(world)


async def test_customers_complete_their_own_profile(world: World) -> None:
    await save(world, earningRules=[PROFILE])
    ann = await world.customer(**{**WHOLE, "birthDate": None})
    variables = {"input": {"birthDate": "1990-05-17"}}
    answers = await asyncio.gather(*(world.data(UPDATE_ME, variables, caller=customer_caller(ann)) for _ in range(3)))
    assert [answer["updateMe"]["userErrors"] for answer in answers] == [[], [], []]
    assert await posted(world, ann) == [("BONUS", 25, "Thank you")]
    await clean(world)


async def test_who_was_complete_before_the_rule_is_rewarded_at_the_next_change(world: World) -> None:
    ann = await world.customer(**WHOLE)
    await save(world, earningRules=[PROFILE])
    assert await posted(world, ann) == []
    await update(world, ann, locale="de-AT")
    assert await posted(world, ann) == [("BONUS", 25, "Thank you")]
    await clean(world)


async def granted(world: World, customer: str) -> list[str]:
    """Return the instants of a customer's birthdays that were rewarded."""
    entries = [
        entry for entry in await world.all("points_transactions", {"owner": customer}) if entry["type"] == "BONUS"
    ]
    return sorted(entry["occurredAt"].strftime("%Y-%m-%dT%H:%M") for entry in entries)


async def test_a_birthday_is_rewarded_at_midnight_once_a_year(world: World) -> None:
    ann = await world.customer(birthDate="1990-11-23")
    bob = await world.customer(email="bob@example.com", birthDate="1990-11-24")
    await save(world, earningRules=[BIRTHDAY])
    await birthdays(world)
    at(world, "2026-11-22T22:59:59.999+00:00")
    await birthdays(world)
    assert await granted(world, ann) == []
    at(world, "2026-11-22T23:00:00+00:00")
    for _ in range(3):
        await birthdays(world)
        world.clock.advance(hours=5)
    assert await posted(world, ann) == [("BONUS", 50, "Happy birthday")]
    assert await granted(world, bob) == []
    assert await balance(world, ann) == (50, 0, 0)
    at(world, "2027-11-23T12:00:00+00:00")
    await birthdays(world)
    assert await granted(world, ann) == ["2026-11-22T23:00", "2027-11-22T23:00"]
    assert await granted(world, bob) == ["2026-11-23T23:00"]
    await clean(world)


async def test_who_is_born_on_29_february_celebrates_on_the_28th_where_there_is_none(world: World) -> None:
    at(world, "2027-02-01T12:00:00+00:00")
    ann = await world.customer(birthDate="2000-02-29")
    bob = await world.customer(email="bob@example.com", birthDate="2000-02-28")
    await save(world, earningRules=[BIRTHDAY], expiry=None)
    await birthdays(world)
    for day in ("2027-02-27", "2027-02-28", "2027-03-01", "2028-02-28"):
        at(world, f"{day}T12:00:00+00:00")
        await birthdays(world)
    assert await granted(world, ann) == ["2027-02-27T23:00"]
    assert await granted(world, bob) == ["2027-02-27T23:00", "2028-02-27T23:00"]
    at(world, "2028-02-29T12:00:00+00:00")
    await birthdays(world)
    assert await granted(world, ann) == ["2027-02-27T23:00", "2028-02-28T23:00"]
    await clean(world)


async def test_who_is_created_on_the_day_waits_a_year(world: World) -> None:
    await save(world, earningRules=[BIRTHDAY])
    ann = await world.customer(birthDate="1990-11-21")
    await birthdays(world)
    assert await granted(world, ann) == []
    at(world, "2027-11-21T12:00:00+00:00")
    await birthdays(world)
    assert await granted(world, ann) == ["2027-11-20T23:00"]
    await clean(world)


@pytest.mark.parametrize("worked", [True, False])
async def test_a_birthday_that_is_put_on_today_is_not_rewarded_today(world: World, worked: bool) -> None:
    ann = await world.customer(birthDate="1990-05-17")
    await save(world, earningRules=[BIRTHDAY])
    await birthdays(world)
    at(world, "2026-11-24T08:00:00+00:00")
    if worked:  # the worker has done this day already
        await birthdays(world)
    await update(world, ann, birthDate="1990-11-24")
    await birthdays(world)
    assert await granted(world, ann) == []
    await clean(world)


async def test_a_birthday_moved_to_another_day_is_not_rewarded_twice_in_a_year(world: World) -> None:
    ann = await world.customer(birthDate="1990-11-23")
    await save(world, earningRules=[BIRTHDAY])
    await birthdays(world)
    at(world, "2026-11-23T12:00:00+00:00")
    await birthdays(world)
    await update(world, ann, birthDate="1990-12-01")
    at(world, "2026-12-02T12:00:00+00:00")
    await birthdays(world)
    assert await granted(world, ann) == ["2026-11-22T23:00"]
    await clean(world)


async def test_a_new_years_child_is_rewarded_for_the_year_that_begins_in_vienna(world: World) -> None:
    ann = await world.customer(birthDate="1990-01-01")
    await save(world, earningRules=[BIRTHDAY])
    await birthdays(world)
    for now in ("2026-12-31T23:00:00+00:00", "2027-12-31T23:00:00+00:00"):
        at(world, now)
        await birthdays(world)
    assert await granted(world, ann) == ["2026-12-31T23:00", "2027-12-31T23:00"]
    await clean(world)


@pytest.mark.parametrize("days", [10, 365, 400])
async def test_an_outage_is_caught_up_with_up_to_a_year_of_it(world: World, days: int) -> None:
    people = {}
    for n, birthday in enumerate(("11-22", "11-25")):
        people[birthday] = await world.customer(email=f"c{n}@example.com", birthDate=f"1990-{birthday}")
    await save(world, earningRules=[BIRTHDAY], expiry=None)
    await birthdays(world)
    world.clock.advance(days=days)
    await birthdays(world)
    # after 400 days, on 26 December 2027, only the birthdays of 2027 are within a year
    year = "2027" if days == 400 else "2026"
    assert await granted(world, people["11-22"]) == [f"{year}-11-21T23:00"]
    assert await granted(world, people["11-25"]) == [f"{year}-11-24T23:00"]
    (entry,) = await world.all("points_transactions", {"owner": people["11-22"]})
    assert entry["at"] == world.clock()
    await birthdays(world)
    assert len(await world.all("points_transactions")) == 2
    await clean(world)


async def test_two_workers_at_once_grant_a_birthday_once(world: World) -> None:
    people = [await world.customer(email=f"c{n}@example.com", birthDate="1990-11-23") for n in range(12)]
    await save(world, earningRules=[BIRTHDAY])
    await birthdays(world)
    at(world, "2026-11-23T12:00:00+00:00")
    await asyncio.gather(*(birthdays(world) for _ in range(3)))
    for person in people:
        assert await granted(world, person) == ["2026-11-22T23:00"]
    await clean(world)


async def test_many_birthdays_of_one_day_are_granted_in_parts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "BATCH", 3)
    people = [await world.customer(email=f"c{n}@example.com", birthDate="1990-11-23") for n in range(7)]
    await save(world, earningRules=[BIRTHDAY])
    await birthdays(world)
    at(world, "2026-11-23T12:00:00+00:00")
    counts = []
    while await upkeep.grant_birthdays(world.call()):
        counts.append(len(await world.all("points_transactions")))
    assert counts == [0, 3, 6, 7]  # the 22nd, and the 23rd in three parts
    assert [await granted(world, person) for person in people] == [["2026-11-22T23:00"]] * 7
    await clean(world)


async def test_the_version_in_force_at_midnight_decides_about_a_birthday(world: World) -> None:
    ann = await world.customer(birthDate="1990-11-23")
    await save(world, earningRules=[BIRTHDAY], expiry={"kind": "END_OF_MONTH"})
    await save(world, earningRules=[], validFrom="2026-11-22T23:00:00.001Z")
    await birthdays(world)
    at(world, "2026-11-25T12:00:00+00:00")
    await birthdays(world)
    assert await granted(world, ann) == ["2026-11-22T23:00"]
    (lot,) = await world.all("points_lots")
    assert lot["expiresAt"] == instant("2026-11-30T23:00:00")
    await clean(world)
