"""Loyalty accounts, their lots and their entries: between documents and the values of loyalty/.

The account document is locked first by every transaction about a customer: that orders all facts of one person.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from crm.ids import account_of
from loyalty.book import Book
from loyalty.points import Account, Entry, Expiry, Lot, Source
from loyalty.tiers import TierStep
from loyalty.values import SourceKind, TransactionType
from store import holds, writing
from store.client import Database, Document, Tx
from store.collections import ACCOUNTS, HOLDS, LOTS, TRANSACTIONS
from store.pages import Order
from store.reads import Fields, Read, Reader

NEWEST_FIRST = Order("sequence", descending=True, unique=True)


def new_account(customer_id: str, at: datetime, tier: Document) -> Document:
    """Return the account of a customer who has no points yet; `tier` are its fields of the tier."""
    return account_document(customer_id, at, Account(), {**tier, "recent": {"after": None, "sales": []}})


def account_value(document: Document) -> Account:
    """Return the totals of a stored account."""
    expiry = document.get("nextExpiry")
    return Account(
        sequence=document["sequence"],
        available=document["available"],
        pending=document["pending"],
        held=document["held"],
        debt=document["debt"],
        lifetime_earned=document["lifetimeEarned"],
        last_at=document.get("lastAt"),
        next_expiry=Expiry(points=expiry["points"], at=expiry["at"]) if expiry else None,
        due_at=document.get("dueAt"),
        activity_at=document.get("activityAt"),
        sliding=document.get("sliding", False),
    )


def _totals(account: Account) -> Document:
    expiry = account.next_expiry
    return {
        "sequence": account.sequence,
        "available": account.available,
        "pending": account.pending,
        "held": account.held,
        "debt": account.debt,
        "lifetimeEarned": account.lifetime_earned,
        "lastAt": account.last_at,
        "nextExpiry": {"points": expiry.points, "at": expiry.at} if expiry else None,
        "dueAt": account.due_at,
        "activityAt": account.activity_at,
        "sliding": account.sliding,
    }


def steps_document(steps: Sequence[TierStep]) -> list[Document]:
    """Return tier steps as stored; `until` repeats the next one's start so that one index condition finds a tier."""
    ends = [step.since for step in steps[1:]]
    return [
        {"tierId": step.tier, "since": step.since, "heldUntil": step.held_until, "until": end}
        for step, end in zip(steps, [*ends, None], strict=True)
    ]


def steps_value(document: Sequence[Document]) -> tuple[TierStep, ...]:
    """Return stored tier steps as values."""
    return tuple(TierStep(tier=step["tierId"], since=step["since"], held_until=step["heldUntil"]) for step in document)


def source_document(source: Source) -> Document:
    """Return where points came from, as stored and as clients see it."""
    document: Document = {"kind": source.kind.value}
    if source.node_id:
        document["nodeId"] = source.node_id
    if source.external_id:
        document["externalId"] = {"source": source.external_id[0], "value": source.external_id[1]}
    return document


def lot_document(owner: str, lot: Lot) -> Document:
    """Return a lot as stored."""
    return {
        "_id": lot.id,
        "owner": owner,
        "source": source_document(lot.source),
        "earned": lot.earned,
        "remaining": lot.remaining,
        "held": lot.held,
        "pending": lot.pending,
        "expired": lot.expired,
        "earnedAt": lot.earned_at,
        "activeAt": lot.active_at,
        "expiresAt": lot.expires_at,
        "slidingMonths": lot.sliding_months,
        "awaits": lot.awaits,
    }


def source_value(document: Document) -> Source:
    """Return a stored source as a value."""
    external = document.get("externalId")
    return Source(
        kind=SourceKind(document["kind"]),
        node_id=document.get("nodeId"),
        external_id=(external["source"], external["value"]) if external else None,
    )


