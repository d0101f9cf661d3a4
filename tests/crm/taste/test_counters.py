"""Half-life counters: hand-computed weights, what a basket counts for, and that taking back undoes counting."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.ids import product_id
from crm.taste.counters import (
    CATEGORY_HALF_LIFE,
    EPOCH,
    PRODUCT_HALF_LIFE,
    Counted,
    Counter,
    Tally,
    category_of,
    counted,
    day,
    decayed,
    field_name,
    taste_of,
    weight,
)

MUG, TEA = product_id("MUG"), product_id("TEA")


def line(sku: str, category: str | None = None, *, quantity: int = 2, returned: int = 0) -> dict[str, Any]:
    named = {"category": category} if category else {}
    return {"sku": sku, "quantity": quantity, **named, **({"returnedQuantity": returned} if returned else {})}


@pytest.mark.parametrize(
    ("days", "half_life", "expected"),
    [(0, 90, 1), (90, 90, 2), (180, 90, 4), (-90, 90, 0.5), (150, 150, 2), (45, 90, 2**0.5), (0.5, 1, 2**0.5)],
)
def test_a_purchase_weighs_twice_as_much_a_half_life_later(days: float, half_life: float, expected: float) -> None:
    assert weight(EPOCH + timedelta(days=days), half_life) == pytest.approx(expected, rel=1e-14)


def test_a_counter_is_worth_half_a_purchase_a_half_life_later() -> None:
    bought = EPOCH + timedelta(days=1000)

    worth = decayed(weight(bought, PRODUCT_HALF_LIFE), bought + timedelta(days=90), PRODUCT_HALF_LIFE)

    assert worth == pytest.approx(0.5)


def test_weights_hold_from_the_year_1_to_2200() -> None:
    assert weight(datetime(1, 1, 1, tzinfo=UTC), PRODUCT_HALF_LIFE) >= 0
    assert weight(datetime(2200, 1, 1, tzinfo=UTC), PRODUCT_HALF_LIFE) < float("inf")


@pytest.mark.parametrize(
    ("lines", "products", "categories"),
    [
        ([], set(), set()),
        ([line("MUG", "Cups")], {MUG}, {"Cups"}),
        ([line("MUG", "Cups"), line("MUG", "Cups"), line("TEA", "Cups")], {MUG, TEA}, {"Cups"}),
        ([line("MUG")], {MUG}, set()),
        ([line("MUG", "Cups", returned=1)], {MUG}, {"Cups"}),
        ([line("MUG", "Cups", returned=2)], set(), set()),
        ([line("MUG", "Cups", returned=2), line("MUG", "Cups", returned=1)], {MUG}, {"Cups"}),
        ([line("MUG", "Cups", returned=2), line("TEA", "Cups")], {TEA}, {"Cups"}),
        ([line("MUG", "Cups", returned=2), line("MUG", "Sale")], {MUG}, {"Sale"}),
    ],
)
def test_a_basket_counts_once_for_each_thing_of_which_any_part_stayed(
    lines: list[dict[str, Any]], products: set[str], categories: set[str]
) -> None:
    assert counted(lines) == Counted(frozenset(products), frozenset(categories))


@given(st.text(max_size=30))
def test_any_category_is_a_field_s_name_and_comes_back(category: str) -> None:
    name = field_name(category)

    assert not set(name) & {".", "$", "\0"}
    assert category_of(name) == category


@given(st.lists(st.text(max_size=5), unique=True, max_size=20))
def test_two_categories_never_share_a_field(categories: list[str]) -> None:
    assert len({field_name(category) for category in categories}) == len(categories)


def test_days_are_counted_in_utc() -> None:
    assert day(datetime(1970, 1, 1, 23, 59, tzinfo=UTC)) == 0
    assert day(datetime(1970, 1, 2, 1, tzinfo=UTC)) == 1
    assert day(datetime(1970, 1, 2, 1, tzinfo=UTC).astimezone(None)) == 1


def tallied(*baskets: tuple[Counted, datetime], limit: int = 1000) -> Tally:
    tally = Tally(limit=limit)
    for of, at in baskets:
        tally.add(of, at, store_code="vienna-1", channel="POS")
    return tally


def test_years_have_documents_of_their_own_and_are_read_together() -> None:
    mug = Counted(frozenset({MUG}), frozenset({"Dr. Cups"}))
    first, second = datetime(2020, 12, 31, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC)

    years = tallied((mug, first), (mug, second)).years

    assert sorted(years) == [2020, 2021]
    assert years[2020]["categories"].keys() == {"Dr%2E Cups"}
    taste = taste_of(list(years.values()))
    summed = weight(first, PRODUCT_HALF_LIFE) + weight(second, PRODUCT_HALF_LIFE)
    assert taste.products == {MUG: Counter(pytest.approx(summed), 2, day(second))}
    assert taste.categories["Dr. Cups"].n == 2
    assert taste.categories["Dr. Cups"].s == pytest.approx(
        weight(first, CATEGORY_HALF_LIFE) + weight(second, CATEGORY_HALF_LIFE)
    )
    assert (taste.store_code, taste.channel) == ("vienna-1", "POS")


def test_a_year_that_has_reached_its_bound_stands_still() -> None:
    mug, tea = Counted(frozenset({MUG})), Counted(frozenset({TEA}))

    years = tallied((mug, EPOCH), (mug, EPOCH), (tea, EPOCH), limit=2).years

    assert years[2020]["counted"] == 2
    assert years[2020]["products"].keys() == {MUG}


def test_what_came_back_altogether_is_no_taste() -> None:
    stored = {"year": 2020, "products": {MUG: {"s": 1e-17, "n": 0, "last": 3}}, "categories": {}}

    assert taste_of([stored]).products == {}


def test_a_residue_below_zero_is_read_as_nothing() -> None:
    stored = {"year": 2020, "products": {MUG: {"s": -1e-17, "n": 1, "last": 3}}, "categories": {}}

    assert taste_of([stored, {**stored, "year": 2021}]).products == {MUG: Counter(0.0, 2, 3)}


def test_whoever_never_bought_has_no_taste() -> None:
    taste = taste_of([])

    assert (taste.products, taste.categories, taste.store_code) == ({}, {}, None)
