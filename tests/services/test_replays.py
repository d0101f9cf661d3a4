"""A sale sent again: the first one, whoever sends it and whenever; anonymous sales with their receipt token."""

import asyncio
from typing import Any

import pytest

from tests.services.helpers import ago, claim, codes, contents, ledger_of, line, nothing_written
from tests.support import POS, STAFF, World, whole

CARL = {"email": "carl@example.com", "cardNumber": "C-1", "externalIds": [{"source": "shop", "value": "7"}]}


async def test_a_replay_gives_the_first_purchase_and_writes_nothing(world: World) -> None:
    ann = await world.customer()
    first = await world.sell(customer={"id": ann})
    async with nothing_written(world):
        again = await world.sell(customer={"id": ann})
    assert first["replayed"] is False
    assert again == {**first, "replayed": True}


@pytest.mark.parametrize(
    "fields",
    [
        {"lines": [line(1, "2.00000", "5.450000", sku="MUG", title="Mug", discount="0.00")], "total": "10.9"},
        {"occurredAt": "2026-11-21T09:00:00Z"},  # the same instant
        {"discountTotal": "0", "taxIncluded": False},
    ],
)
async def test_content_is_compared_by_value(world: World, fields: dict[str, Any]) -> None:
    first = await world.sell()
    again = await world.sell(**fields)
    assert (again["replayed"], again["userErrors"]) == (True, [])
    assert again["purchase"]["id"] == first["purchase"]["id"]


@pytest.mark.parametrize(
    "fields",
    [
        whole(11),
        {"occurredAt": "2026-11-21T09:00:00.001Z"},
        {"terminalId": "till-8"},
        {"storeCode": "vienna-1"},
        {"channel": "WEB"},
        {"taxTotal": "0.90", "taxIncluded": True},
        {"lines": [line(1, "1", "5.45"), line(2, "1", "5.45")]},
    ],
)
async def test_other_content_is_a_conflict_that_writes_nothing(world: World, fields: dict[str, Any]) -> None:
    first = await world.sell()
    async with nothing_written(world):
        second = await world.sell(**fields)
    assert codes(second) == ["CONFLICT"]
    assert second["purchase"]["id"] == first["purchase"]["id"]
    assert (second["receiptToken"], second["replayed"]) == (None, False)


@pytest.mark.parametrize("later", ["id", "email", "cardNumber", "externalId"])
async def test_the_same_person_by_another_key_is_a_replay(world: World, later: str) -> None:
    carl = await world.customer(**CARL)
    by: dict[str, Any] = {
        "id": {"id": carl},
        "email": {"email": "CARL@example.com"},
        "cardNumber": {"cardNumber": "C-1"},
        "externalId": {"externalId": {"source": "shop", "value": "7"}},
    }
    first = await world.sell(customer=by["email"])
    again = await world.sell(customer=by[later])
    assert (again["replayed"], again["purchase"]["id"]) == (True, first["purchase"]["id"])
    assert await ledger_of(world, carl) == [("EARN", 10, 10)]


async def test_the_key_first_sent_is_a_replay_even_where_it_names_nobody_any_more(world: World) -> None:
    carl = await world.customer(**CARL)
    first = await world.sell(customer={"cardNumber": "C-1"})
    await world.data(
        "mutation($id: ID!) { updateCustomer(by: {id: $id}, input: {cardNumber: null}) { userErrors { code } } }",
        {"id": carl},
    )
    again = await world.sell(customer={"cardNumber": "C-1"})
    assert (again["replayed"], again["purchase"]["id"]) == (True, first["purchase"]["id"])


async def test_another_person_is_a_conflict_and_so_is_nobody(world: World) -> None:
    ann, bea = await world.customer(), await world.customer(email="bea@example.com")
    await world.sell(customer={"id": ann})
    async with nothing_written(world):
        assert codes(await world.sell(customer={"id": bea})) == ["CONFLICT"]
        assert codes(await world.sell(customer={"email": "nobody@example.com"})) == ["CONFLICT"]
        assert codes(await world.sell()) == ["CONFLICT"]
    assert (await world.points(bea))["lifetimeEarned"] == 0


async def test_an_anonymous_sale_that_is_sent_with_a_customer_later_is_a_conflict(world: World) -> None:
    ann = await world.customer()
    await world.sell()
    async with nothing_written(world):
        assert codes(await world.sell(customer={"id": ann})) == ["CONFLICT"]
    assert await ledger_of(world, ann) == []


