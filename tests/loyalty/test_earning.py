"""What a sale earns, and what returns take back of it: rates, one floor, and partial returns that add up."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.earning import Sale, SoldLine, earn_rates, kept_share, points_for, points_taken_back
from loyalty.program import default_program
from loyalty.values import EarningEvent, EarningRule, Program

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
PROGRAM = default_program(lambda prefix: f"{prefix}_x")
BRONZE, SILVER, GOLD = (
    replace(tier, id=name) for tier, name in zip(PROGRAM.tiers, ("bronze", "silver", "gold"), strict=True)
)
COFFEE, MUG = SoldLine(sku="COFFEE", category="food"), SoldLine(sku="MUG", category=None)
SALE = Sale(occurred_at=NOW, channel="POS", store_code="vienna-1", lines=(COFFEE, MUG))


def rule(points_per_unit: int | str = 1, **fields: Any) -> EarningRule:
    return EarningRule(
        id="r", name="r", event=EarningEvent.PURCHASE, points_per_unit=Fraction(points_per_unit), **fields
    )


def program(*rules: EarningRule) -> Program:
    return replace(PROGRAM, earning_rules=rules)


@pytest.mark.parametrize(
    ("minor", "multiplier", "points"),
    [
        (1090, Fraction(5, 4), 13),  # 13.625
        (1090, Fraction(1), 10),
        (1090, Fraction(3, 2), 16),  # 16.35
        (99, Fraction(1), 0),
        (80, Fraction(5, 4), 1),  # exactly 1
        (79, Fraction(5, 4), 0),
        (0, Fraction(3, 2), 0),
    ],
)
def test_one_floor_comes_last(minor: int, multiplier: Fraction, points: int) -> None:
    assert points_for([minor], [multiplier], 2) == points


@pytest.mark.parametrize(("digits", "points"), [(0, 1234), (2, 12), (3, 1)])
def test_a_point_is_for_a_whole_unit_whatever_the_currencys_digits(digits: int, points: int) -> None:
    assert points_for([1234], [Fraction(1)], digits) == points


def test_the_floor_falls_on_the_sum_and_not_on_each_line() -> None:
    assert points_for([50, 50], [Fraction(1), Fraction(1)], 2) == 1
    assert points_for([50, 50], [Fraction(1)], 2) == 1
    assert points_for([150, 75], [Fraction(1), Fraction(2)], 2) == 3


def test_the_tiers_multiplier_applies_to_the_sum_of_all_rules_that_match() -> None:
    assert earn_rates(program(rule(1), rule(2)), SILVER, SALE) == (Fraction(15, 4),)
    assert earn_rates(PROGRAM, GOLD, SALE) == (Fraction(3, 2),)


def test_without_a_rule_that_matches_nothing_is_earned() -> None:
    assert earn_rates(program(), BRONZE, SALE) == (Fraction(0),)
    assert points_for([1090], earn_rates(program(), BRONZE, SALE), 2) == 0


def test_a_rule_for_categories_or_skus_gives_each_line_a_rate_of_its_own() -> None:
    rules = program(rule(1), rule(3, categories=("food",)), rule(5, skus=("MUG",)))
    assert earn_rates(rules, SILVER, SALE) == (Fraction(5), Fraction(15, 2))
    assert points_for([100, 1000], earn_rates(rules, BRONZE, SALE), 2) == 4 + 60


def test_a_line_without_category_is_in_none() -> None:
    assert earn_rates(program(rule(1, categories=("food",))), BRONZE, SALE) == (Fraction(1), Fraction(0))


@pytest.mark.parametrize(
    ("fields", "applies"),
    [
        ({"channels": ("POS", "WEB")}, True),
        ({"channels": ("WEB",)}, False),
        ({"channels": ()}, False),
        ({"store_codes": ("vienna-1",)}, True),
        ({"store_codes": ("graz-1",)}, False),
        ({"tiers": ("silver",)}, True),
        ({"tiers": ("gold",)}, False),
        ({"starts_at": NOW}, True),
        ({"starts_at": NOW + timedelta(milliseconds=1)}, False),
        ({"ends_at": NOW}, False),
        ({"ends_at": NOW + timedelta(milliseconds=1)}, True),
        ({"active": False}, False),
    ],
)
def test_a_rule_applies_only_where_every_filter_lets_the_sale_through(fields: dict[str, Any], applies: bool) -> None:
    assert earn_rates(program(rule(4, **fields)), SILVER, SALE) == (Fraction(5) if applies else Fraction(0),)


def test_rules_for_other_events_and_flat_points_earn_nothing_per_unit() -> None:
    birthday = EarningRule(id="b", name="b", event=EarningEvent.BIRTHDAY, points_per_unit=Fraction(9))
    flat = EarningRule(id="f", name="f", event=EarningEvent.PURCHASE, points=100)
    assert earn_rates(program(birthday, flat), GOLD, SALE) == (Fraction(0),)


@pytest.mark.parametrize(
    ("share", "returned", "quantity", "kept"),
    [(1090, 0, 2, 1090), (1090, 1, 2, 545), (1090, 2, 2, 0), (5, 1, 2, 2), (1, 1, 3, 1), (1, 2, 3, 0), (0, 1, 2, 0)],
)
def test_what_comes_back_of_a_share_is_rounded_half_up_and_the_rest_is_kept(
    share: int, returned: int, quantity: int, kept: int
) -> None:
    assert kept_share(share, returned=returned, quantity=quantity) == kept


@pytest.mark.parametrize(
    ("earned", "kept", "back"),
    [
        (13, [1090], 0),
        (13, [545], 7),  # 6.8125: six are kept
        (13, [0], 13),
        (10, [1090], 0),  # a rate that would give more now does not give points
        (0, [1090], 0),
    ],
)
def test_what_is_taken_back_is_what_the_kept_part_would_not_have_earned(
    earned: int, kept: list[int], back: int
) -> None:
    assert points_taken_back(earned, kept, [Fraction(5, 4)], 2) == back


LINES = st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 20)), min_size=1, max_size=5)
RATES = st.fractions(min_value=0, max_value=10, max_denominator=1000)


@given(LINES, RATES, st.randoms(use_true_random=False))
def test_partial_returns_in_any_order_take_back_exactly_what_one_full_return_does(
    lines: list[tuple[int, int]], rate: Fraction, random: Any
) -> None:
    earned = points_for([share for share, _ in lines], [rate], 2)
    pieces = [index for index, (_, quantity) in enumerate(lines) for _ in range(quantity)]
    random.shuffle(pieces)
    returned, taken = [0] * len(lines), 0
    for piece in pieces:
        returned[piece] += 1
        kept = [
            kept_share(share, returned=back, quantity=quantity)
            for (share, quantity), back in zip(lines, returned, strict=True)
        ]
        so_far = points_taken_back(earned, kept, [rate], 2)
        assert so_far >= taken
        taken = so_far
    assert taken == earned
