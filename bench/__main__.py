"""`make bench`: everything that is measured, in one run; `--only` a part of it.

Nothing here is a test: a figure says what this machine gave.
"""

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from bench import growth, installation, ledger, limits, quotes, speed, subscribers, targets, tastes, workers
from bench.data import Data, made
from bench.load import install_peers
from bench.targets import Verdict
from store.embedded import CACHE_MB

PARTS = ("speed", "workers", "cold", "growth", "house")
ON_DATA = frozenset({"speed", "workers", "cold", "growth"})
CUSTOMERS = 10_000
GROWN, GROWN_MORE = 100_000, 1_000_000
DRIVERS = ("motor", "pymongo")


@dataclass(slots=True)
class Report:
    """What came of a run: verdicts, and figures for another program."""

    console: Console
    verdicts: list[Verdict] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def judge(self, verdicts: Sequence[Verdict]) -> None:
        """Keep verdicts and print them."""
        self.verdicts += verdicts
        if verdicts:
            self.console.print(targets.table(verdicts))


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    parts = arguments.only or PARTS
    report = Report(Console(width=190))
    report.figures["machine"] = machine = _machine()
    report.console.print(f"[bold]{machine}[/bold]", highlight=False)
    if not ON_DATA.isdisjoint(parts):
        install_peers()
        report.console.print(f"crm synth --customers {arguments.customers}", style="dim")
        with tempfile.TemporaryDirectory() as folder, _data(folder, arguments) as data:
            _on_data(report, parts, data, Path(folder), arguments)
    if "house" in parts:
        _house(report)
    if report.verdicts and len(parts) > 1:
        report.console.print(targets.table(report.verdicts))
    if arguments.json:
        report.figures["aims"] = [verdict.plain() for verdict in report.verdicts]
        arguments.json.write_text(json.dumps(report.figures, indent=1) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=PARTS, help="Measure only this part; may be given again.")
    parser.add_argument("--customers", type=int, default=CUSTOMERS, help="How many `crm synth` makes.")
    parser.add_argument(
        "--million", action="store_true", help=f"Let the data grow to {GROWN_MORE:,} customers as well."
    )
    parser.add_argument("--cache-mb", type=int, default=CACHE_MB, help="Memory for MongoDB's cache, in MiB.")
    parser.add_argument("--operations", default="ABCM", help="The servers' operations, as letters.")
    parser.add_argument("--servers", default="", help="Only servers whose name has this in it.")
    parser.add_argument("--seconds", type=int, default=speed.Choice().seconds, help="Seconds of a slice.")
    parser.add_argument("--rounds", type=int, default=speed.Choice().rounds, help="Slices of each server.")
    parser.add_argument("--json", type=Path, help="Write the figures to this file as well.")
    parser.add_argument("--markdown", type=Path, help="Write the servers' table to this file as the README has it.")
    return parser.parse_args()


def _data(folder: str, arguments: argparse.Namespace) -> AbstractContextManager[Data]:
    return made(Path(folder) / "data", arguments.customers, cache_mb=arguments.cache_mb)


def _machine() -> str:
    memory = psutil.virtual_memory().total / 1024**3
    return f"{platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}"


def _on_data(report: Report, parts: Sequence[str], data: Data, folder: Path, arguments: argparse.Namespace) -> None:
    """Measure what is measured on the customers of `crm synth`; they grow last."""
    if "speed" in parts:
        choice = speed.Choice(
            operations=arguments.operations,
            servers=arguments.servers,
            seconds=arguments.seconds,
            rounds=arguments.rounds,
        )
        _speed(report, data, choice, arguments.markdown)
    if "workers" in parts:
        _workers(report, data, arguments.seconds)
    if "cold" in parts:
        cold = workers.measure_cold(data)
        report.figures["cold_ms"] = cold
        report.judge([workers.cold_verdict(cold)])
    if "growth" in parts:
        sizes = [GROWN, GROWN_MORE] if arguments.million else [GROWN]
        grown = growth.measure(report.console, data, arguments.customers, sizes, folder / "few")
        report.figures["growth"] = [asdict(one) for one in grown]
        report.judge([one.verdict for one in grown])


def _speed(report: Report, data: Data, choice: speed.Choice, markdown: Path | None) -> None:
    results = speed.measure(report.console, data, choice)
    if markdown:
        markdown.write_text(speed.markdown(results))
    report.console.print(speed.table(results))
    report.figures["servers"] = speed.plain(results)
    report.judge(speed.verdicts(results))


def _workers(report: Report, data: Data, seconds: int) -> None:
    found = workers.measure_workers(report.console, data, seconds)
    report.console.print(workers.table(found))
    report.figures["workers"] = asdict(found)
    report.judge(workers.memory_verdicts(found))


def _house(report: Report) -> None:
    """Measure what the house does below and around GraphQL, each in processes of its own."""
    table = Table("what", "aim", "measured", title=report.figures["machine"])
    steps: dict[str, Callable[[], None]] = {
        "Embedded MongoDB, memory of the API process": partial(installation.measure_start, table),
        **{f"The ledger over {driver}": partial(ledger.measure, table, driver) for driver in DRIVERS},
        **{f"Quotes over {driver}": partial(quotes.measure, table, driver) for driver in DRIVERS},
        "Limits": partial(limits.measure, table),
        "Tills at once": partial(ledger.measure_tills, table),
        "Subscribers": partial(subscribers.measure, table),
        "The whole import": partial(installation.measure_whole, report.console, table),
        "Counters of tastes": partial(tastes.measure, table),
        "Lists": partial(tastes.measure_lists, table),
    }
    for what, step in steps.items():
        report.console.print(what, style="dim")
        step()
    report.console.print(table)
    columns = [list(column.cells) for column in table.columns]
    report.figures["house"] = [list(row) for row in zip(*columns, strict=True)]


if __name__ == "__main__":
    main()
