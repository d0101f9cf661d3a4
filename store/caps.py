"""Counters of what a person has earned by a capped rule in a period: exact fractions, one document each."""

from collections.abc import Iterable, Mapping
from fractions import Fraction

from pymongo import UpdateOne

from store.client import Database, Tx
from store.collections import CAPS

CapKey = tuple[str, str]
"""A rule's id and the period's name."""


def counter_id(owner: str, key: CapKey) -> str:
    """Return the id of a person's counter."""
    return f"{owner}:{key[0]}:{key[1]}"


async def used(
    database: Database, owner: str, keys: Iterable[CapKey], *, tx: Tx | None = None
) -> dict[CapKey, Fraction]:
    """Return how many points each counter stands at; 0 where there is none."""
    names = {counter_id(owner, key): key for key in keys}
    if not names:
        return {}
    cursor = database[CAPS].find({"_id": {"$in": list(names)}, "owner": owner}, session=tx.session if tx else None)
    counted = dict.fromkeys(names.values(), Fraction(0))
    for counter in await cursor.to_list(None):
        counted[names[counter["_id"]]] = Fraction(counter["used"])
    return counted


async def put(database: Database, owner: str, counted: Mapping[CapKey, Fraction], *, tx: Tx) -> None:
    """Let counters stand at these values; the owner's account is locked, so nobody else changes them."""
    if counted:
        await database[CAPS].bulk_write(
            [
                UpdateOne({"_id": counter_id(owner, key), "owner": owner}, {"$set": {"used": str(value)}}, upsert=True)
                for key, value in counted.items()
            ],
            session=tx.session,
        )
