"""Offers that come back with what they discounted, or change hands with their purchase."""

from crm.values import Topic
from services import rewards
from services.context import Call
from store import offer_codes, offer_redemptions
from store.client import Document, Tx
from store.outbox import Fact


def redemption_fact(purchase: Document, redemption: Document, change: str) -> Fact:
    """Return the fact of an offer that was redeemed or came back."""
    values = {name: redemption[name] for name in ("discount", "version")}
    about = {"redemptionId": redemption["id"], "purchaseId": purchase["_id"], "customerId": purchase["customerId"]}
    return (Topic.OFFER, redemption["offerId"], {"change": change, **about, **values})


async def give_back(call: Call, purchase: Document, *, cancelled: bool, tx: Tx) -> list[Fact]:
    """Give back the offers of which nothing that they discounted is kept, and note it in the purchase.

    Their counters, and the codes that unlocked them, are free again; a code that they handed out is withdrawn unless it
    was used.
    """
    lines = purchase["lines"]
    gone = {line["lineNumber"] for line in lines if line.get("returnedQuantity", 0) == line["quantity"]}
    redemptions = purchase.get("redemptions", ())
    back = [one for one in redemptions if not one["returned"] and (cancelled or gone.issuperset(one["lines"]))]
    if not back:
        return []
    ids = {one["id"] for one in back}
    await offer_redemptions.set_returned(call.database, purchase["owner"], sorted(ids), tx=tx)
    for one in sorted(back, key=lambda one: one["offerId"]):
        await offer_redemptions.give_back(call.database, one["offerId"], one["discount"], tx=tx)
        for code in one["codes"]:
            free = {"status": offer_codes.ISSUED, "purchaseId": None}
            await offer_codes.set_status(call.database, code["owner"], code["id"], offer_codes.USED, free, tx=tx)
        if "reward" in one:
            await rewards.withdraw(call, one["reward"], tx=tx)
    purchase["redemptions"] = [{**one, "returned": True} if one["id"] in ids else one for one in redemptions]
    return [redemption_fact(purchase, one, "RETURNED") for one in back]


async def hand_over(call: Call, purchase: Document, owner: str, *, tx: Tx) -> None:
    """Let what an anonymous sale redeemed be somebody's, who has claimed it: it counts for that person now."""
    if ids := [one["id"] for one in purchase.get("redemptions", ())]:
        await offer_redemptions.change_owner(call.database, purchase["_id"], owner, ids, tx=tx)
