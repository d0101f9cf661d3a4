"""Offers in a sale: judged anew as a quote would, within what was taken off, unlocked by codes."""

from typing import Any

import pytest

from tests.services.helpers import ago, cancel, codes, line, nothing_written
from tests.services.loyalty_helpers import bought, buy, paid, problems, rewards, rich, then, together
from tests.services.offer_helpers import (
    UNKNOWN,
    count_of,
    issued,
    offer_id,
    products,
    redemptions,
    save_offer,
    sold_with,
)
from tests.services.program_helpers import at, clean, in_force, save_store
from tests.services.reward_helpers import given
from tests.support import POS, World

# ---------------------------------------------------------------- judged as a quote would


async def test_a_sale_redeems_the_offers_it_names_and_says_what_each_took_off(world: World) -> None:
    await products(world, "TEA")
    tea = await offer_id(world, title="Tea", kind="AMOUNT", value="1.00", conditions={"skus": ["TEA"]})
    ten = await offer_id(world, title="Ten off")
    lines = [line(1, "2", "10.00", sku="TEA"), line(2, "1", "5.00", sku="MUG", discount="0.50")]
    lines[0]["discount"] = "2.90"
    purchase = await bought(world, paid(world, 0, lines=lines, total="21.60", offerIds=[ten, tea]))
    # 1.00 off the tea, then 10 per cent of 24.00; together what the lines say: 3.40
    assert await redemptions(world, purchase["id"]) == [("Tea", "1.00", False), ("Ten off", "2.40", False)]
    assert (await count_of(world, tea), await count_of(world, ten)) == (1, 1)
    await clean(world)


async def test_offers_take_off_no_more_than_was_given_and_the_rest_is_the_tills_own(world: World) -> None:
    ten = await offer_id(world)
    async with nothing_written(world):
        less = await buy(world, paid(world, 10, off="0.99", offerIds=[ten]))
        assert problems(less) == [("TOTAL_MISMATCH", ["input", "offerIds"])]
    (reward,) = await rewards(world, {"title": "Off", "points": 10, "kind": "AMOUNT_OFF", "value": "1.00"})
    ann = await rich(world, 100)
    async with nothing_written(world):
        both = await buy(world, paid(world, 10, off="1.99", customer=ann, offerIds=[ten], rewardIds=[reward]))
        assert problems(both) == [("TOTAL_MISMATCH", ["input", "rewardIds"])]
    exactly = paid(world, 10, off="2.00", customer=ann, offerIds=[ten], rewardIds=[reward])
    assert await redemptions(world, (await bought(world, exactly))["id"]) == [("Ten off", "1.00", False)]
    more = await bought(world, paid(world, 10, off="5.00", offerIds=[ten], id="s-2"))
    assert await redemptions(world, more["id"]) == [("Ten off", "1.00", False)]
    await clean(world)


async def test_a_sale_is_judged_as_of_its_own_instant_by_the_version_at_hand(world: World) -> None:
    ten = await offer_id(world, startsAt=ago(world, hours=3), endsAt=ago(world, hours=1))
    sent = {"off": "1.00", "offerIds": [ten]}
    assert problems(await buy(world, paid(world, 10, **sent))) == [("OFFER_NOT_ELIGIBLE", ["input", "offerIds", "0"])]
    before = paid(world, 10, occurredAt=ago(world, hours=4), **sent)
    assert codes(await buy(world, before)) == ["OFFER_NOT_ELIGIBLE"]
    within = paid(world, 10, occurredAt=ago(world, hours=2), **sent)
    assert await redemptions(world, (await bought(world, within))["id"]) == [("Ten off", "1.00", False)]
    await save_offer(world, ten, value="20")
    changed = paid(world, 10, occurredAt=ago(world, hours=2), id="s-2", **sent)
    assert problems(await buy(world, changed)) == [("TOTAL_MISMATCH", ["input", "offerIds"])]


