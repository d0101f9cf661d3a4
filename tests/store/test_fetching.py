"""Reads put together: what one request asks at a tick is one command, look-ups of several requests are one."""

import asyncio

import pytest
from pymongo.errors import OperationFailure

from store.collections import CUSTOMERS, STORES
from store.fetching import Fused, Separate, Shared
from store.reads import Read
from store.ticks import Tick
from tests.support import NOW, World

REQUIRED = {"version": 1, "createdAt": NOW, "updatedAt": NOW, "metrics": {}, "search": []}


@pytest.fixture
async def filled(world: World) -> World:
    await world.database[CUSTOMERS].insert_many([{"_id": f"cus_{n}", "n": n, **REQUIRED} for n in range(5)])
    await world.database[STORES].insert_many(
        [{"_id": f"sto_{n}", "code": f"c{n}", "name": f"c{n}", "timeZone": "UTC"} for n in range(3)]
    )
    world.commands.names.clear()
    return world


async def test_what_a_request_reads_at_one_tick_is_one_command_and_everybody_gets_the_own_part(filled: World) -> None:
    reader = Fused(filled.database)
    reader.together(True)

    customers, (codes, none), by_id = await asyncio.gather(
        reader.read([Read(CUSTOMERS, {"n": {"$gte": 2}}, sort={"n": -1}, limit=2)]),
        reader.read([Read(STORES, {}, sort={"code": 1}), Read(STORES, {"code": "x"})]),
        reader.by_ids(CUSTOMERS, ["cus_4", "cus_9", "cus_4"]),
    )

    assert [document["n"] for document in customers[0]] == [4, 3]
    assert [document["code"] for document in codes] == ["c0", "c1", "c2"]
    assert none == []
    assert list(by_id) == ["cus_4"]
    assert "_list" not in by_id["cus_4"]
    assert filled.commands.names == ["aggregate customers"]


async def test_a_later_tick_reads_anew(filled: World) -> None:
    reader = Fused(filled.database)

    (before,) = await reader.read([Read(STORES, {"code": "c0"})])
    await filled.database[STORES].update_one({"_id": "sto_0"}, {"$set": {"name": "new"}})
    (after,) = await reader.read([Read(STORES, {"code": "c0"})])

    assert (before[0]["name"], after[0]["name"]) == ("c0", "new")


async def test_where_nothing_is_fused_each_read_is_a_command_of_its_own(filled: World) -> None:
    reader = Separate(filled.database)

    await asyncio.gather(reader.read([Read(CUSTOMERS, {})]), reader.read([Read(STORES, {})]))

    assert sorted(filled.commands.names) == ["find customers", "find stores"]


async def test_look_ups_of_several_requests_at_one_tick_are_one_question_a_collection(filled: World) -> None:
    shared = Shared(filled.database)
    requests = [Fused(shared) for _ in range(3)]

    found = await asyncio.gather(
        requests[0].by_ids(CUSTOMERS, ["cus_0", "cus_1"]),
        requests[1].by_ids(CUSTOMERS, ["cus_1", "cus_9"]),
        requests[2].by_ids(STORES, ["sto_0"]),
    )

    assert [sorted(one) for one in found] == [["cus_0", "cus_1"], ["cus_1"], ["sto_0"]]
    assert sorted(filled.commands.names) == ["find customers", "find stores"]


async def test_a_request_that_reads_more_than_look_ups_asks_alone(filled: World) -> None:
    shared = Shared(filled.database)
    one, other = Fused(shared), Fused(shared)
    one.together(True)

    await asyncio.gather(
        one.by_ids(CUSTOMERS, ["cus_0"]), one.read([Read(STORES, {})]), other.by_ids(CUSTOMERS, ["cus_0"])
    )

    assert sorted(filled.commands.names) == ["aggregate customers", "find customers"]


async def test_where_one_batch_function_reads_alone_nothing_waits_for_others(filled: World) -> None:
    reader = Fused(filled.database)
    reader.together(True)
    reader.together(False)

    await asyncio.gather(reader.read([Read(CUSTOMERS, {})]), reader.read([Read(STORES, {})]))

    assert sorted(filled.commands.names) == ["find customers", "find stores"]


async def test_no_more_of_a_document_is_read_than_was_asked_for(filled: World) -> None:
    shared = Shared(filled.database)
    reader = Fused(shared)
    alone = await reader.by_ids(CUSTOMERS, ["cus_1"], ("n",))
    reader.together(True)

    (one,), fused = await asyncio.gather(
        reader.read([Read(STORES, {"code": "c1"}, fields=("name",))]), reader.by_ids(CUSTOMERS, ["cus_2"], ("n",))
    )

    assert alone == {"cus_1": {"_id": "cus_1", "n": 1}}
    assert one == [{"_id": "sto_1", "name": "c1"}]
    assert fused == {"cus_2": {"_id": "cus_2", "n": 2}}


