"""Who was referred by whom: one document a referred customer, whose id is that customer's."""

from datetime import datetime

from store.client import Database, Document, Tx
from store.collections import REFERRALS

PENDING, REWARDED = "PENDING", "REWARDED"


async def get(database: Database, referee: str, *, tx: Tx) -> Document | None:
    """Return a customer's referral."""
    found: Document | None = await database[REFERRALS].find_one({"_id": referee}, session=tx.session)
    return found


async def insert(database: Database, referee: str, referrer: str, at: datetime, *, tx: Tx) -> None:
    """Store that one customer referred another."""
    document = {"_id": referee, "referrer": referrer, "status": PENDING, "createdAt": at}
    await database[REFERRALS].insert_one(document, session=tx.session)


async def set_rewarded(database: Database, referee: str, purchase_id: str, *, tx: Tx) -> None:
    """Store by which purchase a referral was rewarded."""
    changes = {"status": REWARDED, "purchaseId": purchase_id}
    await database[REFERRALS].update_one({"_id": referee}, {"$set": changes}, session=tx.session)
