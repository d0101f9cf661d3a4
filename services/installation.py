"""Opens a shop: brings the database to this version and holds what an installation may not change."""

import hashlib
import hmac

from crm.callers import SYSTEM
from loyalty.program import default_program
from services.context import Shop
from store import installation, programs
from store.migrations import migrate


class CannotOpen(Exception):
    """The settings do not fit the data; one sentence for the person who starts the service."""


async def open_shop(shop: Shop) -> None:
    """Migrate, give a new installation its programme, and hold its currency.

    Raises:
        CannotOpen: the MongoDB has no transactions, or the shop has sales in another currency.
    """
    if not await installation.has_transactions(shop.database):
        raise CannotOpen("This MongoDB is a single server; transactions need a replica set, if only of one member.")
    await migrate(shop.database)
    call = shop.call(SYSTEM)
    await programs.insert_first(shop.database, default_program(call.new_id))
    known = await installation.currency(shop.database)
    if known not in (None, shop.currency):
        if await installation.has_sales(shop.database):
            raise CannotOpen(f"CRM_CURRENCY is {shop.currency}, but this shop has recorded sales in {known}.")
        known = None
    if known is None:
        await installation.set_currency(shop.database, shop.currency)


def derived_secret(secret: bytes, purpose: str) -> str:
    """Return a secret of its own for a purpose, so that one leaked says nothing of another."""
    return hmac.new(secret, purpose.encode(), hashlib.sha256).hexdigest()