async def test_weekly_hours_are_those_of_the_store_else_of_the_shop(world: World) -> None:
    await save_store(world, "tokyo", "Asia/Tokyo")
    at(world, "2026-11-21T02:00:00+00:00")  # Saturday: 11:00 in Tokyo, 03:00 in Vienna
    hours = [{"day": 6, "from": "09:00", "to": "12:00"}]
    ten = await offer_id(world, conditions={"weeklyHours": hours})
    sent = {"off": "1.00", "offerIds": [ten]}
    assert codes(await buy(world, paid(world, 10, **sent))) == ["OFFER_NOT_ELIGIBLE"]
    await bought(world, paid(world, 10, storeCode="tokyo", **sent))


REFUSED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"startsAt": "2026-11-22T00:00:00Z"}, {}, "NOT_STARTED"),
    ({"active": False}, {}, "ENDED"),
    ({"conditions": {"channels": ["WEB"]}}, {}, "WRONG_CHANNEL"),
    ({"conditions": {"storeCodes": ["known"]}}, {}, "WRONG_STORE"),
    ({"conditions": {"minimumSpend": "10.01"}}, {}, "BELOW_MINIMUM_SPEND"),
    ({"conditions": {"minimumQuantity": "1.1"}}, {}, "BELOW_MINIMUM_QUANTITY"),
    ({"conditions": {"requiredSkus": ["TEA"]}}, {}, "PRODUCTS_MISSING"),
    ({"conditions": {"skus": ["TEA"]}}, {}, "PRODUCTS_MISSING"),
    ({"conditions": {"requiresCode": True}}, {}, "CODE_REQUIRED"),
    ({"conditions": {"tags": ["vip"]}}, {}, "CUSTOMER_REQUIRED"),
    ({"conditions": {"firstPurchase": True}}, {}, "CUSTOMER_REQUIRED"),
    ({"limits": {"perCustomer": 1}}, {}, "CUSTOMER_REQUIRED"),
    ({"limits": {"perPeriod": 1, "period": "DAY"}}, {}, "CUSTOMER_REQUIRED"),
    ({"conditions": {"tags": ["vip"]}}, {"customer": {"email": "ann@example.com"}}, "NOT_IN_AUDIENCE"),
    ({"conditions": {"attributes": {"size": 42}}}, {"customer": {"email": "ann@example.com"}}, "NOT_IN_AUDIENCE"),
    ({"conditions": {"birthdayWithinDays": 3}}, {"customer": {"email": "ann@example.com"}}, "NOT_IN_AUDIENCE"),
    (
        {"conditions": {"customers": [{"email": "bea@example.com"}]}},
        {"customer": {"email": "ann@example.com"}},
        "NOT_IN_AUDIENCE",
    ),
]


@pytest.mark.parametrize(("offer", "sale", "reason"), REFUSED)
async def test_an_offer_that_does_not_apply_refuses_the_sale_and_says_why(
    world: World, offer: dict[str, Any], sale: dict[str, Any], reason: str
) -> None:
    await products(world, "TEA")
    await save_store(world, "known", "Europe/Vienna")
    await world.customer()
    await world.customer(email="bea@example.com")
    good, bad = await offer_id(world), await offer_id(world, **offer)
    async with nothing_written(world):
        refused = await buy(world, paid(world, 10, off="5.00", offerIds=[good, bad], **sale))
        assert problems(refused) == [("OFFER_NOT_ELIGIBLE", ["input", "offerIds", "1"])]
        assert reason in refused["userErrors"][0]["message"]


