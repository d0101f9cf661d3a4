"""`make bench-speed`: this service beside others on the same data, in one run, printed as one table.

Every server answers the same operations with the same JSON, which is compared first. They are measured by turns in
short slices, so that what else the machine does falls on all of them alike; the median of the slices counts.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from api.app import development_secret
from api.settings import Settings
from api.tokens import development_token
from bench.contenders import CONTENDERS, PEERS, Contender, Running, running
from crm.callers import SYSTEM
from crm.values import Channel, Role
from services import api_keys
from services.context import Shop
from store.client import Database
from store.embedded import EmbeddedMongo

OPERATIONS = {path.stem: path.read_text() for path in sorted((Path(__file__).parent / "operations").glob("*.graphql"))}
NAMES = {"A": "AccountPage", "B": "Customers", "C": "Name", "M": "Sale"}
CUSTOMERS, ASKED, BOUGHT = 10_000, 200, 3
CONNECTIONS, SECONDS, ROUNDS = 16, 3, 3


@dataclass(slots=True)
class Measured:
    """What one server gave for one operation, a number a slice; seconds are of processor time, for one request."""

    rates: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    megabytes: float = 0.0


@dataclass(frozen=True, slots=True)
class Callers:
    """Who asks: customers with their tokens, and keys of the desk and a till."""

    customers: Sequence[str]
    tokens: dict[str, str]
    staff: str
    till: str


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    console = Console(width=150)
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder)
        if not (PEERS / "node_modules").is_dir():
            subprocess.run(["npm", "ci", "--ignore-scripts"], cwd=PEERS, check=True, stdout=subprocess.DEVNULL)
        synth = [sys.executable, "-m", "api.cli", "synth", "--customers", str(arguments.customers)]
        subprocess.run([*synth, "--data-dir", str(data_dir)], check=True)
        with EmbeddedMongo.start(data_dir, purpose="bench") as mongo:
            shop = {
                "CRM_MONGODB_URI": mongo.uri,
                "CRM_MONGODB_DATABASE": "crm",
                "CRM_SECRET": "bench" * 8,
                "CRM_RATE_LIMIT": "off",  # nobody may ask that often
                "CRM_LOG_LEVEL": "warning",  # nobody else writes a line for each request
            }
            callers = asyncio.run(_callers(shop))
            contenders = [one for one in CONTENDERS if not arguments.only or arguments.only in one.name]
            with ExitStack() as stack:
                servers = [stack.enter_context(running(one, shop)) for one in contenders]
                results = {
                    name: _operation(console, name, servers, callers, arguments) for name in arguments.operations
                }
    console.print(_table(results))
    Path(arguments.json).write_text(json.dumps(_plain(results), indent=1)) if arguments.json else None


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=CUSTOMERS)
    parser.add_argument("--operations", default="ABCM")
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", help="Measure only servers whose name has this in it.")
    parser.add_argument("--json", help="Write the figures to this file as well.")
    return parser.parse_args()


async def _callers(shop: dict[str, str]) -> Callers:
    settings = Settings.from_environ(shop)
    database = Database(shop["CRM_MONGODB_URI"], shop["CRM_MONGODB_DATABASE"])
    try:
        from api.app import make_shop

        opened: Shop = make_shop(settings, database)
        staff = await api_keys.create(opened.call(SYSTEM), Role.STAFF)
        till = await api_keys.create(opened.call(SYSTEM), Role.POS, channel=Channel.POS)
        found = database["customers"].find({"metrics.purchaseCount": {"$gte": BOUGHT}}, {"_id": 1})
        ids = [person["_id"] for person in await found.to_list(None)]
        secret = development_secret(settings)
        assert secret
        now = opened.clock()
        return Callers(ids, {id_: development_token(id_, secret=secret, now=now) for id_ in ids}, staff.key, till.key)
    finally:
        await database.close()


def _operation(
    console: Console, name: str, servers: Sequence[Running], callers: Callers, arguments: argparse.Namespace
) -> dict[str, Measured]:
    """Compare the answers, then measure by turns."""
    _same_answers(name, servers, callers)
    results: dict[str, Measured] = defaultdict(Measured)
    for server in servers:  # warm
        _load(name, server, callers, 1)
    for round_ in range(arguments.rounds):
        for server in servers:
            console.print(f"{name} {round_ + 1}/{arguments.rounds} {server.contender.name}", style="dim")
            _slice(name, server, callers, arguments.seconds, results[server.contender.name])
    console.print(_table({name: results}))
    return dict(results)


def _slice(name: str, server: Running, callers: Callers, seconds: int, measured: Measured) -> None:
    process = psutil.Process(server.pid)
    before = process.cpu_times()
    told = _load(name, server, callers, seconds)
    after = process.cpu_times()
    assert told["failed"] == 0, f"{server.contender.name} failed {told['failed']} times at {name}"
    measured.rates.append(told["requests"] / told["seconds"])
    measured.p50.append(told["p50"])
    measured.p99.append(told["p99"])
    used = after.user + after.system - before.user - before.system
    measured.seconds.append(used / max(told["requests"], 1))
    measured.megabytes = process.memory_info().rss / 1024**2


def _requests(name: str, server: Contender, callers: Callers) -> list[dict[str, Any]]:
    """Return the requests that the load goes through by turns, as this server takes them."""
    requests = []
    number, servers = CONTENDERS.index(server), len(CONTENDERS)
    # Each server sells to customers of its own: else the fastest would fill the histories that the others work with.
    customers = callers.customers[number::servers] if name == "M" else callers.customers[:ASKED]
    for customer in customers:
        variables: dict[str, Any] = {"C": {"id": customer}, "M": {"input": _sale(customer)}}.get(name, {})
        body = {"query": OPERATIONS[name], "operationName": NAMES[name], "variables": variables}
        credential = {"A": callers.tokens[customer], "M": callers.till}.get(name, callers.staff)
        headers = {"Authorization": f"Bearer {credential}"} if server.ours else {"x-customer": customer}
        requests.append({"headers": headers, "body": json.dumps(body), "fresh": name == "M"})
    return requests


def _sale(customer: str) -> dict[str, Any]:
    lines = [
        {"lineNumber": number, "sku": f"BENCH-{number}", "title": "Mug", "quantity": "2", "unitPrice": "5.45"}
        for number in range(1, 4)
    ]
    return {
        "externalId": {"source": "bench", "value": "FRESH"},
        "customer": {"id": customer},
        "channel": "POS",
        "occurredAt": (datetime.now(UTC) - timedelta(minutes=1)).isoformat(timespec="milliseconds"),
        "currencyCode": "USD",
        "lines": lines,
        "total": "32.70",
    }


def _same_answers(name: str, servers: Sequence[Running], callers: Callers) -> None:
    """Hold that every server answers alike before anything is measured; sales need only have the same shape."""
    for index in (0, 1, 2):
        answers = {server.contender.name: _ask(name, server, callers, index) for server in servers}
        first, *others = answers.items()
        for other in others:
            assert other[1] == first[1], f"{name}: {other[0]} answers {other[1]!r}, {first[0]} {first[1]!r}"


def _ask(name: str, server: Running, callers: Callers, index: int) -> Any:
    sent = _requests(name, server.contender, callers)[index]
    body = sent["body"].replace("FRESH", f"same-{server.pid}-{index}").encode()
    request = urllib.request.Request(server.url, body, {"Content-Type": "application/json", **sent["headers"]})
    with urllib.request.urlopen(request, timeout=10) as response:
        answer = json.load(response)
    assert "errors" not in answer, f"{server.contender.name} answers {answer['errors']}"
    data = answer["data"]
    if name == "M":
        assert data["recordPurchase"]["userErrors"] == [], data
        data["recordPurchase"]["purchase"]["pointsEarned"] = int(data["recordPurchase"]["purchase"]["pointsEarned"] > 0)
    return data


def _load(name: str, server: Running, callers: Callers, seconds: int) -> dict[str, Any]:
    job = {
        "url": server.url,
        "requests": _requests(name, server.contender, callers),
        "connections": CONNECTIONS,
        "seconds": seconds,
    }
    done = subprocess.run(
        ["node", str(PEERS / "load.mjs")], input=json.dumps(job), capture_output=True, text=True, check=True
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _table(results: dict[str, dict[str, Measured]]) -> Table:
    table = Table(
        "server", *results, title=f"requests a second, p50 / p99 in ms, CPU a request; {os.cpu_count()} cores"
    )
    for server in next(iter(results.values())):
        cells = []
        for of_server in results.values():
            one = of_server[server]
            cells.append(
                f"{median(one.rates):,.0f}/s  {median(one.p50):.0f} / {median(one.p99):.0f}  "
                f"{median(one.seconds) * 1000:.2f} ms  {one.megabytes:.0f} MB"
            )
        table.add_row(server, *cells)
    return table


def _plain(results: dict[str, dict[str, Measured]]) -> dict[str, Any]:
    return {
        name: {
            server: {"rate": median(one.rates), "p50": median(one.p50), "p99": median(one.p99)}
            for server, one in servers.items()
        }
        for name, servers in results.items()
    }


if __name__ == "__main__":
    main()
