"""Reads put together: what is asked at a tick is one command, whoever asks, and everybody gets the own part."""

import asyncio

import pytest
from pymongo.errors import OperationFailure

from store.collections import CUSTOMERS, FEEDBACK, LOTS, OFFERS, PURCHASES, STORES, TRANSACTIONS
from store.fetching import Gathered, Question, Separate
from store.reads import Read, look_up
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


async def test_what_is_read_at_one_tick_is_one_command_and_everybody_gets_the_own_part(filled: World) -> None:
    reader = Gathered(filled.database)

    customers, (codes, none), by_id = await asyncio.gather(
        reader.read([Read(CUSTOMERS, {}, sort={"n": -1}, limit=2)]),
        reader.read([Read(STORES, {}, sort={"code": 1}, limit=9), Read(STORES, {"owner": "x"})]),
        reader.by_ids(CUSTOMERS, ["cus_4", "cus_9", "cus_4"]),
    )

    assert [document["n"] for document in customers[0]] == [4, 3]
    assert [document["code"] for document in codes] == ["c0", "c1", "c2"]
    assert none == []
    assert list(by_id) == ["cus_4"]
    assert "_list" not in by_id["cus_4"]
    assert filled.commands.names == ["aggregate customers"]


async def test_a_later_tick_reads_anew(filled: World) -> None:
    reader = Gathered(filled.database)
    read = look_up(STORES, ["sto_0"])

    (before,) = await reader.read([read])
    await filled.database[STORES].update_one({"_id": "sto_0"}, {"$set": {"name": "new"}})
    (after,) = await reader.read([read])

    assert (before[0]["name"], after[0]["name"]) == ("c0", "new")


async def test_what_may_take_long_holds_nobody_up(filled: World) -> None:
    reader = Gathered(filled.database)

    await asyncio.gather(
        reader.read([Read(CUSTOMERS, {"n": {"$gte": 2}})]),
        reader.read([Read(CUSTOMERS, {}, then=[{"$count": "count"}])]),
        reader.by_ids(CUSTOMERS, ["cus_1"]),
    )

    assert sorted(filled.commands.names) == ["aggregate customers", "find customers", "find customers"]


@pytest.mark.parametrize(
    ("read", "brief"),
    [
        (look_up(CUSTOMERS, ["cus_1"]), True),
        (Read(PURCHASES, {"owner": "cus_1", "status": "OPEN"}, sort={"occurredAt": -1}, limit=10), True),
        (Read(PURCHASES, {"$and": [{"owner": "cus_1"}, {"occurredAt": {"$lt": NOW}}]}, limit=10), True),
        (Read(LOTS, {"owner": {"$in": ["cus_1"]}, "remaining": {"$gt": 0}}), True),
        (Read(CUSTOMERS, {}, sort={"createdAt": 1}, limit=50), True),
        (Read(OFFERS, {"public": True}, limit=5), True),
        (Read(CUSTOMERS, {}), False),
        (Read(CUSTOMERS, {}, then=[{"$count": "count"}]), False),
        (Read(CUSTOMERS, {"search": {"$gte": "a"}}, limit=50), False),
        (Read(FEEDBACK, {"$and": [{"status": "OPEN"}, {"createdAt": {"$lt": NOW}}]}, limit=50), False),
    ],
)
def test_what_is_named_or_one_persons_or_the_beginning_of_a_list_is_brief(read: Read, brief: bool) -> None:
    assert read.brief is brief


async def test_where_nothing_is_put_together_each_reads_by_a_command_of_its_own(filled: World) -> None:
    reader = Separate(filled.database, filled.database)

    await asyncio.gather(
        reader.read([Read(CUSTOMERS, {}, limit=1)]), reader.read([Read(STORES, {}, limit=1)]), reader.by_ids(STORES, [])
    )

    assert sorted(filled.commands.names) == ["find customers", "find stores", "find stores"]


