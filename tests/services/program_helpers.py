"""What the tests about the programme share: GraphQL documents, short rules, and what the worker does."""

from datetime import datetime
from typing import Any

from crm.callers import Caller
from services import upkeep
from services.checking import check
from tests.support import ADMIN, ERRORS, STAFF, World, whole

PROGRAM_FIELDS = """
id version name validFrom
earningRules { id name event eventName pointsPerUnit points categories skus channels storeCodes tiers startsAt endsAt
  capPoints capPeriod active }
tiers { id name threshold earnMultiplier benefits }
rewards { id title points kind value { amount } product { sku } stock perCustomerLimit active }
pending { kind days event } expiry { kind months } returns
tierPolicy { basis window graceDays keepOnReturn } overdraftPoints
referral { referrerPoints refereePoints minimumSpend { amount } perReferrerLimit }
"""
SAVE = f"""mutation($input: LoyaltyProgramInput!) {{ saveLoyaltyProgram(input: $input) {{
  loyaltyProgram {{ {PROGRAM_FIELDS} }} replayed {ERRORS} }} }}"""
PROGRAM = f"{{ loyaltyProgram {{ {PROGRAM_FIELDS} }} }}"
LOYALTY = """query($id: ID!) { customer(by: {id: $id}) { loyalty {
  balance { available pending held debt lifetimeEarned nextExpiry { points at } }
  tier { tier { name } since until qualifyingPoints next { name } pointsToNext }
  lots { earned remaining earnedAt activeAt expiresAt source { kind nodeId } }
  transactions(first: 100) { nodes { type points balanceAfter at occurredAt reason source { kind nodeId } } } } } }"""
TRACK = f"""mutation($customer: CustomerKey, $events: [EventInput!]!) {{
  trackEvents(customer: $customer, events: $events) {{
    account {{ balance {{ available pending }} }} replayed {ERRORS} }} }}"""
ADJUST = f"""mutation($id: ID!, $points: Int!) {{
  adjustPoints(customer: {{id: $id}}, points: $points, reason: "By hand") {{ transaction {{ id }} {ERRORS} }} }}"""
FEEDBACK = f"""mutation($id: ID!) {{
  submitFeedback(input: {{kind: IDEA, channel: WEB, customer: {{id: $id}}}}) {{ feedback {{ id }} {ERRORS} }} }}"""
UPDATE = f"""mutation($id: ID!, $input: UpdateCustomerInput!) {{
  updateCustomer(by: {{id: $id}}, input: $input) {{ customer {{ id }} {ERRORS} }} }}"""
STORE = f"""mutation($input: StoreInput!) {{ saveStore(input: $input) {{ store {{ id }} {ERRORS} }} }}"""


def rule(**fields: Any) -> dict[str, Any]:
    """Return the input of a rule: 1 point for every unit of a purchase."""
    usual: dict[str, Any] = {"name": "Base", "event": "PURCHASE"}
    return usual | ({} if "points" in fields else {"pointsPerUnit": "1"}) | fields


def flat(points: int, **fields: Any) -> dict[str, Any]:
    """Return the input of a rule that gives flat points."""
    return rule(**{"name": "Extra", "points": points, **fields})


async def try_save(world: World, *, caller: Caller = ADMIN, **input: Any) -> dict[str, Any]:
    """Save a version and return the payload."""
    payload: dict[str, Any] = (await world.data(SAVE, {"input": input}, caller=caller))["saveLoyaltyProgram"]
    return payload


async def save(world: World, **input: Any) -> dict[str, Any]:
    """Save a version, which must be right, and return it."""
    payload = await try_save(world, **input)
    assert payload["userErrors"] == []
    program: dict[str, Any] = payload["loyaltyProgram"]
    return program


async def in_force(world: World) -> dict[str, Any]:
    """Return the version in force now, as clients see it."""
    program: dict[str, Any] = (await world.data(PROGRAM))["loyaltyProgram"]
    return program


