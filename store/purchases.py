"""Purchases with their lines and returns, one document each, under the customer or, while anonymous, themselves."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

from crm.values import PurchaseStatus
from loyalty.tiers import QualifyingSale
from store import keys, writing
from store.client import Database, Document, Tx
from store.collections import PURCHASES
from store.customers import NO_PURCHASES
from store.pages import Order

NEWEST_FIRST = Order("occurredAt", descending=True)
SOLD_BATCH = 2000
OwnedId = tuple[str, str]
"""An owner and the id of something of theirs."""


async def by_ids(database: Database, ids: Sequence[str], *, owner: str | None = None) -> list[Document | None]:
    """Return purchases in the order of `ids`: the keys know the owners, so every shard is asked for its own only.

    With `owner`, those of others are missing, and not asked for: not even the time it takes tells that they exist.
    """
    owners = await keys.find(database, [keys.of_id(id_) for id_ in ids])
    if owner is not None:
        owners = {id_: key for id_, key in owners.items() if key["owner"] == owner}
    owned = [(key["owner"], id_) if (key := owners.get(keys.of_id(id_))) else None for id_ in ids]
    found = iter(await owned_by(database, [pair for pair in owned if pair]))
    return [next(found) if pair else None for pair in owned]


async def owned_by(database: Database, pairs: Sequence[OwnedId]) -> list[Document | None]:
    """Return purchases whose owners are known, in the order of `pairs`."""
    if not pairs:
        return []
    condition = {"_id": {"$in": [id_ for _, id_ in pairs]}, "owner": {"$in": sorted({owner for owner, _ in pairs})}}
    found = {purchase["_id"]: purchase for purchase in await database[PURCHASES].find(condition).to_list(None)}
    return [found.get(id_) for _, id_ in pairs]


async def get(database: Database, owner: str, id_: str, *, tx: Tx) -> Document | None:
    """Return a purchase as the transaction sees it."""
    found: Document | None = await database[PURCHASES].find_one({"_id": id_, "owner": owner}, session=tx.session)
    return found


async def any_of(database: Database, owner: str, *, tx: Tx | None = None) -> bool:
    """Whether an owner has any purchase, whatever became of it."""
    session = tx.session if tx else None
    return await database[PURCHASES].find_one({"owner": owner}, projection=["_id"], session=session) is not None


async def insert(database: Database, purchase: Document, *, tx: Tx) -> None:
    """Store a new purchase."""
    await writing.insert(database, PURCHASES, [purchase], tx=tx)


async def update(database: Database, owner: str, id_: str, changes: dict[str, Any], *, tx: Tx) -> None:
    """Set fields of a purchase; setting `owner` hands it to somebody else."""
    await writing.update(database, PURCHASES, {"_id": id_, "owner": owner}, {"$set": changes}, tx=tx)


async def qualifying_since(
    database: Database, owner: str, since: datetime | None, *, tx: Tx | None = None
) -> list[tuple[str, QualifyingSale]]:
    """Return (id, what it counts towards a tier) of an owner's sales after `since`, all where None; from the index."""
    condition: Document = {"owner": owner}
    if since is not None:
        condition["occurredAt"] = {"$gt": since}
    cursor = database[PURCHASES].find(
        condition,
        projection={"_id": 1, "occurredAt": 1, "qualifying": 1, "qualifyingSpend": 1},
        sort=[("occurredAt", -1), ("_id", -1)],
        session=tx.session if tx else None,
    )
    rows = await cursor.to_list(None)
    return [(row["_id"], qualifying_sale(row)) for row in reversed(rows)]


def qualifying_sale(purchase: Document) -> QualifyingSale:
    """Return a purchase as far as tiers know it."""
    points, spend = purchase["qualifying"], purchase["qualifyingSpend"]
    return QualifyingSale(at=purchase["occurredAt"], points=max(points, 0), spend=max(spend, 0))


async def qualifying_of(database: Database, owners: Sequence[str]) -> dict[str, list[QualifyingSale]]:
    """Return what every sale of these owners counts towards a tier, by owner."""
    projection = {"owner": 1, "occurredAt": 1, "qualifying": 1, "qualifyingSpend": 1}
    found: dict[str, list[QualifyingSale]] = {owner: [] for owner in owners}
    for row in await database[PURCHASES].find({"owner": {"$in": list(owners)}}, projection).to_list(None):
        found[row["owner"]].append(qualifying_sale(row))
    return found


async def qualifying_totals(
    database: Database, owners: Sequence[str], *, after: datetime | None, until: datetime, spend: bool = False
) -> dict[str, int]:
    """Return what each owner's sales in (after, until] count towards a tier: points, or money in minor units."""
    span: Document = {"$lte": until} | ({"$gt": after} if after else {})
    counted = "$qualifyingSpend" if spend else "$qualifying"
    groups = await database.aggregate(
        PURCHASES,
        [
            {"$match": {"owner": {"$in": list(owners)}, "occurredAt": span}},
            {"$group": {"_id": "$owner", "points": {"$sum": counted}}},
        ],
    )
    return {group["_id"]: group["points"] for group in groups}


async def metrics(database: Database, owner: str, *, tx: Tx | None = None) -> dict[str, Any]:
    """Count an owner's metrics anew from the purchases; cancelled ones are left out."""
    groups = await database.aggregate(
        PURCHASES,
        [
            {"$match": {"owner": owner, "status": {"$ne": PurchaseStatus.CANCELLED.value}}},
            {
                "$group": {
                    "_id": None,
                    "purchaseCount": {"$sum": 1},
                    "totalSpent": {"$sum": {"$subtract": ["$total", "$returnedTotal"]}},
                    "firstPurchaseAt": {"$min": "$occurredAt"},
                    "lastPurchaseAt": {"$max": "$occurredAt"},
                    "channels": {"$addToSet": "$channel"},
                }
            },
        ],
        tx=tx,
    )
    if not groups:
        return dict(NO_PURCHASES)
    counted = groups[0]
    del counted["_id"]
    counted["channels"].sort()
    return counted


async def things_sold(database: Database) -> AsyncIterator[Document]:
    """Yield every purchase with what statistics need of it, one after the other, in no order."""
    fields = dict.fromkeys(("owner", "customerId", "occurredAt", "storeCode", "channel"), 1)
    fields |= {f"lines.{name}": 1 for name in ("sku", "category", "quantity", "returnedQuantity")}
    async for purchase in database[PURCHASES].find({}, fields, batch_size=SOLD_BATCH):
        yield purchase
