"""Points that paid for goods go back with the goods: in any parts they come to the whole."""

from fractions import Fraction
from itertools import count, pairwise
from math import floor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm.numbers import QUANTITY_DIGITS, decimal
from tests.services.helpers import ago, back, cancel, codes, line, nothing_written, take
from tests.services.loyalty_helpers import amount_off, bought, paid, rewards, rich, then, together, totals
from tests.services.program_helpers import clean, settle
from tests.services.spent_points import THREE, given_back, good, left, stored, two_lots
from tests.support import World

# ---------------------------------------------------------------- how many


@pytest.mark.parametrize(
    ("lines", "fields", "returned", "expected"),
    [
        pytest.param(
            [line(1, "3", "10.00")],
            {"total": "30.00"},
            {1: "1"},
            33,
            id="a base of 30.00: 10.00 of it, floor(100 x 10 / 30)",
        ),
        pytest.param(
            [line(1, "1", "10"), line(2, "1", "20")],
            {"taxTotal": "6", "total": "36"},
            {2: "1"},
            66,
            id="tax does not count: the base is 30.00",
        ),
        pytest.param(
            [line(1, "2", "5"), line(2, "1", "30", discount="10")],
            {"discountTotal": "30", "total": "0"},
            {1: "1"},
            16,
            id="the base by line totals where nothing was paid: 5.00 of 30.00",
        ),
        pytest.param(
            [line(1, "2", "5", discount="10"), line(2, "1", "30", discount="30")],
            {"total": "0"},
            {1: "1"},
            12,
            id="list prices where lines came to nothing: 5.00 of 40.00",
        ),
        pytest.param(
            [line(1, "1", "10"), line(2, "1", "20")],
            {"discountTotal": "30", "taxTotal": "3", "total": "3"},
            {1: "1"},
            33,
            id="only tax was paid: by line totals, 10.00 of 30.00",
        ),
        pytest.param(
            [line(1, "0.75", "40")],
            {"total": "30.00"},
            {1: "0.25"},
            33,
            id="a weight: 0.25 of 0.75 kg",
        ),
        pytest.param(
            [line(1, "2", "0"), line(2, "1", "0")],
            {"total": "0"},
            {1: "2"},
            0,
            id="nothing had a price: nothing in part",
        ),
        pytest.param(
            [line(1, "1", "10", discount="10"), line(2, "1", "30")],
            {"total": "30"},
            {1: "1"},
            0,
            id="a free line beside a paid one: its own part of the base is nothing",
        ),
    ],
)
async def test_a_part_of_the_base_gives_its_part_of_the_points_and_the_rest_gives_the_rest(
    world: World, lines: list[dict[str, Any]], fields: dict[str, Any], returned: dict[int, str], expected: int
) -> None:
    ann = await rich(world, 100)
    sent = paid(world, 1, customer=ann, points=100, lines=lines, **{"discountTotal": "0", **fields})
    purchase = (await bought(world, sent))["id"]
    await good(world.give_back(purchase, returned, id="r-1"))
    assert await given_back(world, purchase) == [expected]
    await good(cancel(world, purchase))
    assert await given_back(world, purchase) == [expected, 100 - expected]
    assert await totals(world, ann) == (100, 0, 0, 0)
    await clean(world)


async def test_a_cancelled_sale_gives_all_points_back_at_once(world: World) -> None:
    (reward,) = await rewards(world, amount_off(25, "1.00", stock=1))
    ann = await two_lots(world, soon=50, late=50)
    sent = paid(world, 30, customer=ann, points=40, rewardIds=[reward], lines=[line(1, "3", "10.00")])
    purchase = (await bought(world, {**sent, "discountTotal": "1.00", "total": "29.00"}))["id"]
    assert await left(world, ann) == {"late": 35, "s-1": 29}
    await good(cancel(world, purchase))
    assert await given_back(world, purchase) == [65]
    assert await left(world, ann) == {"soon": 50, "late": 50}
    async with nothing_written(world):
        assert codes(await cancel(world, purchase, id="c-2")) == ["RETURN_EXCEEDS_PURCHASE"]
    await clean(world)


async def test_a_refund_total_changes_no_points(world: World) -> None:
    ann = await rich(world, 100)
    purchase = (await bought(world, paid(world, 30, customer=ann, points=90, **THREE)))["id"]
    await good(world.give_back(purchase, {1: "1"}, refundTotal="0"))
    assert await given_back(world, purchase) == [30]
    assert await totals(world, ann) == (10 + 30 + 20, 0, 0, 0)


