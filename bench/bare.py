"""What a patient engineer would write by hand: a Starlette endpoint for each measured operation, no GraphQL at all.

The same driver, one aggregation for a person with account, entries and purchases, every look-up by an index, nothing
read but what is shown, and the answer written out field by field. It knows nobody, checks nothing and plans nothing:
what the service is compared with, not what one would run.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.bare_sale import BareSale
from crm.ids import account_of
from crm.numbers import QUANTITY_DIGITS, UNIT_PRICE_DIGITS, decimal
from store.client import Database, Document
from store.offers import public_now

Answer = Callable[[Database, Request, dict[str, Any]], Awaitable[Any]]


def money(minor: int) -> dict[str, str]:
    """Return an amount."""
    return {"amount": decimal(minor, 2, trailing_zeros=True), "currencyCode": "USD"}


def amount(minor: int) -> dict[str, str]:
    """Return an amount without its currency."""
    return {"amount": decimal(minor, 2, trailing_zeros=True)}


def instant(value: datetime | None) -> str | None:
    """Return an instant in UTC with milliseconds."""
    return f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03d}Z" if value else None


def _only(fields: tuple[str, ...]) -> Document:
    return {"$project": dict.fromkeys(fields, 1)}


def _newest(collection: str, sort: dict[str, int], limit: int, fields: tuple[str, ...], as_: str) -> Document:
    return {
        "$lookup": {
            "from": collection,
            "localField": "_id",
            "foreignField": "owner",
            "as": as_,
            "pipeline": [{"$sort": sort}, {"$limit": limit}, _only(fields)],
        }
    }


PERSON = ("firstName", "lastName", "createdAt", "tags", "metrics")
BALANCE = ("available", "pending", "held", "debt", "lifetimeEarned")
ENTRY = ("type", "points", "balanceAfter", "occurredAt")
PURCHASE = ("occurredAt", "channel", "total", "pointsEarned", "lines")
OFFER = ("title", "description", "kind", "value", "startsAt", "endsAt")
PAGE: list[Document] = [
    _only(PERSON),
    # Accounts have no index by their customer: the account's id is the customer's under another prefix (crm/ids.py).
    {"$set": {"accountId": {"$concat": ["loy", {"$substrBytes": ["$_id", 3, -1]}]}}},
    {
        "$lookup": {
            "from": "loyalty_accounts",
            "localField": "accountId",
            "foreignField": "_id",
            "as": "account",
            "pipeline": [_only(BALANCE)],
        }
    },
    _newest("points_transactions", {"sequence": -1}, 5, ENTRY, "entries"),
    _newest("purchases", {"occurredAt": -1, "_id": -1}, 10, PURCHASE, "bought"),
]


async def account_page(database: Database, request: Request, _: dict[str, Any]) -> Any:
    """Answer operation A."""
    found = await database.aggregate("customers", [{"$match": {"_id": request.headers["x-customer"]}}, *PAGE])
    shown = public_now(datetime.now(UTC))
    offers = database["offers"].find(shown, dict.fromkeys(OFFER, 1), sort=[("_id", -1)], limit=5)
    return {**_me(*found), "offers": {"nodes": [_offer(offer) for offer in await offers.to_list(None)]}}


def _me(me: Document) -> Document:
    (account,) = me["account"]
    metrics = me["metrics"]
    return {
        "me": {
            "id": me["_id"],
            "firstName": me.get("firstName"),
            "lastName": me.get("lastName"),
            "createdAt": instant(me["createdAt"]),
            "tags": me["tags"],
            "metrics": {
                "purchaseCount": metrics["purchaseCount"],
                "totalSpent": money(metrics["totalSpent"]),
                "firstPurchaseAt": instant(metrics.get("firstPurchaseAt")),
                "lastPurchaseAt": instant(metrics.get("lastPurchaseAt")),
            },
            "loyalty": {
                "id": account["_id"],
                "balance": {name: account[name] for name in BALANCE},
                "transactions": {"nodes": [_entry(entry) for entry in me["entries"]]},
            },
            "purchases": {"nodes": [_purchase(purchase) for purchase in me["bought"]]},
        }
    }


def _entry(entry: Document) -> Document:
    return {
        "id": entry["_id"],
        "type": entry["type"],
        "points": entry["points"],
        "balanceAfter": entry["balanceAfter"],
        "occurredAt": instant(entry["occurredAt"]),
    }


def _offer(offer: Document) -> Document:
    return {
        "id": offer["_id"],
        **{name: offer[name] for name in ("title", "description", "kind", "value")},
        "startsAt": instant(offer["startsAt"]),
        "endsAt": instant(offer["endsAt"]),
    }


def _purchase(purchase: Document) -> Document:
    return {
        "id": purchase["_id"],
        "occurredAt": instant(purchase["occurredAt"]),
        "channel": purchase["channel"],
        "total": amount(purchase["total"]),
        "pointsEarned": purchase["pointsEarned"],
        "lines": [_line(line) for line in purchase["lines"]],
    }


def _line(line: Document) -> Document:
    return {
        "lineNumber": line["lineNumber"],
        "sku": line["sku"],
        "title": line["title"],
        "quantity": decimal(line["quantity"], QUANTITY_DIGITS),
        "unitPrice": decimal(line["unitPrice"], UNIT_PRICE_DIGITS),
        "discount": amount(line["discount"]),
        "total": amount(line["total"]),
    }


async def customers(database: Database, _: Request, __: dict[str, Any]) -> Any:
    """Answer operation B."""
    cursor = database["customers"].find({}, {"firstName": 1}, sort=[("createdAt", 1), ("_id", 1)], limit=50)
    people = await cursor.to_list(None)
    owners = [person["_id"] for person in people]
    accounts = database["loyalty_accounts"].find(
        {"_id": {"$in": [account_of(id_) for id_ in owners]}}, {"available": 1}
    )
    available = {account["_id"]: account["available"] for account in await accounts.to_list(None)}
    latest = await database.aggregate(
        "purchases",
        [
            {"$match": {"owner": {"$in": owners}}},
            {"$sort": {"owner": 1, "occurredAt": -1, "_id": -1}},
            {
                "$group": {
                    "_id": "$owner",
                    "id": {"$first": "$_id"},
                    "occurredAt": {"$first": "$occurredAt"},
                    "total": {"$first": "$total"},
                }
            },
        ],
    )
    bought = {
        last["_id"]: [{"id": last["id"], "occurredAt": instant(last["occurredAt"]), "total": amount(last["total"])}]
        for last in latest
    }
    nodes = [
        {
            "id": person["_id"],
            "firstName": person.get("firstName"),
            "loyalty": {
                "id": account_of(person["_id"]),
                "balance": {"available": available[account_of(person["_id"])]},
            },
            "purchases": {"nodes": bought.get(person["_id"], [])},
        }
        for person in people
    ]
    return {"customers": {"nodes": nodes}}


async def name(database: Database, _: Request, sent: dict[str, Any]) -> Any:
    """Answer operation C."""
    person = await database["customers"].find_one({"_id": sent["variables"]["id"]}, {"firstName": 1})
    return {"customer": {"firstName": person.get("firstName")} if person else None}


def create_app() -> Starlette:
    """Return the application of the environment's database."""
    database = Database(
        os.environ["CRM_MONGODB_URI"], os.environ["CRM_MONGODB_DATABASE"], driver=os.environ["CRM_MONGO_DRIVER"]
    )
    sale = BareSale(database)
    answers: dict[str, Answer] = {
        "AccountPage": account_page,
        "Customers": customers,
        "Name": name,
        "Sale": sale.answer,
    }

    async def answer(request: Request) -> Response:
        sent = orjson.loads(await request.body())
        data = await answers[sent["operationName"]](database, request, sent)
        return Response(orjson.dumps({"data": data}), media_type="application/json")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await database.close()

    return Starlette(routes=[Route("/graphql", answer, methods=["POST"])], lifespan=lifespan)
