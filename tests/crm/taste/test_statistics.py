"""Statistics over a handful of baskets, by hand; numpy and scipy run here and nowhere in what serves."""

from datetime import timedelta
from math import log, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.taste import statistics as module
from crm.taste.counters import EPOCH, Counted
from crm.taste.statistics import Columns, Statistics, latest, likelihood_ratio, statistics

NOW = EPOCH + timedelta(days=1000)


def shop(*baskets: tuple[str, str, int], store: str | None = None, channel: str = "POS") -> Columns:
    """Return baskets given as (owner, things such as "ab", days ago); an owner in capitals is no customer."""
    columns = Columns()
    for owner, things, ago in baskets:
        add(columns, owner, things, ago, store=store, channel=channel)
    return columns


def add(columns: Columns, owner: str, things: str, ago: int, *, store: str | None, channel: str) -> None:
    of = Counted(frozenset(things), frozenset(thing.upper() for thing in things))
    at = NOW - timedelta(days=ago)
    columns.add(of, at, owner=owner, known=owner.islower(), store_code=store, channel=channel)


def found(columns: Columns, **catalogue: str) -> Statistics:
    return statistics(columns.done(), NOW, catalogue)


def test_the_repeat_ratio_is_buyers_of_two_baskets_drawn_to_that_of_all_things() -> None:
    baskets = [("ann", "a", 1), ("ann", "a", 2), ("ben", "a", 3), ("ann", "b", 4), ("X", "a", 5), ("X", "a", 6)]

    told = found(shop(*baskets))

    over_all = 1 / 3  # of the pairs (ann, a), (ben, a), (ann, b) one has two baskets
    rho = {thing.name: thing.rho for thing in told.products}
    assert told.product_rho == pytest.approx(over_all)
    assert rho == {
        "a": pytest.approx((1 + 5 * over_all) / (2 + 5)),
        "b": pytest.approx((0 + 5 * over_all) / (1 + 5)),
    }


def test_as_long_as_nobody_bought_a_thing_twice_all_things_are_alike() -> None:
    told = found(shop(("ann", "ab", 1), ("ben", "a", 1)))

    assert [thing.rho for thing in (*told.products, *told.categories)] == [1.0] * 4


def test_popularity_counts_households_of_28_days_and_not_baskets() -> None:
    baskets = [("ann", "a", 1), ("ann", "a", 2), ("ben", "b", 27), ("X", "b", 3), ("cid", "a", 28), ("cid", "c", 40)]

    told = found(shop(*baskets))

    assert {thing.name: thing.households for thing in told.products} == {"a": 1, "b": 2, "c": 0}
    assert told.shelves["all"] == (("b", 2), ("a", 1))
    assert told.category_shelf == (("B", 2), ("A", 1))


def test_every_place_has_its_own_shelf_and_new_customers_theirs() -> None:
    columns = shop(("ann", "a", 100), ("ann", "b", 1), ("ben", "a", 2), store="vienna")
    add(columns, "ben", "c", 1, store="graz", channel="WEB")
    add(columns, "cid", "d", 60, store="linz", channel="WEB")

    shelves = found(columns).shelves

    assert shelves["store:vienna"] == (("a", 1), ("b", 1))
    assert shelves["store:graz"] == (("c", 1),)
    assert shelves["channel:WEB"] == (("c", 1),)
    assert shelves["new"] == (("a", 1), ("c", 1))
    assert "store:linz" not in shelves


def test_pairs_are_told_by_cosine_where_they_meet_often_and_not_by_chance() -> None:
    together = [(f"c{number}", "ab", 1) for number in range(10)]
    alone = [(f"d{number}", "c", 1) for number in range(20)] + [("e", "a", 1), ("f", "a", 1)]
    twice = [("g", "de", 1), ("h", "de", 2)]

    told = {thing.name: thing.together for thing in found(shop(*together, *alone, *twice)).products}

    cosine = 10 / sqrt(12 * 10)
    assert told["a"] == (("b", pytest.approx(cosine)),)
    assert told["b"] == (("a", pytest.approx(cosine)),)
    assert told["d"] == told["e"] == ()  # met twice only


def test_what_everybody_buys_goes_with_nothing() -> None:
    """a is in every basket: it meets b as often as chance has it, lift 1."""
    baskets = [(f"c{number}", "ab" if number < 10 else "a", 1) for number in range(20)]

    told = {thing.name: thing.together for thing in found(shop(*baskets)).products}

    assert told == {"a": (), "b": ()}


def test_baskets_of_more_than_a_year_ago_or_of_a_stocktake_say_nothing_of_pairs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "BASKET_THINGS_MAX", 3)
    old = [(f"c{number}", "ab", 366) for number in range(10)]
    large = [(f"d{number}", "abcd", 1) for number in range(10)]
    alone = [(f"e{number}", "x", 1) for number in range(50)]

    told = found(shop(*old, *large, *alone)).products

    assert all(thing.together == () for thing in told)


def test_the_likelihood_ratio_is_dunning_s() -> None:
    """His example (1993, table of "can" and "only"-like counts) by the entropy form, computed apart."""
    both, of_a, of_b, total = 110, 2552, 221, 31777
    cells = [both, of_a - both, of_b - both, total - of_a - of_b + both]
    rows, columns = [of_a, total - of_a], [of_b, total - of_b]

    def entropy(counts: list[int]) -> float:
        return sum(count * log(count / sum(counts)) for count in counts if count)

    expected = 2 * (entropy(cells) - entropy(rows) - entropy(columns))

    told = likelihood_ratio(np.array([both], float), np.array([of_a], float), np.array([of_b], float), total)

    assert told[0] == pytest.approx(expected)
    assert told[0] == pytest.approx(270.72, abs=0.01)  # the paper's figure for "the swiss"


def test_a_shop_without_baskets_has_empty_statistics() -> None:
    told = found(Columns())

    assert (told.products, told.categories, told.shelves, told.product_rho) == ((), (), {}, 1.0)
    assert latest(Columns().done()) is None


def test_a_product_stands_in_the_category_of_the_catalogue() -> None:
    told = found(shop(("ann", "ab", 1)), a="Tea")

    assert {thing.name: thing.category for thing in told.products} == {"a": "Tea", "b": None}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("uvwxyz"), st.sets(st.sampled_from("abcde"), min_size=1))))
def test_pairs_are_those_of_counting_them_one_by_one(baskets: list[tuple[str, set[str]]]) -> None:
    told = found(shop(*((owner, "".join(sorted(things)), 1) for owner, things in baskets * 3)))

    many = [things for _, things in baskets * 3]
    count = {thing: sum(thing in things for things in many) for thing in "abcde"}
    for thing in told.products:
        expected = set()
        mine = count[thing.name]
        for other, its in count.items():
            both = sum({thing.name, other} <= things for things in many)
            if other == thing.name or both < 3 or both * len(many) <= mine * its:
                continue
            ratio = likelihood_ratio(*(np.array([float(number)]) for number in (both, mine, its)), len(many))
            if ratio[0] > 10.83:
                expected.add((other, round(both / sqrt(mine * its), 9)))
        assert {(other, round(cosine, 9)) for other, cosine in thing.together} == expected
