"""What holds for the whole installation: its currency, and how far the birthdays were granted."""

from dataclasses import dataclass
from datetime import date

from store.client import Database
from store.collections import INSTALLATION, PURCHASES

_ID = "installation"
_BIRTHDAYS = "birthdays"


@dataclass(frozen=True, slots=True)
class Birthdays:
    """The day whose birthdays are being granted, and the last customer who is done."""

    day: date
    after: str | None


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


async def birthdays(database: Database) -> Birthdays | None:
    """Return how far the birthdays were granted; None before the first time."""
    document = await database[INSTALLATION].find_one({"_id": _BIRTHDAYS})
    return Birthdays(date.fromisoformat(document["day"]), document["after"]) if document else None


async def set_birthdays(database: Database, state: Birthdays) -> None:
    """Remember how far the birthdays were granted."""
    fields = {"day": state.day.isoformat(), "after": state.after}
    await database[INSTALLATION].update_one({"_id": _BIRTHDAYS}, {"$set": fields}, upsert=True)
