"""Measures of lists, by hand."""

from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.taste.measures import area_under_curve, measures


def test_recall_gain_and_hit_are_means_over_whoever_bought_something() -> None:
    lists = {"ann": ["a", "b", "c"], "ben": ["a", "b", "c"], "cid": ["a"]}

    told = measures(lists, {"ann": {"b", "x"}, "ben": {"y"}, "cid": set()})

    assert told.people == 2
    assert told.recall == pytest.approx((1 / 2 + 0) / 2)
    assert told.ndcg == pytest.approx((1 / log2(3)) / (1 + 1 / log2(3)) / 2)
    assert told.hit == pytest.approx(1 / 2)


def test_only_the_first_ten_count() -> None:
    things = [str(number) for number in range(12)]

    told = measures({"ann": things}, {"ann": {"10", "11"}})

    assert (told.recall, told.ndcg, told.hit) == (0, 0, 0)


def test_a_perfect_list_gains_everything_even_where_more_than_ten_came() -> None:
    things = [str(number) for number in range(20)]

    told = measures({"ann": things}, {"ann": set(things)})

    assert (told.recall, told.ndcg, told.hit) == (0.5, 1.0, 1.0)


def test_nobody_bought_anything() -> None:
    told = measures({}, {"ann": set()})

    assert (told.recall, told.ndcg, told.hit, told.people) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("scores", "right", "expected"),
    [
        ([3, 2, 1], [True, False, False], 1),
        ([3, 2, 1], [False, False, True], 0),
        ([1, 1, 1], [True, False, False], 0.5),
        ([4, 3, 2, 1], [True, False, True, False], 0.75),
        ([1, 2], [True, True], None),
        ([], [], None),
    ],
)
def test_the_area_is_the_chance_that_a_right_one_stands_higher(
    scores: list[float], right: list[bool], expected: float | None
) -> None:
    assert area_under_curve(scores, right) == expected


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=20))
def test_the_area_is_that_of_comparing_every_pair(pairs: list[tuple[int, bool]]) -> None:
    right = [score for score, is_right in pairs if is_right]
    wrong = [score for score, is_right in pairs if not is_right]

    area = area_under_curve([score for score, _ in pairs], [is_right for _, is_right in pairs])

    wins = [1.0 if one > other else 0.5 if one == other else 0.0 for one in right for other in wrong]
    assert area == (pytest.approx(sum(wins) / len(wins)) if wins else None)
