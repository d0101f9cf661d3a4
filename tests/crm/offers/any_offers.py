"""Random small carts and offers that get in each other's way: rounding, groups, budgets, units given away."""

from fractions import Fraction

from hypothesis import strategies as st

from crm.offers.basket import Basket
from crm.offers.values import Offer, OfferKind, Stacking
from tests.crm.offers.carts import CENT, amount, basket, buy_get, fixed, free_item, line, offer, percent

SKUS = ("A", "B", "C", "D")
CATEGORIES = (None, "tea", "food")
QUANTITIES = (1, 1, 2, 3, 5, 0.5, 1.5, 2.25)

lines = st.tuples(st.sampled_from(SKUS), st.sampled_from(QUANTITIES), st.integers(0, 40), st.sampled_from(CATEGORIES))


@st.composite
def baskets(draw: st.DrawFn) -> Basket:
    rows = draw(st.lists(lines, min_size=1, max_size=5))
    return basket(*(line(number, *row) for number, row in enumerate(rows, 1)))


@st.composite
def money_offers(draw: st.DrawFn, id_: str) -> Offer:
    few = st.frozensets(st.sampled_from(SKUS), min_size=1, max_size=3)
    fields = {
        "skus": draw(st.none() | few),
        "priority": draw(st.integers(0, 2)),
        "stacking": draw(st.sampled_from([Stacking.COMBINABLE] * 5 + [Stacking.EXCLUSIVE])),
        "stacking_group": draw(st.sampled_from([None, None, None, "g", "h"])),
        "minimum_spend": draw(st.none() | st.integers(0, 60)),
        "budget": draw(st.sampled_from([None, None, None, 3, 20])),
    }
    kind = draw(st.sampled_from(["percent", "amount", "fixed", "buy", "free"]))
    if kind == "percent":
        return percent(id_, Fraction(draw(st.integers(1, 200)), 2), **fields)
    if kind == "amount":
        return amount(id_, draw(st.integers(1, 50)), **fields)
    if kind == "fixed":
        return fixed(id_, draw(st.integers(0, 3000)) / 100, **fields)
    given = draw(few)
    if kind == "free":
        return free_item(id_, *sorted(given), **fields)
    get_skus = draw(st.none() | st.just(tuple(sorted(given))))
    return buy_get(
        id_, draw(st.sampled_from([1, 2, 0.5])), draw(st.sampled_from([1, 0.5])), get_skus=get_skus, **fields
    )


@st.composite
def points_offers(draw: st.DrawFn, id_: str) -> Offer:
    few = st.frozensets(st.sampled_from(SKUS), min_size=1, max_size=3)
    kind = draw(st.sampled_from([OfferKind.POINTS_MULTIPLIER, OfferKind.BONUS_POINTS]))
    value = draw(st.integers(1, 9)) if kind is OfferKind.BONUS_POINTS else Fraction(draw(st.integers(10, 300)), 10)
    return offer(
        id_,
        kind,
        value,
        skus=draw(st.none() | few),
        priority=draw(st.integers(0, 2)),
        stacking=draw(st.sampled_from([Stacking.COMBINABLE] * 5 + [Stacking.EXCLUSIVE])),
        stacking_group=draw(st.sampled_from([None, None, "g", "h"])),
    )


@st.composite
def offers(draw: st.DrawFn, max_size: int = 6, *, points: bool = True) -> list[Offer]:
    kinds = draw(st.lists(st.booleans() if points else st.just(True), max_size=max_size))
    return [draw(money_offers(f"o{n}") if money else points_offers(f"o{n}")) for n, money in enumerate(kinds)]


__all__ = ["CENT", "baskets", "offers"]
