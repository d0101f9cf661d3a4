"""Rewards and codes within a sale: redeemed, used once, and given back when the sale comes back."""

from typing import Any

import pytest

from tests.services.helpers import cancel, codes, ledger_of, line, nothing_written
from tests.services.loyalty_helpers import (
    amount_off,
    bought,
    buy,
    paid,
    problems,
    redeem,
    rewards,
    rich,
    together,
    totals,
)
from tests.services.program_helpers import clean, save
from tests.services.reward_helpers import UNKNOWN, given, mug, stock
from tests.support import POS, World

# ---------------------------------------------------------------- redeemed within a sale


async def test_a_sale_redeems_rewards_beside_points_and_spends_both(world: World) -> None:
    one, two = await rewards(world, amount_off(100, "1.00", stock=3), amount_off(250, "3.00"))
    ann = await rich(world, 1000)
    purchase = await bought(world, paid(world, 10, off="6.00", customer=ann, rewardIds=[one, two], points=200))
    assert (purchase["pointsSpent"], purchase["pointsEarned"]) == (550, 4)
    assert await totals(world, ann) == (454, 0, 0, 0)
    assert sum(points for kind, points, _ in await ledger_of(world, ann) if kind == "SPEND") == -550
    assert (await ledger_of(world, ann))[-1] == ("EARN", 4, 454)
    assert await stock(world, one) == 2
    await clean(world)


async def test_rewards_take_off_no_more_than_the_sale_says(world: World) -> None:
    (reward,) = await rewards(world, amount_off(100, "1.00", stock=3))
    ann = await rich(world, 1000)
    async with nothing_written(world):
        refused = await buy(world, paid(world, 10, off="0.99", customer=ann, rewardIds=[reward]))
        assert problems(refused) == [("TOTAL_MISMATCH", ["input", "rewardIds"])]
        twice = await buy(world, paid(world, 10, off="1.99", customer=ann, rewardIds=[reward, reward]))
        assert problems(twice) == [("TOTAL_MISMATCH", ["input", "rewardIds"])]
    lines = [line(1, "1", "10.00", discount="0.40")]
    split = paid(world, 10, customer=ann, lines=lines, discountTotal="0.60", total="9.00", rewardIds=[reward])
    assert (await bought(world, split))["pointsSpent"] == 100  # on lines and on the whole together


async def test_more_taken_off_than_rewards_give_is_the_tills_own(world: World) -> None:
    (reward,) = await rewards(world, amount_off(100, "1.00"))
    ann = await rich(world, 100)
    assert (await bought(world, paid(world, 10, off="5.00", customer=ann, rewardIds=[reward])))["pointsSpent"] == 100


async def test_a_product_reward_needs_its_product_in_the_sale(world: World) -> None:
    reward = await mug(world, stock=5)
    ann = await rich(world, 1000)
    tea: dict[str, Any] = {"lines": [line(1, "1", "10.00", sku="TEA")], "total": "10.00"}
    async with nothing_written(world):
        refused = await buy(world, paid(world, 10, customer=ann, rewardIds=[reward], **tea))
        assert problems(refused) == [("INVALID", ["input", "rewardIds", "0"])]
    free: dict[str, Any] = {"lines": [line(1, "1", "10.00", sku="MUG", discount="10.00")], "total": "0.00"}
    purchase = await bought(world, paid(world, 10, customer=ann, rewardIds=[reward], **free))
    assert (purchase["pointsSpent"], purchase["pointsEarned"]) == (200, 0)
    assert await stock(world, reward) == 4
    await clean(world)


async def test_a_sale_gets_no_reward_that_is_out_of_stock_or_too_dear(world: World) -> None:
    await save(world, overdraftPoints=10_000)
    few, dear = await rewards(world, amount_off(10, "1.00", stock=1), amount_off(1001, "1.00", stock=9))
    ann = await rich(world, 1000)
    async with nothing_written(world):
        twice = await buy(world, paid(world, 10, off="2", customer=ann, rewardIds=[few, few]))
        assert problems(twice) == [("REWARD_UNAVAILABLE", ["input", "rewardIds", "1"])]
        refused = await buy(world, paid(world, 10, off="2", customer=ann, rewardIds=[few, dear]))
        assert problems(refused) == [("INSUFFICIENT_POINTS", ["input", "rewardIds"])]
        wrong = await buy(world, paid(world, 10, off="2", customer=ann, rewardIds=[few, UNKNOWN]))
        assert problems(wrong) == [("REWARD_UNAVAILABLE", ["input", "rewardIds", "1"])]
    assert await stock(world, few) == 1
    assert await stock(world, dear) == 9


