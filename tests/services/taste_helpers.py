"""What a test asks of counters, statistics and recommendations."""

from typing import Any

from crm.ids import product_id
from crm.taste.counters import Tally, counted
from services import shop_statistics
from store.tastes import COUNTED_MAX
from tests.support import ADMIN, World

MUG, TEA, CAKE = product_id("MUG"), product_id("TEA"), product_id("CAKE")


def basket(*skus: str, categories: dict[str, str] | None = None, quantity: str = "1", **fields: Any) -> dict[str, Any]:
    """Return the fields of a sale with one line of 1.00 for each SKU."""
    named = categories or {}
    lines = [
        {"lineNumber": number, "sku": sku, "title": sku.title(), "quantity": quantity, "unitPrice": "1.00"}
        | ({"category": named[sku]} if sku in named else {})
        for number, sku in enumerate(skus, 1)
    ]
    return {"lines": lines, "total": f"{len(skus) * int(quantity)}.00", **fields}


async def counts(world: World, owner: str) -> dict[str, int]:
    """Return in how many baskets each thing was, by product id or category."""
    found: dict[str, int] = {}
    for document in await world.all("tastes", {"owner": owner}):
        for map_ in ("products", "categories"):
            for name, counter in document[map_].items():
                found[name] = found.get(name, 0) + counter["n"]
    return {name: n for name, n in found.items() if n}


async def assert_recounted(world: World) -> None:
    """Hold that every counter equals a recount from the purchases: numbers exactly, weights to a rounding."""
    tallies: dict[str, Tally] = {}
    for purchase in await world.all("purchases", {"customerId": {"$ne": None}}):
        tally = tallies.setdefault(purchase["owner"], Tally(limit=COUNTED_MAX))
        place = {"store_code": purchase["storeCode"], "channel": purchase["channel"]}
        tally.add(counted(purchase["lines"]), purchase["occurredAt"], **place)
    expected = {
        (owner, year, map_, name): (counter["n"], counter["s"])
        for owner, tally in tallies.items()
        for year, document in tally.years.items()
        for map_ in ("products", "categories")
        for name, counter in document[map_].items()
    }
    stored = {
        (document["owner"], document["year"], map_, name): (counter["n"], counter["s"])
        for document in await world.all("tastes")
        for map_ in ("products", "categories")
        for name, counter in document[map_].items()
    }
    for key in expected.keys() | stored.keys():
        (n, s), (stored_n, stored_s) = expected.get(key, (0, 0.0)), stored.get(key, (0, 0.0))
        assert stored_n == n, key
        assert abs(stored_s - s) <= 1e-9 * max(1.0, s), key


async def rebuilt(world: World) -> None:
    """Build the statistics of what was sold so far."""
    assert await shop_statistics.rebuild(world.call())


async def allow(world: World, customer: str, state: str = "GRANTED") -> None:
    """Let a customer say yes, or no, to being shown what fits."""
    document = """mutation($c: ID!, $consents: [ConsentInput!]!) {
      setConsents(customer: {id: $c}, consents: $consents) { userErrors { code } } }"""
    consents = [{"purpose": "PERSONALIZATION", "state": state, "source": "test"}]
    told = await world.data(document, {"c": customer, "consents": consents}, caller=ADMIN)
    assert told["setConsents"]["userErrors"] == []


RECOMMENDED = """query($id: ID!, $first: Int!, $kind: RecommendationKind) { customer(by: {id: $id}) {
  recommendations(first: $first, kind: $kind) { product { sku } kind score why personalized } } }"""


async def recommended(
    world: World, customer: str, kind: str | None = None, *, first: int = 10, **fields: Any
) -> list[dict[str, Any]]:
    """Return a person's list."""
    variables = {"id": customer, "first": first, "kind": kind}
    listed: list[dict[str, Any]] = (await world.data(RECOMMENDED, variables, **fields))["customer"]["recommendations"]
    return listed


def skus(listed: list[dict[str, Any]]) -> list[str]:
    """Return the SKUs of a list, in its order."""
    return [one["product"]["sku"] for one in listed]
