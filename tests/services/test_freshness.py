"""A process hears what another changed, over either driver: its next sale is judged by it, whatever breaks in between.

The clock stands still, so nothing is read again because it is old: what is new here was heard.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import pytest
import pytest_asyncio
from pymongo.errors import AutoReconnect, ConnectionFailure, OperationFailure

from services import following
from services.known_offers import LiveOffers
from store import statistics
from store.client import Database
from tests.services.offer_helpers import archive, offer_id
from tests.services.program_helpers import earned, rule, save
from tests.services.taste_helpers import rebuilt
from tests.support import World

SECONDS = 5.0
FORGETS = {"programs": "forget_programs", "offers": "forget_offers", "statistics": "forget"}


class Process:
    """Another process on the same database, whose memory tells when it is emptied."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = world
        self.known = world.shop.known
        self._forgotten = {what: asyncio.Event() for what in FORGETS}
        for what, name in FORGETS.items():
            owner: Any = self.known.statistics if what == "statistics" else self.known
            monkeypatch.setattr(owner, name, self._telling(what, getattr(owner, name)))

    def _telling(self, what: str, forget: Callable[[], None]) -> Callable[[], None]:
        def told() -> None:
            forget()
            self._forgotten[what].set()

        return told

    async def forgets(self, *what: str) -> None:
        """Wait until it has forgotten these."""
        async with asyncio.timeout(SECONDS):
            for one in what:
                await self._forgotten[one].wait()
                self._forgotten[one].clear()

    async def begins(self) -> None:
        """Follow changes, and remember everything."""
        self.world.shop.freshness.start()
        await self.forgets(*FORGETS)  # what it knew before it followed
        await self.remembers()

    async def remembers(self) -> tuple[Any, LiveOffers, Any]:
        """Return what it remembers, read where it has to be."""
        return await self.known.programs(), await self.known.offers(), await self.known.statistics.pointer()

    @property
    def has_forgotten(self) -> set[str]:
        return {what for what, told in self._forgotten.items() if told.is_set()}


@pytest_asyncio.fixture(params=["motor", "pymongo"])
async def other(
    world: World, mongodb_uri: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Process]:
    database = Database(mongodb_uri, "tests", driver=request.param)
    process = Process(World(database, world.engine, world.clock, world.commands), monkeypatch)
    yield process
    await process.world.shop.freshness.close()
    await database.close()


# ---------------------------------------------------------------- what is heard


async def test_a_sale_is_judged_by_the_version_that_another_process_just_saved(world: World, other: Process) -> None:
    ann = await world.customer()
    await other.begins()
    assert await earned(other.world, ann, "before", 100) == 100

    await save(world, earningRules=[rule(pointsPerUnit="3")])
    await other.forgets("programs")

    assert await earned(other.world, ann, "after", 100) == 300


async def test_an_offer_is_known_everywhere_once_it_is_saved_and_gone_once_it_is_archived(
    world: World, other: Process
) -> None:
    await other.begins()

    saved = await offer_id(world)
    await other.forgets("offers")
    assert set((await other.known.offers()).by_id) == {saved}

    await archive(world, saved)
    await other.forgets("offers")
    assert set((await other.known.offers()).by_id) == set()


async def test_the_statistics_are_those_of_the_last_rebuild_and_the_rebuild_itself_says_nothing(
    world: World, other: Process
) -> None:
    await world.sell()
    await other.begins()

    await rebuilt(world)
    await other.forgets("statistics")

    now = await statistics.current(world.database)
    assert now is not None
    assert await other.known.statistics.pointer() == now
    assert other.has_forgotten == set()


async def test_sales_and_customers_make_nobody_forget_anything(world: World, other: Process) -> None:
    await other.begins()
    programs, offers, _ = await other.remembers()

    await world.sell(customer={"id": await world.customer()})
    await save(world, name="New")  # comes after them through the same stream
    await other.forgets("programs")

    assert other.has_forgotten == set()
    assert await other.known.offers() is offers
    assert await other.known.programs() is not programs


# ---------------------------------------------------------------- whatever breaks


