"""Every rule that a programme must keep, told through GraphQL with its path, all at once, and nothing written."""

from typing import Any

import pytest

from tests.services.helpers import nothing_written
from tests.services.program_helpers import flat, in_force, rule, save, try_save
from tests.support import World

BRONZE = {"name": "Bronze", "threshold": 0}
OFF = {"title": "Off", "points": 10, "kind": "AMOUNT_OFF", "value": "1"}
CAP: dict[str, Any] = {"capPoints": 10, "capPeriod": "DAY"}
POLICY = {"basis": "POINTS", "window": "ROLLING_365_DAYS"}
BOTH = {"referrerPoints": 1, "refereePoints": 1}


def tiers(*more: dict[str, Any]) -> dict[str, Any]:
    return {"tiers": [BRONZE, *more]}


def rules(*sent: dict[str, Any]) -> dict[str, Any]:
    return {"earningRules": list(sent)}


def rewards(**fields: Any) -> dict[str, Any]:
    return {"rewards": [{**OFF, **fields}]}


BAD: list[tuple[dict[str, Any], list[str]]] = [
    ({"name": " "}, ["name"]),
    ({"validFrom": "2026-12-01T00:00:00"}, ["validFrom"]),
    ({"tiers": []}, ["tiers"]),
    ({"tiers": None}, ["tiers"]),
    ({"tiers": [{"name": f"T{n}", "threshold": n} for n in range(21)]}, ["tiers"]),
    ({"tiers": [{"name": "A", "threshold": 1}]}, ["tiers.0.threshold"]),
    ({"tiers": [{"name": "A", "threshold": -1}]}, ["tiers.0.threshold"]),
    (tiers({"name": "A", "threshold": 10**9 + 1}), ["tiers.1.threshold"]),
    (tiers({"name": "A", "threshold": 5, "earnMultiplier": "0"}), ["tiers.1.earnMultiplier"]),
    (tiers({"name": "A", "threshold": 5, "earnMultiplier": "100.000001"}), ["tiers.1.earnMultiplier"]),
    (tiers({"name": "A", "threshold": 5, "earnMultiplier": "-1"}), ["tiers.1.earnMultiplier"]),
    (tiers({"name": "A", "threshold": 5, "earnMultiplier": "1.0000001"}), ["tiers.1.earnMultiplier"]),
    (tiers({"name": "A", "threshold": 0}), ["tiers.1.threshold"]),
    (tiers({"name": " BRONZE", "threshold": 5}), ["tiers.1.name"]),
    (tiers({"name": "", "threshold": 5}), ["tiers.1.name"]),
    (tiers({"name": "A", "threshold": 5, "benefits": ["x"] * 51}), ["tiers.1.benefits"]),
    (rules(*[rule(name=f"R{n}") for n in range(101)]), ["earningRules"]),
    (rules({"name": "A", "event": "PURCHASE"}), ["earningRules.0.points"]),
    (rules(rule(pointsPerUnit="1", points=1)), ["earningRules.0.points"]),
    (rules(rule(event="FEEDBACK", **CAP)), ["earningRules.0.pointsPerUnit"]),
    (rules(rule(), rule(pointsPerUnit="0")), ["earningRules.1.pointsPerUnit"]),
    (rules(rule(pointsPerUnit="10000.000001")), ["earningRules.0.pointsPerUnit"]),
    (rules(flat(0)), ["earningRules.0.points"]),
    (rules(flat(-5)), ["earningRules.0.points"]),
    (rules(flat(1_000_001)), ["earningRules.0.points"]),
    (rules(flat(1, event="CUSTOM_EVENT", **CAP)), ["earningRules.0.eventName"]),
    (rules(flat(1, event="BIRTHDAY", eventName="quiz")), ["earningRules.0.eventName"]),
    (rules(flat(1, event="BIRTHDAY", categories=["tea"])), ["earningRules.0.categories"]),
    (rules(flat(1, event="PROFILE_COMPLETED", skus=["MUG"])), ["earningRules.0.skus"]),
    (rules(rule(categories=[])), ["earningRules.0.categories"]),
    (rules(rule(skus=[])), ["earningRules.0.skus"]),
    (rules(rule(channels=[])), ["earningRules.0.channels"]),
    (rules(rule(storeCodes=[])), ["earningRules.0.storeCodes"]),
    (rules(rule(tiers=[])), ["earningRules.0.tiers"]),
    (rules(rule(tiers=["Gold", "Iron"])), ["earningRules.0.tiers.1"]),
    (
        rules(rule(startsAt="2026-12-01T00:00:00Z", endsAt="2026-12-01T01:00:00+01:00")),
        ["earningRules.0.endsAt"],
    ),
    (rules(rule(capPoints=0, capPeriod="DAY")), ["earningRules.0.capPoints"]),
    (rules(rule(capPeriod="DAY")), ["earningRules.0.capPoints"]),
    (rules(rule(capPoints=5)), ["earningRules.0.capPeriod"]),
    (rules(flat(1, event="FEEDBACK")), ["earningRules.0.capPoints"]),
    (rules(flat(1, event="REFERRAL")), ["earningRules.0.capPoints"]),
    (rules(flat(1, event="CUSTOM_EVENT", eventName="quiz")), ["earningRules.0.capPoints"]),
    ({"rewards": [OFF] * 201}, ["rewards"]),
    (rewards(points=0), ["rewards.0.points"]),
    (rewards(points=10**9 + 1), ["rewards.0.points"]),
    (rewards(value=None), ["rewards.0.value"]),
    (rewards(value="0"), ["rewards.0.value"]),
    (rewards(value="-1"), ["rewards.0.value"]),
    (rewards(value="1.001"), ["rewards.0.value"]),
    (rewards(title=""), ["rewards.0.title"]),
    (rewards(perCustomerLimit=0), ["rewards.0.perCustomerLimit"]),
    (rewards(stock=-1), ["rewards.0.stock"]),
    (rewards(kind="PRODUCT", value=None), ["rewards.0.productSku"]),
    ({"pending": {"kind": "DAYS"}}, ["pending.days"]),
    ({"pending": {"kind": "DAYS", "days": 0}}, ["pending.days"]),
    ({"pending": {"kind": "DAYS", "days": 366}}, ["pending.days"]),
    ({"pending": {"kind": "NONE", "days": 3}}, ["pending.days"]),
    ({"pending": {"kind": "UNTIL_EVENT"}}, ["pending.event"]),
    ({"pending": {"kind": "NONE", "event": "paid"}}, ["pending.event"]),
    ({"pending": {"kind": "DAYS", "days": 3, "event": "paid"}}, ["pending.event"]),
    ({"expiry": {"kind": "NEVER", "months": 1}}, ["expiry.months"]),
    ({"expiry": {"kind": "ROLLING"}}, ["expiry.months"]),
    ({"expiry": {"kind": "ROLLING", "months": 0}}, ["expiry.months"]),
    ({"expiry": {"kind": "ROLLING", "months": 121}}, ["expiry.months"]),
    ({"expiry": {"kind": "SLIDING"}}, ["expiry.months"]),
    ({"expiry": {"kind": "END_OF_MONTH", "months": -1}}, ["expiry.months"]),
    ({"expiry": {"kind": "END_OF_QUARTER", "months": 121}}, ["expiry.months"]),
    ({"tierPolicy": {**POLICY, "graceDays": -1}}, ["tierPolicy.graceDays"]),
    ({"tierPolicy": {**POLICY, "graceDays": 365}}, ["tierPolicy.graceDays"]),
    ({"overdraftPoints": -1}, ["overdraftPoints"]),
    ({"overdraftPoints": 1_000_001}, ["overdraftPoints"]),
    ({"referral": {**BOTH, "referrerPoints": -1}}, ["referral.referrerPoints"]),
    ({"referral": {**BOTH, "refereePoints": 1_000_001}}, ["referral.refereePoints"]),
    ({"referral": {"referrerPoints": 0, "refereePoints": 0}}, ["referral.referrerPoints"]),
    ({"referral": {**BOTH, "minimumSpend": "-1"}}, ["referral.minimumSpend"]),
    ({"referral": {**BOTH, "perReferrerLimit": 0}}, ["referral.perReferrerLimit"]),
]


