"""Single-use codes of offers: issued to a customer or to whoever brings one, used by a sale, usable again after.

A code's key (store/keys.py) knows whose it is, so a code typed at a till is found without asking every shard. One that
nobody in particular got is its own owner.
"""

from collections.abc import Iterable, Sequence

from store.client import Database, Document, Tx
from store.collections import OFFER_CODES

ISSUED, USED, WITHDRAWN = "ISSUED", "USED", "WITHDRAWN"


async def insert(database: Database, codes: Sequence[Document], *, tx: Tx) -> None:
    """Store new codes."""
    if codes:
        await database[OFFER_CODES].insert_many(list(codes), session=tx.session)


async def owned_by(
    database: Database, pairs: Sequence[tuple[str, str]], *, tx: Tx | None = None
) -> dict[str, Document]:
    """Return codes by their id; each is asked for as (owner, id)."""
    if not pairs:
        return {}
    condition = {"_id": {"$in": [id_ for _, id_ in pairs]}, "owner": {"$in": sorted({owner for owner, _ in pairs})}}
    cursor = database[OFFER_CODES].find(condition, session=tx.session if tx else None)
    return {code["_id"]: code for code in await cursor.to_list(None)}


async def usable(
    database: Database, owner: str, offer_ids: Iterable[str] | None = None, *, tx: Tx | None = None
) -> dict[str, Document]:
    """Return the oldest code that a customer can still use of each offer, by the offer's id."""
    condition: Document = {"owner": owner, "status": ISSUED}
    if offer_ids is not None:
        condition["offerId"] = {"$in": list(offer_ids)}
    cursor = database[OFFER_CODES].find(condition, session=tx.session if tx else None)
    newest_first = sorted(await cursor.to_list(None), key=lambda code: code["_id"], reverse=True)
    return {code["offerId"]: code for code in newest_first}


async def of_issue(database: Database, issue_id: str) -> list[str]:
    """Return the codes that were issued at once, in their order."""
    cursor = database[OFFER_CODES].find({"issueId": issue_id}, {"code": 1}, sort=[("position", 1)])
    return [code["code"] for code in await cursor.to_list(None)]


async def set_status(database: Database, owner: str, id_: str, before: str, changes: Document, *, tx: Tx) -> bool:
    """Change a code that stands at `before`; False where it does not."""
    condition = {"_id": id_, "owner": owner, "status": before}
    changed = await database[OFFER_CODES].update_one(condition, {"$set": changes}, session=tx.session)
    return bool(changed.matched_count)
