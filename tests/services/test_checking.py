"""`crm check`: silent where everything adds up, and whatever does not is named."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from crm.ids import account_of
from loyalty.values import Program, ReturnPolicy
from services import checking
from services.checking import Difference, Report, check
from services.checks import entry_differences, moves_of
from services.claims import claim_purchase
from services.input_types import parse_instant
from services.inputs import CustomerKey, ExternalIdInput, PurchaseKey, RecordPurchaseInput
from services.known import Known
from services.purchases import record_purchases
from services.returns import cancel_purchase
from services.validation import parse
from store import checking as store_checking
from store import programs, purchases
from tests.support import NOW, World, sale, whole

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


async def test_a_mixed_history_adds_up(world: World) -> None:
    await mixed(world)

    report = await checked(world)

    assert report.differences == []
    assert report.difference_count == 0
    assert (report.customers, report.accounts) == (2, 2)
    assert (report.purchases, report.lines) == (12, 14)
    assert report.sales == sum(purchase["total"] for purchase in await world.all("purchases"))
    assert report.transactions == len(await world.all("points_transactions"))
    assert report.lots == len(await world.all("points_lots"))


async def test_points_that_are_due_and_not_settled_yet_are_no_difference(world: World) -> None:
    await simple(world)
    world.clock.advance(days=800)

    assert (await checked(world)).differences == []


async def test_a_programme_that_forgives_and_keeps_tiers_on_return_adds_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (program,) = await world.shop.known.programs()
    policy = replace(program.tier_policy, keep_on_return=True)

    async def versions(_: object) -> tuple[Program, ...]:
        return (replace(program, returns=ReturnPolicy.FORGIVE, tier_policy=policy),)

    monkeypatch.setattr(programs, "versions", versions)
    world.shop.known = Known(world.database, world.clock)
    await mixed(world)

    assert (await checked(world)).differences == []
    assert {sale["qualifying"] for sale in await world.all("purchases", {"status": "RETURNED"})} == {700}


async def test_an_empty_shop_adds_up(world: World) -> None:
    assert await checked(world) == Report()


async def test_the_windows_do_not_change_the_answer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await mixed(world)
    await world.customer(email="zoe@example.com")
    whole_at_once = await checked(world)
    monkeypatch.setattr(checking, "PEOPLE_MAX", 1)
    monkeypatch.setattr(checking, "DOCUMENTS_MAX", 1)

    assert await checked(world) == whole_at_once


async def test_a_check_writes_nothing(world: World) -> None:
    await simple(world)
    names = await world.everything()
    before = {name: await world.all(name) for name in names}
    world.commands.names.clear()

    await checked(world)

    assert {name.split()[0] for name in world.commands.names} <= {"find", "getMore", "count", "commitTransaction"}
    assert {name: await world.all(name) for name in names} == before


async def test_a_sale_in_the_middle_of_reading_an_owner_is_not_seen_by_halves(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = (await simple(world))["ann"]
    read_accounts = store_checking._accounts

    async def sell_first(*args: Any, **tx: Any) -> Any:
        await world.sell(id="meanwhile", customer={"id": ann})
        return await read_accounts(*args, **tx)

    monkeypatch.setattr(store_checking, "_accounts", sell_first)

    report = await checked(world)

    assert report.differences == []
    assert report.purchases == 3
    assert len(await world.all("purchases")) == 4


async def test_a_check_finds_no_difference_while_tills_sell(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "PEOPLE_MAX", 2)
    monkeypatch.setattr(checking, "DOCUMENTS_MAX", 5)
    people = [await world.customer(email=f"p{n}@example.com") for n in range(3)]
    selling = True

    async def till(person: str) -> None:
        for number in range(6):
            sold = await world.sell(**whole(number + 90), id=f"{person}-{number}", customer={"id": person})
            if number % 3 == 0:
                await world.give_back(sold["purchase"]["id"], {1: "1"}, id=f"r-{person}-{number}")
            left = await world.sell(id=f"left-{person}-{number}")
            await claim(world, left["purchase"]["id"], person)

    async def tills() -> None:
        nonlocal selling
        await asyncio.gather(*(till(person) for person in people))
        selling = False

    async def checks() -> list[Report]:
        reports = []
        while selling:
            reports.append(await checked(world))
        return reports

    reports, _ = await asyncio.gather(checks(), tills())

    assert len(reports) > 2
    assert [difference for report in reports for difference in report.differences] == []
    assert (await checked(world)).purchases == 3 * 12


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


async def test_a_key_that_names_nobody_is_found_without_telling_the_address(world: World) -> None:
    await world.database["keys"].insert_one({"_id": "email:zoe@example.com", "ref": "cus_x", "owner": "cus_x"})

    assert (await checked(world)).differences == [Difference("cus_x", "keys.email.ref", "cus_x", None)]


async def test_a_difference_says_what_is_stored_and_what_follows_from_the_ledger(world: World) -> None:
    ids = await simple(world)
    await world.database["loyalty_accounts"].update_one({}, {"$inc": {"lifetimeEarned": -1}})

    (difference,) = (await checked(world)).differences

    earned = sum(entry["points"] for entry in await world.all("points_transactions", {"type": "EARN"}))
    assert difference == Difference(ids["account"], "lifetimeEarned", earned - 1, earned)


async def test_all_differences_are_counted_and_only_the_first_are_kept(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "KEPT_MAX", 3)
    await world.database["keys"].insert_many([{"_id": f"card:{n}", "ref": "cus_x", "owner": "cus_x"} for n in range(7)])

    report = await checked(world)

    assert (report.difference_count, len(report.differences)) == (7, 3)


async def test_progress_ends_where_everything_was_walked_over(world: World) -> None:
    await simple(world)
    told: list[tuple[int, int]] = []

    await check(world.call(), lambda done, total: told.append((done, total)))

    walked = [len(await world.all(name)) for name in ("purchases", "points_lots", "loyalty_accounts", "keys")]
    assert told[0] == (0, sum(walked))
    assert told[-1] == (sum(walked), sum(walked))
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_debt_is_what_the_ledger_took_and_no_lot_gave() -> None:
    steps = [
        ("EARN", 100, {"a": 100}),
        ("SPEND", -100, {"a": -100}),
        ("RETURN_EARNED", -100, {}),
        ("EARN", 60, {"b": 0}),
    ]
    entries = ledger_of(*steps, ("EARN", 50, {"c": 10}))

    assert list(entry_differences("loy", entries)) == []
    assert [moves_of(entries[:count]).debt for count in range(1, 6)] == [0, 0, 100, 40, 0]


def test_points_that_came_in_while_nothing_was_owed_must_be_in_a_lot() -> None:
    entries = ledger_of(("EARN", 100, {"a": 90}), ("EXPIRE", -90, {"a": -95}))

    assert list(entry_differences("loy", entries)) == [Difference("loy", "entries.1.lots", 90, 100)]


def ledger_of(*steps: tuple[str, int, dict[str, int]]) -> list[dict[str, Any]]:
    balance, entries = 0, []
    for sequence, (type_, points, lots) in enumerate(steps, 1):
        balance += points
        entry = {"sequence": sequence, "type": type_, "points": points, "balanceAfter": balance, "at": NOW}
        moved = [{"id": id_, "points": part} for id_, part in lots.items()]
        entries.append({**entry, "lots": moved, "source": {"kind": "PURCHASE", "nodeId": "pur"}})
    return entries
