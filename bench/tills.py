"""Tills under load: sales, holds, captures, redemptions and returns on a few accounts, and what they were told.

Every request has an idempotency key and is kept until it is answered: what a crash left unanswered is sent again with
its key. What was acknowledged is counted here, apart from the server, so that both can be compared in the end.
"""

import asyncio
import random
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

TIMEOUT_SECONDS = 15.0
IN_USE, THROTTLED = "IDEMPOTENCY_KEY_IN_USE", "THROTTLED"
ERRORS = "replayed userErrors { code message }"
DOCUMENTS = {
    "sale": f"""mutation($input: RecordPurchaseInput!, $key: String!) {{
      answer: recordPurchase(input: $input) @idempotent(key: $key) {{
        purchase {{ id pointsEarned pointsSpent }} {ERRORS} }} }}""",
    "return": f"""mutation($input: RecordReturnInput!, $key: String!) {{
      answer: recordReturn(input: $input) @idempotent(key: $key) {{
        purchaseReturn {{ id pointsTakenBack pointsGivenBack }} {ERRORS} }} }}""",
    "hold": f"""mutation($customer: ID!, $points: Int!, $key: String!) {{
      answer: holdPoints(customer: {{id: $customer}}, points: $points) @idempotent(key: $key) {{
        hold {{ id points }} {ERRORS} }} }}""",
    "capture": f"""mutation($hold: ID!, $points: Int, $key: String!) {{
      answer: captureHold(holdId: $hold, points: $points) @idempotent(key: $key) {{
        hold {{ id captured }} {ERRORS} }} }}""",
    "release": f"""mutation($hold: ID!, $key: String!) {{
      answer: releaseHold(holdId: $hold) @idempotent(key: $key) {{ hold {{ id captured }} {ERRORS} }} }}""",
    "redeem": f"""mutation($customer: ID!, $reward: ID!, $key: String!) {{
      answer: redeemReward(customer: {{id: $customer}}, rewardId: $reward) @idempotent(key: $key) {{
        code transaction {{ points }} {ERRORS} }} }}""",
}
CREATE = (
    """mutation($email: String!) { createCustomer(input: {email: $email}) { customer { id } userErrors { code } } }"""
)
PROGRAM = """mutation { saveLoyaltyProgram(input: {
  rewards: [{title: "Coffee", points: 20, kind: AMOUNT_OFF, value: "2.00"}], overdraftPoints: 50 }) {
  loyaltyProgram { rewards { id } } userErrors { code message } } }"""


@dataclass(slots=True)
class Request:
    """One mutation, the same at every try; `customer` is whose account it changes."""

    kind: str
    customer: str
    variables: dict[str, Any]


@dataclass
class Told:
    """What was acknowledged for one customer: points in and out, and the names of what was recorded."""

    earned: int = 0
    spent: int = 0
    taken_back: int = 0
    given_back: int = 0
    purchases: set[str] = field(default_factory=set)


