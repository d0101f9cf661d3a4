"""Goods that come back: how much money, which points, and what is refused."""

from typing import Any

import pytest

from crm.ids import account_of
from tests.services.helpers import (
    RETURNS,
    account,
    ago,
    back,
    cancel,
    codes,
    ledger_of,
    line,
    metrics,
    nothing_written,
    take,
)
from tests.support import POS, World, sale, whole

GONE = "pur_00000000000000000000000000"
UNKNOWN = {"externalId": {"source": "x", "value": "y"}}
FIRST = {"externalId": {"source": "till-7", "value": "s-1"}}
TWO_EQUAL = {"lines": [line(2, "1", "1"), line(1, "1", "1")], "discountTotal": "0.01", "total": "1.99"}
TAX_ALONE = {"lines": [line(1, "1", "4", total="0"), line(2, "1", "6", total="0")], "taxTotal": "1", "total": "1"}


async def sold(world: World, **fields: Any) -> tuple[str, str]:
    """Sell to Ann and return her id and the purchase's."""
    ann = await world.customer()
    payload = await world.sell(customer={"id": ann}, **fields)
    assert payload["userErrors"] == []
    return ann, payload["purchase"]["id"]


def told(payload: dict[str, Any]) -> tuple[str, str, int]:
    """Return (money back, the purchase's status, points taken back) of a return."""
    assert payload["userErrors"] == []
    made = payload["purchaseReturn"]
    return made["total"]["amount"], payload["purchase"]["status"], made["pointsTakenBack"]


async def test_two_halves_come_to_the_whole(world: World) -> None:
    ann, purchase = await sold(world)

    first = await world.give_back(purchase, {1: "1"}, id="r-1")
    second = await world.give_back(purchase, {1: "1"}, id="r-2")

    assert told(first) == ("5.45", "PARTIALLY_RETURNED", 5)
    assert first["purchaseReturn"]["lines"] == [{"lineNumber": 1, "quantity": "1", "total": {"amount": "5.45"}}]
    assert told(second) == ("5.45", "RETURNED", 5)
    assert second["purchase"]["returnedTotal"] == {"amount": "10.90"}
    assert second["purchase"]["lines"][0]["returnedQuantity"] == "2"
    assert second["purchase"]["pointsEarned"] == 10
    assert await ledger_of(world, ann) == [("EARN", 10, 10), ("RETURN_EARNED", -5, 5), ("RETURN_EARNED", -5, 0)]
    assert (await world.points(ann))["lifetimeEarned"] == 10


async def test_thirds_are_rounded_so_that_they_add_up(world: World) -> None:
    _, purchase = await sold(world, lines=[line(1, "3", "3.34", total="10.00")], total="10.00")
    # kept: 667, 333, 0 of 1000; their points: 6, 3, 0
    assert told(await world.give_back(purchase, {1: "1"}, id="r-1")) == ("3.33", "PARTIALLY_RETURNED", 4)
    assert told(await world.give_back(purchase, {1: "1"}, id="r-2")) == ("3.34", "PARTIALLY_RETURNED", 3)
    assert told(await world.give_back(purchase, {1: "1"}, id="r-3")) == ("3.33", "RETURNED", 3)


@pytest.mark.parametrize(
    ("fields", "lines", "money", "points"),
    [
        # tax on top: 12.00 were paid for a base of 10.00
        ({"lines": [line(1, "2", "5")], "taxTotal": "2.00", "total": "12.00"}, {1: "1"}, "6.00", 5),
        # tax inside: 12.00 were paid for a base of 10.00
        ({"lines": [line(1, "2", "6")], "taxTotal": "2", "taxIncluded": True, "total": "12"}, {1: "1"}, "6.00", 5),
        # 1.00 off the whole: 6.30 and 2.70 of 9.00
        ({"lines": [line(1, "1", "7"), line(2, "1", "3")], "discountTotal": "1", "total": "9"}, {2: "1"}, "2.70", 3),
        # 1.99 over two equal lines: the odd cent is line 1's though line 2 was sent first
        (TWO_EQUAL, {2: "1"}, "0.99", 0),
        (TWO_EQUAL, {1: "1"}, "1.00", 1),
        # a weight: 0.3 of 1.2 kg at 10.00
        ({"lines": [line(1, "1.2", "10")], "total": "12.00"}, {1: "0.3"}, "3.00", 3),
        # nothing was paid: nothing comes back
        ({"lines": [line(1, "2", "5", discount="10")], "total": "0"}, {1: "1"}, "0.00", 0),
        # only the tax was paid, for what would have cost 4.00 and 6.00
        (TAX_ALONE, {1: "1"}, "0.40", 0),
    ],
)  # fmt: skip
async def test_what_comes_back_is_the_lines_part_of_the_total_tax_included(
    world: World, fields: dict[str, Any], lines: dict[int, str], money: str, points: int
) -> None:
    _, purchase = await sold(world, **fields)
    payload = await world.give_back(purchase, lines)
    assert (payload["userErrors"], payload["purchaseReturn"]["total"]["amount"]) == ([], money)
    assert payload["purchaseReturn"]["pointsTakenBack"] == points