async def buy(world: World, customer: str, id: str, amount: int, **fields: Any) -> dict[str, Any]:
    """Sell for a whole amount, now unless said otherwise, and return the purchase."""
    usual = whole(amount, id=id, customer={"id": customer}, occurredAt=world.clock().isoformat())
    payload = await world.sell(**usual | fields)
    assert payload["userErrors"] == []
    purchase: dict[str, Any] = payload["purchase"]
    return purchase


async def earned(world: World, customer: str, id: str, amount: int, **fields: Any) -> int:
    """Sell and return the points that the sale earned."""
    return int((await buy(world, customer, id, amount, **fields))["pointsEarned"])


async def loyalty(world: World, customer: str) -> dict[str, Any]:
    """Return all that a customer sees of points and tier now."""
    found: dict[str, Any] = (await world.data(LOYALTY, {"id": customer}))["customer"]["loyalty"]
    return found


async def balance(world: World, customer: str) -> tuple[int, int, int]:
    """Return what is available, pending and owed."""
    now = (await loyalty(world, customer))["balance"]
    return now["available"], now["pending"], now["debt"]


async def posted(world: World, customer: str) -> list[tuple[str, int, str | None]]:
    """Return a customer's stored entries as (type, points, reason), oldest first."""
    found = sorted(await world.all("points_transactions", {"owner": customer}), key=lambda entry: entry["sequence"])
    return [(entry["type"], entry["points"], entry.get("reason")) for entry in found]


def event(id: str, name: str = "quiz", **fields: Any) -> dict[str, Any]:
    """Return the input of an event."""
    usual = {"name": name, "externalId": {"source": "app", "value": id}, "occurredAt": "2026-11-21T12:00:00Z"}
    return usual | fields


async def track(world: World, customer: str | None, *events: dict[str, Any], caller: Caller = STAFF) -> dict[str, Any]:
    """Track events and return the payload."""
    variables: dict[str, Any] = {"events": list(events)}
    if customer:
        variables["customer"] = {"id": customer}
    payload: dict[str, Any] = (await world.data(TRACK, variables, caller=caller))["trackEvents"]
    return payload


async def adjust(world: World, customer: str, points: int) -> None:
    """Give or take points by hand."""
    assert (await world.data(ADJUST, {"id": customer, "points": points}))["adjustPoints"]["userErrors"] == []


async def say(world: World, customer: str) -> None:
    """Let a customer give feedback."""
    assert (await world.data(FEEDBACK, {"id": customer}))["submitFeedback"]["userErrors"] == []


async def update(world: World, customer: str, **input: Any) -> None:
    """Change a customer's profile."""
    changed = await world.data(UPDATE, {"id": customer, "input": input})
    assert changed["updateCustomer"]["userErrors"] == []


async def save_store(world: World, code: str, zone: str) -> None:
    """Save a store with its time zone."""
    assert (await world.data(STORE, {"input": {"code": code, "timeZone": zone}}))["saveStore"]["userErrors"] == []


async def settle(world: World) -> int:
    """Let the worker write down what fell due; return how many accounts it settled."""
    done = 0
    while count := await upkeep.settle_due(world.call()):
        done += count
    return done


async def reconsider(world: World) -> int:
    """Let the worker follow the tiers; return how many accounts it did."""
    done = 0
    while count := await upkeep.reconsider_due_tiers(world.call()):
        done += count
    return done


async def birthdays(world: World) -> None:
    """Let the worker grant the birthdays that have begun."""
    while await upkeep.grant_birthdays(world.call()):
        pass


async def clean(world: World) -> None:
    """Hold that everything stored follows from the ledger and the purchases."""
    assert (await check(world.call())).differences == []


def at(world: World, text: str) -> None:
    """Move the clock to an instant."""
    world.clock.now = datetime.fromisoformat(text)
