"""Counters of what a person has earned by a capped rule in a period: exact fractions, one document each."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from types import MappingProxyType

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


async def add(
    database: Database,
    owner: str,
    changes: Mapping[CapKey, Fraction],
    *,
    known: Mapping[CapKey, Fraction] = MappingProxyType({}),
    tx: Tx,
) -> None:
    """Let counters move by `changes`; the owner's account is locked, so nobody else changes them.

    Args:
        known: what `used` has told in this transaction; the others are read.
    """
    moved = {key: change for key, change in changes.items() if change}
    before = {**known, **await used(database, owner, moved.keys() - known.keys(), tx=tx)}
    if moved:
        await database[CAPS].bulk_write(
            [
                UpdateOne(
                    {"_id": counter_id(owner, key), "owner": owner},
                    {"$set": {"used": str(before[key] + change)}},
                    upsert=True,
                )
                for key, change in moved.items()
            ],
            session=tx.session,
        )
