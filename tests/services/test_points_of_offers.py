"""Offers that give points or a reward's code, and rewards that give an offer's code: with the sale, and back again."""

from typing import Any

import pytest

from tests.services.helpers import cancel, codes, ledger_of, line, nothing_written
from tests.services.loyalty_helpers import bought, buy, paid, problems, redeem, rewards, rich, totals
from tests.services.offer_helpers import (
    UNKNOWN,
    archive,
    count_of,
    offer_id,
    products,
    save_offer,
    seen,
    sold_with,
)
from tests.services.program_helpers import clean, try_save
from tests.services.reward_helpers import given, mug, stock
from tests.support import POS, World, customer_caller


async def test_offers_multiply_points_per_unit_and_add_flat_ones(world: World) -> None:
    await products(world, "TEA")
    ann = await world.customer()
    double = await offer_id(world, kind="POINTS_MULTIPLIER", value="2", conditions={"skus": ["TEA"]})
    more = await offer_id(world, title="Fifty", kind="BONUS_POINTS", value="50")
    lines = [line(1, "1", "10.00", sku="TEA"), line(2, "1", "5.00", sku="MUG")]
    sent = paid(world, 0, customer=ann, lines=lines, total="15.00", offerIds=[double, more])
    purchase = await bought(world, sent)
    assert purchase["pointsEarned"] == 2 * 10 + 5 + 50
    assert await ledger_of(world, ann) == [("EARN", 25, 25), ("BONUS", 50, 75)]
    await clean(world)
    await world.give_back(purchase["id"], {1: "1"}, id="r-1")
    # a third of the base is left: 5 points per unit, and 50 - floor(50 x 10 / 15) of the flat ones
    assert await totals(world, ann) == (5 + 17, 0, 0, 0)
    assert [one["returned"] for one in await sold_with(world, purchase["id"])] == [True, False]
    await clean(world)
    await cancel(world, purchase["id"])
    assert await totals(world, ann) == (0, 0, 0, 0)
    assert (await count_of(world, double), await count_of(world, more)) == (0, 0)
    await clean(world)


async def test_points_are_those_of_the_sale_however_the_offer_changes(world: World) -> None:
    ann = await world.customer()
    double = await offer_id(world, kind="POINTS_MULTIPLIER", value="2")
    purchase = await bought(
        world, paid(world, 0, lines=[line(1, "2", "5.00")], total="10", customer=ann, offerIds=[double])
    )
    await save_offer(world, double, value="10")
    await archive(world, double)
    await world.give_back(purchase["id"], {1: "1"})
    assert await totals(world, ann) == (10, 0, 0, 0)
    await clean(world)


async def test_nobody_has_points_of_an_anonymous_sale(world: World) -> None:
    more = await offer_id(world, kind="BONUS_POINTS", value="50")
    async with nothing_written(world):
        refused = await buy(world, paid(world, 10, offerIds=[more]), caller=POS)
        assert codes(refused) == ["OFFER_NOT_ELIGIBLE"]
        assert "CUSTOMER_REQUIRED" in refused["userErrors"][0]["message"]


async def test_an_offline_tills_offer_gives_no_points_where_the_cart_lacks_what_it_is_about(world: World) -> None:
    await products(world, "TEA")
    ann = await world.customer()
    lacking = await offer_id(world, kind="BONUS_POINTS", value="50", conditions={"skus": ["TEA"]})
    payload = await buy(world, paid(world, 10, customer=ann, offerIds=[lacking], acceptOffers=True), caller=POS)
    assert ([one["code"] for one in payload["warnings"]], payload["purchase"]["pointsEarned"]) == (
        ["OFFER_NOT_ELIGIBLE"],
        10,
    )
    await clean(world)


# ---------------------------------------------------------------- an offer hands out a reward's code


async def handed_out(world: World, customer: str, offer: str, **fields: Any) -> tuple[str, str]:
    """Sell with an offer that hands out a code, and return the purchase and the code."""
    purchase = await bought(world, paid(world, 10, customer=customer, offerIds=[offer], **fields))
    (shown,) = await sold_with(world, purchase["id"])
    return purchase["id"], shown["rewardCode"]


async def test_an_offer_hands_out_a_rewards_code_that_pays_for_the_next_sale(world: World) -> None:
    reward = await mug(world, stock=3)
    ann = await world.customer()
    offer = await offer_id(world, title="A mug", kind="REWARD_CODE", rewardId=reward)
    first, code = await handed_out(world, ann, offer)
    assert await stock(world, reward) == 2
    assert (await totals(world, ann))[0] == 10
    (mine,) = await sold_with(world, first, caller=customer_caller(ann))
    assert mine["rewardCode"] == code
    free = paid(world, 10, off="10", customer=ann, codes=[code], id="s-2")
    second = await bought(world, free)
    await clean(world)
    await cancel(world, first)  # the code was used: it stays so
    assert await stock(world, reward) == 2
    await cancel(world, second["id"], id="c-2")
    await clean(world)


