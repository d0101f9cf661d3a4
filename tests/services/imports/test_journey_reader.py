"""The Complete Journey as we read it, against pandas' own computation from the same files."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest

from crm.numbers import extended
from services.imports import journey_files
from services.imports.journey_files import JourneyDataError, installed_folder
from services.imports.journey_reader import Journey, JourneyTotals
from tests.services.imports.journey_rows import NEW_YORK, every_basket, every_line, row, write

# ---------------------------------------------------------------- the whole file


def test_the_totals_are_those_that_pandas_computes(journey: Journey, table: Any) -> None:
    kept = table[~table.left_out]

    assert journey.expected_totals() == JourneyTotals(
        households=table.household_id.nunique(),
        baskets=table.basket_id.nunique(),
        lines=len(kept),
        sales=int(kept.cents.sum()),
    )
    assert journey.expected_totals() == JourneyTotals(
        households=2_469, baskets=155_848, lines=1_460_487, sales=459_603_958
    )


def test_households_come_in_ascending_numeric_order(journey: Journey, table: Any) -> None:
    assert journey.households == [str(household) for household in sorted(table.household_id.unique())]


def test_every_basket_has_the_shop_instant_and_total_of_the_file(journey: Journey, table: Any) -> None:
    expected = table.groupby(["household_id", "transaction_timestamp", "basket_id"], sort=True).agg(
        store=("store_id", "first"), total=("cents", "sum"), lines=("kept", "sum")
    )

    baskets = list(every_basket(journey))

    assert [basket.basket_id for basket in baskets] == [str(basket) for _, _, basket in expected.index]
    assert [basket.store_code for basket in baskets] == [str(store) for store in expected.store]
    assert [basket.total for basket in baskets] == expected.total.tolist()
    assert [len(basket.lines) for basket in baskets] == expected.lines.tolist()
    instants = expected.index.get_level_values(1).tz_localize("UTC")
    assert [basket.occurred_at for basket in baskets] == instants.to_pydatetime().tolist()


def test_every_line_is_in_the_order_of_the_file_with_its_quantity_and_value(journey: Journey, table: Any) -> None:
    kept = table[~table.left_out]

    lines = [(line.product.sku, line.quantity, line.total) for line in every_line(journey)]

    quantities = kept.quantity.where(kept.quantity > 0, 1) * 100_000
    assert lines == list(
        zip(kept.product_id.astype(str).tolist(), quantities.tolist(), kept.cents.tolist(), strict=True)
    )


def test_on_every_line_quantity_times_unit_price_less_discount_is_the_total(journey: Journey) -> None:
    broken = [
        line
        for line in every_line(journey)
        if extended(line.quantity, line.unit_price, 2) - line.discount != line.total
        or min(line.discount, line.unit_price, line.total) < 0
    ]

    assert broken == []


def test_the_discount_is_the_cards_and_the_coupon_match_save_for_cents_on_fuel(journey: Journey, table: Any) -> None:
    kept = table[~table.left_out]
    given_cents = ((kept.retail_disc + kept.coupon_match_disc) * 100).round().astype("int64")

    lines = pd.DataFrame(
        [(line.discount, line.unit_price) for line in every_line(journey)],
        columns=["discount", "unit_price"],
        index=kept.index,
    )

    changed = lines.discount != given_cents
    assert int(changed.sum()) == journey.traps().lines_with_rounded_price == 575
    assert kept.quantity[changed].min() >= 10_000
    assert (lines.discount - given_cents).abs().max() <= 2
    few = kept.quantity < 10_000
    quantities = kept.quantity[few].clip(lower=1)
    off = lines.unit_price[few] * quantities - (kept.cents + given_cents)[few] * 10_000
    assert (2 * off.abs() <= quantities).all(), "the unit price is (total + discount) / quantity, rounded"


# ---------------------------------------------------------------- the traps


def test_every_trap_is_counted(journey: Journey, table: Any) -> None:
    catalogue = pd.read_parquet(installed_folder() / "products.parquet", columns=["product_id"])
    unknown = ~table.product_id.isin(catalogue.product_id)
    kept = table[~table.left_out]
    traps = journey.traps()

    assert traps.lines_read == len(table) == 1_469_307
    assert traps.lines_left_out == int(table.left_out.sum()) == 8_820
    assert traps.lines_mended == int((kept.quantity == 0).sum()) == 49
    assert traps.baskets_emptied == table.basket_id.nunique() - kept.basket_id.nunique() == 328
    assert traps.lines_without_product == int(unknown.sum()) == 4_836
    assert traps.sold_lines_without_product == int((unknown & ~table.left_out).sum()) == 32
    assert traps.sold_lines_without_value == int((kept.cents == 0).sum()) == 2_426
    assert traps.lines_in_bulk == int((table.quantity > 100).sum()) == 13_510
    assert traps.lines_with_manufacturer_coupon == int((table.coupon_disc > 0).sum()) == 21_889
    assert traps.manufacturer_coupons == int((table.coupon_disc * 100).round().sum()) == 2_635_990
    assert traps.baskets_in_2018_utc == 86


def test_a_subset_is_counted_by_itself_and_a_larger_one_only_adds(journey: Journey, table: Any) -> None:
    small, large = journey.first(300), journey.first(500)
    chosen = table[table.household_id.isin([int(household) for household in small])]

    assert large[:300] == small
    assert journey.first(None) == journey.households
    assert journey.expected_totals(small) == JourneyTotals(
        households=300,
        baskets=chosen.basket_id.nunique(),
        lines=int((~chosen.left_out).sum()),
        sales=int(chosen.cents.sum()),
    )
    assert journey.traps(small).lines_left_out == int(chosen.left_out.sum())
    assert journey.traps([]).lines_read == 0


def test_the_instants_are_utc_since_only_so_the_weeks_are_new_yorks(journey: Journey, table: Any) -> None:
    utc = table.transaction_timestamp.dt.tz_localize("UTC")
    local = utc.dt.tz_convert(NEW_YORK)

    # Weeks begin on Mondays; the first has one day only, Sunday 2017-01-01.
    def weeks(instants: Any) -> Any:
        return (instants.dt.tz_localize(None) - pd.Timestamp("2016-12-26")).dt.days // 7 + 1

    assert (weeks(local) == table.week).all()
    assert not (weeks(utc) == table.week).all()
    assert table[utc.dt.year == 2018].basket_id.nunique() == 86
    assert (local.dt.year == 2017).all()
    last = max(basket.occurred_at for basket in every_basket(journey))
    assert last == datetime(2018, 1, 1, 4, 1, 20, tzinfo=UTC)


def test_what_was_measured_of_the_other_files_still_holds() -> None:
    folder = installed_folder()
    redemptions = pd.read_parquet(folder / "coupon_redemptions.parquet")
    campaigns = pd.read_parquet(folder / "campaign_descriptions.parquet")

    # None is there twice; 27 times a household used a coupon of a campaign again, on another day.
    assert (len(redemptions), int(redemptions.duplicated().sum())) == (2_102, 0)
    assert int(redemptions.duplicated(["household_id", "coupon_upc", "campaign_id"]).sum()) == 27
    assert len(campaigns) == 27
    assert campaigns.start_date.min() < pd.Timestamp("2017-01-01")
    assert campaigns.end_date.max() > pd.Timestamp("2017-12-31")


# ---------------------------------------------------------------- shifting


@pytest.mark.parametrize("day", [date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 8), date(2010, 1, 1)])
def test_a_shift_moves_everything_by_whole_weeks_to_the_week_before_the_day(tmp_path: Path, day: date) -> None:
    rows = [row(basket_id=1, at="2017-03-01T08:15:30"), row(basket_id=2, at="2018-01-01T04:01:20")]
    write(tmp_path, rows)

    first, last = Journey(tmp_path, shift_to=day).baskets_of("1")

    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    assert midnight - timedelta(days=7) <= last.occurred_at < midnight
    moved = last.occurred_at - datetime(2018, 1, 1, 4, 1, 20, tzinfo=UTC)
    assert moved % timedelta(weeks=1) == timedelta(0)
    assert first.occurred_at == datetime(2017, 3, 1, 8, 15, 30, tzinfo=UTC) + moved


@pytest.mark.parametrize(
    ("at", "expected"),
    [("2018-01-01T00:00:00", "2017-12-25T00:00:00"), ("2017-12-31T23:59:59", "2017-12-31T23:59:59")],
)
def test_a_basket_at_midnight_of_the_day_itself_is_not_before_it(tmp_path: Path, at: str, expected: str) -> None:
    write(tmp_path, [row(at=at)])

    (basket,) = Journey(tmp_path, shift_to=date(2018, 1, 1)).baskets_of("1")

    assert basket.occurred_at == datetime.fromisoformat(f"{expected}+00:00")


def test_a_shift_of_the_real_data_changes_nothing_but_the_instants(journey: Journey) -> None:
    shifted = Journey(shift_to=date(2026, 10, 15))

    assert shifted.shift_weeks == 458
    assert shifted.expected_totals() == journey.expected_totals()
    assert shifted.traps() == journey.traps()
    moved = timedelta(weeks=458)
    for before, after in zip(journey.baskets_of("1"), shifted.baskets_of("1"), strict=True):
        assert after.occurred_at == before.occurred_at + moved
        assert (after.basket_id, after.lines, after.total) == (before.basket_id, before.lines, before.total)
    last = max(basket.occurred_at for basket in every_basket(shifted))
    assert datetime(2026, 10, 8, tzinfo=UTC) <= last < datetime(2026, 10, 15, tzinfo=UTC)


# ---------------------------------------------------------------- refusals


def test_importing_the_reader_imports_nothing_of_the_extra() -> None:
    code = "import sys, services.imports.journey_reader; print({'numpy', 'pandas', 'pyarrow'} & sys.modules.keys())"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"


def test_without_the_package_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journey_files, "find_spec", lambda name: None)

    with pytest.raises(JourneyDataError, match="install the extra demo"):
        Journey()


@pytest.mark.parametrize("module", ["pyarrow", "services.imports.journey_columns"])
def test_without_pyarrow_or_numpy_the_error_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, module: str
) -> None:
    write(tmp_path, [row()])
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(JourneyDataError, match="install the extra demo"):
        Journey(tmp_path)


@pytest.mark.parametrize(
    "second",
    [{"household_id": 2}, {"store_id": 8}, {"at": "2017-06-01T10:00:01"}],
)
def test_a_basket_of_two_households_shops_or_instants_is_refused(tmp_path: Path, second: dict[str, Any]) -> None:
    write(tmp_path, [row(), row(**second)])

    with pytest.raises(JourneyDataError, match="more than one"):
        Journey(tmp_path)


def test_what_would_be_a_return_is_refused(tmp_path: Path) -> None:
    write(tmp_path, [row(sales_value=-1.0)])

    with pytest.raises(JourneyDataError, match="negative sales_value"):
        Journey(tmp_path)


def test_a_missing_file_column_or_value_is_named(tmp_path: Path) -> None:
    with pytest.raises(JourneyDataError, match=r"no file .*products\.parquet"):
        Journey(tmp_path)
    write(tmp_path, [row(store_id=None)])
    with pytest.raises(JourneyDataError, match="1 rows without a store_id"):
        Journey(tmp_path)
    pd.DataFrame([row()]).drop(columns="quantity").to_parquet(tmp_path / "transactions.parquet")
    with pytest.raises(JourneyDataError, match="no column quantity"):
        Journey(tmp_path)


def test_an_unknown_household_is_a_key_error(journey: Journey) -> None:
    with pytest.raises(KeyError):
        journey.baskets_of("0")
