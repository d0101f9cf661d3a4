"""Idempotency keys: claimed before the effect, completed in the effect's own transaction.

A claim is a lease. Whoever lost his may not commit: completing it inside the transaction finds the token changed, and
the transaction aborts. So of two holders of one key at most one has an effect.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo.errors import DuplicateKeyError

from store.client import Database, Document, Tx
from store.collections import KEYS

LEASE = timedelta(seconds=60)


class ClaimLost(Exception):
    """Somebody else took the key over while we were working; nothing of ours was committed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A key held by one request; `token` changes with the holder."""

    id: str
    token: str
    keep_until: datetime


def key_id(principal: str, key: str) -> str:
    """Return the document id of a principal's key: of its hash, because a client may write anything into it."""
    return f"idem:{principal}:{hashlib.sha256(key.encode()).hexdigest()[:32]}"


async def claim(
    database: Database, id_: str, *, fingerprint: str, token: str, now: datetime, keep: timedelta
) -> Claim | Document:
    """Take the key, or return the document of whoever has it.

    A key without outcome whose lease has run out is taken over when the fingerprint is the same; one that is kept no
    longer is anybody's, though MongoDB may take a minute to delete it.
    """
    fresh: Document = {
        "fingerprint": fingerprint,
        "token": token,
        "leaseUntil": now + LEASE,
        "expiresAt": now + keep,
    }
    mine = Claim(id=id_, token=token, keep_until=now + keep)
    try:
        await database[KEYS].insert_one({"_id": id_, **fresh})
        return mine
    except DuplicateKeyError:
        pass
    left = {"fingerprint": fingerprint, "outcome": None, "leaseUntil": {"$lte": now}}
    free = {"_id": id_, "$or": [left, {"expiresAt": {"$lte": now}}]}
    if await database[KEYS].find_one_and_update(free, {"$set": fresh, "$unset": {"outcome": ""}}, projection=["_id"]):
        return mine
    held: Document | None = await database[KEYS].find_one({"_id": id_})
    if held is None:  # given up between the two commands
        return await claim(database, id_, fingerprint=fingerprint, token=token, now=now, keep=keep)
    return held


async def complete(database: Database, held: Claim, outcome: Mapping[str, Any], *, tx: Tx | None) -> None:
    """Store what is replayed to whoever sends the key again: once, also where a commit's answer got lost.

    Raises:
        ClaimLost: the key is somebody else's by now, or an earlier try of ours was committed after all.
    """
    result = await database[KEYS].update_one(
        {"_id": held.id, "token": held.token, "outcome": None},
        {"$set": {"outcome": outcome}},
        session=tx.session if tx else None,
    )
    if result.matched_count == 0:
        raise ClaimLost


async def own_outcome(database: Database, held: Claim) -> Mapping[str, Any] | None:
    """Return what an earlier try under this very claim has stored."""
    found = await database[KEYS].find_one({"_id": held.id, "token": held.token})
    return found.get("outcome") if found else None


async def renew(database: Database, held: Claim, now: datetime) -> None:
    """Prolong the lease of a long batch.

    Raises:
        ClaimLost: the key is somebody else's by now.
    """
    result = await database[KEYS].update_one(
        {"_id": held.id, "token": held.token}, {"$set": {"leaseUntil": now + LEASE}}
    )
    if result.matched_count == 0:
        raise ClaimLost


async def give_up(database: Database, held: Claim) -> None:
    """Free a key whose request had no effect that is stored."""
    await database[KEYS].delete_one({"_id": held.id, "token": held.token, "outcome": None})