@pytest.mark.parametrize("cancelled", [False, True])
async def test_a_return_of_everything_sent_twenty_times_at_once_is_taken_once(world: World, cancelled: bool) -> None:
    ann = await rich(world, 100)
    purchase = (await bought(world, paid(world, 30, customer=ann, points=90, **THREE)))["id"]
    sent = back(world, purchase, {1: "3"})
    payloads = await together(*(cancel(world, purchase) if cancelled else take(world, sent) for _ in range(20)))
    assert [codes(payload) for payload in payloads] == [[]] * 20
    assert sorted(payload["replayed"] for payload in payloads) == [False] + [True] * 19
    assert await totals(world, ann) == (100, 0, 0, 0)
    assert len((await stored(world, purchase))["returns"]) == 1
    await clean(world)


# ---------------------------------------------------------------- in any parts


NUMBERS = count(1)
LINES = st.lists(st.tuples(st.integers(2, 400_000), st.integers(1, 50_00)), min_size=1, max_size=3)


def cut(quantity: int, at: list[float]) -> list[int]:
    """Return a quantity cut into parts."""
    ends = sorted({0, quantity, *(min(max(int(quantity * part), 1), quantity - 1) for part in at)})
    return [high - low for low, high in pairwise(ends)]


def half_up(part: Fraction) -> int:
    return floor(part + Fraction(1, 2))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=LINES,
    soon=st.integers(1, 300),
    late=st.integers(1, 300),
    part=st.floats(0.01, 1),
    off=st.sampled_from(["0", "all"]),
    cuts=st.lists(st.floats(0, 1), max_size=3),
    order=st.randoms(use_true_random=False),
)
async def test_returns_in_any_parts_come_to_one_full_return(
    world: World,
    lines: list[tuple[int, int]],
    soon: int,
    late: int,
    part: float,
    off: str,
    cuts: list[float],
    order: Any,
) -> None:
    number = next(NUMBERS)
    ann = await world.customer(email=f"p{number}@example.com")
    for name, points, days in (("soon", soon, 700), ("late", late, 10)):
        sale = paid(world, points, customer=ann, id=f"{number}-{name}", occurredAt=ago(world, days=days))
        await bought(world, sale)
    before = await left(world, ann)
    points = max(1, int((soon + late) * part))
    sums = [half_up(Fraction(quantity * price, 10**QUANTITY_DIGITS)) for quantity, price in lines]
    sent_lines = [
        line(at, decimal(quantity, QUANTITY_DIGITS), decimal(price, 2))
        for at, (quantity, price) in enumerate(lines, start=1)
    ]
    taken_off = sum(sums) if off == "all" else 0
    money: dict[str, Any] = {"discountTotal": decimal(taken_off, 2), "total": decimal(sum(sums) - taken_off, 2)}
    sent = paid(world, 1, customer=ann, id=f"{number}-s", lines=sent_lines, points=points, **money)
    purchase = await bought(world, sent)
    assert sum((await left(world, ann)).values()) == soon + late - points + purchase["pointsEarned"]

    pieces = [(at, one) for at, (quantity, _) in enumerate(lines, start=1) for one in cut(quantity, cuts)]
    order.shuffle(pieces)
    returned: dict[int, int] = {}
    for turn, (at, quantity) in enumerate(pieces):
        await good(world.give_back(purchase["id"], {at: decimal(quantity, QUANTITY_DIGITS)}, id=f"{number}-r{turn}"))
        returned[at] = returned.get(at, 0) + quantity
        gone = sum(half_up(Fraction(sums[at - 1] * quantity, lines[at - 1][0])) for at, quantity in returned.items())
        so_far = sum(await given_back(world, purchase["id"]))
        if turn == len(pieces) - 1:
            assert so_far == points
        elif sum(sums):
            assert so_far == points * gone // sum(sums)
    assert await left(world, ann) == before
    assert await totals(world, ann) == (soon + late, 0, 0, 0)


async def test_after_a_whole_history_of_sales_and_returns_the_check_finds_nothing(world: World) -> None:
    ann = await rich(world, 500)
    for turn in range(6):
        sent = paid(world, 30, customer=ann, id=f"s-{turn}", points=40 + turn, **THREE)
        purchase = (await bought(world, sent))["id"]
        for number in range(turn % 4):
            await good(world.give_back(purchase, {1: "1"}, id=f"r-{turn}-{number}"))
        world.clock.advance(days=130)
        if turn % 2:
            await settle(world)
        await clean(world)
    assert then(world) > "2028"
    await settle(world)
    await clean(world)
