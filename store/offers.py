"""Offers, one document each: between documents and the values of crm/offers, and whom they are addressed to.

Who is in an audience stands beside the offer, one small document a person under that person's shard: a quote asks
which offers are addressed to this customer, and neither a process nor a question grows with the others.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from fractions import Fraction

from pymongo import ReturnDocument

from crm.numbers import RATE_DIGITS, scaled
from crm.offers.values import Conditions, Limits, Offer, OfferKind, Stacking, WeeklyHours
from crm.values import Period
from store.client import Database, Document, Tx
from store.collections import INSTALLATION, OFFER_AUDIENCE, OFFERS
from store.pages import Order

NEWEST_FIRST = Order("_id", descending=True, unique=True)
_REVISION = "offers"
_BATCH = 1000


def value(document: Document, currency_digits: int) -> Offer:
    """Return a stored offer as a value; one that is addressed to customers is, as yet, addressed to nobody."""
    kind, skus = OfferKind(document["kind"]), document["getSkus"]
    return Offer(
        id=document["_id"],
        version=document["version"],
        title=document["title"],
        kind=kind,
        value=_value(kind, document["value"], currency_digits),
        description=document["description"],
        code=document["code"],
        buy_quantity=document["buyQuantity"],
        get_quantity=document["getQuantity"],
        get_skus=tuple(skus) if skus is not None else None,
        reward_id=document["rewardId"],
        starts_at=document["startsAt"],
        ends_at=document["endsAt"],
        priority=document["priority"],
        stacking=Stacking(document["stacking"]),
        stacking_group=document["stackingGroup"],
        conditions=_conditions(document["conditions"]),
        limits=_limits(document["limits"]),
        active=document["active"],
    )


def _value(kind: OfferKind, text: str | None, currency_digits: int) -> Fraction | None:
    if text is None:
        return None
    value = Fraction(scaled(text, RATE_DIGITS), 10**RATE_DIGITS)
    digits = {OfferKind.AMOUNT: currency_digits, OfferKind.FIXED_PRICE: RATE_DIGITS}.get(kind, 0)
    return value * Fraction(10) ** digits


def _conditions(document: Document) -> Conditions:
    def these(name: str) -> frozenset[str] | None:
        return frozenset(document[name]) if document[name] is not None else None

    hours = document["weeklyHours"]
    return Conditions(
        channels=these("channels"),
        store_codes=these("storeCodes"),
        weekly_hours=tuple(_hours(one) for one in hours) if hours is not None else None,
        tiers=these("tiers"),
        tags=these("tags"),
        attributes=document["attributes"],
        customers=frozenset() if document["customerCount"] is not None else None,
        first_purchase=bool(document["firstPurchase"]),
        birthday_within_days=document["birthdayWithinDays"],
        minimum_spend=document["minimumSpend"],
        minimum_quantity=document["minimumQuantity"],
        skus=these("skus"),
        categories=these("categories"),
        required_skus=these("requiredSkus"),
        requires_code=document["requiresCode"],
    )


def _hours(document: Document) -> WeeklyHours:
    return WeeklyHours(
        day=document["day"], from_minute=minute_of_day(document["from"]), to_minute=minute_of_day(document["to"])
    )


def minute_of_day(text: str) -> int:
    """Return "09:30" as minutes since midnight."""
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def _limits(document: Document) -> Limits:
    return Limits(
        total=document["total"],
        per_customer=document["perCustomer"],
        period=Period(document["period"]) if document["period"] else None,
        per_period=document["perPeriod"],
        budget=document["budget"],
    )


async def next_revision(database: Database, *, tx: Tx) -> int:
    """Return the number of a change to any offer, higher than all before: changes wait for each other here."""
    found = await database[INSTALLATION].find_one_and_update(
        {"_id": _REVISION},
        {"$inc": {"revision": 1}},
        upsert=True,
        session=tx.session,
        return_document=ReturnDocument.AFTER,
    )
    return int(found["revision"])


async def revision(database: Database) -> int:
    """Return the number of the latest change to any offer."""
    found = await database[INSTALLATION].find_one({"_id": _REVISION})
    return int(found["revision"]) if found else 0


async def live(database: Database, now: datetime) -> list[Document]:
    """Return the offers that apply now or may later: active, and not over."""
    cursor = database[OFFERS].find({"active": True, "$or": [{"endsAt": None}, {"endsAt": {"$gt": now}}]})
    documents: list[Document] = await cursor.to_list(None)
    return documents


async def changed_since(database: Database, known: int) -> list[Document]:
    """Return the offers changed after revision `known`, as they are now, oldest change first."""
    cursor = database[OFFERS].find({"revision": {"$gt": known}}, sort=[("revision", 1)])
    documents: list[Document] = await cursor.to_list(None)
    return documents


async def get(database: Database, id_: str, *, tx: Tx) -> Document | None:
    """Return an offer as the transaction sees it."""
    found: Document | None = await database[OFFERS].find_one({"_id": id_}, session=tx.session)
    return found


async def by_ids(database: Database, ids: Sequence[str], *, tx: Tx | None = None) -> list[Document | None]:
    """Return offers in the order of `ids`."""
    if not ids:
        return []
    cursor = database[OFFERS].find({"_id": {"$in": list(ids)}}, session=tx.session if tx else None)
    found = {offer["_id"]: offer for offer in await cursor.to_list(None)}
    return [found.get(id_) for id_ in ids]


async def ids(database: Database, wanted: Sequence[str], *, tx: Tx) -> frozenset[str]:
    """Return those of these ids that are there."""
    cursor = database[OFFERS].find({"_id": {"$in": list(wanted)}}, projection={"_id": 1}, session=tx.session)
    return frozenset([offer["_id"] for offer in await cursor.to_list(None)])


async def insert(database: Database, offers: Sequence[Document], *, tx: Tx) -> None:
    """Store new offers, for imports."""
    await database[OFFERS].insert_many(list(offers), session=tx.session)


async def put(database: Database, offer: Document, *, tx: Tx) -> None:
    """Store an offer's new version in place of the one before."""
    await database[OFFERS].replace_one({"_id": offer["_id"]}, offer, upsert=True, session=tx.session)


