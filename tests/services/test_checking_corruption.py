"""Whatever is changed or deleted by hand, the check names the object and the value."""

from typing import Any

import pytest

from services.input_types import parse_instant
from store import purchases
from tests.services.histories import checked, found, mixed, simple
from tests.support import World

CORRUPTIONS: list[tuple[str, str, dict[str, Any], dict[str, Any], set[tuple[str, str]]]] = [
    (
        "available",
        "loyalty_accounts",
        {"_id": "account"},
        {"$inc": {"available": 5}},
        {("account", "balance"), ("account", "available")},
    ),
    (
        "debt",
        "loyalty_accounts",
        {"_id": "account"},
        {"$inc": {"debt": 5}},
        {("account", "balance"), ("account", "debt")},
    ),
    (
        "earned in all",
        "loyalty_accounts",
        {"_id": "account"},
        {"$inc": {"lifetimeEarned": -1}},
        {("account", "lifetimeEarned")},
    ),
    (
        "the next expiry",
        "loyalty_accounts",
        {"_id": "account"},
        {"$inc": {"nextExpiry.points": 1}},
        {("account", "nextExpiry")},
    ),
    ("when it is due", "loyalty_accounts", {"_id": "account"}, {"$set": {"dueAt": None}}, {("account", "dueAt")}),
    (
        "how many entries",
        "loyalty_accounts",
        {"_id": "account"},
        {"$inc": {"sequence": 1}},
        {("account", "sequence")},
    ),
    (
        "the newest entry",
        "loyalty_accounts",
        {"_id": "account"},
        {"$set": {"lastAt": parse_instant("2020-01-01T00:00:00Z")}},
        {("account", "lastAt")},
    ),
    (
        "the account's tier",
        "loyalty_accounts",
        {"_id": "account"},
        {"$pop": {"tierSteps": 1}},
        {("account", "tierSteps")},
    ),
    ("the customer's tier", "customers", {"_id": "ann"}, {"$pop": {"tierSteps": 1}}, {("ann", "tierSteps")}),
    (
        "what counts towards the tier",
        "loyalty_accounts",
        {"_id": "account"},
        {"$inc": {"qualifying.points": 1}},
        {("account", "qualifying")},
    ),
    (
        "nothing said of what counts",
        "loyalty_accounts",
        {"_id": "account"},
        {"$unset": {"qualifying": ""}},
        {("account", "qualifying")},
    ),
    (
        "whose account",
        "loyalty_accounts",
        {"_id": "account"},
        {"$set": {"customerId": "cus_nobody"}},
        {("account", "customerId")},
    ),
    (
        "the points of an entry",
        "points_transactions",
        {"sequence": 2},
        {"$inc": {"points": 1}},
        {
            ("account", "entries.2.balanceAfter"),
            ("account", "entries.2.lots"),
            ("account", "balance"),
            ("account", "lifetimeEarned"),
            ("second", "pointsEarned"),
        },
    ),
    (
        "a balance after",
        "points_transactions",
        {"sequence": 2},
        {"$inc": {"balanceAfter": 1}},
        {("account", "entries.2.balanceAfter")},
    ),
    (
        "a gap in the sequence",
        "points_transactions",
        {"sequence": 3},
        {"$set": {"sequence": 4}},
        {("account", "entries.3.sequence")},
    ),
    (
        "an instant that runs backwards",
        "points_transactions",
        {"sequence": 2},
        {"$set": {"at": parse_instant("2020-01-01T00:00:00Z")}},
        {("account", "entries.2.at")},
    ),
    (
        "points an entry put into no lot",
        "points_transactions",
        {"sequence": 2},
        {"$set": {"lots": []}},
        {("account", "entries.2.lots"), ("account", "lots.{lot}.remaining")},
    ),
    (
        "an entry's sale",
        "points_transactions",
        {"sequence": 2},
        {"$set": {"source.nodeId": "pur_other"}},
        {("account", "purchases.pur_other"), ("second", "pointsEarned")},
    ),
    (
        "what is left of a lot",
        "points_lots",
        {"_id": "lot"},
        {"$inc": {"remaining": -1}},
        {("account", "lots.{lot}.remaining"), ("account", "available")},
    ),
    (
        "more left of a lot than was earned",
        "points_lots",
        {"_id": "lot"},
        {"$set": {"remaining": 5000}},
        {("account", "lots.{lot}.remaining"), ("account", "available")},
    ),
    ("what a lot earned", "points_lots", {"_id": "lot"}, {"$inc": {"earned": 7}}, {("account", "lots.{lot}.earned")}),
    (
        "what of a lot expired",
        "points_lots",
        {"_id": "lot"},
        {"$inc": {"expired": 3}},
        {("account", "lots.{lot}.expired"), ("second", "pointsTakenBack.inLedger")},
    ),
    ("a purchase's total", "purchases", {"_id": "second"}, {"$inc": {"total": 100}}, {("second", "total")}),
    ("a line's total", "purchases", {"_id": "alone"}, {"$inc": {"lines.0.total": 100}}, {("alone", "total")}),
    ("a discount", "purchases", {"_id": "first"}, {"$inc": {"discountTotal": 1}}, {("first", "total")}),
    ("the tax", "purchases", {"_id": "second"}, {"$inc": {"taxTotal": 1}}, {("second", "total")}),
    (
        "what came back in money",
        "purchases",
        {"_id": "first"},
        {"$inc": {"returnedTotal": -1}},
        {("first", "returnedTotal")},
    ),
    (
        "more money back than was paid",
        "purchases",
        {"_id": "first"},
        {"$inc": {"returnedTotal": 10**6, "returns.0.total": 10**6, "returns.0.lines.0.total": 10**6}},
        {("first", "returnedTotal")},
    ),
    (
        "a return's total",
        "purchases",
        {"_id": "first"},
        {"$inc": {"returns.0.total": 1, "returnedTotal": 1}},
        {("first", "returns.{back}.total")},
    ),
    (
        "what came back of a line",
        "purchases",
        {"_id": "first"},
        {"$inc": {"lines.0.returnedQuantity": 100_000}},
        {("first", "lines.1.returnedQuantity"), ("first", "pointsTakenBack.byRule")},
    ),
    (
        "something back without a return",
        "purchases",
        {"_id": "second"},
        {"$set": {"lines.0.returnedQuantity": 100_000}},
        {("second", "lines.1.returnedQuantity")},
    ),
    ("a status", "purchases", {"_id": "first"}, {"$set": {"status": "RETURNED"}}, {("first", "status")}),
    (
        "a cancelled sale that is kept",
        "purchases",
        {"_id": "alone"},
        {"$set": {"status": "CANCELLED"}},
        {("alone", "status")},
    ),
    (
        "what a sale earned",
        "purchases",
        {"_id": "second"},
        {"$inc": {"pointsEarned": 1}},
        {("second", "pointsEarned"), ("second", "qualifying")},
    ),
    (
        "what a return took back",
        "purchases",
        {"_id": "first"},
        {"$inc": {"returns.0.pointsTakenBack": 1}},
        {("first", "pointsTakenBack")},
    ),
    (
        "what returns took back by sale and returns alike",
        "purchases",
        {"_id": "first"},
        {"$inc": {"returns.0.pointsTakenBack": 1, "pointsTakenBack": 1, "qualifying": -1}},
        {("first", "pointsTakenBack.byRule"), ("first", "pointsTakenBack.inLedger")},
    ),
    (
        "what a sale counts towards a tier",
        "purchases",
        {"_id": "first"},
        {"$inc": {"qualifying": 1}},
        {("first", "qualifying")},
    ),
    ("a sale's lots", "purchases", {"_id": "second"}, {"$set": {"lotIds": []}}, {("second", "lotIds")}),
    ("a lot that is not there", "purchases", {"_id": "second"}, {"$push": {"lotIds": "lot_x"}}, {("second", "lotIds")}),
    (
        "whose sale",
        "purchases",
        {"_id": "second"},
        {"$set": {"customerId": "cus_nobody"}},
        {("second", "customerId")},
    ),
    (
        "a sale of nobody",
        "purchases",
        {"_id": "alone"},
        {"$set": {"owner": "cus_nobody"}},
        {("alone", "owner")},
    ),
    (
        "a ledger of nobody",
        "points_transactions",
        {"sequence": 3},
        {"$set": {"owner": "cus_nobody"}},
        {("{entry}", "owner")},
    ),
    (
        "a lot of nobody",
        "points_lots",
        {"_id": "lot"},
        {"$set": {"owner": "cus_nobody"}},
        {("lot", "owner"), ("account", "lots.{lot}.owner")},
    ),
    (
        "how many purchases",
        "customers",
        {"_id": "ann"},
        {"$inc": {"metrics.purchaseCount": 1}},
        {("ann", "metrics.purchaseCount")},
    ),
    (
        "what was spent",
        "customers",
        {"_id": "ann"},
        {"$inc": {"metrics.totalSpent": -1}},
        {("ann", "metrics.totalSpent")},
    ),
    (
        "the first purchase",
        "customers",
        {"_id": "ann"},
        {"$unset": {"metrics.firstPurchaseAt": ""}},
        {("ann", "metrics.firstPurchaseAt")},
    ),
    ("channels", "customers", {"_id": "ann"}, {"$push": {"metrics.channels": "WEB"}}, {("ann", "metrics.channels")}),
    (
        "a document without its fields",
        "customers",
        {"_id": "ann"},
        {"$unset": {"metrics.channels": ""}},
        {("ann", "unreadable")},
    ),
    (
        "an address no key leads to",
        "customers",
        {"_id": "ann"},
        {"$set": {"email": "b@example.com"}},
        {("ann", "keys.email.ref")},
    ),
    (
        "a card key of somebody else",
        "keys",
        {"_id": "card:C-1"},
        {"$set": {"ref": "cus_x"}},
        {("ann", "keys.card.ref"), ("cus_x", "keys.card.ref")},
    ),
    (
        "the owner of a phone key",
        "keys",
        {"_id": "phone:+436601234567"},
        {"$set": {"owner": "x"}},
        {("ann", "keys.phone.owner")},
    ),
    (
        "a sale's key",
        "keys",
        {"_id": "pur:till-7:s-2"},
        {"$set": {"ref": "pur_x"}},
        {("second", "keys.pur.ref"), ("pur_x", "keys.pur.ref")},
    ),
    (
        "whose a sale's key says it is",
        "keys",
        {"_id": "id:{second}"},
        {"$set": {"owner": "cus_x"}},
        {("second", "keys.id.owner")},
    ),
    ("a return's key", "keys", {"_id": "ret:till-7:r-1"}, {"$set": {"purchase": "pur_x"}}, {("back", "keys.ret.ref")}),
]


