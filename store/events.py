"""What customers did outside of purchases, as storefronts and tills track it: one document an event."""

from collections.abc import Sequence
from datetime import datetime

from store.client import Database, Document, Tx
from store.collections import EVENTS


async def insert(database: Database, documents: Sequence[Document], *, tx: Tx) -> None:
    """Store new events."""
    if documents:
        await database[EVENTS].insert_many(list(documents), session=tx.session)


async def by_ids(database: Database, owner: str, ids: Sequence[str], *, tx: Tx) -> dict[str, Document]:
    """Return a customer's events, by their id."""
    cursor = database[EVENTS].find({"_id": {"$in": list(ids)}, "owner": owner}, session=tx.session)
    return {event["_id"]: event for event in await cursor.to_list(None)}


async def happened(database: Database, owner: str, name: str, since: datetime, *, tx: Tx) -> bool:
    """Whether the shop has told of such an event, about no purchase in particular, at `since` or later."""
    condition = {
        "owner": owner,
        "name": name,
        "occurredAt": {"$gte": since},
        "trusted": True,
        "properties.purchaseId": None,
    }
    return await database[EVENTS].find_one(condition, projection=["_id"], session=tx.session) is not None
