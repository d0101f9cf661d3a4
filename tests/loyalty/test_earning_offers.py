"""Offers of points in what a sale earns: multiplied rates, flat points, and returns that take back by the same."""

from fractions import Fraction

import pytest

from loyalty.earning import Bonus, Terms, points_for, points_taken_back, terms
from tests.loyalty.earning_rules import GOLD, SALE, VIENNA, flat, program, rule


def boosted(*rules_: object, boosts: tuple[Fraction, ...] = (), bonuses: tuple[Bonus, ...] = ()) -> Terms:
    return terms(
        program(*rules_),  # type: ignore[arg-type]  # rules, as the helpers make them
        GOLD,
        SALE,
        zone=VIENNA,
        used={},
        boosts=boosts,
        granted_by_offers=bonuses,
    )


def test_a_multiplier_applies_to_the_points_per_unit_of_the_lines_it_covers() -> None:
    found = boosted(rule(1), boosts=(Fraction(2), Fraction(1)))
    assert found.rates == (3, Fraction(3, 2))  # Gold earns 1.5
    assert points_for([1000, 1000], found, 2) == 45  # 30 + 15


def test_lines_that_are_multiplied_alike_keep_a_single_rate() -> None:
    assert boosted(rule(1), boosts=(Fraction(2), Fraction(2))).rates == (3,)
    assert boosted(rule(1)) == boosted(rule(1), boosts=())


def test_a_multiplier_meets_lines_that_earn_differently() -> None:
    found = boosted(rule(2, skus=("MUG",)), boosts=(Fraction(3), Fraction(3)))
    assert found.rates == (0, 9)


def test_a_cap_holds_whatever_is_multiplied() -> None:
    found = boosted(rule(1, cap_points=40), boosts=(Fraction(10), Fraction(10)))
    assert points_for([1000, 1000], found, 2) == 40


def test_flat_points_are_never_multiplied_and_no_cap_counts_those_of_an_offer() -> None:
    given = Bonus(rule_id="off_1", name="Spring", points=50, period_key=None)
    found = boosted(rule(1), flat(100, cap_points=100), boosts=(Fraction(2), Fraction(2)), bonuses=(given,))
    assert [(one.rule_id, one.points) for one in found.bonuses] == [("f", 100), ("off_1", 50)]
    assert points_for([1000, 0], found, 2) == 30


def test_a_return_takes_back_by_the_multiplied_rates() -> None:
    found = boosted(rule(1), boosts=(Fraction(2), Fraction(1)))
    assert points_taken_back(45, [0, 1000], found, 2) == 30
    assert points_taken_back(45, [1000, 0], found, 2) == 15
    assert points_taken_back(45, [0, 0], found, 2) == 45


def test_every_line_needs_its_factor() -> None:
    with pytest.raises(ValueError, match="zip"):
        boosted(rule(1, skus=("MUG",)), boosts=(Fraction(2),))
