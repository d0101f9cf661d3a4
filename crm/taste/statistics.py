"""What a whole shop's baskets say of each product: how popular, how often bought again, and with what.

Only the worker and imports run this, in a process that may load numpy and scipy; both are imported inside. Memory is a
few times the lines given: pairs are counted for a block of products at a time.
"""

from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from crm.taste.counters import Counted
from crm.taste.offer_scoring import REACH_DAYS

POPULAR_DAYS = 28
NEW_DAYS = 28
"""How long after a first purchase somebody is new."""

PAIRS_DAYS = 365
PAIR_BASKETS_MIN = 3
LIKELIHOOD_MIN = 10.83
"""Dunning (1993): above it two things meet in baskets by chance once in a thousand."""

PARTNERS = 20
BASKET_THINGS_MAX = 300
"""A basket of more is no hint of what belongs together, and would cost the square of it."""

PRIOR_BUYERS = 5
EVERYWHERE, NEW = "all", "new"
SHELF, SHELF_OF_PLACE = 1000, 100
BLOCK = 1000


@dataclass(slots=True)
class Baskets:
    """Baskets as columns of numbers, which a process hands to another as they are.

    `things` are the products of all baskets one after the other, `ends` where each basket's end; `categories` alike.
    """

    owners: "array[int]" = field(default_factory=lambda: array("i"))
    known: "array[int]" = field(default_factory=lambda: array("b"))
    at: "array[int]" = field(default_factory=lambda: array("q"))
    stores: "array[int]" = field(default_factory=lambda: array("i"))
    channels: "array[int]" = field(default_factory=lambda: array("i"))
    products: "array[int]" = field(default_factory=lambda: array("i"))
    product_ends: "array[int]" = field(default_factory=lambda: array("q"))
    categories: "array[int]" = field(default_factory=lambda: array("i"))
    category_ends: "array[int]" = field(default_factory=lambda: array("q"))
    names: dict[str, list[str]] = field(
        default_factory=lambda: {name: [] for name in ("owners", "stores", "channels", "products", "categories")}
    )


class Columns:
    """Turns baskets into columns, giving names numbers in the order in which they come."""

    def __init__(self) -> None:
        self.baskets = Baskets()
        self._numbers: dict[str, dict[str, int]] = {name: {} for name in self.baskets.names}

    def add(self, of: Counted, at: datetime, *, owner: str, known: bool, store_code: str | None, channel: str) -> None:
        """Take a basket in; `known` is whether its owner is a customer."""
        baskets = self.baskets
        baskets.owners.append(self._number("owners", owner))
        baskets.known.append(known)
        baskets.at.append(milliseconds(at))
        baskets.stores.append(self._number("stores", store_code) if store_code else -1)
        baskets.channels.append(self._number("channels", channel))
        baskets.products.extend(sorted(self._number("products", product) for product in of.products))
        baskets.product_ends.append(len(baskets.products))
        baskets.categories.extend(sorted(self._number("categories", category) for category in of.categories))
        baskets.category_ends.append(len(baskets.categories))

    def _number(self, kind: str, name: str) -> int:
        numbers = self._numbers[kind]
        number = numbers.get(name)
        if number is None:
            number = numbers[name] = len(numbers)
            self.baskets.names[kind].append(name)
        return number

    def done(self) -> Baskets:
        """Return the columns; names of owners stay behind, nobody needs them."""
        self.baskets.names["owners"] = []
        return self.baskets


@dataclass(frozen=True, slots=True, kw_only=True)
class ThingStatistics:
    """One product's or category's.

    `households` bought it in the 28 days, `rho` is its repeat ratio, `together` (product, cosine) best first;
    `category` is where a product stands in the catalogue now.
    """

    name: str
    households: int
    rho: float
    category: str | None = None
    together: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """All of a shop's. `shelves` are (product, households) most bought first, by place: "all", "new", "store:…"."""

    until: datetime
    products: tuple[ThingStatistics, ...]
    categories: tuple[ThingStatistics, ...]
    product_rho: float
    category_rho: float
    shelves: dict[str, tuple[tuple[str, int], ...]]
    category_shelf: tuple[tuple[str, int], ...]
    reach: dict[str, int] = field(default_factory=dict)


def milliseconds(at: datetime) -> int:
    """Return an instant as milliseconds since 1970."""
    return int(at.timestamp() * 1000)


