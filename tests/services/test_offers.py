"""Offers as they are saved: versions, what is left out and what is cleared, codes, and what is refused."""

from typing import Any

import pytest

from services.context import Shop
from tests.services.helpers import codes, nothing_written
from tests.services.loyalty_helpers import problems, then, together
from tests.services.offer_helpers import (
    UNKNOWN,
    archive,
    issue,
    issued,
    offer_id,
    products,
    save_offer,
    try_save,
)
from tests.services.program_helpers import in_force
from tests.services.reward_helpers import mug
from tests.support import STAFF, World

NO_CONDITIONS = {
    **dict.fromkeys(("channels", "storeCodes", "weeklyHours", "tiers", "tags", "attributes", "customerCount")),
    **dict.fromkeys(("firstPurchase", "birthdayWithinDays", "minimumSpend", "minimumQuantity")),
    **dict.fromkeys(("skus", "categories", "requiredSkus")),
    "requiresCode": False,
}
NO_LIMITS = dict.fromkeys(("total", "perCustomer", "period", "perPeriod", "budget"))


async def test_a_new_offer_has_nothing_that_was_not_said(world: World) -> None:
    offer = await save_offer(world, title=" Ten off ", kind="PERCENTAGE", value="10.00")

    assert offer.pop("id").startswith("off_")
    assert offer == {
        **dict.fromkeys(("description", "code", "buyQuantity", "getQuantity", "getSkus", "reward")),
        **dict.fromkeys(("startsAt", "endsAt", "stackingGroup")),
        "version": 1,
        "title": "Ten off",
        "kind": "PERCENTAGE",
        "value": "10",
        "priority": 0,
        "stacking": "COMBINABLE",
        "redemptionCount": 0,
        "active": True,
        "conditions": NO_CONDITIONS,
        "limits": NO_LIMITS,
    }


async def test_an_offer_is_answered_as_it_was_sent(world: World) -> None:
    await products(world, "TEA", "MUG", category="Kitchen")
    await world.data('mutation { saveStore(input: {code: "vienna-1"}) { store { id } } }')
    tier = (await in_force(world))["tiers"][1]["id"]
    ann, bea = await world.customer(), await world.customer(email="bea@example.com")
    hours = [{"day": 1, "from": "09:00", "to": "12:30"}, {"day": 7, "from": "18:00", "to": "24:00"}]
    conditions: dict[str, Any] = {
        "channels": ["WEB", "POS"],
        "storeCodes": ["vienna-1"],
        "weeklyHours": hours,
        "tiers": [tier],
        "tags": ["vip"],
        "attributes": {"size": 42, "club": True, "town": "Graz"},
        "firstPurchase": True,
        "birthdayWithinDays": 3,
        "minimumQuantity": "1.5",
        "skus": ["TEA"],
        "categories": ["Kitchen"],
        "requiredSkus": ["MUG"],
    }
    offer = await save_offer(
        world,
        title="Tea",
        description="Two for one",
        code=" tea-time ",
        kind="BUY_X_GET_Y",
        buyQuantity="1",
        getQuantity="0.5",
        getSkus=["TEA", "MUG"],
        startsAt="2026-11-01T00:00:00+01:00",
        endsAt="2026-12-01T00:00:00+01:00",
        priority=-3,
        stacking="EXCLUSIVE",
        stackingGroup="tea",
        conditions={**conditions, "minimumSpend": "5", "customers": [{"id": ann}, {"email": "BEA@example.com"}]},
        limits={"total": 100, "perCustomer": 2, "period": "WEEK", "perPeriod": 1, "budget": "250.5"},
        active=False,
    )

    assert offer["conditions"] == {
        **conditions,
        "minimumSpend": {"amount": "5.00"},
        "customerCount": 2,
        "requiresCode": True,
    }
    assert offer["limits"] == {
        "total": 100,
        "perCustomer": 2,
        "period": "WEEK",
        "perPeriod": 1,
        "budget": {"amount": "250.50"},
    }
    assert (offer["code"], offer["buyQuantity"], offer["getQuantity"]) == ("TEA-TIME", "1", "0.5")
    assert (offer["startsAt"], offer["endsAt"]) == ("2026-10-31T23:00:00.000Z", "2026-11-30T23:00:00.000Z")
    assert (offer["priority"], offer["stacking"], offer["stackingGroup"]) == (-3, "EXCLUSIVE", "tea")
    assert (offer["getSkus"], offer["active"], offer["description"]) == (["TEA", "MUG"], False, "Two for one")
    members = {member["owner"] for member in await world.all("offer_audience")}
    assert members == {ann, bea}


