"""Ranks things for one person: by what the person buys, how often such things are bought again, and popularity.

    score = s * rho^0.5 / the highest of the person's + 0.02 * households / the most households    (0.1 for categories)

s are the half-life counters, rho the repeat ratio, households how many bought a thing in the last 28 days. A product's
s is multiplied by its category's s^0.1, which tells a taste from a chance, and by 1 + 0.3 * 2^(-days since / 14).
Chosen on weeks 37, 41 and 45 of a year of real baskets, measured on week 49: docs/decisions/0014. Ties go to the
lower id, so that the same counters always give the same list.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from heapq import nsmallest
from math import sqrt

from crm.taste.counters import CATEGORY_HALF_LIFE, PRODUCT_HALF_LIFE, Taste, day, decayed

PRODUCT_POPULARITY = 0.02
CATEGORY_POPULARITY = 0.1
CATEGORY_POWER = 0.1
RECENT_BONUS, RECENT_DAYS = 0.3, 14
ANCHORS = 20
"""How many of a person's best products are asked what they are bought together with."""

RHO_WITHOUT_STATISTICS = 1.0


class RecommendationKind(StrEnum):
    """Why a product stands in a list."""

    BUY_AGAIN = "BUY_AGAIN"
    DISCOVER = "DISCOVER"
    BOUGHT_TOGETHER = "BOUGHT_TOGETHER"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """What is bought most in a place: (thing, households), most first."""

    things: Sequence[tuple[str, int]] = ()

    @property
    def most(self) -> int:
        """How many households bought the most popular thing."""
        return self.things[0][1] if self.things else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of things: `rho`, `households` and category by id; `most` households of any thing anywhere."""

    rho: Mapping[str, float] = field(default_factory=dict)
    households: Mapping[str, int] = field(default_factory=dict)
    categories: Mapping[str, str] = field(default_factory=dict)
    rho_else: float = RHO_WITHOUT_STATISTICS
    most: int = 0


@dataclass(frozen=True, slots=True)
class Pick:
    """One place in a list; `anchor` is what a thing is bought together with."""

    thing: str
    kind: RecommendationKind
    score: float
    anchor: str | None = None


def products(taste: Taste, known: Known, now: datetime) -> dict[str, float]:
    """Return the score of every product the person buys."""
    today = day(now)
    of_categories = {
        name: decayed(counter.s, now, CATEGORY_HALF_LIFE) ** CATEGORY_POWER
        for name, counter in taste.categories.items()
    }
    liked: dict[str, float] = {}
    for product, counter in taste.products.items():
        s = decayed(counter.s, now, PRODUCT_HALF_LIFE)
        of_category = of_categories.get(known.categories.get(product, ""))
        recent = 1 + RECENT_BONUS * 2.0 ** (-max(today - counter.last, 0) / RECENT_DAYS)
        rho = known.rho.get(product, known.rho_else)
        liked[product] = s * sqrt(rho) * (s**CATEGORY_POWER if of_category is None else of_category) * recent
    return _with_popularity(liked, known, PRODUCT_POPULARITY)


def categories(taste: Taste, known: Known) -> dict[str, float]:
    """Return the score of every category the person buys of; their own category and last purchase add nothing here."""
    liked = {name: counter.s * sqrt(known.rho.get(name, known.rho_else)) for name, counter in taste.categories.items()}
    return _with_popularity(liked, known, CATEGORY_POPULARITY)


def _with_popularity(liked: Mapping[str, float], known: Known, popularity: float) -> dict[str, float]:
    highest = max(liked.values(), default=0.0)
    if not highest:
        return {}
    return {
        thing: value / highest + popularity * _share(known.households.get(thing, 0), known.most)
        for thing, value in liked.items()
    }


def popular(shelf: Shelf, *, leave_out: Mapping[str, object], popularity: float, count: int) -> list[Pick]:
    """Return the most popular things that are not left out."""
    picks: list[Pick] = []
    for thing, households in shelf.things:
        if len(picks) >= count:
            break
        if thing not in leave_out:
            score = popularity * _share(households, shelf.most)
            picks.append(Pick(thing, RecommendationKind.DISCOVER, score))
    return picks


def again(scores: Mapping[str, float], count: int) -> list[Pick]:
    """Return what the person is likely to buy again, best first."""
    best = nsmallest(count, ((-score, thing) for thing, score in scores.items()))
    return [Pick(thing, RecommendationKind.BUY_AGAIN, -score) for score, thing in best]


def mixed(scores: Mapping[str, float], discover: Iterable[Pick], count: int) -> list[Pick]:
    """Return one list by score: what the person buys, and what is popular beside it."""
    picks = [*again(scores, count), *discover]
    return sorted(picks, key=lambda pick: (-pick.score, pick.thing))[:count]


def together(
    anchors: Mapping[str, float],
    partners: Mapping[str, Sequence[tuple[str, float]]],
    *,
    leave_out: Mapping[str, object],
    count: int,
) -> list[Pick]:
    """Return what is bought together with the anchors: the sum of anchor's score x cosine; the strongest is named."""
    scores: dict[str, float] = {}
    strongest: dict[str, tuple[float, str]] = {}
    for anchor, score in anchors.items():
        for thing, cosine in partners.get(anchor, ()):
            if thing in leave_out or thing in anchors:
                continue
            part = score * cosine
            scores[thing] = scores.get(thing, 0.0) + part
            strongest[thing] = max(strongest.get(thing, (0.0, "")), (part, anchor))
    best = nsmallest(count, ((-score, thing) for thing, score in scores.items()))
    return [
        Pick(thing, RecommendationKind.BOUGHT_TOGETHER, -score, anchor=strongest[thing][1]) for score, thing in best
    ]


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