async def test_a_sale_sent_again_redeems_once_also_where_it_took_the_last(world: World) -> None:
    (reward,) = await rewards(world, amount_off(100, "1.00", stock=1, perCustomerLimit=1))
    ann = await rich(world, 150)
    sent = paid(world, 10, off="1.00", customer=ann, rewardIds=[reward])
    first = await buy(world, sent)
    assert first["userErrors"] == []
    async with nothing_written(world):
        assert await buy(world, sent) == {**first, "replayed": True}
    await clean(world)


async def test_twenty_sends_at_once_of_a_sale_that_takes_the_last_reward_are_one(world: World) -> None:
    (reward,) = await rewards(world, amount_off(100, "1.00", stock=1, perCustomerLimit=1))
    ann = await rich(world, 150)
    sent = paid(world, 10, off="1.00", customer=ann, rewardIds=[reward])
    payloads = await together(*(buy(world, sent) for _ in range(20)))
    assert [codes(payload) for payload in payloads] == [[]] * 20
    assert [payload["replayed"] for payload in payloads].count(False) == 1
    assert await totals(world, ann) == (59, 0, 0, 0)


# ---------------------------------------------------------------- codes in a sale


async def test_a_code_is_used_once_and_spends_no_further_points(world: World) -> None:
    (reward,) = await rewards(world, amount_off(100, "1.00", stock=5))
    ann = await rich(world, 250)
    code = await given(world, ann, reward)
    purchase = await bought(world, paid(world, 10, off="1.00", customer=ann, codes=[f" {code.lower()} "]))
    assert (purchase["pointsSpent"], purchase["pointsEarned"]) == (0, 9)
    assert await ledger_of(world, ann) == [("ADJUST", 250, 250), ("SPEND", -100, 150), ("EARN", 9, 159)]
    async with nothing_written(world):
        again = await buy(world, paid(world, 10, off="1.00", customer=ann, codes=[code], id="s-2"))
        assert problems(again) == [("OFFER_EXHAUSTED", ["input", "codes", "0"])]
    assert await stock(world, reward) == 4
    await clean(world)


async def test_a_code_is_its_owners_and_whoever_brings_it_to_an_anonymous_sale(world: World) -> None:
    (reward,) = await rewards(world, amount_off(10, "1.00"))
    ann, bob = await rich(world, 100), await rich(world, 100, email="bob@example.com")
    code = await given(world, ann, reward)
    async with nothing_written(world):
        others = await buy(world, paid(world, 10, off="1.00", customer=bob, codes=[code]))
        assert problems(others) == [("OFFER_NOT_ELIGIBLE", ["input", "codes", "0"])]
        two = await buy(world, paid(world, 10, off="2.00", customer=ann, codes=[code, "NONE"]))
        assert problems(two) == [("OFFER_NOT_ELIGIBLE", ["input", "codes", "1"])]
        same = await buy(world, paid(world, 10, off="2.00", customer=ann, codes=[code, code]))
        assert problems(same) == [("OFFER_EXHAUSTED", ["input", "codes", "1"])]
        less = await buy(world, paid(world, 10, off="0.99", customer=ann, codes=[code]))
        assert problems(less) == [("TOTAL_MISMATCH", ["input", "codes"])]
    anonymous = await bought(world, paid(world, 10, off="1.00", codes=[code]), caller=POS)
    assert anonymous["pointsSpent"] == 0
    await clean(world)


async def test_a_code_sent_again_with_its_sale_is_a_replay(world: World) -> None:
    (reward,) = await rewards(world, amount_off(10, "1.00"))
    ann = await rich(world, 100)
    sent = paid(world, 10, off="1.00", customer=ann, codes=[await given(world, ann, reward)])
    payloads = await together(*(buy(world, sent) for _ in range(10)))
    assert [codes(payload) for payload in payloads] == [[]] * 10
    async with nothing_written(world):
        assert (await buy(world, sent))["replayed"]


async def test_of_ten_sales_at_once_one_uses_the_code(world: World) -> None:
    (reward,) = await rewards(world, amount_off(10, "1.00"))
    ann = await rich(world, 100)
    code = await given(world, ann, reward)
    whose = (ann, None)
    sent = [paid(world, 10, off="1.00", customer=whose[n % 2], codes=[code], id=f"s-{n}") for n in range(10)]
    payloads = await together(*(buy(world, one) for one in sent))
    assert sorted(map(str, map(codes, payloads))) == ["['OFFER_EXHAUSTED']"] * 9 + ["[]"]
    assert len(await world.all("purchases")) == 1
    await clean(world)


