"""Whom a customer has brought is found by an index: `crm check` proves the points of both sides."""

from pymongo import ASCENDING, IndexModel

from store.client import Database


async def run(database: Database) -> None:
    """Create the index; safe to repeat."""
    await database["referrals"].create_indexes([IndexModel([("referrer", ASCENDING)], name="referrer")])
