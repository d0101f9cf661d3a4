"""Loyalty accounts: what balance, lots and holds are at this instant, whatever the worker has posted yet."""

import asyncio
from collections.abc import Awaitable, Collection, Sequence
from datetime import datetime

from crm.ids import account_of, customer_of
from crm.refusals import invalid
from crm.values import Role
from loyalty.book import Book
from loyalty.points import Account, due_at, ends_at
from loyalty.replay import balance_as_of as as_of
from loyalty.values import HoldStatus
from resolvers.context import Context
from resolvers.lists import Listing, PageArguments, listing
from services.settled import book_of, is_due, read_book
from store import holds as stored_holds
from store import keys, ledger
from store.client import Document, Tx
from store.collections import TRANSACTIONS


def balance_reads(totals: Collection[str]) -> Collection[str]:
    """Return what of an account is read for some of its totals; the whole of it where something fell due meanwhile."""
    return ("dueAt", *totals)


def outline(account_id: str) -> Document:
    """Return what is known of an account from its id alone."""
    return {"_id": account_id, "customerId": customer_of(account_id)}


async def accounts(context: Context, ids: list[str]) -> Sequence[Document | None]:
    """Batch function: loyalty accounts by id; for a customer those of others are missing."""
    shown = context.shown.get("LoyaltyAccount")
    if context.caller.role is Role.CUSTOMER:
        own = account_of(context.caller.customer_id) if context.caller.customer_id else None
        (mine,) = await ledger.by_ids(context.reads, [own], shown) if own in ids and own else [None]
        return [mine if id_ == own else None for id_ in ids]
    return await ledger.by_ids(context.reads, ids, shown)


def balance(context: Context, account: Document) -> Document | Awaitable[Document]:
    """Return the totals at this instant; where something fell due by now, its lots have to be asked for."""
    if is_due(context.call, account):
        return _balance_due(context, account)
    return account  # has the totals under these very names


async def balance_now(context: Context, account: Document) -> Document:
    """Return the totals at this instant, for whoever can wait."""
    totals = balance(context, account)
    return totals if isinstance(totals, dict) else await totals


async def _balance_due(context: Context, account: Document) -> Document:
    return _balance_document((await _settled(context, account)).account)


async def lots(context: Context, account: Document) -> list[Document]:
    """Return the lots with points left that are not over yet, soonest to end first."""
    if not is_due(context.call, account) and not account["sliding"]:
        found: list[Document] = await context.load(all_live_lots, account["customerId"])
        return [lot for lot in found if lot["expiresAt"]] + [lot for lot in found if not lot["expiresAt"]]
    book = await _settled(context, account)
    ends = {lot.id: ends_at(lot, book.account.activity_at, book.zone) for lot in book.lots.values() if lot.remaining}
    live = sorted(ends, key=lambda id_: (ends[id_] is None, ends[id_] or context.call.now, id_))
    return [{**ledger.lot_document(account["customerId"], book.lots[id_]), "expiresAt": ends[id_]} for id_ in live]


async def holds(context: Context, account: Document) -> list[Document]:
    """Return the holds that are active now, soonest to time out first."""
    if not account["held"]:
        return []
    found: list[Document] = await context.load(active_holds, account["customerId"])
    return [hold for hold in found if hold["expiresAt"] > context.call.now]


async def _settled(context: Context, account: Document) -> Book:
    """Return the account with all that fell due by now played."""
    call, owner = context.call, customer_of(account["_id"])
    stored, lots, holds = await asyncio.gather(
        context.load(whole, account["_id"]), context.load(all_live_lots, owner), context.load(active_holds, owner)
    )
    totals = ledger.account_value(stored)
    book = book_of(call, totals, lots, holds)
    if not _agrees(totals, book):  # a write came in between the reads
        book = await read_book(call, owner)
    book.settle()
    return book


