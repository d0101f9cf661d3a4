"""MongoDB stops in the middle of a request: a clear error in time, not ready, and all well again when it is back."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from store.collections import MIGRATIONS
from store.embedded import EmbeddedMongo
from store.migrations import steps
from tests.api.cli.servers import mongod_pid
from tests.api.logged import configured
from tests.api.serving import CUT_HANDSHAKES, Served, serving, settings
from tests.support import CREATE

QUERY = "{ customers(first: 1) { totalCount nodes { id } } }"
pytestmark = [pytest.mark.usefixtures("collected"), pytest.mark.filterwarnings(CUT_HANDSHAKES)]
READY_MAX = 2.5
"""Seconds until readiness says no: it waits one, the rest is a busy machine's."""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, EmbeddedMongo]]:
    """A MongoDB that these tests may stop."""
    folder = tmp_path_factory.mktemp("own")
    with EmbeddedMongo.start(folder, purpose="a test") as server:
        yield folder, server


@asynccontextmanager
async def stopped(pid: int) -> AsyncIterator[None]:
    """Let a process stand still: its sockets are open, and nothing answers."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def ready(served: Served) -> tuple[int, str, float]:
    began = monotonic()
    async with served.client() as client:
        response = await client.get("/health/ready")
    return response.status_code, response.json()["status"], monotonic() - began


async def until_ready(served: Served) -> None:
    async with asyncio.timeout(20):
        while (await ready(served))[0] != 200:
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("over", ["motor", "pymongo"])
async def test_readiness_ends_within_a_second_or_so_and_comes_back_without_a_restart(
    own: tuple[Path, EmbeddedMongo], over: str
) -> None:
    folder, server = own
    async with serving(settings(server.uri, over)) as served:
        assert (await ready(served))[:2] == (200, "ready")

        async with stopped(mongod_pid(folder)):
            for _ in range(3):
                status, said, seconds = await ready(served)
                assert (status, said) == (503, "no database")
                assert seconds < READY_MAX
            async with served.client() as client:
                assert (await client.get("/health/live")).status_code == 200

        await until_ready(served)
        assert (await served.post(QUERY)).json()["data"]["customers"]["totalCount"] >= 0


@pytest.mark.parametrize("over", ["motor", "pymongo"])
async def test_a_request_during_which_mongodb_is_killed_is_told_so_and_the_next_start_answers(
    tmp_path: Path, over: str
) -> None:
    """Killed while the request waits for it, so the connection breaks in the middle of a command."""
    with configured(environment="production"), EmbeddedMongo.start(tmp_path, purpose="a test") as server:
        uri = f"{server.uri}{'&' if '?' in server.uri else '/?'}serverSelectionTimeoutMS=1000"
        async with serving(settings(uri, over)) as served:
            await served.post(CREATE, {"input": {"email": "ann@example.com"}})
            pid = mongod_pid(tmp_path)
            os.kill(pid, signal.SIGSTOP)
            waiting = [asyncio.create_task(served.post(QUERY)) for _ in range(3)]
            waiting.append(asyncio.create_task(served.post(CREATE, {"input": {"email": "bob@example.com"}})))
            await asyncio.sleep(0.2)
            os.kill(pid, signal.SIGKILL)

            async with asyncio.timeout(12):
                answers = await asyncio.gather(*waiting)

            for answer in answers:
                body: dict[str, Any] = answer.json()
                assert body["errors"][0]["extensions"]["code"] in ("INTERNAL", "TIMEOUT"), body
                assert "127.0.0.1" not in answer.text
                assert "Traceback" not in answer.text
            assert (await ready(served))[0] == 503

            server.stop()
            with EmbeddedMongo.start(tmp_path, purpose="a test") as again:
                assert again.uri == server.uri
                await until_ready(served)
                found = (await served.post(QUERY)).json()["data"]["customers"]
                assert found["totalCount"] == 1, "a sale or a customer is there whole or not at all"


async def test_a_database_behind_this_version_is_not_ready(served: Served) -> None:
    newest = steps()[-1][0]
    database = served.app.state.database
    step = await database[MIGRATIONS].find_one_and_delete({"_id": newest})

    try:
        assert (await ready(served))[:2] == (503, "not migrated")
    finally:
        await database[MIGRATIONS].insert_one(step)
    assert (await ready(served))[0] == 200


async def test_a_process_that_is_leaving_is_not_ready_and_still_answers(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served.app.state, "draining", True, raising=False)

    assert (await ready(served))[:2] == (503, "draining")
    assert (await served.post("{ __typename }")).status_code == 200