class _Broken:
    """A stream that breaks at its first look for a change."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def try_next(self) -> Any:
        raise AutoReconnect("the primary is gone")


async def test_what_changed_while_the_stream_was_broken_is_heard_when_it_goes_on(
    world: World, other: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "FIRST_PAUSE", 0.001)
    database, positions = other.world.database, []
    watch = database.watch

    @asynccontextmanager
    async def breaking(*arguments: Any, wait_milliseconds: int) -> AsyncIterator[Any]:
        positions.append(arguments[2])
        async with watch(*arguments, wait_milliseconds=wait_milliseconds) as stream:
            if len(positions) == 1:
                await save(world, name="Meanwhile")
                yield _Broken(stream)
            else:
                yield stream

    monkeypatch.setattr(database, "watch", breaking)
    await other.begins()
    await other.forgets("programs")

    assert positions[0] == positions[1]
    assert (await other.known.programs()).versions[-1].name == "Meanwhile"


async def test_a_broken_stream_opens_no_connection_before_mongodb_has_started_again(
    world: World, other: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "FIRST_PAUSE", 0.001)
    looks, opened, watch = iter([False] * 20), 0, other.world.database.watch

    @asynccontextmanager
    async def breaking(*arguments: Any, wait_milliseconds: int) -> AsyncIterator[Any]:
        nonlocal opened
        opened += 1
        async with watch(*arguments, wait_milliseconds=wait_milliseconds) as stream:
            yield _Broken(stream) if opened == 1 else stream

    monkeypatch.setattr(other.world.database, "watch", breaking)
    monkeypatch.setattr(Database, "has_sessions", property(lambda _: next(looks, True)))
    await other.begins()
    await save(world, name="New")
    await other.forgets("programs")

    assert next(looks, None) is None, "it looked until there were sessions, and only then asked"
    assert opened == 2


async def test_after_a_gap_in_the_oplog_everything_is_forgotten_once(
    other: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "FIRST_PAUSE", 0.001)
    watch, opened = other.world.database.watch, 0

    @asynccontextmanager
    async def lost(*arguments: Any, wait_milliseconds: int) -> AsyncIterator[Any]:
        nonlocal opened
        opened += 1
        if opened == 1:
            raise OperationFailure("Resume of change stream was not possible", 286)
        async with watch(*arguments, wait_milliseconds=wait_milliseconds) as stream:
            yield stream

    monkeypatch.setattr(other.world.database, "watch", lost)
    await other.begins()

    await other.forgets(*FORGETS)
    await other.remembers()


async def test_without_mongodb_nothing_waits_for_the_stream_at_either_end(
    other: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = asyncio.Event()

    async def away(_: object) -> None:
        looked.set()
        raise ConnectionFailure("nobody there")

    monkeypatch.setattr(other.world.database, "command", away)
    monkeypatch.setattr(following, "CLOSE_SECONDS", 0.05)
    freshness = other.world.shop.freshness
    freshness.start()
    await asyncio.wait_for(looked.wait(), SECONDS)

    began = monotonic()
    await freshness.close()

    assert monotonic() - began < 1
    assert freshness._task is not None
    assert freshness._task.done()


async def test_what_nobody_told_of_is_read_again_after_five_seconds(world: World, other: Process) -> None:
    await other.remembers()
    await save(world, name="New")
    saved = await offer_id(world)
    assert (await other.known.programs()).versions[-1].name != "New"
    assert set((await other.known.offers()).by_id) == set()

    world.clock.advance(seconds=6)

    assert (await other.known.programs()).versions[-1].name == "New"
    assert set((await other.known.offers()).by_id) == {saved}


async def test_a_read_under_way_when_the_pointer_moves_does_not_bring_the_old_one_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.sell()
    read = statistics.current
    known = world.shop.known.statistics

    async def moved_meanwhile(database: Database) -> Any:
        found = await read(database)
        monkeypatch.setattr(statistics, "current", read)
        await rebuilt(world)  # forgets the pointer at its end
        return found

    monkeypatch.setattr(statistics, "current", moved_meanwhile)
    assert await known.pointer() is None

    now = await statistics.current(world.database)
    assert now is not None
    assert await known.pointer() == now
