"""How well offers fit a person.

    score = ln(1 + S) + 0.3 ln(1 + T) + 0.1 ln(1 + P)

S is what the person buys of the offer's products (decayed counts added up), T the same by category, each weighted by
its share of the offer's products, P how many households bought any of them in the last 56 days. Source:
docs/decisions/0014.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import log1p

from crm.taste.counters import CATEGORY_HALF_LIFE, PRODUCT_HALF_LIFE, Taste, decayed

CATEGORY_WEIGHT = 0.3
REACH_WEIGHT = 0.1
REACH_DAYS = 56


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What an offer is about: its products, the share of each category among them, and P; nothing for a whole cart.

    An offer on whole `categories` has these instead of products: what the person buys of them counts for S.
    """

    id: str
    products: Collection[str] = ()
    categories: Collection[str] = ()
    shares: Mapping[str, float]
    reach: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How well one offer fits; the product and the category that speak most for it."""

    score: float
    product: str | None = None
    category: str | None = None


def shares(categories: Iterable[str | None]) -> dict[str, float]:
    """Return each category's share of an offer's products, given the category of every product."""
    counts: dict[str, int] = {}
    total = 0
    for category in categories:
        total += 1
        if category:
            counts[category] = counts.get(category, 0) + 1
    return {category: count / total for category, count in counts.items()}


def score(s: float, t: float, p: int) -> float:
    """Return the score of an offer from its three parts."""
    return log1p(max(s, 0.0)) + CATEGORY_WEIGHT * log1p(max(t, 0.0)) + REACH_WEIGHT * log1p(p)


class Subjects:
    """Offers, indexed by what they are about: a person's few hundred products are looked up, not the offers' many."""

    def __init__(self, subjects: Iterable[Subject]) -> None:
        self._subjects = {subject.id: subject for subject in subjects}
        self._by_product: dict[str, list[str]] = {}
        for subject in self._subjects.values():
            for product in subject.products:
                self._by_product.setdefault(product, []).append(subject.id)

    def fits(self, taste: Taste, now: datetime) -> dict[str, Fit]:
        """Return how well every offer fits."""
        sums: dict[str, float] = {}
        best: dict[str, tuple[float, str]] = {}
        for product in taste.products.keys() & self._by_product.keys():
            worth = decayed(taste.products[product].s, now, PRODUCT_HALF_LIFE)
            for id_ in self._by_product[product]:
                sums[id_] = sums.get(id_, 0.0) + worth
                best[id_] = max(best.get(id_, (0.0, "")), (worth, product))
        of_categories = {
            name: decayed(counter.s, now, CATEGORY_HALF_LIFE) for name, counter in taste.categories.items()
        }
        return {
            id_: self._fit(subject, sums.get(id_, 0.0), best.get(id_), of_categories)
            for id_, subject in self._subjects.items()
        }

    @staticmethod
    def _fit(subject: Subject, s: float, best: tuple[float, str] | None, of_categories: Mapping[str, float]) -> Fit:
        s += sum(of_categories.get(name, 0.0) for name in subject.categories)
        parts = {name: share * of_categories[name] for name, share in subject.shares.items() if name in of_categories}
        return Fit(
            score=score(s, sum(parts.values()), subject.reach),
            product=best[1] if best else None,
            category=max(parts, key=lambda name: (parts[name], name)) if parts else None,
        )


def ranked(fits: Mapping[str, Fit]) -> list[str]:
    """Return offers, the best fitting first; ties go to the lower id."""
    return sorted(fits, key=lambda id_: (-fits[id_].score, id_))
