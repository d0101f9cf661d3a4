"""What the tests about sales and points share: documents, and short questions to the database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from crm.callers import Caller
from crm.ids import account_of
from tests.support import ADMIN, ERRORS, PURCHASE_FIELDS, RETURN, World, sale

RETURN_FIELDS = "id total { amount } pointsTakenBack lines { lineNumber quantity total { amount } }"
CLAIM = f"""mutation($purchase: PurchaseKey!, $customer: CustomerKey, $token: String) {{
  claimPurchase(purchase: $purchase, customer: $customer, receiptToken: $token) {{
    purchase {{ {PURCHASE_FIELDS} }} receiptToken replayed {ERRORS} }} }}"""
CANCEL = f"""mutation($purchase: PurchaseKey!, $id: String!, $at: DateTime!) {{
  cancelPurchase(purchase: $purchase, externalId: {{source: "till-7", value: $id}}, occurredAt: $at) {{
    purchase {{ {PURCHASE_FIELDS} }} purchaseReturn {{ {RETURN_FIELDS} }} replayed {ERRORS} }} }}"""
BATCH = f"""mutation($inputs: [RecordPurchaseInput!]!) {{ recordPurchases(inputs: $inputs) {{
  results {{ purchase {{ {PURCHASE_FIELDS} }} receiptToken replayed {ERRORS} }} replayed {ERRORS} }} }}"""
RETURNS = f"""mutation($inputs: [RecordReturnInput!]!) {{ recordReturns(inputs: $inputs) {{
  results {{ purchase {{ id status }} purchaseReturn {{ id }} replayed {ERRORS} }} replayed {ERRORS} }} }}"""
METRICS = """query($id: ID!) { customer(by: {id: $id}) { metrics {
  purchaseCount totalSpent { amount } averageOrderValue { amount } firstPurchaseAt lastPurchaseAt } } }"""
TIER = """query($id: ID!) { customer(by: {id: $id}) { loyalty { tier {
  tier { name } since until qualifyingPoints next { name } pointsToNext } } } }"""


def ago(world: World, **span: float) -> str:
    """Return an instant that far before the world's clock."""
    return (world.clock() - timedelta(**span)).isoformat()


def instant(text: str) -> datetime:
    """Return an instant of UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def line(number: int, quantity: str, price: str, **fields: Any) -> dict[str, Any]:
    """Return one line of a sale."""
    return {
        "lineNumber": number,
        "sku": f"SKU-{number}",
        "title": f"SKU-{number}",
        "quantity": quantity,
        "unitPrice": price,
        **fields,
    }


def back(world: World, purchase: str, lines: dict[int, str], /, *, id: str = "r-1", **fields: Any) -> dict[str, Any]:
    """Return the input of a return; `fields` win over what stands in the other arguments."""
    return {
        "externalId": {"source": "till-7", "value": id},
        "purchase": {"id": purchase},
        "occurredAt": world.clock().isoformat(),
        "lines": [{"lineNumber": number, "quantity": quantity} for number, quantity in lines.items()],
        **fields,
    }


def codes(payload: dict[str, Any]) -> list[str]:
    """Return the codes of a payload's user errors."""
    return [error["code"] for error in payload["userErrors"]]


async def contents(world: World) -> dict[str, list[dict[str, Any]]]:
    """Return every document of every collection."""
    return {
        name: sorted(await world.all(name), key=lambda document: str(document["_id"]))
        for name in await world.everything()
    }


@asynccontextmanager
async def nothing_written(world: World) -> AsyncIterator[None]:
    """Hold that whatever happens inside leaves every collection as it was, to the last field."""
    before = await contents(world)
    yield
    assert await contents(world) == before


async def ledger_of(world: World, customer: str) -> list[tuple[str, int, int]]:
    """Return a customer's entries as (type, points, balance after), oldest first."""
    entries = sorted(await world.all("points_transactions", {"owner": customer}), key=lambda entry: entry["sequence"])
    return [(entry["type"], entry["points"], entry["balanceAfter"]) for entry in entries]


async def account(world: World, customer: str) -> dict[str, Any]:
    """Return a customer's stored account."""
    (found,) = await world.all("loyalty_accounts", {"_id": account_of(customer)})
    return found


async def metrics(world: World, customer: str) -> dict[str, Any]:
    """Return a customer's metrics."""
    found: dict[str, Any] = (await world.data(METRICS, {"id": customer}))["customer"]["metrics"]
    return found


async def tier(world: World, customer: str) -> dict[str, Any]:
    """Return a customer's tier now."""
    found: dict[str, Any] = (await world.data(TIER, {"id": customer}))["customer"]["loyalty"]["tier"]
    return found


async def claim(world: World, purchase: str, *, caller: Caller = ADMIN, **arguments: Any) -> dict[str, Any]:
    """Claim a purchase and return the payload."""
    if "customer" in arguments:
        arguments["customer"] = {"id": arguments["customer"]}
    payload: dict[str, Any] = (await world.data(CLAIM, {"purchase": {"id": purchase}, **arguments}, caller=caller))[
        "claimPurchase"
    ]
    return payload


async def cancel(world: World, purchase: str, *, id: str = "c-1") -> dict[str, Any]:
    """Cancel a purchase and return the payload."""
    variables = {"purchase": {"id": purchase}, "id": id, "at": world.clock().isoformat()}
    payload: dict[str, Any] = (await world.data(CANCEL, variables))["cancelPurchase"]
    return payload


async def take(world: World, input: dict[str, Any], *, caller: Caller = ADMIN) -> dict[str, Any]:
    """Record a return and return the payload."""
    payload: dict[str, Any] = (await world.data(RETURN, {"input": input}, caller=caller))["recordReturn"]
    return payload


async def batch(world: World, *rows: dict[str, Any], caller: Caller = ADMIN) -> dict[str, Any]:
    """Record a batch of sales and return the payload."""
    payload: dict[str, Any] = (await world.data(BATCH, {"inputs": list(rows)}, caller=caller))["recordPurchases"]
    return payload


def row(world: World, id: str, amount: int, *, minutes: float = 0, **fields: Any) -> dict[str, Any]:
    """Return a sale of `amount` whole units, `minutes` before now."""
    usual = {
        "lines": [line(1, "1", f"{amount}.00")],
        "total": f"{amount}.00",
        "occurredAt": ago(world, minutes=minutes),
    }
    return sale(id=id, **usual | fields)