async def test_left_out_is_unchanged_and_null_is_cleared(world: World) -> None:
    ann = await world.customer()
    first = await save_offer(
        world,
        title="Ten off",
        kind="PERCENTAGE",
        value="10",
        priority=5,
        stacking="EXCLUSIVE",
        endsAt=then(world, days=1),
        conditions={"channels": ["WEB"], "minimumSpend": "5.00", "customers": [{"id": ann}]},
        limits={"total": 7, "perCustomer": 1},
    )
    second = await save_offer(
        world, first["id"], value="12", conditions={"minimumSpend": "6.00"}, limits={"perCustomer": 2}
    )
    assert second == {
        **first,
        "version": 2,
        "value": "12",
        "conditions": {**first["conditions"], "minimumSpend": {"amount": "6.00"}},
        "limits": {**first["limits"], "perCustomer": 2},
    }
    third = await save_offer(
        world,
        first["id"],
        endsAt=None,
        priority=None,
        stacking=None,
        conditions={"channels": None, "customers": None},
        limits={"total": None},
    )
    assert (third["endsAt"], third["priority"], third["stacking"]) == (None, 0, "COMBINABLE")
    assert third["conditions"] == {**NO_CONDITIONS, "minimumSpend": {"amount": "6.00"}}
    assert third["limits"] == {**NO_LIMITS, "perCustomer": 2}
    assert await world.all("offer_audience") == []
    fourth = await save_offer(world, first["id"], conditions=None, limits=None)
    assert (fourth["version"], fourth["conditions"], fourth["limits"]) == (4, NO_CONDITIONS, NO_LIMITS)


async def test_whom_an_offer_is_addressed_to_is_replaced_by_who_is_named_next(world: World) -> None:
    people = [await world.customer(email=f"{name}@example.com") for name in "abcd"]
    id_ = await offer_id(world, conditions={"customers": [{"id": one} for one in people[:3]]})
    await save_offer(world, id_, title="Nobody was named")
    assert {one["owner"] for one in await world.all("offer_audience")} == set(people[:3])

    again = await save_offer(world, id_, conditions={"customers": [{"id": people[2]}, {"id": people[3]}] * 2})

    assert again["conditions"]["customerCount"] == 2
    assert {one["owner"] for one in await world.all("offer_audience")} == set(people[2:])


async def test_each_change_is_told_and_an_archived_offer_stays(world: World) -> None:
    id_ = await offer_id(world)
    archived = await archive(world, id_, caller=STAFF)
    assert (archived["offer"]["version"], archived["offer"]["active"]) == (2, False)
    assert (await archive(world, id_))["offer"]["version"] == 2
    assert (await save_offer(world, id_, active=True))["version"] == 3

    told = [(one["nodeId"], one["data"]) for one in await world.all("outbox", {"topic": "OFFER"})]

    def data(change: str, version: int, active: bool) -> dict[str, Any]:
        return {"change": change, "version": version, "kind": "PERCENTAGE", "active": active}

    expected = [data("SAVED", 1, True), data("ARCHIVED", 2, False), data("SAVED", 3, True)]
    assert told == [(id_, one) for one in expected]