async def test_points_go_back_by_the_sales_own_rates_whatever_the_tier_is_now(world: World) -> None:
    ann, first = await sold(world, **whole(500), id="s-1", occurredAt=ago(world, days=2))
    second = (await world.sell(**whole(100), id="s-2", customer={"id": ann}))["purchase"]["id"]
    await world.give_back(first, {1: "1"}, id="r-1")
    assert told(await world.give_back(second, {1: "1"}, id="r-2")) == ("100.00", "RETURNED", 125)
    assert (await world.points(ann))["available"] == 0


async def test_a_refund_total_is_the_returns_total_and_changes_no_points(world: World) -> None:
    ann, purchase = await sold(world)
    assert told(await world.give_back(purchase, {1: "1"}, id="r-1", refundTotal="8.00")) == (
        "8.00", "PARTIALLY_RETURNED", 5,
    )  # fmt: skip
    async with nothing_written(world):
        refused = await world.give_back(purchase, {1: "1"}, id="r-2", refundTotal="2.91")
    assert [(error["code"], error["field"]) for error in refused["userErrors"]] == [
        ("RETURN_EXCEEDS_PURCHASE", ["input", "refundTotal"])
    ]
    rest = await world.give_back(purchase, {1: "1"}, id="r-2")
    assert told(rest) == ("2.90", "RETURNED", 5)  # 5.45, but no more than is left
    assert rest["purchase"]["returnedTotal"] == {"amount": "10.90"}
    assert (await metrics(world, ann))["totalSpent"] == {"amount": "0.00"}


async def test_a_refund_of_nothing_takes_the_points_all_the_same(world: World) -> None:
    ann, purchase = await sold(world)
    assert told(await world.give_back(purchase, {1: "2"}, refundTotal="0")) == ("0.00", "RETURNED", 10)
    assert (await metrics(world, ann))["totalSpent"] == {"amount": "10.90"}


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"lines": {1: "3"}}, "RETURN_EXCEEDS_PURCHASE", ["input", "lines", "0", "quantity"]),
        ({"lines": {1: "2.00001"}}, "RETURN_EXCEEDS_PURCHASE", ["input", "lines", "0", "quantity"]),
        ({"lines": {2: "1"}}, "INVALID", ["input", "lines", "0", "lineNumber"]),
        ({"lines": {}}, "INVALID", ["input", "lines"]),
        ({"lines": {1: "0"}}, "INVALID", ["input", "lines", "0", "quantity"]),
        ({"lines": {1: "1"}, "refundTotal": "10.91"}, "RETURN_EXCEEDS_PURCHASE", ["input", "refundTotal"]),
        ({"lines": {1: "1"}, "purchase": {"id": GONE}}, "NOT_FOUND", ["input", "purchase"]),
        ({"lines": {1: "1"}, "purchase": {"id": "cus" + GONE[3:]}}, "INVALID", ["input", "purchase", "id"]),
        ({"lines": {1: "1"}, "purchase": UNKNOWN}, "NOT_FOUND", ["input", "purchase"]),
        ({"lines": {1: "1"}, "occurredAt": "2026-11-21T12:05:00.001Z"}, "INVALID", ["input", "occurredAt"]),
    ],
)  # fmt: skip
async def test_a_return_that_does_not_hold_is_refused_with_its_field_and_nothing_is_written(
    world: World, fields: dict[str, Any], code: str, field: list[str]
) -> None:
    _, purchase = await sold(world)
    async with nothing_written(world):
        payload = await take(world, back(world, purchase, fields.pop("lines"), **fields))
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [(code, field)]
    assert (payload["purchase"], payload["purchaseReturn"]) == (None, None)


