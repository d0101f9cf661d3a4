"""New versions of the programme: which is in force when, what stays as it was, by which one a sale is judged."""

import asyncio
from typing import Any

import pytest

from tests.services.helpers import claim, nothing_written
from tests.services.program_helpers import (
    SAVE,
    birthdays,
    buy,
    clean,
    earned,
    flat,
    in_force,
    posted,
    rule,
    save,
    try_save,
)
from tests.support import POS, STAFF, STOREFRONT, World, customer_caller, whole

KEYED = SAVE.replace("saveLoyaltyProgram(input: $input)", 'saveLoyaltyProgram(input: $input) @idempotent(key: "p-1")')


def without(program: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in program.items() if name not in names}


async def test_a_version_begins_now_and_what_is_left_out_is_as_it_was_before(world: World) -> None:
    first = await in_force(world)
    world.clock.advance(days=1)

    second = await save(world, name="Beans")

    assert (first["version"], first["name"], first["validFrom"]) == (1, "Points", "1970-01-01T00:00:00.000Z")
    assert (second["version"], second["name"], second["validFrom"]) == (2, "Beans", "2026-11-22T12:00:00.000Z")
    assert without(second, "version", "name", "validFrom") == without(first, "version", "name", "validFrom")
    assert await in_force(world) == second
    stored = await world.all("loyalty_programs")
    assert [(version["_id"], version["name"]) for version in stored] == [(1, "Points"), (2, "Beans")]


async def test_everything_that_is_sent_is_told_as_it_was_sent_with_ids_of_its_own(world: World) -> None:
    await world.sell()  # the mug is a product from now on
    saved = await save(
        world,
        earningRules=[
            rule(name=" Base ", pointsPerUnit="1.50", categories=["tea", "pots"], skus=["MUG"], tiers=["gold", "Iron"]),
            flat(7, channels=["WEB"], storeCodes=["v-1"], startsAt="2026-12-01T00:00:00+01:00", active=False),
            flat(5, event="CUSTOM_EVENT", eventName="quiz", capPoints=20, capPeriod="WEEK"),
        ],
        tiers=[
            {"name": "Gold", "threshold": 900, "earnMultiplier": "1.333333", "benefits": ["Coffee"]},
            {"name": "Iron", "threshold": 0},
        ],
        rewards=[
            {"title": "Five off", "points": 100, "kind": "AMOUNT_OFF", "value": "5", "stock": 3, "perCustomerLimit": 1},
            {"title": "A mug", "points": 200, "kind": "PRODUCT", "productSku": "MUG", "active": False},
        ],
        pending={"kind": "DAYS", "days": 14},
        expiry={"kind": "END_OF_YEAR", "months": 12},
        returns="FORGIVE",
        tierPolicy={"basis": "SPEND", "window": "CALENDAR_YEAR", "graceDays": 30, "keepOnReturn": True},
        overdraftPoints=50,
        referral={"referrerPoints": 100, "refereePoints": 50, "minimumSpend": "20.00", "perReferrerLimit": 5},
    )

    iron, gold = saved["tiers"]
    assert [(tier["name"], tier["threshold"]) for tier in (iron, gold)] == [("Iron", 0), ("Gold", 900)]
    assert (iron["earnMultiplier"], gold["earnMultiplier"], gold["benefits"]) == ("1", "1.333333", ["Coffee"])
    base, visit, quiz = saved["earningRules"]
    assert (base["name"], base["pointsPerUnit"], base["points"]) == ("Base", "1.5", None)
    assert (base["categories"], base["skus"], base["tiers"]) == (["tea", "pots"], ["MUG"], [gold["id"], iron["id"]])
    assert (visit["points"], visit["channels"], visit["storeCodes"]) == (7, ["WEB"], ["v-1"])
    assert (visit["startsAt"], visit["endsAt"], visit["active"]) == ("2026-11-30T23:00:00.000Z", None, False)
    assert (quiz["event"], quiz["eventName"], quiz["capPoints"], quiz["capPeriod"]) == (
        "CUSTOM_EVENT",
        "quiz",
        20,
        "WEEK",
    )
    five, mug = saved["rewards"]
    assert (five["value"], five["product"], five["stock"], five["perCustomerLimit"]) == ({"amount": "5.00"}, None, 3, 1)
    assert (mug["value"], mug["product"], mug["stock"], mug["active"]) == (None, {"sku": "MUG"}, None, False)
    assert saved["pending"] == {"kind": "DAYS", "days": 14, "event": None}
    assert saved["expiry"] == {"kind": "END_OF_YEAR", "months": 12}
    assert saved["tierPolicy"] == {"basis": "SPEND", "window": "CALENDAR_YEAR", "graceDays": 30, "keepOnReturn": True}
    assert (saved["returns"], saved["overdraftPoints"]) == ("FORGIVE", 50)
    assert saved["referral"] == {
        "referrerPoints": 100,
        "refereePoints": 50,
        "minimumSpend": {"amount": "20.00"},
        "perReferrerLimit": 5,
    }
    ids = [thing["id"] for thing in (*saved["tiers"], *saved["earningRules"], *saved["rewards"])]
    assert len(set(ids)) == 7
    assert await in_force(world) == saved