async def test_a_retry_saves_once_and_archives_once(world: World) -> None:
    first = await try_save(world, key="k", title="Ten off", kind="PERCENTAGE", value="10")
    again = await try_save(world, key="k", title="Ten off", kind="PERCENTAGE", value="10")
    assert again == {**first, "replayed": True}
    assert len(await world.all("offers")) == 1
    id_ = first["offer"]["id"]
    await archive(world, id_, key="a")
    assert (await archive(world, id_, key="a"))["replayed"]
    assert [one["data"]["version"] for one in await world.all("outbox", {"topic": "OFFER"})] == [1, 2]


async def test_saves_at_once_make_one_version_each(world: World) -> None:
    id_ = await offer_id(world)

    await together(*(try_save(world, id_, priority=number) for number in range(8)))

    (stored,) = await world.all("offers")
    assert stored["version"] == 9
    assert sorted(one["data"]["version"] for one in await world.all("outbox", {"topic": "OFFER"})) == [*range(1, 10)]


# ---------------------------------------------------------------- codes


async def test_a_code_is_one_whatever_its_case_and_free_again_once_it_is_another(world: World) -> None:
    first, second = await offer_id(world, code="Summer"), await offer_id(world)
    async with nothing_written(world):
        for taken in ("SUMMER", "summer", " sUmMeR "):
            refused = await try_save(world, second, code=taken)
            assert problems(refused) == [("ALREADY_EXISTS", ["input", "code"])]
    assert (await save_offer(world, first, code="summer"))["code"] == "SUMMER"
    await save_offer(world, first, code="winter")
    assert (await save_offer(world, second, code="summer"))["code"] == "SUMMER"
    await save_offer(world, first, code=None)
    assert (await offer_id(world, code="WINTER")) != first


async def test_of_two_offers_saved_at_once_with_one_code_one_has_it(world: World) -> None:
    sent = {"title": "Ten off", "kind": "PERCENTAGE", "value": "10", "code": "ONCE"}
    payloads = await together(*(try_save(world, **sent) for _ in range(6)))
    assert sorted(map(str, map(codes, payloads))) == ["['ALREADY_EXISTS']"] * 5 + ["[]"]
    assert len(await world.all("offers")) == 1


async def test_issued_codes_are_told_apart_and_whoever_retries_gets_the_same(world: World) -> None:
    ann, bea = await world.customer(), await world.customer(email="bea@example.com")
    id_ = await offer_id(world, conditions={"requiresCode": True})
    first = await issue(world, id_, 2, bea, ann, key="k", caller=STAFF)
    assert (first["userErrors"], first["replayed"], first["offer"]["id"]) == ([], False, id_)
    assert len(set(first["codes"])) == 4
    assert {letter for code in first["codes"] for letter in code} <= set("23456789ABCDEFGHJKMNPQRSTVWXYZ")
    owners = {one["code"]: one["owner"] for one in await world.all("offer_codes")}
    assert [owners[code] for code in first["codes"]] == [bea, bea, ann, ann]
    async with nothing_written(world):
        assert await issue(world, id_, 2, bea, ann, key="k", caller=STAFF) == {**first, "replayed": True}
    outcome = next(key["outcome"] for key in await world.all("keys") if key["_id"].startswith("idem:"))
    assert not set(first["codes"]) & set(str(outcome).split("'"))


async def test_ten_thousand_codes_are_issued_at_once_and_no_more(world: World) -> None:
    id_ = await offer_id(world, conditions={"requiresCode": True})
    payload = await issue(world, id_, 10_000)
    assert payload["userErrors"] == []
    assert len(set(payload["codes"])) == 10_000
    ann = await world.customer()
    async with nothing_written(world):
        for count, people in ((10_001, []), (0, []), (-1, []), (5001, [ann, ann])):
            assert problems(await issue(world, id_, count, *people)) == [("INVALID", ["count"])]


