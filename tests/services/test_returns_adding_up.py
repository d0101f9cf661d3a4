"""However goods come back, in how many parts and in which order, it all adds up to one full return."""

import asyncio
from fractions import Fraction
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.numbers import QUANTITY_DIGITS, decimal
from loyalty.earning import Terms, points_for, points_taken_back
from services.stored_return import money_back
from services.terms import kept_shares, shares_of
from store.client import Document
from tests.services.helpers import cancel, codes, ledger_of, line
from tests.support import World, whole

LINE = st.tuples(st.integers(1, 5 * 10**5), st.integers(0, 10**8), st.integers(0, 10**5))
RATES = st.sampled_from([Fraction(1), Fraction(5, 4), Fraction(3, 2), Fraction(1, 3), Fraction(7)])


def purchase_of(lines: list[tuple[int, int, int]], off: float, tax: float, included: bool, random: Random) -> Document:
    """Return a sale of lines of (quantity, unit price, total), a part `off` taken off, its tax in or on top."""
    numbers = random.sample(range(1, 100), len(lines))
    goods = sum(total for _, _, total in lines)
    goods -= int(goods * off)
    tax_total = int(goods * tax)
    return {
        "total": goods if included else goods + tax_total,
        "taxTotal": tax_total,
        "lines": [
            {"lineNumber": number, "quantity": quantity, "unitPrice": price, "total": total}
            for number, (quantity, price, total) in zip(numbers, lines, strict=True)
        ],
    }


def pieces_of(purchase: Document, random: Random) -> list[dict[int, int]]:
    """Return everything of the purchase cut into returns, in any order."""
    pieces = []
    for sold in purchase["lines"]:
        cuts = sorted(random.sample(range(1, sold["quantity"]), min(random.randrange(4), sold["quantity"] - 1)))
        ends = [0, *cuts, sold["quantity"]]
        pieces += [(sold["lineNumber"], high - low) for low, high in pairwise(ends)]
    random.shuffle(pieces)
    returns: list[dict[int, int]] = []
    for number, quantity in pieces:
        if returns and number not in returns[-1] and random.random() < 0.4:
            returns[-1][number] = quantity
        else:
            returns.append({number: quantity})
    return returns


def give_back(purchase: Document, quantities: dict[int, int]) -> list[int]:
    """Take one return into the purchase and return what comes back of each of its lines."""
    parts = money_back(purchase, quantities, 2)
    for sold in purchase["lines"]:
        sold["returnedQuantity"] = sold.get("returnedQuantity", 0) + quantities.get(sold["lineNumber"], 0)
    return parts


@settings(max_examples=300, deadline=None)
@given(
    st.lists(LINE, min_size=1, max_size=6),
    st.sampled_from([0.0, 0.1, 0.999, 1.0]),
    st.sampled_from([0.0, 0.07, 0.2]),
    st.booleans(),
    RATES,
    st.integers(0, 10**9),
)
def test_any_partial_returns_come_to_the_whole_total_and_take_all_points(
    lines: list[tuple[int, int, int]], off: float, tax: float, included: bool, rate: Fraction, seed: int
) -> None:
    random = Random(seed)
    purchase = purchase_of(lines, off, tax, included, random)
    base = purchase["total"] - purchase["taxTotal"]
    assert sum(shares_of(purchase)) == base
    earned = points_for([base], Terms(rates=(rate,)), 2)
    money, taken = 0, 0
    for quantities in pieces_of(purchase, random):
        parts = give_back(purchase, quantities)
        assert min(parts) >= 0
        money += sum(parts)
        so_far = points_taken_back(earned, kept_shares(purchase), Terms(rates=(rate,)), 2)
        assert taken <= so_far <= earned
        taken = so_far
    assert (money, taken) == (purchase["total"], earned)
    assert kept_shares(purchase) == [0] * len(lines)


@settings(max_examples=100, deadline=None)
@given(st.lists(LINE, min_size=1, max_size=4), st.integers(0, 10**9))
def test_what_a_line_has_given_back_depends_on_how_much_of_it_is_back_and_not_on_the_way_there(
    lines: list[tuple[int, int, int]], seed: int
) -> None:
    random = Random(seed)
    slowly, at_once = (purchase_of(lines, 0.1, 0.2, False, Random(seed)) for _ in range(2))
    some = pieces_of(slowly, random)[: random.randrange(1, 6)]
    by_line: dict[int, int] = {}
    for quantities in some:
        for number, part in zip(quantities, give_back(slowly, quantities), strict=True):
            by_line[number] = by_line.get(number, 0) + part
    together: dict[int, int] = {}
    for quantities in some:
        for number, quantity in quantities.items():
            together[number] = together.get(number, 0) + quantity
    assert by_line == dict(zip(together, give_back(at_once, together), strict=True))
    assert kept_shares(slowly) == kept_shares(at_once)