async def test_null_clears_and_the_next_version_keeps_it_cleared(world: World) -> None:
    await save(
        world,
        rewards=[{"title": "Five off", "points": 100, "kind": "AMOUNT_OFF", "value": "5"}],
        pending={"kind": "DAYS", "days": 14},
        overdraftPoints=50,
        referral={"referrerPoints": 100, "refereePoints": 50},
    )

    names = ("earningRules", "rewards", "pending", "expiry", "overdraftPoints", "referral", "validFrom")
    cleared = await save(world, **dict.fromkeys(names))
    after = await save(world, name="Beans")

    assert (cleared["earningRules"], cleared["rewards"], cleared["referral"]) == ([], [], None)
    assert cleared["pending"] == {"kind": "NONE", "days": None, "event": None}
    assert cleared["expiry"] == {"kind": "NEVER", "months": None}
    assert (cleared["overdraftPoints"], cleared["validFrom"]) == (0, "2026-11-21T12:00:00.000Z")
    assert without(after, "version", "name") == without(cleared, "version", "name")


async def test_a_planned_version_is_in_the_payload_and_comes_into_force_by_the_clock(world: World) -> None:
    ann = await world.customer()
    first = await in_force(world)

    planned = await save(world, validFrom="2026-12-01T00:00:00+01:00", earningRules=[rule(pointsPerUnit="2")])

    assert (planned["version"], planned["validFrom"]) == (2, "2026-11-30T23:00:00.000Z")
    assert await in_force(world) == first
    assert await earned(world, ann, "a", 10) == 10
    world.clock.now = world.clock.now.replace(month=11, day=30, hour=22, minute=59, second=59, microsecond=999000)
    assert await in_force(world) == first
    world.clock.advance(milliseconds=1)
    assert await in_force(world) == planned
    assert await earned(world, ann, "b", 10) == 20
    await clean(world)


async def test_a_version_that_begins_earlier_replaces_a_plan_and_a_later_one_follows_it(world: World) -> None:
    await save(world, validFrom="2026-12-10T00:00:00Z", name="Ten")
    await save(world, validFrom="2026-12-05T00:00:00Z", name="Five")
    await save(world, validFrom="2026-12-20T00:00:00Z", name="Twenty")

    names = []
    for day in (4, 5, 10, 19, 20):
        world.clock.now = world.clock.now.replace(month=12, day=day, hour=0)
        names.append((await in_force(world))["name"])

    assert names == ["Points", "Five", "Five", "Five", "Twenty"]


async def test_what_is_changed_today_does_not_bring_a_plan_into_force_early(world: World) -> None:
    ann = await world.customer()
    await save(world, validFrom="2026-12-01T00:00:00Z", earningRules=[rule(pointsPerUnit="2")])

    await save(world, name="Beans")

    assert await earned(world, ann, "a", 10) == 10  # double points were promised for December


@pytest.mark.parametrize("instant", ["2026-11-21T11:59:59.999Z", "2020-01-01T00:00:00Z"])
async def test_no_version_begins_in_the_past(world: World, instant: str) -> None:
    async with nothing_written(world):
        refused = await try_save(world, validFrom=instant, name="Beans")
    assert (refused["loyaltyProgram"], refused["replayed"]) == (None, False)
    assert [(error["code"], error["field"]) for error in refused["userErrors"]] == [("INVALID", ["input", "validFrom"])]
    assert (await save(world, validFrom="2026-11-21T13:00:00+01:00"))["validFrom"] == "2026-11-21T12:00:00.000Z"


