"""Whatever is changed by hand about offers, the check names the object and the value."""

from typing import Any

import pytest

from tests.services.histories import found
from tests.services.loyalty_helpers import bought, paid
from tests.services.offer_helpers import issued, offer_id
from tests.services.program_helpers import clean
from tests.support import World


async def redeemed(world: World) -> dict[str, str]:
    """Sell with a limited offer for a named customer by a code of her own, and return what has an id."""
    ann = await world.customer()
    conditions = {"customers": [{"id": ann}], "requiresCode": True}
    offer = await offer_id(world, code="PUBLIC", conditions=conditions, limits={"total": 5, "budget": "9"})
    (code, spare) = [*await issued(world, offer, ann), *await issued(world, offer, ann)]
    sale = await bought(world, paid(world, 10, off="1", customer=ann, codes=[code]))
    plain = await bought(world, paid(world, 10, id="plain"))
    await clean(world)
    ids = {one["code"]: one["_id"] for one in await world.all("offer_codes")}
    (row,) = await world.all("offer_redemptions")
    return {
        "ann": ann,
        "offer": offer,
        "sale": sale["id"],
        "plain": plain["id"],
        "code": ids[code],
        "spare": ids[spare],
        "text": code,
        "row": row["_id"],
    }


CHANGES: list[tuple[str, str, dict[str, Any], set[tuple[str, str]]]] = [
    ("offer_counters", "offer", {"$inc": {"redeemed": 1}}, {("offer", "counter.redeemed")}),
    ("offer_counters", "offer", {"$set": {"spent": 0}}, {("offer", "counter.spent")}),
    ("offers", "offer", {"$set": {"limits.total": None, "limits.budget": None}}, {("offer", "counter.redeemed")}),
    ("offers", "offer", {"$set": {"conditions.customerCount": 7}}, {("offer", "customerCount")}),
    ("keys", "code:PUBLIC", {"$set": {"ref": "off_x"}}, {("offer", "keys.code.ref")}),
    ("keys", "code:{text}", {"$set": {"owner": "x"}}, {("code", "keys.code.owner")}),
    ("offer_codes", "spare", {"$set": {"status": "USED"}}, {("spare", "status")}),
    ("offer_codes", "code", {"$set": {"status": "ISSUED", "purchaseId": None}}, {("sale", "redemptions.{row}.codes")}),
    ("offer_codes", "code", {"$set": {"purchaseId": "{plain}"}}, {("code", "purchaseId")}),
    (
        "offer_redemptions",
        "row",
        {"$set": {"returned": True}},
        {("sale", "redemptions.{row}.returned"), ("offer", "counter.redeemed")},
    ),
    ("offer_redemptions", "row", {"$set": {"discount": 5}}, {("sale", "redemptions.{row}.discount")}),
    (
        "offer_redemptions",
        "row",
        {"$set": {"owner": "cus_x"}},
        {("row", "purchaseId"), ("sale", "redemptions.{row}.discount")},
    ),
    (
        "purchases",
        "sale",
        {"$set": {"redemptions.0.returned": True}},
        {("sale", "redemptions.{row}.returned"), ("sale", "redemptions.{row}.returned.byRule")},
    ),
    ("purchases", "sale", {"$set": {"redemptions": []}}, {("row", "purchaseId"), ("code", "purchaseId")}),
    ("purchases", "sale", {"$set": {"redemptions.0.discount": 500}}, {("sale", "redemptions")}),
]


@pytest.mark.parametrize(("collection", "which", "change", "told"), CHANGES)
async def test_what_was_changed_by_hand_about_offers_is_found(
    world: World, collection: str, which: str, change: dict[str, Any], told: set[tuple[str, str]]
) -> None:
    ids = await redeemed(world)
    changed = {
        how: {name: value.format(**ids) if isinstance(value, str) else value for name, value in fields.items()}
        for how, fields in change.items()
    }
    id_ = ids.get(which, which.format(**ids))
    result = await world.database[collection].update_one({"_id": id_}, changed, bypass_document_validation=True)
    assert result.modified_count == 1

    assert {(ids[subject], what.format(**ids)) for subject, what in told} <= await found(world)


async def test_a_counter_an_audience_or_a_key_that_is_gone_is_found(world: World) -> None:
    ids = await redeemed(world)
    for collection in ("offer_counters", "offer_audience"):
        await world.database[collection].delete_many({})
    await world.database["keys"].delete_many({"_id": {"$regex": "^code:"}})

    assert {
        (ids["offer"], "counter.redeemed"),
        (ids["offer"], "customerCount"),
        (ids["offer"], "keys.code.ref"),
        (ids["code"], "keys.code.ref"),
        (ids["spare"], "keys.code.ref"),
    } <= await found(world)


async def test_a_redemption_that_is_gone_is_found(world: World) -> None:
    ids = await redeemed(world)
    await world.database["offer_redemptions"].delete_many({})

    assert (ids["sale"], f"redemptions.{ids['row']}.purchaseId") in await found(world)
