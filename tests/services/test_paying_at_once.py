"""Sales paid with points, sent again and at once: captured and spent once."""

from typing import Any

import pytest

from tests.services.helpers import codes, ledger_of, nothing_written
from tests.services.loyalty_helpers import adjust, bought, buy, held, paid, problems, release, rich, together, totals
from tests.services.program_helpers import clean
from tests.support import World


@pytest.mark.parametrize("key", [None, "till-7:s-1"])
async def test_a_sale_sent_again_captures_once(world: World, key: str | None) -> None:
    ann = await rich(world, 1000)
    made = await held(world, ann, 300)
    sent = paid(world, 10, off="3.00", customer=ann, holdId=made)
    first = await buy(world, sent, key=key)
    assert first["purchase"]["pointsSpent"] == 300
    async with nothing_written(world):
        assert await buy(world, sent, key=key) == {**first, "replayed": True}
        assert await buy(world, sent) == {**first, "replayed": True}
        assert codes(await buy(world, {**sent, "points": 299})) == ["CONFLICT"]
        assert codes(await buy(world, {name: sent[name] for name in sent if name != "holdId"})) == ["CONFLICT"]
    assert await totals(world, ann) == (707, 0, 0, 0)
    await clean(world)


async def test_a_sale_that_was_refused_under_a_key_stays_refused_under_it(world: World) -> None:
    ann = await rich(world, 10)
    sent = paid(world, 10, customer=ann, points=11)
    assert codes(await buy(world, sent, key="k")) == ["INSUFFICIENT_POINTS"]
    await adjust(world, ann, 1)
    async with nothing_written(world):
        again = await buy(world, sent, key="k")
    assert (codes(again), again["replayed"]) == (["INSUFFICIENT_POINTS"], True)
    assert (await bought(world, sent))["pointsSpent"] == 11  # without it, it is a new try


@pytest.mark.parametrize("by", ["hold", "points"])
async def test_twenty_sends_of_one_sale_at_once_spend_once(world: World, by: str) -> None:
    ann = await rich(world, 400)
    how = {"holdId": await held(world, ann, 300)} if by == "hold" else {"points": 300}
    sent = paid(world, 10, off="3.00", customer=ann, **how)
    payloads = await together(*(buy(world, sent, key="same" if turn % 2 else None) for turn in range(20)))
    busy = [payload for payload in payloads if codes(payload) == ["IDEMPOTENCY_KEY_IN_USE"]]
    good = [payload for payload in payloads if not payload["userErrors"]]
    assert len(good) + len(busy) == 20
    assert len({payload["purchase"]["id"] for payload in good}) == 1
    assert [payload["replayed"] for payload in good].count(False) == 1
    assert await ledger_of(world, ann) == [("ADJUST", 400, 400), ("SPEND", -300, 100), ("EARN", 7, 107)]
    await clean(world)


async def test_of_two_sales_at_once_one_gets_the_hold(world: World) -> None:
    ann = await rich(world, 1000)
    for turn in range(5):
        made = await held(world, ann, 10)
        sent = [paid(world, 1, off="1.00", customer=ann, holdId=made, id=f"{turn}-{side}") for side in "ab"]
        payloads = await together(*(buy(world, one) for one in sent))
        assert sorted(map(str, map(problems, payloads))) == ["[('HOLD_NOT_ACTIVE', ['input', 'holdId'])]", "[]"]
    assert await totals(world, ann) == (950, 0, 0, 0)
    assert len(await world.all("purchases")) == 5
    await clean(world)


async def test_of_ten_sales_at_once_as_many_are_paid_as_there_are_points(world: World) -> None:
    ann = await rich(world, 350)
    sent = [paid(world, 1, off="1.00", customer=ann, points=100, id=f"s-{number}") for number in range(10)]
    payloads = await together(*(buy(world, one) for one in sent))
    assert sorted(map(str, map(codes, payloads))) == ["['INSUFFICIENT_POINTS']"] * 7 + ["[]"] * 3
    assert await totals(world, ann) == (50, 0, 0, 0)
    assert len(await world.all("purchases")) == 3
    await clean(world)


async def test_a_sale_and_a_release_at_once_do_not_both_have_the_hold(world: World) -> None:
    ann = await rich(world, 1000)
    spent = 0
    for turn in range(5):
        made = await held(world, ann, 10)
        sent = paid(world, 1, off="1.00", customer=ann, holdId=made, id=f"s-{turn}")
        calls: list[Any] = [buy(world, sent), release(world, made)]
        payloads = await together(*(calls if turn % 2 else calls[::-1]))
        assert sorted(map(str, map(codes, payloads))) == ["['HOLD_NOT_ACTIVE']", "[]"]
        spent += 10 * any("purchase" in payload and not payload["userErrors"] for payload in payloads)
    assert await totals(world, ann) == (1000 - spent, 0, 0, 0)
    assert len(await world.all("purchases")) == spent // 10
    await clean(world)
