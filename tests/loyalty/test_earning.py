"""What sales and events earn, and what returns take back: rates, bonuses, one floor."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from loyalty.earning import (
    CappedRate,
    Terms,
    bonus_kept,
    caps_of,
    event_rules,
    kept_share,
    points_for,
    points_taken_back,
    spent_given_back,
    terms,
)
from loyalty.values import EarningEvent
from tests.loyalty.earning_rules import (
    FILTERS,
    FIRST_SALE,
    GOLD,
    MUG,
    NOW,
    PROGRAM,
    SALE,
    SILVER,
    VIENNA,
    at,
    flat,
    program,
    rule,
    terms_by,
)


@pytest.mark.parametrize(
    ("minor", "multiplier", "points"),
    [
        (1090, "5/4", 13),  # 13.625
        (1090, "1", 10),
        (1090, "3/2", 16),  # 16.35
        (99, "1", 0),
        (80, "5/4", 1),  # exactly 1
        (79, "5/4", 0),
        (0, "3/2", 0),
    ],
)
def test_one_floor_comes_last(minor: int, multiplier: str, points: int) -> None:
    assert points_for([minor], at(multiplier), 2) == points


@pytest.mark.parametrize(("digits", "points"), [(0, 1234), (2, 12), (3, 1)])
def test_a_point_is_for_a_whole_unit_whatever_the_currencys_digits(digits: int, points: int) -> None:
    assert points_for([1234], at(1), digits) == points
    capped = CappedRate(rule_id="r", period_key="ever", rates=(Fraction(1),), room=Fraction(10**6))
    assert points_for([1234], Terms(rates=(Fraction(0),), capped=(capped,)), digits) == points


def test_the_floor_falls_on_the_sum_and_not_on_each_line() -> None:
    assert points_for([50, 50], at(1, 1), 2) == 1
    assert points_for([50, 50], at(1), 2) == 1
    assert points_for([150, 75], at(1, 2), 2) == 3


def test_the_tiers_multiplier_applies_to_the_sum_of_all_rules_that_match() -> None:
    assert terms_by(rule(1), rule(2), tier=SILVER) == at("15/4")
    assert terms(PROGRAM, GOLD, SALE, zone=VIENNA, used={}) == at("3/2")


def test_without_a_rule_that_matches_nothing_is_earned() -> None:
    assert terms_by() == at(0)
    assert points_for([1090], terms_by(), 2) == 0


def test_a_rule_for_categories_or_skus_gives_each_line_a_rate_of_its_own() -> None:
    rules = (rule(1), rule(3, categories=("food",)), rule(5, skus=("MUG",)))
    assert terms_by(*rules, tier=SILVER) == at(5, "15/2")
    assert points_for([100, 1000], terms_by(*rules), 2) == 4 + 60


def test_where_all_lines_earn_alike_there_is_one_rate() -> None:
    assert terms_by(rule(1), rule(2, skus=("COFFEE", "MUG"))) == at(3)
    assert terms_by(rule(1), rule(2, categories=("toys",))) == at(1)
    assert terms_by(rule(2, skus=("MUG",)), sale=replace(SALE, lines=(MUG,))) == at(2)
    assert terms_by(rule(1), rule(2, skus=("MUG",)), sale=replace(SALE, lines=())) == at(1)


def test_shares_that_do_not_fit_the_rates_are_not_guessed() -> None:
    with pytest.raises(ValueError, match="zip"):
        points_for([100], at(1, 2), 2)


def test_a_line_without_category_is_in_none() -> None:
    assert terms_by(rule(1, categories=("food",))) == at(1, 0)


@pytest.mark.parametrize(("fields", "applies"), FILTERS)
def test_a_rule_applies_only_where_every_filter_lets_the_sale_through(fields: dict[str, Any], applies: bool) -> None:
    capped = rule(4, "c", cap_points=9, **fields)
    found = terms_by(rule(4, **fields), flat(**fields), capped, tier=SILVER)
    assert found.rates == ((Fraction(5),) if applies else (Fraction(0),))
    assert len(found.bonuses) == len(found.capped) == applies
    assert caps_of(program(capped), SILVER, SALE, VIENNA) == ((("c", "ever"),) if applies else ())


@pytest.mark.parametrize("event", [event for event in EarningEvent if "PURCHASE" not in event])
def test_rules_for_other_events_earn_a_sale_nothing(event: EarningEvent) -> None:
    assert terms_by(rule(9, event=event, cap_points=5), flat(event=event), sale=FIRST_SALE) == at(0)


def test_rules_for_a_first_purchase_count_for_that_alone() -> None:
    rules = (rule(1), rule(2, event=EarningEvent.FIRST_PURCHASE), flat(50, event=EarningEvent.FIRST_PURCHASE))
    assert terms_by(*rules, tier=GOLD) == at("3/2")
    first = terms_by(*rules, tier=GOLD, sale=FIRST_SALE)
    assert first.rates == (Fraction(9, 2),)
    assert [bonus.points for bonus in first.bonuses] == [50]


@pytest.mark.parametrize(
    ("fields", "points"),
    [
        ({}, [100]),
        ({"categories": ("food",)}, [100]),  # one line of two, and never twice
        ({"skus": ("COFFEE", "MUG")}, [100]),
        ({"categories": ("toys",)}, []),
        ({"categories": ("food",), "skus": ("MUG",)}, []),  # no one line is both
        ({"cap_points": 250}, [100]),
        ({"cap_points": 40}, [40]),
    ],
)
def test_flat_points_are_a_bonus_once_a_sale_and_never_multiplied(fields: dict[str, Any], points: list[int]) -> None:
    found = terms_by(flat(**fields), tier=GOLD)
    assert found.rates == (Fraction(0),)
    assert [bonus.points for bonus in found.bonuses] == points
    assert points_for([1000, 1000] if len(found.rates) > 1 else [2000], found, 2) == 0


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
    assert points_taken_back(earned, kept, at("5/4"), 2) == back


@pytest.mark.parametrize(
    ("points", "returned", "base", "anything_kept", "back"),
    [
        (100, 0, 3000, True, 0),
        (100, 1000, 3000, True, 33),
        (100, 2000, 3000, True, 66),
        (100, 2999, 3000, True, 99),
        (100, 3000, 3000, False, 100),
        (100, 2999, 3000, False, 100),  # what rounding left of the base does not keep a point
        (100, 3000, 3000, True, 100),  # a line that cost nothing is kept
        (100, 0, 0, True, 0),
        (100, 0, 0, False, 100),
        (0, 1000, 3000, True, 0),
    ],
)
def test_flat_and_spent_points_go_back_in_proportion(
    points: int, returned: int, base: int, anything_kept: bool, back: int
) -> None:
    assert spent_given_back(points, returned=returned, base=base, anything_kept=anything_kept) == back
    assert bonus_kept(points, returned=returned, base=base, anything_kept=anything_kept) == points - back


@pytest.mark.parametrize(("fields", "applies"), FILTERS)
def test_an_event_is_filtered_as_a_sale_is(fields: dict[str, Any], applies: bool) -> None:
    feedback = flat(event=EarningEvent.FEEDBACK, **fields)
    found = event_rules(program(feedback), EarningEvent.FEEDBACK, SILVER, NOW, channel="POS", store_code="vienna-1")
    assert found == ((feedback,) if applies else ())


def test_an_event_is_given_its_own_flat_rules_in_their_order() -> None:
    birthday = {"event": EarningEvent.BIRTHDAY}
    rules = (flat(5, "b", **birthday), flat(9), flat(7, "a", **birthday), rule(1, "c", **birthday))
    assert event_rules(program(*rules), EarningEvent.BIRTHDAY, GOLD, NOW) == (rules[0], rules[2])


@pytest.mark.parametrize("fields", [{"channels": ("POS",)}, {"store_codes": ("vienna-1",)}])
def test_a_rule_for_some_places_is_not_for_an_event_without_a_place(fields: dict[str, Any]) -> None:
    rules = program(flat(event=EarningEvent.PROFILE_COMPLETED, **fields))
    assert event_rules(rules, EarningEvent.PROFILE_COMPLETED, GOLD, NOW) == ()


def test_a_custom_event_is_told_by_its_name() -> None:
    app, quiz = (flat(1, name, event=EarningEvent.CUSTOM_EVENT, event_name=name) for name in ("app", "quiz"))
    assert event_rules(program(app, quiz), EarningEvent.CUSTOM_EVENT, GOLD, NOW, event_name="quiz") == (quiz,)
    assert event_rules(program(app, quiz), EarningEvent.CUSTOM_EVENT, GOLD, NOW, event_name="Quiz") == ()
    assert event_rules(program(app, quiz), EarningEvent.CUSTOM_EVENT, GOLD, NOW) == ()


@pytest.mark.parametrize("event", [EarningEvent.PURCHASE, EarningEvent.FIRST_PURCHASE])
def test_a_sale_is_no_engagement(event: EarningEvent) -> None:
    with pytest.raises(ValueError, match="is a sale"):
        event_rules(PROGRAM, event, GOLD, NOW)