async def test_a_line_named_twice_counts_twice(world: World) -> None:
    ann, purchase = await sold(world)
    twice = back(world, purchase, {}, lines=[{"lineNumber": 1, "quantity": quantity} for quantity in ("1", "1.5")])
    async with nothing_written(world):
        payload = await take(world, twice)
    assert payload["userErrors"][0]["field"] == ["input", "lines", "1", "quantity"]

    twice["lines"][1]["quantity"] = "1"
    assert told(await take(world, twice)) == ("10.90", "RETURNED", 10)
    assert await ledger_of(world, ann) == [("EARN", 10, 10), ("RETURN_EARNED", -10, 0)]


async def test_a_return_before_its_purchase_is_not_found_and_taken_once_the_purchase_is_there(world: World) -> None:
    early = back(world, "", {1: "1"}, purchase=FIRST)
    async with nothing_written(world):
        payload = await take(world, early)
    assert codes(payload) == ["NOT_FOUND"]

    await world.data("mutation($i: RecordPurchaseInput!) { recordPurchase(input: $i) { replayed } }", {"i": sale()})
    assert told(await take(world, early))[0] == "5.45"


async def test_a_return_sent_again_gives_the_first_whichever_key_names_the_purchase(world: World) -> None:
    _, purchase = await sold(world)
    first = await world.give_back(purchase, {1: "1"})
    async with nothing_written(world):
        again = await world.give_back(purchase, {1: "1.0"})
        other = await take(world, back(world, "", {1: "1"}, purchase=FIRST))
    assert again == other == {**first, "replayed": True}


async def test_another_return_under_the_same_external_id_is_a_conflict_that_shows_the_first(world: World) -> None:
    ann, purchase = await sold(world)
    other = (await world.sell(id="s-2", customer={"id": ann}))["purchase"]["id"]
    first = await world.give_back(purchase, {1: "1"})
    async with nothing_written(world):
        payloads = [
            await world.give_back(purchase, {1: "2"}),
            await world.give_back(other, {1: "1"}),
            await world.give_back(GONE, {1: "1"}),
            await cancel(world, purchase, id="r-1"),
        ]
    assert [codes(payload) for payload in payloads] == [["CONFLICT"]] * 4
    assert {payload["purchaseReturn"]["id"] for payload in payloads} == {first["purchaseReturn"]["id"]}
    assert {payload["purchase"]["id"] for payload in payloads} == {purchase}


async def test_a_till_takes_back_what_another_sold_but_not_in_anothers_name(world: World) -> None:
    _, purchase = await sold(world, storeCode="graz-1", channel="WEB")
    async with nothing_written(world):
        for fields in ({"storeCode": "graz-1"}, {"channel": "WEB"}):
            assert codes(await take(world, back(world, purchase, {1: "1"}, **fields), caller=POS)) == ["FORBIDDEN"]
    assert told(await take(world, back(world, purchase, {1: "1"}), caller=POS)) == ("5.45", "PARTIALLY_RETURNED", 5)


# ---------------------------------------------------------------- cancelling


async def test_a_cancelled_purchase_gives_back_what_is_left_and_leaves_the_metrics(world: World) -> None:
    ann, purchase = await sold(world)
    await world.sell(**whole(7), id="s-2", customer={"id": ann}, occurredAt=ago(world, hours=1))
    await world.give_back(purchase, {1: "0.5"}, id="r-1")  # 2.725 of 10.90: 2.73, 8.17 are kept and give 8 points

    payload = await cancel(world, purchase)

    assert told(payload) == ("8.17", "CANCELLED", 8)
    assert payload["purchase"]["returnedTotal"] == {"amount": "10.90"}
    assert (await world.points(ann))["available"] == 7
    assert await metrics(world, ann) == {
        "purchaseCount": 1,
        "totalSpent": {"amount": "7.00"},
        "averageOrderValue": {"amount": "7.00"},
        "firstPurchaseAt": "2026-11-21T11:00:00.000Z",
        "lastPurchaseAt": "2026-11-21T11:00:00.000Z",
    }