async def test_a_code_that_was_handed_out_goes_back_with_its_sale(world: World) -> None:
    reward = await mug(world, stock=1)
    ann = await world.customer()
    offer = await offer_id(world, kind="REWARD_CODE", rewardId=reward, limits={"total": 1})
    first, code = await handed_out(world, ann, offer)
    assert await stock(world, reward) == 0
    await world.give_back(first, {1: "1"})
    assert await stock(world, reward) == 1
    async with nothing_written(world):
        assert codes(await buy(world, paid(world, 10, off="10", customer=ann, codes=[code], id="s-2"))) == [
            "OFFER_EXHAUSTED"
        ]
    await handed_out(world, ann, offer, id="s-3")
    await clean(world)


async def test_no_code_is_handed_out_of_a_reward_that_is_gone(world: World) -> None:
    reward = await mug(world, stock=0)
    ann = await world.customer()
    offer = await offer_id(world, kind="REWARD_CODE", rewardId=reward)
    sent = paid(world, 10, customer=ann, offerIds=[offer])
    async with nothing_written(world):
        assert problems(await buy(world, sent)) == [("REWARD_UNAVAILABLE", ["input", "offerIds", "0"])]
    accepted = await buy(world, {**sent, "acceptOffers": True}, caller=POS)
    assert [one["code"] for one in accepted["warnings"]] == ["REWARD_UNAVAILABLE"]
    assert (await sold_with(world, accepted["purchase"]["id"]))[0]["rewardCode"] is None
    await clean(world)


# ---------------------------------------------------------------- a reward gives an offer's code


def code_of(offer: str, **fields: Any) -> dict[str, Any]:
    return {"title": "Ten off", "points": 100, "kind": "OFFER_CODE", "offerId": offer} | fields


async def test_points_buy_the_code_of_an_offer(world: World) -> None:
    ten = await offer_id(world, conditions={"requiresCode": True})
    (reward,) = await rewards(world, code_of(ten, stock=5, perCustomerLimit=2))
    ann, bea = await rich(world, 250), await world.customer(email="bea@example.com")
    shown = await world.data(
        "query($id: ID!) { node(id: $id) { ... on Reward { offer { id code } } } }", {"id": reward}
    )
    assert shown["node"]["offer"] == {"id": ten, "code": None}
    code = await given(world, ann, reward)
    assert await totals(world, ann) == (150, 0, 0, 0)
    mine = await seen(world, ten, caller=customer_caller(ann))
    assert mine is not None
    assert mine["code"] == code
    assert await seen(world, ten, caller=customer_caller(bea)) is None
    async with nothing_written(world):
        others = await buy(world, paid(world, 10, off="1", customer=bea, codes=[code]))
        assert problems(others) == [("OFFER_NOT_ELIGIBLE", ["input", "codes", "0"])]
    purchase = await bought(world, paid(world, 10, off="1", customer=ann, codes=[code]))
    again = paid(world, 10, off="1", customer=ann, codes=[code], id="s-2")
    assert codes(await buy(world, again)) == ["OFFER_EXHAUSTED"]
    await cancel(world, purchase["id"])
    await bought(world, again)
    assert await stock(world, reward) == 4
    await clean(world)


async def test_a_reward_names_an_offer_that_is_there_and_asks_for_a_code(world: World) -> None:
    plain, ann = await offer_id(world), await world.customer()
    async with nothing_written(world):
        for id_, code in ((UNKNOWN, "NOT_FOUND"), (ann, "NOT_FOUND"), (plain, "INVALID")):
            refused = await try_save(world, rewards=[code_of(id_)])
            assert problems(refused) == [(code, ["input", "rewards", "0", "offerId"])]


async def test_no_points_are_spent_on_the_code_of_an_offer_that_is_over(world: World) -> None:
    ten = await offer_id(world, code="TEN")
    (reward,) = await rewards(world, code_of(ten))
    ann = await rich(world, 250)
    await archive(world, ten)
    async with nothing_written(world):
        assert problems(await redeem(world, ann, reward)) == [("REWARD_UNAVAILABLE", ["rewardId"])]


async def test_a_reward_that_is_a_code_is_not_redeemed_within_a_sale(world: World) -> None:
    (reward,) = await rewards(world, code_of(await offer_id(world, code="TEN")))
    ann = await rich(world, 250)
    async with nothing_written(world):
        refused = await buy(world, paid(world, 10, off="1", customer=ann, rewardIds=[reward]))
        assert problems(refused) == [("INVALID", ["input", "rewardIds", "0"])]


@pytest.mark.parametrize("used", [False, True])
async def test_an_offer_may_hand_out_the_code_of_another_offer(world: World, used: bool) -> None:
    ten = await offer_id(world, conditions={"requiresCode": True})
    (reward,) = await rewards(world, code_of(ten))
    ann = await world.customer()
    offer = await offer_id(world, kind="REWARD_CODE", rewardId=reward)
    first, code = await handed_out(world, ann, offer)
    next_ = paid(world, 10, off="1", customer=ann, codes=[code], id="s-2")
    if used:
        await bought(world, next_)
    await cancel(world, first)
    await clean(world)
    assert codes(await buy(world, next_)) == ([] if used else ["OFFER_EXHAUSTED"])
    assert await count_of(world, ten) == used
