"""The one loop that retries a transaction, and the queue that keeps one customer's writes apart."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from pymongo.errors import AutoReconnect, BulkWriteError, DuplicateKeyError

from crm.refusals import Refusal, UserErrorCode
from store.client import Database, Document, Tx
from tests.support import World

BOXES = "boxes"


@pytest_asyncio.fixture
async def database(world: World) -> AsyncIterator[Database]:
    """The tests' database with one box in it, which everybody counts up."""
    await world.database[BOXES].insert_one({"_id": "shared", "count": 0})
    yield world.database
    await world.database[BOXES].drop()


async def put(database: Database, id_: str, tx: Tx) -> None:
    await database[BOXES].insert_one({"_id": id_}, session=tx.session)


async def stored(database: Database) -> list[str]:
    documents: list[Document] = await database[BOXES].find({"_id": {"$ne": "shared"}}).to_list(None)
    return sorted(document["_id"] for document in documents)


async def open_transactions(database: Database) -> int:
    return int((await database.command({"serverStatus": 1}))["transactions"]["currentOpen"])


async def count_up(database: Database, tx: Tx) -> int:
    """Read, wait for the others to have read, and write: what collides unless it is retried."""
    box = await database[BOXES].find_one({"_id": "shared"}, session=tx.session)
    await asyncio.sleep(0)
    await database[BOXES].update_one({"_id": "shared"}, {"$set": {"count": box["count"] + 1}}, session=tx.session)
    return int(box["count"]) + 1


async def test_what_the_work_returns_is_returned_and_committed(database: Database) -> None:
    async def work(tx: Tx) -> str:
        await put(database, "a", tx)
        assert await stored(database) == []  # nobody else sees it yet
        return "done"

    assert await database.transaction(work) == "done"
    assert await stored(database) == ["a"]


async def test_transactions_that_collide_are_tried_again_until_all_have_happened(database: Database) -> None:
    tries = 0

    async def work(tx: Tx) -> int:
        nonlocal tries
        tries += 1
        return await count_up(database, tx)

    counts = await asyncio.gather(*(database.transaction(work) for _ in range(12)))
    assert sorted(counts) == list(range(1, 13))
    assert tries > 12
    assert (await database[BOXES].find_one({"_id": "shared"}))["count"] == 12


async def test_a_conflict_that_lasts_is_told_at_the_deadline_and_nothing_is_written(database: Database) -> None:
    held, release = asyncio.Event(), asyncio.Event()

    async def holding(tx: Tx) -> None:
        await count_up(database, tx)
        held.set()
        await release.wait()

    async def blocked(tx: Tx) -> None:
        await put(database, "a", tx)
        await count_up(database, tx)

    holder = asyncio.ensure_future(database.transaction(holding))
    await held.wait()
    before = asyncio.get_running_loop().time()
    with pytest.raises(Refusal) as refusal:
        await database.transaction(blocked, seconds=0.3)
    assert refusal.value.code is UserErrorCode.THROTTLED
    assert 0.1 < asyncio.get_running_loop().time() - before < 3
    release.set()
    await holder
    assert await stored(database) == []
    assert (await database[BOXES].find_one({"_id": "shared"}))["count"] == 1


async def test_what_is_transient_but_no_conflict_is_tried_again_and_raised_as_it_is(database: Database) -> None:
    tries = 0

    async def work(tx: Tx) -> None:
        nonlocal tries
        tries += 1
        await put(database, "a", tx)
        raise AutoReconnect("the primary is gone", {"errorLabels": ["TransientTransactionError"]})

    with pytest.raises(AutoReconnect):
        await database.transaction(work, seconds=0.1)
    assert tries > 1
    assert await stored(database) == []


async def test_a_deadline_that_has_passed_still_allows_one_try(database: Database) -> None:
    await database.transaction(lambda tx: put(database, "a", tx), seconds=0)
    assert await stored(database) == ["a"]


@pytest.mark.parametrize("many", [False, True])
async def test_a_duplicate_key_is_raised_at_once_and_nothing_is_committed(database: Database, many: bool) -> None:
    await database[BOXES].insert_one({"_id": "taken"})
    tries = 0

    async def work(tx: Tx) -> None:
        nonlocal tries
        tries += 1
        await put(database, "a", tx)
        if many:
            await database[BOXES].insert_many([{"_id": "b"}, {"_id": "taken"}, {"_id": "c"}], session=tx.session)
        else:
            await put(database, "taken", tx)

    with pytest.raises(DuplicateKeyError):
        await database.transaction(work)
    assert tries == 1
    assert await stored(database) == ["taken"]
    assert await open_transactions(database) == 0


