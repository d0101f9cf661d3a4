"""Exact numbers: decimals in and out, rounding, and splits that add up."""

from decimal import ROUND_HALF_UP
from decimal import Decimal as Exact

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.numbers import decimal, extended, round_half_up, scaled, split

VALUES = st.integers(min_value=-(10**17), max_value=10**17)
WEIGHTS = st.lists(st.integers(min_value=0, max_value=10**9), max_size=12)


@given(VALUES, st.integers(min_value=0, max_value=6))
def test_what_goes_out_comes_in_again(value: int, digits: int) -> None:
    if abs(value) >= 10 ** (12 + digits):
        value %= 10 ** (12 + digits)
    assert scaled(decimal(value, digits), digits) == value
    assert scaled(decimal(value, digits, trailing_zeros=True), digits) == value


@given(VALUES, st.integers(min_value=0, max_value=6))
def test_a_decimal_string_is_the_exact_value(value: int, digits: int) -> None:
    assert Exact(decimal(value, digits)) == Exact(value).scaleb(-digits)
    assert not decimal(value, digits).endswith(".")


@pytest.mark.parametrize(
    ("value", "digits", "short", "long"),
    [
        (0, 2, "0", "0.00"),
        (5, 2, "0.05", "0.05"),
        (-5, 2, "-0.05", "-0.05"),
        (1090, 2, "10.9", "10.90"),
        (1200, 2, "12", "12.00"),
        (7, 0, "7", "7"),
        (1234567, 5, "12.34567", "12.34567"),
    ],
)
def test_trailing_zeros_stand_only_where_asked_for(value: int, digits: int, short: str, long: str) -> None:
    assert decimal(value, digits) == short
    assert decimal(value, digits, trailing_zeros=True) == long


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1",
        "1 ",
        "1.",
        ".5",
        "+1",
        "1e3",
        "NaN",
        "1,5",
        "--1",
        "1_0",
        "٣",
        "1\n",
        "0x10",
        "-",
        "1" * 13,
        "0.1234567",
    ],
)
def test_what_is_no_decimal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="decimal number"):
        scaled(text, 6)


def test_more_decimals_than_the_unit_has_are_refused_unless_they_are_zeros() -> None:
    with pytest.raises(ValueError, match="At most 2 decimals"):
        scaled("1.001", 2)
    assert scaled("1.0100", 2) == 101
    assert scaled("-0.00", 2) == 0


@given(st.integers(min_value=0, max_value=10**15), st.integers(min_value=1, max_value=10**9))
def test_halves_are_rounded_up(numerator: int, denominator: int) -> None:
    low, rest = divmod(numerator, denominator)
    assert round_half_up(numerator, denominator) == (low + 1 if 2 * rest >= denominator else low)


@pytest.mark.parametrize(("numerator", "rounded"), [(0, 0), (4, 0), (5, 1), (14, 1), (15, 2), (25, 3)])
def test_tenths_by_hand(numerator: int, rounded: int) -> None:
    assert round_half_up(numerator, 10) == rounded


@pytest.mark.parametrize(
    ("quantity", "price", "digits", "minor"),
    [
        ("2", "5.45", 2, 1090),
        ("0.33333", "3", 2, 100),  # 0.99999
        ("1.005", "1", 2, 101),  # 1.005 is a half: up
        ("1.00499", "1", 2, 100),
        ("0.00001", "0.000001", 2, 0),
        ("3", "33.5", 0, 101),  # 100.5 yen
        ("1.2345", "1.000001", 3, 1235),  # 1.2345012345
    ],
)
def test_quantity_times_price_is_rounded_once_half_up(quantity: str, price: str, digits: int, minor: int) -> None:
    assert extended(scaled(quantity, 5), scaled(price, 6), digits) == minor


@given(st.integers(min_value=1, max_value=10**9), st.integers(min_value=0, max_value=10**9), st.integers(0, 4))
def test_quantity_times_price_agrees_with_decimals(quantity: int, price: int, digits: int) -> None:
    exact = Exact(quantity).scaleb(-5) * Exact(price).scaleb(-6)
    rounded = exact.quantize(Exact(1).scaleb(-digits), rounding=ROUND_HALF_UP)
    assert extended(quantity, price, digits) == int(rounded.scaleb(digits))


@given(st.integers(min_value=0, max_value=10**12), WEIGHTS)
def test_the_parts_of_a_split_add_up_and_none_is_a_whole_unit_off(amount: int, weights: list[int]) -> None:
    parts = split(amount, weights)
    total = sum(weights)
    assert len(parts) == len(weights)
    assert sum(parts) == (amount if total else 0)
    for part, weight in zip(parts, weights, strict=True):
        assert part >= 0
        assert abs(part * total - amount * weight) < max(total, 1)


@given(st.integers(min_value=0, max_value=10**6), st.lists(st.integers(0, 50), min_size=1, max_size=8))
def test_the_units_left_over_go_to_the_largest_remainders_ties_to_the_lower_index(
    amount: int, weights: list[int]
) -> None:
    total = sum(weights)
    if not total:
        return
    floors = [amount * weight // total for weight in weights]
    got_more = [index for index, part in enumerate(split(amount, weights)) if part > floors[index]]
    missed = [index for index in range(len(weights)) if index not in got_more]
    for lucky in got_more:
        for other in missed:
            mine, theirs = amount * weights[lucky] % total, amount * weights[other] % total
            assert mine > theirs or (mine == theirs and lucky < other)


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (200, [1, 1, 1], [67, 67, 66]),
        (10, [0, 3, 0], [0, 10, 0]),
        (5, [1, 2, 2], [1, 2, 2]),
        (7, [3, 3, 1], [3, 3, 1]),
        (1, [1, 2], [0, 1]),  # 1/3 and 2/3
        (9, [], []),
        (9, [0, 0], [0, 0]),
    ],
)
def test_splits_by_hand(amount: int, weights: list[int], parts: list[int]) -> None:
    assert split(amount, weights) == parts


@pytest.mark.parametrize(("amount", "weights"), [(-1, [1]), (1, [1, -1])])
def test_nothing_negative_can_be_split(amount: int, weights: list[int]) -> None:
    with pytest.raises(ValueError, match="zero or more"):
        split(amount, weights)
