"""What holds for the whole installation: one document."""

from store.client import Database
from store.collections import INSTALLATION, PURCHASES

_ID = "installation"


async def currency(database: Database) -> str | None:
    """Return the currency the installation was opened with."""
    document = await database[INSTALLATION].find_one({"_id": _ID})
    return document["currency"] if document else None


async def set_currency(database: Database, code: str) -> None:
    """Remember the installation's currency."""
    await database[INSTALLATION].update_one({"_id": _ID}, {"$set": {"currency": code}}, upsert=True)


async def has_sales(database: Database) -> bool:
    """Whether anything was ever recorded in that currency."""
    return await database[PURCHASES].find_one({}, projection=["_id"]) is not None


async def has_transactions(database: Database) -> bool:
    """Whether this MongoDB is a replica set or sharded: a single server has neither transactions nor change streams."""
    hello = await database.command({"hello": 1})
    return "setName" in hello or hello.get("msg") == "isdbgrid"
