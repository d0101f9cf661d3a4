"""Counters follow sales, retries, returns, cancellations and claims, and always equal a recount."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from crm.taste.counters import CATEGORY_HALF_LIFE, PRODUCT_HALF_LIFE, day, weight
from services.checking import check
from store import tastes
from tests.services.helpers import cancel, claim
from tests.services.histories import mixed
from tests.services.taste_helpers import CAKE, MUG, TEA, assert_recounted, basket, counts
from tests.support import World

AT = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
KITCHEN = {"MUG": "Kitchen", "TEA": "Pantry", "CAKE": "Pantry"}


async def bought(world: World, customer: str, *skus: str, id: str = "s-1", **fields: Any) -> str:
    payload = await world.sell(**basket(*skus, categories=KITCHEN, id=id, customer={"id": customer}, **fields))
    assert payload["userErrors"] == []
    return str(payload["purchase"]["id"])


async def test_a_sale_counts_each_product_and_category_once(world: World) -> None:
    ann = await world.customer()

    await bought(world, ann, "MUG", "TEA", "CAKE", "MUG", storeCode="vienna-1")

    (document,) = await world.all("tastes")
    of_product, of_category = weight(AT, PRODUCT_HALF_LIFE), weight(AT, CATEGORY_HALF_LIFE)
    assert document == {
        "_id": f"{ann}:2026",
        "owner": ann,
        "year": 2026,
        "counted": 5,
        "products": {id_: {"s": of_product, "n": 1, "last": day(AT)} for id_ in (MUG, TEA, CAKE)},
        "categories": {name: {"s": of_category, "n": 1, "last": day(AT)} for name in ("Kitchen", "Pantry")},
        "storeCode": "vienna-1",
        "channel": "POS",
    }


async def test_a_sale_costs_one_command_more_however_many_lines_it_has(world: World) -> None:
    ann = await world.customer()
    await bought(world, ann, "MUG", "TEA", id="warm")
    world.commands.names.clear()

    await bought(world, ann, "MUG", "TEA", "CAKE")

    assert [name for name in world.commands.names if "tastes" in name] == ["update tastes"]


async def test_a_sale_sent_twice_counts_once(world: World) -> None:
    ann = await world.customer()

    await bought(world, ann, "MUG")
    await bought(world, ann, "MUG")
    await asyncio.gather(*(bought(world, ann, "TEA", id="s-2") for _ in range(5)))

    assert await counts(world, ann) == {MUG: 1, TEA: 1, "Kitchen": 1, "Pantry": 1}
    await assert_recounted(world)


async def test_a_return_is_taken_back_once_nothing_of_a_product_is_left(world: World) -> None:
    ann = await world.customer()
    purchase = await bought(world, ann, "MUG", "MUG", "TEA", "CAKE", quantity="2")

    await world.give_back(purchase, {1: "2", 2: "1", 3: "2"}, id="r-1")
    assert await counts(world, ann) == {MUG: 1, CAKE: 1, "Kitchen": 1, "Pantry": 1}
    await world.give_back(purchase, {2: "1"}, id="r-2")
    assert await counts(world, ann) == {CAKE: 1, "Pantry": 1}
    await assert_recounted(world)
    await world.give_back(purchase, {4: "2"}, id="r-3")
    await world.give_back(purchase, {4: "2"}, id="r-3")

    assert await counts(world, ann) == {}
    await assert_recounted(world)
    assert (await check(world.call())).differences == []


async def test_a_cancelled_sale_is_taken_back_whole(world: World) -> None:
    ann = await world.customer()
    await bought(world, ann, "MUG", id="kept")
    purchase = await bought(world, ann, "MUG", "TEA")

    await cancel(world, purchase)

    assert await counts(world, ann) == {MUG: 1, "Kitchen": 1}
    await assert_recounted(world)


async def test_a_category_that_has_changed_since_is_taken_back_where_it_was_counted(world: World) -> None:
    ann = await world.customer()
    purchase = await bought(world, ann, "MUG")
    save = 'mutation { saveProducts(inputs: [{sku: "MUG", category: "Gifts"}]) { userErrors { code } } }'
    assert (await world.data(save))["saveProducts"]["userErrors"] == []

    await world.give_back(purchase, {1: "1"})

    assert await counts(world, ann) == {}
    await assert_recounted(world)


async def test_an_anonymous_sale_counts_once_claimed_as_of_when_it_happened_and_less_what_came_back(
    world: World,
) -> None:
    ann = await world.customer()
    at = datetime(2026, 10, 1, 12, 0, tzinfo=UTC)
    sold = basket("MUG", "TEA", categories=KITCHEN, id="s-1", occurredAt=at.isoformat())
    purchase = (await world.sell(**sold))["purchase"]["id"]
    await world.give_back(purchase, {2: "1"})
    assert await world.all("tastes") == []

    await claim(world, purchase, customer=ann)
    await claim(world, purchase, customer=ann)

    assert await counts(world, ann) == {MUG: 1, "Kitchen": 1}
    (document,) = await world.all("tastes")
    assert document["products"][MUG]["s"] == pytest.approx(weight(at, PRODUCT_HALF_LIFE))
    await assert_recounted(world)


async def test_a_refused_sale_counts_nothing(world: World) -> None:
    ann = await world.customer()

    payload = await world.sell(**basket("MUG", customer={"id": ann}, points=1))

    assert payload["purchase"] is None
    assert await world.all("tastes") == []


async def test_a_category_with_dots_and_dollars_counts_like_any_other(world: World) -> None:
    ann = await world.customer()
    odd = {"MUG": "$Dr. No.%2E"}

    purchase = (await world.sell(**basket("MUG", categories=odd, customer={"id": ann})))["purchase"]["id"]
    assert (await check(world.call())).differences == []
    await world.give_back(purchase, {1: "1"})

    assert await counts(world, ann) == {}
    assert (await check(world.call())).differences == []


async def test_everything_that_happens_to_a_person_leaves_counters_that_equal_a_recount(world: World) -> None:
    await mixed(world)

    await assert_recounted(world)
    assert len(await world.all("tastes")) > 1
    assert (await check(world.call())).differences == []


async def test_twenty_sales_and_returns_at_once_leave_counters_that_equal_a_recount(world: World) -> None:
    ann = await world.customer()
    first = [await bought(world, ann, "MUG", "TEA", id=f"f-{number}") for number in range(5)]

    sales = (bought(world, ann, "MUG", "CAKE", id=f"s-{number}") for number in range(10))
    returns = (world.give_back(purchase, {1: "1"}, id=f"r-{purchase}") for purchase in first)
    await asyncio.gather(*sales, *returns)

    assert await counts(world, ann) == {MUG: 10, TEA: 5, CAKE: 10, "Kitchen": 10, "Pantry": 15}
    await assert_recounted(world)


async def test_a_year_beyond_its_bound_stands_still_and_sells_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tastes, "COUNTED_MAX", 4)
    ann = await world.customer()
    purchases = [await bought(world, ann, "MUG", id=f"s-{number}") for number in range(4)]

    assert await counts(world, ann) == {MUG: 2, "Kitchen": 2}
    await world.give_back(purchases[0], {1: "1"})
    assert await counts(world, ann) == {MUG: 2, "Kitchen": 2}


@pytest.mark.parametrize(("field", "name"), [(f"products.{MUG}.n", MUG), ("categories.Kitchen.n", "Kitchen")])
async def test_the_check_names_a_counter_that_differs(world: World, field: str, name: str) -> None:
    ann = await world.customer()
    await bought(world, ann, "MUG")
    await world.database["tastes"].update_one({"owner": ann}, {"$inc": {field: 1}})

    (difference,) = (await check(world.call())).differences

    assert (difference.subject, difference.stored, difference.computed) == (ann, 2, 1)
    assert difference.what.endswith(f"{name}.n")


async def test_the_check_names_counters_that_are_missing_or_nobody_s(world: World) -> None:
    ann = await world.customer()
    await bought(world, ann, "MUG")
    (document,) = await world.all("tastes")
    await world.database["tastes"].delete_one({"owner": ann})
    await world.database["tastes"].insert_one({**document, "_id": "cus_zz:2026", "owner": "cus_zz"})

    found = {(one.subject, one.stored, one.computed) for one in (await check(world.call())).differences}

    assert found == {(ann, 0, 1), ("cus_zz", 1, 0)}
