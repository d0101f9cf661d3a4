"""What the tests of points share: GraphQL documents, and small functions named for what they do."""

import asyncio
from collections.abc import Awaitable, Iterable
from datetime import timedelta
from typing import Any

import pytest

from crm.callers import Caller
from tests.services.program_helpers import save
from tests.support import ADMIN, ERRORS, POS, PURCHASE_FIELDS, STAFF, World, sale

BALANCE_FIELDS = "available pending held debt lifetimeEarned nextExpiry { points at }"
ACCOUNT_FIELDS = f"account {{ id balance {{ {BALANCE_FIELDS} }} }}"
HOLD_FIELDS = "hold { id points captured status expiresAt }"
TRANSACTION_FIELDS = (
    "id type points balanceAfter at occurredAt reason source { kind nodeId externalId { source value } }"
)
REWARD_FIELDS = "id title description points kind value { amount } stock perCustomerLimit active"

HOLD = f"""mutation($customer: CustomerKey, $points: Int!, $ttl: Int! = 900) {{
  holdPoints(customer: $customer, points: $points, ttlSeconds: $ttl) {{
    {HOLD_FIELDS} {ACCOUNT_FIELDS} replayed {ERRORS} }} }}"""
CAPTURE = f"""mutation($hold: ID!, $points: Int) {{
  captureHold(holdId: $hold, points: $points) {{ {HOLD_FIELDS} {ACCOUNT_FIELDS} replayed {ERRORS} }} }}"""
RELEASE = f"""mutation($hold: ID!) {{
  releaseHold(holdId: $hold) {{ {HOLD_FIELDS} {ACCOUNT_FIELDS} replayed {ERRORS} }} }}"""
REDEEM = f"""mutation($customer: CustomerKey, $reward: ID!) {{
  redeemReward(customer: $customer, rewardId: $reward) {{
    reward {{ {REWARD_FIELDS} }} code transaction {{ {TRANSACTION_FIELDS} }} {ACCOUNT_FIELDS} replayed {ERRORS} }} }}"""
ADJUST = f"""mutation($customer: CustomerKey!, $points: Int!, $reason: String!) {{
  adjustPoints(customer: $customer, points: $points, reason: $reason) {{
    transaction {{ {TRANSACTION_FIELDS} }} {ACCOUNT_FIELDS} replayed {ERRORS} }} }}"""
TRANSFER = f"""mutation($from: CustomerKey!, $to: CustomerKey!, $points: Int!) {{
  transferPoints(from: $from, to: $to, points: $points) {{
    from {{ id balance {{ {BALANCE_FIELDS} }} }} to {{ id balance {{ {BALANCE_FIELDS} }} }} replayed {ERRORS} }} }}"""
TRACK = f"""mutation($customer: CustomerKey, $events: [EventInput!]!) {{
  trackEvents(customer: $customer, events: $events) {{ {ACCOUNT_FIELDS} replayed {ERRORS} }} }}"""
PAID_SALE = f"""mutation($input: RecordPurchaseInput!) {{ recordPurchase(input: $input) {{
  purchase {{ {PURCHASE_FIELDS} pointsSpent }} receiptToken replayed warnings {{ code field }} {ERRORS} }} }}"""
PAID_BATCH = f"""mutation($inputs: [RecordPurchaseInput!]!) {{ recordPurchases(inputs: $inputs) {{
  results {{ purchase {{ id pointsEarned pointsSpent status }} receiptToken replayed {ERRORS} }}
  replayed {ERRORS} }} }}"""
HOLDS = """query($id: ID!) { customer(by: {id: $id}) { loyalty { holds { id points captured status expiresAt } } } }"""
LOTS = """query($id: ID!) { customer(by: {id: $id}) { loyalty {
  lots { id earned remaining earnedAt activeAt expiresAt source { kind nodeId } } } } }"""
REWARDS = f"""query($id: ID!) {{ customer(by: {{id: $id}}) {{ loyalty {{
  rewards {{ reward {{ {REWARD_FIELDS} }} affordable missingPoints }} }} }} }}"""
TRANSACTIONS = f"""query($id: ID!) {{ customer(by: {{id: $id}}) {{ loyalty {{
  transactions(first: 100) {{ nodes {{ {TRANSACTION_FIELDS} }} }} }} }} }}"""
AS_OF = f"""query($id: ID!, $at: DateTime!) {{ customer(by: {{id: $id}}) {{ loyalty {{
  balanceAsOf(at: $at) {{ {BALANCE_FIELDS} }} }} }} }}"""

TIME_OUT = [pytest.param(False, id="by the clock"), pytest.param(True, id="by the worker")]


