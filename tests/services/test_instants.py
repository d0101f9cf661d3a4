"""When a fact takes effect: at the instant behind the account's lock, so that what was told before stays true."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from crm.refusals import Refusal, UserErrorCode
from services.holds import capture_hold
from store import holds as stored_holds
from store import ledger
from tests.services.helpers import batch, row
from tests.services.loyalty_helpers import TIME_OUT, adjust, as_of, capture, held, hold, problems, release, rich, then
from tests.services.program_helpers import clean, settle
from tests.support import Clock, World

STORES: dict[str, Any] = {"entries_until": ledger, "reserved_at": stored_holds}


@pytest.mark.parametrize("what", ["adjust", "hold", "capture"])
async def test_a_call_that_waits_takes_effect_when_it_gets_through(world: World, what: str) -> None:
    ann = await rich(world, 100)
    one = await held(world, ann, 50)
    world.clock.advance(seconds=10)
    asked = then(world, seconds=5)
    calls: dict[str, Callable[[], Awaitable[dict[str, Any]]]] = {
        "adjust": lambda: adjust(world, ann, -30),
        "hold": lambda: hold(world, ann, 20),
        "capture": lambda: capture(world, one, 40),
    }
    async with world.database.queued(ann):
        waiting = asyncio.ensure_future(calls[what]())
        await asyncio.sleep(0.1)
        world.clock.advance(seconds=20)
        before = await as_of(world, ann, asked)
    assert (await waiting)["userErrors"] == []
    assert await as_of(world, ann, asked) == before
    assert await as_of(world, ann, world.clock().isoformat()) == await world.points(ann)
    await clean(world)


@pytest.mark.parametrize("worker", TIME_OUT)
async def test_a_capture_that_waited_too_long_is_too_late_whatever_the_worker_did(world: World, worker: bool) -> None:
    ann = await rich(world, 100)
    one = await held(world, ann, 50, ttl=10)
    world.clock.advance(seconds=9)
    call = world.call()
    world.clock.advance(seconds=2)
    if worker:
        await settle(world)
    with pytest.raises(Refusal) as refused:
        await capture_hold(call, one, None)
    assert refused.value.code is UserErrorCode.HOLD_EXPIRED
    await clean(world)


async def test_a_hold_lasts_as_long_as_it_says_from_when_it_is_made(world: World) -> None:
    ann = await rich(world, 100)
    async with world.database.queued(ann):
        waiting = asyncio.ensure_future(hold(world, ann, 20, ttl=10))
        await asyncio.sleep(0.1)
        world.clock.advance(seconds=20)
    made = await waiting
    assert datetime.fromisoformat(made["hold"]["expiresAt"]) == world.clock() + timedelta(seconds=10)
    assert problems(await capture(world, made["hold"]["id"])) == []


async def test_the_rows_of_a_batch_take_effect_one_by_one(world: World) -> None:
    ann = await world.customer()
    anonymous = [row(world, f"a-{number}", 10, minutes=9 - number) for number in range(4)]
    rows = [{**one, "externalId": {"source": "till-7", "value": f"s-{number}"}} for number, one in enumerate(anonymous)]

    def ticking() -> datetime:
        world.clock.advance(seconds=1)
        return world.clock()

    world.shop.clock = ticking
    payloads = [await batch(world, *({**one, "customer": {"id": ann}} for one in rows)), await batch(world, *anonymous)]
    world.shop.clock = world.clock
    assert [result["userErrors"] for payload in payloads for result in payload["results"]] == [[]] * 8
    assert len({sale["recordedAt"] for sale in await world.all("purchases", {"customerId": None})}) == 4
    entries = sorted(await world.all("points_transactions"), key=lambda entry: entry["sequence"])
    instants = [entry["at"] for entry in entries]
    assert instants == sorted(set(instants))
    assert len(instants) == 4
    sums = [(await as_of(world, ann, instant.isoformat()))["available"] for instant in instants]
    assert sums == [10, 20, 30, 40]
    await clean(world)


@pytest.mark.parametrize("name", STORES)
async def test_a_balance_of_an_instant_is_whole_though_a_hold_is_captured_between_its_reads(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    ann = await rich(world, 100)
    one = await held(world, ann, 50)
    read = getattr(STORES[name], name)
    done: list[Any] = []

    async def racing(*arguments: Any, **about: Any) -> Any:
        if not done:
            done.append(await capture_hold(world.call(), one, None))
        return await read(*arguments, **about)

    monkeypatch.setattr(STORES[name], name, racing)
    found = await as_of(world, ann, world.clock().isoformat())
    assert done
    assert (found["available"], found["held"]) in [(50, 50), (50, 0)]
    last = await as_of(world, ann, world.clock().isoformat())
    assert (last["available"], last["held"]) == (50, 0)
    await clean(world)


@pytest.mark.parametrize("end", ["release", "capture"])
async def test_a_hold_of_a_process_whose_clock_is_ahead_does_not_end_before_it_began(world: World, end: str) -> None:
    ann = await rich(world, 100)
    clock = Clock(world.clock() + timedelta(seconds=30))
    ahead = World(world.database, world.engine, clock, world.commands)
    one = await held(ahead, ann, 50)
    ended = await (release(world, one) if end == "release" else capture(world, one))
    assert ended["userErrors"] == []
    (stored,) = await world.all("points_holds")
    assert stored["createdAt"] <= stored["endedAt"]
    world.clock.advance(minutes=1)
    left = 100 if end == "release" else 50
    assert (await as_of(world, ann, world.clock().isoformat()))["available"] == left
    assert (await world.points(ann))["available"] == left
    await clean(world)
