"""Recording sales: once, whatever is sent how often; with a customer, points in the same transaction."""

import asyncio
from random import Random
from typing import Any

import pytest

from store.client import Database
from tests.services.helpers import ago, codes, ledger_of, line, metrics, nothing_written, row
from tests.support import POS, STAFF, World, customer_caller, sale, whole


async def test_a_sale_sent_fifty_times_at_once_is_recorded_once_with_its_points_once(world: World) -> None:
    ann = await world.customer()

    payloads = await asyncio.gather(*(world.sell(customer={"id": ann}) for _ in range(50)))

    assert {payload["purchase"]["id"] for payload in payloads} == {payloads[0]["purchase"]["id"]}
    assert [payload["replayed"] for payload in payloads].count(False) == 1
    assert all(payload["userErrors"] == [] for payload in payloads)
    assert (await world.points(ann))["available"] == 10
    assert len(await world.all("purchases")) == 1
    assert len(await world.all("points_transactions")) == 1
    assert len(await world.all("points_lots")) == 1
    assert [event["topic"] for event in await world.all("outbox", {"topic": "PURCHASE"})] == ["PURCHASE"]


async def test_fifty_different_sales_of_one_customer_at_once_all_count(world: World) -> None:
    ann = await world.customer()

    await asyncio.gather(*(world.sell(**whole(7), id=f"s-{n}", customer={"id": ann}) for n in range(50)))

    assert (await world.points(ann))["available"] == 350
    entries = await world.all("points_transactions")
    assert sorted(entry["sequence"] for entry in entries) == list(range(1, 51))
    assert sorted(entry["balanceAfter"] for entry in entries) == [7 * n for n in range(1, 51)]


async def test_the_same_external_id_with_other_content_is_a_conflict_that_shows_the_first(world: World) -> None:
    first = await world.sell()

    second = await world.sell(**whole(12))

    assert second["userErrors"][0]["code"] == "CONFLICT"
    assert second["userErrors"][0]["field"] == ["input", "externalId"]
    assert second["purchase"]["id"] == first["purchase"]["id"]
    assert second["receiptToken"] is None
    assert len(await world.all("purchases")) == 1


async def test_tills_that_name_the_same_new_products_at_once_all_get_their_sales_recorded(world: World) -> None:
    random = Random(7)
    skus = [f"NEW-{n}" for n in range(30)]
    sales = []
    for n in range(24):
        lines = [
            {"lineNumber": place, "sku": sku, "title": sku, "quantity": "1", "unitPrice": "1.00"}
            for place, sku in enumerate(random.sample(skus, 6), 1)
        ]
        sales.append(world.sell(id=f"s-{n}", lines=lines, total="6.00", storeCode=f"store-{n % 3}"))

    payloads = await asyncio.gather(*sales)

    assert [codes(payload) for payload in payloads] == [[]] * 24
    assert len(await world.all("purchases")) == 24
    sold = {line["sku"] for purchase in await world.all("purchases") for line in purchase["lines"]}
    assert sorted(product["sku"] for product in await world.all("products")) == sorted(sold)
    assert len(await world.all("stores")) == 3


async def test_two_servers_that_know_nothing_of_each_other_keep_one_account_right(
    world: World, mongodb_uri: str, driver: str
) -> None:
    ann = await world.customer()
    there = World(Database(mongodb_uri, "tests", driver=driver), world.engine, world.clock, world.commands)

    payloads = await asyncio.gather(
        *(where.sell(**whole(7), id=f"{place}-{n}", customer={"id": ann})
          for place, where in enumerate((world, there)) for n in range(10)),
        *(where.sell(**whole(9), id="both", customer={"id": ann}) for where in (world, there)),
    )  # fmt: skip
    await there.database.close()

    assert [codes(payload) for payload in payloads] == [[]] * 22
    assert sorted(payload["replayed"] for payload in payloads[20:]) == [False, True]
    assert (await world.points(ann))["available"] == 149
    assert (await metrics(world, ann))["purchaseCount"] == 21
    assert [balance - points for _, points, balance in await ledger_of(world, ann)] == [
        0, *[balance for _, _, balance in await ledger_of(world, ann)][:-1]
    ]  # fmt: skip


# ---------------------------------------------------------------- what a sale comes to and earns


