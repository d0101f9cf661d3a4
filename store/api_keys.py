"""API keys: only their keyed hash is stored, so whoever reads the database cannot call the API."""

from collections.abc import Mapping
from datetime import datetime

from pymongo import UpdateOne

from store.client import Database, Document, Tx
from store.collections import API_KEYS


async def insert(database: Database, document: Document, *, tx: Tx) -> None:
    """Store a new key."""
    await database[API_KEYS].insert_one(document, session=tx.session)


async def by_hash(database: Database, hash_: str) -> Document | None:
    """Return the key with this hash, unless it is revoked."""
    found: Document | None = await database[API_KEYS].find_one({"hash": hash_, "revokedAt": None})
    return found


async def by_id(database: Database, id_: str, *, tx: Tx) -> Document | None:
    """Return a key."""
    found: Document | None = await database[API_KEYS].find_one({"_id": id_}, session=tx.session)
    return found


async def listed(database: Database) -> list[Document]:
    """Return all keys, oldest first, without their hashes."""
    cursor = database[API_KEYS].find(projection={"hash": 0}, sort=[("createdAt", 1), ("_id", 1)])
    documents: list[Document] = await cursor.to_list(None)
    return documents


async def replace(database: Database, id_: str, *, by: Document, until: datetime, tx: Tx) -> None:
    """Store a key that takes another's place, which ends at `until`."""
    ending = {"$set": {"expiresAt": until, "replacedBy": by["_id"]}}
    await database[API_KEYS].update_one({"_id": id_}, ending, session=tx.session)
    await database[API_KEYS].insert_one(by, session=tx.session)


async def revoke(database: Database, id_: str, at: datetime, *, tx: Tx) -> bool:
    """End a key and return whether there was one to end."""
    result = await database[API_KEYS].update_one(
        {"_id": id_, "revokedAt": None}, {"$set": {"revokedAt": at}}, session=tx.session
    )
    return bool(result.modified_count)


async def used(database: Database, uses: Mapping[str, datetime]) -> None:
    """Write down when keys were last used; of several processes the latest use stands."""
    updates = [UpdateOne({"_id": id_}, {"$max": {"lastUsedAt": at}}) for id_, at in uses.items()]
    await database[API_KEYS].bulk_write(updates, ordered=False)
