"""Writes that are sent at once are what one after the other would be: their order, their errors, what is stored."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from pymongo.errors import AutoReconnect, DocumentTooLarge, DuplicateKeyError

from crm.refusals import Refusal, UserErrorCode
from store import pipelining, writing
from store.client import Database, Tx
from tests.store.things import one_thing

FIRST = {"_id": "first"}


@pytest_asyncio.fixture(params=["motor", "pymongo"])
async def database(mongodb_uri: str, request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    """A database with one thing in it, and a single connection for transactions in threads."""
    async with one_thing(f"{mongodb_uri}&maxPoolSize=1", "tests_pipelining", request.param) as made:
        yield made


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many commands went at once, each time."""
    sizes: list[int] = []
    send = pipelining.send

    def counting(database: Any, session: Any, commands: Any) -> Any:
        sizes.append(len(commands))
        return send(database, session, commands)

    monkeypatch.setattr(pipelining, "send", counting)
    return sizes


async def add(database: Database, tx: Tx, *ids: str) -> None:
    for id_ in ids:
        await writing.insert(database, "things", [{"_id": id_}], tx=tx)


async def ids(database: Database) -> list[str]:
    return [one["_id"] for one in await database["things"].find({}, sort=[("_id", 1)]).to_list(None)]


async def test_writes_go_at_once_and_in_their_order(database: Database, sent: list[int]) -> None:
    async def work(tx: Tx) -> None:
        await add(database, tx, "a", "b")
        for change in ({"$inc": {"n": 3}}, {"$mul": {"n": 5}}):
            await writing.update(database, "things", FIRST, change, tx=tx)

    await database.transaction(work, threaded=True)

    assert sent == [4]
    assert await ids(database) == ["a", "b", "first"]
    assert (await database["things"].find_one(FIRST))["n"] == 15
    names = ["insert things", "insert things", "update things", "update things", "commitTransaction"]
    assert database.commands.names[:5] == names  # type: ignore[attr-defined]


async def test_a_read_comes_after_what_was_written_before_it(database: Database, sent: list[int]) -> None:
    async def work(tx: Tx) -> tuple[int, Any]:
        await add(database, tx, "a")
        there = await database["things"].count_documents({}, session=tx.session)
        await writing.update(database, "things", FIRST, {"$inc": {"n": 1}}, tx=tx)
        return there, await writing.changed(database, "things", FIRST, {"$inc": {"n": 1}}, tx=tx)

    there, changed = await database.transaction(work, threaded=True)

    assert (there, changed["n"]) == (2, 2)
    assert sent == [1, 1]


async def test_the_first_error_is_told_nothing_is_stored_and_no_answer_is_left_behind(database: Database) -> None:
    async def work(tx: Tx) -> None:
        await add(database, tx, "a", "first", "b", "a")

    with pytest.raises(DuplicateKeyError) as failed:
        await database.transaction(work, threaded=True)

    assert failed.value.details is not None
    assert failed.value.details["keyValue"] == FIRST
    assert await ids(database) == ["first"]
    await database.transaction(lambda tx: add(database, tx, "c"), threaded=True)  # over the same connection
    assert await ids(database) == ["c", "first"]


async def test_a_key_that_is_taken_says_more_than_a_refusal_after_it(database: Database) -> None:
    async def refused(tx: Tx) -> None:
        await add(database, tx, "first")
        raise Refusal(UserErrorCode.INSUFFICIENT_POINTS, "There are not enough points.")

    async def only_refused(tx: Tx) -> None:
        await add(database, tx, "a")
        raise Refusal(UserErrorCode.INSUFFICIENT_POINTS, "There are not enough points.")

    with pytest.raises(DuplicateKeyError):
        await database.transaction(refused, threaded=True)
    with pytest.raises(Refusal):
        await database.transaction(only_refused, threaded=True)
    assert await ids(database) == ["first"]


async def test_a_connection_that_breaks_between_the_answers_is_tried_again_on_another(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, seen = pipelining._run_command, 0

    def breaking(connection: Any, *positional: Any, **named: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen == 2:
            connection.close_conn("error")
            raise AutoReconnect("The connection was lost.")
        return run(connection, *positional, **named)

    monkeypatch.setattr(pipelining, "_run_command", breaking)

    await database.transaction(lambda tx: add(database, tx, "a", "b", "c"), threaded=True)

    assert await ids(database) == ["a", "b", "c", "first"]
    assert seen == 2 + 3


async def test_a_document_that_cannot_be_sent_leaves_the_connection_as_it_was(database: Database) -> None:
    async def work(tx: Tx) -> None:
        await add(database, tx, "a")
        await writing.insert(database, "things", [{"_id": "b", "much": "x" * 17_000_000}], tx=tx)

    with pytest.raises(DocumentTooLarge):
        await database.transaction(work, threaded=True)

    await database.transaction(lambda tx: add(database, tx, "c"), threaded=True)
    assert await ids(database) == ["c", "first"]


@pytest.mark.parametrize("driver", ["motor", "pymongo"])
async def test_where_it_is_switched_off_each_write_waits_for_the_one_before(
    mongodb_uri: str, driver: str, sent: list[int]
) -> None:
    async with one_thing(mongodb_uri, "tests_not_pipelined", driver, pipelined=False) as database:
        await database.transaction(lambda tx: add(database, tx, "a", "b"), threaded=True)

        assert sent == []
        assert await ids(database) == ["a", "b", "first"]
