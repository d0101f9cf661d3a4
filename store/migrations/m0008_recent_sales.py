"""Sales kept with an account are numbers one after the other; what is kept in another way is read from the purchases.

The next sale of each customer writes them anew.
"""

from store.client import Database


async def run(database: Database) -> None:
    """Let go of what is kept in the earlier way; safe to repeat."""
    await database["loyalty_accounts"].update_many({"recent.sales.0": {"$type": "array"}}, {"$set": {"recent": None}})