@pytest.mark.parametrize("anonymous", [False, True])
async def test_a_code_comes_back_when_all_of_its_sale_is_returned(world: World, anonymous: bool) -> None:
    (reward,) = await rewards(world, amount_off(100, "1.00", stock=5, perCustomerLimit=1))
    ann = await rich(world, 250)
    code = await given(world, ann, reward)
    lines: dict[str, Any] = {"lines": [line(1, "2", "5.00")]}
    sent = paid(world, 10, off="1.00", customer=None if anonymous else ann, codes=[code], **lines)
    purchase = (await bought(world, sent))["id"]
    await world.give_back(purchase, {1: "1"}, id="r-1")
    next_ = paid(world, 10, off="1.00", customer=ann, codes=[code], id="s-2")
    async with nothing_written(world):
        assert codes(await buy(world, next_)) == ["OFFER_EXHAUSTED"]
    await world.give_back(purchase, {1: "1"}, id="r-2")
    assert await totals(world, ann) == (150, 0, 0, 0)  # the points stay spent: the code is what came back
    assert await stock(world, reward) == 4
    assert problems(await redeem(world, ann, reward)) == [("REWARD_UNAVAILABLE", ["rewardId"])]
    assert (await bought(world, next_))["pointsSpent"] == 0
    await clean(world)


# ---------------------------------------------------------------- rewards of a sale that comes back


@pytest.mark.parametrize("cancelled", [False, True])
async def test_stock_limit_and_points_come_back_when_all_of_the_sale_does(world: World, cancelled: bool) -> None:
    (reward,) = await rewards(world, amount_off(100, "1.00", stock=1, perCustomerLimit=1))
    ann = await rich(world, 100)
    purchase = (await bought(world, paid(world, 10, off="1.00", customer=ann, rewardIds=[reward])))["id"]
    assert await stock(world, reward) == 0
    back = await (cancel(world, purchase) if cancelled else world.give_back(purchase, {1: "1"}))
    assert back["userErrors"] == []
    assert await stock(world, reward) == 1
    assert await totals(world, ann) == (100, 0, 0, 0)
    assert await ledger_of(world, ann) == [
        ("ADJUST", 100, 100),
        ("SPEND", -100, 0),
        ("EARN", 9, 9),
        ("RETURN_SPENT", 100, 109),
        ("RETURN_EARNED", -9, 100),
    ]
    await given(world, ann, reward)
    await clean(world)


async def test_a_partial_return_gives_points_in_part_and_keeps_the_reward(world: World) -> None:
    (reward,) = await rewards(world, amount_off(100, "1.00", stock=1))
    ann = await rich(world, 100)
    sent = paid(
        world, 10, customer=ann, rewardIds=[reward], lines=[line(1, "3", "4.00")], discountTotal="2", total="10"
    )
    purchase = (await bought(world, sent))["id"]
    given_back = []
    for number in range(3):
        back = await world.give_back(purchase, {1: "1"}, id=f"r-{number}")
        assert back["userErrors"] == []
        assert await stock(world, reward) == (number == 2)
        given_back.append((await totals(world, ann))[0])
    # 10.00 in thirds: 3.33, 6.67 and all of it; floor(100 x 3.33 / 10) = 33, floor(100 x 6.67 / 10) = 66, 100
    assert given_back == [33 + 6, 66 + 3, 100]
    (stored,) = await world.all("purchases")
    assert [one["pointsGivenBack"] for one in stored["returns"]] == [33, 33, 34]
    await clean(world)


async def test_a_return_replayed_gives_stock_back_once(world: World) -> None:
    (reward,) = await rewards(world, amount_off(100, "1.00", stock=1))
    ann = await rich(world, 100)
    purchase = (await bought(world, paid(world, 10, off="1.00", customer=ann, rewardIds=[reward])))["id"]
    first = await world.give_back(purchase, {1: "1"})
    async with nothing_written(world):
        assert await world.give_back(purchase, {1: "1"}) == {**first, "replayed": True}
        assert codes(await world.give_back(purchase, {1: "1"}, id="r-2")) == ["RETURN_EXCEEDS_PURCHASE"]
    assert await stock(world, reward) == 1


async def test_a_code_beside_a_reward_counts_and_comes_back_with_the_sale(world: World) -> None:
    one, two = await rewards(world, amount_off(100, "1.00", stock=1), amount_off(50, "2.00"))
    ann = await rich(world, 150)
    code = await given(world, ann, two)
    both = {"customer": ann, "rewardIds": [one], "codes": [code]}
    async with nothing_written(world):
        assert codes(await buy(world, paid(world, 10, off="2.99", **both))) == ["TOTAL_MISMATCH"]
    purchase = (await bought(world, paid(world, 10, off="3.00", **both)))["id"]
    await world.give_back(purchase, {1: "1"})
    assert await stock(world, one) == 1
    again = await bought(world, paid(world, 10, off="2.00", customer=ann, codes=[code], id="s-2"))
    assert again["pointsSpent"] == 0
    await clean(world)
