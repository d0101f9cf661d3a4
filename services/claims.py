"""Hands anonymous purchases to the customer who holds the receipt."""

import hmac
from datetime import timedelta

from crm.refusals import conflict, invalid
from crm.values import PurchaseStatus, Role, Topic
from loyalty.tiers import step_at
from services import offers_back
from services.context import Call
from services.earnings import earn_sale
from services.inputs import CustomerKey, PurchaseKey
from services.lookup import customer, named_purchase, purchase_key, unknown_purchase
from services.outcomes import Outcome, finish, try_again
from services.purchases import TRIES, post, receipt_token, recorded
from services.standing import locked
from services.stored_sale import key_documents
from store import customers, keys, purchases
from store.client import Document, Tx
from store.outbox import Fact

CLAIM_AGE_MAX = timedelta(days=90)


async def claim_purchase(call: Call, key: PurchaseKey, customer_key_: CustomerKey | None, token: str | None) -> Outcome:
    """Give an anonymous purchase to the customer who holds its receipt; it earns as of now.

    By the programme in force at the sale and the tier held now, on what has not been returned.

    Raises:
        Refusal: NOT_FOUND for an unknown purchase or, for a customer, a receipt that is not its; CONFLICT where it is
            another's; INVALID where it is older than 90 days.
    """
    buyer = await customer(call, customer_key_, "customer")
    for _ in range(TRIES):
        found = await keys.find(call.database, [purchase_key(key)])
        known = named_purchase(key, found, "purchase")
        _check_receipt(call, known["ref"], token)
        (purchase,) = await purchases.owned_by(call.database, [(known["owner"], known["ref"])])
        if purchase is None:
            continue  # claimed between the two reads
        if purchase["customerId"] == buyer:
            return {**recorded(call, purchase), "replayed": True}
        if purchase["customerId"] is not None:
            raise conflict("This purchase is another customer's.", "purchase")
        if call.now - purchase["occurredAt"] > CLAIM_AGE_MAX:
            raise invalid("Only purchases of the last 90 days can be claimed.", "purchase")
        outcome = await call.database.transaction(lambda tx: _claim(call, known["ref"], buyer, tx), queue=buyer)  # noqa: B023 -- runs within the iteration
        if outcome is not None:
            return outcome
    raise try_again("purchase")


def _check_receipt(call: Call, purchase_id: str, token: str | None) -> None:
    """Hold that a customer sends the receipt, and that whoever sends one sends the right one."""
    if token is None and call.caller.role is not Role.CUSTOMER:
        return
    if not hmac.compare_digest((token or "").encode(), receipt_token(call, purchase_id).encode()):
        raise unknown_purchase("purchase")


async def _claim(call: Call, id_: str, buyer: str, tx: Tx) -> Outcome | None:
    standing = await locked(call, buyer, "customer", tx=tx)
    purchase = await purchases.get(call.database, id_, id_, tx=tx)
    if purchase is None:
        return None
    before = dict(purchase)
    purchase |= {"owner": buyer, "customerId": buyer}
    facts = await earn_sale(call, standing, purchase, step_at(standing.steps, call.now).tier, tx=tx)
    changes = {name: value for name, value in purchase.items() if before.get(name) != value}
    await purchases.update(call.database, id_, id_, changes, tx=tx)
    await keys.change_owner(call.database, _names(purchase), buyer, tx=tx)
    await offers_back.hand_over(call, purchase, buyer, tx=tx)
    facts += await post(call, standing, purchase, purchase["total"] - purchase["returnedTotal"], tx=tx)
    if purchase["status"] == PurchaseStatus.CANCELLED.value:
        await customers.set_metrics(call.database, buyer, await purchases.metrics(call.database, buyer, tx=tx), tx=tx)
    fact: Fact = (
        Topic.PURCHASE,
        id_,
        {"change": "CLAIMED", "customerId": buyer, "pointsEarned": purchase["pointsEarned"]},
    )
    return await finish(call, recorded(call, purchase), [fact, *facts], owner=buyer, tx=tx)


def _names(purchase: Document) -> list[str]:
    """Return the keys that name a purchase or one of its returns."""
    returned = [(back["externalId"]["source"], back["externalId"]["value"]) for back in purchase["returns"]]
    return [key["_id"] for key in key_documents(purchase)] + [keys.purchase_return(pair) for pair in returned]
