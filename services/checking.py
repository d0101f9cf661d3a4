"""Recomputes every balance, tier and total from the ledger and the purchases, and tells what differs.

A check writes nothing and may run while tills sell: whatever is compared was read in one snapshot. Its memory does not
grow with the shop, because owners pass in windows. First come the owners with all they have, then three sweeps over
what no owner leads to: accounts without customer, lots without account, keys that name nobody or the wrong one.
Offers and their codes come last (services/offer_checking.py).
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from crm.ids import account_of, customer_of
from loyalty.book import Book
from loyalty.values import HoldStatus
from services.checks import (
    Difference,
    differing,
    entry_differences,
    hold_differences,
    lot_differences,
    moves_of,
    tier_differences,
    total_differences,
)
from services.context import Call
from services.count_checks import count_differences, redeemed_differences
from services.customers import key_documents as keys_of_customer
from services.known import Programs
from services.liability import Liability
from services.offer_checking import check_offers, redemption_differences
from services.sale_checks import metrics_differences, money_differences, points_differences
from services.stored_sale import key_documents as keys_of_purchase
from services.taste_checks import taste_differences
from store import checking, keys
from store.checking import Window
from store.client import Document, Tx
from store.holds import value as hold_value
from store.ledger import account_value, lot_value

__all__ = ["Difference", "Report", "check"]

KEPT_MAX = 1000
PEOPLE_MAX = 200
DOCUMENTS_MAX = 5000
PREFIXES = ("card:", "email:", "ext:", "phone:", "ref:", "id:pur_", "pur:", "ret:")
"""The natural keys that name customers and purchases; all others name requests, events, codes, and are not checked."""

MALFORMED = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What a document raises that lacks a field or holds something else in it."""

Keys = dict[str, Document]
Found = Awaitable[tuple[list[Document], dict[str, Document]]]
"""The next documents of a collection, and by id what they name, as far as it is there."""


@dataclass(slots=True)
class Report:
    """What a check walked over and what it found; counts of a shop that is selling meanwhile are about right.

    Args:
        sales: totals of all purchases, in minor units.
        liability: points outstanding, by the month in which they end.
        difference_count: all that was found, of which `differences` keeps the first `KEPT_MAX`.
    """

    customers: int = 0
    accounts: int = 0
    purchases: int = 0
    lines: int = 0
    transactions: int = 0
    lots: int = 0
    sales: int = 0
    liability: Liability = field(default_factory=Liability)
    difference_count: int = 0
    differences: list[Difference] = field(default_factory=list)

    def add(self, found: Iterable[Difference]) -> None:
        """Count differences and keep them while there is room."""
        for difference in found:
            self.difference_count += 1
            if len(self.differences) < KEPT_MAX:
                self.differences.append(difference)


