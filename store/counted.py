"""Reads what `crm check` proves beside points: counters of caps, redeemed rewards, referrals, stocks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from store.client import Database, Document, Tx
from store.collections import CAPS, PURCHASES, REDEMPTIONS, REFERRALS

_SALE = dict.fromkeys(("owner", "customerId", "status", "rewards", "referral"), 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What is counted for the owners of a window, as of its instant.

    `caps` and `brought` are lists by owner: the counters, and the referrals by which others came. `redemptions` are by
    their own id, those of the owners and those that their purchases name, `referrals` by the customer who came.
    `sales` are the purchases that a redemption or a referral names, whoever's they are, by their id.
    """

    caps: dict[str, list[Document]]
    redemptions: dict[str, Document]
    referrals: dict[str, Document]
    brought: dict[str, list[Document]]
    sales: dict[str, Document]


async def counted(
    database: Database, after: str, until: str | None, purchases: Iterable[Sequence[Document]], *, tx: Tx
) -> Counted:
    """Return what is counted for the owners in (after, until], to the end where None, who have these purchases."""
    owners = {"$gt": after} | ({"$lte": until} if until is not None else {})
    counters = {"$gt": f"{after};"} | ({"$lt": f"{until};"} if until is not None else {})  # ";" follows ":"
    caps = await _find(database, CAPS, {"_id": counters}, tx=tx)
    redemptions = {one["_id"]: one for one in await _find(database, REDEMPTIONS, {"owner": owners}, tx=tx)}
    named = [one["id"] for of_owner in purchases for sale in of_owner for one in sale.get("rewards", ())]
    others = [id_ for id_ in named if id_ not in redemptions]
    if others:
        redemptions |= {one["_id"]: one for one in await _find(database, REDEMPTIONS, {"_id": {"$in": others}}, tx=tx)}
    referrals = await _find(database, REFERRALS, {"_id": owners}, tx=tx)
    brought = await _find(database, REFERRALS, {"referrer": owners}, tx=tx)
    ids = {one.get("purchaseId") for one in (*redemptions.values(), *referrals, *brought)} - {None}
    sales = await _find(database, PURCHASES, {"_id": {"$in": sorted(ids)}}, _SALE, tx=tx) if ids else []
    return Counted(
        caps=_lists(caps, "owner"),
        redemptions=redemptions,
        referrals={one["_id"]: one for one in referrals},
        brought=_lists(brought, "referrer"),
        sales={sale["_id"]: sale for sale in sales},
    )


def _lists(documents: Iterable[Document], name: str) -> dict[str, list[Document]]:
    grouped: dict[str, list[Document]] = {}
    for document in documents:
        grouped.setdefault(document[name], []).append(document)
    return grouped


async def _find(
    database: Database, collection: str, condition: Document, fields: Mapping[str, int] | None = None, *, tx: Tx
) -> list[Document]:
    documents: list[Document] = await database[collection].find(condition, fields, session=tx.session).to_list(None)
    return documents
