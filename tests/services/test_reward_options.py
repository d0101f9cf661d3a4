"""Rewards a person is shown are those the person can have; a code for a product needs the product."""

from decimal import Decimal
from typing import Any

import pytest

from tests.services.helpers import line, nothing_written
from tests.services.loyalty_helpers import amount_off, bought, buy, options, paid, problems, redeem, rewards, rich
from tests.services.program_helpers import clean
from tests.services.reward_helpers import given, mug
from tests.support import World


async def test_a_reward_whose_limit_the_person_has_reached_is_shown_no_more(world: World) -> None:
    twice, ever = await rewards(world, amount_off(10, "1.00", perCustomerLimit=2), amount_off(20, "2.00"))
    ann, bob = await rich(world, 100), await rich(world, 100, email="bob@example.com")
    both = [("1.00 off", True, 0), ("2.00 off", True, 0)]
    for _ in range(2):
        assert await options(world, ann) == both
        await given(world, ann, twice)
    assert await options(world, ann) == both[1:]
    assert problems(await redeem(world, ann, twice)) == [("REWARD_UNAVAILABLE", ["rewardId"])]
    assert await options(world, bob) == both
    await given(world, ann, ever)
    assert await options(world, ann) == both[1:]
    await clean(world)


async def test_a_reward_redeemed_in_a_sale_counts_towards_its_limit(world: World) -> None:
    (once,) = await rewards(world, amount_off(10, "1.00", perCustomerLimit=1))
    ann = await rich(world, 100)
    sold = await bought(world, paid(world, 10, off="1.00", customer=ann, rewardIds=[once]))
    assert await options(world, ann) == []
    back = await world.give_back(sold["id"], {1: "1"})
    assert back["userErrors"] == []
    assert await options(world, ann) == [("1.00 off", True, 0)]
    await clean(world)


async def test_a_code_for_a_product_needs_the_product_in_the_sale(world: World) -> None:
    ann = await rich(world, 1000)
    code = await given(world, ann, await mug(world))
    tea = [line(1, "1", "20.00", sku="TEA")]
    refused = await buy(world, paid(world, 20, customer=ann, lines=tea, codes=[code]))
    assert problems(refused) == [("INVALID", ["input", "codes", "0"])]
    assert await world.all("purchases") == []
    assert (await bought(world, paid(world, 20, customer=ann, codes=[code])))["status"] == "COMPLETED"
    await clean(world)


@pytest.mark.parametrize(
    ("lines", "off", "values"),
    [
        ([line(1, "1", "10.00", sku="MUG"), line(2, "1", "7.00", sku="TEA")], "12.00", [1000]),  # 2.00 are the till's
        ([line(1, "1", "10.00", sku="MUG")], "4.00", [400]),  # no more than was taken off
        ([line(1, "1", "10.00", sku="MUG")], "0.00", [0]),
        ([line(1, "3", "4.00", sku="MUG")], "9.00", [400, 400]),
        ([line(1, "1", "4.00", sku="MUG"), line(2, "1", "6.00", sku="MUG")], "9.00", [600, 300]),
        ([line(1, "0.5", "10.00", sku="MUG")], "5.00", [500]),
    ],
)
async def test_a_product_takes_off_at_most_the_price_of_one_unit(
    world: World, lines: list[dict[str, Any]], off: str, values: list[int]
) -> None:
    ann, reward = await rich(world, 1000), await mug(world)
    goods = sum(Decimal(one["quantity"]) * Decimal(one["unitPrice"]) for one in lines)
    total = {"lines": lines, "discountTotal": off, "total": str(goods - Decimal(off))}
    await bought(world, paid(world, 10, customer=ann, rewardIds=[reward] * len(values), **total))
    (stored,) = await world.all("purchases")
    assert [one["value"] for one in stored["rewards"]] == values
    await clean(world)


async def test_every_product_that_is_a_reward_needs_a_unit_of_its_own(world: World) -> None:
    ann, reward = await rich(world, 1000), await mug(world, stock=5)
    code = await given(world, ann, reward)
    async with nothing_written(world):
        twice = await buy(world, paid(world, 10, off="10.00", customer=ann, rewardIds=[reward, reward]))
        assert problems(twice) == [("INVALID", ["input", "rewardIds"])]
        both = await buy(world, paid(world, 10, off="10.00", customer=ann, rewardIds=[reward], codes=[code]))
        assert problems(both) == [("INVALID", ["input", "rewardIds"])]
