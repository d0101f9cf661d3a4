"""The Complete Journey's transactions as columns: sorted, mended, priced and counted, all with numpy.

Imported only when a journey is read: numpy comes with the extra `demo`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.imports.journey_files import JourneyDataError, read_columns

Integers: TypeAlias = NDArray[np.int64]

# A cent is 10,000 millionths of a dollar, the unit of a unit price.
MILLIONTHS_PER_CENT = 10_000
# Nobody carries more pieces than that: 13,509 lines of fuel, by their prices in thousandths of a gallon, one of corn.
BULK_ABOVE = 100
NEW_YEAR_2018 = np.datetime64("2018-01-01", "ms").astype(np.int64)

_MONEY = ("sales_value", "retail_disc", "coupon_match_disc", "coupon_disc")
_SORTED_BY = ("household_id", "transaction_timestamp", "basket_id")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Columns:
    """Baskets by household, instant and id; a basket's lines in the order of the file.

    `household_baskets` and `basket_lines` are offsets, one longer than what they cut: the baskets of household i are
    `household_baskets[i]` up to `household_baskets[i + 1]`. Instants are in milliseconds since 1970 UTC, totals and
    discounts in cents, quantities in pieces, unit prices in millionths of a dollar. `products` are ids, `uncatalogued`
    those among them that the catalogue lacks.
    `counts` has a number per household for every field of JourneyTotals and JourneyTraps.
    """

    households: Integers
    household_baskets: Integers
    baskets: Integers
    stores: Integers
    instants: Integers
    basket_lines: Integers
    basket_totals: Integers
    products: Integers
    uncatalogued: Integers
    quantities: Integers
    unit_prices: Integers
    discounts: Integers
    totals: Integers
    counts: dict[str, Integers]


def load_columns(file: Path, catalogue: Sequence[int]) -> Columns:
    """Read the transactions in `file`; `catalogue` has the ids of the products that are known.

    Raises:
        JourneyDataError: a column is missing or has gaps, something is negative, or a basket has more than one
            household, shop or instant.
    """
    lines = _sorted_lines(file)
    starts = _starts(lines["basket_id"])
    _refuse_mixed_baskets(lines, starts)
    _price(lines)
    lines["known"] = np.isin(lines["product_id"], np.asarray(catalogue, dtype=np.int64))
    baskets = {name: lines[name][starts] for name in ("household_id", "basket_id", "store_id", "instant")}
    bounds = np.append(starts, len(lines["sold"]))
    baskets["first_line"] = _running(lines["sold"])[bounds]
    baskets["total"] = np.diff(_running(lines["total"])[bounds])
    households = _starts(baskets["household_id"])
    sold = lines["sold"]
    return Columns(
        households=baskets["household_id"][households],
        household_baskets=np.append(households, len(starts)),
        baskets=baskets["basket_id"],
        stores=baskets["store_id"],
        instants=baskets["instant"],
        basket_lines=baskets["first_line"],
        basket_totals=baskets["total"],
        products=lines["product_id"][sold],
        uncatalogued=np.unique(lines["product_id"][sold & ~lines["known"]]),
        quantities=lines["quantity"][sold],
        unit_prices=lines["unit_price"][sold],
        discounts=lines["discount"][sold],
        totals=lines["total"][sold],
        counts={
            "households": np.ones_like(households),
            **_sums(_basket_counts(baskets), households),
            **_sums(_line_counts(lines), starts[households]),
        },
    )


def priced(quantities: Integers, totals: Integers, discounts: Integers) -> tuple[Integers, Integers]:
    """Return unit prices in millionths of a dollar, and the discounts in cents with which they give the totals.

    The unit price is (total + discount) / quantity rounded half up, so from a quantity of 10,000 on, quantity x unit
    price may be some cents off. Then the discount takes up the difference, and where that would make it negative the
    unit price is one millionth higher: quantity x unit price, rounded half up to the cent, less the discount is the
    total on every line.
    """
    unit_prices = _divided((totals + discounts) * MILLIONTHS_PER_CENT, quantities)
    unit_prices += _divided(quantities * unit_prices, MILLIONTHS_PER_CENT) < totals
    return unit_prices, _divided(quantities * unit_prices, MILLIONTHS_PER_CENT) - totals


def _sorted_lines(file: Path) -> dict[str, Any]:
    """Return the file's columns by household, instant and basket, money in cents, instants in milliseconds UTC."""
    household, instant, basket = (_column(file, name) for name in _SORTED_BY)
    order = np.lexsort((basket, instant, household))
    lines = {"household_id": household[order], "instant": instant[order], "basket_id": basket[order]}
    # One column at a time: all at once take 200 MB more.
    for name in ("store_id", "product_id", "quantity", *_MONEY):
        lines[name] = _column(file, name)[order]
        if lines[name].min(initial=0) < 0:
            raise JourneyDataError(f"{file.name} has a negative {name}; returns are not part of this data.")
    # Before rounding: 20 lines of quantity 0 have less than a cent, a float's noise, and count as having a value.
    lines["sold"] = (lines["quantity"] > 0) | (lines["sales_value"] > 0)
    for name in _MONEY:
        lines[name] = np.rint(lines[name] * 100).astype(np.int64)
    return lines


