"""Offers, whom they are addressed to, their codes, redemptions and counters.

A purchase's `redemptions` are those of offers from now on, as the schema names them; what it redeemed of the
programme's rewards stands under `rewards`.
"""

from typing import Any

from pymongo import ASCENDING, IndexModel

from store.client import Database
from store.migrations.m0001_collections import COUNT, DATE, OBJECT, TEXT, WHOLE

BOOLEAN = {"bsonType": "bool"}

SHAPES: dict[str, dict[str, Any]] = {
    "offers": {
        "version": COUNT,
        "revision": COUNT,
        "title": TEXT,
        "kind": TEXT,
        "priority": WHOLE,
        "stacking": TEXT,
        "conditions": OBJECT,
        "limits": OBJECT,
        "active": BOOLEAN,
        "public": BOOLEAN,
        "createdAt": DATE,
        "updatedAt": DATE,
    },
    "offer_audience": {"owner": TEXT, "offerId": TEXT},
    "offer_codes": {"owner": TEXT, "offerId": TEXT, "code": TEXT, "status": TEXT, "issuedAt": DATE},
    "offer_redemptions": {
        "owner": TEXT,
        "offerId": TEXT,
        "purchaseId": TEXT,
        "day": TEXT,
        "discount": COUNT,
        "returned": BOOLEAN,
    },
    "offer_counters": {"redeemed": COUNT, "spent": COUNT},
}

INDEXES: dict[str, list[IndexModel]] = {
    "offers": [
        IndexModel([("revision", ASCENDING)], name="revision"),
        IndexModel([("active", ASCENDING), ("endsAt", ASCENDING)], name="live"),
        IndexModel([("public", ASCENDING), ("active", ASCENDING), ("_id", ASCENDING)], name="public"),
    ],
    "offer_audience": [
        IndexModel([("owner", ASCENDING), ("offerId", ASCENDING)], name="of_customer"),
        IndexModel([("offerId", ASCENDING), ("owner", ASCENDING)], name="of_offer"),
    ],
    "offer_codes": [
        IndexModel([("owner", ASCENDING), ("offerId", ASCENDING), ("status", ASCENDING)], name="of_customer"),
        IndexModel([("issueId", ASCENDING), ("position", ASCENDING)], name="of_issue"),
    ],
    "offer_redemptions": [
        IndexModel(
            [("owner", ASCENDING), ("offerId", ASCENDING), ("returned", ASCENDING), ("day", ASCENDING)],
            name="of_customer",
        ),
        IndexModel([("offerId", ASCENDING), ("returned", ASCENDING), ("discount", ASCENDING)], name="of_offer"),
    ],
    "products": [IndexModel([("category", ASCENDING)], name="category")],
}


async def run(database: Database) -> None:
    """Create what is missing and rename what a purchase redeemed of rewards; safe to repeat."""
    listed = await database.command({"listCollections": 1, "nameOnly": True, "cursor": {"batchSize": 500}})
    present = {collection["name"] for collection in listed["cursor"]["firstBatch"]}
    for name, properties in SHAPES.items():
        schema = {"bsonType": "object", "required": ["_id", *properties], "properties": properties}
        validator = {"$jsonSchema": schema}
        await database.command({"collMod" if name in present else "create": name, "validator": validator})
    for name, indexes in INDEXES.items():
        await database[name].create_indexes(indexes)
    # Nothing but rewards was redeemed before: only their redemptions name one.
    await database["purchases"].update_many(
        {"redemptions.rewardId": {"$exists": True}}, {"$rename": {"redemptions": "rewards"}}
    )
    await database["installation"].update_one({"_id": "offers"}, {"$setOnInsert": {"revision": 0}}, upsert=True)
