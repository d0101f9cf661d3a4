"""Keeps what a person likes: counted by each sale in its transaction, taken back by its returns."""

from crm.taste.counters import Counted, counted
from services.context import Call
from store import tastes
from store.client import Document, Tx


async def count(call: Call, purchase: Document, *, tx: Tx) -> None:
    """Count a purchase that has become somebody's, less what has come back of it."""
    of = counted(purchase["lines"])
    if of:
        await tastes.count(
            call.database,
            purchase["owner"],
            of,
            purchase["occurredAt"],
            store_code=purchase["storeCode"],
            channel=purchase["channel"],
            tx=tx,
        )


async def take_back(call: Call, before: Document, after: Document, *, tx: Tx) -> None:
    """Take back what a return left nothing of, under the category that the purchase's lines keep."""
    gone: Counted = counted(before["lines"]).without(counted(after["lines"]))
    if gone:
        await tastes.take_back(call.database, before["owner"], gone, before["occurredAt"], tx=tx)
