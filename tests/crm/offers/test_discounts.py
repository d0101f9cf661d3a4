"""What each kind takes off, by hand."""

from fractions import Fraction

import pytest

from crm.offers.values import Offer, Usage
from tests.crm.offers.carts import (
    amount,
    basket,
    best,
    buy_get,
    discounts,
    fixed,
    free_item,
    line,
    percent,
)

THREE = (line(1, "A", 1, 1000), line(2, "B", 2, 333), line(3, "C", 1, 99, "tea"))  # 10.00 + 6.66 + 0.99 = 17.65

TABLE: list[tuple[str, tuple[Offer, ...], list[int]]] = [
    ("a percentage of a line, half up: 12.5% of 6.66 is 0.8325", (percent("o", 12.5, skus=["B"]),), [0, 83, 0]),
    (
        "each line of a line offer for itself: 0.5 of 0.99 is 0.495, up",
        (percent("o", 50, skus=["B", "C"]),),
        [0, 333, 50],
    ),
    # 10% of 17.65 = 1.765 -> 1.77; parts 100.28.., 66.78.., 9.92.. -> 100, 66, 9 and two to the largest remainders
    ("a percentage of the cart, split", (percent("o", 10),), [100, 67, 10]),
    ("by category", (percent("o", 100, categories=["tea"]),), [0, 0, 99]),
    ("by SKU and category: both", (percent("o", 100, skus=["A", "C"], categories=["tea"]),), [0, 0, 99]),
    # 5.00 over 17.65: 283.28.., 188.66.., 28.04.. -> 283, 188, 28 and one to the .66
    ("an amount off the cart, split", (amount("o", 500),), [283, 189, 28]),
    ("an amount off lines, once and not for each unit", (amount("o", 200, skus=["B"]),), [0, 200, 0]),
    ("an amount takes at most what is there", (amount("o", 5000, skus=["C"]),), [0, 0, 99]),
    ("a fixed price for a unit: two at 3.00", (fixed("o", 300, skus=["B"]),), [0, 66, 0]),
    ("a fixed price above the price takes nothing", (fixed("o", 400, skus=["B"]),), [0, 0, 0]),
    ("a fixed price below a cent a unit: two at 0.005 come to 0.01", (fixed("o", 0.5, skus=["B"]),), [0, 665, 0]),
    ("a free item: one unit", (free_item("o", "B"),), [0, 333, 0]),
    ("of several free items the dearest", (free_item("o", "C", "B"),), [0, 333, 0]),
    (
        "line offers first, whatever their priority: 10% of 7.65",
        (percent("b", 10, priority=0), amount("a", 1000, skus=["A"], priority=9)),
        [1000, 67, 10],
    ),
    (
        "by priority: 20% first, then 1.00",
        (percent("b", 20, skus=["A"], priority=1), amount("a", 100, skus=["A"], priority=2)),
        [300, 0, 0],
    ),
    (
        "by priority: 1.00 first, then 20% of 9.00",
        (percent("b", 20, skus=["A"], priority=2), amount("a", 100, skus=["A"], priority=1)),
        [280, 0, 0],
    ),
    ("then by id", (percent("b", 20, skus=["A"]), amount("a", 100, skus=["A"])), [280, 0, 0]),
    (
        "10% off, then one of two free: half of what is left",
        (percent("a", 10, skus=["B"]), free_item("b", "B")),
        [0, 367, 0],
    ),
    ("two free items are two units", (free_item("a", "B"), free_item("b", "B")), [0, 666, 0]),
    (
        "one free, then the other at 3.00",
        (free_item("a", "B", priority=0), fixed("b", 300, skus=["B"], priority=1)),
        [0, 366, 0],
    ),
]


@pytest.mark.parametrize(("offers", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_what_offers_take_off(offers: tuple[Offer, ...], expected: list[int]) -> None:
    priced = best(basket(*THREE), *offers)
    assert discounts(priced) == expected
    assert priced.discount_total == sum(expected)


BUY = [
    ("three for two: the third", [(3, 500)], buy_get("o", 2, 1, skus=["S1"]), [500]),
    ("two are too few", [(2, 500)], buy_get("o", 2, 1, skus=["S1"]), [0]),
    ("seven: two groups", [(7, 500)], buy_get("o", 2, 1, skus=["S1"]), [1000]),
    ("the cheapest of one group", [(1, 500), (1, 300), (1, 400)], buy_get("o", 2, 1), [0, 300, 0]),
    ("dealt dearest first: 10 + 1", [(3, 100), (3, 1000)], buy_get("o", 2, 1), [100, 1000]),
    ("a cheap one more takes nothing away", [(3, 1000), (1, 100)], buy_get("o", 2, 1), [1000, 0]),
    ("by weight, whole groups only: 2 kg + 1 kg of 3.5", [(3.5, 200)], buy_get("o", 2, 1), [200]),
    ("half units have no whole group", [(0.5, 200), (0.5, 200)], buy_get("o", 1, 1), [0, 0]),
    ("half a kilo for each kilo", [(1.5, 200)], buy_get("o", 1, 0.5), [100]),
    ("another product", [(4, 100), (3, 900)], buy_get("o", 2, 1, skus=["S1"], get_skus=("S2",)), [0, 1800]),
    (
        "of those given the dearest",
        [(2, 100), (1, 50), (1, 70)],
        buy_get("o", 2, 1, skus=["S1"], get_skus=("S2", "S3")),
        [0, 0, 70],
    ),
    ("given and bought the same", [(3, 100)], buy_get("o", 2, 1, skus=["S1"], get_skus=("S1",)), [100]),
    (
        "what is given is not bought too",
        [(1, 100), (2, 100)],
        buy_get("o", 2, 1, skus=["S1", "S2"], get_skus=("S2",)),
        [0, 100],
    ),
    ("a million units", [(1_000_000, 1)], buy_get("o", 2, 1), [333_333]),
]


@pytest.mark.parametrize(("lines", "given", "expected"), [row[1:] for row in BUY], ids=[row[0] for row in BUY])
def test_what_is_given_away(lines: list[tuple[float, int]], given: Offer, expected: list[int]) -> None:
    cart = basket(*(line(number, f"S{number}", *one) for number, one in enumerate(lines, 1)))
    assert discounts(best(cart, given)) == expected


def test_a_budget_gives_what_is_left_of_it_and_then_nothing() -> None:
    cart = basket(*THREE)
    given = percent("o", 10, budget=1000)
    assert best(cart, given, used={"o": Usage(spent=900)}).discount_total == 100
    assert best(cart, given, used={"o": Usage(spent=1000)}).discount_total == 0
    assert best(cart, given, used={"o": Usage(spent=500)}).discount_total == 177


def test_what_a_budget_covers_of_several_lines_is_split_over_them() -> None:
    given = percent("o", 50, skus=["A", "B"], budget=400)  # 5.00 and 3.33 wanted; 240.09.. and 159.90.. of 4.00
    assert discounts(best(basket(*THREE), given)) == [240, 160, 0]


def test_a_cart_is_split_by_line_numbers_however_it_is_sent() -> None:
    cart = basket(line(7, "A", 1, 100), line(2, "B", 1, 100), line(5, "C", 1, 100))
    priced = best(cart, amount("o", 200))  # 66.6 each: two cents over, to lines 2 and 5
    assert [(one.line_number, one.discount) for one in priced.lines] == [(7, 66), (2, 67), (5, 67)]


def test_a_third_is_exact() -> None:
    assert best(basket(line(1, "A", 1, 300)), percent("o", Fraction(100, 3))).discount_total == 100
