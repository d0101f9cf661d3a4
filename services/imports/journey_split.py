"""The Complete Journey cut in two for `crm evaluate`: what was known by week 49, and what was bought in weeks 50 to 53.

Left out are lines without quantity, fuel, coupons booked as products, and products without a category or type: what
nobody would recommend. 1,440,542 lines remain. numpy throughout; imported only when an evaluation runs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crm.ids import product_id
from crm.taste.counters import Counted
from services.imports.journey_files import installed_folder, read_columns

CUT = datetime(2017, 12, 4, 5, tzinfo=UTC)
"""Midnight in New York before the first day of week 50."""

LEFT_OUT = ("FUEL", "COUPON/MISC ITEMS", "COUPONS/STORE & MFG")


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitBasket:
    """One basket as far as tastes know it."""

    at: datetime
    store_code: str
    of: Counted


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JourneySplit:
    """All baskets, by household in order of number, then instant, then basket.

    `catalogue` is the category of every product, `ids` are our ids by the data's numbers. The arrays have one entry for
    each (basket, product).
    """

    catalogue: dict[str, str]
    lines: int
    ids: dict[int, str]
    _households: NDArray[np.int64]
    _baskets: NDArray[np.int64]
    _stores: NDArray[np.int64]
    _instants: NDArray[np.int64]
    _products: NDArray[np.int64]

    def households(self) -> Iterator[tuple[str, list[SplitBasket]]]:
        """Yield every household with its baskets, oldest first."""
        starts = np.flatnonzero(np.diff(self._households, prepend=-1))
        for start, end in zip(starts, [*starts[1:], len(self._households)], strict=True):
            yield str(self._households[start]), list(self._baskets_between(int(start), int(end)))

    def count(self) -> int:
        """Return how many households there are."""
        return len(np.unique(self._households))

    def _baskets_between(self, start: int, end: int) -> Iterator[SplitBasket]:
        here = slice(start, end)
        bounds = np.flatnonzero(np.diff(self._baskets[here], prepend=-1))
        products = [self.ids[number] for number in self._products[here].tolist()]
        for first, last in zip(bounds, [*bounds[1:], end - start], strict=True):
            named = frozenset(products[first:last])
            yield SplitBasket(
                at=datetime.fromtimestamp(int(self._instants[start + first]) / 1000, UTC),
                store_code=str(self._stores[start + first]),
                of=Counted(named, frozenset(self.catalogue[product] for product in named)),
            )

    def window(self, *, after: datetime, before: datetime) -> "Window":
        """Return who bought what in a span."""
        first, last = (int(at.timestamp() * 1000) for at in (after, before))
        chosen = (self._instants >= first) & (self._instants < last)
        return Window(self._households[chosen], self._products[chosen])


class Window:
    """Who bought what in a span."""

    def __init__(self, households: NDArray[np.int64], products: NDArray[np.int64]) -> None:
        order = np.argsort(products, kind="stable")
        self._households, self._products = households[order], products[order]

    def households_buying(self, skus: Sequence[int]) -> int:
        """Return how many households bought any of these products."""
        wanted = np.asarray(sorted(skus), dtype=np.int64)
        starts = np.searchsorted(self._products, wanted, side="left")
        ends = np.searchsorted(self._products, wanted, side="right")
        found = [self._households[start:end] for start, end in zip(starts, ends, strict=True) if end > start]
        return len(np.unique(np.concatenate(found))) if found else 0


def load_split(folder: Path | None = None) -> JourneySplit:
    """Read the data and leave out what the split leaves out.

    Raises:
        JourneyDataError: it is not installed, or is not what we rely on.
    """
    folder = folder or installed_folder()
    catalogue = _catalogue(folder)
    names = ("household_id", "transaction_timestamp", "basket_id", "product_id", "store_id", "quantity")
    columns = {name: _column(folder, name) for name in names}
    kept = (columns["quantity"] > 0) & np.isin(columns["product_id"], np.asarray(list(catalogue), dtype=np.int64))
    columns = {name: values[kept] for name, values in columns.items()}
    order = np.lexsort([columns[name] for name in ("basket_id", "transaction_timestamp", "household_id")])
    columns = {name: values[order] for name, values in columns.items()}
    ids = {number: product_id(str(number)) for number in np.unique(columns["product_id"]).tolist()}
    return JourneySplit(
        catalogue={ids[number]: catalogue[number] for number in ids},
        lines=len(order),
        _households=columns["household_id"],
        _baskets=columns["basket_id"],
        _stores=columns["store_id"],
        _instants=columns["transaction_timestamp"],
        _products=columns["product_id"],
        ids=ids,
    )


def _column(folder: Path, name: str) -> Any:
    values = read_columns(folder / "transactions.parquet", (name,))[name].to_numpy()
    if values.dtype.kind == "M":
        values = values.astype("datetime64[ms]")
    return values.astype(np.int64)


def _catalogue(folder: Path) -> dict[int, str]:
    names = ("product_id", "product_category", "product_type")
    columns = read_columns(folder / "products.parquet", names, gaps=True)
    rows = zip(*(columns[name].to_pylist() for name in names), strict=True)
    return {int(id_): category for id_, category, type_ in rows if category and type_ and category not in LEFT_OUT}