class Endpoint:
    """A GraphQL endpoint; raises `httpx.HTTPError` where it does not answer."""

    def __init__(self, url: str, key: str, connections: int) -> None:
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        headers = {"Authorization": f"Bearer {key}"}
        self._client = httpx.AsyncClient(headers=headers, limits=limits, timeout=TIMEOUT_SECONDS)
        self._url = url

    async def ask(self, query: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the data of an operation; an answer without data counts as none."""
        response = await self._client.post(self._url, json={"query": query, "variables": variables or {}})
        body = response.json()
        if response.status_code != httpx.codes.OK or "errors" in body:
            raise httpx.HTTPError(f"{response.status_code}: {body}")
        data: dict[str, Any] = body["data"]
        return data

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()


@dataclass
class Shop:
    """The accounts that the tills compete for."""

    customers: list[str]
    reward: str


async def prepared(endpoint: Endpoint, customers: int) -> Shop:
    """Make customers and a reward."""
    saved = (await endpoint.ask(PROGRAM))["saveLoyaltyProgram"]
    made = [
        (await endpoint.ask(CREATE, {"email": f"load-{index}-{time.time_ns()}@example.com"}))["createCustomer"]
        for index in range(customers)
    ]
    return Shop([one["customer"]["id"] for one in made], saved["loyaltyProgram"]["rewards"][0]["id"])


class Load:
    """Many connections that do what tills do, until told to stop."""

    def __init__(self, shop: Shop, seed: int) -> None:
        self.shop = shop
        self.told = {customer: Told() for customer in shop.customers}
        self.unanswered: list[Request] = []
        self.refused: dict[str, int] = {}
        self.seconds: list[float] = []
        self._random = random.Random(seed)
        self._run = f"{time.time_ns():x}"
        self._count = 0
        self._purchases: list[tuple[str, str]] = []
        self._holds: list[tuple[str, str, int]] = []

    async def run(self, endpoint: Endpoint, connections: int, seconds: float) -> None:
        """Send requests over so many connections for so long; what is not answered stays in `unanswered`."""
        deadline = time.monotonic() + seconds

        async def till() -> None:
            while time.monotonic() < deadline:
                if not await self.send(endpoint, self._next()):
                    await asyncio.sleep(0.05)

        await asyncio.gather(*(till() for _ in range(connections)))

    async def replay(self, endpoint: Endpoint, seconds: float) -> None:
        """Send everything unanswered again, with its key, until it is answered or the time is over."""
        deadline = time.monotonic() + seconds
        while self.unanswered and time.monotonic() < deadline:
            waiting, self.unanswered = self.unanswered, []
            for request in waiting:
                await self.send(endpoint, request)
            if self.unanswered:
                await asyncio.sleep(0.5)

    async def send(self, endpoint: Endpoint, request: Request) -> bool:
        """Send a request and count the answer; False where there was none, or one that says to come again."""
        began = time.perf_counter()
        answer: dict[str, Any] | None = None
        with suppress(httpx.HTTPError, ValueError):
            answer = (await endpoint.ask(DOCUMENTS[request.kind], request.variables))["answer"]
        codes = {error["code"] for error in answer["userErrors"]} if answer else set()
        if answer is None or codes & {IN_USE, THROTTLED}:
            self.unanswered.append(request)
            self._count_codes(codes)
            return False
        self.seconds.append(time.perf_counter() - began)
        self._count_codes(codes)
        if not codes:
            self._acknowledge(request, answer)
        return True

    def _count_codes(self, codes: Iterable[str]) -> None:
        for code in codes:
            self.refused[code] = self.refused.get(code, 0) + 1

    def _acknowledge(self, request: Request, answer: dict[str, Any]) -> None:
        told = self.told[request.customer]
        if request.kind == "sale":
            purchase = answer["purchase"]
            told.earned += purchase["pointsEarned"]
            told.spent += purchase["pointsSpent"]
            told.purchases.add(purchase["id"])
            self._purchases.append((request.customer, purchase["id"]))
        elif request.kind == "return":
            told.taken_back += answer["purchaseReturn"]["pointsTakenBack"]
            told.given_back += answer["purchaseReturn"]["pointsGivenBack"]
        elif request.kind == "hold":
            self._holds.append((request.customer, answer["hold"]["id"], answer["hold"]["points"]))
        elif request.kind == "capture":
            told.spent += answer["hold"]["captured"]
        elif request.kind == "redeem":
            told.spent -= answer["transaction"]["points"]

    def _next(self) -> Request:
        """Return a new request: half of them sales, the others what tills do with points and goods."""
        choice, customer = self._random.random(), self._random.choice(self.shop.customers)
        self._count += 1
        key = f"{self._run}-{self._count}"
        if choice < 0.15 and self._purchases:
            return self._return(key, *self._purchases.pop(self._random.randrange(len(self._purchases))))
        if choice < 0.25:
            points = self._random.randint(1, 40)
            return Request("hold", customer, {"customer": customer, "points": points, "key": key})
        if choice < 0.45 and self._holds:
            return self._end_hold(key, *self._holds.pop(self._random.randrange(len(self._holds))))
        if choice < 0.5:
            return Request("redeem", customer, {"customer": customer, "reward": self.shop.reward, "key": key})
        return self._sale(key, customer, {"points": 10} if choice < 0.6 else {})

    def _end_hold(self, key: str, customer: str, hold: str, points: int) -> Request:
        choice = self._random.random()
        if choice < 0.4:
            return self._sale(key, customer, {"holdId": hold})
        if choice < 0.7:
            part = self._random.randint(1, points)
            return Request("capture", customer, {"hold": hold, "points": part, "key": key})
        return Request("release", customer, {"hold": hold, "key": key})

    def _sale(self, key: str, customer: str, paid: dict[str, Any]) -> Request:
        quantity = self._random.randint(1, 5)
        line = {"lineNumber": 1, "sku": "MUG", "title": "Mug", "quantity": str(quantity), "unitPrice": "9.90"}
        input_ = {
            "externalId": {"source": "load", "value": key},
            "customer": {"id": customer},
            "channel": "POS",
            "occurredAt": datetime.now(UTC).isoformat(),
            "currencyCode": "USD",
            "lines": [line],
            "total": f"{quantity * 990 / 100:.2f}",
            **paid,
        }
        return Request("sale", customer, {"input": input_, "key": key})

    def _return(self, key: str, customer: str, purchase: str) -> Request:
        input_ = {
            "externalId": {"source": "load", "value": key},
            "purchase": {"id": purchase},
            "occurredAt": datetime.now(UTC).isoformat(),
            "lines": [{"lineNumber": 1, "quantity": "1"}],
        }
        return Request("return", customer, {"input": input_, "key": key})


def quantile(values: Sequence[float], part: float) -> float:
    """Return the value below which `part` of the values lie."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]
