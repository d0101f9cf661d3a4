"""Reads what `crm check` compares of offers and codes, a part at a time, each as of one instant."""

from dataclasses import dataclass

from store import keys, offer_redemptions
from store.client import Database, Document, Tx
from store.collections import OFFER_AUDIENCE, OFFER_CODES, OFFERS, PURCHASES
from store.offer_redemptions import Counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """Offers in order of their ids; by id the counters there are, what a recount gives, and how many are addressed."""

    documents: list[Document]
    counters: dict[str, Counted]
    counted: dict[str, Counted]
    audience: dict[str, int]
    keys: dict[str, Document]


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """Single-use codes in order of their ids, their keys, and the purchases that used them, by id."""

    documents: list[Document]
    keys: dict[str, Document]
    purchases: dict[str, Document]


async def next_offers(database: Database, after: str, limit: int, tx: Tx) -> Offers:
    """Return offers beyond the id `after` with all that follows from them."""
    condition = {"_id": {"$gt": after}}
    fields = {"limits": 1, "code": 1, "conditions.customerCount": 1}
    cursor = database[OFFERS].find(condition, fields, sort=[("_id", 1)], limit=limit, session=tx.session)
    found = await cursor.to_list(None)
    ids = [offer["_id"] for offer in found]
    groups = await database.aggregate(
        OFFER_AUDIENCE,
        [{"$match": {"offerId": {"$in": ids}}}, {"$group": {"_id": "$offerId", "count": {"$sum": 1}}}],
        tx=tx,
    )
    return Offers(
        documents=found,
        counters=await offer_redemptions.counters(database, ids, tx=tx),
        counted=await offer_redemptions.recount(database, ids, tx=tx),
        audience={group["_id"]: group["count"] for group in groups},
        keys=await keys.find(database, [keys.code(offer["code"]) for offer in found if offer["code"]], tx=tx),
    )


async def next_codes(database: Database, after: str, limit: int, tx: Tx) -> Codes:
    """Return single-use codes beyond the id `after` with their keys and the purchases they name."""
    condition = {"_id": {"$gt": after}}
    cursor = database[OFFER_CODES].find(condition, sort=[("_id", 1)], limit=limit, session=tx.session)
    found = await cursor.to_list(None)
    used = [code["purchaseId"] for code in found if code["purchaseId"]]
    purchases = database[PURCHASES].find({"_id": {"$in": used}}, {"redemptions": 1}, session=tx.session)
    return Codes(
        documents=found,
        keys=await keys.find(database, [keys.code(code["code"]) for code in found], tx=tx),
        purchases={sale["_id"]: sale for sale in await purchases.to_list(None)} if used else {},
    )