async def test_tiers_rules_and_rewards_keep_the_id_that_is_sent_and_others_are_new(world: World) -> None:
    first = await save(world, rewards=[{"title": "Five off", "points": 100, "kind": "AMOUNT_OFF", "value": "5"}])
    bronze, silver, _ = first["tiers"]
    reward, base = first["rewards"][0], first["earningRules"][0]
    second = await save(world, tiers=[{"id": bronze["id"], "name": "Basic", "threshold": 0}])

    third = await save(
        world,
        tiers=[
            {"name": "Gold", "threshold": 2000},
            {"id": silver["id"], "name": "Silver", "threshold": 400},  # gone in version 3, known all the same
            {"id": bronze["id"], "name": "Basic", "threshold": 0},
        ],
        earningRules=[rule(name="Other"), rule(id=base["id"], name="Base", tiers=["SILVER"])],
        rewards=[{"id": reward["id"], "title": "Six off", "points": 100, "kind": "AMOUNT_OFF", "value": "6"}],
    )

    assert [tier["id"] for tier in second["tiers"]] == [bronze["id"]]
    assert [tier["id"] for tier in third["tiers"]][:2] == [bronze["id"], silver["id"]]
    assert third["tiers"][2]["id"] not in {tier["id"] for tier in first["tiers"]}
    other, kept = third["earningRules"]
    assert (kept["id"], kept["tiers"]) == (base["id"], [silver["id"]])
    assert other["id"] != base["id"]
    assert [one["id"] for one in third["rewards"]] == [reward["id"]]
    assert third["id"] == first["id"]


async def test_an_id_that_no_version_had_or_that_is_of_something_else_is_refused(world: World) -> None:
    program = await in_force(world)
    silver, base = program["tiers"][1]["id"], program["earningRules"][0]["id"]
    unknown = "tir_01J00000000000000000000000"
    async with nothing_written(world):
        refused = await try_save(
            world,
            tiers=[
                {"name": "A", "threshold": 0, "id": base},
                {"name": "B", "threshold": 1, "id": unknown},
                {"name": "C", "threshold": 2, "id": silver},
            ],
            earningRules=[rule(id=silver)],
            rewards=[{"id": base, "title": "x", "points": 1, "kind": "AMOUNT_OFF", "value": "1"}],
        )
    assert [(error["code"], error["field"]) for error in refused["userErrors"]] == [
        ("INVALID", ["input", "tiers", "0", "id"]),
        ("INVALID", ["input", "tiers", "1", "id"]),
        ("INVALID", ["input", "earningRules", "0", "id"]),
        ("INVALID", ["input", "rewards", "0", "id"]),
    ]


async def test_two_admins_at_once_make_two_versions_and_neither_loses_what_the_other_said(world: World) -> None:
    one, two = await asyncio.gather(save(world, name="Beans"), save(world, overdraftPoints=9))
    assert {one["version"], two["version"]} == {2, 3}
    now = await in_force(world)
    assert (now["version"], now["name"], now["overdraftPoints"]) == (3, "Beans", 9)


async def test_a_version_sent_again_under_its_key_is_made_once(world: World) -> None:
    first = (await world.data(KEYED, {"input": {"name": "Beans"}}))["saveLoyaltyProgram"]
    world.clock.advance(hours=1)
    again = (await world.data(KEYED, {"input": {"name": "Beans"}}))["saveLoyaltyProgram"]
    other = (await world.data(KEYED, {"input": {"name": "Peas"}}))["saveLoyaltyProgram"]
    assert (first["loyaltyProgram"]["version"], first["replayed"]) == (2, False)
    assert again == {**first, "replayed": True}
    assert [error["code"] for error in other["userErrors"]] == ["IDEMPOTENCY_KEY_MISMATCH"]
    assert len(await world.all("loyalty_programs")) == 2


async def test_only_admins_save_a_programme(world: World) -> None:
    ann = await world.customer()
    async with nothing_written(world):
        for caller in (POS, STAFF, STOREFRONT, customer_caller(ann)):
            body = await world.answer(SAVE, {"input": {"name": "Mine"}}, caller=caller)
            assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN"]


