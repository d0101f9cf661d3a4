"""A bad offer is refused with its field, and nothing is written."""

from typing import Any

import pytest

from tests.services.helpers import nothing_written
from tests.services.loyalty_helpers import problems
from tests.services.offer_helpers import UNKNOWN, archive, offer_id, products, save_offer, try_save
from tests.services.reward_helpers import mug
from tests.support import World


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
