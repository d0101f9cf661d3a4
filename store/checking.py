"""Reads everything that `crm check` recomputes, piece by piece, each piece as of one instant.

Owners form one sorted line: customers (`cus_…`), then purchases that are their own (`pur_…`). A window is a span of
that line with all that belongs to it, read in one transaction: what tills sell meanwhile is in it wholly or not at
all. Sums over a purchase's lines are made by MongoDB, because the lines are most of a database (measured with 155,848
purchases of 1,460,487 lines, the whole check: 26 s and 198 MB with all lines carried over, 19 s and 118 MB with sums).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from crm.ids import CUSTOMER, account_of
from loyalty.values import HoldStatus
from store import offer_codes
from store.client import Database, Document, Tx
from store.collections import (
    ACCOUNTS,
    CUSTOMERS,
    HOLDS,
    KEYS,
    LOTS,
    OFFER_REDEMPTIONS,
    PURCHASES,
    TASTES,
    TRANSACTIONS,
)
from store.counted import Counted, counted

_RETURNS = {"$size": {"$ifNull": ["$returns", []]}}
_RETURNED = {"$sum": "$lines.returnedQuantity"}
_COUNTS = [{"$isArray": "$capped"}, {"$isArray": "$bonuses"}]
_PURCHASE: Document = {
    **dict.fromkeys(("owner", "customerId", "externalId", "channel", "occurredAt", "status", "lotIds", "earnRates"), 1),
    **dict.fromkeys(("discountTotal", "taxTotal", "taxIncluded", "total", "returnedTotal"), 1),
    **dict.fromkeys(("pointsEarned", "pointsTakenBack", "pointsSpent", "pointsGivenBack", "spent"), 1),
    **dict.fromkeys(("qualifying", "qualifyingSpend", "bonuses", "capped", "holdId", "programVersion"), 1),
    **dict.fromkeys(("redemptions", "rewards", "referral"), 1),
    **dict.fromkeys([f"returns.{name}" for name in ("id", "externalId", "total", "lines")], 1),
    "returns.pointsTakenBack": 1,
    "returns.pointsGivenBack": 1,
    "lineCount": {"$cond": [{"$isArray": "$lines"}, {"$size": "$lines"}, 0]},
    "linesTotal": {"$sum": "$lines.total"},
    "linesDiscount": {"$sum": "$lines.discount"},
    "skus": {"$setUnion": ["$lines.sku", []]},
    "categories": {"$setUnion": ["$lines.category", []]},
    "lines": {"$cond": [{"$or": [{"$gt": [_RETURNS, 0]}, {"$ne": [_RETURNED, 0]}, *_COUNTS]}, "$lines", "$$REMOVE"]},
}
"""A purchase without its lines, but with their number, their sums and what they name; the lines too where something
came back or a cap may count."""

_ENTRY = dict.fromkeys(("owner", "sequence", "type", "points", "balanceAfter", "at", "lots", "cap"), 1)
_ENTRY |= {"source.kind": 1, "source.nodeId": 1}
_CUSTOMER = dict.fromkeys(("email", "phone", "cardNumber", "externalIds", "metrics", "tierSteps", "referralCode"), 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Everything of the owners in one span, as of one instant.

    `customers` and `accounts` are by customer id, `purchases` and `entries` lists by owner, entries oldest first,
    `lots` by their own id: those with points left, and those that an entry or a purchase names; `holds` are those that
    reserve points or have spent some, `redemptions` those of offers, `tastes` the counters by year, lists by owner;
    `codes` the single-use ones that purchases used, by id. `until` is the last owner of the span, None where it goes on
    to the end of the line.
    """

    customers: dict[str, Document]
    accounts: dict[str, Document]
    purchases: dict[str, list[Document]]
    entries: dict[str, list[Document]]
    lots: dict[str, Document]
    holds: dict[str, list[Document]]
    counted: Counted
    tastes: dict[str, list[Document]]
    redemptions: dict[str, list[Document]]
    codes: dict[str, Document]
    until: str | None

    def owners(self) -> list[str]:
        """Return everybody who owns something here, sorted."""
        named = (self.customers, self.purchases, self.entries, self.counted.caps, self.redemptions, self.tastes)
        return sorted(set().union(*named))

    def lots_by_owner(self) -> dict[str, list[Document]]:
        """Return the lots by whose they are."""
        return _by_owner(self.lots.values())


