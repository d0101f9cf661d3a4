"""Writes of a transaction, each as the one command it is; what became of one may be told by a later call (`Tx.flush`).

The drivers' helpers for several documents keep books of what became of each, for retries that a transaction does not
have (measured: 244 µs of processor time for an insert_many in a transaction, 205 µs for the command).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from store.client import Database, Document, Tx
from store.transactions import written

Change = Mapping[str, Any] | Sequence[Mapping[str, Any]]
"""What an update does: operators, or a pipeline."""

BATCH_MAX = 1000
"""As many documents as one command takes: a message has at most 16 MB, and thousands of lots may end at once."""


async def insert(database: Database, collection: str, documents: Sequence[Document], *, tx: Tx) -> None:
    """Insert documents that have their ids, if any; a DuplicateKeyError ends the transaction when one is taken.

    It may be raised by what comes after: see `Tx.flush`.
    """
    for start in range(0, len(documents), BATCH_MAX):
        batch = list(documents[start : start + BATCH_MAX])
        await _write(database, {"insert": collection, "documents": batch}, tx)


async def update(
    database: Database, collection: str, condition: Mapping[str, Any], change: Change, *, tx: Tx, upsert: bool = False
) -> None:
    """Change one document, or make it where it may be made."""
    await update_each(database, collection, [statement(condition, change, upsert=upsert)], tx=tx)


def statement(condition: Mapping[str, Any], change: Change, *, upsert: bool = False) -> Document:
    """Return the change of one document, for `update_each`."""
    return {"q": condition, "u": change, "upsert": upsert}


async def update_each(database: Database, collection: str, statements: Sequence[Document], *, tx: Tx) -> None:
    """Make several changes, one after the other."""
    for start in range(0, len(statements), BATCH_MAX):
        batch = list(statements[start : start + BATCH_MAX])
        await _write(database, {"update": collection, "updates": batch}, tx)


async def changed(
    database: Database, collection: str, condition: Mapping[str, Any], change: Change, *, tx: Tx
) -> Document | None:
    """Change one document and return what it is now; None where there is none."""
    command = {"findAndModify": collection, "query": condition, "update": change, "new": True}
    found: Document | None = (await database.command(command, tx=tx))["value"]
    return found


async def _write(database: Database, command: Document, tx: Tx) -> None:
    """Write, now or together with what is written next."""
    if not tx.gather(command):
        written(await database.command(command, tx=tx))
