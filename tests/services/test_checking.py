"""`crm check`: silent where everything adds up, and whatever does not is named."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from loyalty.values import Program, ReturnPolicy
from services import checking
from services.checking import Difference, Report, check
from services.checks import entry_differences, moves_of
from services.known import Known
from services.liability import Liability
from store import checking as store_checking
from store import programs
from tests.services.histories import checked, claim, mixed, simple
from tests.support import NOW, World, whole


async def test_a_mixed_history_adds_up(world: World) -> None:
    await mixed(world)

    report = await checked(world)

    assert report.differences == []
    assert report.difference_count == 0
    assert (report.customers, report.accounts) == (2, 2)
    assert (report.purchases, report.lines) == (12, 14)
    assert report.sales == sum(purchase["total"] for purchase in await world.all("purchases"))
    assert report.transactions == len(await world.all("points_transactions"))
    assert report.lots == len(await world.all("points_lots"))


async def test_points_that_are_due_and_not_settled_yet_are_no_difference(world: World) -> None:
    await simple(world)
    world.clock.advance(days=800)

    assert (await checked(world)).differences == []


async def test_a_programme_that_forgives_and_keeps_tiers_on_return_adds_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (program,) = (await world.shop.known.programs()).versions
    policy = replace(program.tier_policy, keep_on_return=True)

    async def versions(_: object) -> tuple[Program, ...]:
        return (replace(program, returns=ReturnPolicy.FORGIVE, tier_policy=policy),)

    monkeypatch.setattr(programs, "versions", versions)
    world.shop.known = Known(world.database, world.clock, 2)
    await mixed(world)

    assert (await checked(world)).differences == []
    assert {sale["qualifying"] for sale in await world.all("purchases", {"status": "RETURNED"})} == {700}


async def test_an_empty_shop_adds_up(world: World) -> None:
    (program,) = (await world.shop.known.programs()).versions

    assert await checked(world) == Report(liability=Liability(program_id=program.id, program=program.name))


async def test_the_windows_do_not_change_the_answer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await mixed(world)
    await world.customer(email="zoe@example.com")
    whole_at_once = await checked(world)
    monkeypatch.setattr(checking, "PEOPLE_MAX", 1)
    monkeypatch.setattr(checking, "DOCUMENTS_MAX", 1)

    assert await checked(world) == whole_at_once


async def test_a_check_writes_nothing(world: World) -> None:
    await simple(world)
    names = await world.everything()
    before = {name: await world.all(name) for name in names}
    world.commands.names.clear()

    await checked(world)

    read = {"find", "getMore", "count", "aggregate", "commitTransaction"}
    assert {name.split()[0] for name in world.commands.names} <= read
    assert {name: await world.all(name) for name in names} == before


async def test_a_sale_in_the_middle_of_reading_an_owner_is_not_seen_by_halves(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = (await simple(world))["ann"]
    read_accounts = store_checking._accounts

    async def sell_first(*args: Any, **tx: Any) -> Any:
        await world.sell(id="meanwhile", customer={"id": ann})
        return await read_accounts(*args, **tx)

    monkeypatch.setattr(store_checking, "_accounts", sell_first)

    report = await checked(world)

    assert report.differences == []
    assert report.purchases == 3
    assert len(await world.all("purchases")) == 4


async def test_a_check_finds_no_difference_while_tills_sell(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "PEOPLE_MAX", 2)
    monkeypatch.setattr(checking, "DOCUMENTS_MAX", 5)
    people = [await world.customer(email=f"p{n}@example.com") for n in range(3)]
    reports: list[Report] = []
    selling = True

    async def till(person: str) -> int:
        """Sell until enough checks ran, for a while at least and not for ever; return how many sales that were."""
        number = 0
        while number < 6 or (number < 90 and len(reports) < 3):
            sold = await world.sell(**whole(number + 90), id=f"{person}-{number}", customer={"id": person})
            if number % 3 == 0:
                await world.give_back(sold["purchase"]["id"], {1: "1"}, id=f"r-{person}-{number}")
            left = await world.sell(id=f"left-{person}-{number}")
            await claim(world, left["purchase"]["id"], person)
            number += 1
        return 2 * number

    async def tills() -> int:
        nonlocal selling
        try:
            return sum(await asyncio.gather(*(till(person) for person in people)))
        finally:
            selling = False

    async def checks() -> None:
        while selling:
            reports.append(await checked(world))

    _, sales = await asyncio.gather(checks(), tills())

    assert len(reports) > 2
    assert [difference for report in reports for difference in report.differences] == []
    assert (await checked(world)).purchases == sales


async def test_a_key_that_names_nobody_is_found_without_telling_the_address(world: World) -> None:
    await world.database["keys"].insert_one({"_id": "email:zoe@example.com", "ref": "cus_x", "owner": "cus_x"})

    assert (await checked(world)).differences == [Difference("cus_x", "keys.email.ref", "cus_x", None)]


async def test_a_difference_says_what_is_stored_and_what_follows_from_the_ledger(world: World) -> None:
    ids = await simple(world)
    await world.database["loyalty_accounts"].update_one({}, {"$inc": {"lifetimeEarned": -1}})

    (difference,) = (await checked(world)).differences

    earned = sum(entry["points"] for entry in await world.all("points_transactions", {"type": "EARN"}))
    assert difference == Difference(ids["account"], "lifetimeEarned", earned - 1, earned)


async def test_all_differences_are_counted_and_only_the_first_are_kept(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "KEPT_MAX", 3)
    await world.database["keys"].insert_many([{"_id": f"card:{n}", "ref": "cus_x", "owner": "cus_x"} for n in range(7)])

    report = await checked(world)

    assert (report.difference_count, len(report.differences)) == (7, 3)


async def test_progress_ends_where_everything_was_walked_over(world: World) -> None:
    await simple(world)
    told: list[tuple[int, int]] = []

    await check(world.call(), lambda done, total: told.append((done, total)))

    walked = [len(await world.all(name)) for name in ("purchases", "points_lots", "loyalty_accounts", "keys")]
    assert told[0] == (0, sum(walked))
    assert told[-1] == (sum(walked), sum(walked))
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_debt_is_what_the_ledger_took_and_no_lot_gave() -> None:
    steps = [
        ("EARN", 100, {"a": 100}),
        ("SPEND", -100, {"a": -100}),
        ("RETURN_EARNED", -100, {}),
        ("EARN", 60, {"b": 0}),
    ]
    entries = ledger_of(*steps, ("EARN", 50, {"c": 10}))

    assert list(entry_differences("loy", entries)) == []
    assert [moves_of(entries[:count], {"pur"}).debt for count in range(1, 6)] == [0, 0, 100, 40, 0]


def test_points_that_came_in_while_nothing_was_owed_must_be_in_a_lot() -> None:
    entries = ledger_of(("EARN", 100, {"a": 90}), ("EXPIRE", -90, {"a": -95}))

    assert list(entry_differences("loy", entries)) == [Difference("loy", "entries.1.lots", 90, 100)]


def ledger_of(*steps: tuple[str, int, dict[str, int]]) -> list[dict[str, Any]]:
    balance, entries = 0, []
    for sequence, (type_, points, lots) in enumerate(steps, 1):
        balance += points
        entry = {"sequence": sequence, "type": type_, "points": points, "balanceAfter": balance, "at": NOW}
        moved = [{"id": id_, "points": part} for id_, part in lots.items()]
        entries.append({**entry, "lots": moved, "source": {"kind": "PURCHASE", "nodeId": "pur"}})
    return entries
