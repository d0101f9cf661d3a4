"""Small files of the Complete Journey, and ways to walk over the whole one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd  # type: ignore[import-untyped]  # its stubs are a package of their own

from services.imports.journey_reader import Journey, JourneyBasket, JourneyLine

NEW_YORK = "America/New_York"


def every_basket(journey: Journey) -> Iterator[JourneyBasket]:
    return (basket for household in journey.households for basket in journey.baskets_of(household))


def every_line(journey: Journey) -> Iterator[JourneyLine]:
    return (line for basket in every_basket(journey) for line in basket.lines)


def row(*, at: str = "2017-06-01T10:00:00", **changed: Any) -> dict[str, Any]:
    """One row of a transactions file: a piece of product 11 for a dollar, unless `changed`."""
    return {
        "household_id": 1, "store_id": 7, "basket_id": 1, "product_id": 11, "quantity": 1, "sales_value": 1.0,
        "retail_disc": 0.0, "coupon_disc": 0.0, "coupon_match_disc": 0.0,
        "transaction_timestamp": pd.Timestamp(at),
    } | changed  # fmt: skip


def write(folder: Path, rows: list[dict[str, Any]]) -> None:
    """Write `rows` and a catalogue of products 11 and 12 as the package's files."""
    pd.DataFrame(rows).to_parquet(folder / "transactions.parquet")
    product = {"department": "GROCERY", "product_category": "BREAD", "product_type": "ROLLS", "package_size": None}
    pd.DataFrame([{"product_id": id_} | product for id_ in (12, 11)]).to_parquet(folder / "products.parquet")
