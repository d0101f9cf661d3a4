"""The worker's loop with jobs made for it, over the real MongoDB; the clock is the test's."""

import asyncio
from datetime import datetime, timedelta

import pytest
from pymongo.errors import AutoReconnect, OperationFailure
from structlog.testing import capture_logs

from crm.callers import SYSTEM
from services.context import Call, Shop
from store import leases
from store.client import Database
from tests.support import World
from tests.worker.helpers import SOON, SPAN, Backlog, held, running, until, worker
from worker import loop
from worker.jobs import JOBS, Job
from worker.loop import Worker

# ---------------------------------------------------------------- one worker


async def test_every_job_runs_until_nothing_is_due_and_the_leases_are_free_afterwards(world: World) -> None:
    long, short, idle = Backlog(25), Backlog(3), Backlog(0)

    told = await worker(world, Job("long", long.run), Job("short", short.run), Job("idle", idle.run)).run_once()

    assert (told.done, told.failed, told.elsewhere) == ({"long": 25, "short": 3}, [], [])
    assert [len(backlog.calls) for backlog in (long, short, idle)] == [4, 2, 1]
    assert await held(world) == {}


async def test_each_batch_is_a_call_of_the_system_at_the_instant_it_begins(world: World) -> None:
    async def a_while() -> None:
        world.clock.advance(seconds=5)

    backlog, began = Backlog(20, meanwhile=a_while), world.clock()

    await worker(world, Job("settle", backlog.run)).run_once()

    assert [call.now - began for call in backlog.calls] == [timedelta(seconds=seconds) for seconds in (0, 5, 10)]
    assert all(call.caller is SYSTEM for call in backlog.calls)


async def test_the_lease_is_held_while_a_batch_runs_and_prolonged_before_its_end(world: World) -> None:
    ends: list[datetime] = []

    async def a_while() -> None:
        (lease,) = await world.all("leases")
        ends.append(lease["until"])
        assert lease["until"] - world.clock() > SPAN / 3, "enough is left of it for a batch"
        world.clock.advance(seconds=8)

    await worker(world, Job("settle", Backlog(100, meanwhile=a_while).run)).run_once()

    assert len(set(ends)) > 3


async def test_a_clock_that_was_set_back_renews_the_lease(world: World) -> None:
    async def set_back() -> None:
        world.clock.advance(hours=-1)

    await worker(world, Job("settle", Backlog(10, meanwhile=set_back).run), Job("b", Backlog(0).run)).run_once()

    commands = [name for name in world.commands.names if name == "findAndModify leases"]
    assert len(commands) == 3


async def test_a_job_that_raises_is_logged_by_name_and_stops_no_other(world: World) -> None:
    async def broken(_: Call) -> int:
        raise ValueError("a bug")

    async def refused_by_mongodb(_: Call) -> int:
        raise OperationFailure("unknown operator")

    backlog = Backlog(5)
    jobs = (Job("broken", broken), Job("wrong", refused_by_mongodb), Job("settle", backlog.run))

    with capture_logs() as logged:
        told = await worker(world, *jobs).run_once()

    assert (told.done, told.failed) == ({"settle": 5}, ["broken", "wrong"])
    assert [(line["event"], line["log_level"], line["job"]) for line in logged] == [
        ("job failed", "error", "broken"),
        ("job failed", "error", "wrong"),
    ]
    assert isinstance(logged[0]["exc_info"], ValueError)
    assert await held(world) == {}


async def test_what_a_job_did_before_it_raised_is_told(world: World) -> None:
    backlog = Backlog(15)

    async def breaks_later(call: Call) -> int:
        if not backlog.left:
            raise ValueError("a bug")
        return await backlog.run(call)

    with capture_logs():
        told = await worker(world, Job("settle", breaks_later)).run_once()

    assert (told.done, told.failed) == ({"settle": 15}, ["settle"])


# ---------------------------------------------------------------- several workers


async def test_two_workers_never_run_one_job_at_the_same_time(world: World) -> None:
    jobs = {name: Backlog(300, batch=5) for name in ("settle", "tiers", "birthdays")}
    both = [worker(world, *(Job(name, one.run) for name, one in jobs.items()), holder=holder) for holder in "ab"]

    async with running(*both):
        await until(lambda: not any(one.left for one in jobs.values()))

    assert [one.most_running for one in jobs.values()] == [1, 1, 1]
    assert await held(world) == {}


async def test_a_job_at_another_worker_is_left_to_it(world: World) -> None:
    backlog = Backlog(5)
    await leases.acquire(world.database, "settle", holder="b", now=world.clock(), span=SPAN)

    told = await worker(world, Job("settle", backlog.run)).run_once()

    assert (told.done, told.elsewhere, backlog.calls) == ({}, ["settle"], [])
    assert await held(world) == {"settle": "b"}


