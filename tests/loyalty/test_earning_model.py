"""Earning over random rules and sales: against a slow model, returns that add up, and caps that hold."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from fractions import Fraction
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from crm.values import Period
from loyalty.earning import (
    CapKey,
    Sale,
    SoldLine,
    Terms,
    bonus_kept,
    cap_use,
    caps_of,
    kept_share,
    points_for,
    points_taken_back,
    spent_given_back,
)
from loyalty.values import EarningEvent, EarningRule, Tier
from tests.loyalty.earning_rules import BRONZE, GOLD, NOW, SILVER, VIENNA, flat, program, rule, terms_by

# Properties. Lines are (category, share in cents, quantity); rules have the ids r0, r1, ...

CATEGORIES = st.sampled_from(["food", "toys", None])
LINES = st.lists(st.tuples(CATEGORIES, st.integers(0, 10**5), st.integers(1, 5)), min_size=1, max_size=4)
RULE_FIELDS = st.fixed_dictionaries(
    {
        "event": st.sampled_from([EarningEvent.PURCHASE, EarningEvent.PURCHASE, EarningEvent.FIRST_PURCHASE]),
        "categories": st.sampled_from([None, ("food",), ("food", "toys")]),
        "cap_points": st.none() | st.integers(1, 500),
        "cap_period": st.sampled_from([None, *Period]),
    }
)
GIVES = st.fractions(Fraction(1, 1000), 10, max_denominator=1000) | st.integers(1, 300)
RULES = st.lists(st.tuples(GIVES, RULE_FIELDS), max_size=5).map(
    lambda drawn: tuple(
        rule(given, f"r{index}", **fields) if isinstance(given, Fraction) else flat(given, f"r{index}", **fields)
        for index, (given, fields) in enumerate(drawn)
    )
)
TIERS = st.sampled_from([BRONZE, SILVER, GOLD])
Line = tuple[str | None, int, int]


def sale_of(lines: Sequence[Line], *, first: bool = False, after: timedelta = timedelta()) -> Sale:
    sold = tuple(SoldLine(sku="X", category=category) for category, _, _ in lines)
    return Sale(occurred_at=NOW + after, channel="POS", store_code=None, lines=sold, first=first)


def shares_kept(lines: Sequence[Line], returned: Sequence[int]) -> list[int]:
    return [
        kept_share(share, returned=back, quantity=quantity)
        for (_, share, quantity), back in zip(lines, returned, strict=True)
    ]


def slow_points(rules: Sequence[EarningRule], tier: Tier, lines: Sequence[Line], first: bool, used: Fraction) -> int:
    """The contract's sentence, rule by rule, in exact fractions."""
    total = Fraction(0)
    for one in rules:
        if one.points_per_unit is None or (one.event is EarningEvent.FIRST_PURCHASE and not first):
            continue
        units = [Fraction(share, 100) for category, share, _ in lines if category in (one.categories or (category,))]
        points = sum(units, Fraction(0)) * one.points_per_unit * tier.earn_multiplier
        if one.cap_points is not None:
            points = min(points, max(Fraction(0), one.cap_points - used))
        total += points
    return total.numerator // total.denominator


@given(RULES, TIERS, LINES, st.booleans(), st.fractions(0, 600, max_denominator=100))
def test_points_are_those_of_the_slow_model(
    rules: tuple[EarningRule, ...], tier: Tier, lines: list[Line], first: bool, used: Fraction
) -> None:
    sale = sale_of(lines, first=first)
    asked = dict.fromkeys(caps_of(program(*rules), tier, sale, VIENNA), used)
    found = terms_by(*rules, tier=tier, sale=sale, used=asked)
    assert points_for([share for _, share, _ in lines], found, 2) == slow_points(rules, tier, lines, first, used)


@given(RULES, TIERS, LINES, st.booleans(), st.fractions(0, 600, max_denominator=100), st.randoms(use_true_random=False))
def test_the_order_of_rules_does_not_matter(
    rules: tuple[EarningRule, ...], tier: Tier, lines: list[Line], first: bool, used: Fraction, random: Random
) -> None:
    shuffled = random.sample(rules, len(rules))
    sale, shares = sale_of(lines, first=first), [share for _, share, _ in lines]
    asked = dict.fromkeys(caps_of(program(*rules), tier, sale, VIENNA), used)
    assert asked == dict.fromkeys(caps_of(program(*shuffled), tier, sale, VIENNA), used)
    one, other = (terms_by(*ordered, tier=tier, sale=sale, used=asked) for ordered in (rules, shuffled))
    assert one.rates == other.rates
    assert (set(one.capped), set(one.bonuses)) == (set(other.capped), set(other.bonuses))
    assert points_for(shares, one, 2) == points_for(shares, other, 2)
    assert cap_use(shares, one, 2) == cap_use(shares, other, 2)


