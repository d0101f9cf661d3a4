"""A till's offline day: rows in order of their time, each on its own, and the same end however often it is sent."""

import asyncio
from random import Random
from typing import Any

import pytest

from tests.services.helpers import account, ago, back, batch, codes, contents, ledger_of, line, metrics, row, tier
from tests.support import POS, World, sale

RETURNS = """mutation($inputs: [RecordReturnInput!]!) { recordReturns(inputs: $inputs) {
  results { purchaseReturn { id pointsTakenBack } replayed userErrors { code field } } userErrors { code field } } }"""


async def test_500_rows_are_recorded_and_501_are_refused_before_any(world: World) -> None:
    ann = await world.customer()
    rows = [row(world, f"s-{n}", 1, minutes=n, customer={"id": ann}) for n in range(501)]
    before = await world.everything()
    refused = await batch(world, *rows)
    assert [(error["code"], error["field"]) for error in refused["userErrors"]] == [("INVALID", ["inputs"])]
    assert refused["results"] == []
    assert await world.everything() == before

    told = await batch(world, *rows[:500])

    assert told["userErrors"] == []
    assert {tuple(codes(payload)) for payload in told["results"]} == {()}
    assert (await world.points(ann))["available"] == 500
    assert (await metrics(world, ann))["purchaseCount"] == 500
    assert (await tier(world, ann))["tier"]["name"] == "Silver"


async def test_no_rows_are_no_results(world: World) -> None:
    told = await batch(world)
    assert (told["results"], told["userErrors"], told["replayed"]) == ([], [], False)


async def test_rows_are_recorded_in_order_of_their_time_and_told_in_the_order_sent(world: World) -> None:
    ann = await world.customer()
    rows = [
        row(world, f"s-{minutes}", 100 + minutes, minutes=minutes, customer={"id": ann}) for minutes in (3, 1, 4, 2)
    ]
    told = await batch(world, *rows)
    assert [payload["purchase"]["total"]["amount"] for payload in told["results"]] == [
        "103.00", "101.00", "104.00", "102.00",
    ]  # fmt: skip
    assert [points for _, points, _ in await ledger_of(world, ann)] == [104, 103, 102, 101]


async def test_the_order_decides_the_tier_so_a_shuffled_day_earns_what_the_day_in_order_does(world: World) -> None:
    ann = await world.customer()
    day = [row(world, "a", 400, minutes=30), row(world, "b", 100, minutes=20), row(world, "c", 80, minutes=10)]
    rows = [{**sold, "customer": {"id": ann}} for sold in day]
    Random(3).shuffle(rows)
    await batch(world, *rows)
    assert [points for _, points, _ in await ledger_of(world, ann)] == [400, 100, 100]  # the third at Silver


async def test_of_rows_at_one_instant_the_external_id_decides(world: World) -> None:
    ann = await world.customer()
    await batch(
        world, *(row(world, id_, amount, customer={"id": ann}) for id_, amount in (("b", 2), ("c", 3), ("a", 1)))
    )
    assert [points for _, points, _ in await ledger_of(world, ann)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("bad", "code", "field"),
    [
        ({"lines": [line(1, "0", "2")]}, "INVALID", ["lines", "0", "quantity"]),
        ({"lines": [line(1, "1", "2"), line(2, "-1", "2")]}, "INVALID", ["lines", "1", "quantity"]),
        ({"occurredAt": "2026-11-21T10:00:00"}, "INVALID", ["occurredAt"]),
        ({"occurredAt": "2026-11-21T14:00:00Z"}, "INVALID", ["occurredAt"]),
        ({"customer": {"email": "nobody@example.com"}}, "NOT_FOUND", ["customer"]),
        ({"customer": {"id": "cus_00000000000000000000000000"}}, "NOT_FOUND", ["customer"]),
        ({"customer": {"id": "x"}}, "INVALID", ["customer", "id"]),
        ({"total": "2.01"}, "TOTAL_MISMATCH", ["total"]),
        ({"currencyCode": "EUR"}, "CURRENCY_MISMATCH", ["currencyCode"]),
        ({"channel": "WEB"}, "FORBIDDEN", ["channel"]),
        ({"externalId": {"source": "till-7", "value": "first"}}, "CONFLICT", ["externalId"]),
    ],
)
async def test_one_bad_row_stops_no_other_and_its_field_begins_in_the_row(
    world: World, bad: dict[str, Any], code: str, field: list[str]
) -> None:
    ann = await world.customer()
    rows = [
        row(world, "first", 1, minutes=3, customer={"id": ann}),
        row(world, "bad", 2, minutes=2, **({"customer": {"id": ann}} | bad)),
        row(world, "last", 4, minutes=1, customer={"id": ann}),
    ]
    told = await batch(world, *rows, caller=POS)
    assert [codes(payload) for payload in told["results"]] == [[], [code], []]
    assert told["results"][1]["userErrors"][0]["field"] == field
    assert told["userErrors"] == []
    assert await ledger_of(world, ann) == [("EARN", 1, 1), ("EARN", 4, 5)]
    assert len(await world.all("purchases")) == 2


