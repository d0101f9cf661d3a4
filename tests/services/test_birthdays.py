"""Birthdays that the worker grants late, or in a round that an account was too busy for."""

from contextlib import suppress
from typing import Any

import pytest

from crm.refusals import Refusal, UserErrorCode
from services import standing, upkeep
from services.context import Call
from tests.services.program_helpers import at, balance, birthdays, buy, clean, flat, posted, rule, save, settle
from tests.support import World


@pytest.mark.parametrize("busy", [0, 1, 2])
async def test_nobody_loses_a_birthday_for_which_an_account_was_too_busy(
    world: World, monkeypatch: pytest.MonkeyPatch, busy: int
) -> None:
    await save(world, earningRules=[flat(50, event="BIRTHDAY")])
    people = [await world.customer(email=f"{n}@example.com", birthDate="1990-11-23") for n in range(3)]
    await birthdays(world)
    world.clock.advance(days=2)
    refused: list[str] = []

    async def once_busy(call: Call, customer_id: str, **about: Any) -> Any:
        if customer_id == people[busy] and not refused:
            refused.append(customer_id)
            raise Refusal(UserErrorCode.THROTTLED, "busy")
        return await standing.lock(call, customer_id, **about)

    monkeypatch.setattr(upkeep, "lock", once_busy)
    for _ in range(4):
        with suppress(Refusal):  # a round may say so: what counts is the next
            await birthdays(world)
        world.clock.advance(hours=6)
    assert refused
    assert [await posted(world, person) for person in people] == [[("BONUS", 50, "Extra")]] * 3
    await clean(world)


@pytest.mark.parametrize("late", [False, True], ids=["in time", "late"])
async def test_a_birthday_that_is_posted_late_leaves_what_one_in_time_leaves(world: World, late: bool) -> None:
    await save(world, expiry={"kind": "SLIDING", "months": 1}, earningRules=[rule(), flat(5, event="BIRTHDAY")])
    ann = await world.customer(birthDate="1990-12-10")
    await birthdays(world)
    await buy(world, ann, "a", 100)  # 21 November: ends on 21 December
    if not late:
        at(world, "2026-12-10T08:00:00+00:00")
        await birthdays(world)
        await settle(world)
    at(world, "2026-12-25T08:00:00+00:00")
    await settle(world)
    await birthdays(world)
    await settle(world)
    assert await balance(world, ann) == (5, 0, 0)
    at(world, "2027-01-15T08:00:00+00:00")
    await settle(world)
    assert await balance(world, ann) == (0, 0, 0)
    await clean(world)