def lot_value(document: Document) -> Lot:
    """Return a stored lot as a value."""
    return Lot(
        id=document["_id"],
        source=source_value(document["source"]),
        earned=document["earned"],
        remaining=document["remaining"],
        held=document["held"],
        pending=document["pending"],
        expired=document["expired"],
        earned_at=document["earnedAt"],
        active_at=document["activeAt"],
        expires_at=document.get("expiresAt"),
        sliding_months=document.get("slidingMonths"),
        awaits=document.get("awaits"),
    )


def entry_document(owner: str, entry: Entry, principal: str) -> Document:
    """Return an entry as stored; `by` is the principal who caused it."""
    document: Document = {
        "_id": entry.id,
        "owner": owner,
        "sequence": entry.sequence,
        "type": entry.type.value,
        "points": entry.points,
        "balanceAfter": entry.balance_after,
        "at": entry.at,
        "occurredAt": entry.occurred_at,
        "source": source_document(entry.source),
        "lots": [{"id": lot_id, "points": points} for lot_id, points in entry.lots],
        "by": principal,
    }
    if entry.reason is not None:
        document["reason"] = entry.reason
    if entry.cap is not None:
        document["cap"] = {"ruleId": entry.cap[0], "period": entry.cap[1]}
    return document


def entry_value(document: Document) -> Entry:
    """Return a stored entry as a value."""
    return Entry(
        id=document["_id"],
        sequence=document["sequence"],
        type=TransactionType(document["type"]),
        points=document["points"],
        balance_after=document["balanceAfter"],
        at=document["at"],
        occurred_at=document["occurredAt"],
        reason=document.get("reason"),
        source=source_value(document["source"]),
        lots=tuple((part["id"], part["points"]) for part in document["lots"]),
        cap=(cap["ruleId"], cap["period"]) if (cap := document.get("cap")) else None,
    )


async def insert_account(database: Database, account: Document, *, tx: Tx) -> None:
    """Store a new account."""
    await database[ACCOUNTS].insert_one(account, session=tx.session)


async def lock(database: Database, customer_id: str, *, tx: Tx) -> Document | None:
    """Take the account for this transaction and return it; None where the customer has none."""
    return await writing.changed(database, ACCOUNTS, {"_id": account_of(customer_id)}, {"$inc": {"locks": 1}}, tx=tx)


async def get(database: Database, customer_id: str, *, tx: Tx) -> Document:
    """Return a customer's account as the transaction sees it."""
    found: Document = await database[ACCOUNTS].find_one({"_id": account_of(customer_id)}, session=tx.session)
    return found


async def by_ids(reader: Reader, ids: Sequence[str], fields: Fields = None) -> list[Document | None]:
    """Return accounts in the order of `ids`; `fields` of each, None for all."""
    found = await reader.by_ids(ACCOUNTS, ids, fields)
    return [found.get(id_) for id_ in ids]


async def live_lots(reader: Reader, owners: Iterable[str]) -> dict[str, list[Document]]:
    """Return every lot with points left, by owner, soonest to expire first."""
    wanted = list(owners)
    (found,) = await reader.read([_live_lots(wanted)])
    return _by_owner(wanted, found)


async def live_lots_in(database: Database, owner: str, *, tx: Tx) -> list[Document]:
    """Return an owner's lots with points left as the transaction sees them, soonest to expire first."""
    (found,) = await database.read([_live_lots([owner])], tx=tx)
    return found


def _live_lots(owners: Sequence[str]) -> Read:
    live = {"owner": {"$in": owners}, "remaining": {"$gt": 0}}
    return Read(LOTS, live, sort={"owner": 1, "expiresAt": 1, "_id": 1})


def _by_owner(owners: Sequence[str], documents: Iterable[Document]) -> dict[str, list[Document]]:
    found: dict[str, list[Document]] = {owner: [] for owner in owners}
    for document in documents:
        found[document["owner"]].append(document)
    return found


