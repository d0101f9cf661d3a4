"""Statistics over the whole shop, in generations: a rebuild writes a new one beside the old and then points to it.

Readers find the pointer first, so none ever sees a half; the generation before the current one is kept for whoever read
the pointer just before it moved.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo.errors import DuplicateKeyError

from crm.taste.statistics import Statistics, ThingStatistics
from store.client import Database, Document
from store.collections import PURCHASES, TASTE_STATISTICS

POINTER, BUILDING = "current", "building"
BATCH = 5000
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """The current generation: what is the same for all of its products."""

    generation: str
    built_at: datetime
    purchases: int
    rho: float
    most: int


async def current(database: Database) -> Pointer | None:
    """Return the current generation, None where none was built yet."""
    found = await database[TASTE_STATISTICS].find_one({"_id": POINTER})
    if found is None:
        return None
    return Pointer(
        generation=found["generation"],
        built_at=found["builtAt"],
        purchases=found["purchases"],
        rho=found["rho"],
        most=found["most"],
    )


async def purchase_count(database: Database) -> int:
    """Return about how many purchases there are."""
    return int(await database[PURCHASES].estimated_document_count())


async def products(database: Database, generation: str, ids: Sequence[str]) -> dict[str, tuple[float, int, str | None]]:
    """Return (repeat ratio, households of 28 days, category) of those products that are known."""
    found = await _of(database, generation, "p", ids, {"rho": 1, "households": 1, "category": 1})
    return {id_: (one["rho"], one["households"], one.get("category")) for id_, one in found.items()}


async def together(database: Database, generation: str, ids: Sequence[str]) -> dict[str, list[tuple[str, float]]]:
    """Return what products are bought together with, (product, cosine) best first."""
    found = await _of(database, generation, "p", ids, {"together": 1})
    return {
        id_: [(part["product"], part["cosine"]) for part in document.get("together", ())]
        for id_, document in found.items()
    }


async def shelves(database: Database, generation: str, places: Sequence[str]) -> dict[str, list[tuple[str, int]]]:
    """Return what is popular in places, (product, households) most first."""
    found = await _of(database, generation, "s", places, {"things": 1})
    return {
        place: [(part["product"], part["households"]) for part in document["things"]]
        for place, document in found.items()
    }


async def offers(database: Database, generation: str, ids: Sequence[str]) -> dict[str, tuple[int, dict[str, float]]]:
    """Return (households that bought any of its products in 56 days, share of each category) of offers."""
    found = await _of(database, generation, "o", ids, {"reach": 1, "shares": 1})
    return {
        id_: (one["reach"], {part["category"]: part["share"] for part in one["shares"]}) for id_, one in found.items()
    }


async def _of(
    database: Database, generation: str, kind: str, names: Sequence[str], fields: Document
) -> dict[str, Document]:
    if not names:
        return {}
    ids = {f"{generation}:{kind}:{name}": name for name in names}
    cursor = database[TASTE_STATISTICS].find({"_id": {"$in": list(ids)}}, fields, batch_size=len(ids) + 1)
    return {ids[document["_id"]]: document for document in await cursor.to_list(None)}


async def claim_rebuild(database: Database, *, now: datetime, span: timedelta) -> bool:
    """Whether the rebuild is ours: nobody else began one within `span`."""
    try:
        await database[TASTE_STATISTICS].find_one_and_update(
            {"_id": BUILDING, "until": {"$lte": now}}, {"$set": {"until": now + span}}, upsert=True
        )
    except DuplicateKeyError:
        return False
    return True


async def end_rebuild(database: Database) -> None:
    """Let the next rebuild begin."""
    await database[TASTE_STATISTICS].delete_one({"_id": BUILDING})


async def publish(
    database: Database,
    generation: str,
    statistics: Statistics,
    shares: Mapping[str, Mapping[str, float]],
    *,
    purchases: int,
    built_at: datetime,
) -> None:
    """Write a generation, point to it, and delete those before the one that was current.

    Args:
        shares: of each category among the products of each offer whose reach is known.
    """
    before = await current(database)
    for batch in _batches(_documents(generation, statistics, shares)):
        await database[TASTE_STATISTICS].insert_many(batch, ordered=False)
    everywhere = statistics.shelves.get("all", ())
    pointer = {
        "generation": generation,
        "builtAt": built_at,
        "until": statistics.until,
        "purchases": purchases,
        "rho": statistics.product_rho,
        "most": everywhere[0][1] if everywhere else 0,
    }
    await database[TASTE_STATISTICS].update_one({"_id": POINTER}, {"$set": pointer}, upsert=True)
    kept = [generation, *([before.generation] if before else [])]
    await database[TASTE_STATISTICS].delete_many(
        {"generation": {"$exists": True, "$nin": kept}, "_id": {"$ne": POINTER}}
    )


def _batches(documents: Iterable[Document]) -> Iterable[list[Document]]:
    batch: list[Document] = []
    for document in documents:
        batch.append(document)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _documents(
    generation: str, statistics: Statistics, shares: Mapping[str, Mapping[str, float]]
) -> Iterable[Document]:
    for offer, reach in statistics.reach.items():
        parts = [{"category": category, "share": share} for category, share in shares[offer].items()]
        yield {"_id": f"{generation}:o:{offer}", "generation": generation, "reach": reach, "shares": parts}
    for kind, things in (("p", statistics.products), ("c", statistics.categories)):
        for thing in things:
            yield {"_id": f"{generation}:{kind}:{thing.name}", "generation": generation, **_thing(thing)}
    for place, shelf in statistics.shelves.items():
        parts = [{"product": product, "households": households} for product, households in shelf]
        yield {"_id": f"{generation}:s:{place}", "generation": generation, "things": parts}


def _thing(thing: ThingStatistics) -> dict[str, Any]:
    document: dict[str, Any] = {"rho": thing.rho, "households": thing.households}
    if thing.category:
        document["category"] = thing.category
    if thing.together:
        document["together"] = [{"product": product, "cosine": cosine} for product, cosine in thing.together]
    return document