class _Told:
    """Tells how far the check is: purchases, accounts, lots and keys walked over, of about `total`."""

    def __init__(self, progress: Callable[[int, int], None] | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def add(self, count: int) -> None:
        self._done = min(self._done + count, self._total)
        self.tell()

    def tell(self, *, end: bool = False) -> None:
        if self._progress:
            self._progress(self._total if end else self._done, self._total)


async def check(call: Call, progress: Callable[[int, int], None] | None = None) -> Report:
    """Compare everything stored with what it follows from.

    Args:
        progress: called with (done, total), in documents; total is an estimate.
    """
    report = Report()
    program = (await call.shop.known.programs()).at(call.now)
    report.liability.program_id, report.liability.program = program.id, program.name
    told = _Told(progress, await checking.size(call.database))
    told.tell()
    await _check_owners(call, report, told)
    await _check_accounts(call, report, told)
    await _check_lots(call, report, told)
    for prefix in PREFIXES:
        await _check_keys(call, prefix, report, told)
    await check_offers(call, report.add)
    told.tell(end=True)
    return report


async def _check_owners(call: Call, report: Report, told: _Told) -> None:
    after: str | None = ""
    while after is not None:
        window, found = await _window(call, after)
        programs = await call.shop.known.programs()
        lots = window.lots_by_owner()
        for owner in window.owners():
            report.add(_of_owner(call, owner, window, lots.get(owner, []), found, programs))
            with suppress(*MALFORMED):  # told as unreadable
                _count(call, report, owner, window, lots.get(owner, []))
        sales = [sale for of_owner in window.purchases.values() for sale in of_owner]
        report.customers += len(window.customers)
        report.purchases += len(sales)
        report.lines += sum(sale["lineCount"] for sale in sales)
        report.sales += sum(sale["total"] for sale in sales)
        report.transactions += sum(len(entries) for entries in window.entries.values())
        told.add(len(sales))
        after = window.until


def _count(call: Call, report: Report, owner: str, window: Window, lots: Iterable[Document]) -> None:
    """Take an account into the liability, as it stands once what fell due is played."""
    if owner not in window.accounts:
        return
    book = Book(
        account_value(window.accounts[owner]),
        [lot_value(lot) for lot in lots],
        [hold_value(hold) for hold in window.holds.get(owner, [])],
        now=call.now,
        new_id=call.new_id,
        zone=call.shop.time_zone,
    )
    book.settle()
    report.liability.count(book)


async def _window(call: Call, after: str) -> tuple[Window, Keys]:
    """Read the next owners with all they have, and their keys, as of one instant."""

    async def read(tx: Tx) -> tuple[Window, Keys]:
        window = await checking.window(call.database, after, people=PEOPLE_MAX, documents=DOCUMENTS_MAX, tx=tx)
        return window, await keys.find(call.database, _wanted(window), tx=tx)

    return await call.database.transaction(read)


def _wanted(window: Window) -> Iterator[str]:
    for customer in window.customers.values():
        yield from _names(customer)
    for sales in window.purchases.values():
        for sale in sales:
            yield from _names(sale)


def _names(thing: Document) -> list[str]:
    """Return the ids of the keys that name a customer or a purchase; none for one that is not like any other."""
    with suppress(*MALFORMED):
        made = _keys_of_sale({"owner": None, **thing}) if "externalId" in thing else keys_of_customer(thing)
        return [key["_id"] for key in made]
    return []


def _keys_of_sale(sale: Document) -> list[Document]:
    """Return the keys of a purchase and of its returns, as they must be."""
    of_sale = keys_of_purchase(sale)
    for back in sale.get("returns", ()):
        name = keys.purchase_return((back["externalId"]["source"], back["externalId"]["value"]))
        of_sale.append({"_id": name, "ref": back["id"], "owner": sale["owner"]})
    return of_sale


def _of_owner(
    call: Call, owner: str, window: Window, own: list[Document], found: Keys, programs: Programs
) -> Iterator[Difference]:
    """Yield what differs about one owner; a document that lacks what every one has is a difference too."""
    try:
        yield from _differences(call, owner, window, own, found, programs)
    except MALFORMED as error:
        yield Difference(owner, "unreadable", f"{type(error).__name__}: {error}", None)


def _differences(
    call: Call, owner: str, window: Window, own: list[Document], found: Keys, programs: Programs
) -> Iterator[Difference]:
    customer, account = window.customers.get(owner), window.accounts.get(owner)
    purchases, entries = window.purchases.get(owner, []), window.entries.get(owner, [])
    moves = moves_of(entries, {sale["_id"] for sale in purchases})
    if account is None:
        yield from _orphans(owner, customer, [*purchases, *entries, *window.counted.caps.get(owner, ())])
    else:
        lots = {lot["_id"]: lot for lot in own}
        lots |= {id_: window.lots[id_] for id_ in moves.lots if id_ in window.lots}
        yield from entry_differences(account["_id"], entries)
        holds = window.holds.get(owner, [])
        active = [hold for hold in holds if hold["status"] == HoldStatus.ACTIVE]
        yield from lot_differences(account, moves, lots, active)
        yield from total_differences(call, account, entries, moves, lots.values(), active)
        yield from hold_differences(account, moves, holds, purchases)
        yield from tier_differences(call, account, customer, purchases, programs)
        yield from count_differences(call, account, purchases, entries, window.counted)
        known = {sale["_id"] for sale in purchases}
        for id_ in sorted(moves.earned_by_purchase.keys() - known):
            yield Difference(account["_id"], f"purchases.{id_}", None, moves.earned_by_purchase[id_])
    if customer is not None:
        yield from metrics_differences(customer, purchases)
        yield from _key_differences(owner, keys_of_customer(customer), found)
    yield from taste_differences(owner, purchases, window.tastes.get(owner, []))
    for sale in purchases:
        if account is None and sale["_id"] != owner:
            continue
        buyer = owner if sale["_id"] != owner else None
        yield from differing(sale["_id"], (("customerId", sale["customerId"], buyer),))
        yield from money_differences(sale)
        yield from points_differences(call, sale, moves, window.lots, programs)
        yield from redeemed_differences(sale, window.counted)
        yield from _key_differences(sale["_id"], _keys_of_sale(sale), found)
    yield from redemption_differences(purchases, window.redemptions.get(owner, []), window.codes)


def _orphans(owner: str, customer: Document | None, documents: Iterable[Document]) -> Iterator[Difference]:
    """Yield what has no account though it needs one: the customer, and all but an anonymous purchase."""
    if customer is not None:
        yield Difference(owner, "account", None, account_of(owner))
    for document in documents:
        if document["_id"] != owner:
            yield Difference(document["_id"], "owner", owner, None)


def _key_differences(subject: str, expected: Iterable[Document], found: Keys) -> Iterator[Difference]:
    """Compare keys as they must be with those found; told by their kind, because an address is personal data."""
    for key in expected:
        stored = found.get(key["_id"], {})
        named = ("ref", "owner")
        yield from differing(subject, ((f"keys.{_kind(key)}.{name}", stored.get(name), key[name]) for name in named))


def _kind(key: Document) -> str:
    return str(key["_id"].partition(":")[0])


async def _check_accounts(call: Call, report: Report, told: _Told) -> None:
    """Look for accounts whose customer is not there."""

    def read(after: str, tx: Tx) -> Found:
        return checking.next_accounts(call.database, after, DOCUMENTS_MAX, tx=tx)

    async for accounts, customers in _sweep(call, told, read):
        report.accounts += len(accounts)
        for account in accounts:
            named = account["customerId"] if account["customerId"] in customers else None
            report.add(differing(account["_id"], [("customerId", named, customer_of(account["_id"]))]))


async def _check_lots(call: Call, report: Report, told: _Told) -> None:
    """Look for lots whose owner has no account."""

    def read(after: str, tx: Tx) -> Found:
        return checking.next_lots(call.database, after, DOCUMENTS_MAX, tx=tx)

    async for lots, accounts in _sweep(call, told, read):
        report.lots += len(lots)
        orphans = [lot for lot in lots if account_of(lot["owner"]) not in accounts]
        report.add(Difference(lot["_id"], "owner", lot["owner"], None) for lot in orphans)


async def _check_keys(call: Call, prefix: str, report: Report, told: _Told) -> None:
    """Look for keys that name what is not there, or what has no such key."""

    def read(after: str, tx: Tx) -> Found:
        return checking.next_keys(call.database, prefix, after, DOCUMENTS_MAX, tx=tx)

    async for found, named in _sweep(call, told, read):
        for key in found:
            ref = str(key.get("ref"))
            thing = named.get(key.get("purchase", ref))
            if thing is None or key["_id"] not in _names(thing):
                report.add([Difference(ref, f"keys.{_kind(key)}.ref", ref, None)])


async def _sweep(
    call: Call, told: _Told, read: Callable[[str, Tx], Found]
) -> AsyncIterator[tuple[list[Document], dict[str, Document]]]:
    """Yield all documents of a collection with what they name, each part as of one instant."""
    after: str | None = ""
    while after is not None:
        documents, named = await call.database.transaction(partial(read, after))
        yield documents, named
        told.add(len(documents))
        after = documents[-1]["_id"] if documents else None
