"""Holds, pending points, caps, rewards, referrals and events: their collections, and what older documents lack.

Purchases get the money that counts towards tiers by SPEND: what of the base is kept, line by line as returns count it.
Customers get a referral code.
"""

from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel, UpdateOne

from crm.ids import account_of, referral_code
from crm.numbers import split
from loyalty.earning import kept_share
from store.client import Database, Document
from store.migrations.m0001_collections import COUNT, DATE, LIST, OBJECT, TEXT, WHOLE

BATCH = 1000
BOOLEAN = {"bsonType": "bool"}

SHAPES: dict[str, dict[str, Any]] = {
    "points_holds": {
        "owner": TEXT,
        "points": COUNT,
        "captured": COUNT,
        "status": TEXT,
        "parts": LIST,
        "createdAt": DATE,
        "expiresAt": DATE,
    },
    "cap_counters": {"owner": TEXT, "used": TEXT},
    "customer_events": {"owner": TEXT, "name": TEXT, "externalId": OBJECT, "occurredAt": DATE, "recordedAt": DATE},
    "reward_redemptions": {"owner": TEXT, "rewardId": TEXT, "points": COUNT, "at": DATE, "status": TEXT},
    "reward_stocks": {},
    "referrals": {"referrer": TEXT, "status": TEXT},
    "leases": {},
}

CHANGED: dict[str, dict[str, Any]] = {
    "points_lots": {
        "owner": TEXT,
        "earned": COUNT,
        "remaining": COUNT,
        "held": COUNT,
        "pending": BOOLEAN,
        "expired": COUNT,
        "earnedAt": DATE,
        "activeAt": DATE,
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
        "qualifyingSpend": WHOLE,
    },
}

INDEXES: dict[str, list[IndexModel]] = {
    "loyalty_accounts": [
        IndexModel([("dueAt", ASCENDING)], name="due", partialFilterExpression={"dueAt": {"$type": "date"}}),
        IndexModel(
            [("tierDueAt", ASCENDING)], name="tier_due", partialFilterExpression={"tierDueAt": {"$type": "date"}}
        ),
        IndexModel([("ladders", ASCENDING)], name="ladders"),
    ],
    "points_holds": [
        IndexModel(
            [("owner", ASCENDING), ("expiresAt", ASCENDING), ("_id", ASCENDING)],
            name="active",
            partialFilterExpression={"status": "ACTIVE"},
        ),
        IndexModel([("owner", ASCENDING), ("createdAt", ASCENDING)], name="history"),
    ],
    "customer_events": [
        IndexModel([("owner", ASCENDING), ("name", ASCENDING), ("occurredAt", DESCENDING)], name="of_customer"),
    ],
    "reward_redemptions": [
        IndexModel([("owner", ASCENDING), ("rewardId", ASCENDING), ("status", ASCENDING)], name="of_customer"),
    ],
    "customers": [
        IndexModel(
            [("birthday", ASCENDING), ("_id", ASCENDING)],
            name="birthday",
            partialFilterExpression={"birthday": {"$gt": ""}},
        ),
    ],
    "purchases": [
        IndexModel(
            [
                ("owner", ASCENDING),
                ("occurredAt", DESCENDING),
                ("_id", DESCENDING),
                ("qualifying", ASCENDING),
                ("qualifyingSpend", ASCENDING),
            ],
            name="timeline",
        ),
    ],
}


async def run(database: Database) -> None:
    """Create and complete what is missing; safe to repeat."""
    listed = await database.command({"listCollections": 1, "nameOnly": True, "cursor": {"batchSize": 500}})
    present = {collection["name"] for collection in listed["cursor"]["firstBatch"]}
    await database["points_lots"].update_many(
        {"held": {"$exists": False}}, {"$set": {"held": 0, "pending": False, "slidingMonths": None}}
    )
    await database["loyalty_accounts"].update_many(
        {"ladders": {"$exists": False}}, {"$set": {"ladders": "", "activityAt": None, "sliding": False}}
    )
    await _find_activity(database)
    await _count_spend(database)
    await _complete_customers(database)
    for name, properties in {**SHAPES, **CHANGED}.items():
        schema = {"bsonType": "object", "required": ["_id", *properties], "properties": properties}
        validator = {"$jsonSchema": schema}
        await database.command({"collMod" if name in present else "create": name, "validator": validator})
    for name, indexes in INDEXES.items():
        await database[name].create_indexes(indexes)
    known = await database["purchases"].index_information()
    if "history" in known:  # "timeline" answers all that it did
        await database["purchases"].drop_index("history")


async def _find_activity(database: Database) -> None:
    """Give accounts the instant at which points last were earned or spent."""
    activity = {"type": {"$in": ["EARN", "BONUS", "SPEND"]}}
    pipeline: list[Document] = [{"$match": activity}, {"$group": {"_id": "$owner", "at": {"$max": "$at"}}}]
    updates = [
        UpdateOne({"_id": account_of(group["_id"]), "activityAt": None}, {"$set": {"activityAt": group["at"]}})
        for group in await database.aggregate("points_transactions", pipeline)
    ]
    for start in range(0, len(updates), BATCH):
        await database["loyalty_accounts"].bulk_write(updates[start : start + BATCH], ordered=False)


async def _count_spend(database: Database) -> None:
    """Give purchases of before `qualifyingSpend`, where they are somebody's."""
    updates: list[UpdateOne] = []
    fields = {"lines": 1, "total": 1, "taxTotal": 1, "returns.id": 1, "customerId": 1}
    async for purchase in database["purchases"].find({"qualifyingSpend": {"$exists": False}}, fields):
        spend = _kept_base(purchase) if purchase.get("customerId") else 0
        updates.append(UpdateOne({"_id": purchase["_id"]}, {"$set": {"qualifyingSpend": spend}}))
        if len(updates) == BATCH:
            await database["purchases"].bulk_write(updates, ordered=False)
            updates = []
    if updates:
        await database["purchases"].bulk_write(updates, ordered=False)


def _kept_base(purchase: Document) -> int:
    base = int(purchase["total"] - purchase["taxTotal"])
    lines = sorted(purchase["lines"], key=lambda line: line["lineNumber"])
    if not purchase.get("returns") or not lines:
        return base
    shares = split(base, [line["total"] for line in lines])
    return sum(
        kept_share(share, returned=line.get("returnedQuantity", 0), quantity=line["quantity"])
        for share, line in zip(shares, lines, strict=True)
    )


async def _complete_customers(database: Database) -> None:
    """Give customers of before a referral code, and the day of their birthday; the code follows from the id."""
    async for person in database["customers"].find(
        {"referralCode": {"$exists": False}}, {"birthDate": 1, "createdAt": 1}
    ):
        code = referral_code(person["_id"])
        changes = {"referralCode": code}
        if person.get("birthDate"):
            changes |= {"birthday": person["birthDate"][5:], "birthdaySince": person["createdAt"]}
        key = {"ref": person["_id"], "owner": person["_id"]}
        await database["keys"].update_one({"_id": f"ref:{code}"}, {"$setOnInsert": key}, upsert=True)
        await database["customers"].update_one({"_id": person["_id"]}, {"$set": changes})
