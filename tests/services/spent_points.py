"""Sales paid with points, and what their returns gave back."""

from typing import Any

from store.client import Document
from tests.services.helpers import ago, line
from tests.services.loyalty_helpers import bought, lots, paid
from tests.support import World

THREE: dict[str, Any] = {"lines": [line(1, "3", "10.00")], "total": "30.00"}


async def two_lots(world: World, *, soon: int = 10, late: int = 10) -> str:
    """Create a customer with points that end in thirty days, and points that end much later; return the id."""
    ann = await world.customer()
    when = ago(world, days=700)
    await bought(world, paid(world, soon, customer=ann, id="soon", occurredAt=when))
    await bought(world, paid(world, late, customer=ann, id="late", occurredAt=ago(world, days=10)))
    return ann


async def left(world: World, customer: str) -> dict[str, int]:
    """Return what is left of each lot, by the external id of the sale that made it."""
    names = {one["_id"]: one["externalId"]["value"] for one in await world.all("purchases")}
    return {names[lot["source"]["nodeId"]]: lot["remaining"] for lot in await lots(world, customer)}


async def stored(world: World, purchase: str) -> Document:
    """Return a purchase as stored."""
    (found,) = await world.all("purchases", {"_id": purchase})
    return found


async def given_back(world: World, purchase: str) -> list[int]:
    """Return the points that each return of a purchase gave back."""
    query = "query($id: ID!) { purchase(by: {id: $id}) { returns { pointsGivenBack } } }"
    found = await world.data(query, {"id": purchase})
    return [one["pointsGivenBack"] for one in found["purchase"]["returns"]]


async def good(made: Any) -> dict[str, Any]:
    """Return the payload of a return that holds."""
    payload: dict[str, Any] = await made
    assert payload["userErrors"] == []
    return payload
