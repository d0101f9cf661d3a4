"""Offers that give points or a reward and take no money."""

from fractions import Fraction

from hypothesis import given

from crm.offers.basket import Basket
from crm.offers.points import bonus_points, boosts
from crm.offers.values import Offer
from tests.crm.offers.any_offers import baskets, offers
from tests.crm.offers.carts import (
    EXCLUSIVE,
    basket,
    best,
    bonus,
    ids,
    line,
    percent,
    reward_code,
    times,
)

CART = basket(line(1, "A", 1, 1000, "tea"), line(2, "B", 1, 500))


def test_multipliers_multiply_each_other_on_the_lines_they_cover() -> None:
    lines = [("A", "tea"), ("B", None)]
    assert boosts(lines, [times("o", 2), times("p", 1.5, skus=["A"])]) == (3, 2)
    assert boosts(lines, [times("o", 2, skus=["A", "B"], categories=["tea"])]) == (2, 1)
    assert boosts(lines, [percent("o", 10), bonus("p", 5)]) == ()
    assert bonus_points(bonus("p", 5)) == 5
    assert bonus_points(times("o", 2)) == 0


@given(baskets(), offers(max_size=3))
def test_a_multiplier_covers_the_lines_that_a_discount_would(of: Basket, some: list[Offer]) -> None:
    for one in some:
        factors = boosts([(line.sku, line.category) for line in of.lines], [times("t", 2, skus=one.conditions.skus)])
        covered = of.named(one.conditions)
        assert [index for index, factor in enumerate(factors) if factor == 2] == list(covered)


def test_points_are_told_by_offer_and_money_comes_first() -> None:
    priced = best(CART, percent("m", 10), times("t", 2, skus=["A"]), bonus("b", 7))
    assert ids(priced) == ["t", "b", "m"]
    assert priced.points == 29  # 9.00 twice, 4.50: floor(22.5), and 7
    told = {one.offer.id: (one.discount, one.points) for one in priced.offers}
    assert told == {"m": (150, None), "t": (None, 9), "b": (None, 7)}


def test_more_money_wins_over_any_points() -> None:
    priced = best(CART, percent("m", 1, stacking_group="g"), bonus("b", 10_000, stacking_group="g"))
    assert ids(priced) == ["m"]
    assert [(one.offer.id, one.points, one.reasons[0].code) for one in priced.offers[1:]] == [
        ("b", 10_000, "NOT_COMBINABLE")
    ]


def test_equal_money_is_decided_by_points_then_fewer_offers_then_the_lowest_id() -> None:
    twins = percent("m", 10, stacking_group="g"), percent("a", 10, stacking_group="h", stacking=EXCLUSIVE)
    assert ids(best(CART, *twins)) == ["a"]
    assert ids(best(CART, *twins, bonus("b", 1))) == ["b", "m"]
    both = percent("x", 100, skus=["A"]), percent("y", 100, skus=["B"]), percent("z", 100)
    assert ids(best(CART, *both)) == ["z"]


def test_a_bonus_that_adds_nothing_is_left_out() -> None:
    priced = best(basket(line(1, "A", 1, 10)), times("t", 2))  # 0.10 earns nothing, twice
    assert ids(priced) == []
    assert priced.offers[0].reasons == ()


def test_two_small_multipliers_can_give_a_point_that_neither_gives_alone() -> None:
    cart = basket(line(1, "A", 1, 80))  # 0.80
    one, other = times("t", Fraction(6, 5)), times("u", Fraction(6, 5))  # 0.96, and 1.152 together
    assert ids(best(cart, one)) == []
    assert ids(best(cart, one, other)) == ["t", "u"]


def test_reward_codes_are_handed_out_beside_the_best() -> None:
    priced = best(CART, percent("m", 10), reward_code("r"), reward_code("s", stacking_group="g"))
    assert ids(priced) == ["m", "r", "s"]
    assert {(one.discount, one.points) for one in priced.offers if one.offer.id in "rs"} == {(None, None)}


def test_an_exclusive_reward_code_gives_way_to_money() -> None:
    alone = reward_code("r", stacking=EXCLUSIVE)
    assert ids(best(CART, alone)) == ["r"]
    assert ids(best(CART, alone, reward_code("s"))) == ["s"]
    priced = best(CART, alone, percent("m", 1))
    assert ids(priced) == ["m"]
    assert [one.code for one in priced.offers[1].reasons] == ["NOT_COMBINABLE"]


def test_a_stacking_group_gives_one_of_money_points_and_codes() -> None:
    group = {"stacking_group": "g"}
    priced = best(CART, percent("m", 10, **group), bonus("b", 5, **group), reward_code("r", **group))
    assert ids(priced) == ["m"]
