"""Stores and products: small, never deleted, their ids derived from code and SKU."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pymongo import ReturnDocument, UpdateOne
from pymongo.errors import BulkWriteError

from crm.ids import PRODUCT, STORE, prefix_of, product_id, store_id
from store import writing
from store.client import DUPLICATE_KEY, Database, Document, Tx
from store.collections import PRODUCTS, STORES
from store.pages import Order
from store.reads import Reader, look_up
from store.words import fold

BY_CODE = Order("code")
BY_SKU = Order("sku")


def new_store(code: str, *, time_zone: str) -> Document:
    """Return a store as the first sale that names it makes it."""
    return {"_id": store_id(code), "code": code, "name": code, "timeZone": time_zone}


def new_product(sku: str, *, title: str | None = None, category: str | None = None) -> Document:
    """Return a product as the first sale that names it makes it."""
    product = {"_id": product_id(sku), "sku": sku, "title": title or sku, "active": True}
    if category:
        product["category"] = category
    return {**product, "search": product_words(sku, title or sku)}


def product_words(sku: str, title: str) -> list[str]:
    """Return what a prefix search over products compares with: the SKU, the title and each of its words."""
    folded = fold(title)
    return list(dict.fromkeys([fold(sku), folded, *folded.split()]))


async def by_ids(reader: Reader, ids: Sequence[str]) -> list[Document | None]:
    """Return stores and products in the order of `ids`, both kinds with one command."""
    wanted = {
        collection: [id_ for id_ in ids if prefix_of(id_) == prefix]
        for collection, prefix in ((PRODUCTS, PRODUCT), (STORES, STORE))
    }
    reads = [look_up(name, named) for name, named in wanted.items() if named]
    if not reads:
        return [None] * len(ids)
    found = {document["_id"]: document for documents in await reader.read(reads) for document in documents}
    return [found.get(id_) for id_ in ids]


async def existing(
    database: Database, collection: str, ids: Sequence[str], *, tx: Tx | None = None
) -> dict[str, Document]:
    """Return those of the stores or products that are there, by id."""
    if not ids:
        return {}
    session = tx.session if tx else None
    one_batch = {"projection": {"search": 0}, "batch_size": len(ids) + 1, "session": session}
    cursor = database[collection].find({"_id": {"$in": list(ids)}}, **one_batch)
    return {document["_id"]: document for document in await cursor.to_list(None)}


async def categories(database: Database) -> dict[str, str]:
    """Return the category of every product that has one."""
    found: dict[str, str] = {}
    async for product in database[PRODUCTS].find({"category": {"$exists": True}}, {"category": 1}):
        if product["category"]:
            found[product["_id"]] = product["category"]
    return found


async def known_categories(database: Database, names: Sequence[str], *, tx: Tx | None = None) -> set[str]:
    """Return those of the categories that any product has; from the index, one look each."""
    found: set[str] = set()
    for name in names:
        product = await database[PRODUCTS].find_one(
            {"category": name}, projection={"_id": 0, "category": 1}, session=tx.session if tx else None
        )
        if product:
            found.add(name)
    return found


async def insert(database: Database, collection: str, documents: Sequence[Document], *, tx: Tx) -> None:
    """Store new stores or products in the sale's transaction; a DuplicateKeyError ends it when another was first."""
    await writing.insert(database, collection, documents, tx=tx)


async def insert_missing(database: Database, collection: str, documents: Iterable[Document]) -> int:
    """Store those that are not there yet, for imports, and return how many were new."""
    batch = list(documents)
    try:
        return len((await database[collection].insert_many(batch, ordered=False)).inserted_ids)
    except BulkWriteError as error:
        details: Document = dict(error.details or {})
        if any(write["code"] != DUPLICATE_KEY for write in details["writeErrors"]):
            raise
        return int(details["nInserted"])


async def save_store(
    database: Database, code: str, changes: Mapping[str, Any], defaults: Document, *, tx: Tx
) -> Document:
    """Create or change a store and return it."""
    rest = {name: value for name, value in defaults.items() if name not in changes and name != "_id"}
    saved: Document = await database[STORES].find_one_and_update(
        {"_id": store_id(code)},
        ({"$set": dict(changes)} if changes else {}) | {"$setOnInsert": rest},
        upsert=True,
        return_document=ReturnDocument.AFTER,
        session=tx.session,
    )
    return saved


async def save_products(
    database: Database, changes: Sequence[tuple[str, Mapping[str, Any], Document]], *, tx: Tx
) -> None:
    """Create or change products: (sku, changes, what a new one has beside them)."""
    await database[PRODUCTS].bulk_write(
        [
            UpdateOne(
                {"_id": product_id(sku)},
                ({"$set": dict(change)} if change else {})
                | {"$setOnInsert": {k: v for k, v in defaults.items() if k not in change and k != "_id"}},
                upsert=True,
            )
            for sku, change, defaults in changes
        ],
        session=tx.session,
    )
