"""The measured operations, as each server takes them: asked once, timed one by one, or sent by many at once."""

import http.client
import json
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.contenders import CONTENDERS, PEERS, Contender, Running
from bench.data import Callers, sale

OPERATIONS = {path.stem: path.read_text() for path in sorted((Path(__file__).parent / "operations").glob("*.graphql"))}
NAMES = {"A": "AccountPage", "B": "Customers", "C": "Name", "M": "Sale"}
ASKED = 400
CONNECTIONS = 16
SECONDS_MAX = 60

Request = dict[str, Any]
"""The headers and the body of a request; `fresh` where the body is to be another each time."""


def install_peers() -> None:
    """Install what Node needs, where it is not yet."""
    if not (PEERS / "node_modules").is_dir():
        subprocess.run(["npm", "ci", "--ignore-scripts"], cwd=PEERS, check=True, stdout=subprocess.DEVNULL)


def requests(name: str, server: Contender, callers: Callers, customers: Sequence[str] | None = None) -> list[Request]:
    """Return the requests of an operation as a server takes them, one a customer: 400, unless told which."""
    if customers is None:
        customers = sold_to(CONTENDERS.index(server), callers) if name == "M" else callers.customers[:ASKED]
    made = []
    for customer in customers:
        variables = {"C": {"id": customer}, "M": {"input": sale(customer, "FRESH")}}.get(name, {})
        body = {"query": OPERATIONS[name], "operationName": NAMES[name], "variables": variables}
        credential = {"A": callers.tokens[customer], "M": callers.till}.get(name, callers.staff)
        headers = {"Authorization": f"Bearer {credential}"} if server.ours else {"x-customer": customer}
        made.append({"headers": headers, "body": json.dumps(body), "fresh": name == "M"})
    return made


def sold_to(number: int, callers: Callers) -> Sequence[str]:
    """Return the customers that a server sells to: else the fastest would fill the histories that others work with."""
    return callers.customers[number :: len(CONTENDERS) + 1]


class Client:
    """One connection, on which one request follows the other."""

    def __init__(self, server: Running) -> None:
        address = urlsplit(server.url)
        self._server = server
        self._path = address.path
        self._connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=SECONDS_MAX)
        self._sent = 0

    def data(self, request: Request) -> Any:
        """Return the data of an answer without errors."""
        answer = json.loads(self._answer(request))
        assert "errors" not in answer, f"{self._server.contender.name} answers {answer['errors']}"
        return answer["data"]

    def seconds(self, request: Request) -> float:
        """Return the seconds from sending a request to having its answer, which must have no errors."""
        began = time.perf_counter()
        answer = self._answer(request)
        taken = time.perf_counter() - began
        assert b'"errors"' not in answer, f"{self._server.contender.name} answers {answer!r}"
        return taken

    def _answer(self, request: Request) -> bytes:
        self._sent += 1
        body = request["body"].replace("FRESH", f"once-{self._server.pid}-{id(self)}-{self._sent}").encode()
        headers = {"Content-Type": "application/json", **request["headers"]}
        self._connection.request("POST", self._path, body, headers)
        return self._connection.getresponse().read()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def send(url: str, these: Sequence[Request], *, seconds: int, connections: int = CONNECTIONS) -> dict[str, Any]:
    """Send requests from many connections for a while; return how many were answered or failed, p50 and p99 in ms."""
    job = {"url": url, "requests": list(these), "connections": connections, "seconds": seconds}
    command = ["node", str(PEERS / "load.mjs")]
    done = subprocess.run(
        command, input=json.dumps(job), capture_output=True, text=True, check=True, timeout=seconds + SECONDS_MAX
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told
