"""Single lines and titles of the Complete Journey as we read them."""

from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.numbers import extended
from services.imports.journey_columns import priced
from services.imports.journey_files import installed_folder
from services.imports.journey_products import title
from services.imports.journey_reader import Journey, JourneyTotals
from tests.services.imports.journey_rows import row, write

# ---------------------------------------------------------------- single lines


def test_a_line_of_quantity_0_is_left_out_without_value_and_one_piece_with_it(tmp_path: Path) -> None:
    write(
        tmp_path,
        [
            row(basket_id=1, product_id=11, quantity=0, sales_value=0.5),
            row(basket_id=1, product_id=12, quantity=0, sales_value=0.0, coupon_disc=1.0),
            row(basket_id=2, product_id=11, quantity=0, sales_value=0.0, at="2017-06-02T10:00:00"),
        ],
    )

    journey = Journey(tmp_path)
    mended, emptied = journey.baskets_of("1")

    assert [(line.product.sku, line.quantity, line.unit_price, line.total) for line in mended.lines] == [
        ("11", 100_000, 500_000, 50)
    ]
    assert (emptied.lines, emptied.total) == ([], 0)
    assert journey.expected_totals() == JourneyTotals(households=1, baskets=2, lines=1, sales=50)


def test_the_unit_price_is_before_the_shops_discounts_and_a_manufacturers_coupon_is_a_payment(tmp_path: Path) -> None:
    prices: dict[str, Any] = {"sales_value": 3.55, "retail_disc": 1.78, "coupon_disc": 0.55, "coupon_match_disc": 0.45}
    write(tmp_path, [row(quantity=2, **prices)])

    (line,) = Journey(tmp_path).baskets_of("1")[0].lines

    assert line[1:] == (200_000, 2_890_000, 223, 355)


def test_a_product_outside_the_catalogue_is_named_by_its_number(tmp_path: Path) -> None:
    write(tmp_path, [row(product_id=99)])

    journey = Journey(tmp_path)
    (line,) = journey.baskets_of("1")[0].lines

    assert (line.product.sku, line.product.title, line.product.category) == ("99", "Product 99", None)
    assert [product.sku for product in journey.products] == ["11", "12"]


amounts = st.integers(min_value=0, max_value=100_000)


@given(quantity=st.integers(min_value=1, max_value=100_000), total=amounts, discount=amounts)
def test_priced_lines_always_add_up(quantity: int, total: int, discount: int) -> None:
    quantities, totals, discounts = (np.array([value], dtype=np.int64) for value in (quantity, total, discount))

    unit_price, kept = (int(values[0]) for values in priced(quantities, totals, discounts))

    assert extended(quantity * 100_000, unit_price, 2) - kept == total
    assert kept >= 0
    if quantity < 10_000:
        exact = Decimal(total + discount) / 100 / quantity
        assert Decimal(unit_price) == (exact * 10**6).quantize(Decimal(1), ROUND_HALF_UP)
        assert kept == discount


# ---------------------------------------------------------------- titles


@pytest.mark.parametrize(
    ("kind", "size", "expected"),
    [
        ("KIDS CEREAL", "14.5 OZ", "Kids Cereal, 14.5 oz"),
        ("CHEESE:SPECIALTY PREPACK", ".30 OZ", "Cheese: Specialty Prepack, 0.30 oz"),
        ("FRZN SS PREMIUM ENTREES/DNRS/N", "6 PK/12 OZ", "Frozen Single Serve Premium Entrees/Dinners, 6 pk/12 oz"),
        ("CANDY BARS (SINGLES)(INCLUDING", "2 L", "Candy Bars (Singles), 2 L"),
        ("SANDWICHES&HANDHELDS", None, "Sandwiches & Handhelds"),
        ("BREAD", "997874  PK", "Bread"),
    ],
)
def test_titles_read_like_a_shelf(kind: str, size: str | None, expected: str) -> None:
    assert title(kind, size) == expected


def test_every_product_has_a_title_and_its_category_word_for_word(journey: Journey) -> None:
    catalogue = pd.read_parquet(installed_folder() / "products.parquet").sort_values("product_id")

    assert [product.sku for product in journey.products] == catalogue.product_id.astype(str).tolist()
    categories = [category if isinstance(category, str) else None for category in catalogue.product_category]
    assert [product.category for product in journey.products] == categories
    assert all(product.title.strip() and len(product.title) <= 80 for product in journey.products)


def test_a_vague_type_takes_its_category_and_a_missing_one_the_next_wider_name(journey: Journey) -> None:
    title_of = {product.sku: product.title for product in journey.products}

    assert title_of["34628"] == "Mainstream Pasta Sauce, 26 oz"
    assert title_of["26081"] == "Miscellaneous"