def statistics(
    baskets: Baskets,
    until: datetime,
    catalogue: Mapping[str, str],
    offers: Mapping[str, Collection[str]] = MappingProxyType({}),
    *,
    pairs: bool = True,
) -> Statistics:
    """Return what the baskets say as of `until`; later ones must not be among them.

    Args:
        catalogue: the category of each product that has one.
        offers: the products, or the categories, that each offer is about; `reach` tells who bought any of them.
        pairs: whether what is bought together is counted; most of the work.
    """
    products = _Things(baskets, "products", baskets.products, baskets.product_ends, until)
    categories = _Things(baskets, "categories", baskets.categories, baskets.category_ends, until)
    together = dict(products.pairs()) if pairs else {}
    product_rho, product_rhos = products.rhos()
    category_rho, category_rhos = categories.rhos()
    households, of_categories = products.households(), categories.households()
    return Statistics(
        until=until,
        products=tuple(
            ThingStatistics(
                name=name,
                households=households[i],
                rho=product_rhos[i],
                category=catalogue.get(name),
                together=tuple(together.get(i, ())),
            )
            for i, name in enumerate(products.names)
        ),
        categories=tuple(
            ThingStatistics(name=name, households=of_categories[i], rho=category_rhos[i])
            for i, name in enumerate(categories.names)
        ),
        product_rho=product_rho,
        category_rho=category_rho,
        shelves=products.shelves(),
        category_shelf=tuple(_shelf(categories.names, of_categories, SHELF)),
        reach={id_: max(products.reach(about), categories.reach(about)) for id_, about in offers.items()},
    )


def _shelf(names: Sequence[str], households: Sequence[int], count: int) -> Iterator[tuple[str, int]]:
    order = sorted((-number, names[i]) for i, number in enumerate(households) if number)
    for number, name in order[:count]:
        yield name, -number


