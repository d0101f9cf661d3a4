"""What one worker takes and what two give: memory, the first answer to an operation nobody has sent, the rate."""

import json
import os
from dataclasses import dataclass, field
from statistics import median

from rich.console import Console
from rich.table import Table

from bench.contenders import CONTENDERS, running
from bench.data import Data
from bench.load import NAMES, Client, Request, requests, send
from bench.targets import COLD_MILLISECONDS_MAX, MEGABYTES_MAX, Verdict

OPERATIONS = "ABCM"
WORKERS = (1, 2)
COLD, WARM, WARM_SECONDS = 20, 50, 1


@dataclass(slots=True)
class Workers:
    """Requests a second by number of workers and operation; megabytes of the larger process by number of workers."""

    rates: dict[int, dict[str, float]] = field(default_factory=dict)
    megabytes: dict[int, float] = field(default_factory=dict)


def measure_workers(console: Console, data: Data, seconds: int) -> Workers:
    """Load one worker, then two, with all operations, started as `crm serve` starts them.

    Load and MongoDB share the machine with them: on two cores a second worker has only what these leave over.
    """
    found = Workers()
    for count in WORKERS:
        with running(CONTENDERS[0], data.environ, workers=count) as server:
            found.rates[count] = {}
            for name in OPERATIONS:
                console.print(f"{name} by {count} worker{'s' * (count > 1)}", style="dim")
                these = requests(name, server.contender, data.callers)
                send(server.url, these, seconds=WARM_SECONDS)
                told = send(server.url, these, seconds=seconds)
                assert told["failed"] == 0, f"{told['failed']} requests failed at {name}"
                found.rates[count][name] = told["requests"] / told["seconds"]
            found.megabytes[count] = server.megabytes
    return found


def table(found: Workers) -> Table:
    """Return the rates as a table."""
    shown = Table("workers", *OPERATIONS, "MB of the larger", title=f"requests a second; {os.cpu_count()} cores in all")
    for count, rates in found.rates.items():
        shown.add_row(str(count), *(f"{rates[name]:,.0f}" for name in OPERATIONS), f"{found.megabytes[count]:.0f}")
    return shown


def memory_verdicts(found: Workers) -> list[Verdict]:
    """Return whether a worker keeps within its memory after A, B, C and M."""
    return [
        Verdict(
            what=f"memory of a worker after A, B, C and M, of {count}",
            aim=MEGABYTES_MAX,
            measured=megabytes,
            unit="MB",
            most=True,
        )
        for count, megabytes in found.megabytes.items()
    ]


def measure_cold(data: Data) -> float:
    """Return the median milliseconds of the first answer to an operation that a warm server has not seen."""
    with running(CONTENDERS[0], data.environ) as server:
        client, these = Client(server), requests("A", server.contender, data.callers)
        for request in these[:WARM]:
            client.seconds(request)
        times = [client.seconds(_unseen(request, number)) for number, request in enumerate(these[:COLD])]
        client.close()
    return median(times) * 1000


def _unseen(request: Request, number: int) -> Request:
    """Return a request for the same under a name of its own, so that no server knows its text."""
    sent, name = json.loads(request["body"]), f"Unseen{number}"
    body = {**sent, "query": sent["query"].replace(NAMES["A"], name), "operationName": name}
    return {**request, "body": json.dumps(body)}


def cold_verdict(milliseconds: float) -> Verdict:
    """Return whether a cold first answer is soon enough."""
    return Verdict(
        what=f"first answer to an unseen A on a warm server, median of {COLD}",
        aim=COLD_MILLISECONDS_MAX,
        measured=milliseconds,
        unit="ms",
        most=True,
    )
