"""Histories for the check to walk over, and what it says of them."""

from crm.ids import account_of
from services.checking import Report, check
from services.claims import claim_purchase
from services.inputs import CustomerKey, ExternalIdInput, PurchaseKey, RecordPurchaseInput
from services.purchases import record_purchases
from services.returns import cancel_purchase
from services.validation import parse
from tests.support import World, sale, whole

TWO_LINES = {
    "lines": [
        {"lineNumber": 1, "sku": "MUG", "title": "MUG", "quantity": "3", "unitPrice": "7.99", "discount": "1.00"},
        {"lineNumber": 2, "sku": "TEA", "title": "TEA", "quantity": "1.5", "unitPrice": "20.00"},
    ],
    "discountTotal": "2.97",
    "taxTotal": "4.50",
    "total": "54.50",
}


async def checked(world: World) -> Report:
    return await check(world.call())


async def found(world: World) -> set[tuple[str, str]]:
    return {(difference.subject, difference.what) for difference in (await checked(world)).differences}


async def cancel(world: World, purchase: str, id_: str) -> None:
    call = world.call()
    key = parse(PurchaseKey, {"id": purchase}, call.rules)
    external = parse(ExternalIdInput, {"source": "till-7", "value": id_}, call.rules)
    await cancel_purchase(call, key, external, call.now, None)


async def claim(world: World, purchase: str, customer: str) -> None:
    call = world.call()
    key = parse(PurchaseKey, {"id": purchase}, call.rules)
    await claim_purchase(call, key, parse(CustomerKey, {"id": customer}, call.rules), None)


async def simple(world: World) -> dict[str, str]:
    """Make a customer with two sales, one of them partly returned, and an anonymous sale; return all ids."""
    ann = await world.customer(
        phone="+43 660 1234567", cardNumber="C-1", externalIds=[{"source": "shop", "value": "7"}]
    )
    first = (await world.sell(**TWO_LINES, id="s-1", customer={"id": ann}))["purchase"]["id"]
    second = (await world.sell(**whole(600), id="s-2", customer={"id": ann}))["purchase"]["id"]
    back = (await world.give_back(first, {1: "1"}))["purchaseReturn"]["id"]
    alone = (await world.sell(id="s-3"))["purchase"]["id"]
    lots = {lot["source"]["nodeId"]: lot["_id"] for lot in await world.all("points_lots")}
    return {
        "ann": ann,
        "account": account_of(ann),
        "first": first,
        "second": second,
        "back": back,
        "alone": alone,
        "lot": lots[second],
    }


async def mixed(world: World) -> str:
    """Make a history in which everything that is posted occurs; return the customer's id."""
    ann = await world.customer()
    await world.customer(email="idle@example.com")
    old = (await world.sell(**whole(700), id="old", customer={"id": ann}, occurredAt="2024-12-01T10:00:00Z"))[
        "purchase"
    ]
    bought = (await world.sell(**TWO_LINES, id="two", customer={"id": ann}))["purchase"]
    await world.give_back(bought["id"], {1: "1", 2: "0.25"}, id="r-1")
    world.clock.advance(days=20)
    await world.give_back(old["id"], {1: "1"}, id="r-2")  # after its points expired
    await world.sell(**whole(2100), id="late", customer={"id": ann}, occurredAt="2025-12-24T18:00:00Z")
    left = (await world.sell(**TWO_LINES, id="left"))["purchase"]
    await world.give_back(left["id"], {2: "0.5"}, id="r-3")
    await claim(world, left["id"], ann)
    await world.give_back(left["id"], {1: "2"}, id="r-4")
    gone = (await world.sell(**whole(90), id="gone", customer={"id": ann}, channel="WEB"))["purchase"]
    await cancel(world, gone["id"], "c-1")
    await cancel(world, (await world.sell(**whole(8), id="nobody's"))["purchase"]["id"], "c-2")
    call = world.call()
    rows = [sale(**whole(n), id=f"b-{n}", customer={"id": ann}) for n in range(1, 6)]
    await record_purchases(call, [parse(RecordPurchaseInput, row, call.rules) for row in rows])
    world.clock.advance(days=800)
    await world.sell(**whole(3), id="new", customer={"id": ann}, occurredAt=world.clock().isoformat())
    return ann