async def test_look_ups_are_shared_even_where_nothing_else_is_put_together(filled: World) -> None:
    shared = Gathered(filled.database)
    one, other = Separate(filled.database, shared), Separate(filled.database, shared)

    found = await asyncio.gather(one.by_ids(CUSTOMERS, ["cus_0"]), other.by_ids(CUSTOMERS, ["cus_1"]))

    assert [list(each) for each in found] == [["cus_0"], ["cus_1"]]
    assert filled.commands.names == ["find customers"]


async def test_look_ups_of_one_collection_are_one_question(filled: World) -> None:
    reader = Gathered(filled.database)

    found = await asyncio.gather(
        reader.by_ids(CUSTOMERS, ["cus_0", "cus_1"]),
        reader.by_ids(CUSTOMERS, ["cus_1", "cus_9"]),
        reader.read([look_up(CUSTOMERS, ["cus_3"])]),
    )

    assert [sorted(one) for one in found[:2]] == [["cus_0", "cus_1"], ["cus_1"]]
    assert [document["_id"] for document in found[2][0]] == ["cus_3"]
    assert filled.commands.names == ["find customers"]


async def test_no_more_of_a_document_is_read_than_was_asked_for(filled: World) -> None:
    reader = Gathered(filled.database)

    narrow, whole, again, (stores,) = await asyncio.gather(
        reader.by_ids(CUSTOMERS, ["cus_1"], ("n",)),
        reader.by_ids(CUSTOMERS, ["cus_1"]),
        reader.by_ids(CUSTOMERS, ["cus_2"], ("n",)),
        reader.read([Read(STORES, {}, sort={"code": 1}, limit=1, fields=("name",))]),
    )

    assert narrow["cus_1"].keys() == again["cus_2"].keys() == {"_id", "n"}
    assert whole["cus_1"].keys() == {"_id", "n", *REQUIRED}
    assert stores == [{"_id": "sto_0", "name": "c0"}]
    assert filled.commands.names == ["aggregate customers"]


def test_what_is_asked_twice_is_asked_once_and_what_differs_is_not() -> None:
    newest, mine = Read(CUSTOMERS, {}, sort={"n": -1}, limit=2), Read(TRANSACTIONS, {"owner": "a"}, limit=2)
    asked = [
        [newest],
        [Read(CUSTOMERS, {}, sort={"n": -1}, limit=2), mine],
        [Read(CUSTOMERS, {}, sort={"n": -1}, limit=1), Read(TRANSACTIONS, {"owner": "b"}, limit=2)],
        [Read(CUSTOMERS, {}, sort={"n": -1}, limit=2, fields=("version",)), mine],
    ]
    question = Question(asked)

    parts = question.parts([[{"_id": str(number)}] for number in range(len(question.reads))])

    assert question.reads == [newest, mine, asked[2][0], asked[2][1], asked[3][0]]
    assert parts == [
        [[{"_id": "0"}]],
        [[{"_id": "0"}], [{"_id": "1"}]],
        [[{"_id": "2"}], [{"_id": "3"}]],
        [[{"_id": "4"}], [{"_id": "1"}]],
    ]


async def test_whoever_is_cancelled_takes_nobody_along(filled: World) -> None:
    reader = Gathered(filled.database)
    leaving = asyncio.ensure_future(reader.by_ids(CUSTOMERS, ["cus_0"]))
    staying = asyncio.ensure_future(reader.by_ids(CUSTOMERS, ["cus_0", "cus_1"]))
    await asyncio.sleep(0)

    leaving.cancel()

    assert sorted(await staying) == ["cus_0", "cus_1"]
    assert leaving.cancelled()


async def test_a_question_that_mongodb_refuses_fails_only_who_asked_it(filled: World) -> None:
    reader = Gathered(filled.database)

    bad, good, named = await asyncio.gather(
        reader.read([Read(CUSTOMERS, {"owner": {"$no": 1}})]),
        reader.read([Read(STORES, {}, limit=9)]),
        reader.by_ids(CUSTOMERS, ["cus_2"]),
        return_exceptions=True,
    )

    assert isinstance(bad, OperationFailure)
    assert isinstance(good, list)
    assert len(good[0]) == 3
    assert isinstance(named, dict)
    assert list(named) == ["cus_2"]