async def test_the_job_of_a_worker_that_died_is_taken_over_when_its_lease_ran_out(world: World) -> None:
    backlog = Backlog(5)
    await leases.acquire(world.database, "settle", holder="dead", now=world.clock(), span=SPAN)
    job = Job("settle", backlog.run)

    world.clock.advance(seconds=29, milliseconds=999)
    assert (await worker(world, job).run_once()).elsewhere == ["settle"]
    world.clock.advance(milliseconds=1)

    assert (await worker(world, job).run_once()).done == {"settle": 5}


async def test_a_worker_whose_lease_was_lost_stops_the_job_and_leaves_the_new_holder_alone(world: World) -> None:
    async def overtaken() -> None:
        world.clock.advance(seconds=30)
        assert await leases.acquire(world.database, "settle", holder="b", now=world.clock(), span=SPAN)

    lost, next_job = Backlog(100, meanwhile=overtaken), Backlog(5)

    told = await worker(world, Job("settle", lost.run), Job("tiers", next_job.run)).run_once()

    assert (told.done, told.elsewhere) == ({"settle": 10, "tiers": 5}, ["settle"])
    assert len(lost.calls) == 1
    assert await held(world) == {"settle": "b"}


# ---------------------------------------------------------------- over and over


async def test_a_running_worker_does_what_falls_due_and_an_idle_one_writes_nothing(world: World) -> None:
    backlog = Backlog(0)

    async with running(worker(world, Job("settle", backlog.run))):
        await until(lambda: len(backlog.calls) > 20)
        assert await held(world) == {"settle": "a"}
        assert world.commands.names.count("findAndModify leases") == 1
        backlog.left = 15
        await until(lambda: not backlog.left)

    assert await held(world) == {}


async def test_told_to_stop_a_worker_ends_the_batch_it_is_at_and_begins_no_other(world: World) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def a_while() -> None:
        begun.set()
        await go_on.wait()

    first, second = Backlog(100, meanwhile=a_while), Backlog(5)

    async with running(worker(world, Job("settle", first.run), Job("tiers", second.run))) as stop:
        await begun.wait()
        stop.set()
        go_on.set()

    assert (first.left, len(first.calls), second.calls) == (90, 1, [])
    assert await held(world) == {}


async def test_a_worker_outlives_mongodb_s_absence_says_so_once_and_waits_longer_each_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "LONGEST_PAUSE", SOON * 4)
    tries: list[Call] = []

    async def away(call: Call) -> int:
        tries.append(call)
        if len(tries) in range(3, 8):
            raise AutoReconnect("connection closed")
        return 0

    never_alone = Backlog(0)
    with capture_logs() as logged:
        async with running(worker(world, Job("settle", away), Job("tiers", never_alone.run))):
            await until(lambda: len(tries) > 10)

    assert [(line["event"], line["log_level"]) for line in logged] == [("MongoDB does not answer", "warning")]
    assert len(tries) - len(never_alone.calls) in (5, 6), "a round ends where MongoDB is away"


async def test_a_worker_whose_mongodb_is_gone_ends_all_the_same_when_told(world: World) -> None:
    nobody = Database("mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=50", "tests", driver=world.database.driver)
    shop = Shop(database=nobody, currency="USD", time_zone=world.shop.time_zone, pepper=b"p" * 32, clock=world.clock)
    gone = Worker(shop, [Job("settle", Backlog(0).run)], holder="a", pause=SOON)

    with capture_logs() as logged:
        async with running(gone):
            await until(lambda: logged)

    assert logged[0]["event"] == "MongoDB does not answer"
    await nobody.close()


@pytest.mark.parametrize("failures", [1, 3])
async def test_pauses_grow_while_something_fails_and_shrink_when_all_is_well(
    world: World, monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    pauses: list[timedelta] = []
    rounds: list[Call] = []

    async def fails_at_first(call: Call) -> int:
        rounds.append(call)
        if len(rounds) <= failures:
            raise ValueError("a bug")
        return 0

    async def pause(stop: asyncio.Event, span: timedelta) -> None:
        pauses.append(span)
        if len(pauses) == failures + 1:
            stop.set()

    monkeypatch.setattr(loop, "_pause", pause)
    one = Worker(world.shop, [Job("settle", fails_at_first)], holder="a", pause=timedelta(seconds=4))
    with capture_logs():
        await one.run(asyncio.Event())

    assert [span.total_seconds() for span in pauses] == [*[8.0, 10.0, 10.0][:failures], 4.0]


def test_the_jobs_have_names_of_their_own() -> None:
    assert len({job.name for job in JOBS}) == len(JOBS)
