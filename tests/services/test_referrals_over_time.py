"""Referrals long after: what the referrer was given is over when the sale comes back, and whose events tell of it."""

import pytest

from tests.services.helpers import cancel
from tests.services.loyalty_helpers import TIME_OUT, rich, transfer
from tests.services.program_helpers import balance, buy, clean, save, settle
from tests.services.test_referrals import POLICY, invited
from tests.support import World


@pytest.mark.parametrize("worker", TIME_OUT)
@pytest.mark.parametrize("way", ["return", "cancel"])
async def test_a_sale_comes_back_after_the_referrers_points_are_over(world: World, way: str, worker: bool) -> None:
    await save(world, referral=POLICY, expiry={"kind": "ROLLING", "months": 1})
    ann = await world.customer()
    bob = await invited(world, ann)
    sold = await buy(world, bob, "a", 50)
    world.clock.advance(days=40)
    if worker:
        await settle(world)
    payload = await (world.give_back(sold["id"], {1: "1"}) if way == "return" else cancel(world, sold["id"]))
    assert payload["userErrors"] == []
    assert payload["purchase"]["status"] == ("RETURNED" if way == "return" else "CANCELLED")
    assert await balance(world, ann) == await balance(world, bob) == (0, 0, 0)
    await clean(world)


async def owners(world: World) -> set[tuple[str, str]]:
    """Return (whose points, whose event) of every event of points."""
    return {(fact["nodeId"], fact["owner"]) for fact in await world.all("outbox", {"topic": "POINTS"})}


async def test_the_referrers_points_are_told_as_the_referrers_own(world: World) -> None:
    await save(world, referral=POLICY)
    ann = await world.customer()
    bob = await invited(world, ann)
    sold = await buy(world, bob, "a", 50)
    await cancel(world, sold["id"])
    assert await owners(world) == {(ann, ann), (bob, bob)}


async def test_transferred_points_are_told_as_the_takers_own(world: World) -> None:
    ann = await rich(world, 100)
    bob = await world.customer(email="bob@example.com")
    assert (await transfer(world, ann, bob, 40))["userErrors"] == []
    assert await owners(world) == {(ann, ann), (bob, bob)}