async def test_a_sale_is_judged_by_the_version_at_its_instant_however_late_it_comes(world: World) -> None:
    ann = await world.customer()
    world.clock.advance(days=5)
    await save(world, earningRules=[rule(pointsPerUnit="2"), flat(3, name="Visit")])
    world.clock.advance(days=5)
    assert await earned(world, ann, "a", 10, occurredAt="2026-11-26T11:59:59.999Z") == 10
    assert await earned(world, ann, "b", 10, occurredAt="2026-11-26T12:00:00Z") == 23
    assert await posted(world, ann) == [("EARN", 10, None), ("EARN", 20, None), ("BONUS", 3, "Visit")]
    await clean(world)


async def test_a_return_takes_back_what_its_sale_earned_whatever_version_is_in_force_by_then(world: World) -> None:
    ann = await world.customer()
    sold = await buy(world, ann, "a", 10, lines=[{**whole(10)["lines"][0], "quantity": "2", "unitPrice": "5.00"}])
    world.clock.advance(days=1)
    await save(world, earningRules=[rule(pointsPerUnit="7")], returns="FORGIVE", expiry=None)
    world.clock.advance(days=1)
    half = await world.give_back(sold["id"], {1: "1"}, id="r-1")
    assert half["purchaseReturn"]["pointsTakenBack"] == 5
    await buy(world, ann, "b", 10)
    rest = await world.give_back(sold["id"], {1: "1"}, id="r-2")
    assert rest["purchaseReturn"]["pointsTakenBack"] == 5
    assert [points for _, points, _ in await posted(world, ann)] == [10, -5, 70, -5]
    await clean(world)


async def test_a_claim_earns_by_the_version_at_the_sale(world: World) -> None:
    ann = await world.customer()
    before = (await world.sell(**whole(10), id="a", occurredAt=world.clock().isoformat()))["purchase"]
    world.clock.advance(days=1)
    await save(world, earningRules=[rule(pointsPerUnit="2")])
    after = (await world.sell(**whole(10), id="b", occurredAt=world.clock().isoformat()))["purchase"]
    assert (await claim(world, before["id"], customer=ann))["purchase"]["pointsEarned"] == 10
    assert (await claim(world, after["id"], customer=ann))["purchase"]["pointsEarned"] == 20
    await clean(world)


async def test_debt_is_made_or_forgiven_as_the_version_of_the_sale_says(world: World) -> None:
    ann, bob = await world.customer(), await world.customer(email="bob@example.com")
    strict = await buy(world, ann, "a", 10)
    world.clock.advance(days=1)
    await save(world, returns="FORGIVE")
    kind = await buy(world, bob, "b", 10)
    for who, sold, id_ in ((ann, strict, "1"), (bob, kind, "2")):
        await world.sell(**whole(1, id=f"p-{id_}", customer={"id": who}, points=10, occurredAt="2026-11-22T12:00:00Z"))
        await world.give_back(sold["id"], {1: "1"}, id=f"r-{id_}")
    assert (await world.points(ann))["debt"] == 9  # the sale paid with points earned 1
    assert (await world.points(bob))["debt"] == 0
    await clean(world)


async def test_the_stock_of_a_reward_is_kept_set_or_lifted(world: World) -> None:
    five = {"title": "Five off", "points": 100, "kind": "AMOUNT_OFF", "value": "5"}
    (first,) = (await save(world, rewards=[{**five, "stock": 5}]))["rewards"]
    sent = {**five, "id": first["id"]}
    assert first["stock"] == 5
    for change, left in (({}, 5), ({"stock": 2}, 2), ({}, 2), ({"stock": None}, None), ({}, None), ({"stock": 0}, 0)):
        (saved,) = (await save(world, rewards=[{**sent, **change}]))["rewards"]
        assert saved["stock"] == left
    assert (await save(world, name="Beans"))["rewards"][0]["stock"] == 0

    async with nothing_written(world):
        refused = await try_save(world, rewards=[{**sent, "stock": 9, "points": 0}])
        negative = await try_save(world, rewards=[{**sent, "stock": -1}])
    assert refused["userErrors"][0]["field"] == ["input", "rewards", "0", "points"]
    assert negative["userErrors"][0]["field"] == ["input", "rewards", "0", "stock"]


async def test_saving_a_version_moves_nobodys_points(world: World) -> None:
    ann = await world.customer()
    await buy(world, ann, "a", 10)
    before = await posted(world, ann), await world.points(ann)
    await save(world, earningRules=[rule(pointsPerUnit="9")], expiry={"kind": "END_OF_MONTH"})
    await birthdays(world)
    assert (await posted(world, ann), await world.points(ann)) == before
    await clean(world)