def _agrees(totals: Account, book: Book) -> bool:
    lots, holds = book.lots.values(), book.holds.values()
    return (
        totals.pending == sum(lot.remaining for lot in lots if lot.pending)
        and totals.available == sum(lot.available for lot in lots)
        and totals.held == sum(lot.held for lot in lots) == sum(hold.points for hold in holds)
        and totals.due_at == due_at(lots, holds, totals.activity_at, book.zone)
    )


async def whole(context: Context, ids: list[str]) -> Sequence[Document | None]:
    """Batch function: accounts by id, of whom the caller has seen a part already."""
    return await ledger.by_ids(context.reads, ids)


async def all_live_lots(context: Context, customer_ids: list[str]) -> Sequence[list[Document]]:
    """Batch function: lots with points left, over or not."""
    found = await ledger.live_lots(context.reads, customer_ids)
    return [found[id_] for id_ in customer_ids]


async def active_holds(context: Context, customer_ids: list[str]) -> Sequence[list[Document]]:
    """Batch function: holds that have not been ended, over or not."""
    found = await stored_holds.active(context.reads, customer_ids)
    return [found[id_] for id_ in customer_ids]


async def balance_as_of(context: Context, account: Document, at: datetime) -> Document:
    """Return the totals as they stood at an instant, by replay of the ledger.

    Raises:
        Refusal: INVALID for an instant to come.
    """
    call, owner = context.call, account["customerId"]
    if at > call.now:
        raise invalid("Nobody knows yet.", "at")

    async def read(tx: Tx) -> Account:  # as of one instant: a capture in between would count twice
        entries = await ledger.entries_until(call.database, owner, at, tx=tx)
        named = list(dict.fromkeys(lot_id for entry in entries for lot_id, _ in entry.lots))
        lots = [ledger.lot_value(lot) for lot in await ledger.lots_by_id(call.database, owner, named, tx=tx)]
        holds = await stored_holds.reserved_at(call.database, owner, at, tx=tx)
        return as_of(entries, lots, holds, at=at, zone=call.shop.time_zone)

    return _balance_document(await call.database.transaction(read))


def _balance_document(totals: Account) -> Document:
    expiry = totals.next_expiry
    return {
        "available": totals.available,
        "pending": totals.pending,
        "held": totals.held,
        "debt": totals.debt,
        "lifetimeEarned": totals.lifetime_earned,
        "nextExpiry": {"points": expiry.points, "at": expiry.at} if expiry else None,
    }


def transactions_of(account: Document, arguments: PageArguments) -> Listing:
    """Return an account's entries, newest first."""
    return listing(TRANSACTIONS, {"owner": account["customerId"]}, ledger.NEWEST_FIRST, arguments)


async def transactions(context: Context, ids: list[str]) -> Sequence[Document | None]:
    """Batch function: entries by id; for a customer those of others are missing."""
    found = await ledger.transactions_by_ids(context.reads, ids)
    if context.caller.role is not Role.CUSTOMER:
        return found
    own = context.caller.customer_id
    return [entry if entry and entry["owner"] == own else None for entry in found]


async def holds_by_id(context: Context, ids: list[str]) -> Sequence[Document | None]:
    """Batch function: holds by id, one that has timed out as what it is; for a customer those of others are missing."""
    names = [keys.of_id(id_) for id_ in ids]
    owners = await keys.find(context.call.database, names)
    own = context.caller.customer_id
    wanted = [
        id_
        for id_, name in zip(ids, names, strict=True)
        if name in owners and (context.caller.role is not Role.CUSTOMER or owners[name]["owner"] == own)
    ]
    pairs = [(owners[keys.of_id(id_)]["owner"], id_) for id_ in wanted]
    found = {hold["_id"]: hold for hold in await stored_holds.owned_by(context.call.database, pairs)}
    return [_at(found.get(id_), context.call.now) for id_ in ids]


def _at(hold: Document | None, now: datetime) -> Document | None:
    if hold and hold["status"] == HoldStatus.ACTIVE and hold["expiresAt"] <= now:
        return {**hold, "status": HoldStatus.EXPIRED.value}
    return hold
