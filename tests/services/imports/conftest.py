"""The real shop's data: as we read it, as pandas does, and cut down to a few households."""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest
from pyarrow import compute, parquet

from services.imports.journey_files import installed_folder
from services.imports.journey_reader import Journey
from tests.services.imports.slow_journey import HOUSEHOLDS

# By number: they redeemed 40 coupons, three of them again, and 755 was mailed a campaign that lasts into 2018.
MAILED = [22, 755, 1651]


@pytest.fixture(scope="module")
def journey() -> Journey:
    return Journey()


@pytest.fixture(scope="module")
def table() -> Any:
    """The file as pandas reads it, in the order we promise: household, instant, basket, place in the file."""
    read = pd.read_parquet(installed_folder() / "transactions.parquet")
    read["cents"] = (read.sales_value * 100).round().astype("int64")
    read["left_out"] = (read.quantity == 0) & (read.sales_value == 0)
    read["kept"] = ~read.left_out
    return read.sort_values(["household_id", "transaction_timestamp", "basket_id"], kind="stable", ignore_index=True)


def cut(made: Path, households: list[int]) -> None:
    """Write the real files of baskets and products, cut down to some households and to what they bought."""
    real = installed_folder()
    lines = parquet.read_table(real / "transactions.parquet", filters=[("household_id", "in", households)])
    sold = compute.unique(lines["product_id"]).to_pylist()
    parquet.write_table(lines, made / "transactions.parquet")
    products = parquet.read_table(real / "products.parquet", filters=[("product_id", "in", sold)])
    parquet.write_table(products, made / "products.parquet")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real files, cut down to a few households and to what they bought; no campaigns."""
    made = tmp_path_factory.mktemp("journey")
    cut(made, [int(household) for household in HOUSEHOLDS])
    return made


@pytest.fixture(scope="module")
def mailed_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of households that were mailed campaigns and redeemed coupons, with all campaigns."""
    made, real = tmp_path_factory.mktemp("mailed"), installed_folder()
    cut(made, MAILED)
    for name in ("campaign_descriptions", "campaigns", "coupon_redemptions", "coupons"):
        shutil.copy(real / f"{name}.parquet", made / f"{name}.parquet")
    return made
