"""MongoDB stands still in the middle of a request and goes on later: an answer in time, and nothing half written."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from pymongo import MongoClient

from api.limits import numbers
from api.limits.deadlines import GRACE_SECONDS
from crm.callers import SYSTEM
from crm.values import Role
from services.checking import check
from store import client, pipelining
from store.embedded import EmbeddedMongo
from tests.api.cli.servers import mongod_pid
from tests.api.http_answers import create
from tests.api.listening import soon, until
from tests.api.serving import CUT_HANDSHAKES, Served, serving, settings
from tests.support import RECORD, sale

QUERY = "{ customers(first: 1) { totalCount nodes { id } } }"
SALES = "{ customers { nodes { purchases { totalCount } loyalty { balance { lifetimeEarned } } } } }"
HASTY = 2.0
BUSY_SECONDS = 4.0
"""What a busy machine may add."""
pytestmark = [pytest.mark.usefixtures("collected"), pytest.mark.filterwarnings(CUT_HANDSHAKES)]


class Mongod:
    """A MongoDB that stands still when told to: its sockets are open, and nothing answers."""

    def __init__(self, server: EmbeddedMongo, pid: int) -> None:
        self.uri = server.uri
        self._pid = pid
        self.still = threading.Event()  # a transaction may run in a thread of its own

    def stand_still(self) -> None:
        os.kill(self._pid, signal.SIGSTOP)
        os.waitpid(self._pid, os.WUNTRACED)  # on a busy machine some of its threads go on for a moment, and answer
        self.still.set()

    def go_on(self) -> None:
        os.kill(self._pid, signal.SIGCONT)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EmbeddedMongo, int]]:
    """A MongoDB of these tests' own, which keeps what nobody ends for longer than any test waits."""
    folder: Path = tmp_path_factory.mktemp("own")
    with EmbeddedMongo.start(folder, purpose="a test") as started:
        with MongoClient[dict[str, Any]](started.uri) as admin:
            admin.admin.command({"setParameter": 1, "transactionLifetimeLimitSeconds": 600})
        yield started, mongod_pid(folder)


@pytest.fixture
def mongod(server: tuple[EmbeddedMongo, int]) -> Iterator[Mongod]:
    one = Mongod(*server)
    yield one
    one.go_on()


@contextmanager
def answered_within(seconds: float) -> Iterator[None]:
    began = monotonic()
    yield
    assert monotonic() - began < seconds + BUSY_SECONDS


def stopping(mongod: Mongod, *, before: bool, patch: pytest.MonkeyPatch) -> None:
    """Let MongoDB stand still once a sale has its lock: before its writes, or only before its commit."""
    send: Callable[..., Any] = pipelining.send

    def writes(*arguments: Any) -> None:
        if before:
            mongod.stand_still()
        send(*arguments)
        if not mongod.still.is_set():
            mongod.stand_still()

    patch.setattr(pipelining, "send", writes)


async def sell(served: Served, customer: str) -> dict[str, Any]:
    answer = await served.post(RECORD, {"input": sale(customer={"id": customer})}, role=Role.POS)
    body: dict[str, Any] = answer.json()
    return body


async def sold(served: Served, customer: str) -> dict[str, Any] | None:
    """Return the payload of a sale that was taken, None where MongoDB has not let go of the first try yet."""
    payload = ((await sell(served, customer)).get("data") or {}).get("recordPurchase") or {}
    return payload if payload.get("purchase") else None


def codes(body: dict[str, Any]) -> list[str]:
    return [error["extensions"]["code"] for error in body["errors"]]


@pytest.mark.parametrize("over", ["motor", "pymongo"])
@pytest.mark.parametrize(("stage", "most"), [("work", client.ABORT_SECONDS), ("commit", client.COMMIT_SECONDS)])
async def test_a_sale_and_a_query_are_answered_in_time_and_the_sale_is_there_whole_or_not_at_all(
    mongod: Mongod, over: str, stage: str, most: float
) -> None:
    own = settings(mongod.uri, over, mongodb_database=f"tests_hangs_{over}_{stage}")
    async with serving(own) as served:
        ann = await create(served)
        before = await served.everything()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(numbers, "SECONDS_MAX", HASTY)
            stopping(mongod, before=stage == "work", patch=patch)
            with answered_within(HASTY + most):
                selling = asyncio.create_task(sell(served, ann))
                await until(mongod.still.is_set)
                with answered_within(HASTY + GRACE_SECONDS):
                    asked = (await served.post(QUERY)).json()
                refused = await selling
        assert codes(asked) in (["TIMEOUT"], ["INTERNAL"])
        assert codes(refused) in (["TIMEOUT"], ["INTERNAL"])
        assert refused["data"] is None

        mongod.go_on()
        left = await soon(lambda: _settled(served))
        if stage == "work":
            assert left == before
        whole = left["purchases"] == left["points_lots"] == left["points_transactions"]
        assert whole, left

        taken = await soon(lambda: sold(served, ann))
        assert taken["replayed"] == (left["purchases"] == 1)
        shop = served.app.state.shop
        (shown,) = (await served.post(SALES)).json()["data"]["customers"]["nodes"]
        assert (shown["purchases"]["totalCount"], shown["loyalty"]["balance"]["lifetimeEarned"]) == (1, 10)
        assert (await check(shop.call(SYSTEM))).differences == []
        await served.app.state.database.drop()


async def _settled(served: Served) -> dict[str, int] | None:
    """Return how many documents there are once MongoDB answers and has ended every transaction."""
    async with served.client() as asking:
        if (await asking.get("/health/ready")).status_code != 200:
            return None
    database = served.app.state.database
    told = await database.command({"serverStatus": 1})
    return await served.everything() if told["transactions"]["currentOpen"] == 0 else None
