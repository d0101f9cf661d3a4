"""Stores and products saved by hand: created or changed by code and SKU, what is left out stays."""

import asyncio
from typing import Any

import pytest

from tests.support import POS, STAFF, STOREFRONT, World, customer_caller

STORE = """mutation($input: StoreInput!) { saveStore(input: $input) {
  store { id code name timeZone } replayed userErrors { code field } } }"""
PRODUCTS = """mutation($inputs: [ProductInput!]!) { saveProducts(inputs: $inputs) {
  results { product { id sku title category imageUrl active } userErrors { code field } }
  replayed userErrors { code field } } }"""


async def save_store(world: World, **fields: Any) -> dict[str, Any]:
    return (await world.data(STORE, {"input": fields}))["saveStore"]


async def save(world: World, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    payload = (await world.data(PRODUCTS, {"inputs": list(rows)}))["saveProducts"]
    assert payload["userErrors"] == []
    return payload["results"]


async def test_a_store_begins_with_its_code_and_the_shops_time_zone(world: World) -> None:
    saved = await save_store(world, code=" vienna-1 ")

    assert saved["userErrors"] == []
    assert saved["store"]["code"] == "vienna-1"
    assert saved["store"]["name"] == "vienna-1"
    assert saved["store"]["timeZone"] == "Europe/Vienna"
    assert saved["store"]["id"].startswith("sto_")


async def test_a_store_keeps_its_id_and_what_is_left_out_and_null_goes_back_to_the_beginning(world: World) -> None:
    first = (await save_store(world, code="v", name="Vienna", timeZone="Europe/Berlin"))["store"]

    renamed = (await save_store(world, code="v", name="Wien"))["store"]
    cleared = (await save_store(world, code="v", name=None, timeZone=None))["store"]

    assert renamed == {**first, "name": "Wien"}
    assert cleared == {**first, "name": "v", "timeZone": "Europe/Vienna"}
    assert len(await world.all("stores")) == 1


@pytest.mark.parametrize("zone", ["Vienna", "Europe", "../../etc/passwd", "/etc/passwd", "Europe/Vienna\n", "UTC+1"])
async def test_a_time_zone_that_is_none_is_refused(world: World, zone: str) -> None:
    before = await world.everything()

    refused = await save_store(world, code="v", timeZone=zone)

    if zone.strip() == "Europe/Vienna":  # white space around a value is never meant
        assert refused["store"]["timeZone"] == "Europe/Vienna"
        return
    assert refused["store"] is None
    assert refused["userErrors"] == [{"code": "INVALID", "field": ["input", "timeZone"]}]
    assert await world.everything() == before


async def test_a_sale_and_a_desk_that_name_one_store_mean_one_store(world: World) -> None:
    await world.sell(storeCode="v")

    saved = (await save_store(world, code="v", name="Vienna"))["store"]
    await world.sell(id="s-2", storeCode="v")

    assert (await world.data("{ stores { nodes { id code name } } }"))["stores"]["nodes"] == [
        {"id": saved["id"], "code": "v", "name": "Vienna"}
    ]


async def test_products_are_created_and_changed_row_by_row(world: World) -> None:
    first, second = await save(
        world,
        {"sku": "MUG", "title": "Mug", "category": "Pots", "imageUrl": "https://x.example/m.png", "active": False},
        {"sku": "TEA"},
    )

    assert first["userErrors"] == []
    assert second["userErrors"] == []
    assert first["product"] == {
        "id": first["product"]["id"],
        "sku": "MUG",
        "title": "Mug",
        "category": "Pots",
        "imageUrl": "https://x.example/m.png",
        "active": False,
    }
    assert second["product"] | {"id": ""} == {
        "id": "",
        "sku": "TEA",
        "title": "TEA",
        "category": None,
        "imageUrl": None,
        "active": True,
    }
    (changed,) = await save(world, {"sku": "MUG", "title": None, "imageUrl": None, "active": True})
    assert changed["product"] == {**first["product"], "title": "MUG", "imageUrl": None, "active": True}


async def test_a_bad_row_keeps_its_place_and_does_not_stop_the_others(world: World) -> None:
    good, bad, also_good = await save(
        world, {"sku": "MUG"}, {"sku": " ", "imageUrl": "javascript:alert(1)"}, {"sku": "TEA"}
    )

    assert good["product"]["sku"] == "MUG"
    assert also_good["product"]["sku"] == "TEA"
    assert bad["product"] is None
    assert bad["userErrors"] == [{"code": "INVALID", "field": ["sku"]}, {"code": "INVALID", "field": ["imageUrl"]}]
    assert len(await world.all("products")) == 2


async def test_of_two_rows_for_one_sku_the_later_one_wins(world: World) -> None:
    one, two = await save(world, {"sku": "MUG", "title": "A", "category": "Pots"}, {"sku": "MUG", "title": "B"})

    assert one["product"] == two["product"]
    assert two["product"]["title"] == "B"
    assert two["product"]["category"] == "Pots"


async def test_a_product_is_found_by_its_new_title_and_no_longer_by_the_old_one(world: World) -> None:
    await save(world, {"sku": "M-1", "title": "Blue mug"})
    await save(world, {"sku": "M-1", "title": "Red cup"})

    async def found(search: str) -> list[str]:
        listed = await world.data("query($s: String) { products(search: $s) { nodes { sku } } }", {"s": search})
        return [product["sku"] for product in listed["products"]["nodes"]]

    assert await found("CUP") == ["M-1"]
    assert await found("red c") == ["M-1"]
    assert await found("m-") == ["M-1"]
    assert await found("mug") == []


async def test_five_hundred_rows_are_saved_and_one_more_is_refused_as_a_whole(world: World) -> None:
    rows = [{"sku": f"SKU-{number}"} for number in range(501)]

    assert len(await save(world, *rows[:500])) == 500
    before = await world.everything()
    payload = (await world.data(PRODUCTS, {"inputs": rows}))["saveProducts"]

    assert payload["results"] == []
    assert payload["userErrors"] == [{"code": "INVALID", "field": ["inputs"]}]
    assert await world.everything() == before


async def test_one_product_saved_and_sold_at_once_is_one_product(world: World) -> None:
    results = await asyncio.gather(
        *(save(world, {"sku": "MUG", "title": f"Mug {number}"}) for number in range(5)),
        *(world.sell(id=f"s-{number}") for number in range(5)),
        *(save_store(world, code="v", name=f"V {number}") for number in range(5)),
    )

    assert len(results) == 15
    assert len(await world.all("products")) == 1
    assert len(await world.all("stores")) == 1


@pytest.mark.parametrize("caller", [STOREFRONT, POS, STAFF, customer_caller("cus_01J00000000000000000000000")])
async def test_nobody_but_admin_saves(world: World, caller: Any) -> None:
    before = await world.everything()

    store = await world.answer(STORE, {"input": {"code": "v"}}, caller=caller)
    products = await world.answer(PRODUCTS, {"inputs": [{"sku": "MUG"}]}, caller=caller)

    assert store["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert products["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert await world.everything() == before