async def test_codes_are_issued_of_offers_that_ask_for_one_to_customers_who_are_there(world: World) -> None:
    asks, asks_not = await offer_id(world, code="ASK"), await offer_id(world)
    ann, nobody = await world.customer(), "cus_00000000000000000000000000"
    async with nothing_written(world):
        assert problems(await issue(world, asks_not)) == [("INVALID", ["id"])]
        assert problems(await issue(world, UNKNOWN)) == [("NOT_FOUND", ["id"])]
        assert problems(await issue(world, ann)) == [("INVALID", ["id"])]
        assert problems(await issue(world, asks, 1, ann, nobody)) == [("NOT_FOUND", ["customers", "1"])]
        assert problems(await issue(world, asks, 1, asks)) == [("INVALID", ["customers", "0", "id"])]


async def test_a_codes_name_is_nobody_elses_among_offers_and_rewards(world: World) -> None:
    id_ = await offer_id(world, code="ONE")
    (code,) = await issued(world, id_)
    other = await try_save(world, title="Two", kind="PERCENTAGE", value="1", code=code.lower())
    assert problems(other) == [("ALREADY_EXISTS", ["input", "code"])]


# ---------------------------------------------------------------- what is refused


def line_offer(**conditions: Any) -> dict[str, Any]:
    return {"conditions": conditions}