@pytest.mark.parametrize(
    ("collection", "which", "change", "told"), [case[1:] for case in CORRUPTIONS], ids=[case[0] for case in CORRUPTIONS]
)
async def test_what_was_changed_by_hand_is_found(
    world: World, collection: str, which: dict[str, Any], change: dict[str, Any], told: set[tuple[str, str]]
) -> None:
    ids = await simple(world)
    ids["entry"] = (await world.all("points_transactions", {"sequence": 3}))[0]["_id"]
    named = {
        field: ids.get(value, str(value).format(**ids)) if isinstance(value, str) else value
        for field, value in which.items()
    }
    result = await world.database[collection].update_one(named, change, bypass_document_validation=True)
    assert result.modified_count == 1

    assert {(ids.get(subject, subject.format(**ids)), what.format(**ids)) for subject, what in told} <= await found(
        world
    )


async def test_metrics_are_counted_as_the_store_counts_them(world: World) -> None:
    ann = await mixed(world)
    await world.database["customers"].update_one({"_id": ann}, {"$set": {"metrics": {"channels": []}}})

    report = await checked(world)

    counted = await purchases.metrics(world.database, ann)
    assert {difference.what: difference.computed for difference in report.differences} == {
        f"metrics.{name}": value for name, value in counted.items()
    }


