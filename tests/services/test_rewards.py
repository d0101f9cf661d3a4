"""What points buy: rewards shown, redeemed for a code, in stock and within limits."""

from typing import Any

import pytest

from crm.ids import account_of
from tests.services.helpers import codes, ledger_of, nothing_written
from tests.services.loyalty_helpers import (
    REDEEM,
    adjust,
    amount_off,
    bought,
    buy,
    hold,
    options,
    paid,
    problems,
    redeem,
    rewards,
    rich,
    together,
    totals,
    transactions,
)
from tests.services.program_helpers import clean, save, try_save
from tests.services.reward_helpers import UNKNOWN, given, stock
from tests.support import STOREFRONT, World, customer_caller

# ---------------------------------------------------------------- what is shown


async def test_a_customer_sees_what_the_balance_buys_and_what_is_missing_for_the_rest(world: World) -> None:
    await rewards(
        world,
        amount_off(300, "3.00"),
        amount_off(100, "1.00", stock=1),
        amount_off(101, "1.01"),
        amount_off(50, "0.50", active=False),
        amount_off(40, "0.40", stock=0),
    )
    ann = await rich(world, 100)
    assert await options(world, ann) == [("1.00 off", True, 0), ("1.01 off", False, 1), ("3.00 off", False, 200)]
    await hold(world, ann, 1)
    assert (await options(world, ann))[0] == ("1.00 off", False, 1)
    await adjust(world, ann, 201)
    assert await options(world, ann) == [("1.00 off", True, 0), ("1.01 off", True, 0), ("3.00 off", True, 0)]


async def test_a_reward_that_is_gone_is_not_shown_until_there_is_more(world: World) -> None:
    (reward,) = await rewards(world, amount_off(100, "1.00", stock=1))
    ann = await rich(world, 500)
    await given(world, ann, reward)
    assert await options(world, ann) == []
    await save(world, rewards=[amount_off(100, "1.00", id=reward)])  # stock left out: as it was
    assert await options(world, ann) == []
    await save(world, rewards=[amount_off(100, "1.00", id=reward, stock=2)])
    assert await stock(world, reward) == 2
    assert await options(world, ann) == [("1.00 off", True, 0)]
    await save(world, rewards=[amount_off(100, "1.00", id=reward, stock=None)])
    assert await stock(world, reward) is None
    await save(world, rewards=[])
    assert await options(world, ann) == []


@pytest.mark.parametrize(
    ("reward", "code", "field"),
    [
        ({"title": "x", "points": 0, "kind": "AMOUNT_OFF", "value": "1"}, "INVALID", "points"),
        ({"title": "x", "points": -1, "kind": "AMOUNT_OFF", "value": "1"}, "INVALID", "points"),
        ({"title": "x", "points": 1, "kind": "AMOUNT_OFF"}, "INVALID", "value"),
        ({"title": "x", "points": 1, "kind": "AMOUNT_OFF", "value": "0"}, "INVALID", "value"),
        ({"title": "x", "points": 1, "kind": "AMOUNT_OFF", "value": "1.001"}, "INVALID", "value"),
        ({"title": "x", "points": 1, "kind": "AMOUNT_OFF", "value": "1", "stock": -1}, "INVALID", "stock"),
        (amount_off(1, "1", perCustomerLimit=0), "INVALID", "perCustomerLimit"),
        ({"title": "x", "points": 1, "kind": "AMOUNT_OFF", "value": "1", "id": UNKNOWN}, "INVALID", "id"),
        ({"title": "x", "points": 1, "kind": "PRODUCT"}, "INVALID", "productSku"),
        ({"title": "x", "points": 1, "kind": "PRODUCT", "productSku": "NONE"}, "NOT_FOUND", "productSku"),
    ],
)  # fmt: skip
async def test_a_reward_that_does_not_hold_makes_no_version(
    world: World, reward: dict[str, Any], code: str, field: str
) -> None:
    async with nothing_written(world):
        payload = await try_save(world, rewards=[amount_off(1, "1"), reward])
    assert problems(payload) == [(code, ["input", "rewards", "1", field])]


# ---------------------------------------------------------------- redeemed for a code


async def test_a_reward_is_redeemed_for_a_code_at_once(world: World) -> None:
    (reward,) = await rewards(world, amount_off(100, "1.00", stock=3, description="On anything."))
    ann = await rich(world, 250)
    payload = await redeem(world, ann, reward)
    assert payload["userErrors"] == []
    assert payload["reward"] == {
        "id": reward,
        "title": "1.00 off",
        "description": "On anything.",
        "points": 100,
        "kind": "AMOUNT_OFF",
        "value": {"amount": "1.00"},
        "stock": 2,
        "perCustomerLimit": None,
        "active": True,
    }
    assert len(payload["code"]) >= 10
    assert (payload["transaction"]["type"], payload["transaction"]["points"]) == ("SPEND", -100)
    assert payload["transaction"]["reason"] == "1.00 off"
    assert payload["transaction"]["source"] == {"kind": "REWARD", "nodeId": reward, "externalId": None}
    assert payload["transaction"] == (await transactions(world, ann))[0]
    assert payload["account"]["id"] == account_of(ann)
    assert payload["account"]["balance"]["available"] == 150
    other = await given(world, ann, reward)
    assert other != payload["code"]
    assert await stock(world, reward) == 1
    async with nothing_written(world):
        refused = await redeem(world, ann, reward)
        assert problems(refused) == [("INSUFFICIENT_POINTS", ["rewardId"])]
        assert (refused["reward"], refused["code"], refused["transaction"]) == (None, None, None)
    assert await ledger_of(world, ann) == [("ADJUST", 250, 250), ("SPEND", -100, 150), ("SPEND", -100, 50)]
    await clean(world)


