"""What one offer takes off what is left of each line, exactly, in minor units.

Offers apply one after the other: line offers before cart offers, then by priority, then by id. Each sees what those
before it left (`State`): the money left of every line, and how much of its quantity is still to be paid for, since a
unit given away is not there to be discounted again.

By kind: PERCENTAGE of what is left, half up, of each line for a line offer and of the whole for a cart offer; AMOUNT
once, at most what is left of the lines it is about; FIXED_PRICE down to quantity x the price, where that is less;
BUY_X_GET_Y and FREE_ITEM what is left of the units given away, rounded up. What is of several lines together is split
by largest remainder, ties to the lower lineNumber. A budget caps what an offer takes at what remains of it.

Two facts the search for the best combination stands on (crm/offers/choosing.py; tests/crm/offers/test_discounts.py):
no offer ever takes more than it would alone, since neither the money left nor the money left per unit to be paid ever
rises; and what a `per_line` effect leaves of a line is never more where less was there before it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from crm.numbers import extended, round_half_up, split
from crm.offers.basket import Basket
from crm.offers.freebies import FreeUnits, free_units
from crm.offers.values import Offer, OfferKind, Usage

MONEY = frozenset(
    {
        OfferKind.PERCENTAGE,
        OfferKind.AMOUNT,
        OfferKind.FIXED_PRICE,
        OfferKind.BUY_X_GET_Y,
        OfferKind.FREE_ITEM,
    }
)
"""The kinds that take money off; the others give points or a reward."""

PER_CENT = 100
PRICE_UNITS = 10**6


@dataclass(slots=True)
class State:
    """What is left of each line: money in minor units, and the quantity still to be paid for."""

    left: list[int]
    paid: list[int]

    def copy(self) -> "State":
        """Return a state that may be changed without changing this one."""
        return State(self.left.copy(), self.paid.copy())


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What an offer does to a cart, worked out once.

    `numerator` / `denominator` is the share of a PERCENTAGE, or the price of one unit in millionths of a FIXED_PRICE.
    `amount` is what an AMOUNT takes, `cap` what remains of a budget. `per_line`: each line for itself, so that the
    lines can be looked at one by one; `of_whole`: only the sum of all lines counts.
    """

    offer: Offer
    lines: tuple[int, ...]
    digits: int
    numerator: int = 0
    denominator: int = 1
    amount: int = 0
    free: FreeUnits | None = None
    cap: int | None = None

    @property
    def per_line(self) -> bool:
        """Whether it does to each line something that no other line has a say in."""
        kind = self.offer.kind
        if self.cap is not None or kind is OfferKind.AMOUNT:
            return False
        return kind is not OfferKind.PERCENTAGE or self.offer.of_lines

    @property
    def of_whole(self) -> bool:
        """Whether what it takes depends on the sum of all lines alone."""
        return not self.offer.of_lines and self.offer.kind in {OfferKind.PERCENTAGE, OfferKind.AMOUNT}


def in_order(offer: Offer) -> tuple[bool, int, str]:
    """Return by what offers are sorted before they apply: line offers first, then priority, then id."""
    return not offer.of_lines, offer.priority, offer.id


def start(basket: Basket) -> State:
    """Return the state before any offer."""
    return State(list(basket.amounts), [line.quantity for line in basket.lines])


def effect_of(offer: Offer, basket: Basket, usage: Usage, *, ignore_budget: bool = False) -> Effect:
    """Return what an offer of a kind in `MONEY` does to the cart.

    Args:
        usage: how much of its budget is spent.
        ignore_budget: for an offer accepted from an offline till, which is counted beyond its budget.
    """
    value, digits = offer.value or 0, basket.cart.currency_digits
    budget = None if ignore_budget else offer.limits.budget
    cap = None if budget is None else max(0, budget - usage.spent)
    if offer.kind in {OfferKind.BUY_X_GET_Y, OfferKind.FREE_ITEM}:
        free = free_units(offer, basket)
        return Effect(offer=offer, lines=tuple(sorted(free)), digits=digits, free=free, cap=cap)
    lines = basket.named(offer.conditions)
    if offer.kind is OfferKind.AMOUNT:
        return Effect(offer=offer, lines=lines, digits=digits, amount=int(value), cap=cap)
    scale = PER_CENT if offer.kind is OfferKind.PERCENTAGE else 1
    return Effect(
        offer=offer,
        lines=lines,
        digits=digits,
        numerator=value.numerator,
        denominator=value.denominator * scale,
        cap=cap,
    )