async def test_10_90_at_silver_earns_13(world: World) -> None:
    ann = await world.customer()
    await world.sell(**whole(500), id="s-0", customer={"id": ann}, occurredAt=ago(world, days=1))

    payload = await world.sell(customer={"id": ann})

    assert payload["purchase"]["pointsEarned"] == 13
    assert await ledger_of(world, ann) == [("EARN", 500, 500), ("EARN", 13, 513)]


@pytest.mark.parametrize(
    ("fields", "points", "lines"),
    [
        ({"taxTotal": "1.95", "taxIncluded": True}, 8, ["10.90"]),  # 10.90 - 1.95 = 8.95
        ({"taxTotal": "1.10", "total": "12.00"}, 10, ["10.90"]),  # 12.00 - 1.10 = 10.90
        ({"discountTotal": "0.90", "total": "10.00"}, 10, ["10.90"]),
        ({"discountTotal": "0.91", "total": "9.99"}, 9, ["10.90"]),
        ({"discountTotal": "10.90", "total": "0"}, 0, ["10.90"]),
        ({"discountTotal": "0.90", "taxTotal": "2.00", "total": "12.00"}, 10, ["10.90"]),
        ({"lines": [line(1, "2", "5.45", discount="0.90")], "total": "10.00"}, 10, ["10.00"]),
        ({"lines": [line(1, "2", "5.45", total="10.00")], "total": "10.00"}, 10, ["10.00"]),
        ({"lines": [line(1, "2", "5.45", discount="3", total="11.00")], "total": "11.00"}, 11, ["11.00"]),
        ({"lines": [line(1, "1.23456", "9.99")], "total": "12.33"}, 12, ["12.33"]),  # 12.3332544
        ({"lines": [line(1, "0.50000", "21.99"), line(2, "1", "0")], "total": "11.00"}, 11, ["11.00", "0.00"]),
        ({"lines": [line(2, "1", "1.50"), line(1, "1", "1.50")], "total": "3.00"}, 3, ["1.50", "1.50"]),
    ],
)
async def test_the_base_that_earns_is_total_less_tax_and_lines_are_rounded_half_up_unless_the_till_says(
    world: World, fields: dict[str, Any], points: int, lines: list[str]
) -> None:
    ann = await world.customer()

    payload = await world.sell(customer={"id": ann}, **fields)

    assert payload["userErrors"] == []
    assert [sold["total"]["amount"] for sold in payload["purchase"]["lines"]] == lines
    assert payload["purchase"]["pointsEarned"] == points
    assert (await world.points(ann))["available"] == points
    assert await ledger_of(world, ann) == ([("EARN", points, points)] if points else [])


async def test_a_weight_keeps_its_five_decimals(world: World) -> None:
    payload = await world.sell(lines=[line(1, "0.12345", "100.000001")], total="12.35")  # 12.34500012345

    (sold,) = payload["purchase"]["lines"]
    assert (sold["quantity"], sold["unitPrice"], sold["total"]["amount"]) == ("0.12345", "100.000001", "12.35")


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"total": "10.91"}, "TOTAL_MISMATCH", ["input", "total"]),
        ({"taxTotal": "1.00"}, "TOTAL_MISMATCH", ["input", "total"]),
        ({"discountTotal": "11.00", "taxTotal": "0.10", "total": "0"}, "TOTAL_MISMATCH", ["input", "total"]),
        ({"taxTotal": "11.00", "taxIncluded": True}, "INVALID", ["input", "taxTotal"]),
        ({"currencyCode": "EUR"}, "CURRENCY_MISMATCH", ["input", "currencyCode"]),
        ({"channel": None}, "INVALID", ["input", "channel"]),
        ({"lines": []}, "INVALID", ["input", "lines"]),
        ({"total": "10.901"}, "INVALID", ["input", "total"]),
        ({"total": "-10.90"}, "INVALID", ["input", "total"]),
        ({"lines": [line(1, "0", "1")]}, "INVALID", ["input", "lines", "0", "quantity"]),
        ({"lines": [line(1, "1.000001", "1")]}, "INVALID", ["input", "lines", "0", "quantity"]),
        ({"lines": [line(1, "1", "1.0000001")]}, "INVALID", ["input", "lines", "0", "unitPrice"]),
        ({"lines": [line(1, "1", "1", discount="1.01")]}, "INVALID", ["input", "lines", "0", "discount"]),
        ({"lines": [line(1, "999999999999", "999999999999")]}, "INVALID", ["input", "lines", "0", "quantity"]),
        ({"lines": [line(1, "1", "1"), line(1, "1", "1")]}, "INVALID", ["input", "lines", "1", "lineNumber"]),
        ({"occurredAt": "2026-11-21T10:00:00"}, "INVALID", ["input", "occurredAt"]),
        ({"occurredAt": "2026-11-21T12:05:00.001Z"}, "INVALID", ["input", "occurredAt"]),
        ({"customer": {"email": "nobody@example.com"}}, "NOT_FOUND", ["input", "customer"]),
        ({"customer": {"id": "cus_00000000000000000000000000"}}, "NOT_FOUND", ["input", "customer"]),
        ({"customer": {"id": "pur_00000000000000000000000000"}}, "INVALID", ["input", "customer", "id"]),
    ],
)
async def test_a_sale_that_does_not_hold_is_refused_with_its_field_and_nothing_is_written(
    world: World, fields: dict[str, Any], code: str, field: list[str]
) -> None:
    await world.customer()
    async with nothing_written(world):
        payload = await world.sell(**fields)
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [(code, field)]
    assert payload["purchase"] is None
    assert payload["receiptToken"] is None


