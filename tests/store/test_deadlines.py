"""A deadline reaches MongoDB, over either driver, and leaves no transaction half done."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from pymongo.errors import PyMongoError

from crm.refusals import Refusal
from store.client import Database, Tx
from store.deadlines import apart, deadline, end, timed_out
from tests.store.things import SLOW, one_thing


@pytest_asyncio.fixture(params=["motor", "pymongo"])
async def database(mongodb_uri: str, request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    async with one_thing(mongodb_uri, "tests_deadlines", request.param) as made:
        yield made


async def test_a_query_ends_with_its_deadline_on_the_server_too(database: Database) -> None:
    started = time.monotonic()
    with pytest.raises(PyMongoError) as failed, deadline(0.3):
        await database["things"].find(SLOW).to_list(None)

    assert time.monotonic() - started < 1.5
    assert timed_out(failed.value)
    sent = database.commands.sent[-1][1]  # type: ignore[attr-defined]
    assert 0 < sent["maxTimeMS"] <= 300
    assert await database["things"].find_one({"_id": "first"}) == {"_id": "first", "n": 0}


async def test_tasks_that_a_request_starts_have_its_deadline(database: Database) -> None:
    with deadline(0.3):
        found = await asyncio.gather(database["things"].find(SLOW).to_list(None), return_exceptions=True)

    assert timed_out(found[0])
    assert end() == float("inf")


async def test_one_deadline_inside_another_is_never_later(database: Database) -> None:
    with deadline(0.2):
        before = end()
        with deadline(60):
            assert end() == before


async def test_a_transaction_that_is_too_late_is_aborted_at_once_and_holds_nobody_up(database: Database) -> None:
    async def work(tx: Tx) -> None:
        await database["things"].update_one({"_id": "first"}, {"$set": {"n": 1}}, session=tx.session)
        await database["things"].find(SLOW, session=tx.session).to_list(None)

    with pytest.raises(PyMongoError) as failed, deadline(0.4):
        await database.transaction(work)

    assert timed_out(failed.value)
    assert database.commands.names[-1] == "abortTransaction"  # type: ignore[attr-defined]
    started = time.monotonic()
    await database["things"].update_one({"_id": "first"}, {"$inc": {"n": 10}})
    assert time.monotonic() - started < 3
    assert (await database["things"].find_one({"_id": "first"}))["n"] == 10


async def test_a_commit_that_has_begun_is_waited_for(database: Database) -> None:
    async def work(tx: Tx) -> None:
        await database["things"].update_one({"_id": "first"}, {"$set": {"n": 1}}, session=tx.session)
        await asyncio.sleep(0.3)  # nothing of the database is too late, and the time is over

    with deadline(0.2):
        await database.transaction(work)

    assert (await database["things"].find_one({"_id": "first"}))["n"] == 1
    assert database.commands.names[-2] == "commitTransaction"  # type: ignore[attr-defined]


async def test_a_transaction_s_caller_who_leaves_does_not_cut_its_end_in_two(database: Database) -> None:
    committing = asyncio.Event()

    async def work(tx: Tx) -> None:
        await database["things"].update_one({"_id": "first"}, {"$set": {"n": 1}}, session=tx.session)
        committing.set()

    async def request() -> None:
        with deadline(5):
            await database.transaction(work)

    task = asyncio.create_task(request())
    await committing.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert (await database["things"].find_one({"_id": "first"}))["n"] in (0, 1)
    await asyncio.wait_for(database["things"].update_one({"_id": "first"}, {"$inc": {"n": 1}}), 3)


async def test_whoever_waits_for_a_turn_waits_no_longer_than_there_is_time(database: Database) -> None:
    async with database.queued("ann"):
        started = time.monotonic()
        with pytest.raises(Refusal, match="try again"), deadline(0.2):
            async with database.queued("ann"):
                raise AssertionError("it is not its turn")

    assert time.monotonic() - started < 1
    async with database.queued("ann"):
        pass
    assert database._queues == {}


async def test_what_runs_apart_has_time_of_its_own_and_runs_to_its_end() -> None:
    done: list[float] = []

    async def work() -> None:
        await asyncio.sleep(0.1)
        done.append(end())

    async def request() -> None:
        with deadline(0.01):
            await apart(work, seconds=1)

    task = asyncio.create_task(request())
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert done == [float("inf")]
