"""Half-life counters: how much a person buys a thing, where a purchase counts half as much after each half-life.

With t in days since a fixed instant and h the half-life, every basket adds 2^(t / h) for each thing in it, once however
many lines or pieces. Ranking by these sums is ranking by the decayed counts, so nothing is rewritten as time passes,
and what is returned is taken back by subtracting the same number. Source: docs/decisions/0014.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from crm.ids import product_id

PRODUCT_HALF_LIFE = 90.0
CATEGORY_HALF_LIFE = 150.0
"""In days; measured on a year of a grocer's baskets."""

EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
_FIRST_DAY = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_ESCAPED = {"%": "%25", ".": "%2E", "$": "%24", "\0": "%00"}
_product_id = lru_cache(maxsize=1 << 15)(product_id)


class Counter(NamedTuple):
    """One thing's: `s` the sum of weights, `n` how many baskets, `last` the last one's day since 1970 (UTC)."""

    s: float
    n: int
    last: int


@dataclass(frozen=True, slots=True)
class Counted:
    """What a basket counts for: ids of products, and categories by name."""

    products: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.products or self.categories)

    def without(self, other: "Counted") -> "Counted":
        """Return what this one has and the other has not."""
        return Counted(self.products - other.products, self.categories - other.categories)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taste:
    """All of one person's counters, and the place where the last sale told was made."""

    products: Mapping[str, Counter] = field(default_factory=dict)
    categories: Mapping[str, Counter] = field(default_factory=dict)
    store_code: str | None = None
    channel: str | None = None


NOTHING = Taste()


def weight(at: datetime, half_life: float) -> float:
    """Return what a purchase at an instant adds to a counter."""
    return float(2.0 ** ((at - EPOCH) / _DAY / half_life))


def decayed(s: float, now: datetime, half_life: float) -> float:
    """Return how many purchases of now a counter is worth."""
    return s / weight(now, half_life)


def day(at: datetime) -> int:
    """Return the day of an instant: whole days since 1970, in UTC."""
    return (at - _FIRST_DAY) // _DAY


def counted(lines: Iterable[Mapping[str, Any]]) -> Counted:
    """Return what the lines of a purchase count for: everything of which any part has not come back."""
    kept = [line for line in lines if line.get("returnedQuantity", 0) < line["quantity"]]
    return Counted(
        product_ids(line["sku"] for line in kept),
        frozenset(line["category"] for line in kept if line.get("category")),
    )


def product_ids(skus: Iterable[str]) -> frozenset[str]:
    """Return the ids of the products with these SKUs."""
    return frozenset(map(_product_id, skus))


def field_name(category: str) -> str:
    """Return a category as MongoDB takes it for a field's name: without dot, dollar and zero byte, and reversible."""
    if not any(character in category for character in _ESCAPED):
        return category
    return "".join(_ESCAPED.get(character, character) for character in category)


def category_of(field_name_: str) -> str:
    """Return the category that a field's name stands for."""
    if "%" not in field_name_:
        return field_name_
    for character, escaped in reversed(_ESCAPED.items()):  # the per cent sign last
        field_name_ = field_name_.replace(escaped, character)
    return field_name_


def steps(of: Counted, at: datetime) -> Iterator[tuple[str, str, float]]:
    """Yield (map, field, weight) for everything that a basket counts for, in a fixed order."""
    of_products, of_categories = weight(at, PRODUCT_HALF_LIFE), weight(at, CATEGORY_HALF_LIFE)
    for product in sorted(of.products):
        yield "products", product, of_products
    for category in sorted(of.categories):
        yield "categories", field_name(category), of_categories


def taste_of(documents: Sequence[Mapping[str, Any]]) -> Taste:
    """Return the counters that documents of several years hold together; what came back altogether is left out."""
    if not documents:
        return NOTHING
    newest = max(documents, key=lambda document: document["year"])
    return Taste(
        products=_added(document["products"] for document in documents),
        categories={
            category_of(name): counter
            for name, counter in _added(document["categories"] for document in documents).items()
        },
        store_code=newest.get("storeCode"),
        channel=newest.get("channel"),
    )


def _added(parts: Iterable[Mapping[str, Mapping[str, Any]]]) -> dict[str, Counter]:
    """Add up counters; a return may leave a sum that is not zero by a rounding, and below zero by one."""
    added: dict[str, Counter] = {}
    for part in parts:
        for name, stored in part.items():
            if stored["n"] <= 0:
                continue
            known = added.get(name)
            if known is None:
                added[name] = Counter(max(stored["s"], 0.0), stored["n"], stored["last"])
            else:
                added[name] = Counter(
                    known.s + max(stored["s"], 0.0), known.n + stored["n"], max(known.last, stored["last"])
                )
    return added


@dataclass(slots=True)
class Tally:
    """Counts baskets into documents by year, as the sales themselves would have: for imports and recounts.

    Args:
        limit: how many things a year's document counts; beyond it the year's counters stand still.
    """

    limit: int
    years: dict[int, dict[str, Any]] = field(default_factory=dict)

    def add(self, of: Counted, at: datetime, *, store_code: str | None, channel: str) -> None:
        """Count a basket."""
        if not of:
            return
        year = self.years.setdefault(
            at.year, {"year": at.year, "counted": 0, "products": {}, "categories": {}, "storeCode": None}
        )
        if year["counted"] >= self.limit:
            return
        today = day(at)
        for map_, name, more in steps(of, at):
            counter = year[map_].setdefault(name, {"s": 0.0, "n": 0, "last": today})
            counter["s"] += more
            counter["n"] += 1
            counter["last"] = max(counter["last"], today)
        year["counted"] += len(of.products) + len(of.categories)
        year["storeCode"], year["channel"] = store_code, channel