async def test_what_is_gone_planned_off_or_unknown_cannot_be_redeemed(world: World) -> None:
    none, off, dropped = await rewards(
        world, amount_off(1, "1", stock=0), amount_off(1, "2", active=False), amount_off(1, "3")
    )
    kept = [amount_off(1, "1", id=none), amount_off(1, "2", active=False, id=off)]
    world.clock.advance(minutes=1)
    await save(world, rewards=kept)
    later = await save(
        world,
        rewards=[*kept, amount_off(1, "4")],
        validFrom="2026-12-01T00:00:00Z",
    )
    planned = later["rewards"][2]["id"]
    ann = await rich(world, 100)
    async with nothing_written(world):
        for reward in (none, off, dropped, planned, UNKNOWN):
            assert problems(await redeem(world, ann, reward)) == [("REWARD_UNAVAILABLE", ["rewardId"])]
            sent = paid(world, 10, off="5", customer=ann, rewardIds=[reward])
            assert problems(await buy(world, sent)) == [("REWARD_UNAVAILABLE", ["input", "rewardIds", "0"])]
        for other in (ann, "", "rwd_1"):
            assert problems(await redeem(world, ann, other)) == [("INVALID", ["rewardId"])]
    world.clock.advance(days=30)
    assert (await redeem(world, ann, planned))["userErrors"] == []


async def test_a_customer_has_a_reward_only_so_often_by_code_and_in_sales_together(world: World) -> None:
    (reward,) = await rewards(world, amount_off(10, "1.00", perCustomerLimit=2))
    ann, bob = await rich(world, 100), await rich(world, 100, email="bob@example.com")
    await given(world, ann, reward)
    async with nothing_written(world):
        twice = await buy(world, paid(world, 10, off="2", customer=ann, rewardIds=[reward, reward]))
        assert problems(twice) == [("REWARD_UNAVAILABLE", ["input", "rewardIds", "1"])]
    await bought(world, paid(world, 10, off="1", customer=ann, rewardIds=[reward]))
    async with nothing_written(world):
        assert problems(await redeem(world, ann, reward)) == [("REWARD_UNAVAILABLE", ["rewardId"])]
    assert (await redeem(world, bob, reward))["userErrors"] == []
    await clean(world)


async def test_a_redemption_sent_again_gives_the_same_code(world: World) -> None:
    (reward,) = await rewards(world, amount_off(100, "1.00", stock=5))
    ann = await rich(world, 250)
    first = await redeem(world, ann, reward, key="r-1")
    async with nothing_written(world):
        assert await redeem(world, ann, reward, key="r-1") == {**first, "replayed": True}
    payloads = await together(*(redeem(world, ann, reward, key="r-2") for _ in range(10)))
    assert {payload["code"] for payload in payloads if not payload["userErrors"]} != {first["code"]}
    assert {str(codes(payload)) for payload in payloads} <= {"[]", "['IDEMPOTENCY_KEY_IN_USE']"}
    assert await totals(world, ann) == (50, 0, 0, 0)
    assert await stock(world, reward) == 3
    await clean(world)


async def test_customers_redeem_for_themselves_alone(world: World) -> None:
    (reward,) = await rewards(world, amount_off(10, "1.00"))
    ann, bob = await rich(world, 100), await rich(world, 100, email="bob@example.com")
    payload = await redeem(world, None, reward, caller=customer_caller(ann))
    assert payload["account"]["id"] == account_of(ann)
    async with nothing_written(world):
        assert problems(await redeem(world, bob, reward, caller=customer_caller(ann))) == [("NOT_FOUND", ["customer"])]
        assert problems(await redeem(world, None, reward)) == [("INVALID", ["customer"])]
        body = await world.answer(REDEEM, {"reward": reward, "customer": {"id": ann}}, caller=STOREFRONT)
        assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN"]


async def test_thirty_redemptions_at_once_of_a_stock_of_five_give_exactly_five(world: World) -> None:
    (reward,) = await rewards(world, amount_off(10, "1.00", stock=5))
    people = [await rich(world, 50, email=f"p{number}@example.com") for number in range(10)]
    payloads = await together(*(redeem(world, people[turn % 10], reward) for turn in range(30)))
    good = [payload for payload in payloads if not payload["userErrors"]]
    refused = [problems(payload) for payload in payloads if payload["userErrors"]]
    assert len(good) == 5
    assert refused == [[("REWARD_UNAVAILABLE", ["rewardId"])]] * 25
    assert len({payload["code"] for payload in good}) == 5
    assert await stock(world, reward) == 0
    assert sum([(await totals(world, person))[0] for person in people]) == 500 - 5 * 10
    assert len(await world.all("reward_redemptions")) == 5
    await clean(world)


@pytest.mark.parametrize(("stocked", "served"), [(5, 5), (25, 25), (None, 25)])
async def test_many_customers_at_once_get_as_many_as_there_are(world: World, stocked: int | None, served: int) -> None:
    (reward,) = await rewards(world, amount_off(10, "1.00", stock=stocked))
    people = [await rich(world, 10, email=f"p{number}@example.com") for number in range(25)]
    payloads = await together(*(redeem(world, person, reward) for person in people))
    refused = [problems(payload) for payload in payloads if payload["userErrors"]]
    assert refused == [[("REWARD_UNAVAILABLE", ["rewardId"])]] * (25 - served)
    assert await stock(world, reward) == (None if stocked is None else stocked - served)
    await clean(world)