BAD: list[tuple[dict[str, Any], list[tuple[str, list[str]]]]] = [
    ({"title": None}, [("INVALID", ["title"])]),
    ({"title": "  "}, [("INVALID", ["title"])]),
    ({"kind": None}, [("INVALID", ["kind"])]),
    ({"value": "120"}, [("INVALID", ["value"])]),
    ({"value": "100.000001"}, [("INVALID", ["value"])]),
    ({"value": "0"}, [("INVALID", ["value"])]),
    ({"value": "-5"}, [("INVALID", ["value"])]),
    ({"value": "1e1"}, [("INVALID", ["value"])]),
    ({"value": None}, [("INVALID", ["value"])]),
    ({"value": "9" * 13}, [("INVALID", ["value"])]),
    ({"kind": "AMOUNT", "value": "1.005"}, [("INVALID", ["value"])]),
    ({"kind": "AMOUNT", "value": "0"}, [("INVALID", ["value"])]),
    ({"kind": "POINTS_MULTIPLIER", "value": "1"}, [("INVALID", ["value"])]),
    ({"kind": "BONUS_POINTS", "value": "1.5"}, [("INVALID", ["value"])]),
    ({"kind": "BUY_X_GET_Y"}, [("INVALID", ["value"]), ("INVALID", ["buyQuantity"]), ("INVALID", ["getQuantity"])]),
    ({"kind": "FREE_ITEM", "value": None}, [("INVALID", ["getSkus"])]),
    ({"kind": "FREE_ITEM", "value": None, "getSkus": []}, [("INVALID", ["getSkus"])]),
    ({"kind": "REWARD_CODE", "value": None}, [("INVALID", ["rewardId"])]),
    (
        {"kind": "REWARD_CODE", "value": None, "rewardId": "rwd_00000000000000000000000000"},
        [("NOT_FOUND", ["rewardId"])],
    ),
    ({"kind": "REWARD_CODE", "value": None, "rewardId": UNKNOWN}, [("INVALID", ["rewardId"])]),
    ({"buyQuantity": "1"}, [("INVALID", ["buyQuantity"])]),
    ({"getSkus": ["MUG"]}, [("INVALID", ["getSkus"])]),
    ({"rewardId": "rwd_00000000000000000000000000"}, [("INVALID", ["rewardId"]), ("NOT_FOUND", ["rewardId"])]),
    ({"startsAt": "2026-12-01T00:00:00Z", "endsAt": "2026-11-01T00:00:00Z"}, [("INVALID", ["endsAt"])]),
    ({"startsAt": "2026-12-01T00:00:00Z", "endsAt": "2026-12-01T00:00:00Z"}, [("INVALID", ["endsAt"])]),
    ({"startsAt": "2026-12-01T00:00:00"}, [("INVALID", ["startsAt"])]),
    ({"stackingGroup": ""}, [("INVALID", ["stackingGroup"])]),
    ({"code": "\x00"}, [("INVALID", ["code"])]),
    ({"code": "X", "conditions": {"requiresCode": False}}, [("INVALID", ["conditions", "requiresCode"])]),
    (line_offer(skus=["NEVER"]), [("NOT_FOUND", ["conditions", "skus", "0"])]),
    (line_offer(requiredSkus=["MUG", "NEVER"]), [("NOT_FOUND", ["conditions", "requiredSkus", "1"])]),
    (line_offer(skus=[]), [("INVALID", ["conditions", "skus"])]),
    (line_offer(categories=["Kitchen", "Nowhere"]), [("NOT_FOUND", ["conditions", "categories", "1"])]),
    (line_offer(storeCodes=["nowhere"]), [("NOT_FOUND", ["conditions", "storeCodes", "0"])]),
    (line_offer(channels=[]), [("INVALID", ["conditions", "channels"])]),
    (line_offer(tiers=["tie_00000000000000000000000000"]), [("NOT_FOUND", ["conditions", "tiers", "0"])]),
    (line_offer(tiers=[UNKNOWN]), [("INVALID", ["conditions", "tiers", "0"])]),
    (line_offer(tiers=["Gold"]), [("INVALID", ["conditions", "tiers", "0"])]),
    (
        line_offer(customers=[{"email": "no@example.com"}, {"id": "cus_00000000000000000000000000"}]),
        [("NOT_FOUND", ["conditions", "customers", "0"]), ("NOT_FOUND", ["conditions", "customers", "1"])],
    ),
    (line_offer(customers=[]), [("INVALID", ["conditions", "customers"])]),
    (line_offer(weeklyHours=[]), [("INVALID", ["conditions", "weeklyHours"])]),
    (
        line_offer(weeklyHours=[{"day": 1, "from": "12:00", "to": "12:00"}]),
        [("INVALID", ["conditions", "weeklyHours", "0", "to"])],
    ),
    (
        line_offer(weeklyHours=[{"day": 8, "from": "9:00", "to": "25:00"}]),
        [("INVALID", ["conditions", "weeklyHours", "0", name]) for name in ("day", "from", "to")],
    ),
    (
        line_offer(weeklyHours=[{"day": 1, "from": "12:60", "to": "24:01"}]),
        [("INVALID", ["conditions", "weeklyHours", "0", name]) for name in ("from", "to")],
    ),
    (line_offer(attributes={"$gt": 1}), [("INVALID", ["conditions", "attributes"])]),
    (line_offer(attributes={"size": {"$gt": 1}}), [("INVALID", ["conditions", "attributes"])]),
    (line_offer(attributes={"size": [1]}), [("INVALID", ["conditions", "attributes"])]),
    (line_offer(attributes={"a.b": 1}), [("INVALID", ["conditions", "attributes"])]),
    (line_offer(attributes={"size": None}), [("INVALID", ["conditions", "attributes"])]),
    (line_offer(attributes={}), [("INVALID", ["conditions", "attributes"])]),
    (line_offer(attributes=[1]), [("INVALID", ["conditions", "attributes"])]),
    (line_offer(attributes={"size": 2**54}), [("INVALID", ["conditions", "attributes"])]),
    (line_offer(minimumSpend="-1"), [("INVALID", ["conditions", "minimumSpend"])]),
    (line_offer(minimumQuantity="0"), [("INVALID", ["conditions", "minimumQuantity"])]),
    (line_offer(birthdayWithinDays=400), [("INVALID", ["conditions", "birthdayWithinDays"])]),
    ({"limits": {"total": 0}}, [("INVALID", ["limits", "total"])]),
    ({"limits": {"total": -1}}, [("INVALID", ["limits", "total"])]),
    ({"limits": {"budget": "0"}}, [("INVALID", ["limits", "budget"])]),
    ({"limits": {"budget": "1.001"}}, [("INVALID", ["limits", "budget"])]),
    ({"limits": {"perPeriod": 1}}, [("INVALID", ["limits", "period"])]),
    ({"limits": {"period": "DAY"}}, [("INVALID", ["limits", "perPeriod"])]),
]