BASKET = {
    "lines": [line(3, "3", "3.33"), line(1, "0.777", "12.90"), line(2, "2", "9.99", discount="1.01")],
    "discountTotal": "2.22",
    "taxTotal": "4.07",
    "total": "40.83",  # 9.99 + 10.02 + 18.97 - 2.22 + 4.07
}


@pytest.mark.parametrize("seed", range(4))
async def test_through_the_database_too(world: World, seed: int) -> None:
    random = Random(seed)
    ann = await world.customer()
    await world.sell(**whole(600), id="s-0", customer={"id": ann}, occurredAt="2026-10-01T12:00:00Z")
    payload = await world.sell(**BASKET, customer={"id": ann})
    purchase = payload["purchase"]
    assert purchase["pointsEarned"] == 45  # 36.76 at Silver: 45.95
    stored: Any = (await world.all("purchases", {"_id": purchase["id"]}))[0]

    made = []
    for number, quantities in enumerate(pieces_of(stored, random)):
        lines = {line_: decimal(quantity, QUANTITY_DIGITS) for line_, quantity in quantities.items()}
        made.append(await world.give_back(purchase["id"], lines, id=f"r-{number}"))

    assert [codes(payload) for payload in made] == [[]] * len(made)
    assert made[-1]["purchase"]["status"] == "RETURNED"
    assert made[-1]["purchase"]["returnedTotal"] == {"amount": "40.83"}
    assert sum(round(float(back["purchaseReturn"]["total"]["amount"]) * 100) for back in made) == 4083
    assert sum(back["purchaseReturn"]["pointsTakenBack"] for back in made) == 45
    assert (await world.points(ann))["available"] == 600


@pytest.mark.parametrize("anonymous", [False, True])
async def test_twenty_returns_of_the_same_goods_at_once_give_back_once(world: World, anonymous: bool) -> None:
    ann = await world.customer()
    purchase = (await world.sell(**({} if anonymous else {"customer": {"id": ann}})))["purchase"]["id"]
    payloads = await asyncio.gather(*(world.give_back(purchase, {1: "2"}, id=f"r-{n}") for n in range(20)))
    assert sorted(codes(payload) for payload in payloads) == [[]] + [["RETURN_EXCEEDS_PURCHASE"]] * 19
    (stored,) = await world.all("purchases")
    assert (stored["returnedTotal"], len(stored["returns"])) == (1090, 1)
    assert await ledger_of(world, ann) == ([] if anonymous else [("EARN", 10, 10), ("RETURN_EARNED", -10, 0)])
    assert len(await world.all("outbox", {"topic": "RETURN"})) == 1


async def test_one_return_sent_twenty_times_at_once_is_taken_once(world: World) -> None:
    ann = await world.customer()
    purchase = (await world.sell(customer={"id": ann}))["purchase"]["id"]
    payloads = await asyncio.gather(*(world.give_back(purchase, {1: "1"}) for _ in range(20)))
    assert {payload["purchaseReturn"]["id"] for payload in payloads} == {payloads[0]["purchaseReturn"]["id"]}
    assert sorted(payload["replayed"] for payload in payloads) == [False] + [True] * 19
    assert (await world.points(ann))["available"] == 5


async def test_returns_and_a_cancellation_at_once_leave_nothing_over_and_nothing_double(world: World) -> None:
    ann = await world.customer()
    sold = await world.sell(lines=[line(1, "10", "10")], total="100.00", customer={"id": ann})
    purchase = sold["purchase"]["id"]
    payloads = await asyncio.gather(
        cancel(world, purchase), *(world.give_back(purchase, {1: "1"}, id=f"r-{n}") for n in range(9))
    )
    (stored,) = await world.all("purchases")
    done = [payload for payload in payloads if codes(payload) == []]
    assert codes(payloads[0]) == []
    assert len(stored["returns"]) == len(done)
    assert (stored["status"], stored["returnedTotal"], stored["pointsTakenBack"]) == ("CANCELLED", 10_000, 100)
    assert (await world.points(ann))["available"] == 0
