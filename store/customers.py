"""Customers: profile, consents, metrics, and the words they are found by."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from crm.values import CustomerSort
from store import writing
from store.client import Database, Document, Tx
from store.collections import CUSTOMERS
from store.pages import Order
from store.reads import Fields, Reader
from store.words import fold

ORDERS = {
    CustomerSort.CREATED_AT: Order("createdAt"),
    CustomerSort.CREATED_AT_DESC: Order("createdAt", descending=True),
    CustomerSort.LAST_PURCHASE_AT_DESC: Order("metrics.lastPurchaseAt", descending=True),
    CustomerSort.TOTAL_SPENT_DESC: Order("metrics.totalSpent", descending=True),
    CustomerSort.NAME: Order("sortName"),
}
NO_PURCHASES: Mapping[str, Any] = {"purchaseCount": 0, "totalSpent": 0, "channels": []}
"""Instants are absent until there is one: $min and $max would compare a null with a date, and keep it."""


def search_words(customer: Mapping[str, Any]) -> list[str]:
    """Return what a prefix search compares with: names both ways round, e-mail, phone with and without +, card."""
    first, last = fold(customer.get("firstName") or ""), fold(customer.get("lastName") or "")
    words = [first, last, f"{first} {last}" if first and last else "", f"{last} {first}" if first and last else ""]
    phone = customer.get("phone") or ""
    words += [fold(customer.get("email") or ""), phone, phone.lstrip("+"), fold(customer.get("cardNumber") or "")]
    return list(dict.fromkeys(word for word in words if word))


def sort_name(customer: Mapping[str, Any]) -> str:
    """Return what customers are sorted by under NAME: family name, then given name, without case."""
    return fold(f"{customer.get('lastName') or ''} {customer.get('firstName') or ''}")


async def by_ids(reader: Reader, ids: Sequence[str], fields: Fields = None) -> list[Document | None]:
    """Return customers in the order of `ids`; `fields` of each, None for all."""
    found = await reader.by_ids(CUSTOMERS, ids, fields)
    return [found.get(id_) for id_ in ids]


async def existing(database: Database, ids: Sequence[str], *, tx: Tx | None = None) -> set[str]:
    """Return those of the ids that are customers'."""
    if not ids:
        return set()
    cursor = database[CUSTOMERS].find(
        {"_id": {"$in": list(ids)}}, projection=["_id"], session=tx.session if tx else None
    )
    return {customer["_id"] for customer in await cursor.to_list(None)}


async def best(database: Database) -> str | None:
    """Return the id of whoever has spent most."""
    found = await database[CUSTOMERS].find_one({}, sort=[("metrics.totalSpent", -1), ("_id", -1)], projection=["_id"])
    return found["_id"] if found else None


async def get(database: Database, id_: str, *, tx: Tx | None = None) -> Document | None:
    """Return a customer, in a transaction as that sees it."""
    found: Document | None = await database[CUSTOMERS].find_one({"_id": id_}, session=tx.session if tx else None)
    return found


async def insert(database: Database, customer: Document, *, tx: Tx) -> None:
    """Store a new customer."""
    await database[CUSTOMERS].insert_one(customer, session=tx.session)


async def replace(database: Database, customer: Document, *, tx: Tx) -> None:
    """Store a changed profile; metrics and tier belong to the sales and are left as they are."""
    theirs = {name: value for name, value in customer.items() if name not in ("_id", "metrics", "tierSteps")}
    present = {name: value for name, value in theirs.items() if value is not None}
    absent = {name: "" for name, value in theirs.items() if value is None}
    await database[CUSTOMERS].update_one(
        {"_id": customer["_id"]},
        {"$set": present} | ({"$unset": absent} if absent else {}),
        session=tx.session,
    )


async def count_sale(
    database: Database,
    id_: str,
    *,
    total: int,
    occurred_at: datetime,
    channel: str,
    steps: list[Document],
    tx: Tx,
) -> None:
    """Take a sale into the customer's metrics, and the tier it led to."""
    await writing.update(
        database,
        CUSTOMERS,
        {"_id": id_},
        {
            "$inc": {"metrics.purchaseCount": 1, "metrics.totalSpent": total},
            "$min": {"metrics.firstPurchaseAt": occurred_at},
            "$max": {"metrics.lastPurchaseAt": occurred_at},
            "$addToSet": {"metrics.channels": channel},
            "$set": {"tierSteps": steps},
        },
        tx=tx,
    )


async def count_return(database: Database, id_: str, *, total: int, steps: list[Document], tx: Tx) -> None:
    """Take what was paid back off the customer's total."""
    await database[CUSTOMERS].update_one(
        {"_id": id_}, {"$inc": {"metrics.totalSpent": -total}, "$set": {"tierSteps": steps}}, session=tx.session
    )


async def set_metrics(database: Database, id_: str, metrics: Mapping[str, Any], *, tx: Tx) -> None:
    """Store metrics that were counted anew."""
    await database[CUSTOMERS].update_one({"_id": id_}, {"$set": {"metrics": dict(metrics)}}, session=tx.session)


async def set_tier_steps(database: Database, id_: str, steps: list[Document], *, tx: Tx) -> None:
    """Store a path of tiers that was worked out anew."""
    await database[CUSTOMERS].update_one({"_id": id_}, {"$set": {"tierSteps": steps}}, session=tx.session)


async def with_birthday(
    database: Database, birthdays: Sequence[str], known_before: datetime, after: str | None, limit: int
) -> list[str]:
    """Return the ids of customers with one of these birthdays (MM-DD), known since then, in order of their ids."""
    condition: Document = {"birthday": {"$in": list(birthdays)}, "birthdaySince": {"$lte": known_before}}
    if after is not None:
        condition["_id"] = {"$gt": after}
    cursor = database[CUSTOMERS].find(condition, {"_id": 1}, sort=[("_id", 1)], limit=limit)
    return [person["_id"] for person in await cursor.to_list(None)]
