"""One embedded MongoDB for the whole run, one migrated database, emptied before every test that uses it."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from pymongo import MongoClient

from api.engine import Engine, Executor
from schema.build import build_schema, executable
from services.installation import open_shop
from store.client import Database
from store.collections import INSTALLATION, MIGRATIONS, PROGRAMS
from store.embedded import EmbeddedMongo
from tests.support import Clock, Commands, World

KEPT = {MIGRATIONS, PROGRAMS, INSTALLATION}


@pytest.fixture(scope="session")
def mongodb_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    data_dir: Path = tmp_path_factory.mktemp("data")
    with EmbeddedMongo.start(data_dir, purpose="the tests", cache_mb=512) as server:
        with MongoClient[dict[str, object]](server.uri) as client:
            # Tests stand still at an instant that may lie more than 30 days back: nothing may expire by the real clock.
            client.admin.command({"setParameter": 1, "ttlMonitorEnabled": False})
        yield server.uri


@pytest.fixture(scope="session")
def driver() -> str:
    return os.environ.get("CRM_TEST_DRIVER", "motor")


@pytest.fixture(scope="session")
def executor() -> Executor:
    """By what operations are run: every test holds under both."""
    name = os.environ.get("CRM_TEST_EXECUTOR", "compiled")
    assert name == "compiled" or name == "graphql-core"  # noqa: PLR1714 -- mypy narrows this one
    return name


@pytest.fixture(scope="session")
def engine(executor: Executor) -> Engine:
    return Engine(executable(build_schema()), executor=executor)


@pytest_asyncio.fixture(scope="session")
async def opened(mongodb_uri: str, driver: str, engine: Engine) -> AsyncIterator[World]:
    commands = Commands()
    database = Database(mongodb_uri, "tests", driver=driver, listeners=[commands])
    world = World(database, engine, Clock(), commands)
    await open_shop(world.shop)
    yield world
    await database.close()


@pytest_asyncio.fixture
async def world(opened: World) -> World:
    """A shop with its programme and nothing else, at the same instant in every test."""
    rest = {"loyalty_programs": {"version": {"$gt": 1}}, "installation": {"_id": "birthdays"}}
    listed = (await opened.database.command({"listCollections": 1, "nameOnly": True}))["cursor"]["firstBatch"]
    names = [collection["name"] for collection in listed if collection["name"] not in KEPT]
    everything = {**{name: {} for name in names}, **rest}
    await asyncio.gather(*(opened.database[name].delete_many(condition) for name, condition in everything.items()))
    opened.commands.names.clear()
    opened.commands.sent.clear()
    return World(opened.database, opened.engine, Clock(), opened.commands)