async def lots_by_id(database: Database, owner: str, ids: Sequence[str], *, tx: Tx | None = None) -> list[Document]:
    """Return an owner's lots with these ids, points left or not."""
    if not ids:
        return []
    session = tx.session if tx else None
    cursor = database[LOTS].find({"_id": {"$in": list(ids)}, "owner": owner}, session=session)
    documents: list[Document] = await cursor.to_list(None)
    return documents


async def write(database: Database, owner: str, book: Book, *, principal: str, extra: dict[str, Any], tx: Tx) -> None:
    """Store what facts did to a working copy: totals with `extra` fields, entries, lots and holds."""
    await writing.update(
        database, ACCOUNTS, {"_id": account_of(owner)}, {"$set": {**_totals(book.account), **extra}}, tx=tx
    )
    entries = [entry_document(owner, entry, principal) for entry in book.entries]
    await writing.insert(database, TRANSACTIONS, entries, tx=tx)
    for collection, documents in (
        (LOTS, [lot_document(owner, lot) for lot in book.changed_lots.values()]),
        (HOLDS, [holds.document(owner, hold) for hold in book.changed_holds.values()]),
    ):
        known = [document for document in documents if document["_id"] in book.stored]
        if known:
            await writing.update_each(database, collection, [_put(document) for document in known], tx=tx)
        new = [document for document in documents if document["_id"] not in book.stored]
        await writing.insert(database, collection, new, tx=tx)


def _put(document: Document) -> Document:
    fields = {name: value for name, value in document.items() if name not in ("_id", "owner")}
    return writing.statement({"_id": document["_id"], "owner": document["owner"]}, {"$set": fields})


def account_document(customer_id: str, at: datetime, account: Account, extra: dict[str, Any]) -> Document:
    """Return a whole account as stored."""
    return {
        "_id": account_of(customer_id),
        "customerId": customer_id,
        "createdAt": at,
        **_totals(account),
        **extra,
    }


async def transactions_by_ids(reader: Reader, ids: Sequence[str]) -> list[Document | None]:
    """Return entries in the order of `ids`."""
    found = await reader.by_ids(TRANSACTIONS, ids)
    return [found.get(id_) for id_ in ids]


async def entries_until(database: Database, owner: str, at: datetime, *, tx: Tx) -> list[Entry]:
    """Return an owner's entries up to an instant, oldest first."""
    condition = {"owner": owner, "at": {"$lte": at}}
    cursor = database[TRANSACTIONS].find(condition, sort=[("sequence", 1)], session=tx.session)
    return [entry_value(document) for document in await cursor.to_list(None)]


async def due(database: Database, now: datetime, limit: int) -> list[str]:
    """Return customers whose totals have changed by themselves and are not written down, longest due first."""
    condition = {"dueAt": {"$lte": now, "$type": "date"}}  # $type lets the partial index answer
    cursor = database[ACCOUNTS].find(condition, {"customerId": 1}, sort=[("dueAt", 1)], limit=limit)
    return [account["customerId"] for account in await cursor.to_list(None)]


async def tier_due(database: Database, now: datetime, ladders_id: str, limit: int) -> list[str]:
    """Return customers whose tier has fallen by itself, or was worked out by other ladders than `ladders_id`."""
    found: list[str] = []
    fallen = {"tierDueAt": {"$lte": now, "$type": "date"}}
    for condition in (fallen, {"ladders": {"$gt": ladders_id}}, {"ladders": {"$lt": ladders_id}}):
        cursor = database[ACCOUNTS].find(condition, {"customerId": 1}, limit=limit)
        found += [account["customerId"] for account in await cursor.to_list(None)]
    return list(dict.fromkeys(found))[:limit]


async def set_fields(database: Database, owner: str, fields: Document, *, tx: Tx) -> None:
    """Set fields of an account that are neither points nor tier."""
    await database[ACCOUNTS].update_one({"_id": account_of(owner)}, {"$set": fields}, session=tx.session)
