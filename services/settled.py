"""An account as it is at this instant, whatever the worker has posted yet: read as of one instant, and played."""

from collections.abc import Sequence

from loyalty.book import Book
from loyalty.points import Account
from services.context import Call
from store import holds as stored_holds
from store import ledger
from store.client import Document, Tx


def book_of(call: Call, totals: Account, lots: Sequence[Document], holds: Sequence[Document]) -> Book:
    """Return an account with what belongs to it, not settled yet."""
    return Book(
        totals,
        [ledger.lot_value(lot) for lot in lots],
        [stored_holds.value(hold) for hold in holds],
        now=call.now,
        new_id=call.new_id,
        zone=call.shop.time_zone,
    )


async def read_book(call: Call, owner: str) -> Book:
    """Return a customer's account with all that belongs to it as of one instant, not settled yet."""

    async def read(tx: Tx) -> Book:
        account = await ledger.get(call.database, owner, tx=tx)
        lots = await ledger.live_lots_in(call.database, owner, tx=tx)
        holds = await stored_holds.active_in(call.database, owner, tx=tx)
        return book_of(call, ledger.account_value(account), lots, holds)

    return await call.database.transaction(read)


def is_due(call: Call, account: Document) -> bool:
    """Whether an account's totals have changed by themselves since they were written."""
    return account["dueAt"] is not None and account["dueAt"] <= call.now


async def available_now(call: Call, account: Document) -> int:
    """Return the points that a customer can spend now; lots are read only where something fell due."""
    if not is_due(call, account):
        return int(account["available"])
    book = await read_book(call, account["customerId"])
    book.settle()
    return book.account.available
