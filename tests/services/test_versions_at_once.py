"""Versions of the programme beside one another: lots, returns and processes that began under an earlier one."""

import asyncio

import pytest

from loyalty.values import Program
from services.known import Known
from store import programs
from store.client import Database
from tests.services.loyalty_helpers import keyed, then
from tests.services.program_helpers import SAVE, adjust, balance, buy, clean, event, save, track, try_save
from tests.support import World

KEEPS = {"basis": "POINTS", "window": "ROLLING_365_DAYS", "keepOnReturn": True}


def another_process(world: World) -> World:
    """Return the same shop with a memory of its own."""
    return World(world.database, world.engine, world.clock, world.commands)


async def test_a_lot_awaits_the_event_of_its_own_version_whatever_is_in_force_later(world: World) -> None:
    await save(world, pending={"kind": "UNTIL_EVENT", "event": "delivered"})
    ann = await world.customer()
    await buy(world, ann, "a", 100, occurredAt=then(world, minutes=4))  # the till's clock is ahead
    world.clock.advance(minutes=1)
    await save(world, pending={"kind": "NONE"})  # begins before the sale
    world.clock.advance(days=1)
    assert await balance(world, ann) == (0, 100, 0)
    await track(world, ann, event("e-1", "delivered", occurredAt=world.clock().isoformat()))
    assert await balance(world, ann) == (100, 0, 0)
    await clean(world)


async def test_a_lot_of_a_process_that_knew_an_older_version_is_freed_by_the_event_it_awaits(world: World) -> None:
    other = another_process(world)
    await save(world, pending={"kind": "UNTIL_EVENT", "event": "delivered"})
    ann = await world.customer()
    await balance(other, ann)
    await other.shop.known.programs()
    world.clock.advance(seconds=1)
    await save(world, pending={"kind": "UNTIL_EVENT", "event": "shipped"})
    world.clock.advance(seconds=1)
    await buy(other, ann, "a", 100)
    world.clock.advance(days=1)
    (lot,) = await world.all("points_lots")
    named = {"delivered", "shipped"}
    (not_awaited,) = named - {lot["awaits"]}
    await track(world, ann, event("e-1", not_awaited, occurredAt=world.clock().isoformat()))
    assert await balance(world, ann) == (0, 100, 0)
    await track(world, ann, event("e-2", lot["awaits"], occurredAt=world.clock().isoformat()))
    assert await balance(world, ann) == (100, 0, 0)
    await clean(world)


@pytest.mark.parametrize(("before", "later", "debt"), [("DEBT", "FORGIVE", 600), ("FORGIVE", "DEBT", 0)])
async def test_a_return_follows_the_policy_under_which_the_sale_was_recorded(
    world: World, before: str, later: str, debt: int
) -> None:
    await save(world, returns=before)
    ann = await world.customer()
    sold = await buy(world, ann, "a", 600, occurredAt=then(world, minutes=4))
    world.clock.advance(minutes=1)
    await save(world, returns=later, tierPolicy=KEEPS)
    await adjust(world, ann, -600)
    back = await world.give_back(sold["id"], {1: "1"})
    assert back["userErrors"] == []
    assert await balance(world, ann) == (0, 0, debt)
    (purchase,) = await world.all("purchases")
    assert purchase["qualifying"] == 0  # the older version keeps nothing on a return
    await clean(world)


async def test_a_version_replayed_through_another_process_is_shown(world: World) -> None:
    other = another_process(world)
    await other.shop.known.programs()
    document, variables = keyed(SAVE, "k-1"), {"input": {"name": "New"}}
    first = (await world.data(document, variables))["saveLoyaltyProgram"]
    again = (await other.data(document, variables))["saveLoyaltyProgram"]
    assert (first["replayed"], again["replayed"], again["userErrors"]) == (False, True, [])
    assert first["loyaltyProgram"]["name"] == "New"
    assert again["loyaltyProgram"] == first["loyaltyProgram"]


async def test_a_read_under_way_while_a_version_is_saved_does_not_bring_the_old_one_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, told = programs.versions, asyncio.Event()
    world.shop.known.forget_programs()

    async def slow(database: Database) -> tuple[Program, ...]:
        found = await read(database)
        await told.wait()
        return found

    monkeypatch.setattr(programs, "versions", slow)
    reading = asyncio.create_task(world.shop.known.programs())
    await asyncio.sleep(0.05)
    monkeypatch.setattr(programs, "versions", read)
    forget = Known.forget_programs

    def forgotten(known: Known) -> None:
        forget(known)
        told.set()  # the reader goes on between the save and the payload

    monkeypatch.setattr(Known, "forget_programs", forgotten)
    payload = await try_save(world, name="New")
    await reading
    assert (payload["userErrors"], payload["loyaltyProgram"]["name"]) == ([], "New")
    assert (await world.shop.known.programs()).versions[-1].name == "New"