async def test_a_row_that_comes_twice_in_a_batch_is_recorded_once(world: World) -> None:
    told = await batch(world, row(world, "a", 5), row(world, "a", 5))
    assert sorted(payload["replayed"] for payload in told["results"]) == [False, True]
    assert len({payload["purchase"]["id"] for payload in told["results"]}) == 1


async def test_a_batch_is_told_each_rows_receipt_token(world: World) -> None:
    first, second = (await batch(world, row(world, "a", 5), row(world, "b", 5), caller=POS))["results"]
    assert (await world.sell(caller=POS, **without_id(row(world, "a", 5)), id="a"))["receiptToken"] == first[
        "receiptToken"
    ]
    assert first["receiptToken"] != second["receiptToken"]


def without_id(input: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in input.items() if name != "externalId"}


async def test_the_whole_day_sent_three_times_ends_as_sent_once(world: World) -> None:
    random = Random(11)
    people = [await world.customer(email=f"c{n}@example.com") for n in range(5)]
    sales = [
        row(world, f"s-{n}", random.randrange(1, 300), minutes=400 - 3 * n)
        | ({"customer": {"id": random.choice(people)}} if random.random() < 0.9 else {})
        for n in range(40)
    ]
    recorded = (await batch(world, *sales))["results"]
    returns = [
        back(world, recorded[n]["purchase"]["id"], {1: "1"}, id=f"r-{n}", occurredAt=ago(world, minutes=n))
        for n in range(0, 40, 4)
    ]
    await world.data(RETURNS, {"inputs": returns})
    once = await contents(world)

    for _ in range(2):
        random.shuffle(sales)
        random.shuffle(returns)
        told = await batch(world, *sales)
        assert {payload["replayed"] for payload in told["results"]} == {True}
        given = (await world.data(RETURNS, {"inputs": returns}))["recordReturns"]
        assert [(payload["replayed"], payload["userErrors"]) for payload in given["results"]] == [(True, [])] * 10

    assert await contents(world) == once


async def test_one_day_sent_by_three_tills_at_once_is_recorded_once(world: World) -> None:
    ann = await world.customer()
    rows = [row(world, f"s-{n}", 10, minutes=n, customer={"id": ann}) for n in range(20)]
    told = await asyncio.gather(*(batch(world, *rows) for _ in range(3)))
    assert [codes(payload) for result in told for payload in result["results"]] == [[]] * 60
    assert len(await world.all("purchases")) == 20
    assert (await account(world, ann))["sequence"] == 20
    assert (await world.points(ann))["available"] == 200


async def test_returns_sent_with_their_sales_in_the_wrong_order_are_taken_when_sent_again(world: World) -> None:
    ann = await world.customer()
    named = {"purchase": {"externalId": {"source": "till-7", "value": "s-1"}}}
    early = [back(world, "", {1: "1"}, **named)]
    first = (await world.data(RETURNS, {"inputs": early}))["recordReturns"]["results"][0]
    assert first["userErrors"] == [{"code": "NOT_FOUND", "field": ["purchase"]}]
    await batch(world, sale(customer={"id": ann}))
    second = (await world.data(RETURNS, {"inputs": early}))["recordReturns"]["results"][0]
    assert (second["userErrors"], second["purchaseReturn"]["pointsTakenBack"]) == ([], 5)
