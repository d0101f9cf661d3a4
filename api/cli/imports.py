"""`crm import`: real data, or a shop's own."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from api.cli.runtime import DEFAULT_DATA_DIR, AsJson, DataDir, Stop, counting, err, one_sentence, out, with_shop
from crm.callers import SYSTEM
from services import shop_statistics
from services.context import Shop, utc_now
from services.imports.complete_journey import JourneyReport, WrongCurrency, import_journey
from services.imports.journey_files import JourneyDataError
from services.imports.jsonl import Imported, import_jsonl
from services.imports.synth import NotPlain, SynthReport, synthesize

app = typer.Typer(help="Bring data in; a second run adds nothing.", no_args_is_help=True)


@app.command("complete-journey")
def complete_journey(
    households: Annotated[int | None, typer.Option(min=1, help="Only so many households, by number.")] = None,
    shift_to: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="Move all instants by whole weeks so that the last is in the week before."
        ),
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Load the Complete Journey: a year of real households' purchases, every point posted."""

    async def work(shop: Shop, _: object) -> JourneyReport:
        return await load_journey(shop, households, shift_to)

    with one_sentence():
        try:
            report = with_shop(data_dir, "crm import", work)
        except (JourneyDataError, WrongCurrency) as problem:
            raise Stop(str(problem)) from None
    if as_json:
        typer.echo(json.dumps(asdict(report)))
    else:
        out.print(journey_table(report))
    if report.refused:
        err.print("\n".join(report.refused[:20]), soft_wrap=True, markup=False, highlight=False)
        raise typer.Exit(1)


def synth(
    customers: Annotated[int, typer.Option(min=1, help="How many customers there shall be.")],
    seed: Annotated[int, typer.Option(help="The same seed makes the same customers.")] = 1,
    shift_to: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The latest purchases fall in the week before; today where left out."),
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Make customers of the real shop's shapes, for load tests; a second run adds only what is missing."""
    day = shift_to.replace(tzinfo=UTC).date() if shift_to else utc_now().date()

    async def work(shop: Shop, _: object) -> SynthReport:
        with counting("Customers") as told:
            return await synthesize(shop, customers=customers, seed=seed, shift_to=day, progress=told)

    with one_sentence():
        try:
            report = with_shop(data_dir, "crm synth", work)
        except (JourneyDataError, WrongCurrency, NotPlain) as problem:
            raise Stop(str(problem)) from None
    if as_json:
        typer.echo(json.dumps(asdict(report)))
    else:
        out.print(
            f"{report.customers:,} customers made, {report.known:,} there already; "
            f"{report.baskets:,} purchases, {report.lines:,} lines."
        )


async def load_journey(shop: Shop, households: int | None, shift_to: datetime | None) -> JourneyReport:
    """Import with a progress bar on standard error."""
    day = shift_to.replace(tzinfo=UTC).date() if shift_to else None
    with counting("Households") as told:
        report = await import_journey(shop, households=households, shift_to=day, progress=told)
    with err.status("Statistics"):  # so that the first account page has recommendations
        await shop_statistics.rebuild(shop.call(SYSTEM))
    return report


@app.command()
def jsonl(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="One JSON object a line.")],
    as_json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Load customers, purchases and returns in the shape of the contract's inputs; exit 1 if a line was refused."""

    async def work(shop: Shop, _: object) -> Imported:
        size = file.stat().st_size
        with counting("Bytes") as told:
            return await import_jsonl(shop, file, lambda done: told(done, size))

    report = with_shop(data_dir, "crm import", work)
    if as_json:
        typer.echo(json.dumps(asdict(report)))
    else:
        out.print(_jsonl_table(report))
        for problem in report.problems:
            where = ".".join(problem.field or ())
            err.print(f"line {problem.line}: {problem.code} {where} {problem.message}", soft_wrap=True, markup=False)
    if report.refused:
        raise typer.Exit(1)


def _jsonl_table(report: Imported) -> Table:
    table = Table("lines", "")
    for name in ("read", "customers", "purchases", "returns", "unchanged", "refused"):
        table.add_row("there already" if name == "unchanged" else name, f"{getattr(report, name):,}")
    return table


def journey_table(report: JourneyReport) -> Table:
    """Return what was read, written, left out and why."""
    expected, traps = report.expected, report.traps
    table = Table("", "in the data", "written", "there already", title="Complete Journey", title_justify="left")
    table.add_row("households", f"{expected.households:,}", f"{report.households:,}", f"{report.households_known:,}")
    table.add_row("baskets", f"{expected.baskets:,}", f"{report.baskets:,}", f"{report.baskets_known:,}")
    table.add_row("lines", f"{expected.lines:,}", f"{report.lines:,}", "")
    table.add_row("sales, USD", f"{expected.sales / 100:,.2f}", f"{report.sales / 100:,.2f}", "")
    table.add_row("products", "", f"{report.products:,}", "")
    table.add_row("stores", "", f"{report.stores:,}", "")
    offers = report.offers
    table.add_row(
        "offers, coupons of campaigns",
        f"{offers.offers + offers.offers_known:,}",
        f"{offers.offers:,}",
        f"{offers.offers_known:,}",
    )
    redemptions = (f"{offers.redemptions_read:,}", f"{offers.redemptions:,}", f"{offers.redemptions_known:,}")
    table.add_row("redemptions", *redemptions, end_section=True)
    for label, count in (
        ("lines read", traps.lines_read),
        ("left out: quantity 0 and no value", traps.lines_left_out),
        ("mended: quantity 0 with a value counts as 1", traps.lines_mended),
        ("baskets left without a line, total 0", traps.baskets_emptied),
        ("lines without a product in the catalogue", traps.lines_without_product),
        ("of these left in", traps.sold_lines_without_product),
        ("lines of total 0 left in", traps.sold_lines_without_value),
        ("fuel, quantity as in the data", traps.lines_in_bulk),
        ("fuel, price rounded into the discount", traps.lines_with_rounded_price),
        ("lines paid in part with a manufacturer's coupon", traps.lines_with_manufacturer_coupon),
        ("baskets of 2018 in UTC, of 2017 at the shop", traps.baskets_in_2018_utc),
        ("campaigns, those that began before or end after the data too", offers.campaigns),
        ("households mailed, once for each campaign", offers.mailings),
        ("rows of coupons that repeat another", offers.coupon_rows_repeated),
        ("products on coupons that are in no catalogue, left out", offers.products_left_out),
        ("redemptions of a coupon by the same household again", offers.redemptions_repeated),
        ("redemptions with none of the coupon's products that day", offers.redemptions_elsewhere),
        ("redemptions on a day without a basket, left out", offers.redemptions_left_out),
        ("weeks all instants were moved by", report.shift_weeks),
        ("refused", len(report.refused)),
    ):
        table.add_row(label, f"{count:,}", "", "")
    return table
