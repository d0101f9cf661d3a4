"""Collections, their validators and their indexes.

Validators hold what would be expensive to find out later: that money and points are integers, that instants are
dates, that every document names its owner. int and long are both accepted, because drivers choose by size.
"""

from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel

from store.client import Database

WHOLE = {"bsonType": ["int", "long"]}
COUNT = {"bsonType": ["int", "long"], "minimum": 0}
TEXT = {"bsonType": "string"}
DATE = {"bsonType": "date"}
LIST = {"bsonType": "array"}
OBJECT = {"bsonType": "object"}

SHAPES: dict[str, dict[str, Any]] = {
    "customers": {"version": COUNT, "createdAt": DATE, "updatedAt": DATE, "metrics": OBJECT, "search": LIST},
    "keys": {},
    "loyalty_accounts": {
        "customerId": TEXT,
        "createdAt": DATE,
        "sequence": COUNT,
        "available": COUNT,
        "pending": COUNT,
        "held": COUNT,
        "debt": COUNT,
        "lifetimeEarned": COUNT,
        "tierSteps": LIST,
    },
    "points_lots": {
        "owner": TEXT,
        "earned": COUNT,
        "remaining": COUNT,
        "expired": COUNT,
        "earnedAt": DATE,
        "activeAt": DATE,
        "source": OBJECT,
    },
    "points_transactions": {
        "owner": TEXT,
        "sequence": COUNT,
        "type": TEXT,
        "points": WHOLE,
        "balanceAfter": WHOLE,
        "at": DATE,
        "occurredAt": DATE,
        "source": OBJECT,
    },
    "purchases": {
        "owner": TEXT,
        "externalId": OBJECT,
        "fingerprint": TEXT,
        "channel": TEXT,
        "occurredAt": DATE,
        "recordedAt": DATE,
        "status": TEXT,
        "lines": LIST,
        "total": COUNT,
        "taxTotal": COUNT,
        "discountTotal": COUNT,
        "returnedTotal": COUNT,
        "qualifying": COUNT,
    },
    "feedback": {"owner": TEXT, "kind": TEXT, "channel": TEXT, "createdAt": DATE},
    "stores": {"code": TEXT, "name": TEXT, "timeZone": TEXT},
    "products": {"sku": TEXT, "title": TEXT},
    "loyalty_programs": {"programId": TEXT, "version": COUNT, "validFrom": DATE, "tiers": LIST},
    "api_keys": {"hash": TEXT, "role": TEXT, "principal": TEXT, "createdAt": DATE},
    "outbox": {"topic": TEXT, "at": DATE, "transactionId": TEXT, "position": COUNT},
    "installation": {},
}

INDEXES: dict[str, list[IndexModel]] = {
    "customers": [
        IndexModel([("createdAt", ASCENDING), ("_id", ASCENDING)], name="created"),
        IndexModel([("metrics.lastPurchaseAt", DESCENDING), ("_id", DESCENDING)], name="last_purchase"),
        IndexModel([("metrics.totalSpent", DESCENDING), ("_id", DESCENDING)], name="total_spent"),
        IndexModel([("sortName", ASCENDING), ("_id", ASCENDING)], name="name"),
        IndexModel([("search", ASCENDING)], name="search"),
        IndexModel([("tags", ASCENDING), ("_id", ASCENDING)], name="tags"),
    ],
    "keys": [
        IndexModel([("expiresAt", ASCENDING)], name="expiry", expireAfterSeconds=0),
        IndexModel([("ref", ASCENDING)], name="ref"),
    ],
    "points_lots": [
        IndexModel(
            [("owner", ASCENDING), ("expiresAt", ASCENDING), ("_id", ASCENDING)],
            name="live",
            partialFilterExpression={"remaining": {"$gt": 0}},
        ),
    ],
    "points_transactions": [
        IndexModel([("owner", ASCENDING), ("sequence", DESCENDING)], name="history", unique=True),
    ],
    "purchases": [
        IndexModel(
            [("owner", ASCENDING), ("occurredAt", DESCENDING), ("_id", DESCENDING), ("qualifying", ASCENDING)],
            name="history",
        ),
        IndexModel(
            [("owner", ASCENDING), ("channel", ASCENDING), ("occurredAt", DESCENDING), ("_id", DESCENDING)],
            name="history_by_channel",
        ),
    ],
    "feedback": [
        IndexModel([("owner", ASCENDING), ("createdAt", DESCENDING), ("_id", DESCENDING)], name="of_customer"),
        IndexModel([("createdAt", DESCENDING), ("_id", DESCENDING)], name="newest"),
        IndexModel([("storeId", ASCENDING), ("createdAt", DESCENDING), ("_id", DESCENDING)], name="by_store"),
        IndexModel([("sku", ASCENDING), ("createdAt", DESCENDING), ("_id", DESCENDING)], name="by_sku"),
    ],
    "stores": [IndexModel([("code", ASCENDING), ("_id", ASCENDING)], name="code")],
    "products": [
        IndexModel([("sku", ASCENDING), ("_id", ASCENDING)], name="sku"),
        IndexModel([("search", ASCENDING)], name="search"),
    ],
    "api_keys": [IndexModel([("hash", ASCENDING)], name="hash", unique=True)],
    "outbox": [
        IndexModel(
            [("at", ASCENDING), ("_id", ASCENDING)],
            name="unnumbered",
            partialFilterExpression={"sequence": None},
        ),
    ],
}


async def run(database: Database) -> None:
    """Create what is missing; safe to repeat."""
    present = {
        collection["name"]
        for collection in (
            await database.command({"listCollections": 1, "nameOnly": True, "cursor": {"batchSize": 500}})
        )["cursor"]["firstBatch"]
    }
    for name, properties in SHAPES.items():
        required = ["_id", *properties]
        validator = {"$jsonSchema": {"bsonType": "object", "required": required, "properties": properties}}
        if name not in present:
            await database.command({"create": name, "validator": validator})
        if INDEXES.get(name):
            await database[name].create_indexes(INDEXES[name])