async def test_look_ups_that_read_other_parts_are_other_questions(filled: World) -> None:
    shared = Shared(filled.database)

    narrow, whole, again = await asyncio.gather(
        shared.by_ids(CUSTOMERS, ["cus_1"], ("n",)),
        shared.by_ids(CUSTOMERS, ["cus_1"]),
        shared.by_ids(CUSTOMERS, ["cus_2"], ("n",)),
    )

    assert narrow["cus_1"].keys() == again["cus_2"].keys() == {"_id", "n"}
    assert whole["cus_1"].keys() == {"_id", "n", *REQUIRED}
    assert len(filled.commands.names) == 2


async def test_what_several_ask_in_the_same_words_at_one_tick_is_asked_once(filled: World) -> None:
    shared = Shared(filled.database)
    newest = [Read(CUSTOMERS, {"n": {"$gte": 2}}, sort={"n": -1}, limit=2)]
    readers = [Fused(shared) for _ in range(4)]

    found = await asyncio.gather(
        readers[0].read(newest),
        readers[1].read([Read(CUSTOMERS, {"n": {"$gte": 2}}, sort={"n": -1}, limit=2)]),
        readers[2].read([Read(CUSTOMERS, {"n": {"$gte": 2}}, sort={"n": -1}, limit=1)]),
        readers[3].read([Read(CUSTOMERS, {"n": {"$gte": 2}}, sort={"n": -1}, limit=2, fields=("version",))]),
    )

    assert [[document["_id"] for document in documents] for (documents,) in found] == [
        ["cus_4", "cus_3"],
        ["cus_4", "cus_3"],
        ["cus_4"],
        ["cus_4", "cus_3"],
    ]
    assert filled.commands.names == ["find customers"] * 3


async def test_the_same_words_a_tick_later_are_asked_anew(filled: World) -> None:
    shared = Shared(filled.database)

    (before,) = await shared.read([Read(STORES, {"code": "c0"})])
    await filled.database[STORES].update_one({"_id": "sto_0"}, {"$set": {"name": "new"}})
    (after,) = await shared.read([Read(STORES, {"code": "c0"})])

    assert (before[0]["name"], after[0]["name"]) == ("c0", "new")


async def test_a_shared_question_outlives_whoever_asked_it_first(filled: World) -> None:
    shared = Shared(filled.database)
    leaving = asyncio.ensure_future(shared.read([Read(STORES, {})]))
    staying = asyncio.ensure_future(shared.read([Read(STORES, {})]))
    await asyncio.sleep(0)

    leaving.cancel()

    assert len((await staying)[0]) == 3
    assert leaving.cancelled()


async def test_a_shared_question_that_fails_fails_only_those_who_asked_it(filled: World) -> None:
    shared = Shared(filled.database)

    bad, worse, good = await asyncio.gather(
        shared.read([Read(CUSTOMERS, {"$no": 1})]),
        shared.read([Read(CUSTOMERS, {"$no": 1})]),
        shared.read([Read(STORES, {})]),
        return_exceptions=True,
    )

    assert (type(bad), type(worse)) == (OperationFailure, OperationFailure)
    assert isinstance(good, list)
    assert len(good[0]) == 3


async def test_whoever_is_cancelled_takes_nobody_along(filled: World) -> None:
    shared = Shared(filled.database)
    leaving = asyncio.ensure_future(shared.by_ids(CUSTOMERS, ["cus_0"]))
    staying = asyncio.ensure_future(shared.by_ids(CUSTOMERS, ["cus_0", "cus_1"]))
    await asyncio.sleep(0)

    leaving.cancel()

    assert sorted(await staying) == ["cus_0", "cus_1"]
    assert leaving.cancelled()


async def test_a_question_that_fails_fails_everybody_who_asked_it_and_nobody_else(filled: World) -> None:
    reader = Fused(filled.database)
    reader.together(True)

    bad = await asyncio.gather(
        reader.read([Read(CUSTOMERS, {"$no": 1})]), reader.read([Read(STORES, {})]), return_exceptions=True
    )

    assert [type(problem) for problem in bad] == [OperationFailure, OperationFailure]
    assert len((await reader.read([Read(STORES, {})]))[0]) == 3


async def test_a_tick_that_is_stopped_leaves_nobody_waiting() -> None:
    async def answer(_: object) -> list[int]:
        raise asyncio.CancelledError

    tick: Tick[int, int] = Tick(answer)

    with pytest.raises(asyncio.CancelledError):
        await tick.ask(1)