async def window(database: Database, after: str, *, people: int, documents: int, tx: Tx) -> Window:
    """Return the next owners beyond `after` with all they have.

    Args:
        people: customers in a window at most.
        documents: purchases, and entries, in a window; more only where a single owner has more.
    """
    until = await _until(database, after, people=people, documents=documents, tx=tx)
    span = {"$gt": after} | ({"$lte": until} if until is not None else {})
    people_found = await _find(database, CUSTOMERS, {"_id": span}, _CUSTOMER, tx=tx)
    order = [("owner", 1), ("occurredAt", -1), ("_id", -1)]
    purchases = _by_owner(await _find(database, PURCHASES, {"owner": span}, _PURCHASE, sort=order, tx=tx))
    newest_first = [("owner", -1), ("sequence", 1)]  # the index walked backwards: each owner's entries oldest first
    entries = _by_owner(await _find(database, TRANSACTIONS, {"owner": span}, _ENTRY, sort=newest_first, tx=tx))
    customers = {person["_id"]: person for person in people_found}
    accounts = await _accounts(database, {*customers, *purchases, *entries}, tx=tx)
    live = await _find(database, LOTS, {"owner": span, "remaining": {"$gt": 0}}, {}, tx=tx)
    lots = {lot["_id"]: lot for lot in live}
    others = [id_ for id_ in dict.fromkeys(_named_lots(purchases, entries)) if id_ not in lots]
    for lot in await _find(database, LOTS, {"_id": {"$in": others}}, {}, tx=tx) if others else ():
        lots[lot["_id"]] = lot
    told = {"owner": span, "$or": [{"status": HoldStatus.ACTIVE.value}, {"captured": {"$gt": 0}}]}
    holds = _by_owner(await _find(database, HOLDS, told, {}, tx=tx))
    tastes = _by_owner(await _find(database, TASTES, {"owner": span}, {}, tx=tx))
    return Window(
        customers=customers,
        accounts=accounts,
        purchases=purchases,
        entries=entries,
        lots=lots,
        holds=holds,
        counted=await counted(database, after, until, purchases.values(), tx=tx),
        tastes=tastes,
        redemptions=_by_owner(await _find(database, OFFER_REDEMPTIONS, {"owner": span}, {}, tx=tx)),
        codes=await offer_codes.owned_by(database, list(_used_codes(purchases)), tx=tx),
        until=until,
    )


def _used_codes(purchases: dict[str, list[Document]]) -> Iterator[tuple[str, str]]:
    """Yield the single-use codes of offers that purchases used, each with its owner."""
    for sales in purchases.values():
        for redemption in (one for sale in sales for one in sale.get("redemptions", ())):
            yield from ((code["owner"], code["id"]) for code in redemption["codes"])


async def _until(database: Database, after: str, *, people: int, documents: int, tx: Tx) -> str | None:
    """Return the last owner of the window after `after`, None where the rest fits in."""
    sources = ((CUSTOMERS, "_id", people), (PURCHASES, "owner", documents), (TRANSACTIONS, "owner", documents))
    ends = []
    for collection, field, count in sources:
        projection = {field: 1} if field == "_id" else {field: 1, "_id": 0}
        cursor = database[collection].find(
            {field: {"$gt": after}}, projection, sort=[(field, 1)], skip=count - 1, limit=1, session=tx.session
        )
        ends += [document[field] for document in await cursor.to_list(None)]
    return min(ends, default=None)


async def _accounts(database: Database, owners: Iterable[str], *, tx: Tx) -> dict[str, Document]:
    """Return the accounts of those owners who are customers, by customer id."""
    people = {account_of(owner): owner for owner in owners if owner.startswith(f"{CUSTOMER}_")}
    found = await _by_id(database, ACCOUNTS, people, {}, tx=tx)
    return {people[id_]: account for id_, account in found.items()}