async def set_audience(database: Database, offer_id: str, customers: Sequence[str], *, tx: Tx) -> None:
    """Let an offer be addressed to these customers and to nobody else."""
    wanted = set(customers)
    known = await database[OFFER_AUDIENCE].find({"offerId": offer_id}, session=tx.session).to_list(None)
    gone = [member["_id"] for member in known if member["owner"] not in wanted]
    new = wanted - {member["owner"] for member in known}
    for start in range(0, len(gone), _BATCH):
        condition = {"offerId": offer_id, "_id": {"$in": gone[start : start + _BATCH]}}
        await database[OFFER_AUDIENCE].delete_many(condition, session=tx.session)
    if new:
        await database[OFFER_AUDIENCE].insert_many(members(offer_id, sorted(new)), session=tx.session)


def members(offer_id: str, customers: Iterable[str]) -> list[Document]:
    """Return the documents that address an offer to customers."""
    return [{"_id": f"{owner}:{offer_id}", "owner": owner, "offerId": offer_id} for owner in customers]


async def addressed(
    database: Database, owner: str, ids: Iterable[str] | None = None, *, tx: Tx | None = None
) -> frozenset[str]:
    """Return which offers are addressed to a customer: of all, or of those with these ids."""
    condition: Document = {"owner": owner}
    if ids is not None:
        wanted = list(ids)
        if not wanted:
            return frozenset()
        condition["offerId"] = {"$in": wanted}
    cursor = database[OFFER_AUDIENCE].find(
        condition, projection={"_id": 0, "offerId": 1}, session=tx.session if tx else None
    )
    return frozenset([member["offerId"] for member in await cursor.to_list(None)])


async def addressed_to_each(
    database: Database, owners: Sequence[str], ids: Iterable[str] | None
) -> dict[str, frozenset[str]]:
    """Return which offers, of all or of those with these ids, are addressed to each customer."""
    found: dict[str, set[str]] = {owner: set() for owner in owners}
    condition: Document = {"owner": {"$in": list(found)}}
    if ids is not None:
        condition["offerId"] = {"$in": list(ids)}
    cursor = database[OFFER_AUDIENCE].find(
        condition, projection={"_id": 0, "owner": 1, "offerId": 1}, batch_size=_BATCH
    )
    for member in await cursor.to_list(None):
        found[member["owner"]].add(member["offerId"])
    return {owner: frozenset(offers) for owner, offers in found.items()}


def public_now(now: datetime) -> Mapping[str, object]:
    """Return the condition of offers that everybody may see: live, without code and without named customers."""
    begun, lasting = {"startsAt": None}, {"endsAt": None}
    return {
        "public": True,
        "active": True,
        "$and": [{"$or": [begun, {"startsAt": {"$lte": now}}]}, {"$or": [lasting, {"endsAt": {"$gt": now}}]}],
    }