def _column(file: Path, name: str) -> NDArray[Any]:
    values: NDArray[Any] = read_columns(file, (name,))[name].to_numpy()
    return values.astype("datetime64[ms]").astype(np.int64) if name == "transaction_timestamp" else values


def _refuse_mixed_baskets(lines: dict[str, Any], starts: Integers) -> None:
    """Check what the whole reading relies on, and what holds for each of the 155,848 baskets.

    Raises:
        JourneyDataError: a basket has more than one household, shop or instant.
    """
    within = np.ones(len(lines["sold"]), dtype=np.bool_)
    within[starts] = False
    for name in ("household_id", "store_id", "instant"):
        if (np.diff(lines[name], prepend=lines[name][:1])[within] != 0).any():
            raise JourneyDataError(f"A basket has more than one {name}.")
    if len(np.unique(lines["basket_id"][starts])) != len(starts):
        raise JourneyDataError("A basket has more than one household_id or instant.")


def _price(lines: dict[str, Any]) -> None:
    """Give every line its unit price and discount; a line of quantity 0 that has a value counts as one piece.

    A line that is left out has no value, so its total is 0 and adds nothing to any sum.
    """
    lines["mended"] = lines["sold"] & (lines["quantity"] == 0)
    lines["bulk"] = lines["quantity"] > BULK_ABOVE
    lines["quantity"] = np.maximum(lines["quantity"], 1)
    lines["total"] = lines.pop("sales_value")
    given = lines.pop("retail_disc") + lines.pop("coupon_match_disc")
    lines["unit_price"], lines["discount"] = priced(lines["quantity"], lines["total"], given)
    lines["rounded"] = lines["discount"] != given


def _line_counts(lines: dict[str, Any]) -> dict[str, Any]:
    sold, unknown = lines["sold"], ~lines["known"]
    return {
        "lines": sold,
        "sales": lines["total"],
        "lines_read": np.ones_like(lines["total"]),
        "lines_left_out": ~sold,
        "lines_mended": lines["mended"],
        "lines_without_product": unknown,
        "sold_lines_without_product": unknown & sold,
        "sold_lines_without_value": sold & (lines["total"] == 0),
        "lines_in_bulk": lines["bulk"],
        "lines_with_rounded_price": lines["rounded"] & sold,
        "lines_with_manufacturer_coupon": lines["coupon_disc"] > 0,
        "manufacturer_coupons": lines["coupon_disc"],
    }


def _basket_counts(baskets: dict[str, Any]) -> dict[str, Any]:
    return {
        "baskets": np.ones_like(baskets["total"]),
        "baskets_emptied": np.diff(baskets["first_line"]) == 0,
        "baskets_in_2018_utc": baskets["instant"] >= NEW_YEAR_2018,
    }


def _sums(counts: dict[str, Any], households: Integers) -> dict[str, Integers]:
    """Add up each count per household, whose first rows are `households`."""
    return {name: np.add.reduceat(values.astype(np.int64), households) for name, values in counts.items()}


def _starts(ids: Integers) -> Integers:
    """Return where in `ids`, which has equal ones beside each other, a new one begins."""
    return np.flatnonzero(np.append(True, ids[1:] != ids[:-1]))


def _running(values: NDArray[Any]) -> Integers:
    """Return the sums of `values` before each place and, last, of all."""
    return np.append(0, np.cumsum(values, dtype=np.int64))


def _divided(numerators: Integers, denominators: Integers | int) -> Integers:
    """Divide and round half up, as crm.numbers.round_half_up does."""
    return (2 * numerators + denominators) // (2 * denominators)