class _Things:
    """Products or categories: one row for each basket and thing in it."""

    def __init__(self, baskets: Baskets, kind: str, things: "array[int]", ends: "array[int]", until: datetime) -> None:
        import numpy as np

        self.names = baskets.names[kind]
        self._baskets = baskets
        self._until = milliseconds(until)
        self._things = _numbers(things, np.int64)
        sizes = np.diff(_numbers(ends, np.int64), prepend=0)
        self._sizes = sizes
        self._rows = np.repeat(np.arange(len(sizes)), sizes)
        self._owners = _numbers(baskets.owners, np.int64)
        self._at = _numbers(baskets.at, np.int64)
        self._recent: tuple[Any, Any] | None = None
        self._number: dict[str, int] = {}

    def _since(self, days: int) -> Any:
        """Return which baskets are of the last days."""
        return self._at > self._until - int(timedelta(days=days) / timedelta(milliseconds=1))

    def _households_among(self, chosen: Any) -> Any:
        """Return how many owners have each thing in a basket that is chosen."""
        import numpy as np

        rows = chosen[self._rows]
        owners = self._owners[self._rows[rows]]
        pairs = np.unique(owners * max(len(self.names), 1) + self._things[rows])
        return np.bincount(pairs % max(len(self.names), 1), minlength=len(self.names))

    def households(self) -> list[int]:
        """Return how many bought each thing in the last 28 days."""
        found: list[int] = self._households_among(self._since(POPULAR_DAYS)).tolist()
        return found

    def reach(self, things: Collection[str]) -> int:
        """Return how many households bought any of these in the last 56 days."""
        import numpy as np

        if self._recent is None:  # sorted once, looked up for every offer
            recent = self._since(REACH_DAYS)[self._rows]
            order = np.argsort(self._things[recent], kind="stable")
            self._recent = (self._things[recent][order], self._owners[self._rows[recent]][order])
            self._number = {name: number for number, name in enumerate(self.names)}
        bought, owners = self._recent
        wanted = np.asarray(sorted(self._number[thing] for thing in things if thing in self._number), dtype=np.int64)
        starts, ends = np.searchsorted(bought, wanted, side="left"), np.searchsorted(bought, wanted, side="right")
        found = [owners[start:end] for start, end in zip(starts, ends, strict=True) if end > start]
        return len(np.unique(np.concatenate(found))) if found else 0

    def rhos(self) -> tuple[float, list[float]]:
        """Return the repeat ratio over all things, and each thing's, drawn towards it by five buyers."""
        import numpy as np

        known = _numbers(self._baskets.known, np.int8).astype(bool)[self._rows]
        many = max(len(self.names), 1)
        pairs, baskets = np.unique(self._owners[self._rows[known]] * many + self._things[known], return_counts=True)
        buyers = np.bincount(pairs % many, minlength=len(self.names))
        again = np.bincount(pairs[baskets > 1] % many, minlength=len(self.names))
        if not again.any():  # a young shop: nothing tells things apart yet
            return 1.0, [1.0] * len(self.names)
        over_all = float(again.sum() / buyers.sum())
        return over_all, ((again + PRIOR_BUYERS * over_all) / (buyers + PRIOR_BUYERS)).tolist()

    def shelves(self) -> dict[str, tuple[tuple[str, int], ...]]:
        """Return what is bought most in the last 28 days: everywhere, by new customers, in each store and channel."""
        import numpy as np

        recent = self._since(POPULAR_DAYS)
        found = {EVERYWHERE: tuple(_shelf(self.names, self._households_among(recent).tolist(), SHELF))}
        first = np.full(int(self._owners.max(initial=-1)) + 1, np.iinfo(np.int64).max)
        np.minimum.at(first, self._owners, self._at)
        new = recent & (self._at <= first[self._owners] + int(timedelta(days=NEW_DAYS) / timedelta(milliseconds=1)))
        chosen = [(NEW, new)]
        for kind, numbers in (("store", self._baskets.stores), ("channel", self._baskets.channels)):
            of = _numbers(numbers, np.int64)
            names = self._baskets.names[f"{kind}s"]
            chosen += [(f"{kind}:{name}", recent & (of == i)) for i, name in enumerate(names)]
        for place, baskets in chosen:
            households: list[int] = self._households_among(baskets).tolist() if baskets.any() else []
            found[place] = tuple(_shelf(self.names, households, SHELF_OF_PLACE))
        return {place: shelf for place, shelf in found.items() if shelf}

    def pairs(self) -> Iterator[tuple[int, list[tuple[str, float]]]]:
        """Yield each thing that has any with what it is bought together with.

        By cosine over baskets, where at least three have both, more than chance would, and not by chance.
        """
        import numpy as np
        from scipy.sparse import csr_matrix  # type: ignore[import-untyped]  # scipy ships no types

        rows = (self._since(PAIRS_DAYS) & (self._sizes <= BASKET_THINGS_MAX))[self._rows]
        things, of_baskets = self._things[rows], self._rows[rows]
        count = np.bincount(things, minlength=len(self.names))
        often = np.flatnonzero(count >= PAIR_BASKETS_MIN)
        number = np.full(len(self.names), -1)
        number[often] = np.arange(len(often))
        kept = number[things] >= 0
        shape = (len(self._sizes), len(often))
        ones = np.ones(int(kept.sum()), dtype=np.int32)
        in_baskets = csr_matrix((ones, (of_baskets[kept], number[things[kept]])), shape=shape)
        transposed = in_baskets.T.tocsr()
        total = len(np.unique(of_baskets))
        for start in range(0, len(often), BLOCK):
            met = (transposed[start : start + BLOCK] @ in_baskets).tocoo()
            yield from self._partners(met, start, often, count[often], total)

    def _partners(
        self, met: Any, start: int, often: Any, count: Any, total: int
    ) -> Iterator[tuple[int, list[tuple[str, float]]]]:
        import numpy as np

        a, b, both = met.row + start, met.col, met.data
        kept = (both >= PAIR_BASKETS_MIN) & (a != b)
        a, b, both = a[kept], b[kept], both[kept].astype(np.float64)
        of_a, of_b = count[a].astype(np.float64), count[b].astype(np.float64)
        kept = (both * total > of_a * of_b) & (likelihood_ratio(both, of_a, of_b, total) > LIKELIHOOD_MIN)
        a, b, cosine = a[kept], b[kept], (both / np.sqrt(of_a * of_b))[kept]
        order = np.lexsort((b, -cosine, a))
        a, b, cosine = a[order], b[order], cosine[order]
        starts = np.flatnonzero(np.diff(a, prepend=-1))
        for first, end in zip(starts, np.append(starts[1:], len(a))[: len(starts)], strict=True):
            best = slice(first, min(end, first + PARTNERS))
            partners = [self.names[i] for i in often[b[best]]]
            yield int(often[a[first]]), list(zip(partners, cosine[best].tolist(), strict=True))


def likelihood_ratio(both: Any, of_a: Any, of_b: Any, total: int) -> Any:
    """Return Dunning's log-likelihood ratio (1993) of two things meeting in `both` of `total` baskets."""
    import numpy as np

    cells = (
        (both, of_a * of_b / total),
        (of_a - both, of_a * (total - of_b) / total),
        (of_b - both, (total - of_a) * of_b / total),
        (total - of_a - of_b + both, (total - of_a) * (total - of_b) / total),
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(seen > 0, seen * np.log(seen / expected), 0.0) for seen, expected in cells]
    return 2 * sum(parts)


def _numbers(values: "array[int]", type_: Any) -> Any:
    import numpy as np

    return np.frombuffer(values, dtype=values.typecode).astype(type_) if len(values) else np.zeros(0, dtype=type_)


def latest(baskets: Baskets) -> datetime | None:
    """Return the instant of the last basket."""
    return datetime.fromtimestamp(max(baskets.at) / 1000, UTC) if baskets.at else None