async def test_of_many_who_insert_one_key_at_once_one_wins_and_the_others_learn_it(database: Database) -> None:
    async def work(number: int, tx: Tx) -> None:
        await put(database, f"own-{number}", tx)
        await put(database, "key", tx)

    results = await asyncio.gather(
        *(database.transaction(lambda tx, n=number: work(n, tx)) for number in range(10)), return_exceptions=True
    )
    assert [type(result) for result in results if result is not None] == [DuplicateKeyError] * 9
    assert len(await stored(database)) == 2


async def test_another_bulk_failure_is_raised_as_it_is(world: World) -> None:
    async def work(tx: Tx) -> None:
        await world.database["points_lots"].insert_many([{"_id": "lot_1", "owner": 7}], session=tx.session)

    with pytest.raises(BulkWriteError) as failure:
        await world.database.transaction(work)
    assert not isinstance(failure.value, DuplicateKeyError)
    assert await world.all("points_lots") == []


async def test_an_error_of_our_own_aborts_and_is_raised_untouched(database: Database) -> None:
    class Broken(Exception):
        pass

    async def work(tx: Tx) -> None:
        await put(database, "a", tx)
        raise Broken

    with pytest.raises(Broken):
        await database.transaction(work)
    assert await stored(database) == []
    assert await open_transactions(database) == 0


@pytest.mark.parametrize("place", range(4))
async def test_a_cancelled_transaction_leaves_nothing_wherever_it_was_cancelled(database: Database, place: int) -> None:
    reached = asyncio.Event()

    async def work(tx: Tx) -> None:
        for step in range(4):
            if step == place:
                reached.set()
                await asyncio.sleep(0)
            await put(database, f"{step}", tx)

    task = asyncio.ensure_future(database.transaction(work, queue="ann"))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await stored(database) == []
    assert await open_transactions(database) == 0
    await database.transaction(lambda tx: put(database, "after", tx), queue="ann")
    assert await stored(database) == ["after"]


# ---------------------------------------------------------------- the queue


def queues(database: Database) -> dict[str, Any]:
    return database._queues


async def test_writes_of_one_owner_keep_their_order_and_never_overlap(database: Database) -> None:
    order: list[int] = []
    inside = 0

    async def work(number: int, tx: Tx) -> None:
        nonlocal inside
        inside += 1
        assert inside == 1
        await count_up(database, tx)
        order.append(number)
        inside -= 1

    await asyncio.gather(*(database.transaction(lambda tx, n=number: work(n, tx), queue="ann") for number in range(10)))
    assert order == list(range(10))  # no try was lost either
    assert queues(database) == {}


async def test_owners_do_not_wait_for_each_other_and_nobody_waits_without_one(database: Database) -> None:
    inside, all_in = 0, asyncio.Event()

    async def work(tx: Tx) -> None:
        nonlocal inside
        inside += 1
        if inside == 3:
            all_in.set()
        await asyncio.wait_for(all_in.wait(), 5)

    await asyncio.gather(*(database.transaction(work, queue=owner) for owner in ("ann", "bea", None)))
    assert queues(database) == {}


async def test_a_failure_or_a_cancelled_wait_leaves_no_entry_behind_and_lets_the_next_through(
    database: Database,
) -> None:
    started, go = asyncio.Event(), asyncio.Event()

    async def failing(tx: Tx) -> None:
        started.set()
        await go.wait()
        raise ZeroDivisionError

    first = asyncio.ensure_future(database.transaction(failing, queue="ann"))
    await started.wait()
    second = asyncio.ensure_future(database.transaction(lambda tx: put(database, "b", tx), queue="ann"))
    third = asyncio.ensure_future(database.transaction(lambda tx: put(database, "c", tx), queue="ann"))
    await asyncio.sleep(0)
    second.cancel()
    go.set()
    results = await asyncio.gather(first, second, third, return_exceptions=True)
    assert [type(result) for result in results] == [ZeroDivisionError, asyncio.CancelledError, type(None)]
    assert await stored(database) == ["c"]
    assert queues(database) == {}
