"""Rewards to be had: a mug, its stock, and the code of one that was redeemed."""

from typing import Any

from tests.services.loyalty_helpers import redeem, rewards
from tests.support import World

UNKNOWN = "rwd_00000000000000000000000000"
PRODUCTS = """mutation($inputs: [ProductInput!]!) { saveProducts(inputs: $inputs) {
  results { product { id } userErrors { code } } } }"""


async def stock(world: World, reward: str) -> int | None:
    """Return how many are left of a reward."""
    found = await world.data("query($id: ID!) { node(id: $id) { ... on Reward { stock } } }", {"id": reward})
    left: int | None = found["node"]["stock"]
    return left


async def mug(world: World, points: int = 200, **fields: Any) -> str:
    """Save a mug and the reward that gives it, and return the reward's id."""
    await world.data(PRODUCTS, {"inputs": [{"sku": "MUG", "title": "Mug"}]})
    (reward,) = await rewards(
        world, {"title": "A mug", "points": points, "kind": "PRODUCT", "productSku": "MUG"} | fields
    )
    return reward


async def given(world: World, customer: str, reward: str) -> str:
    """Redeem a reward that is to be had and return its code."""
    payload = await redeem(world, customer, reward)
    assert payload["userErrors"] == []
    return str(payload["code"])