def paths(payload: dict[str, Any]) -> list[str]:
    assert {error["code"] for error in payload["userErrors"]} <= {"INVALID"}
    assert all(error["message"] for error in payload["userErrors"])
    return [".".join(error["field"]) for error in payload["userErrors"]]


@pytest.mark.parametrize(("input", "fields"), BAD, ids=lambda value: str(value)[:60])
async def test_what_no_programme_may_be_is_refused_with_its_path(
    world: World, input: dict[str, Any], fields: list[str]
) -> None:
    async with nothing_written(world):
        refused = await try_save(world, **input)
    assert refused["loyaltyProgram"] is None
    assert paths(refused) == [f"input.{field}" for field in fields]


async def test_all_problems_are_told_at_once_in_the_order_of_the_fields(world: World) -> None:
    async with nothing_written(world):
        refused = await try_save(
            world,
            validFrom="2020-01-01T00:00:00Z",
            earningRules=[rule(), flat(0, event="FEEDBACK", categories=["tea"])],
            tiers=[{"name": "A", "threshold": 5}, {"name": "a", "threshold": 9, "earnMultiplier": "0"}],
            rewards=[{**OFF, "points": 0, "perCustomerLimit": 0}],
            pending={"kind": "DAYS"},
            expiry={"kind": "NEVER", "months": 1},
            tierPolicy={**POLICY, "graceDays": 400},
            overdraftPoints=-1,
            referral={"referrerPoints": -1, "refereePoints": -2},
        )
    assert paths(refused) == [
        f"input.{field}"
        for field in (
            "validFrom",
            "earningRules.1.points",
            "earningRules.1.categories",
            "earningRules.1.capPoints",
            "tiers.0.threshold",
            "tiers.1.earnMultiplier",
            "tiers.1.name",
            "rewards.0.points",
            "rewards.0.perCustomerLimit",
            "pending.days",
            "expiry.months",
            "tierPolicy.graceDays",
            "overdraftPoints",
            "referral.referrerPoints",
            "referral.refereePoints",
        )
    ]


