"""What a shop can show."""

from datetime import timedelta

import pytest

from crm.taste import why
from crm.taste.counters import CATEGORY_HALF_LIFE, EPOCH, Counter, weight

NOW = EPOCH + timedelta(days=2000)


def every(days: int, times: int) -> Counter:
    bought = [NOW - timedelta(days=days * number) for number in range(times)]
    return Counter(sum(weight(at, CATEGORY_HALF_LIFE) for at in bought), times, 0)


@pytest.mark.parametrize(("days", "times"), [(7, 100), (9, 40), (30, 20), (9, 6)])
def test_the_rhythm_told_is_the_one_there_is_within_a_fifth(days: int, times: int) -> None:
    first = NOW - timedelta(days=days * times)

    assert why.days_between(every(days, times), CATEGORY_HALF_LIFE, first=first, now=NOW) == pytest.approx(
        days, rel=0.2
    )


@pytest.mark.parametrize(
    ("counter", "expected"),
    [
        (every(9, 60), "You buy Coffee about every 9 days"),
        (every(1, 60), "You buy Coffee daily"),
        (every(9, 2), None),
        (every(400, 3), None),
        (None, None),
    ],
)
def test_a_rhythm_is_told_from_three_baskets_on(counter: Counter | None, expected: str | None) -> None:
    span = {60: 9 * 60}.get(counter.n, 1200) if counter else 1
    first = NOW - timedelta(days=60 if expected == "You buy Coffee daily" else span)

    assert why.rhythm("COFFEE", counter, first=first, now=NOW) == expected


def test_nothing_is_told_where_nobody_knows_since_when() -> None:
    assert why.rhythm("Coffee", every(9, 60), first=None, now=NOW) is None


@pytest.mark.parametrize(
    ("category", "expected"), [("COFFEE", "Coffee"), ("Café au lait", "Café au lait"), ("SOFT DRINKS", "Soft Drinks")]
)
def test_a_category_in_capitals_is_shown_in_small_letters(category: str, expected: str) -> None:
    assert why.shown(category) == expected


def test_other_reasons() -> None:
    assert [why.bought_before(Counter(1, n, 0)) for n in (1, 2, 3)] == [
        "You have bought it before",
        "You have bought it twice",
        "You have bought it 3 times",
    ]
    assert why.bought_with("Tea") == "Often bought with Tea"
    assert why.popular("store:vienna-1") == "Popular in your store in the last four weeks"
    assert why.popular("channel:WEB") == why.popular("all") == "Popular in the last four weeks"
    assert why.popular("new") == "New customers like it"
