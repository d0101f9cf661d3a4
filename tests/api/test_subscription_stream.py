"""One change stream for all who follow points: whatever breaks, nothing is missed and nobody forgotten."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pymongo.errors import AutoReconnect, OperationFailure

from crm.ids import account_of
from services import following as following_module
from services import live as live_module
from store import changes, ledger
from tests.api.listening import POINTS
from tests.api.subscribers import begin, following, next_body, nothing_comes, points
from tests.services.loyalty_helpers import adjust
from tests.support import World, customer_caller


async def test_a_hundred_watchers_are_one_stream_and_a_sale_is_one_read(world: World) -> None:
    people = [await world.customer(email=f"c{number}@example.com") for number in range(10)]
    subscriptions = [await begin(world, customer_caller(people[number % 10])) for number in range(100)]
    assert await asyncio.gather(*map(points, subscriptions)) == [0] * 100
    opened = [
        command for name, command in world.commands.sent if name == "aggregate" and "$changeStream" in str(command)
    ]
    assert len(opened) == 1

    world.commands.names.clear()
    await adjust(world, people[3], 5)
    told = await asyncio.gather(*(points(subscriptions[number]) for number in range(3, 100, 10)))

    assert told == [5] * 10
    # The one other read of an account is the adjustment's own answer; where both come at once, they are one.
    assert world.commands.names.count("find loyalty_accounts") in (1, 2)
    for one in subscriptions:
        await one.aclose()
    assert world.shop.live.watching == 0


async def test_the_stream_is_closed_when_the_last_one_leaves_and_opened_for_the_next(world: World) -> None:
    ann = await world.customer()
    for _ in range(2):
        async with following(world, ann) as events:
            await points(events)
        task = world.shop.live._task
        assert task is not None
        await asyncio.wait_for(task, 5)
    async with following(world, ann) as events:
        assert await points(events) == 0
        await adjust(world, ann, 3)
        assert await points(events) == 3


async def test_a_stream_that_broke_goes_on_where_it_was_and_misses_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following_module, "FIRST_PAUSE", 0.001)
    ann, ben = await world.customer(), await world.customer(email="ben@example.com")
    positions: list[Any] = []
    watch = world.database.watch

    @asynccontextmanager
    async def breaking(collection: str, pipeline: Any, position: Any, *, wait_milliseconds: int) -> AsyncIterator[Any]:
        positions.append(dict(position))
        async with watch(collection, pipeline, position, wait_milliseconds=20) as stream:
            if len(positions) == 2:  # while it was away a sale was recorded
                await adjust(world, ann, 4, key="meanwhile")
                raise AutoReconnect("gone again")
            if len(positions) == 1:
                yield _Broken(stream)
            else:
                yield stream

    monkeypatch.setattr(world.database, "watch", breaking)
    async with following(world, ann) as anns, following(world, ben) as bens:
        assert (await points(anns), await points(bens)) == (0, 0)
        assert await points(anns) == 4
        assert [list(position) for position in positions] == [
            ["start_at_operation_time"],
            ["resume_after"],
            ["resume_after"],
        ]
        await nothing_comes(bens)


class _Broken:
    """A stream that breaks once it has a token."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._looks = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def try_next(self) -> Any:
        self._looks += 1
        if self._looks > 3:
            raise AutoReconnect("the primary is gone")
        return await self._stream.try_next()


async def test_after_a_gap_in_the_oplog_everybody_is_told_once_anew(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following_module, "FIRST_PAUSE", 0.001)
    ann, ben = await world.customer(), await world.customer(email="ben@example.com")
    watch, opened = world.database.watch, 0

    @asynccontextmanager
    async def lost(collection: str, pipeline: Any, position: Any, *, wait_milliseconds: int) -> AsyncIterator[Any]:
        nonlocal opened
        opened += 1
        if opened == 2:
            await world.database["loyalty_accounts"].update_one({"_id": account_of(ann)}, {"$inc": {"available": 0}})
            raise OperationFailure("Resume of change stream was not possible", 286)
        async with watch(collection, pipeline, position, wait_milliseconds=20) as stream:
            yield _Broken(stream) if opened == 1 else stream

    monkeypatch.setattr(world.database, "watch", lost)
    async with following(world, ann) as anns, following(world, ben) as bens:
        assert (await points(anns), await points(bens)) == (0, 0)
        assert (await points(anns), await points(bens)) == (0, 0)
        await adjust(world, ben, 2)
        assert await points(bens) == 2
        await nothing_comes(anns)


async def test_a_read_that_fails_is_tried_again_and_nobody_is_forgotten(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_module, "FIRST_PAUSE", 0.001)
    ann = await world.customer()
    by_ids, failed = ledger.by_ids, 0

    async def failing(*arguments: Any) -> Any:
        nonlocal failed
        failed += 1
        if failed < 3:
            raise AutoReconnect("no primary")
        return await by_ids(*arguments)

    monkeypatch.setattr(ledger, "by_ids", failing)
    async with following(world, ann) as events:
        assert await points(events) == 0
    assert failed == 3


async def test_a_dropped_collection_is_a_gap_like_any_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "ACCOUNTS", "other_accounts")
    stream = changes.of_accounts(world.database)
    assert await stream.settle()
    assert not await stream.settle()
    await world.database["other_accounts"].insert_one({"_id": 1})
    await world.database["other_accounts"].drop()
    assert [change["documentKey"]["_id"] async for change in stream.told(lambda: True) if change] == [1]
    assert await stream.settle(), "it begins anew"


async def test_a_fault_in_an_event_is_masked_and_the_stream_goes_on(world: World) -> None:
    ann = await world.customer()

    async def store(earned: Any) -> None:
        await world.database["loyalty_accounts"].update_one(
            {"_id": account_of(ann)}, {"$set": {"lifetimeEarned": earned}}, bypass_document_validation=True
        )

    async with following(world, ann, POINTS) as events:
        assert await points(events) == 0
        await store("hunter2")
        body = await next_body(events)
        assert "hunter2" not in str(body)
        assert body["errors"][0]["extensions"]["code"] == "INTERNAL"
        await store(5)
        assert await points(events) == 0


async def test_a_fault_of_the_source_is_masked_and_ends_the_stream(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("password=hunter2")

    ann = await world.customer()
    monkeypatch.setattr(live_module.Live, "account", broken)
    async with following(world, ann) as events:
        body = await next_body(events)
        assert "hunter2" not in str(body)
        assert body["errors"][0]["extensions"]["code"] == "INTERNAL"
        with pytest.raises(StopAsyncIteration):
            await anext(events)
