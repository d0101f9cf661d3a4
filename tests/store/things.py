"""A database of one thing, over either driver, for tests about deadlines and transactions."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from store.client import Database
from tests.support import Commands

SLOW = {"$where": "sleep(2000) || true"}
"""A condition that keeps MongoDB busy for two seconds."""


@asynccontextmanager
async def one_thing(uri: str, name: str, driver: str, *, pipelined: bool = True) -> AsyncIterator[Database]:
    """Give a database whose collection `things` holds {_id: first, n: 0}; its commands from then on are counted."""
    made = Database(uri, name, driver=driver, listeners=[commands := Commands()], pipelined=pipelined)
    made.commands = commands  # type: ignore[attr-defined]
    await made["things"].delete_many({})
    await made["things"].insert_one({"_id": "first", "n": 0})
    commands.names.clear()
    yield made
    await made.close()
