"""Scores of offers by hand."""

from datetime import timedelta
from math import log

import pytest

from crm.taste.counters import CATEGORY_HALF_LIFE, EPOCH, PRODUCT_HALF_LIFE, Counter, Taste, weight
from crm.taste.offer_scoring import Fit, Subject, Subjects, ranked, score, shares

NOW = EPOCH + timedelta(days=500)


def worth(purchases: float, half_life: float) -> Counter:
    return Counter(purchases * weight(NOW, half_life), 1, 0)


TASTE = Taste(
    products={name: worth(n, PRODUCT_HALF_LIFE) for name, n in {"a": 3.0, "b": 1.0, "x": 7.0}.items()},
    categories={name: worth(n, CATEGORY_HALF_LIFE) for name, n in {"Tea": 6.0, "Cups": 2.0}.items()},
)


def test_the_score_is_what_the_formula_says() -> None:
    assert score(1, 2, 3) == pytest.approx(log(2) + 0.3 * log(3) + 0.1 * log(4))
    assert score(0, 0, 0) == 0
    assert score(-1e-15, -1e-15, 0) == 0


def test_products_add_up_and_categories_count_by_their_share_of_the_offer() -> None:
    subject = Subject(id="o1", products={"a", "b", "c", "d"}, shares={"Tea": 0.75, "Cups": 0.25, "Toys": 0.5}, reach=9)

    fits = Subjects([subject]).fits(TASTE, NOW)

    expected = log(1 + 4) + 0.3 * log(1 + 0.75 * 6 + 0.25 * 2) + 0.1 * log(10)
    assert fits == {"o1": Fit(score=pytest.approx(expected), product="a", category="Tea")}


def test_an_offer_on_everything_is_ranked_by_nothing_but_its_reach() -> None:
    fits = Subjects([Subject(id="cart", shares={}), Subject(id="liked", products={"x"}, shares={})]).fits(TASTE, NOW)

    assert fits["cart"] == Fit(score=0.0)
    assert ranked(fits) == ["liked", "cart"]


def test_equal_scores_are_ordered_by_id() -> None:
    assert ranked({"o2": Fit(score=1.0), "o1": Fit(score=1.0), "o3": Fit(score=2.0)}) == ["o3", "o1", "o2"]


def test_shares_count_products_without_a_category_as_products() -> None:
    assert shares(["Tea", "Tea", None, "Cups"]) == {"Tea": 0.5, "Cups": 0.25}
    assert shares([]) == {}
