"""A transaction in a thread is the same transaction: it commits, aborts, ends in time, and is tried again."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from pymongo.errors import DuplicateKeyError, PyMongoError

from store import writing
from store.client import Database, Tx
from store.deadlines import deadline, timed_out
from tests.store.things import SLOW, one_thing

FIRST = {"_id": "first"}


@pytest_asyncio.fixture(params=["motor", "pymongo"])
async def database(mongodb_uri: str, request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    async with one_thing(mongodb_uri, "tests_blocking", request.param) as made:
        yield made


async def more(database: Database, tx: Tx) -> int:
    """Count one more and return what is read back."""
    await writing.update(database, "things", FIRST, {"$inc": {"n": 1}}, tx=tx)
    (found,) = await database["things"].find(FIRST, session=tx.session).to_list(None)
    counted: int = found["n"]
    return counted


async def stored(database: Database) -> dict[str, Any]:
    found: dict[str, Any] = await database["things"].find_one(FIRST)
    return found


async def test_it_runs_in_one_thread_with_the_same_commands(database: Database) -> None:
    threads: set[int] = set()

    async def work(tx: Tx) -> int:
        threads.add(threading.get_ident())
        seen = await more(database, tx)
        (summed,) = await database.aggregate("things", [{"$group": {"_id": None, "n": {"$sum": "$n"}}}], tx=tx)
        assert summed["n"] == seen
        assert [one["n"] async for one in database["things"].find(FIRST, session=tx.session)] == [seen]
        threads.add(threading.get_ident())
        return seen

    assert await database.transaction(work, threaded=True) == 1
    assert len(threads) == 1
    assert threading.get_ident() not in threads
    names = ["update things", "find things", "aggregate things", "find things", "commitTransaction"]
    assert database.commands.names == names  # type: ignore[attr-defined]
    assert (await stored(database))["n"] == 1


async def test_an_error_aborts_it_and_is_raised(database: Database) -> None:
    async def work(tx: Tx) -> None:
        await more(database, tx)
        raise LookupError("no such thing")

    with pytest.raises(LookupError):
        await database.transaction(work, threaded=True)

    assert database.commands.names[-1] == "abortTransaction"  # type: ignore[attr-defined]
    assert (await stored(database))["n"] == 0


@pytest.mark.parametrize("threaded", [True, False])
async def test_a_key_that_is_taken_is_one_error_however_it_is_written(database: Database, threaded: bool) -> None:
    async def work(tx: Tx) -> None:
        await writing.insert(database, "things", [{"_id": "second"}, FIRST], tx=tx)

    with pytest.raises(DuplicateKeyError) as failed:
        await database.transaction(work, threaded=threaded)

    assert failed.value.details is not None
    assert failed.value.details["keyValue"] == FIRST
    assert await database["things"].count_documents({}) == 1


async def test_those_that_collide_are_tried_again_until_all_have_counted(database: Database) -> None:
    await asyncio.gather(*(database.transaction(lambda tx: more(database, tx), threaded=True) for _ in range(40)))

    assert (await stored(database))["n"] == 40


async def test_it_ends_with_its_deadline_and_holds_nobody_up(database: Database) -> None:
    async def work(tx: Tx) -> None:
        await more(database, tx)
        await database["things"].find(SLOW, session=tx.session).to_list(None)

    with pytest.raises(PyMongoError) as failed, deadline(0.4):
        await database.transaction(work, threaded=True)

    assert timed_out(failed.value)
    assert database.commands.names[-1] == "abortTransaction"  # type: ignore[attr-defined]
    started = time.monotonic()
    await database["things"].update_one(FIRST, {"$inc": {"n": 10}})
    assert time.monotonic() - started < 3
    assert (await stored(database))["n"] == 10


async def test_a_commit_that_has_begun_is_waited_for_beyond_the_deadline(database: Database) -> None:
    async def work(tx: Tx) -> None:
        await more(database, tx)
        time.sleep(0.3)

    with deadline(0.2):
        await database.transaction(work, threaded=True)

    assert (await stored(database))["n"] == 1


async def test_whoever_is_cancelled_meanwhile_leaves_it_whole(database: Database) -> None:
    begun = threading.Event()

    async def work(tx: Tx) -> None:
        await more(database, tx)
        begun.set()
        time.sleep(0.2)

    task = asyncio.create_task(database.transaction(work, queue="ann", threaded=True))
    await asyncio.to_thread(begun.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert (await stored(database))["n"] == 1  # it was carried out before its caller went on
    assert database._queues == {}


async def test_what_waits_for_something_else_is_refused_and_aborted(database: Database) -> None:
    elsewhere: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def work(tx: Tx) -> None:
        await more(database, tx)
        await elsewhere

    with pytest.raises(RuntimeError, match="nothing is waited for but the database"):
        await database.transaction(work, threaded=True)

    assert database.commands.names[-1] == "abortTransaction"  # type: ignore[attr-defined]
    assert (await stored(database))["n"] == 0
