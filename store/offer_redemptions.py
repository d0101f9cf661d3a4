"""What was redeemed of offers: one row a redemption under whose it is, and a counter for each limited offer.

A person's redemptions are counted from the rows, because the account is locked while they change. What everybody
shares, a total or a budget, has one counter document, and a condition on it decides who is in time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from store.client import Database, Document, Tx
from store.collections import OFFER_COUNTERS, OFFER_REDEMPTIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """How often an offer was redeemed, and what it took off (minor units); what came back does not count."""

    redeemed: int = 0
    spent: int = 0


async def insert(database: Database, rows: Sequence[Document], *, tx: Tx) -> None:
    """Store new redemptions."""
    if rows:
        await database[OFFER_REDEMPTIONS].insert_many(list(rows), session=tx.session)


async def set_returned(database: Database, owner: str, ids: Sequence[str], *, tx: Tx) -> None:
    """Let redemptions have come back."""
    condition = {"_id": {"$in": list(ids)}, "owner": owner}
    await database[OFFER_REDEMPTIONS].update_many(condition, {"$set": {"returned": True}}, session=tx.session)


async def change_owner(database: Database, before: str, owner: str, ids: Sequence[str], *, tx: Tx) -> None:
    """Hand redemptions over to somebody else."""
    condition = {"_id": {"$in": list(ids)}, "owner": before}
    await database[OFFER_REDEMPTIONS].update_many(condition, {"$set": {"owner": owner}}, session=tx.session)


async def by_person(
    database: Database, owner: str, offer_ids: Iterable[str], *, tx: Tx | None = None
) -> dict[str, list[str]]:
    """Return the days on which a person redeemed each offer, by the offer's id; what came back left out."""
    days: dict[str, list[str]] = {id_: [] for id_ in offer_ids}
    if not days:
        return days
    condition = {"owner": owner, "offerId": {"$in": list(days)}, "returned": False}
    projection = {"_id": 0, "offerId": 1, "day": 1}
    cursor = database[OFFER_REDEMPTIONS].find(condition, projection, session=tx.session if tx else None)
    for row in await cursor.to_list(None):
        days[row["offerId"]].append(row["day"])
    return days


async def by_people(
    database: Database, owners: Sequence[str], offer_ids: Iterable[str]
) -> dict[tuple[str, str], list[str]]:
    """Return the days on which each person redeemed each offer, by both ids; what came back left out."""
    days: dict[tuple[str, str], list[str]] = {}
    wanted = list(offer_ids)
    if not (wanted and owners):
        return days
    condition = {"owner": {"$in": list(owners)}, "offerId": {"$in": wanted}, "returned": False}
    projection = {"_id": 0, "owner": 1, "offerId": 1, "day": 1}
    for row in await database[OFFER_REDEMPTIONS].find(condition, projection).to_list(None):
        days.setdefault((row["owner"], row["offerId"]), []).append(row["day"])
    return days


async def recount(database: Database, offer_ids: Iterable[str], *, tx: Tx | None = None) -> dict[str, Counted]:
    """Count offers' redemptions from the rows, from an index alone."""
    wanted = list(offer_ids)
    if not wanted:
        return {}
    pipeline: list[Mapping[str, Any]] = [
        {"$match": {"offerId": {"$in": wanted}, "returned": False}},
        {"$group": {"_id": "$offerId", "redeemed": {"$sum": 1}, "spent": {"$sum": "$discount"}}},
    ]
    groups = await database.aggregate(OFFER_REDEMPTIONS, pipeline, tx=tx)
    found = {group["_id"]: Counted(redeemed=group["redeemed"], spent=group["spent"]) for group in groups}
    return {id_: found.get(id_, Counted()) for id_ in wanted}


async def counters(database: Database, offer_ids: Iterable[str], *, tx: Tx | None = None) -> dict[str, Counted]:
    """Return the counters there are, by the offer's id."""
    wanted = list(offer_ids)
    if not wanted:
        return {}
    cursor = database[OFFER_COUNTERS].find({"_id": {"$in": wanted}}, session=tx.session if tx else None)
    return {
        counter["_id"]: Counted(redeemed=counter["redeemed"], spent=counter["spent"])
        for counter in await cursor.to_list(None)
    }


async def set_counter(database: Database, offer_id: str, counted: Counted | None, *, tx: Tx) -> None:
    """Let an offer's counter stand at what was counted; None: it needs none."""
    if counted is None:
        await database[OFFER_COUNTERS].delete_one({"_id": offer_id}, session=tx.session)
    else:
        stored = {"redeemed": counted.redeemed, "spent": counted.spent}
        await database[OFFER_COUNTERS].update_one({"_id": offer_id}, {"$set": stored}, upsert=True, session=tx.session)


async def take(
    database: Database, offer_id: str, discount: int, *, total: int | None, budget: int | None, tx: Tx
) -> bool:
    """Count one redemption; False where it would go beyond the total or the budget (minor units).

    The condition is the update's own: of two sales that want the last one, one is told False, or conflicts and looks
    again.
    """
    condition: Document = {"_id": offer_id}
    if total is not None:
        condition["redeemed"] = {"$lt": total}
    if budget is not None:
        condition["spent"] = {"$lte": budget - discount}
    return await _add(database, condition, discount, tx=tx)


async def add(database: Database, offer_id: str, discount: int, *, tx: Tx) -> bool:
    """Count one redemption whatever the limits say; False where there is no counter."""
    return await _add(database, {"_id": offer_id}, discount, tx=tx)


async def give_back(database: Database, offer_id: str, discount: int, *, tx: Tx) -> None:
    """Uncount one redemption where there is a counter; never below 0, whatever became of it meanwhile."""
    less = {
        "redeemed": {"$max": [0, {"$subtract": ["$redeemed", 1]}]},
        "spent": {"$max": [0, {"$subtract": ["$spent", discount]}]},
    }
    await database[OFFER_COUNTERS].update_one({"_id": offer_id}, [{"$set": less}], session=tx.session)


async def _add(database: Database, condition: Document, discount: int, *, tx: Tx) -> bool:
    change = {"$inc": {"redeemed": 1, "spent": discount}}
    found = await database[OFFER_COUNTERS].find_one_and_update(
        condition, change, projection=["_id"], session=tx.session
    )
    return found is not None
