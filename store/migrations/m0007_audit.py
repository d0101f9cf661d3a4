"""The audit log, whose entries end by themselves; API keys get an end and their last use."""

from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel

from store.client import Database
from store.migrations.m0001_collections import DATE, LIST, TEXT

SHAPE: dict[str, Any] = {"at": DATE, "until": DATE, "by": TEXT, "role": TEXT, "what": TEXT, "of": LIST}

INDEXES = [
    IndexModel([("at", DESCENDING), ("_id", DESCENDING)], name="newest"),
    IndexModel([("of", ASCENDING), ("at", DESCENDING), ("_id", DESCENDING)], name="of"),
    IndexModel([("by", ASCENDING), ("at", DESCENDING), ("_id", DESCENDING)], name="by"),
    IndexModel([("until", ASCENDING)], name="until", expireAfterSeconds=0),
]


async def run(database: Database) -> None:
    """Create and complete what is missing; safe to repeat."""
    listed = await database.command({"listCollections": 1, "nameOnly": True, "cursor": {"batchSize": 500}})
    present = {collection["name"] for collection in listed["cursor"]["firstBatch"]}
    schema = {"bsonType": "object", "required": ["_id", *SHAPE], "properties": SHAPE}
    await database.command(
        {"collMod" if "audit" in present else "create": "audit", "validator": {"$jsonSchema": schema}}
    )
    await database["audit"].create_indexes(INDEXES)
    await database["api_keys"].update_many(
        {"expiresAt": {"$exists": False}}, {"$set": {"expiresAt": None, "lastUsedAt": None, "replacedBy": None}}
    )