async def test_paths_count_tiers_as_they_were_sent_and_not_as_a_ladder(world: World) -> None:
    bad = {"name": "Gold", "threshold": 5, "earnMultiplier": "0"}
    descending = await try_save(world, tiers=[bad, BRONZE])
    assert paths(descending) == ["input.tiers.0.earnMultiplier"]

    twice = await try_save(world, tiers=[BRONZE, bad, BRONZE])
    assert paths(twice) == ["input.tiers.1.earnMultiplier", "input.tiers.2.threshold", "input.tiers.2.name"]


async def test_the_same_id_twice_is_refused(world: World) -> None:
    program = await in_force(world)
    tier, base = program["tiers"][0]["id"], program["earningRules"][0]["id"]
    reward = (await save(world, rewards=[OFF]))["rewards"][0]["id"]
    async with nothing_written(world):
        refused = await try_save(
            world,
            earningRules=[rule(id=base), rule(id=base)],
            tiers=[{**BRONZE, "id": tier}, {"name": "A", "threshold": 5, "id": tier}],
            rewards=[{**OFF, "id": reward}, {**OFF, "id": reward}],
        )
    assert paths(refused) == ["input.earningRules.1.id", "input.tiers.1.id", "input.rewards.1.id"]


async def test_a_tier_that_a_kept_rule_names_cannot_go(world: World) -> None:
    await save(world, earningRules=[rule(), flat(5, tiers=["Gold"])])
    async with nothing_written(world):
        refused = await try_save(world, tiers=[BRONZE])
    assert paths(refused) == ["input.earningRules.1.tiers.0"]


async def test_rewards_name_products_and_offers_that_are_there(world: World) -> None:
    async with nothing_written(world):
        refused = await try_save(
            world,
            rewards=[
                {"title": "A mug", "points": 10, "kind": "PRODUCT", "productSku": "NEVER"},
                {"title": "A code", "points": 10, "kind": "OFFER_CODE", "offerId": "ofr_01J00000000000000000000000"},
            ],
        )
    assert [(error["code"], error["field"]) for error in refused["userErrors"]] == [
        ("NOT_FOUND", ["input", "rewards", "0", "productSku"]),
        ("NOT_FOUND", ["input", "rewards", "1", "offerId"]),
    ]


async def test_the_bounds_themselves_are_accepted(world: World) -> None:
    saved = await save(
        world,
        tiers=[
            *({"name": f"T{n}", "threshold": n} for n in range(19)),
            {"name": "Top", "threshold": 10**9, "earnMultiplier": "100"},
        ],
        earningRules=[
            *(rule(name=f"R{n}", pointsPerUnit="10000") for n in range(99)),
            flat(1_000_000, capPoints=1, capPeriod="EVER"),
        ],
        rewards=[{**OFF, "points": 10**9, "perCustomerLimit": 1, "stock": 2**31 - 1}] * 200,
        pending={"kind": "DAYS", "days": 365},
        expiry={"kind": "SLIDING", "months": 120},
        tierPolicy={**POLICY, "graceDays": 364},
        overdraftPoints=1_000_000,
        referral={"referrerPoints": 1_000_000, "refereePoints": 0, "minimumSpend": "0", "perReferrerLimit": 1},
    )
    assert (len(saved["tiers"]), len(saved["earningRules"]), len(saved["rewards"])) == (20, 100, 200)
    assert saved["referral"]["minimumSpend"] == {"amount": "0.00"}
