"""Holds: points reserved for a while, one document each, under the customer."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from loyalty.points import Hold
from loyalty.values import HoldStatus
from store.client import Database, Document, Tx
from store.collections import HOLDS
from store.reads import Read, Reader


def document(owner: str, hold: Hold) -> Document:
    """Return a hold as stored and as clients see it."""
    return {
        "_id": hold.id,
        "owner": owner,
        "points": hold.points,
        "captured": hold.captured,
        "status": hold.status.value,
        "parts": [{"id": lot_id, "points": points} for lot_id, points in hold.parts],
        "createdAt": hold.created_at,
        "expiresAt": hold.expires_at,
        "endedAt": hold.ended_at,
    }


def value(document: Document) -> Hold:
    """Return a stored hold as a value."""
    return Hold(
        id=document["_id"],
        points=document["points"],
        captured=document["captured"],
        status=HoldStatus(document["status"]),
        parts=tuple((part["id"], part["points"]) for part in document["parts"]),
        created_at=document["createdAt"],
        expires_at=document["expiresAt"],
        ended_at=document["endedAt"],
    )


async def owned_by(database: Database, pairs: Sequence[tuple[str, str]]) -> list[Document]:
    """Return holds whose owners are known: (owner, id)."""
    if not pairs:
        return []
    condition = {"_id": {"$in": [id_ for _, id_ in pairs]}, "owner": {"$in": sorted({owner for owner, _ in pairs})}}
    documents: list[Document] = await database[HOLDS].find(condition).to_list(None)
    return documents


async def get(database: Database, owner: str, id_: str, *, tx: Tx) -> Document | None:
    """Return a customer's hold as the transaction sees it."""
    found: Document | None = await database[HOLDS].find_one({"_id": id_, "owner": owner}, session=tx.session)
    return found


async def active(reader: Reader, owners: Iterable[str]) -> dict[str, list[Document]]:
    """Return the holds that have not been ended, by owner, soonest to time out first."""
    wanted = list(owners)
    (found,) = await reader.read([_active(wanted)])
    holds: dict[str, list[Document]] = {owner: [] for owner in wanted}
    for hold in found:
        holds[hold["owner"]].append(hold)
    return holds


async def active_in(database: Database, owner: str, *, tx: Tx) -> list[Document]:
    """Return an owner's holds that have not been ended as the transaction sees them, soonest to time out first."""
    (found,) = await database.read([_active([owner])], tx=tx)
    return found


def _active(owners: Sequence[str]) -> Read:
    condition = {"owner": {"$in": owners}, "status": HoldStatus.ACTIVE.value}
    return Read(HOLDS, condition, sort={"owner": 1, "expiresAt": 1, "_id": 1})


async def reserved_at(database: Database, owner: str, at: datetime, *, tx: Tx) -> list[Hold]:
    """Return the holds made by an instant that ended after it, or have not been ended."""
    condition = {"owner": owner, "createdAt": {"$lte": at}, "$or": [{"endedAt": None}, {"endedAt": {"$gt": at}}]}
    return [value(hold) for hold in await database[HOLDS].find(condition, session=tx.session).to_list(None)]