async def test_who_an_offer_is_for_has_it(world: World) -> None:
    gold = next(tier["id"] for tier in (await in_force(world))["tiers"] if tier["name"] == "Gold")
    ann = await world.customer(tags=["vip", "x"], attributes={"size": 42, "club": True}, birthDate="1990-11-23")
    conditions: dict[str, Any] = {
        "tags": ["vip"],
        "attributes": {"size": 42, "club": True},
        "birthdayWithinDays": 3,
        "customers": [{"id": ann}],
    }
    hers = await offer_id(world, conditions={**conditions, "firstPurchase": True})
    golds = await offer_id(world, conditions={"tiers": [gold]})
    await bought(world, paid(world, 3000, off="300.00", customer=ann, offerIds=[hers], occurredAt=ago(world, hours=2)))
    again = await buy(world, paid(world, 10, off="1.00", customer=ann, offerIds=[hers], id="s-2"))
    assert "NOT_FIRST_PURCHASE" in again["userErrors"][0]["message"]
    await bought(world, paid(world, 10, off="1.00", customer=ann, offerIds=[golds], id="s-3"))
    early = paid(world, 10, off="1.00", customer=ann, offerIds=[golds], id="s-4", occurredAt=ago(world, hours=3))
    assert "TIER_TOO_LOW" in (await buy(world, early))["userErrors"][0]["message"]


async def test_offers_that_do_not_go_together_are_not_redeemed_together(world: World) -> None:
    alone = await offer_id(world, stacking="EXCLUSIVE", priority=1)
    first, second = [await offer_id(world, stackingGroup="g", priority=number) for number in (2, 3)]
    free = await offer_id(world, priority=4)
    sent = paid(world, 100, off="30.00", id="s-1")
    async with nothing_written(world):
        together_ = await buy(world, {**sent, "offerIds": [alone, free]})
        assert problems(together_) == [("OFFER_NOT_ELIGIBLE", ["input", "offerIds", "1"])]
        assert "NOT_COMBINABLE" in together_["userErrors"][0]["message"]
        group = await buy(world, {**sent, "offerIds": [second, first]})
        assert problems(group) == [("OFFER_NOT_ELIGIBLE", ["input", "offerIds", "0"])]
    assert len(await redemptions(world, (await bought(world, {**sent, "offerIds": [first, free]}))["id"])) == 2


async def test_an_offer_that_is_not_there_is_not_found(world: World) -> None:
    ann = await world.customer()
    async with nothing_written(world):
        for id_, code in ((UNKNOWN, "NOT_FOUND"), (ann, "INVALID"), ("x", "INVALID")):
            refused = await buy(world, paid(world, 10, off="1", offerIds=[id_]))
            assert problems(refused) == [(code, ["input", "offerIds", "0"])]


async def test_an_offer_named_twice_applies_once(world: World) -> None:
    ten = await offer_id(world, limits={"total": 5})
    purchase = await bought(world, paid(world, 10, off="1.00", offerIds=[ten, ten]))
    assert await redemptions(world, purchase["id"]) == [("Ten off", "1.00", False)]
    assert await count_of(world, ten) == 1


# ---------------------------------------------------------------- codes


async def test_a_code_for_all_unlocks_its_offer_whatever_its_case(world: World) -> None:
    ten = await offer_id(world, code="SUMMER")
    first = await bought(world, paid(world, 10, off="1.00", codes=[" summer "]))
    second = await bought(world, paid(world, 10, off="1.00", codes=["SUMMER"], offerIds=[ten], id="s-2"))
    for purchase in (first, second):
        assert await redemptions(world, purchase["id"]) == [("Ten off", "1.00", False)]
    async with nothing_written(world):
        less = await buy(world, paid(world, 10, off="0.99", codes=["SUMMER"], id="s-3"))
        assert problems(less) == [("TOTAL_MISMATCH", ["input", "codes"])]
        twice = await buy(world, paid(world, 10, off="2", codes=["SUMMER", "summer"], id="s-3"))
        assert problems(twice) == [("OFFER_NOT_ELIGIBLE", ["input", "codes", "1"])]
    assert await count_of(world, ten) == 2
    await clean(world)


