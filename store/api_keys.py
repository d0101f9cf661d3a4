"""API keys: only their keyed hash is stored, so whoever reads the database cannot call the API."""

from datetime import datetime

from store.client import Database, Document
from store.collections import API_KEYS


async def insert(database: Database, document: Document) -> None:
    """Store a new key."""
    await database[API_KEYS].insert_one(document)


async def by_hash(database: Database, hash_: str) -> Document | None:
    """Return the key with this hash, unless it is revoked."""
    found: Document | None = await database[API_KEYS].find_one({"hash": hash_, "revokedAt": None})
    return found


async def listed(database: Database) -> list[Document]:
    """Return all keys, oldest first, without their hashes."""
    cursor = database[API_KEYS].find(projection={"hash": 0}, sort=[("createdAt", 1), ("_id", 1)])
    documents: list[Document] = await cursor.to_list(None)
    return documents


async def revoke(database: Database, id_: str, at: datetime) -> bool:
    """End a key and return whether there was one to end."""
    result = await database[API_KEYS].update_one({"_id": id_, "revokedAt": None}, {"$set": {"revokedAt": at}})
    return bool(result.modified_count)
