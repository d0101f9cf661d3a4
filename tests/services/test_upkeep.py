"""What happens without a caller, in bounded steps: the same entries whenever it is done, and none of it twice."""

import asyncio
from typing import Any

import pytest

from services import upkeep
from tests.services.helpers import instant
from tests.services.program_helpers import adjust, at, buy, clean, loyalty, reconsider, save, settle
from tests.support import ERRORS, World, whole

HOLD = f"""mutation($id: ID!) {{
  holdPoints(customer: {{id: $id}}, points: 30, ttlSeconds: 86400) {{ hold {{ id }} {ERRORS} }} }}"""
SHORT = {"kind": "ROLLING", "months": 1}


async def entries(world: World, customer: str) -> list[Any]:
    """Return a customer's entries without what only names them: ids, and who wrote them."""
    lots = {lot["_id"]: lot["earnedAt"] for lot in await world.all("points_lots", {"owner": customer})}
    found = sorted(await world.all("points_transactions", {"owner": customer}), key=lambda entry: entry["sequence"])
    return [
        (
            *(entry[name] for name in ("type", "points", "balanceAfter", "at", "occurredAt")),
            entry.get("reason"),
            entry["source"]["kind"],
            [(lots[part["id"]], part["points"]) for part in entry["lots"]],
        )
        for entry in found
    ]


async def eventful(world: World, customer: str, name: str) -> None:
    """Give a customer pending points, debt, a hold that will time out and points that will end."""
    await adjust(world, customer, 50)
    assert (await world.data(HOLD, {"id": customer}))["holdPoints"]["userErrors"] == []
    spent = await buy(world, customer, f"{name}-a", 40, occurredAt="2026-11-01T12:00:00Z")
    await world.sell(
        **whole(0, id=f"{name}-p", customer={"id": customer}, points=60, occurredAt="2026-11-21T12:00:00Z")
    )
    await buy(world, customer, f"{name}-b", 70)
    await world.give_back(spent["id"], {1: "1"}, id=f"{name}-r")


@pytest.mark.parametrize("rounds", [(1,), (5, 15, 31, 32, 40), tuple(range(1, 60))])
async def test_what_is_settled_is_what_a_later_write_would_have_posted(world: World, rounds: tuple[int, ...]) -> None:
    ann, bob = await world.customer(), await world.customer(email="bob@example.com")
    world.clock.advance(days=-21)
    await save(world, expiry=SHORT, pending={"kind": "DAYS", "days": 15})
    world.clock.advance(days=21)
    await eventful(world, ann, "ann")
    await eventful(world, bob, "bob")
    assert (await loyalty(world, ann))["balance"]["debt"] == 40
    start = world.clock.now

    for days in rounds:
        world.clock.now = start
        world.clock.advance(days=days)
        await upkeep._each(world.call(), [ann], upkeep._settle)  # bob's shop has no worker
    at(world, "2027-01-25T12:00:00+00:00")
    before = [{**(await loyalty(world, one)), "transactions": None, "lots": None} for one in (ann, bob)]
    assert before[0]["balance"] == before[1]["balance"]
    for name, one in (("ann", ann), ("bob", bob)):
        await buy(world, one, f"{name}-z", 5)

    mine, other = await entries(world, ann), await entries(world, bob)
    assert mine == other
    assert [(type_, points) for type_, points, *_ in mine] == [
        ("ADJUST", 50),
        ("EARN", 40),
        ("SPEND", -60),
        ("EARN", 70),
        ("RETURN_EARNED", -40),
        ("ADJUST", 0),  # the hold timed out and paid 30 of the debt
        ("ADJUST", 0),  # what had been pending paid the rest
        ("EXPIRE", -60),
        ("EARN", 5),
    ]
    assert [str(entry[3].date()) for entry in mine[5:8]] == ["2026-11-22", "2026-12-06", "2026-12-21"]
    await clean(world)


async def test_a_batch_is_bounded_and_the_longest_due_come_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "BATCH", 3)
    await save(world, expiry=SHORT)
    people = []
    for n in range(7):
        people.append(await world.customer(email=f"c{n}@example.com"))
        await buy(world, people[-1], f"s-{n}", 10)
        world.clock.advance(hours=1)
    world.clock.advance(days=60)
    counts, seen = [], []
    while count := await upkeep.settle_due(world.call()):
        counts.append(count)
        seen.append({entry["owner"] for entry in await world.all("points_transactions", {"type": "EXPIRE"})})
    assert counts == [3, 3, 1]
    assert seen == [set(people[:3]), set(people[:6]), set(people)]
    await clean(world)


