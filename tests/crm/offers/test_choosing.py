"""Which combination is chosen, by hand; and that the search does not try all of them."""

import pytest

from crm.offers import choosing
from crm.offers.quoting import Candidate, priced_named
from crm.offers.values import Offer, Usage
from tests.crm.offers.carts import (
    EXCLUSIVE,
    amount,
    basket,
    best,
    buyer,
    discounts,
    ids,
    line,
    percent,
)

CART = basket(line(1, "A", 1, 10_000), line(2, "B", 1, 5000))
MANY = basket(*(line(number, f"S{number}", 1, 100 * number) for number in range(1, 31)))


def test_an_exclusive_offer_is_chosen_alone_where_it_gives_more() -> None:
    together = amount("a", 1000), amount("b", 1000)
    assert ids(best(CART, *together, amount("x", 1999, stacking=EXCLUSIVE))) == ["a", "b"]
    assert ids(best(CART, *together, amount("x", 2001, stacking=EXCLUSIVE))) == ["x"]
    assert ids(best(CART, *together, amount("x", 2000, stacking=EXCLUSIVE))) == ["x"]  # as much, with fewer offers


def test_of_a_group_the_one_that_gives_more_with_the_rest() -> None:
    # 40.00 off A is more than 30%, but 50% of what is left of A makes 30% + 50% of 70.00 the less: 65 < 40 + 30
    offers = (
        amount("a", 4000, skus=["A"], stacking_group="g", priority=1),
        percent("b", 30, skus=["A"], stacking_group="g", priority=1),
        percent("c", 50, skus=["A"], priority=2),
    )
    priced = best(CART, *offers)
    assert ids(priced) == ["a", "c"]
    assert discounts(priced) == [7000, 0]


def test_what_lost_says_so_with_what_it_gives_alone() -> None:
    priced = best(CART, percent("a", 20, stacking_group="g"), percent("b", 10, stacking_group="g"))
    lost = priced.offers[1]
    assert (lost.offer.id, lost.applied, lost.discount) == ("b", False, 1500)
    assert [one.code for one in lost.reasons] == ["NOT_COMBINABLE"]


def test_what_would_take_nothing_here_is_no_reason_to_complain() -> None:
    priced = best(CART, amount("a", 100), percent("b", 10, skus=["A"], budget=100), used={"b": Usage(spent=99)})
    assert ids(priced) == ["b", "a"]
    free = best(basket(line(1, "A", 1, 0)), percent("a", 10))
    assert [(one.applied, one.discount, one.reasons) for one in free.offers] == [(False, 0, ())]


def test_of_more_than_twelve_the_twelve_best_alone_take_part() -> None:
    offers = [amount(f"o{number:02}", 10 + number) for number in range(14)]
    assert ids(best(CART, *offers)) == [f"o{number:02}" for number in range(2, 14)]
    equal = [amount(f"o{number:02}", 10) for number in range(14)]
    assert ids(best(CART, *equal)) == [f"o{number:02}" for number in range(12)]


OVERLAPPING: list[list[Offer]] = [
    [percent(f"o{n:02}", 5 + n, skus=[f"S{m}" for m in range(n, n + 15)]) for n in range(12)],
    [percent(f"o{n:02}", 5 + n) for n in range(12)],
    [
        (amount if n % 2 else percent)(f"o{n:02}", 300 if n % 2 else 10, skus=[f"S{m}" for m in range(n, n + 15)])
        for n in range(12)
    ],
    [amount(f"o{n:02}", 10**6, skus=[f"S{m}" for m in range(1, 31)]) for n in range(12)],
]


@pytest.mark.parametrize("offers", OVERLAPPING, ids=["line percentages", "cart percentages", "mixed", "all too much"])
def test_twelve_offers_that_overlap_are_chosen_from_in_a_few_steps(
    offers: list[Offer], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = 0
    keep = choosing._Search._decide

    def counted(*arguments: object) -> None:
        nonlocal steps
        steps += 1
        keep(*arguments)  # type: ignore[arg-type]  # handed on as they come

    monkeypatch.setattr(choosing._Search, "_decide", counted)
    best(MANY, *offers)
    assert steps < 100, "there are 4,096 combinations"


def test_named_offers_that_may_not_stand_together_say_so() -> None:
    def named(*offers: Offer, accept: bool = False) -> list[tuple[str, bool, list[str]]]:
        priced = priced_named(CART, [Candidate(offer=one) for one in offers], buyer(), accept=accept)
        return sorted((one.offer.id, one.applied, [why.code.value for why in one.reasons]) for one in priced.offers)

    pair = percent("a", 10, stacking_group="g"), percent("b", 10, stacking_group="g")
    assert named(*pair) == [("a", True, []), ("b", False, ["NOT_COMBINABLE"])]
    assert named(*pair, accept=True) == [("a", True, []), ("b", True, ["NOT_COMBINABLE"])]
    alone = percent("a", 10), percent("b", 10, stacking=EXCLUSIVE)
    assert named(*alone) == [("a", True, []), ("b", False, ["NOT_COMBINABLE"])]


def test_an_offline_till_is_believed_but_for_what_its_cart_lacks() -> None:
    over = percent("a", 10, total=5, budget=100, tags=["vip"])
    lacking = percent("b", 10, skus=["C"])
    candidates = [Candidate(offer=over, usage=Usage(total=5, spent=99)), Candidate(offer=lacking)]
    priced = priced_named(CART, candidates, buyer(), accept=True)
    told = {one.offer.id: (one.discount, [why.code.value for why in one.reasons]) for one in priced.offers}
    assert told == {"a": (1500, ["NOT_IN_AUDIENCE", "OFFER_LIMIT_REACHED"]), "b": (0, ["PRODUCTS_MISSING"])}
    assert priced_named(CART, candidates, buyer()).discount_total == 0
