"""What a lost connection left open is ended by this process, and its session is nobody else's until then."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError

from store.client import Database, Tx
from store.left_open import LeftOpen
from tests.store.things import one_thing


class Left:
    """A session that was left open, and MongoDB, which answers to being asked to kill it."""

    session_id = "s1"

    def __init__(self, *answers: PyMongoError | None) -> None:
        self._answers = list(answers)
        self.happened: list[str] = []
        self.ended = asyncio.Event()

    async def kill(self, session_id: str) -> None:
        self.happened.append(f"kill {session_id}")
        if problem := self._answers.pop(0):
            raise problem

    async def end_session(self) -> None:
        self.happened.append("give back")
        self.ended.set()


@pytest_asyncio.fixture(params=["motor", "pymongo"])
async def database(mongodb_uri: str, request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    async with one_thing(mongodb_uri, "tests_left_open", request.param) as made:
        yield made


@pytest.mark.parametrize(
    ("answers", "tries"),
    [
        ([None], 1),
        ([AutoReconnect("away"), AutoReconnect("away"), None], 3),
        ([OperationFailure("not authorized", 13)], 1),
    ],
)
async def test_a_session_is_given_back_once_it_is_killed_or_cannot_be(answers: list[Any], tries: int) -> None:
    left = Left(*answers)
    left_open = LeftOpen(left.kill)
    left_open.add(left)
    left_open.end_all()
    async with asyncio.timeout(10):
        await left.ended.wait()
    assert left.happened == ["kill s1"] * tries + ["give back"]


async def test_what_is_not_ended_when_the_process_ends_is_given_up() -> None:
    left = Left(AutoReconnect("away"), AutoReconnect("away"))
    left_open = LeftOpen(left.kill)
    left_open.add(left)
    left_open.end_all()
    while not left.happened:
        await asyncio.sleep(0)
    await left_open.close()
    assert left.happened == ["kill s1", "give back"]


@pytest.mark.parametrize("threaded", [False, True])
async def test_what_comes_after_a_lost_connection_never_runs_in_the_session_that_is_killed(
    database: Database, threaded: bool
) -> None:
    sessions: list[Any] = []

    async def work(tx: Tx) -> None:
        sessions.append(tx.session.session_id)
        await database["things"].update_one({"_id": "first"}, {"$inc": {"n": 1}}, session=tx.session)
        if len(sessions) == 1:
            raise AutoReconnect("the connection is lost")

    with pytest.raises(AutoReconnect):
        await database.transaction(work, threaded=threaded)
    await database.transaction(work, threaded=threaded)

    lost, next_one = sessions
    assert lost != next_one
    assert (await database["things"].find_one({"_id": "first"}))["n"] == 1