@pytest.mark.parametrize(("input", "expected"), BAD)
async def test_a_bad_offer_is_refused_with_its_field_and_nothing_is_written(
    world: World, input: dict[str, Any], expected: list[tuple[str, list[str]]]
) -> None:
    await products(world, "MUG", category="Kitchen")
    good = await offer_id(world)
    async with nothing_written(world):
        refused = await try_save(world, **{"title": "Bad", "kind": "PERCENTAGE", "value": "10"} | input)
        assert problems(refused) == [(code, ["input", *field]) for code, field in expected]
        assert refused["offer"] is None
        again = await try_save(world, good, **{"kind": "PERCENTAGE", "value": "10"} | input)
        assert problems(again) == [(code, ["input", *field]) for code, field in expected]


async def test_an_offer_that_is_not_there_is_neither_changed_nor_archived(world: World) -> None:
    ann = await world.customer()
    async with nothing_written(world):
        for id_, code in ((UNKNOWN, "NOT_FOUND"), (ann, "INVALID"), ("nonsense", "INVALID")):
            assert problems(await try_save(world, id_, title="X")) == [(code, ["id"])]
            assert problems(await archive(world, id_)) == [(code, ["id"])]


async def test_an_offer_gives_a_reward_that_is_there(world: World) -> None:
    reward = await mug(world)
    offer = await save_offer(world, title="A mug", kind="REWARD_CODE", rewardId=reward)
    assert offer["reward"] == {"id": reward}


# ---------------------------------------------------------------- what a process remembers


def other_process(world: World) -> Shop:
    """Return the same shop as another process has it."""
    shop = world.shop
    return Shop(
        database=shop.database, currency=shop.currency, time_zone=shop.time_zone, pepper=shop.pepper, clock=world.clock
    )


async def test_a_process_knows_its_own_changes_at_once_and_others_after_five_seconds(world: World) -> None:
    other = other_process(world)
    first = await offer_id(world)
    assert {*(await other.known.offers()).by_id} == {first}
    second = await offer_id(world, code="TWO")
    await save_offer(world, first, title="Renamed")
    assert {*(await world.shop.known.offers()).by_id} == {first, second}
    assert {*(await other.known.offers()).by_id} == {first}
    world.clock.advance(seconds=6)
    known = await other.known.offers()
    assert {id_: offer.version for id_, offer in known.by_id.items()} == {first: 2, second: 1}
    await archive(world, first)
    world.clock.advance(seconds=6)
    assert {*(await other.known.offers()).by_id} == {second}


async def test_what_is_over_is_forgotten_and_what_is_to_come_is_known(world: World) -> None:
    await offer_id(world, endsAt=world.clock().isoformat())
    soon = await offer_id(world, startsAt=then(world, days=1))
    ends = await offer_id(world, endsAt=then(world, hours=1))
    known = world.shop.known
    assert {*(await known.offers()).by_id} == {soon, ends}
    world.clock.advance(hours=1)
    assert {*(await known.offers()).by_id} == {soon}


async def test_looking_for_changes_is_one_small_question_and_nobodys_audience_is_remembered(world: World) -> None:
    people = [await world.customer(email=f"{number}@example.com") for number in range(5)]
    id_ = await offer_id(world, conditions={"customers": [{"id": one} for one in people]})
    known = world.shop.known
    live = await known.offers()
    assert live.by_id[id_].conditions.customers == frozenset()
    assert live.addressed == {id_}
    world.clock.advance(seconds=6)
    world.commands.names.clear()
    await known.offers()
    await known.offers()
    assert world.commands.names == ["find offers"]
