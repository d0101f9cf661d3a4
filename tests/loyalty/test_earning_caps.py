"""Capped rules and bonuses: they give at most what their cap has left, and count anew with each period."""

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

import pytest

from crm.values import Period
from loyalty.earning import Bonus, CappedRate, cap_key, cap_use, caps_of, granted, points_for, points_taken_back
from loyalty.values import EarningEvent
from tests.loyalty.earning_rules import BRONZE, FIRST_SALE, NOW, SALE, SILVER, VIENNA, flat, program, rule, terms_by


@pytest.mark.parametrize(
    ("used", "points"),
    [("0", 100), ("149", 100), ("150", 100), ("150.5", 99), ("249", 1), ("249.25", 0), ("250", 0), ("400", 0)],
)
def test_a_capped_bonus_is_what_is_left_in_whole_points(used: str, points: int) -> None:
    capped = flat(cap_points=250, cap_period=Period.MONTH)
    found = terms_by(capped, used={("f", "2026-11"): Fraction(used)})
    left = Bonus(rule_id="f", name="f", points=points, period_key="2026-11")
    assert found.bonuses == ((left,) if points else ())
    assert granted(capped, Fraction(used)) == points
    assert granted(flat(), Fraction(used)) == 100


@pytest.mark.parametrize(
    ("used", "shares", "points", "use"),
    [
        ("0", [1090, 500], 13, "13.625"),  # 10.90 x 1.25, of 20
        ("6.375", [1090, 500], 13, "13.625"),  # exactly the rest
        ("6.5", [1090, 500], 13, "13.5"),
        ("10", [1090, 500], 10, "10"),
        ("19.9", [1090, 500], 0, "0.1"),
        ("20", [1090, 500], 0, "0"),
        ("25", [1090, 500], 0, "0"),  # a cap that was lowered meanwhile
        ("0", [10000, 500], 20, "20"),
        ("0", [0, 500], 0, "0"),
    ],
)
def test_a_capped_rule_gives_at_most_what_its_cap_has_left(used: str, shares: list[int], points: int, use: str) -> None:
    food = rule(1, categories=("food",), cap_points=20, cap_period=Period.WEEK)
    found = terms_by(food, tier=SILVER, used={("r", "2026-W47"): Fraction(used)})
    assert points_for(shares, found, 2) == points
    assert cap_use(shares, found, 2) == {("r", "2026-W47"): Fraction(use)}


def test_one_floor_falls_on_the_sum_of_capped_rules_and_others() -> None:
    rules = (rule("0.5"), rule("0.5", "a", cap_points=100), rule(3, "b", skus=("MUG",), cap_points=2))
    found = terms_by(*rules, used={("b", "ever"): Fraction("0.75")})
    assert found.capped == (
        CappedRate(rule_id="a", period_key="ever", rates=(Fraction(1, 2),), room=Fraction(100)),
        CappedRate(rule_id="b", period_key="ever", rates=(Fraction(0), Fraction(3)), room=Fraction(5, 4)),
    )
    assert points_for([75, 100], found, 2) == 3  # 0.875 + 0.875 + 1.25 = 3
    assert points_for([74, 100], found, 2) == 2
    assert cap_use([75, 100], found, 2) == {("a", "ever"): Fraction(7, 8), ("b", "ever"): Fraction(5, 4)}


@pytest.mark.parametrize(
    ("period", "last", "next_", "keys"),
    [
        (Period.DAY, "2026-03-29T21:59:59", "2026-03-29T22:00", ("2026-03-29", "2026-03-30")),  # a day of 23 hours
        (Period.WEEK, "2027-01-03T22:59:59", "2027-01-03T23:00", ("2026-W53", "2027-W01")),
        (Period.MONTH, "2024-02-29T22:59:59", "2024-02-29T23:00", ("2024-02", "2024-03")),
        (Period.YEAR, "2026-12-31T22:59:59", "2026-12-31T23:00", ("2026", "2027")),
        (Period.EVER, "2026-12-31T22:59:59", "2026-12-31T23:00", ("ever", "ever")),
        (None, "2026-12-31T22:59:59", "2026-12-31T23:00", ("ever", "ever")),
    ],
)
def test_a_cap_counts_anew_from_the_zones_midnight(
    period: Period | None, last: str, next_: str, keys: tuple[str, str]
) -> None:
    capped = rule(cap_points=10, cap_period=period)
    used = {("r", keys[0]): Fraction(10)}
    for instant, key in zip((last, next_), keys, strict=True):
        sale = replace(SALE, occurred_at=datetime.fromisoformat(instant).replace(tzinfo=UTC))
        assert caps_of(program(capped), BRONZE, sale, VIENNA) == (("r", key),)
        assert cap_key(capped, sale.occurred_at, VIENNA) == ("r", key)
        points = points_for([700, 300], terms_by(capped, sale=sale, used=used), 2)
        assert points == (0 if key == keys[0] else 10)


def test_only_the_caps_that_a_sale_may_use_are_asked_for() -> None:
    rules = program(
        rule(1, "uncapped", cap_period=Period.DAY),
        rule(1, "capped", cap_points=5, cap_period=Period.DAY),
        rule(1, "toys", cap_points=5, categories=("toys",)),
        flat(1, "bonus", cap_points=5),
        flat(1, "first", cap_points=5, event=EarningEvent.FIRST_PURCHASE),
    )
    assert caps_of(rules, BRONZE, SALE, VIENNA) == (("capped", "2026-11-21"), ("bonus", "ever"))
    assert caps_of(rules, BRONZE, FIRST_SALE, VIENNA)[2:] == (("first", "ever"),)
    assert cap_key(rules.earning_rules[0], NOW, VIENNA) is None


def test_a_return_takes_nothing_while_what_is_kept_still_fills_the_cap() -> None:
    found = terms_by(rule(cap_points=10))
    assert points_for([1500], found, 2) == 10
    assert [points_taken_back(10, [kept], found, 2) for kept in (1500, 1000, 999, 0)] == [0, 0, 1, 10]
