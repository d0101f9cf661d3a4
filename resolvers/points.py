"""Loyalty accounts: what the balance, the tier and the lots are at this instant, whatever the worker has posted yet."""

from collections.abc import Sequence
from typing import Any

from crm.ids import account_of
from crm.values import Role
from loyalty.ledger import Account, Ledger, next_expiry
from loyalty.program import program_at
from loyalty.tiers import WINDOW, TierStatus, tier_status
from loyalty.values import Tier
from resolvers.context import Context
from resolvers.lists import Listing, PageArguments, listing
from store import ledger, programs, purchases
from store.client import Document
from store.collections import TRANSACTIONS


async def accounts(context: Context, ids: list[str]) -> Sequence[Document | None]:
    """Batch function: loyalty accounts by id; for a customer those of others are missing."""
    if context.caller.role is Role.CUSTOMER:
        own = account_of(context.caller.customer_id) if context.caller.customer_id else None
        (mine,) = await ledger.by_ids(context.call.database, [own]) if own in ids and own else [None]
        return [mine if id_ == own else None for id_ in ids]
    return await ledger.by_ids(context.call.database, ids)


async def lots(context: Context, account: Document) -> list[Document]:
    """Return the lots with points left that are not over yet, soonest to expire first."""
    now = context.call.now
    found: list[Document] = await context.load(all_live_lots, account["customerId"])
    ending = [lot for lot in found if lot["expiresAt"] is not None and lot["expiresAt"] > now]
    return ending + [lot for lot in found if lot["expiresAt"] is None]


async def balance(context: Context, account: Document) -> Document:
    """Return the totals at this instant; lots are read only where something fell due that is not posted yet."""
    totals = ledger.account_value(account)
    if account["dueAt"] is not None and account["dueAt"] <= context.call.now:
        lots = [ledger.lot_value(lot) for lot in await context.load(all_live_lots, account["customerId"])]
        if next_expiry(lots) != totals.next_expiry:  # a write came in between, and posted what was due
            (written,) = await ledger.by_ids(context.call.database, [account["_id"]])
            return _balance_document(ledger.account_value(written or account))
        working_copy = Ledger(totals, lots, now=context.call.now, new_id=context.call.new_id)
        working_copy.settle()
        totals = working_copy.account
    return _balance_document(totals)


async def all_live_lots(context: Context, customer_ids: list[str]) -> Sequence[list[Document]]:
    """Batch function: lots with points left, over or not."""
    found = await ledger.live_lots(context.call.database, customer_ids)
    return [found[id_] for id_ in customer_ids]


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


async def tier(context: Context, account: Document) -> Document:
    """Return the tier held at this instant, since and until when, and the way to the next."""
    now = context.call.now
    program = program_at(await context.call.shop.known.programs(), now)
    steps = ledger.steps_value(account["tierSteps"])
    qualifying = await _qualifying(context, account)
    return _tier_document(tier_status(steps, tiers=program.tiers, qualifying=qualifying, at=now))


async def _qualifying(context: Context, account: Document) -> int:
    known, now = account.get("qualifying"), context.call.now
    if known is None:
        return 0
    if known["from"] <= now and (known["until"] is None or now < known["until"]):
        return int(known["points"])
    counted: int = await context.load(qualifying_points, account["customerId"])
    return counted


async def qualifying_points(context: Context, customer_ids: list[str]) -> Sequence[int]:
    """Batch function: what counts towards the tier now, counted where a sale has left the window since the last one."""
    now = context.call.now
    found = await purchases.qualifying_totals(context.call.database, customer_ids, after=now - WINDOW, until=now)
    return [found.get(id_, 0) for id_ in customer_ids]


def _tier_document(status: TierStatus) -> Document:
    return {
        "tier": tier_document(status.tier),
        "since": status.since,
        "until": status.until,
        "qualifyingPoints": status.qualifying_points,
        "next": tier_document(status.next) if status.next else None,
        "pointsToNext": status.points_to_next,
    }


def tier_document(tier: Tier) -> dict[str, Any]:
    """Return a tier as clients see it."""
    return {
        "_id": tier.id,
        "name": tier.name,
        "threshold": tier.threshold,
        "earnMultiplier": programs.rate_text(tier.earn_multiplier),
        "benefits": list(tier.benefits),
    }


def transactions_of(account: Document, arguments: PageArguments) -> Listing:
    """Return an account's entries, newest first."""
    return listing(TRANSACTIONS, {"owner": account["customerId"]}, ledger.NEWEST_FIRST, arguments)


async def transactions(context: Context, ids: list[str]) -> Sequence[Document | None]:
    """Batch function: entries by id; for a customer those of others are missing."""
    found = await ledger.transactions_by_ids(context.call.database, ids)
    if context.caller.role is not Role.CUSTOMER:
        return found
    own = context.caller.customer_id
    return [entry if entry and entry["owner"] == own else None for entry in found]


async def program_in_force(context: Context) -> Document:
    """Return the programme in force now, as clients see it."""
    program = program_at(await context.call.shop.known.programs(), context.call.now)
    document = programs.document(program)
    document["_id"] = document.pop("programId")
    document["tiers"] = [tier_document(tier) for tier in program.tiers]
    document["earningRules"] = [{**rule, "_id": rule["id"]} for rule in document["earningRules"]]
    return document
