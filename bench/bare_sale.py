"""A sale's writes and nothing else: the documents of one real sale again, under new ids, in one transaction.

What they say is not worked out anew, so this is the least a server could do that stores the same. The sale that is
copied is one that the service recorded for a customer whom nobody else sells to: what was written for it is found by
its owner, however many copies there are.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request

from crm.ids import account_of, time_ordered
from crm.taste.counters import counted
from store import keys, tastes
from store.client import Database, Document, Tx
from store.customers import count_sale

TEMPLATE = ("template", "template")
"""The external id of the sale that is copied."""

WRITTEN = ("keys", "purchases", "points_transactions", "points_lots", "outbox")


class BareSale:
    """Answers operation M."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._template: dict[str, list[Document]] | None = None

    async def _written(self) -> dict[str, list[Document]]:
        if self._template is None:
            key = await self._database["keys"].find_one({"_id": keys.purchase(TEMPLATE)})
            purchase = await self._database["purchases"].find_one({"_id": key["ref"]})
            self._template = await written_by(self._database, purchase)
        return self._template

    async def answer(self, _: Database, __: Request, sent: dict[str, Any]) -> Any:
        """Write a sale of the customer that the input names."""
        template = await self._written()
        owner = sent["variables"]["input"]["customer"]["id"]
        await self._database.transaction(lambda tx: write(self._database, template, owner, tx))
        (purchase,) = template["purchases"]
        total, points = f"{purchase['total'] / 100:.2f}", purchase["pointsEarned"]
        return {
            "recordPurchase": {
                "purchase": {"total": {"amount": total}, "pointsEarned": points},
                "replayed": False,
                "userErrors": [],
            }
        }


async def written_by(database: Database, purchase: Document) -> dict[str, list[Document]]:
    """Return what recording a purchase wrote, by collection."""
    id_, owner = purchase["_id"], purchase["owner"]
    of_sale: Document = {"owner": owner, "source.nodeId": id_}
    entries = await database["points_transactions"].find(of_sale).to_list(None)
    told: Document = {
        "owner": owner,
        "$or": [{"nodeId": id_}, {"data.entryId": {"$in": [entry["_id"] for entry in entries]}}],
    }
    conditions: dict[str, Document] = {
        "keys": {"ref": id_, "owner": owner},  # its copies name the same sale
        "purchases": {"_id": id_},
        "points_transactions": of_sale,
        "points_lots": of_sale,
        "outbox": told,
        "loyalty_accounts": {"_id": account_of(owner)},
    }
    return {name: await database[name].find(found).to_list(None) for name, found in conditions.items()}


async def write(database: Database, template: dict[str, list[Document]], owner: str, tx: Tx) -> None:
    """Write the documents again for a customer, in the order and with the commands of a sale."""
    now, session = datetime.now(UTC), tx.session
    number = time.perf_counter_ns()
    copies: dict[str, list[Document]] = {}
    for name in WRITTEN:
        copies[name] = []
        for document in template[name]:
            number += 1
            prefix = document["_id"][:3] if name != "keys" else "new"
            id_ = time_ordered(prefix, int(now.timestamp() * 1000), number)
            copies[name].append({**document, "_id": id_, "owner": owner, "sequence": number})
    (account,) = template["loyalty_accounts"]
    await database["loyalty_accounts"].find_one_and_update(
        {"_id": account_of(owner)}, {"$inc": {"locks": 1}}, session=session
    )
    await database["keys"].insert_many(copies["keys"], session=session)
    await database["purchases"].insert_one(copies["purchases"][0], session=session)
    changes = {name: value for name, value in account.items() if name not in ("_id", "customerId", "locks")}
    moved = {**changes, "lastAt": now, "dueAt": now + timedelta(days=700)}
    await database["loyalty_accounts"].update_one({"_id": account_of(owner)}, {"$set": moved}, session=session)
    await database["points_transactions"].insert_many(copies["points_transactions"], session=session)
    await database["points_lots"].insert_many(copies["points_lots"], session=session)
    (purchase,) = template["purchases"]
    await count_sale(
        database,
        owner,
        total=purchase["total"],
        occurred_at=now,
        channel=purchase["channel"],
        steps=account["tierSteps"],
        tx=tx,
    )
    of = counted(purchase["lines"])
    await tastes.count(database, owner, of, now, store_code=purchase["storeCode"], channel=purchase["channel"], tx=tx)
    await database["outbox"].insert_many(copies["outbox"], session=session)