@given(RULES, TIERS, LINES, st.integers(0, 1000), st.randoms(use_true_random=False))
def test_partial_returns_in_any_order_come_to_exactly_one_full_return(
    rules: tuple[EarningRule, ...], tier: Tier, lines: list[Line], spent: int, random: Random
) -> None:
    found = terms_by(*rules, tier=tier, sale=sale_of(lines))
    earned = points_for([share for _, share, _ in lines], found, 2)
    base = sum(share for _, share, _ in lines)
    pieces = [index for index, (_, _, quantity) in enumerate(lines) for _ in range(quantity)]
    random.shuffle(pieces)
    returned, taken, given_back = [0] * len(lines), 0, 0
    use = cap_use([share for _, share, _ in lines], found, 2)
    kept_bonuses = [bonus.points for bonus in found.bonuses]
    for number, piece in enumerate(pieces, start=1):
        returned[piece] += 1
        kept = shares_kept(lines, returned)
        part: Any = {"returned": base - sum(kept), "base": base, "anything_kept": number < len(pieces)}
        before = (taken, given_back, use, kept_bonuses)
        taken, given_back = points_taken_back(earned, kept, found, 2), spent_given_back(spent, **part)
        use = cap_use(kept, found, 2)
        kept_bonuses = [bonus_kept(bonus.points, **part) for bonus in found.bonuses]
        assert taken >= before[0]
        assert given_back >= before[1]
        assert all(use[key] <= before[2][key] for key in use)
        assert all(now <= then for now, then in zip(kept_bonuses, before[3], strict=True))
    assert (taken, given_back) == (earned, spent)
    assert not any(use.values())
    assert not any(kept_bonuses)


class Recorded:
    """A sale as recorded, and what has come back of it."""

    def __init__(self, lines: Sequence[Line], found: Terms) -> None:
        self.lines, self.terms = lines, found
        self.returned = [0] * len(lines)

    def use(self) -> dict[CapKey, Fraction]:
        """Return what the sale uses of caps now, as whoever keeps the counters works it out."""
        kept = shares_kept(self.lines, self.returned)
        base = sum(share for _, share, _ in self.lines)
        anything = any(back < quantity for back, (_, _, quantity) in zip(self.returned, self.lines, strict=True))
        flat_ones = {
            (bonus.rule_id, bonus.period_key): Fraction(
                bonus_kept(bonus.points, returned=base - sum(kept), base=base, anything_kept=anything)
            )
            for bonus in self.terms.bonuses
            if bonus.period_key
        }
        return cap_use(kept, self.terms, 2) | flat_ones


@given(
    RULES,
    st.lists(st.tuples(TIERS, LINES, st.booleans(), st.integers(0, 100)), min_size=1, max_size=8),
    st.randoms(use_true_random=False),
)
def test_no_cap_is_ever_exceeded_and_returns_give_all_of_it_back(
    rules: tuple[EarningRule, ...], sales: list[tuple[Tier, list[Line], bool, int]], random: Random
) -> None:
    caps = {one.id: one.cap_points for one in rules}
    used: defaultdict[CapKey, Fraction] = defaultdict(Fraction)
    recorded: list[Recorded] = []

    def count(change: dict[CapKey, Fraction], sign: int) -> None:
        for key, points in change.items():
            used[key] += sign * points
            assert 0 <= used[key] <= (caps[key[0]] or 0)

    def take_back(one: Recorded) -> None:
        before, line = one.use(), random.randrange(len(one.lines))
        one.returned[line] = random.randint(one.returned[line], one.lines[line][2])
        count(before, -1)
        count(one.use(), 1)

    for tier, lines, first, hours in sales:
        sale = sale_of(lines, first=first, after=timedelta(hours=hours))
        found = terms_by(*rules, tier=tier, sale=sale, used=dict(used))
        recorded.append(Recorded(lines, found))
        count(recorded[-1].use(), 1)
        take_back(random.choice(recorded))
    for one in recorded:
        count(one.use(), -1)
        one.returned = [quantity for _, _, quantity in one.lines]
        count(one.use(), 1)
    assert not any(used.values())
