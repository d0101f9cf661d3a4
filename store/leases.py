"""Leases: which process does a job now, so that of several workers one at a time works on it.

One document a job. A lease that has run out is anybody's; nobody has to tidy up after a holder that died.
"""

from datetime import datetime, timedelta

from pymongo.errors import DuplicateKeyError

from store.client import Database
from store.collections import LEASES


async def acquire(database: Database, name: str, *, holder: str, now: datetime, span: timedelta) -> bool:
    """Hold the lease `name` until `now + span`, if it is free, has run out or is the holder's already.

    Returns False where it is somebody else's: the upsert then finds no document to change, and may not insert a second.
    """
    mine_or_free = {"_id": name, "$or": [{"holder": holder}, {"until": {"$lte": now}}]}
    try:
        await database[LEASES].find_one_and_update(
            mine_or_free, {"$set": {"holder": holder, "until": now + span}}, projection=["_id"], upsert=True
        )
    except DuplicateKeyError:
        return False
    return True


async def release(database: Database, name: str, *, holder: str) -> None:
    """Give the lease up, so that the next holder need not wait for its end; nothing happens where it is another's."""
    await database[LEASES].delete_one({"_id": name, "holder": holder})