def keyed(document: str, key: str) -> str:
    """Return a mutation with an idempotency key on its first field."""
    head, rest = _at_field(document)
    return f'{head} @idempotent(key: "{key}") {rest}'


def _at_field(document: str) -> tuple[str, str]:
    """Split a mutation behind the arguments of its first field."""
    start = document.index("(", document.index("{"))
    depth = 0
    for index in range(start, len(document)):
        depth += {"(": 1, ")": -1}.get(document[index], 0)
        if not depth:
            return document[: index + 1], document[index + 1 :]
    raise ValueError("The first field has no arguments.")


async def run(world: World, document: str, variables: dict[str, Any], *, caller: Caller, key: str | None) -> Any:
    """Run a mutation of one field and return its payload."""
    data = await world.data(keyed(document, key) if key else document, variables, caller=caller)
    (payload,) = data.values()
    return payload


def whose(customer: str | dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a customer's key; an id stands for itself."""
    return {"id": customer} if isinstance(customer, str) else customer


async def hold(
    world: World,
    customer: str | dict[str, Any] | None,
    points: int,
    *,
    ttl: int = 900,
    caller: Caller = POS,
    key: str | None = None,
) -> dict[str, Any]:
    """Hold points and return the payload."""
    variables = {"customer": whose(customer), "points": points, "ttl": ttl}
    payload: dict[str, Any] = await run(world, HOLD, variables, caller=caller, key=key)
    return payload


async def held(world: World, customer: str | dict[str, Any], points: int, **fields: Any) -> str:
    """Hold points that are there and return the hold's id."""
    payload = await hold(world, customer, points, **fields)
    assert payload["userErrors"] == []
    return str(payload["hold"]["id"])


async def capture(
    world: World, hold_id: str, points: int | None = None, *, caller: Caller = POS, key: str | None = None
) -> dict[str, Any]:
    """Capture a hold and return the payload."""
    variables = {"hold": hold_id, "points": points}
    payload: dict[str, Any] = await run(world, CAPTURE, variables, caller=caller, key=key)
    return payload


def told(payload: dict[str, Any]) -> tuple[int, int, str]:
    """Return (points, captured, status) of a hold that was made or ended."""
    assert payload["userErrors"] == []
    made = payload["hold"]
    return made["points"], made["captured"], made["status"]


async def release(world: World, hold_id: str, *, caller: Caller = POS, key: str | None = None) -> dict[str, Any]:
    """Release a hold and return the payload."""
    payload: dict[str, Any] = await run(world, RELEASE, {"hold": hold_id}, caller=caller, key=key)
    return payload


async def redeem(
    world: World,
    customer: str | dict[str, Any] | None,
    reward: str,
    *,
    caller: Caller = POS,
    key: str | None = None,
) -> dict[str, Any]:
    """Redeem a reward and return the payload."""
    variables = {"customer": whose(customer), "reward": reward}
    payload: dict[str, Any] = await run(world, REDEEM, variables, caller=caller, key=key)
    return payload


async def adjust(
    world: World,
    customer: str | dict[str, Any],
    points: int,
    reason: str = "Goodwill",
    *,
    caller: Caller = STAFF,
    key: str | None = None,
) -> dict[str, Any]:
    """Adjust points and return the payload."""
    variables = {"customer": whose(customer), "points": points, "reason": reason}
    payload: dict[str, Any] = await run(world, ADJUST, variables, caller=caller, key=key)
    return payload


async def transfer(
    world: World,
    from_: str | dict[str, Any],
    to: str | dict[str, Any],
    points: int,
    *,
    caller: Caller = STAFF,
    key: str | None = None,
) -> dict[str, Any]:
    """Transfer points and return the payload."""
    variables = {"from": whose(from_), "to": whose(to), "points": points}
    payload: dict[str, Any] = await run(world, TRANSFER, variables, caller=caller, key=key)
    return payload


async def track(
    world: World,
    customer: str | dict[str, Any] | None,
    *events: dict[str, Any],
    caller: Caller = ADMIN,
    key: str | None = None,
) -> dict[str, Any]:
    """Track events and return the payload."""
    variables = {"customer": whose(customer), "events": list(events)}
    payload: dict[str, Any] = await run(world, TRACK, variables, caller=caller, key=key)
    return payload


def event(world: World, name: str, *, id: str = "e-1", **fields: Any) -> dict[str, Any]:
    """Return the input of an event that happens now."""
    external = {"source": "app", "value": id}
    return {"name": name, "externalId": external, "occurredAt": world.clock().isoformat(), **fields}


def amount_off(points: int, value: str, **fields: Any) -> dict[str, Any]:
    """Return the input of a reward that takes money off."""
    return {"title": f"{value} off", "points": points, "kind": "AMOUNT_OFF", "value": value, **fields}


async def rewards(world: World, *inputs: dict[str, Any]) -> list[str]:
    """Save a version with these rewards and return their ids, in the order given."""
    return [str(reward["id"]) for reward in (await save(world, rewards=list(inputs)))["rewards"]]


async def rich(world: World, points: int, *, email: str = "ann@example.com") -> str:
    """Create a customer with so many points, given by hand, and return the id."""
    customer = await world.customer(email=email)
    payload = await adjust(world, customer, points, "To begin with")
    assert payload["userErrors"] == []
    return customer


def paid(
    world: World, amount: int, *, off: str = "0", customer: str | dict[str, Any] | None = None, **fields: Any
) -> dict[str, Any]:
    """Return the input of a sale now of `amount` whole units, of which points or rewards took `off` on the whole."""
    line = {"lineNumber": 1, "sku": "MUG", "title": "Mug", "quantity": "1", "unitPrice": f"{amount}.00"}
    cents = amount * 100 - round(float(off) * 100)
    usual = {
        "lines": [line],
        "discountTotal": off,
        "total": f"{cents // 100}.{cents % 100:02}",
        "occurredAt": world.clock().isoformat(),
        "customer": whose(customer),
    }
    return sale(**usual | fields)


async def buy(world: World, input: dict[str, Any], *, caller: Caller = ADMIN, key: str | None = None) -> dict[str, Any]:
    """Record a sale and return its payload, `pointsSpent` included."""
    payload: dict[str, Any] = await run(world, PAID_SALE, {"input": input}, caller=caller, key=key)
    return payload


async def bought(world: World, input: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Record a sale that holds and return the purchase."""
    payload = await buy(world, input, **fields)
    assert payload["userErrors"] == []
    purchase: dict[str, Any] = payload["purchase"]
    return purchase


async def send_day(
    world: World, rows: Iterable[dict[str, Any]], *, caller: Caller = ADMIN, key: str | None = None
) -> dict[str, Any]:
    """Send a till's day and return the payload."""
    payload: dict[str, Any] = await run(world, PAID_BATCH, {"inputs": list(rows)}, caller=caller, key=key)
    return payload


def problems(payload: dict[str, Any]) -> list[tuple[str, list[str] | None]]:
    """Return a payload's user errors as (code, field)."""
    return [(error["code"], error["field"]) for error in payload["userErrors"]]


async def _loyalty(world: World, document: str, customer: str, *, caller: Caller, **variables: Any) -> dict[str, Any]:
    data = await world.data(document, {"id": customer, **variables}, caller=caller)
    found: dict[str, Any] = data["customer"]["loyalty"]
    return found


async def totals(world: World, customer: str) -> tuple[int, int, int, int]:
    """Return (available, pending, held, debt) now."""
    balance = await world.points(customer)
    return balance["available"], balance["pending"], balance["held"], balance["debt"]


async def holds(world: World, customer: str) -> list[dict[str, Any]]:
    """Return the holds that are active now."""
    found: list[dict[str, Any]] = (await _loyalty(world, HOLDS, customer, caller=ADMIN))["holds"]
    return found


async def lots(world: World, customer: str) -> list[dict[str, Any]]:
    """Return the lots with points left now."""
    found: list[dict[str, Any]] = (await _loyalty(world, LOTS, customer, caller=ADMIN))["lots"]
    return found


async def options(world: World, customer: str) -> list[tuple[str, bool, int]]:
    """Return the rewards a customer is shown as (title, affordable, missing points)."""
    found = (await _loyalty(world, REWARDS, customer, caller=ADMIN))["rewards"]
    return [(one["reward"]["title"], one["affordable"], one["missingPoints"]) for one in found]


async def transactions(world: World, customer: str) -> list[dict[str, Any]]:
    """Return the newest 100 entries as clients see them, newest first."""
    found = await _loyalty(world, TRANSACTIONS, customer, caller=ADMIN)
    nodes: list[dict[str, Any]] = found["transactions"]["nodes"]
    return nodes


async def as_of(world: World, customer: str, at: str) -> dict[str, Any]:
    """Return the balance as it stood at an instant."""
    found: dict[str, Any] = (await _loyalty(world, AS_OF, customer, caller=ADMIN, at=at))["balanceAsOf"]
    return found


def then(world: World, **span: float) -> str:
    """Return an instant that far after the world's clock."""
    return (world.clock() + timedelta(**span)).isoformat()


async def together(*calls: Awaitable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Run requests at once and return their payloads in the order given."""
    return list(await asyncio.gather(*calls))
