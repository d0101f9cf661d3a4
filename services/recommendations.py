"""Recommends products to people: what they will want again, what is new to them, what goes with what they buy.

One `Wanted` for each list; any number of lists take the same few commands. The rules are pure (crm/taste/ranking.py),
and the very ones that `crm evaluate` scores.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from crm.taste import ranking, why
from crm.taste.counters import NOTHING, Taste, taste_of
from crm.taste.ranking import (
    ANCHORS,
    PRODUCT_POPULARITY,
    Pick,
    RecommendationKind,
    Shelf,
    again,
    mixed,
    popular,
    together,
)
from crm.taste.statistics import EVERYWHERE, NEW
from services.context import Call
from store import shop, tastes
from store.client import Document
from store.collections import PRODUCTS

SPARE = 20
"""Places beyond those asked for, for products that are not sold any more."""

NEW_BASKETS_MAX = 2
"""Whoever bought less than three times is new: popularity in the own store says more than at large."""

SHELF_MIN = 10
"""A place where fewer products sold in four weeks says nothing yet; the next wider one does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One person's list that is asked for.

    `personalized` is whether the person allows it, `baskets` and `first_at` how often and since when the person buys,
    `store_code` and `channel` where the question comes from.
    """

    customer_id: str
    personalized: bool
    baskets: int
    first_at: datetime | None
    store_code: str | None
    channel: str | None
    kind: RecommendationKind | None
    first: int


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What one list is made of, before anybody was asked what goes together."""

    wanted: Wanted
    taste: Taste
    scores: Mapping[str, float]
    place: str
    shelf: Shelf


async def recommend(call: Call, wanted: Sequence[Wanted]) -> list[list[Document]]:
    """Return each person's list, best first: product, kind, score, why, personalized."""
    prepared = await _prepare(call, wanted)
    anchors = {anchor for one in prepared for anchor in _anchors(one)}
    partners = await call.shop.known.statistics.together(sorted(anchors))
    picked = [picks(one.wanted, one.taste, one.scores, one.shelf, partners) for one in prepared]
    named = {name for list_ in picked for pick in list_ for name in (pick.thing, pick.anchor) if name}
    products = await shop.existing(call.database, PRODUCTS, sorted(named))
    return [_told(call, one, list_, products) for one, list_ in zip(prepared, picked, strict=True)]


async def _prepare(call: Call, wanted: Sequence[Wanted]) -> list[_Prepared]:
    statistics = call.shop.known.statistics
    people = sorted({one.customer_id for one in wanted if one.personalized})
    stored = await tastes.of_owners(call.database, people, call.now.year) if people else {}
    known_tastes = {person: taste_of(documents) for person, documents in stored.items()}
    own = [known_tastes.get(one.customer_id, NOTHING) if one.personalized else NOTHING for one in wanted]
    known = await statistics.products({product for taste in own for product in taste.products})
    places_of = [places(one, taste) for one, taste in zip(wanted, own, strict=True)]
    shelves = await statistics.shelves(list(dict.fromkeys(place for list_ in places_of for place in list_)))
    prepared = []
    for one, taste, list_ in zip(wanted, own, places_of, strict=True):
        place = place_that_counts(list_, shelves)
        scores = ranking.products(taste, known, call.now)
        prepared.append(_Prepared(one, taste, scores, place, shelves[place]))
    return prepared


def places(wanted: Wanted, taste: Taste) -> list[str]:
    """Return the places whose popularity counts for a person, the narrowest first."""
    if wanted.personalized and wanted.baskets > NEW_BASKETS_MAX:
        return [EVERYWHERE]
    store_code, channel = wanted.store_code or taste.store_code, wanted.channel or taste.channel
    own = [f"store:{store_code}"] if store_code else []
    own += [f"channel:{channel}"] if channel else []
    return [*own, *([NEW] if wanted.personalized else []), EVERYWHERE]


def place_that_counts(places_: Sequence[str], shelves: Mapping[str, Shelf]) -> str:
    """Return the narrowest place where enough is sold."""
    return next(
        (place for place in places_ if place in shelves and len(shelves[place].things) >= SHELF_MIN), EVERYWHERE
    )


def _anchors(one: _Prepared) -> dict[str, float]:
    """Return the products whose partners are asked for: the person's best, else the most popular ones."""
    if one.wanted.kind is not RecommendationKind.BOUGHT_TOGETHER:
        return {}
    best = again(one.scores, ANCHORS) or popular(one.shelf, leave_out={}, popularity=1.0, count=ANCHORS)
    return {pick.thing: pick.score for pick in best}


def picks(
    wanted: Wanted,
    taste: Taste,
    scores: Mapping[str, float],
    shelf: Shelf,
    partners: Mapping[str, Sequence[tuple[str, float]]],
) -> list[Pick]:
    """Return the places of a list, with some to spare."""
    count = wanted.first + SPARE
    kind = wanted.kind
    if kind is RecommendationKind.BOUGHT_TOGETHER:
        anchors = _anchors(_Prepared(wanted, taste, scores, "", shelf))
        return together(anchors, partners, leave_out=taste.products, count=count)
    if kind is RecommendationKind.BUY_AGAIN and scores:
        return again(scores, count)
    discover = popular(shelf, leave_out=taste.products, popularity=PRODUCT_POPULARITY, count=count)
    return mixed(scores, discover, count) if kind is None else discover


def _told(call: Call, one: _Prepared, list_: Sequence[Pick], products: Mapping[str, Document]) -> list[Document]:
    told: list[Document] = []
    for pick in list_:
        product = products.get(pick.thing)
        if product is None or not product["active"] or len(told) == one.wanted.first:
            continue
        told.append(
            {
                "product": product,
                "kind": pick.kind.value,
                "score": pick.score,
                "why": _why(call, one, pick, product, products),
                "personalized": one.wanted.personalized,
            }
        )
    return told


def _why(call: Call, one: _Prepared, pick: Pick, product: Document, products: Mapping[str, Document]) -> list[str]:
    if pick.kind is RecommendationKind.DISCOVER:
        return [why.popular(one.place)]
    if pick.anchor is not None:
        anchor = products.get(pick.anchor)
        return [why.bought_with(anchor["title"])] if anchor else []
    words = [why.bought_before(one.taste.products[pick.thing])]
    category = product.get("category")
    if category:
        counter = one.taste.categories.get(category)
        rhythm = why.rhythm(category, counter, first=one.wanted.first_at, now=call.now)
        words = [rhythm, *words] if rhythm else words
    return words