async def test_the_same_value_of_another_source_is_another_sale(world: World) -> None:
    first = await world.sell(externalId={"source": "a", "value": "b:c"})
    second = await world.sell(externalId={"source": "a:b", "value": "c"})
    assert (second["replayed"], second["userErrors"]) == (False, [])
    assert first["purchase"]["id"] != second["purchase"]["id"]


async def test_an_anonymous_sale_gives_its_token_until_it_is_claimed_and_earns_nobody_anything(world: World) -> None:
    ann = await world.customer()
    first = await world.sell(caller=POS)
    again = await world.sell(caller=POS)
    assert first["purchase"]["customer"] is None
    assert first["purchase"]["pointsEarned"] == 0
    assert first["receiptToken"]
    assert (again["replayed"], again["receiptToken"]) == (True, first["receiptToken"])
    assert await world.all("points_transactions") == []
    assert await world.all("points_lots") == []

    assert codes(await claim(world, first["purchase"]["id"], customer=ann, caller=STAFF)) == []

    last = await world.sell(caller=POS)
    assert (last["replayed"], last["receiptToken"]) == (True, None)
    assert last["purchase"]["customer"] == {"id": ann}


async def test_the_token_stands_nowhere_in_the_database(world: World) -> None:
    token = (await world.sell())["receiptToken"]
    assert len(token) == 40
    assert token not in str(await contents(world))


async def test_tokens_of_two_sales_differ_and_a_sale_with_a_customer_has_none(world: World) -> None:
    ann = await world.customer()
    first, second = await world.sell(id="s-1"), await world.sell(id="s-2")
    assert first["receiptToken"] != second["receiptToken"]
    assert (await world.sell(id="s-3", customer={"id": ann}))["receiptToken"] is None


async def test_an_anonymous_sale_sent_at_once_from_many_places_is_recorded_once(world: World) -> None:
    payloads = await asyncio.gather(*(world.sell() for _ in range(20)))
    assert len({payload["purchase"]["id"] for payload in payloads}) == 1
    assert len({payload["receiptToken"] for payload in payloads}) == 1
    assert [payload["replayed"] for payload in payloads].count(False) == 1
    assert len(await world.all("outbox")) == 1


async def test_two_sales_at_once_under_one_external_id_leave_one_and_a_conflict(world: World) -> None:
    payloads = await asyncio.gather(*(world.sell(**whole(amount)) for amount in (5, 6)))
    assert sorted(codes(payload) for payload in payloads) == [[], ["CONFLICT"]]
    assert len({payload["purchase"]["id"] for payload in payloads}) == 1
    assert len(await world.all("purchases")) == 1


async def test_a_replay_while_the_sale_is_being_claimed_is_answered_either_way(world: World) -> None:
    ann = await world.customer()
    purchase = (await world.sell())["purchase"]["id"]
    claimed, *replays = await asyncio.gather(claim(world, purchase, customer=ann), *(world.sell() for _ in range(10)))
    assert codes(claimed) == []
    assert [(codes(payload), payload["replayed"]) for payload in replays] == [([], True)] * 10
    assert await ledger_of(world, ann) == [("EARN", 10, 10)]


async def test_a_refused_sale_can_be_sent_again_once_it_is_right(world: World) -> None:
    assert codes(await world.sell(total="11.00")) == ["TOTAL_MISMATCH"]
    payload = await world.sell(occurredAt=ago(world, minutes=1))
    assert (codes(payload), payload["replayed"]) == ([], False)


@pytest.mark.parametrize("fields", [{"total": "11.90"}, {"currencyCode": "EUR"}])
async def test_a_sale_edited_until_it_no_longer_adds_up_is_told_that_the_first_is_there(
    world: World, fields: dict[str, Any]
) -> None:
    first = await world.sell()

    edited = await world.sell(**fields)
    new = await world.sell(id="s-2", **fields)

    assert [error["code"] for error in edited["userErrors"]] == ["CONFLICT"]
    assert edited["purchase"]["id"] == first["purchase"]["id"]
    assert [error["code"] for error in new["userErrors"]] != ["CONFLICT"]
    assert new["purchase"] is None
    assert len(await world.all("purchases")) == 1
