"""The servers side by side on the same data, and what MongoDB alone would do.

Every server answers the same operations with the same JSON, and a sale makes each write as many documents; both are
held first. They are measured by turns in short slices, so that what else the machine does falls on all of them alike;
the median of the slices counts.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import psutil
from pymongo import MongoClient
from rich.console import Console
from rich.table import Table

from bench import alone
from bench.bare_sale import WRITTEN
from bench.contenders import CONTENDERS, OURS, Running, running, used
from bench.data import Data
from bench.load import Client, requests, send
from bench.targets import Verdict, ratios

ALONE = "the MongoDB commands alone"
WARM_SECONDS = 1
COMPARED = 3


@dataclass(slots=True)
class Measured:
    """What one server gave for an operation, a number a slice; `server` and `mongod` are CPU seconds a request."""

    rates: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    server: list[float] = field(default_factory=list)
    mongod: list[float] = field(default_factory=list)
    megabytes: float = 0.0

    def add(self, told: Mapping[str, Any], server: float, mongod: float) -> None:
        """Add a slice: what the load told, and the processor seconds of both in it."""
        self.rates.append(told["requests"] / told["seconds"])
        self.p50.append(told["p50"])
        self.p99.append(told["p99"])
        self.server.append(server / told["requests"])
        self.mongod.append(mongod / told["requests"])

    def plain(self) -> dict[str, float]:
        """Return the medians for another program, times in milliseconds."""
        return {
            "rate": median(self.rates),
            "p50": median(self.p50),
            "p99": median(self.p99),
            "server_ms": median(self.server) * 1000,
            "mongod_ms": median(self.mongod) * 1000,
            "megabytes": self.megabytes,
        }


Results = dict[str, dict[str, Measured]]
"""By operation and server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is measured: `servers` is a part of the names of those, nothing for all."""

    operations: str = "ABCM"
    servers: str = ""
    seconds: int = 3
    rounds: int = 3


def measure(console: Console, data: Data, choice: Choice) -> Results:
    """Measure the servers and say how far it is."""
    chosen = [one for one in CONTENDERS if choice.servers in one.name]
    results: Results = {}
    with ExitStack() as stack:
        servers = [stack.enter_context(running(one, data.environ)) for one in chosen]
        for name in choice.operations:
            of_operation = [server for server in servers if name in server.contender.operations]
            results[name] = _operation(console, name, of_operation, data, choice)
    return results


def _operation(
    console: Console, name: str, servers: Sequence[Running], data: Data, choice: Choice
) -> dict[str, Measured]:
    """Measure servers by turns."""
    results: dict[str, Measured] = defaultdict(Measured)
    mongod = psutil.Process(data.mongod)
    for server in servers:
        send(server.url, requests(name, server.contender, data.callers), seconds=WARM_SECONDS)
    commands = alone.prepared(data, CONTENDERS[0], name)
    for round_ in range(choice.rounds):
        for server in servers:
            console.print(f"{name} {round_ + 1}/{choice.rounds} {server.contender.name}", style="dim")
            _slice(name, server, mongod, data, choice.seconds, results[server.contender.name])
        if choice.servers in ALONE or not choice.servers:
            console.print(f"{name} {round_ + 1}/{choice.rounds} {ALONE}", style="dim")
            told = alone.sent(data, commands, choice.seconds)
            results[ALONE].add(told, told["client"], told["mongod"])
    return dict(results)


def _slice(name: str, server: Running, mongod: psutil.Process, data: Data, seconds: int, measured: Measured) -> None:
    these = requests(name, server.contender, data.callers)
    server_before, mongod_before = server.seconds, used(mongod)
    told = send(server.url, these, seconds=seconds)
    assert told["failed"] == 0, f"{server.contender.name} failed {told['failed']} times at {name}"
    measured.add(told, server.seconds - server_before, used(mongod) - mongod_before)
    measured.megabytes = server.megabytes


def _same(name: str, servers: Sequence[Running], data: Data) -> None:
    """Hold that all servers answer alike, and that a sale stores as many documents of each kind by each."""
    uri, database = data.environ["CRM_MONGODB_URI"], data.environ["CRM_MONGODB_DATABASE"]
    answers: dict[str, list[Any]] = {}
    written: dict[str, list[int]] = {}
    with MongoClient[dict[str, Any]](uri) as client:
        for server in servers:
            before = _counts(client, database)
            answers[server.contender.name] = _answers(name, server, data)
            after = _counts(client, database)
            written[server.contender.name] = [after[kind] - before[kind] for kind in WRITTEN]
    _alike(f"{name} is answered", answers)
    if name == "M":
        _alike(f"A sale writes {', '.join(WRITTEN)}:", written)


def _counts(client: MongoClient[dict[str, Any]], database: str) -> dict[str, int]:
    return {kind: client[database][kind].estimated_document_count() for kind in WRITTEN}


def _alike(what: str, by_server: Mapping[str, Any]) -> None:
    (first, expected), *others = by_server.items()
    for name, found in others:
        assert found == expected, f"{what} {found!r} by {name}, {expected!r} by {first}"


def _answers(name: str, server: Running, data: Data) -> list[Any]:
    """Return some answers; what a sale earns depends on whose it is, so that it earned something will do."""
    client = Client(server)
    answers = [client.data(request) for request in requests(name, server.contender, data.callers)[:COMPARED]]
    client.close()
    for answer in answers if name == "M" else ():
        assert answer["recordPurchase"]["userErrors"] == [], answer
        sold = answer["recordPurchase"]["purchase"]
        sold["pointsEarned"] = sold["pointsEarned"] > 0
    return answers


def verdicts(results: Results) -> list[Verdict]:
    """Return what the rates say of this project."""
    medians = plain(results)
    rates, spent = (
        {name: {server: told[what] for server, told in servers.items()} for name, servers in medians.items()}
        for what in ("rate", "server_ms")
    )
    return ratios(rates, spent)


def table(results: Results) -> Table:
    """Return all servers and operations as one table; a cell has a line for each of what its title says."""
    title = "requests a second; p50 / p99 in ms; processor ms a request, server + mongod; MB of the server"
    shown = Table("server", *results, title=title, show_lines=True)
    for server, cells in _rows(results):
        shown.add_row(server, *("\n".join(cell) for cell in cells), style="bold" if server == OURS else None)
    return shown


def markdown(results: Results) -> str:
    """Return the same table for the README."""
    rows = [["server", *results], ["---"] * (len(results) + 1)]
    rows += [[server, *("; ".join(cell) for cell in cells)] for server, cells in _rows(results)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _rows(results: Results) -> Iterator[tuple[str, list[list[str]]]]:
    names = dict.fromkeys(server for of_operation in results.values() for server in of_operation)
    for server in names:
        yield server, [_cell(of_operation.get(server)) for of_operation in results.values()]


def _cell(one: Measured | None) -> list[str]:
    if one is None:
        return ["as without it"]
    told = one.plain()
    return [
        f"{told['rate']:,.0f}/s",
        f"{told['p50']:.1f} / {told['p99']:.0f}",
        f"{told['server_ms']:.2f} + {told['mongod_ms']:.2f}",
        *([f"{told['megabytes']:.0f} MB"] if told["megabytes"] else []),
    ]


def plain(results: Results) -> dict[str, Any]:
    """Return the medians for another program."""
    return {
        name: {server: one.plain() for server, one in of_operation.items()} for name, of_operation in results.items()
    }
