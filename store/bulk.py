"""Writes whole histories at once, for imports: many documents of many collections in one transaction."""

from collections.abc import Mapping, Sequence

from store.client import Database, Document, Tx


async def insert(database: Database, documents: Mapping[str, Sequence[Document]], *, tx: Tx) -> None:
    """Store documents by collection; a DuplicateKeyError ends the transaction when one is there already."""
    for collection, batch in documents.items():
        if batch:
            await database[collection].insert_many(list(batch), session=tx.session)
