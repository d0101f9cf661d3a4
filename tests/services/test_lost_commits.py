"""A commit that was applied and reported as failed: the fact has its effect once, and the answer is the first."""

from typing import Any

import pytest
from pymongo.errors import PyMongoError

from services.holds import ACTIVE_MAX
from store.client import Database
from tests.services.loyalty_helpers import (
    adjust,
    amount_off,
    capture,
    held,
    hold,
    keyed,
    redeem,
    release,
    rewards,
    rich,
    told,
    totals,
    transfer,
)
from tests.services.program_helpers import FEEDBACK, SAVE, clean, posted
from tests.services.reward_helpers import stock
from tests.support import RECORD, World, sale

TRANSIENT = "TransientTransactionError"


@pytest.fixture
def lose(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Put a label in, and the next commit is applied and reported as failed with it."""
    labels: list[str] = []
    commit = Database._commit

    async def lost(database: Database, session: Any, deadline: float) -> None:
        await commit(database, session, deadline)
        if labels:
            error = PyMongoError("the answer got lost")
            error._add_error_label(labels.pop())
            raise error

    monkeypatch.setattr(Database, "_commit", lost)
    return labels


@pytest.mark.parametrize("points", [100, 1000], ids=["for one", "for ten"])
async def test_a_reward_is_redeemed_once(world: World, lose: list[str], points: int) -> None:
    (reward,) = await rewards(world, amount_off(100, "1.00", stock=5))
    ann = await rich(world, points)
    lose.append(TRANSIENT)
    first = await redeem(world, ann, reward, key="k-1")
    assert not lose
    assert first["userErrors"] == []
    again = await redeem(world, ann, reward, key="k-1")
    assert again["replayed"] is True
    assert (again["code"], again["transaction"]["id"]) == (first["code"], first["transaction"]["id"])
    (redemption,) = await world.all("reward_redemptions")
    assert redemption["code"] == first["code"]
    assert await totals(world, ann) == (points - 100, 0, 0, 0)
    assert await stock(world, reward) == 4
    await clean(world)


@pytest.mark.parametrize("taken", [50, 20])
async def test_a_hold_is_captured_once(world: World, lose: list[str], taken: int) -> None:
    ann = await rich(world, 100)
    one = await held(world, ann, 50)
    lose.append(TRANSIENT)
    first = await capture(world, one, taken, key="k-1")
    assert not lose
    assert told(first) == (50, taken, "CAPTURED")
    again = await capture(world, one, taken, key="k-1")
    assert (told(again), again["replayed"]) == (told(first), True)
    assert [entry[:2] for entry in await posted(world, ann)] == [("ADJUST", 100), ("SPEND", -taken)]
    assert await totals(world, ann) == (100 - taken, 0, 0, 0)
    await clean(world)


async def test_points_are_held_released_adjusted_and_transferred_once(world: World, lose: list[str]) -> None:
    ann, bob = await rich(world, 100), await world.customer(email="bob@example.com")
    lose.append(TRANSIENT)
    made = await hold(world, ann, 60, key="k-1")
    assert told(made) == (60, 0, "ACTIVE")
    assert await totals(world, ann) == (40, 0, 60, 0)
    lose.append(TRANSIENT)
    assert told(await release(world, made["hold"]["id"], key="k-2")) == (60, 0, "RELEASED")
    lose.append(TRANSIENT)
    assert (await adjust(world, ann, -30, key="k-3"))["userErrors"] == []
    lose.append(TRANSIENT)
    assert (await transfer(world, ann, bob, 50, key="k-4"))["userErrors"] == []
    assert not lose
    assert (await totals(world, ann), await totals(world, bob)) == ((20, 0, 0, 0), (50, 0, 0, 0))
    await clean(world)


async def test_a_hold_that_was_the_last_to_be_had_is_made_all_the_same(world: World, lose: list[str]) -> None:
    ann = await rich(world, ACTIVE_MAX)
    for _ in range(ACTIVE_MAX - 1):
        await held(world, ann, 1)
    lose.append(TRANSIENT)
    first = await hold(world, ann, 1, key="k-1")
    assert told(first) == (1, 0, "ACTIVE")
    again = await hold(world, ann, 1, key="k-1")
    assert (again["hold"]["id"], again["replayed"]) == (first["hold"]["id"], True)


@pytest.mark.parametrize("document", [RECORD, keyed(RECORD, "k-1")], ids=["by its own id", "by its key"])
async def test_a_sale_is_recorded_once(world: World, lose: list[str], document: str) -> None:
    ann = await world.customer()
    sent = {"input": sale(customer={"id": ann})}
    lose.append(TRANSIENT)
    first = (await world.data(document, sent))["recordPurchase"]
    assert not lose
    assert first["userErrors"] == []
    again = (await world.data(document, sent))["recordPurchase"]
    assert (again["purchase"], again["replayed"]) == (first["purchase"], True)
    (stored,) = await world.all("purchases")
    assert stored["_id"] == first["purchase"]["id"]
    assert [entry[:2] for entry in await posted(world, ann)] == [("EARN", 10)]
    await clean(world)


async def test_feedback_is_given_once(world: World, lose: list[str]) -> None:
    ann = await world.customer()
    lose.append(TRANSIENT)
    payload = (await world.data(keyed(FEEDBACK, "k-1"), {"id": ann}))["submitFeedback"]
    assert payload["userErrors"] == []
    (stored,) = await world.all("feedback")
    assert payload["feedback"]["id"] == stored["_id"]


async def test_a_version_is_saved_once(world: World, lose: list[str]) -> None:
    await world.shop.known.programs()
    lose.append(TRANSIENT)
    payload = (await world.data(keyed(SAVE, "k-1"), {"input": {"name": "New"}}))["saveLoyaltyProgram"]
    assert payload["userErrors"] == []
    assert payload["loyaltyProgram"]["name"] == "New"
    assert len(await world.all("loyalty_programs")) == 2
