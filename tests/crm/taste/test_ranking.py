"""Rankings worked out by hand."""

from datetime import timedelta
from math import sqrt

import pytest

from crm.taste import ranking
from crm.taste.counters import CATEGORY_HALF_LIFE, EPOCH, PRODUCT_HALF_LIFE, Counter, Taste, day, weight
from crm.taste.ranking import Known, Pick, RecommendationKind, Shelf

NOW = EPOCH + timedelta(days=900)
AGAIN, NEW, TOGETHER = RecommendationKind.BUY_AGAIN, RecommendationKind.DISCOVER, RecommendationKind.BOUGHT_TOGETHER


def worth(purchases: float, half_life: float = PRODUCT_HALF_LIFE, *, n: int = 1, days_ago: int = 0) -> Counter:
    """Return a counter that is worth so many purchases of now."""
    return Counter(purchases * weight(NOW, half_life), n, day(NOW) - days_ago)


def test_a_product_s_score_is_what_the_formula_says() -> None:
    taste = Taste(
        products={"a": worth(4, days_ago=14), "b": worth(9, days_ago=28), "c": worth(1, days_ago=0)},
        categories={"Tea": worth(1024, CATEGORY_HALF_LIFE), "Cups": worth(1, CATEGORY_HALF_LIFE)},
    )
    known = Known(
        rho={"a": 0.25, "b": 0.04}, households={"a": 50}, categories={"a": "Tea", "b": "Cups"}, rho_else=0.09, most=100
    )

    scores = ranking.products(taste, known, NOW)

    a = 4 * 0.5 * 2 * 1.15  # s * rho^.5 * 1024^.1 * (1 + .3 / 2)
    b = 9 * 0.2 * 1 * 1.075
    c = 1 * 0.3 * 1 * 1.3  # no category known: its own s instead
    assert scores == {
        "a": pytest.approx(1 + 0.02 * 0.5),
        "b": pytest.approx(b / a),
        "c": pytest.approx(c / a),
    }


def test_a_category_s_score_is_s_rho_and_popularity() -> None:
    taste = Taste(categories={"Tea": worth(2, CATEGORY_HALF_LIFE), "Cups": worth(3, CATEGORY_HALF_LIFE)})
    known = Known(rho={"Tea": 0.64, "Cups": 0.36}, households={"Tea": 10, "Cups": 5}, rho_else=0, most=20)

    scores = ranking.categories(taste, known)

    assert scores == {
        "Tea": pytest.approx(1.6 / 1.8 + 0.1 * 10 / 20),
        "Cups": pytest.approx(1 + 0.1 * 5 / 20),
    }


def test_nothing_bought_is_nothing_ranked() -> None:
    assert ranking.products(Taste(), Known(), NOW) == {}
    assert ranking.again({}, 10) == []


def test_a_list_without_a_kind_has_what_is_bought_again_before_what_is_popular() -> None:
    shelf = Shelf(things=(("x", 100), ("a", 90), ("y", 50)))
    scores = {"a": 1.0, "b": 0.011, "c": 0.001}

    discover = ranking.popular(shelf, leave_out=scores, popularity=0.02, count=10)
    mixed = ranking.mixed(scores, discover, 4)

    assert discover == [Pick("x", NEW, pytest.approx(0.02)), Pick("y", NEW, pytest.approx(0.01))]
    assert [(pick.thing, pick.kind) for pick in mixed] == [("a", AGAIN), ("x", NEW), ("b", AGAIN), ("y", NEW)]


def test_equal_scores_are_ordered_by_id_whatever_the_order_they_come_in() -> None:
    scores = {"c": 0.5, "a": 0.5, "b": 0.5}

    assert [pick.thing for pick in ranking.again(scores, 2)] == ["a", "b"]


def test_what_goes_together_adds_up_over_anchors_and_names_the_strongest() -> None:
    anchors = {"tea": 1.0, "cup": 0.5}
    partners = {
        "tea": [("honey", 0.4), ("cup", 0.3), ("milk", 0.1)],
        "cup": [("honey", 0.2), ("saucer", 0.9), ("tea", 0.3)],
        "other": [("coffee", 1.0)],
    }

    found = ranking.together(anchors, partners, leave_out={"milk": None}, count=5)

    assert found == [
        Pick("honey", TOGETHER, pytest.approx(0.4 + 0.1), "tea"),
        Pick("saucer", TOGETHER, pytest.approx(0.45), "cup"),
    ]


def test_without_statistics_only_the_counters_rank() -> None:
    taste = Taste(products={"a": worth(1), "b": worth(3), "c": worth(2)})

    scores = ranking.products(taste, Known(), NOW)

    assert [pick.thing for pick in ranking.again(scores, 3)] == ["b", "c", "a"]
    assert scores["a"] == pytest.approx((1 / 3) ** 1.1)
    assert sqrt(ranking.RHO_WITHOUT_STATISTICS) == 1
