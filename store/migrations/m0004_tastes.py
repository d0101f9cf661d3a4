"""What people like: counters for each customer and year, counted anew from the purchases that are there.

Statistics over the whole shop have a collection, which the worker fills.
"""

from typing import Any

from pymongo import ASCENDING, IndexModel

from crm.taste.counters import Tally, counted
from store import tastes
from store.client import Database
from store.migrations.m0001_collections import COUNT, OBJECT, TEXT

BATCH = 200

SHAPES: dict[str, dict[str, Any]] = {
    "tastes": {"owner": TEXT, "year": COUNT, "counted": COUNT, "products": OBJECT, "categories": OBJECT},
    "taste_statistics": {},
}

INDEXES = {"tastes": [IndexModel([("owner", ASCENDING)], name="of_customer")]}


async def run(database: Database) -> None:
    """Create what is missing and count; safe to repeat."""
    listed = await database.command({"listCollections": 1, "nameOnly": True, "cursor": {"batchSize": 500}})
    present = {collection["name"] for collection in listed["cursor"]["firstBatch"]}
    for name, properties in SHAPES.items():
        schema = {"bsonType": "object", "required": ["_id", *properties], "properties": properties}
        await database.command({"collMod" if name in present else "create": name, "validator": {"$jsonSchema": schema}})
    for name, indexes in INDEXES.items():
        await database[name].create_indexes(indexes)
    await _count(database)


async def _count(database: Database) -> None:
    """Count every customer's purchases, one customer after the other, in the order in which they happened."""
    fields = dict.fromkeys(("owner", "occurredAt", "storeCode", "channel"), 1)
    fields |= {f"lines.{name}": 1 for name in ("sku", "category", "quantity", "returnedQuantity")}
    order = [("owner", -1), ("occurredAt", 1), ("_id", 1)]  # the index "timeline", walked backwards
    tallies: dict[str, Tally] = {}
    async for purchase in database["purchases"].find({"owner": {"$gt": "cus_", "$lt": "cus`"}}, fields, sort=order):
        owner = purchase["owner"]
        if owner not in tallies and len(tallies) == BATCH:
            await _store(database, tallies)
            tallies = {}
        tally = tallies.setdefault(owner, Tally(limit=tastes.COUNTED_MAX))
        tally.add(
            counted(purchase["lines"]),
            purchase["occurredAt"],
            store_code=purchase["storeCode"],
            channel=purchase["channel"],
        )
    await _store(database, tallies)


async def _store(database: Database, tallies: dict[str, Tally]) -> None:
    await tastes.replace_all(
        database, (document for owner, tally in tallies.items() for document in tastes.documents(owner, tally))
    )