def _named_lots(purchases: dict[str, list[Document]], entries: dict[str, list[Document]]) -> Iterator[str]:
    for sales in purchases.values():
        for sale in sales:
            yield from sale.get("lotIds", ())
    for ledger in entries.values():
        for entry in ledger:
            for part in entry.get("lots", ()):
                yield part["id"]


def _by_owner(documents: Iterable[Document]) -> dict[str, list[Document]]:
    grouped: dict[str, list[Document]] = {}
    for document in documents:
        grouped.setdefault(document["owner"], []).append(document)
    return grouped


async def _find(
    database: Database,
    collection: str,
    condition: Document,
    projection: Document,
    *,
    sort: Sequence[tuple[str, int]] | None = None,
    tx: Tx,
) -> list[Document]:
    cursor = database[collection].find(condition, projection or None, sort=sort, session=tx.session)
    documents: list[Document] = await cursor.to_list(None)
    return documents


async def next_accounts(
    database: Database, after: str, limit: int, *, tx: Tx
) -> tuple[list[Document], dict[str, Document]]:
    """Return accounts beyond the id `after`, in order of their ids, and those of their customers who are there."""
    accounts = await _next(database, ACCOUNTS, {"_id": {"$gt": after}}, {"customerId": 1}, limit, tx=tx)
    owners = [account["customerId"] for account in accounts]
    return accounts, await _by_id(database, CUSTOMERS, owners, {"_id": 1}, tx=tx)


async def next_lots(
    database: Database, after: str, limit: int, *, tx: Tx
) -> tuple[list[Document], dict[str, Document]]:
    """Return lots beyond the id `after`, in order of their ids, and those of their owners' accounts that are there."""
    lots = await _next(database, LOTS, {"_id": {"$gt": after}}, {"owner": 1}, limit, tx=tx)
    owners = [account_of(lot["owner"]) for lot in lots]
    return lots, await _by_id(database, ACCOUNTS, owners, {"_id": 1}, tx=tx)


async def next_keys(
    database: Database, prefix: str, after: str, limit: int, *, tx: Tx
) -> tuple[list[Document], dict[str, Document]]:
    """Return the keys that begin with `prefix`, beyond `after`, and what they name, by its id.

    Args:
        prefix: such as `email:`; `pur:`, `ret:` and `id:` name purchases, all others customers.
    """
    end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    condition = {"_id": {"$gt": max(after, prefix), "$lt": end}}
    keys = await _next(database, KEYS, condition, {"ref": 1, "owner": 1, "purchase": 1}, limit, tx=tx)
    if not prefix.startswith(("pur:", "ret:", "id:")):
        return keys, await _by_id(database, CUSTOMERS, [key.get("ref") for key in keys], _CUSTOMER, tx=tx)
    fields = {"externalId": 1, "returns.id": 1, "returns.externalId": 1}
    ids = [key.get("purchase", key.get("ref")) for key in keys]
    return keys, await _by_id(database, PURCHASES, ids, fields, tx=tx)


async def _next(
    database: Database, collection: str, condition: Document, projection: Document, limit: int, *, tx: Tx
) -> list[Document]:
    cursor = database[collection].find(
        condition, projection, sort=[("_id", 1)], limit=limit, batch_size=limit, session=tx.session
    )
    documents: list[Document] = await cursor.to_list(None)
    return documents


async def _by_id(
    database: Database, collection: str, ids: Iterable[Any], projection: Document, *, tx: Tx
) -> dict[str, Document]:
    wanted = list(dict.fromkeys(ids))
    if not wanted:
        return {}
    found = await _find(database, collection, {"_id": {"$in": wanted}}, projection, tx=tx)
    return {document["_id"]: document for document in found}


async def size(database: Database) -> int:
    """Return about how many documents a whole check walks over."""
    collections = (PURCHASES, LOTS, ACCOUNTS, KEYS)
    return sum([await database[name].estimated_document_count() for name in collections])
