"""A cart made ready for the rules: what each line comes to, and which lines an offer is about.

Lines stand in the order of their numbers, so that the lower index is the lower lineNumber wherever a tie is decided.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from crm.numbers import extended
from crm.offers.values import Cart, CartLine, Conditions, Offer


@dataclass(frozen=True, slots=True, kw_only=True)
class Basket:
    """A cart with its lines by number; `amounts` are quantity x unit price in minor units, `total` their sum."""

    cart: Cart
    lines: tuple[CartLine, ...]
    amounts: tuple[int, ...]
    total: int
    by_sku: dict[str, tuple[int, ...]]
    by_category: dict[str, tuple[int, ...]]

    @property
    def every_line(self) -> tuple[int, ...]:
        """The indexes of all lines."""
        return tuple(range(len(self.lines)))

    def named(self, conditions: Conditions) -> tuple[int, ...]:
        """Return the indexes of the lines that SKUs and categories name: both must hold; all lines without either."""
        if conditions.skus is not None:
            found = self.of_skus(conditions.skus)
            if conditions.categories is None:
                return found
            return tuple(index for index in found if self.lines[index].category in conditions.categories)
        if conditions.categories is not None:
            return _lines(self.by_category, conditions.categories)
        return self.every_line

    def of_skus(self, skus: Iterable[str]) -> tuple[int, ...]:
        """Return the indexes of the lines of these SKUs."""
        return _lines(self.by_sku, skus)

    def given(self, offer: Offer) -> tuple[int, ...]:
        """Return the indexes of the lines that FREE_ITEM or GET may give: of getSkus, else the lines it is about."""
        return self.named(offer.conditions) if offer.get_skus is None else self.of_skus(offer.get_skus)

    def quantity(self, indexes: Iterable[int]) -> int:
        """Return how much these lines hold together."""
        return sum(self.lines[index].quantity for index in indexes)

    def dearest_first(self, indexes: Iterable[int]) -> list[int]:
        """Return the indexes by unit price, the dearest first, ties to the lower lineNumber."""
        return sorted(indexes, key=lambda index: (-self.lines[index].unit_price, index))


def basket_of(cart: Cart) -> Basket:
    """Return the cart made ready."""
    lines = tuple(sorted(cart.lines, key=lambda line: line.line_number))
    amounts = tuple(extended(line.quantity, line.unit_price, cart.currency_digits) for line in lines)
    by_sku: dict[str, tuple[int, ...]] = {}
    by_category: dict[str, tuple[int, ...]] = {}
    for index, line in enumerate(lines):
        by_sku[line.sku] = (*by_sku.get(line.sku, ()), index)
        if line.category is not None:
            by_category[line.category] = (*by_category.get(line.category, ()), index)
    return Basket(cart=cart, lines=lines, amounts=amounts, total=sum(amounts), by_sku=by_sku, by_category=by_category)


def _lines(found: dict[str, tuple[int, ...]], names: Iterable[str]) -> tuple[int, ...]:
    """Return the indexes under any of the names, whichever of the two is the shorter to go through."""
    if isinstance(names, frozenset) and len(names) > len(found):
        parts: Sequence[tuple[int, ...]] = [indexes for name, indexes in found.items() if name in names]
    else:
        parts = [found[name] for name in dict.fromkeys(names) if name in found]
    return parts[0] if len(parts) == 1 else tuple(sorted(index for part in parts for index in part))
