"""The best combination against trying all of them, and what holds of any carts and offers."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from crm.offers.basket import Basket, basket_of
from crm.offers.book import book_of
from crm.offers.choosing import allowed
from crm.offers.discounts import alone, apply, effect_of, in_order, start
from crm.offers.eligibility import reasons
from crm.offers.quoting import OF_POINTS, Candidate, Priced, priced_named
from crm.offers.values import Offer, Usage
from tests.crm.offers.any_offers import baskets, offers
from tests.crm.offers.carts import best, buyer, ids, point_a_euro


def named(of: Basket, some: list[Offer]) -> Priced:
    return priced_named(of, [Candidate(offer=one) for one in some], buyer(), points_of=point_a_euro(of))


def tried(of: Basket, some: list[Offer]) -> Iterator[tuple[tuple[int, int, int, list[str]], list[str]]]:
    """Every allowed combination of the offers that apply, by rank."""
    eligible = [one for one in some if not reasons(one, of, buyer())]
    for size in range(len(eligible) + 1):
        for chosen in combinations(eligible, size):
            if all(allowed(one, [other for other in chosen if other is not one]) for one in chosen):
                priced = named(of, list(chosen))
                names = sorted(one.id for one in chosen)
                yield (-priced.discount_total, -priced.points, size, names), names


@given(baskets(), offers())
@settings(max_examples=150, deadline=None)
def test_the_choice_is_the_best_of_all_combinations(of: Basket, some: list[Offer]) -> None:
    rank, names = min(tried(of, some))
    priced = best(of, *some)
    assert sorted(ids(priced)) == names
    assert (-priced.discount_total, -priced.points) == rank[:2]


@given(baskets(), offers(max_size=12))
@settings(max_examples=60, deadline=None)
def test_lines_add_up_and_no_price_is_below_zero(of: Basket, some: list[Offer]) -> None:
    priced = best(of, *some)
    assert all(0 <= line.discount <= line.amount for line in priced.lines)
    assert sum(line.total for line in priced.lines) == priced.subtotal - priced.discount_total
    assert sum(one.discount or 0 for one in priced.offers if one.applied) == priced.discount_total
    for one in priced.offers:
        if one.applied and one.discount is not None:
            assert sum(off for _, off in one.parts) == one.discount


@given(baskets(), offers(max_size=12), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_offers_and_lines_does_not_matter(of: Basket, some: list[Offer], random: Random) -> None:
    shuffled = random.sample(some, len(some))
    turned = basket_of(replace(of.cart, lines=tuple(random.sample(of.cart.lines, len(of.cart.lines)))))
    one, other = best(of, *some), best(turned, *shuffled)
    assert (ids(one), one.discount_total, one.points) == (ids(other), other.discount_total, other.points)
    assert {line.line_number: line for line in one.lines} == {line.line_number: line for line in other.lines}


@given(baskets(), offers(max_size=12))
@settings(max_examples=60, deadline=None)
def test_a_sale_of_what_was_quoted_comes_to_the_same(of: Basket, some: list[Offer]) -> None:
    quoted = best(of, *some)
    sold = named(of, list(quoted.applied))
    assert sold.lines == quoted.lines
    assert sold.points == quoted.points
    assert sold.offers == quoted.offers[: len(sold.offers)]


@given(baskets(), offers(max_size=8, points=False), st.data())
@settings(max_examples=60, deadline=None)
def test_a_more_restrictive_offer_never_gives_more(of: Basket, some: list[Offer], data: st.DataObject) -> None:
    if not some:
        return
    number = data.draw(st.integers(0, len(some) - 1))
    one = some[number]
    narrower = data.draw(
        st.sampled_from(
            [
                replace(one, conditions=replace(one.conditions, minimum_spend=10**6)),
                replace(one, conditions=replace(one.conditions, required_skus=frozenset("A"))),
                replace(one, conditions=replace(one.conditions, channels=frozenset({"POS"}))),
                replace(one, stacking_group="g"),
                replace(one, limits=replace(one.limits, total=0)),
            ]
        )
    )
    if narrower.stacking_group != one.stacking_group and one.stacking_group is not None:
        return  # another group, not a narrower one
    restricted = [*some[:number], narrower, *some[number + 1 :]]
    assert best(of, *restricted).discount_total <= best(of, *some).discount_total


@given(baskets(), offers(max_size=1, points=False), st.data())
@settings(max_examples=60, deadline=None)
def test_naming_fewer_products_or_buying_less_never_gives_more(
    of: Basket, some: list[Offer], data: st.DataObject
) -> None:
    for one in (replace(one, conditions=replace(one.conditions, minimum_spend=None)) for one in some):
        narrower = one
        if one.conditions.skus is not None:
            kept = data.draw(st.frozensets(st.sampled_from(sorted(one.conditions.skus))))
            narrower = replace(one, conditions=replace(one.conditions, skus=kept))
        if one.get_skus is not None and one.conditions.skus is None:
            narrower = replace(narrower, get_skus=data.draw(st.lists(st.sampled_from(one.get_skus)).map(tuple)))
        assert best(of, narrower).discount_total <= best(of, one).discount_total
        if len(of.cart.lines) > 1:
            fewer = basket_of(replace(of.cart, lines=of.cart.lines[1:]))
            assert best(fewer, one).discount_total <= best(of, one).discount_total


@given(baskets(), offers(max_size=8, points=False))
@settings(max_examples=80, deadline=None)
def test_no_offer_takes_more_after_others_than_it_takes_alone(of: Basket, some: list[Offer]) -> None:
    state = start(of)
    for one in sorted(some, key=in_order):
        effect = effect_of(one, of, Usage())
        assert apply(effect, state) <= alone(effect, of)
        assert min(state.left) >= 0
        assert min(state.paid) >= 0


@given(baskets(), offers(max_size=12))
@settings(max_examples=60, deadline=None)
def test_the_book_leaves_out_only_what_cannot_apply(of: Basket, some: list[Offer]) -> None:
    found = book_of(some).candidates(of, buyer(), ())
    assert len({one.id for one in found}) == len(found)
    for one in some:
        if one not in found:
            assert reasons(one, of, buyer()), "it applies and was not found"


def test_points_alone_take_no_money() -> None:
    assert {kind.value for kind in OF_POINTS} == {"POINTS_MULTIPLIER", "BONUS_POINTS"}
