"""A shop that nobody kept up with for 400 days, caught up with at once: as if a worker had run every day."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import groupby
from typing import Any

import pytest

from tests.services.program_helpers import adjust, buy, clean, event, flat, loyalty, rule, save, settle, track
from tests.support import ERRORS, World
from tests.worker.helpers import worker
from worker.jobs import JOBS

HOLD = f"""mutation($id: ID!) {{
  holdPoints(customer: {{id: $id}}, points: 30, ttlSeconds: 86400) {{ hold {{ id }} {ERRORS} }} }}"""
AS_OF = """query($id: ID!, $at: DateTime!) { customer(by: {id: $id}) { loyalty { balanceAsOf(at: $at) {
  available pending held debt lifetimeEarned nextExpiry { points at } } } } }"""
DAYS = 400
NAMES = ("ann", "bob", "cid", "dan", "eve", "fay")


async def history(world: World) -> dict[str, str]:
    """Make customers with all that falls due by itself: activations, time-outs, ends of each kind, tiers."""
    people = {name: await world.customer(email=f"{name}@example.com") for name in NAMES}
    bronze, silver, gold = (
        await save(
            world,
            earningRules=[rule(), flat(7)],
            pending={"kind": "DAYS", "days": 14},
            expiry={"kind": "ROLLING", "months": 6},
        )
    )["tiers"]
    await buy(world, people["ann"], "a", 600)
    await buy(world, people["bob"], "b", 60)
    back = await buy(world, people["cid"], "c", 40)
    await world.give_back(back["id"], {1: "1"})
    await adjust(world, people["dan"], 50)
    assert (await world.data(HOLD, {"id": people["dan"]}))["holdPoints"]["userErrors"] == []
    world.clock.advance(hours=1)
    await save(world, pending={"kind": "UNTIL_EVENT", "event": "paid"}, expiry={"kind": "SLIDING", "months": 3})
    await buy(world, people["eve"], "e", 80)
    await track(world, people["eve"], event("e", "paid", occurredAt=world.clock().isoformat()))
    await buy(world, people["eve"], "e-2", 30)
    await buy(world, people["fay"], "f", 20)
    world.clock.advance(hours=1)
    lower = [
        {"id": bronze["id"], "name": "Bronze", "threshold": 0},
        {"id": silver["id"], "name": "Silver", "threshold": 50},
        {"id": gold["id"], "name": "Gold", "threshold": 2000},
    ]
    await save(world, tiers=lower, expiry={"kind": "NEVER"}, validFrom="2027-03-01T00:00:00Z")
    return people


async def nobody(world: World) -> None:
    world.clock.advance(days=DAYS)


async def one_late(world: World) -> None:
    world.clock.advance(days=DAYS)
    await worker(world, *JOBS).run_once()


async def two_late(world: World) -> None:
    world.clock.advance(days=DAYS)
    await asyncio.gather(*(worker(world, *JOBS, holder=holder).run_once() for holder in ("a", "b")))


async def daily(world: World) -> None:
    for _ in range(DAYS):
        world.clock.advance(days=1)
        told = await worker(world, *JOBS).run_once()
        assert told.failed == []


async def answers(world: World, people: dict[str, str]) -> dict[str, Any]:
    """Return what clients are told of balance, tier and lots; the lots by what they are, not by their ids."""
    found = {}
    for name, person in people.items():
        told = await loyalty(world, person)
        lots = [{**lot, "source": lot["source"]["kind"]} for lot in told["lots"]]
        found[name] = (told["balance"], told["tier"], lots)
    return found


async def stored(world: World, people: dict[str, str]) -> dict[str, Any]:
    """Return what is stored of each customer up to ids, who wrote it, and since when a count is known."""
    versions = await world.all("loyalty_programs")
    names = {one["id"]: one["name"] for version in versions for one in version["tiers"]}
    left_out = {"_id", "owner", "customerId", "locks", "qualifying", "tierSteps", "tierId", "by", "ladders"}
    found = {}
    for name, person in people.items():
        (account,) = await world.all("loyalty_accounts", {"customerId": person})
        (customer,) = await world.all("customers", {"_id": person})
        assert customer["tierSteps"] == account["tierSteps"]
        lots = {lot["_id"]: lot for lot in await world.all("points_lots", {"owner": person})}
        entries = await world.all("points_transactions", {"owner": person})
        holds = await world.all("points_holds", {"owner": person})
        facts = sorted(await world.all("outbox", {"nodeId": person, "topic": "TIER"}), key=lambda fact: fact["_id"])
        found[name] = {
            "account": {key: value for key, value in account.items() if key not in left_out},
            "tier": names[account["tierId"]],
            "steps": [{**step, "tierId": names[step["tierId"]]} for step in account["tierSteps"]],
            "lots": sorted(
                ({**_plain(lot, left_out), "source": lot["source"]["kind"]} for lot in lots.values()), key=str
            ),
            "entries": _ledger(entries, lots),
            "holds": [{key: hold[key] for key in ("points", "status", "captured", "endedAt")} for hold in holds],
            "tierEvents": [
                (names[fact["data"]["from"]], names[fact["data"]["to"]], fact["data"]["since"]) for fact in facts
            ],
            "pointsEvents": len(await world.all("outbox", {"nodeId": person, "topic": "POINTS"})),
        }
    return found


def _ledger(entries: list[dict[str, Any]], lots: dict[str, Any]) -> list[Any]:
    """Return the ledger with what is of one type and instant as one: among these, the lots' ids decide the order."""
    found = []
    by_sequence = sorted(entries, key=lambda entry: entry["sequence"])
    for (type_, at), group in groupby(by_sequence, key=lambda entry: (entry["type"], entry["at"])):
        ones = list(group)
        parts = sorted((lots[part["id"]]["earned"], part["points"]) for one in ones for part in one["lots"])
        about = {(one["source"]["kind"], one["occurredAt"], one.get("reason")) for one in ones}
        found.append((type_, at, sum(one["points"] for one in ones), ones[-1]["balanceAfter"], parts, about))
    return found


