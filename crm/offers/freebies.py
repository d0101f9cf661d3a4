"""Which units BUY_X_GET_Y and FREE_ITEM give away: whole multiples only, in hundred-thousandths of a unit.

Two principles decide what the contract leaves open (docs/decisions/0012): one more unit in the cart never makes the
discount smaller, and naming fewer products never makes it larger.
"""

from collections.abc import Sequence

from crm.numbers import QUANTITY_DIGITS
from crm.offers.basket import Basket
from crm.offers.values import Offer, OfferKind

ONE = 10**QUANTITY_DIGITS

FreeUnits = dict[int, int]
"""How much of a line is free, by the line's index; more than 0."""


def free_units(offer: Offer, basket: Basket) -> FreeUnits:
    """Return what the offer gives away of the cart, by the unit prices before any discount."""
    if offer.kind is OfferKind.FREE_ITEM:
        return _one_item(offer, basket)
    bought, given, buy, get = _pools(offer, basket)
    if bought == given:
        return _dealt(basket, bought, buy, get)
    return _beside(basket, bought, given, buy, get)


def missing_units(offer: Offer, basket: Basket) -> tuple[int, int]:
    """Return how much more must be bought, and how much more of what is given must be there, for it to give anything.

    Both are 0 where it gives something. Where the bought are enough the first is 0.
    """
    if offer.kind is OfferKind.FREE_ITEM:
        return 0, 0 if _one_item(offer, basket) else ONE
    bought, given, buy, get = _pools(offer, basket)
    if bought == given:
        return max(0, buy + get - basket.quantity(bought)), 0
    short = max(0, buy - basket.quantity(bought))
    left = basket.quantity({*bought, *given}) - buy
    return short, max(0, get - min(basket.quantity(given), left))


def _pools(offer: Offer, basket: Basket) -> tuple[tuple[int, ...], tuple[int, ...], int, int]:
    return basket.named(offer.conditions), basket.given(offer), offer.buy_quantity or ONE, offer.get_quantity or ONE


def _one_item(offer: Offer, basket: Basket) -> FreeUnits:
    """Return one unit of the dearest line of getSkus that has a whole one."""
    whole = [index for index in basket.given(offer) if basket.lines[index].quantity >= ONE]
    return {basket.dearest_first(whole)[0]: ONE} if whole else {}


def _dealt(basket: Basket, indexes: Sequence[int], buy: int, get: int) -> FreeUnits:
    """Deal what was bought into groups of buy + get, the dearest first: of every full group the cheapest are free.

    So nine at 10 and three at 1, three for the price of two, give 10 + 10 + 10 + 1 and not four times the cheapest:
    the same as three baskets would.
    """
    group = buy + get
    end_of_groups = basket.quantity(indexes) // group * group

    def free_until(position: int) -> int:
        groups, rest = divmod(min(position, end_of_groups), group)
        return groups * get + max(0, rest - buy)

    found: FreeUnits = {}
    start = 0
    for index in basket.dearest_first(indexes):
        end = start + basket.lines[index].quantity
        if free := free_until(end) - free_until(start):
            found[index] = free
        start = end
    return found


def _beside(basket: Basket, bought: Sequence[int], given: Sequence[int], buy: int, get: int) -> FreeUnits:
    """Give of other lines than those bought, the dearest first; what is in both is either bought or given."""
    both = frozenset(bought) & frozenset(given)
    of_both = basket.quantity(both)
    only_bought, only_given = basket.quantity(bought) - of_both, basket.quantity(given) - of_both
    times = min(
        (only_bought + of_both) // buy,
        (only_given + of_both) // get,
        (only_bought + of_both + only_given) // (buy + get),
    )
    due, free_of_both = times * get, of_both - max(0, times * buy - only_bought)
    found: FreeUnits = {}
    for index in basket.dearest_first(given):
        free = min(basket.lines[index].quantity, due, free_of_both if index in both else due)
        if free > 0:
            found[index] = free
            due -= free
            free_of_both -= free if index in both else 0
    return found
