"""The Complete Journey as households with their baskets, in the units that our importer posts.

Source of the columns' meaning: the dataset's user guide (dunnhumby, "The Complete Journey") and the R package's
data-raw/prep-data.R. `sales_value` is what the shop received for a line: the loyalty card's discount (`retail_disc`)
and the shop's match of a coupon (`coupon_match_disc`) are already off, the manufacturer's coupon (`coupon_disc`) is
not, since the manufacturer pays it back to the shop. So, in our terms,

    total = sales_value,  discount = retail_disc + coupon_match_disc,  unit price = (total + discount) / quantity

and a manufacturer's coupon is a means of payment, which is counted and not carried. (The data agrees: on 99% of the
998 lines with a coupon whose product sold without one in the same shop and week, both have this unit price.)

Instants are UTC. The file names no zone, but its makers wrote New York's local times as instants, and its own week
numbers agree with New York's calendar on every line only when the instants are read as UTC.

Pure reading: no database and no clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from crm.numbers import QUANTITY_DIGITS
from services.imports.journey_files import MISSING, JourneyDataError, installed_folder
from services.imports.journey_products import JourneyProduct, read_catalogue, uncatalogued

if TYPE_CHECKING:
    from services.imports.journey_columns import Columns

SOURCE = "complete-journey"
CURRENCY = "USD"
CHANNEL = "POS"

_WEEK = 7 * 24 * 60 * 60 * 1000  # milliseconds


class JourneyLine(NamedTuple):
    """A line of a basket, such that quantity x unit price, rounded half up to the cent, less discount is total.

    `quantity` in hundred-thousandths, `unit_price` before discount in millionths of a dollar, the others in cents.
    """

    product: JourneyProduct
    quantity: int
    unit_price: int
    discount: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JourneyBasket:
    """One purchase; `total` in cents is the sum of its lines' totals, 0 where every line was left out."""

    basket_id: str
    store_code: str
    occurred_at: datetime
    lines: list[JourneyLine]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JourneyTotals:
    """What a complete import of some households leaves behind; `sales` in cents."""

    households: int
    baskets: int
    lines: int
    sales: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JourneyTraps:
    """What of some households' data was left out, mended or is worth knowing. Amounts in cents.

    lines_read: lines in the file.
    lines_left_out: of quantity 0 and without value.
    lines_mended: of quantity 0 with a value, which count as one piece.
    baskets_emptied: baskets whose lines were all left out; they are kept, with total 0.
    lines_without_product: lines in the file whose product is not in the catalogue.
    sold_lines_without_product: those of them that were not left out.
    sold_lines_without_value: lines that go in with total 0.
    lines_in_bulk: of a quantity over 100: fuel, by its prices in thousandths of a gallon; the quantity is kept.
    lines_with_rounded_price: fuel whose discount takes up what six decimals of a unit price cannot express.
    lines_with_manufacturer_coupon, manufacturer_coupons: how many and how much; counted, not carried.
    baskets_in_2018_utc: of New Year's Eve in New York.
    """

    lines_read: int
    lines_left_out: int
    lines_mended: int
    baskets_emptied: int
    lines_without_product: int
    sold_lines_without_product: int
    sold_lines_without_value: int
    lines_in_bulk: int
    lines_with_rounded_price: int
    lines_with_manufacturer_coupon: int
    manufacturer_coupons: int
    baskets_in_2018_utc: int


class Journey:
    """The whole data set, loaded once, from which the baskets of a household are cut as they are asked for.

    `households` are the external ids in ascending numeric order, `products` the catalogue. A line's product is
    always given, with a title of its own where the catalogue has none. `shift_weeks` is how far instants were moved.
    """

    def __init__(self, data_dir: Path | None = None, *, shift_to: date | None = None) -> None:
        """Load the data; this is where all the reading happens.

        Args:
            data_dir: the folder of parquet files; the installed package's when left out.
            shift_to: moves every instant by the same whole weeks, back or forth, so that the last basket of all
                falls in the seven days before this date begins in UTC.

        Raises:
            JourneyDataError: the data is not installed, or is not what we rely on.
        """
        folder = data_dir or installed_folder()
        self.products: Sequence[JourneyProduct] = read_catalogue(folder)
        self._columns = _load(folder, [int(product.sku) for product in self.products])
        self._index = {str(id_): place for place, id_ in enumerate(self._columns.households.tolist())}
        self.households: Sequence[str] = list(self._index)
        self._product_of = {int(product.sku): product for product in self.products}
        self._product_of |= {id_: uncatalogued(id_) for id_ in self._columns.uncatalogued.tolist()}
        self.shift_weeks = _weeks_to(shift_to, int(self._columns.instants.max())) if shift_to else 0

    def first(self, count: int | None) -> Sequence[str]:
        """Return the first `count` households in ascending numeric order, all when None.

        Never a sample: a later import of more households only adds to an earlier one.
        """
        return self.households[:count]

    def baskets_of(self, household: str) -> list[JourneyBasket]:
        """Return the baskets of `household` in order of occurred_at, then basket id.

        Raises:
            KeyError: there is no such household.
        """
        place = self._index[household]
        columns = self._columns
        here = slice(int(columns.household_baskets[place]), int(columns.household_baskets[place + 1]))
        bounds = columns.basket_lines[here.start : here.stop + 1].tolist()
        lines = self._lines(slice(bounds[0], bounds[-1]))
        first = bounds[0]
        return [
            JourneyBasket(
                basket_id=str(basket),
                store_code=str(store),
                occurred_at=datetime.fromtimestamp(instant / 1000, UTC),
                lines=lines[start - first : end - first],
                total=total,
            )
            for basket, store, instant, total, start, end in zip(
                columns.baskets[here].tolist(),
                columns.stores[here].tolist(),
                (columns.instants[here] + self.shift_weeks * _WEEK).tolist(),
                columns.basket_totals[here].tolist(),
                bounds[:-1],
                bounds[1:],
                strict=True,
            )
        ]

    def expected_totals(self, households: Sequence[str] | None = None) -> JourneyTotals:
        """Return what an import of `households` must add up to; of all when left out."""
        return JourneyTotals(**self._counted(JourneyTotals, households))

    def traps(self, households: Sequence[str] | None = None) -> JourneyTraps:
        """Return what reading `households` left out and mended; of all when left out."""
        return JourneyTraps(**self._counted(JourneyTraps, households))

    def _lines(self, here: slice) -> list[JourneyLine]:
        columns = self._columns
        product_of = self._product_of
        return list(
            map(
                JourneyLine,
                [product_of[product_id] for product_id in columns.products[here].tolist()],
                (columns.quantities[here] * 10**QUANTITY_DIGITS).tolist(),
                columns.unit_prices[here].tolist(),
                columns.discounts[here].tolist(),
                columns.totals[here].tolist(),
            )
        )

    def _counted(
        self, kind: type[JourneyTotals] | type[JourneyTraps], households: Sequence[str] | None
    ) -> dict[str, int]:
        counts = self._columns.counts
        places = slice(None) if households is None else [self._index[household] for household in households]
        return {field.name: int(counts[field.name][places].sum()) for field in fields(kind)}


def _load(folder: Path, catalogue: Sequence[int]) -> "Columns":
    try:
        from services.imports.journey_columns import load_columns
    except ModuleNotFoundError as error:  # numpy
        raise JourneyDataError(MISSING) from error
    return load_columns(folder / "transactions.parquet", catalogue)


def _weeks_to(day: date, last: int) -> int:
    """Return the whole weeks that bring the instant `last`, in milliseconds, into the seven days before `day`."""
    midnight = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000
    return (midnight - 1 - last) // _WEEK
