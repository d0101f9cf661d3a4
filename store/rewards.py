"""Rewards as they are given out: how many are left of each, and who redeemed which."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from store.client import Database, Document, Tx
from store.collections import REDEMPTIONS, STOCKS

REDEEMED, USED, GIVEN_BACK = "REDEEMED", "USED", "GIVEN_BACK"
"""Redeemed and its code not used yet; used by a sale; given back by the sale's return."""


async def stocks(database: Database, ids: Iterable[str], *, tx: Tx | None = None) -> dict[str, int]:
    """Return how many are left of the rewards that are counted."""
    cursor = database[STOCKS].find({"_id": {"$in": list(ids)}}, session=tx.session if tx else None)
    return {stock["_id"]: stock["stock"] for stock in await cursor.to_list(None)}


async def set_stock(database: Database, id_: str, stock: int | None, *, tx: Tx) -> None:
    """Let a reward have so many left; None: as many as anybody wants."""
    if stock is None:
        await database[STOCKS].delete_one({"_id": id_}, session=tx.session)
    else:
        await database[STOCKS].update_one({"_id": id_}, {"$set": {"stock": stock}}, upsert=True, session=tx.session)


async def take(database: Database, id_: str, count: int, *, tx: Tx) -> bool:
    """Take from a reward's stock, or give back where `count` is negative; False where too few are left."""
    condition: Document = {"_id": id_, "stock": {"$gte": count}}
    taken = await database[STOCKS].update_one(condition, {"$inc": {"stock": -count}}, session=tx.session)
    return bool(taken.matched_count) or await database[STOCKS].find_one({"_id": id_}, session=tx.session) is None


async def counts(database: Database, owner: str, ids: Iterable[str], *, tx: Tx | None = None) -> dict[str, int]:
    """Return how often a person has redeemed each reward; what a return gave back does not count."""
    condition = {"owner": owner, "rewardId": {"$in": list(ids)}, "status": {"$ne": GIVEN_BACK}}
    pipeline: list[Mapping[str, Any]] = [{"$match": condition}, {"$group": {"_id": "$rewardId", "count": {"$sum": 1}}}]
    return {group["_id"]: group["count"] for group in await database.aggregate(REDEMPTIONS, pipeline, tx=tx)}


async def insert(database: Database, redemptions: Sequence[Document], *, tx: Tx) -> None:
    """Store who redeemed what."""
    if redemptions:
        await database[REDEMPTIONS].insert_many(list(redemptions), session=tx.session)


async def by_ids(database: Database, owner: str, ids: Sequence[str], *, tx: Tx | None = None) -> list[Document]:
    """Return an owner's redemptions with these ids."""
    session = tx.session if tx else None
    cursor = database[REDEMPTIONS].find({"_id": {"$in": list(ids)}, "owner": owner}, session=session)
    documents: list[Document] = await cursor.to_list(None)
    return documents


async def set_status(database: Database, owner: str, id_: str, before: str, changes: Document, *, tx: Tx) -> bool:
    """Change a redemption that stands at `before`; False where it does not."""
    condition = {"_id": id_, "owner": owner, "status": before}
    changed = await database[REDEMPTIONS].update_one(condition, {"$set": changes}, session=tx.session)
    return bool(changed.matched_count)
