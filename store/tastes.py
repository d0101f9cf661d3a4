"""What people like: one document of counters for each customer and year, changed by every sale in its transaction.

A year's document is bounded by `COUNTED_MAX`; the years are, because older ones than are read weigh nothing any more.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from crm.taste.counters import Counted, Tally, day, steps
from store import writing
from store.client import Database, Document, Tx
from store.collections import TASTES

COUNTED_MAX = 100_000
"""Things a customer's year counts. At 80 bytes each its document stays below 8 MB; real households count 6,000."""

YEARS_READ = 3
"""A purchase of three calendar years ago weighs less than a two-hundredth of one of today."""


def taste_id(owner: str, year: int) -> str:
    """Return the id of the document of a customer's year."""
    return f"{owner}:{year}"


async def count(
    database: Database, owner: str, of: Counted, at: datetime, *, store_code: str | None, channel: str, tx: Tx
) -> None:
    """Count a basket; one command, whether the document is there or not."""
    id_ = taste_id(owner, at.year)
    added: dict[str, float] = {"counted": len(of.products) + len(of.categories)}
    latest, today = {}, day(at)
    for map_, name, more in steps(of, at):
        added |= {f"{map_}.{name}.s": more, f"{map_}.{name}.n": 1}
        latest[f"{map_}.{name}.last"] = today
    empty = {"year": at.year, "counted": 0, "products": {}, "categories": {}}
    await writing.update_each(
        database,
        TASTES,
        [
            writing.statement({"_id": id_, "owner": owner}, {"$setOnInsert": empty}, upsert=True),
            writing.statement(
                {"_id": id_, "owner": owner, "counted": {"$lt": COUNTED_MAX}},
                {"$inc": added, "$max": latest, "$set": {"storeCode": store_code, "channel": channel}},
            ),
        ],
        tx=tx,
    )


async def take_back(database: Database, owner: str, of: Counted, at: datetime, *, tx: Tx) -> None:
    """Take back what a basket of that instant counted; the days of last purchases stay as they are."""
    taken: dict[str, float] = {}
    for map_, name, more in steps(of, at):
        taken |= {f"{map_}.{name}.s": -more, f"{map_}.{name}.n": -1}
    await database[TASTES].update_one(
        {"_id": taste_id(owner, at.year), "owner": owner, "counted": {"$lt": COUNTED_MAX}},
        {"$inc": taken},
        session=tx.session,
    )


async def of_owners(database: Database, owners: Sequence[str], year: int) -> dict[str, list[Document]]:
    """Return the documents of the last years up to `year` by owner, none where there is none."""
    found: dict[str, list[Document]] = {owner: [] for owner in owners}
    ids = [taste_id(owner, of) for owner in found for of in range(year, year - YEARS_READ, -1)]
    condition = {"_id": {"$in": ids}, "owner": {"$in": list(found)}}
    for document in await database[TASTES].find(condition, batch_size=len(ids) + 1).to_list(None):
        found[document["owner"]].append(document)
    return found


def documents(owner: str, tally: Tally) -> list[Document]:
    """Return what was tallied as it is stored."""
    return [{"_id": taste_id(owner, year), "owner": owner, **counted} for year, counted in sorted(tally.years.items())]


async def replace_all(database: Database, of: Iterable[Document]) -> None:
    """Store documents that were counted anew."""
    batch = list(of)
    if batch:
        ids = [document["_id"] for document in batch]
        await database[TASTES].delete_many({"_id": {"$in": ids}})
        await database[TASTES].insert_many(batch, ordered=False)
