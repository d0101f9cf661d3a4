"""The callers' token buckets; one that nobody has drawn from until it is full again is deleted."""

from pymongo import ASCENDING, IndexModel

from store.client import Database


async def run(database: Database) -> None:
    """Create the collection's index; safe to repeat."""
    await database["rate_buckets"].create_indexes(
        [IndexModel([("expiresAt", ASCENDING)], name="expiry", expireAfterSeconds=0)]
    )