async def test_a_single_use_code_is_used_once_by_its_owner(world: World) -> None:
    ten = await offer_id(world, conditions={"requiresCode": True})
    ann, bea = await world.customer(), await world.customer(email="bea@example.com")
    (code,) = await issued(world, ten, ann)
    (anybodys,) = await issued(world, ten)
    async with nothing_written(world):
        others = await buy(world, paid(world, 10, off="1.00", customer=bea, codes=[code]))
        none = await buy(world, paid(world, 10, off="1.00", customer=bea, codes=["NONE"]))
        assert others == none
        assert problems(others) == [("OFFER_NOT_ELIGIBLE", ["input", "codes", "0"])]
        twice = await buy(world, paid(world, 10, off="1.00", customer=ann, codes=[code, code]))
        assert problems(twice) == [("OFFER_EXHAUSTED", ["input", "codes", "1"])]
        two = await buy(world, paid(world, 10, off="2.00", customer=ann, codes=[code, anybodys]))
        assert problems(two) == [("OFFER_NOT_ELIGIBLE", ["input", "codes", "1"])]
    sent = paid(world, 10, off="1.00", customer=ann, codes=[code.lower()])
    first = await buy(world, sent)
    assert first["userErrors"] == []
    async with nothing_written(world):
        assert await buy(world, sent) == {**first, "replayed": True}
        again = await buy(world, paid(world, 10, off="1.00", customer=ann, codes=[code], id="s-2"))
        assert problems(again) == [("OFFER_EXHAUSTED", ["input", "codes", "0"])]
    await bought(world, paid(world, 10, off="1.00", customer=bea, codes=[anybodys], id="s-3"))
    await clean(world)


async def test_of_ten_sales_at_once_one_uses_a_code(world: World) -> None:
    ten = await offer_id(world, conditions={"requiresCode": True})
    (code,) = await issued(world, ten)
    sent = [paid(world, 10, off="1.00", codes=[code], id=f"s-{number}") for number in range(10)]
    payloads = await together(*(buy(world, one) for one in sent))
    assert sorted(map(str, map(codes, payloads))) == ["['OFFER_EXHAUSTED']"] * 9 + ["[]"]
    assert await count_of(world, ten) == 1
    await clean(world)


async def test_codes_of_offers_and_rewards_pay_for_one_sale_together(world: World) -> None:
    await offer_id(world, code="SUMMER")
    (reward,) = await rewards(world, {"title": "Off", "points": 10, "kind": "AMOUNT_OFF", "value": "1.00"})
    ann = await rich(world, 100)
    code = await given(world, ann, reward)
    async with nothing_written(world):
        less = await buy(world, paid(world, 10, off="1.99", customer=ann, codes=[code, "SUMMER"]))
        assert problems(less) == [("TOTAL_MISMATCH", ["input", "codes"])]
    purchase = await bought(world, paid(world, 10, off="2.00", customer=ann, codes=[code, "SUMMER"]))
    assert await redemptions(world, purchase["id"]) == [("Ten off", "1.00", False)]
    await cancel(world, purchase["id"])
    await bought(world, paid(world, 10, off="2.00", customer=ann, codes=[code, "SUMMER"], id="s-2"))
    await clean(world)


async def test_more_offers_than_a_sale_can_have_are_refused(world: World) -> None:
    async with nothing_written(world):
        refused = await buy(world, paid(world, 10, offerIds=[UNKNOWN] * 51))
        assert problems(refused) == [("INVALID", ["input", "offerIds"])]


async def test_what_an_offer_took_off_is_shown_to_whoever_sees_the_purchase(world: World) -> None:
    ten = await offer_id(world, endsAt=then(world, hours=1))
    ann = await world.customer()
    purchase = await bought(world, paid(world, 10, off="1", customer=ann, offerIds=[ten]))
    world.clock.advance(hours=2)
    (shown,) = await sold_with(world, purchase["id"], caller=POS)
    assert shown["offer"] == {"id": ten, "title": "Ten off", "code": None}
    assert (shown["discount"], shown["returned"], shown["rewardCode"]) == ({"amount": "1.00"}, False, None)
    assert shown["at"] == "2026-11-21T12:00:00.000Z"