@pytest.mark.parametrize(
    ("collection", "which", "told"),
    [
        (
            "loyalty_accounts",
            "account",
            {("ann", "account"), ("first", "owner"), ("second", "owner"), ("lot", "owner")},
        ),
        ("customers", "ann", {("account", "customerId"), ("ann", "keys.email.ref"), ("ann", "keys.ext.ref")}),
        ("points_lots", "lot", {("account", "lots.{lot}"), ("account", "available"), ("second", "lotIds")}),
        ("purchases", "second", {("account", "purchases.{second}"), ("ann", "metrics.purchaseCount")}),
        ("purchases", "alone", {("alone", "keys.pur.ref"), ("alone", "keys.id.ref")}),
        ("keys", "id:{second}", {("second", "keys.id.ref"), ("second", "keys.id.owner")}),
        ("keys", "pur:till-7:s-3", {("alone", "keys.pur.ref")}),
        ("keys", "ret:till-7:r-1", {("first", "keys.ret.ref")}),
        ("keys", "email:ann@example.com", {("ann", "keys.email.ref")}),
    ],
)
async def test_what_was_deleted_by_hand_is_missed(
    world: World, collection: str, which: str, told: set[tuple[str, str]]
) -> None:
    ids = await simple(world)
    deleted = await world.database[collection].delete_one({"_id": ids.get(which, which.format(**ids))})
    assert deleted.deleted_count == 1

    assert {(ids[subject], what.format(**ids)) for subject, what in told} <= await found(world)
