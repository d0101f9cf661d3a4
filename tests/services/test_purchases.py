"""Recording sales: once, whatever is sent how often; with a customer, points in the same transaction."""

import asyncio

from tests.support import World, sale, whole


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
    assert len(await world.all("purchases")) == 1
    assert sale()["total"] == "10.90"