async def test_tiers_are_followed_in_batches_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "BATCH", 3)
    people = [await world.customer(email=f"c{n}@example.com") for n in range(7)]
    await save(world, tiers=[{"name": "Low", "threshold": 0}])
    counts = []
    while count := await upkeep.reconsider_due_tiers(world.call()):
        counts.append(count)
    assert counts == [3, 3, 1]
    assert len(people) == len(await world.all("outbox", {"topic": "TIER"}))
    await clean(world)


async def test_one_broken_account_does_not_stop_the_others(world: World) -> None:
    await save(world, expiry=SHORT)
    people = [await world.customer(email=f"c{n}@example.com") for n in range(4)]
    for n, person in enumerate(people):
        await buy(world, person, f"s-{n}", 600)
        world.clock.advance(minutes=1)
    (lot,) = await world.all("points_lots", {"owner": people[0]})
    await world.database["points_lots"].update_one({"_id": lot["_id"]}, {"$set": {"source": {"kind": "NONSENSE"}}})
    world.clock.advance(days=60)

    assert await settle(world) == 3

    ended = await world.all("points_transactions", {"type": "EXPIRE"})
    assert {entry["owner"] for entry in ended} == set(people[1:])
    assert await upkeep.settle_due(world.call()) == 0  # and the loop ends
    await world.database["points_lots"].update_one({"_id": lot["_id"]}, {"$set": {"source": lot["source"]}})
    assert await settle(world) == 1
    await clean(world)


async def test_a_broken_account_keeps_no_tier_and_no_birthday_from_the_others(world: World) -> None:
    broken, whole_ = [await world.customer(email=f"c{n}@example.com", birthDate="1990-11-23") for n in range(2)]
    birthday = {"name": "Birthday", "event": "BIRTHDAY", "points": 5}
    await save(world, tiers=[{"name": "Low", "threshold": 0}], earningRules=[birthday])
    await upkeep.grant_birthdays(world.call())
    account = {"customerId": broken}
    (before,) = await world.all("loyalty_accounts", account)
    accounts = world.database["loyalty_accounts"]
    await accounts.update_one({"_id": before["_id"]}, {"$set": {"tierSteps": [{"tierId": "nonsense"}]}})
    at(world, "2026-11-23T12:00:00+00:00")
    assert await reconsider(world) == 1
    while await upkeep.grant_birthdays(world.call()):
        pass
    assert [entry["owner"] for entry in await world.all("points_transactions")] == [whole_]
    await accounts.update_one({"_id": before["_id"]}, {"$set": {"tierSteps": before["tierSteps"]}})
    assert await reconsider(world) == 1
    await clean(world)


async def test_two_workers_at_once_post_everything_once(world: World) -> None:
    await save(world, expiry=SHORT)
    people = [await world.customer(email=f"c{n}@example.com") for n in range(8)]
    for n, person in enumerate(people):
        await buy(world, person, f"s-{n}", 600)
    world.clock.advance(days=400)
    await asyncio.gather(*(settle(world) for _ in range(3)), *(reconsider(world) for _ in range(3)))
    ended = await world.all("points_transactions", {"type": "EXPIRE"})
    assert sorted(entry["owner"] for entry in ended) == sorted(people)
    assert {entry["at"] for entry in ended} == {instant("2026-12-21T12:00:00")}
    falls = [event for event in await world.all("outbox", {"topic": "TIER"}) if event["data"]["since"].year == 2027]
    assert sorted(event["nodeId"] for event in falls) == sorted(people)
    await clean(world)


async def test_a_sale_and_a_worker_at_once_expire_points_once(world: World) -> None:
    await save(world, expiry=SHORT)
    ann = await world.customer()
    await buy(world, ann, "a", 100)
    world.clock.advance(days=60)
    await asyncio.gather(settle(world), *(buy(world, ann, f"b-{n}", 10) for n in range(4)), settle(world))
    assert [points for type_, points, *_ in await entries(world, ann) if type_ == "EXPIRE"] == [-100]
    assert (await world.points(ann))["available"] == 40
    await clean(world)


async def test_without_anything_due_nothing_is_written(world: World) -> None:
    ann = await world.customer()
    await buy(world, ann, "a", 100)
    before = await world.all("loyalty_accounts")
    assert (await settle(world), await reconsider(world)) == (0, 0)
    assert await world.all("loyalty_accounts") == before
