"""What offers make of a sale's points: factors for the points per unit of its lines, and flat points."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import prod

from crm.offers.values import Conditions, Offer, OfferKind


def boosts(lines: Sequence[tuple[str, str | None]], offers: Iterable[Offer]) -> tuple[Fraction, ...]:
    """Return by what the points per unit of each line are multiplied; empty where no offer multiplies any.

    Several multipliers of a line multiply each other, so their order does not matter.

    Args:
        lines: each line's SKU and category.
    """
    multipliers = [offer for offer in offers if offer.kind is OfferKind.POINTS_MULTIPLIER]
    if not multipliers:
        return ()
    return tuple(
        prod(
            (offer.value or Fraction(1) for offer in multipliers if _names(offer.conditions, *line)), start=Fraction(1)
        )
        for line in lines
    )


def _names(conditions: Conditions, sku: str, category: str | None) -> bool:
    """Whether a line is one of those that an offer is about, as `Basket.named` has it."""
    return (conditions.skus is None or sku in conditions.skus) and (
        conditions.categories is None or category in conditions.categories
    )


def bonus_points(offer: Offer) -> int:
    """Return the flat points that an offer gives a sale."""
    return int(offer.value or 0) if offer.kind is OfferKind.BONUS_POINTS else 0
