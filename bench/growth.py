"""Whether answers take longer with more customers, or with a longer history of one.

One request after the other over one connection, so that no time is spent waiting for others: the median of what
answers take, by turns with few and with many. Each asks for another customer, picked at random out of all.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console

from bench.contenders import CONTENDERS, Running, running
from bench.copies import multiply
from bench.data import Data, callers_of, in_shop, made
from bench.histories import FEW, MANY, add_histories
from bench.load import Client, Request, requests
from bench.targets import GROWN_TIMES_MAX, Verdict

FEWEST = 1_000
SLICES, PICKED, WARM = 8, 150, 50
OPERATIONS = "AC"
SEED = 7

Pick = Callable[[], Sequence[Request]]


@dataclass(frozen=True, slots=True)
class Grown:
    """Milliseconds of an answer with few and with many; `what` says of what, and of which operation."""

    what: str
    few: float
    many: float

    @property
    def verdict(self) -> Verdict:
        """How much longer it takes."""
        what = f"{self.what}: {self.few:.2f} and {self.many:.2f} ms"
        return Verdict(what=what, aim=GROWN_TIMES_MAX, measured=self.many / self.few, unit="times", most=True)


def measure(console: Console, data: Data, customers: int, sizes: Sequence[int], folder: Path) -> list[Grown]:
    """Let the data grow to each of the sizes, and compare it with few customers.

    Args:
        customers: how many there are in the data.
        folder: where the few are kept.
    """
    found = []
    with made(folder, FEWEST) as first, ExitStack() as stack:
        young, old = asyncio.run(in_shop(first.environ, add_histories))
        few = _asked_by_all(first)
        small = stack.enter_context(running(CONTENDERS[0], few.environ))
        found.append(_histories(small, few, young, old))
        already = 1
        for size in sizes:
            console.print(f"Copies of customers: {size:,}", style="dim")
            multiply(data.environ, size // customers, already=already)
            already, many = size // customers, _asked_by_all(data)
            with running(CONTENDERS[0], many.environ) as large:
                found += [_customers(name, size, (small, few), (large, many)) for name in OPERATIONS]
    return found


def _asked_by_all(data: Data) -> Data:
    callers = asyncio.run(in_shop(data.environ, callers_of))
    return Data({**data.environ, "CRM_RATE_LIMIT": "off"}, data.mongod, callers)


def _customers(name: str, size: int, small: tuple[Running, Data], large: tuple[Running, Data]) -> Grown:
    few, many = _by_turns(small[0], _anybody(name, *small), large[0], _anybody(name, *large))
    return Grown(f"{name}, customers {FEWEST:,} to {size:,}", few, many)


def _histories(server: Running, data: Data, young: str, old: str) -> Grown:
    def of(customer: str) -> Pick:
        these = requests("A", server.contender, data.callers, [customer]) * PICKED
        return lambda: these

    few, many = _by_turns(server, of(young), server, of(old))
    return Grown(f"A, purchases of the customer {FEW} to {MANY:,}", few, many)


def _anybody(name: str, server: Running, data: Data) -> Pick:
    chance = random.Random(SEED)

    def pick() -> Sequence[Request]:
        return requests(name, server.contender, data.callers, chance.sample(data.callers.customers, PICKED))

    return pick


def _by_turns(small: Running, of_few: Pick, large: Running, of_many: Pick) -> tuple[float, float]:
    """Return the median milliseconds of an answer of both."""
    clients = (Client(small), Client(large))
    times: tuple[list[float], list[float]] = ([], [])
    for client, pick in zip(clients, (of_few, of_many), strict=True):
        for request in pick()[:WARM]:
            client.seconds(request)
    for _ in range(SLICES):
        for client, pick, of_one in zip(clients, (of_few, of_many), times, strict=True):
            of_one += [client.seconds(request) for request in pick()]
    for client in clients:
        client.close()
    return median(times[0]) * 1000, median(times[1]) * 1000