def _plain(document: dict[str, Any], left_out: set[str]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in left_out}


async def lived(opened: World, how: Callable[[World], Awaitable[None]]) -> tuple[World, dict[str, str]]:
    """Let a shop of its own live through the history and the 400 days."""
    for name in await opened.everything():
        if name not in ("migrations", "loyalty_programs", "installation"):
            await opened.database[name].delete_many({})
    await opened.database["loyalty_programs"].delete_many({"version": {"$gt": 1}})
    await opened.database["installation"].delete_many({"_id": "birthdays"})
    world = World(opened.database, opened.engine, type(opened.clock)(), opened.commands)
    people = await history(world)
    await how(world)
    return world, people


@pytest.mark.parametrize("how", [one_late, two_late])
async def test_a_shop_left_alone_is_caught_up_with_as_if_a_worker_had_run_every_day(
    world: World, how: Callable[[World], Awaitable[None]]
) -> None:
    kept_up, people = await lived(world, daily)
    expected = await stored(kept_up, people), await answers(kept_up, people)
    await clean(kept_up)

    late, people = await lived(world, how)

    assert await stored(late, people) == expected[0]
    assert await answers(late, people) == expected[1]
    await clean(late)
    (ann, eve, dan) = (expected[0][name] for name in ("ann", "eve", "dan"))
    assert [(type_, points) for type_, _, points, *_ in ann["entries"]] == [
        ("EARN", 600),
        ("BONUS", 7),
        ("EXPIRE", -607),
    ]
    assert [event[:2] for event in ann["tierEvents"]] == [("Bronze", "Silver"), ("Silver", "Bronze")]
    assert [hold["status"] for hold in dan["holds"]] == ["EXPIRED"]
    assert eve["account"]["available"] == eve["account"]["pending"] == 0


async def test_no_answer_changes_by_what_the_worker_writes_down(world: World) -> None:
    alone, people = await lived(world, nobody)
    before = await answers(alone, people)
    assert await worker(alone, *JOBS).run_once()
    assert await answers(alone, people) == before
    assert await settle(alone) == 0
    await clean(alone)


@pytest.mark.parametrize("days", [0.5, 1, 13.9, 14, 30, 92, 99, 100, 182, 200, 365])
async def test_no_answer_on_the_way_changes_by_a_worker_either(world: World, days: float) -> None:
    shop, people = await lived(world, lambda one: asyncio.sleep(0))
    shop.clock.advance(days=days)
    before = await answers(shop, people)
    told = await worker(shop, *JOBS).run_once()
    assert told.failed == []
    assert await answers(shop, people) == before
    await clean(shop)
    again = await worker(shop, *JOBS).run_once()
    assert not again.done


@pytest.mark.parametrize("how", [nobody, one_late, daily])
async def test_balances_of_the_past_are_what_was_told_then(
    world: World, how: Callable[[World], Awaitable[None]]
) -> None:
    shop, people = await lived(world, lambda one: asyncio.sleep(0))
    start, told = shop.clock.now, []
    for days in (0, 0.5, 1, 13.9, 14, 20, 92, 93, 99, 120, 181, 182, 300):
        shop.clock.now = start + timedelta(days=days)
        told += [(shop.clock.now, name, (await answers(shop, people))[name][0]) for name in people]
    shop.clock.now = start
    await how(shop)
    for instant, name, balance in told:
        variables = {"id": people[name], "at": instant.isoformat()}
        asked = await shop.data(AS_OF, variables)
        assert asked["customer"]["loyalty"]["balanceAsOf"] == balance, (name, instant)
