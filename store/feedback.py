"""What customers said, under the customer who said it."""

from collections.abc import Sequence
from typing import Any

from pymongo import ReturnDocument

from store.client import Database, Document, Tx
from store.collections import FEEDBACK
from store.pages import Order
from store.reads import Reader

NEWEST_FIRST = Order("createdAt", descending=True)


async def insert(database: Database, feedback: Document, *, tx: Tx) -> None:
    """Store a new piece of feedback."""
    await database[FEEDBACK].insert_one(feedback, session=tx.session)


async def by_ids(reader: Reader, ids: Sequence[str]) -> list[Document | None]:
    """Return feedback in the order of `ids`."""
    found = await reader.by_ids(FEEDBACK, ids)
    return [found.get(id_) for id_ in ids]


async def set_reply(database: Database, id_: str, reply: dict[str, Any], *, tx: Tx) -> Document | None:
    """Answer a piece of feedback; a later answer replaces the earlier one. None where there is no such feedback."""
    saved: Document | None = await database[FEEDBACK].find_one_and_update(
        {"_id": id_}, {"$set": {"reply": reply}}, session=tx.session, return_document=ReturnDocument.AFTER
    )
    return saved
