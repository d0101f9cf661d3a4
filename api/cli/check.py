"""`crm check`: proves what is stored from the ledger and the purchases."""

import json
from dataclasses import asdict
from typing import Any

import typer
from rich.table import Table

from api.cli.runtime import DEFAULT_DATA_DIR, AsJson, DataDir, counting, out, with_shop
from crm.callers import SYSTEM
from services.checking import Report
from services.checking import check as run_check
from services.context import Shop
from services.liability import Liability

SHOWN_MAX = 100


def check(as_json: AsJson = False, data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """Recompute every balance, tier and total from the ledger and the purchases; exit 1 on any difference."""

    async def work(shop: Shop, _: object) -> Report:
        with counting("Checking") as told:
            return await run_check(shop.call(SYSTEM), told)

    report = with_shop(data_dir, "crm check", work)
    if as_json:
        typer.echo(json.dumps(_as_json(report), default=str))
    else:
        out.print(_counts(report))
        out.print(_liability(report.liability))
        if report.differences:
            out.print(_differences(report))
        out.print(f"{report.difference_count:,} differences." if report.difference_count else "No difference.")
    if report.difference_count:
        raise typer.Exit(1)


def _as_json(report: Report) -> dict[str, Any]:
    found = [
        {"subject": one.subject, "what": one.what, "stored": one.stored, "computed": one.computed}
        for one in report.differences
    ]
    liability = {
        "programId": report.liability.program_id,
        "program": report.liability.program,
        "points": report.liability.points,
        "months": [{"month": month, **asdict(points)} for month, points in report.liability.in_order()],
    }
    return {
        **_totals(report),
        "liability": [liability],
        "differenceCount": report.difference_count,
        "differences": found,
    }


def _totals(report: Report) -> dict[str, int]:
    names = ("customers", "accounts", "purchases", "lines", "transactions", "lots", "sales")
    return {name: getattr(report, name) for name in names}


def _counts(report: Report) -> Table:
    table = Table("checked", "")
    for name, count in _totals(report).items():
        table.add_row("sales, in minor units" if name == "sales" else name, f"{count:,}")
    return table


def _liability(liability: Liability) -> Table:
    title = f"Points outstanding in {liability.program} ({liability.program_id}): {liability.points:,}"
    table = Table("ends in", "available", "pending", "held", "points", title=title)
    for month, points in liability.in_order():
        table.add_row(month, f"{points.available:,}", f"{points.pending:,}", f"{points.held:,}", f"{points.points:,}")
    return table


def _differences(report: Report) -> Table:
    table = Table("subject", "what", "stored", "computed", title=f"The first {SHOWN_MAX} at most")
    for one in report.differences[:SHOWN_MAX]:
        table.add_row(one.subject, one.what, str(one.stored), str(one.computed))
    return table