async def test_a_returned_purchase_stays_in_the_metrics_and_a_last_cancelled_one_leaves_none(world: World) -> None:
    ann, purchase = await sold(world)
    await world.give_back(purchase, {1: "2"})
    assert (await metrics(world, ann))["purchaseCount"] == 1
    second = (await world.sell(id="s-2", customer={"id": ann}))["purchase"]["id"]
    await cancel(world, second)
    assert (await metrics(world, ann))["purchaseCount"] == 1
    assert (await metrics(world, ann))["lastPurchaseAt"] == "2026-11-21T09:00:00.000Z"


async def test_cancelling_again_is_a_replay_by_its_id_and_refused_by_another(world: World) -> None:
    ann, purchase = await sold(world)
    first = await cancel(world, purchase)
    async with nothing_written(world):
        assert await cancel(world, purchase) == {**first, "replayed": True}
        assert codes(await cancel(world, purchase, id="c-2")) == ["RETURN_EXCEEDS_PURCHASE"]
        assert codes(await world.give_back(purchase, {1: "1"})) == ["RETURN_EXCEEDS_PURCHASE"]
        assert codes(await cancel(world, GONE, id="c-3")) == ["NOT_FOUND"]
    assert (await metrics(world, ann))["purchaseCount"] == 0
    assert (await metrics(world, ann))["firstPurchaseAt"] is None


# ---------------------------------------------------------------- points that are not there any more


async def test_points_that_expired_count_as_taken_back(world: World) -> None:
    ann, purchase = await sold(world, occurredAt="2024-11-21T13:00:00Z")
    other = await world.sell(**whole(50), id="s-2", customer={"id": ann})
    world.clock.advance(hours=2)
    assert told(await world.give_back(purchase, {1: "1"}, id="r-1"))[2] == 5
    assert told(await world.give_back(purchase, {1: "1"}, id="r-2"))[2] == 5
    assert (await world.points(ann))["available"] == other["purchase"]["pointsEarned"] == 50
    assert await ledger_of(world, ann) == [("EARN", 10, 10), ("EARN", 50, 60), ("EXPIRE", -10, 50)]


async def test_points_that_are_spent_become_debt_which_the_next_sale_pays_first(world: World) -> None:
    ann, purchase = await sold(world)
    await spend(world, ann, 7)
    assert told(await world.give_back(purchase, {1: "2"}))[2] == 10
    balance = await world.points(ann)
    assert (balance["available"], balance["debt"], balance["nextExpiry"]) == (0, 7, None)
    await world.sell(**whole(20), id="s-2", customer={"id": ann})
    balance = await world.points(ann)
    assert (balance["available"], balance["debt"], balance["lifetimeEarned"]) == (13, 0, 30)
    assert balance["nextExpiry"]["points"] == 13
    assert [entry[1:] for entry in await ledger_of(world, ann)] == [(10, 10), (-7, 3), (-10, -7), (20, 13)]


async def spend(world: World, customer: str, points: int) -> None:
    """Spend points of the only lot as redeeming will do it."""
    known = await account(world, customer)
    (lot,) = await world.all("points_lots", {"owner": customer})
    (entry,) = await world.all("points_transactions", {"owner": customer})
    left, database = known["available"] - points, world.database
    await database["points_lots"].update_one({"_id": lot["_id"]}, {"$set": {"remaining": left}})
    changes = {"available": left, "sequence": 2, "nextExpiry.points": left}
    await database["loyalty_accounts"].update_one({"_id": account_of(customer)}, {"$set": changes})
    spent = {"_id": "ptx_spend", "sequence": 2, "type": "SPEND", "points": -points, "balanceAfter": left}
    await database["points_transactions"].insert_one({**entry, **spent})


async def test_a_batch_of_returns_runs_oldest_first_and_one_bad_row_stops_no_other(world: World) -> None:
    _, purchase = await sold(world)
    rows = [
        back(world, purchase, {1: "1"}, id="late", occurredAt=ago(world, minutes=1)),
        back(world, purchase, {1: "0"}, id="none"),
        back(world, purchase, {1: "1.5"}, id="early", occurredAt=ago(world, minutes=2)),
    ]
    first = (await world.data(RETURNS, {"inputs": rows}))["recordReturns"]
    assert [codes(payload) for payload in first["results"]] == [["RETURN_EXCEEDS_PURCHASE"], ["INVALID"], []]
    assert first["results"][0]["userErrors"][0]["field"] == ["lines", "0", "quantity"]
    assert first["results"][1]["userErrors"][0]["field"] == ["lines", "0", "quantity"]
    assert first["userErrors"] == []
