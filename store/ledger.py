"""Loyalty accounts, their lots and their entries: between documents and the values of loyalty/.

The account document is locked first by every transaction about a customer: that orders all facts of one person.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument, UpdateOne

from crm.ids import account_of
from loyalty.ledger import Account, Entry, Expiry, Ledger, Lot, Source
from loyalty.tiers import TierStep
from loyalty.values import SourceKind
from store.client import Database, Document, Tx
from store.collections import ACCOUNTS, LOTS, TRANSACTIONS
from store.pages import Order

NEWEST_FIRST = Order("sequence", descending=True, unique=True)


def new_account(customer_id: str, at: datetime, steps: Sequence[TierStep]) -> Document:
    """Return the account of a customer who has no points yet."""
    return account_document(customer_id, at, Account(), {"tierSteps": steps_document(steps)})


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
        "dueAt": account.due_at(),
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
        "expired": lot.expired,
        "earnedAt": lot.earned_at,
        "activeAt": lot.active_at,
        "expiresAt": lot.expires_at,
    }


def lot_value(document: Document) -> Lot:
    """Return a stored lot as a value."""
    source = document["source"]
    external = source.get("externalId")
    return Lot(
        id=document["_id"],
        source=Source(
            kind=SourceKind(source["kind"]),
            node_id=source.get("nodeId"),
            external_id=(external["source"], external["value"]) if external else None,
        ),
        earned=document["earned"],
        remaining=document["remaining"],
        expired=document["expired"],
        earned_at=document["earnedAt"],
        active_at=document["activeAt"],
        expires_at=document.get("expiresAt"),
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
    return document


async def insert_account(database: Database, account: Document, *, tx: Tx) -> None:
    """Store a new account."""
    await database[ACCOUNTS].insert_one(account, session=tx.session)


async def lock(database: Database, customer_id: str, *, tx: Tx) -> Document | None:
    """Take the account for this transaction and return it; None where the customer has none."""
    document: Document | None = await database[ACCOUNTS].find_one_and_update(
        {"_id": account_of(customer_id)},
        {"$inc": {"locks": 1}},
        session=tx.session,
        return_document=ReturnDocument.AFTER,
    )
    return document


async def by_ids(database: Database, ids: Sequence[str]) -> list[Document | None]:
    """Return accounts in the order of `ids`."""
    found = {
        document["_id"]: document
        for document in await database[ACCOUNTS].find({"_id": {"$in": list(ids)}}).to_list(None)
    }
    return [found.get(id_) for id_ in ids]


async def live_lots(database: Database, owners: Iterable[str], *, tx: Tx | None = None) -> dict[str, list[Document]]:
    """Return every lot with points left, by owner, soonest to expire first."""
    wanted = list(owners)
    cursor = database[LOTS].find(
        {"owner": {"$in": wanted}, "remaining": {"$gt": 0}},
        sort=[("owner", 1), ("expiresAt", 1), ("_id", 1)],
        session=tx.session if tx else None,
    )
    lots: dict[str, list[Document]] = {owner: [] for owner in wanted}
    for lot in await cursor.to_list(None):
        lots[lot["owner"]].append(lot)
    return lots


async def lots_by_id(database: Database, owner: str, ids: Sequence[str], *, tx: Tx) -> list[Document]:
    """Return an owner's lots with these ids, points left or not."""
    cursor = database[LOTS].find({"_id": {"$in": list(ids)}, "owner": owner}, session=tx.session)
    documents: list[Document] = await cursor.to_list(None)
    return documents


async def write(
    database: Database, owner: str, ledger: Ledger, *, principal: str, extra: dict[str, Any], tx: Tx
) -> None:
    """Store what facts did to a working copy: totals with `extra` fields, new entries, new and changed lots."""
    await database[ACCOUNTS].update_one(
        {"_id": account_of(owner)}, {"$set": {**_totals(ledger.account), **extra}}, session=tx.session
    )
    if ledger.entries:
        await database[TRANSACTIONS].insert_many(
            [entry_document(owner, entry, principal) for entry in ledger.entries], session=tx.session
        )
    if ledger.changed_lots:
        await database[LOTS].bulk_write(
            [
                UpdateOne({"_id": lot.id, "owner": owner}, {"$set": _without_id(lot_document(owner, lot))}, upsert=True)
                for lot in ledger.changed_lots.values()
            ],
            session=tx.session,
        )


def account_document(customer_id: str, at: datetime, account: Account, extra: dict[str, Any]) -> Document:
    """Return a whole account as stored."""
    return {
        "_id": account_of(customer_id),
        "customerId": customer_id,
        "createdAt": at,
        **_totals(account),
        **extra,
    }


def _without_id(document: Document) -> Document:
    return {name: value for name, value in document.items() if name not in ("_id", "owner")}


async def transactions_by_ids(database: Database, ids: Sequence[str]) -> list[Document | None]:
    """Return entries in the order of `ids`."""
    found = {
        document["_id"]: document
        for document in await database[TRANSACTIONS].find({"_id": {"$in": list(ids)}}).to_list(None)
    }
    return [found.get(id_) for id_ in ids]
