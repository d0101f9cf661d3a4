"""The latest sales of a customer as far as tiers know them, kept with the account.

So a sale does not have to ask for the others: few customers have more than `RECENT_MAX` within what counts. The account
says after which instant it has all of them; one who has more has none there, and they are read from the purchases.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from loyalty.tiers import QualifyingSale
from store.client import Document

RECENT_MAX = 50


def recent_sales(account: Document, since: datetime | None) -> list[QualifyingSale] | None:
    """Return at least all sales after `since`, all where None; None where the account does not tell."""
    recent = account.get("recent")
    if recent is None or (recent["after"] is not None and (since is None or since < recent["after"])):
        return None
    return [QualifyingSale(at=at, points=points, spend=spend) for at, points, spend in recent["sales"]]


def recent_document(sales: Sequence[QualifyingSale], after: datetime | None, since: datetime | None) -> Document | None:
    """Return what an account keeps of its sales; None where they are too many.

    Args:
        sales: all after `after`, all that there are where None.
        since: from when on they are needed; older ones make room.
    """
    if len(sales) > RECENT_MAX:
        sales, after = [sale for sale in sales if since is None or since < sale.at], since
    return {"after": after, "sales": _rows(sales)} if len(sales) <= RECENT_MAX else None


def after_of(account: Document) -> datetime | None:
    """Return after which instant the account has all sales."""
    after: datetime | None = account["recent"]["after"]
    return after


def all_recent(recent: Document, sales: Iterable[QualifyingSale]) -> Document:
    """Return what `recent` must be, with its own `after`, if a customer has these sales."""
    after = recent["after"]
    return {"after": after, "sales": _rows(sale for sale in sales if after is None or after < sale.at)}


def _rows(sales: Iterable[QualifyingSale]) -> list[list[object]]:
    return [list(row) for row in sorted((sale.at, sale.points, sale.spend) for sale in sales)]