async def test_a_sale_up_to_five_minutes_ahead_of_our_clock_is_taken(world: World) -> None:
    ann = await world.customer()
    payload = await world.sell(occurredAt="2026-11-21T12:05:00Z", customer={"id": ann})
    assert payload["purchase"]["occurredAt"] == "2026-11-21T12:05:00.000Z"
    assert (await world.points(ann))["available"] == 10


async def test_a_balance_beyond_2147483647_is_refused_and_the_last_point_below_it_is_not(world: World) -> None:
    ann = await world.customer()
    full = await world.sell(**whole(2_147_483_600), id="s-1", customer={"id": ann}, occurredAt=ago(world, days=400))
    assert full["userErrors"] == []

    async with nothing_written(world):
        payload = await world.sell(**whole(48), id="s-2", customer={"id": ann})
    assert codes(payload) == ["INVALID"]

    assert codes(await world.sell(**whole(47), id="s-3", customer={"id": ann})) == []  # Gold is over by now
    assert (await world.points(ann))["available"] == 2_147_483_647


# ---------------------------------------------------------------- where it was sold


async def test_a_tills_key_says_store_and_channel_where_they_are_left_out(world: World) -> None:
    payload = await world.sell(caller=POS, channel=None)
    assert payload["purchase"]["store"] == {"code": "vienna-1"}
    assert payload["purchase"]["channel"] == "POS"
    again = await world.sell(caller=POS, storeCode="vienna-1")
    assert (again["replayed"], again["purchase"]["id"]) == (True, payload["purchase"]["id"])


@pytest.mark.parametrize(("fields", "field"), [({"storeCode": "graz-1"}, "storeCode"), ({"channel": "WEB"}, "channel")])
async def test_another_store_or_channel_than_the_keys_is_forbidden(
    world: World, fields: dict[str, Any], field: str
) -> None:
    async with nothing_written(world):
        payload = await world.sell(caller=POS, **fields)
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [("FORBIDDEN", ["input", field])]


async def test_a_customer_records_no_sales(world: World) -> None:
    ann = await world.customer()
    async with nothing_written(world):
        body = await world.answer(
            "mutation($input: RecordPurchaseInput!) { recordPurchase(input: $input) { replayed } }",
            {"input": sale()},
            caller=customer_caller(ann),
        )
    assert body["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert STAFF.role != POS.role


# ---------------------------------------------------------------- metrics


async def test_metrics_follow_every_sale_however_late_it_comes(world: World) -> None:
    ann = await world.customer()
    assert await metrics(world, ann) == {
        "purchaseCount": 0,
        "totalSpent": {"amount": "0.00"},
        "averageOrderValue": None,
        "firstPurchaseAt": None,
        "lastPurchaseAt": None,
    }
    for id_, amount, minutes in (("b", 20, 60), ("c", 40, 0), ("a", 3, 120)):
        await world.data(
            "mutation($input: RecordPurchaseInput!) { recordPurchase(input: $input) { replayed } }",
            {"input": row(world, id_, amount, minutes=minutes, customer={"id": ann})},
        )
    assert await metrics(world, ann) == {
        "purchaseCount": 3,
        "totalSpent": {"amount": "63.00"},
        "averageOrderValue": {"amount": "21.00"},
        "firstPurchaseAt": "2026-11-21T10:00:00.000Z",
        "lastPurchaseAt": "2026-11-21T12:00:00.000Z",
    }
