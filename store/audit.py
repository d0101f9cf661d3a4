"""The audit log: who changed what, and which customers tills looked up.

Appended to and never changed; entries end by themselves.
Ids, values of settings and the names of changed fields; no personal data (docs/data-map.md).
"""

from collections.abc import Sequence
from datetime import datetime

from pymongo.errors import BulkWriteError

from store.client import DUPLICATE_KEY, Database, Document, Tx
from store.collections import AUDIT


async def insert(database: Database, entry: Document, *, tx: Tx) -> None:
    """Append an entry in the transaction of the change that it tells of."""
    await database[AUDIT].insert_one(entry, session=tx.session)


async def insert_missing(database: Database, entries: Sequence[Document]) -> None:
    """Append entries that may be there already: of a try whose answer was lost, some are."""
    try:
        await database[AUDIT].insert_many(list(entries), ordered=False)
    except BulkWriteError as error:
        details: Document = dict(error.details or {})
        if any(write["code"] != DUPLICATE_KEY for write in details["writeErrors"]):
            raise


async def newest(
    database: Database, *, since: datetime | None, by: str | None, of: str | None, limit: int
) -> list[Document]:
    """Return the newest entries, newest first.

    Args:
        by: the principal who did it.
        of: the id of what it was done to.
    """
    conditions: Document = {}
    if since is not None:
        conditions["at"] = {"$gte": since}
    if by is not None:
        conditions["by"] = by
    if of is not None:
        conditions["of"] = of
    cursor = database[AUDIT].find(conditions, sort=[("at", -1), ("_id", -1)], limit=limit)
    entries: list[Document] = await cursor.to_list(None)
    return entries