def taken(effect: Effect, state: State) -> list[int]:
    """Return what an effect takes off each of its lines as they are now, in the order of `effect.lines`."""
    kind = effect.offer.kind
    if effect.of_whole or kind is OfferKind.AMOUNT:
        weights = [state.left[index] for index in effect.lines]
        return split(taken_of(effect, sum(weights)), weights)
    if kind is OfferKind.PERCENTAGE:
        off = [round_half_up(state.left[index] * effect.numerator, effect.denominator) for index in effect.lines]
    elif kind is OfferKind.FIXED_PRICE:
        off = [max(0, state.left[index] - _price(effect, state.paid[index])) for index in effect.lines]
    else:
        off = [_of_free(effect, index, state) for index in effect.lines]
    if effect.cap is not None and sum(off) > effect.cap:
        return split(effect.cap, off)
    return off


def taken_of(effect: Effect, whole: int) -> int:
    """Return what an AMOUNT, or a PERCENTAGE of the whole, takes off a sum of lines."""
    if effect.offer.kind is OfferKind.AMOUNT:
        off = min(effect.amount, whole)
    else:
        off = round_half_up(whole * effect.numerator, effect.denominator)
    return off if effect.cap is None else min(off, effect.cap)


def _price(effect: Effect, quantity: int) -> int:
    """Return what a quantity comes to at a FIXED_PRICE."""
    if effect.denominator == 1:
        return extended(quantity, effect.numerator, effect.digits)
    return round_half_up(quantity * effect.numerator * 10**effect.digits, effect.denominator * PRICE_UNITS * 10**5)


def _of_free(effect: Effect, index: int, state: State) -> int:
    """Return what is left of the units given away of a line, rounded up: the rest never gets dearer by it."""
    assert effect.free is not None, "of a kind that gives units away"
    paid = state.paid[index]
    free = min(effect.free[index], paid)
    return state.left[index] - state.left[index] * (paid - free) // paid if paid else 0


def apply(effect: Effect, state: State) -> int:
    """Let an effect take what it takes off the state, and return the sum.

    Units given away need no longer be paid for; under a budget they count as paid, since it may not have covered them.
    """
    total = 0
    for index, off in zip(effect.lines, taken(effect, state), strict=True):
        state.left[index] -= off
        total += off
    if effect.free and effect.cap is None:
        for index, free in effect.free.items():
            state.paid[index] -= min(free, state.paid[index])
    return total


def alone(effect: Effect, basket: Basket) -> int:
    """Return what an effect takes off the cart when nothing else does: the most it ever takes."""
    if effect.of_whole:
        return taken_of(effect, basket.total)
    return sum(taken(effect, start(basket)))


def applied(effects: Iterable[Effect], basket: Basket) -> tuple[State, dict[str, list[tuple[int, int]]]]:
    """Apply effects in their order, and return what is left and what each took, (line index, minor units), by id."""
    state = start(basket)
    parts: dict[str, list[tuple[int, int]]] = {}
    for effect in sorted(effects, key=lambda one: in_order(one.offer)):
        before = [state.left[index] for index in effect.lines]
        apply(effect, state)
        after: Sequence[int] = [state.left[index] for index in effect.lines]
        parts[effect.offer.id] = [
            (index, old - new) for index, old, new in zip(effect.lines, before, after, strict=True) if old > new
        ]
    return state, parts
