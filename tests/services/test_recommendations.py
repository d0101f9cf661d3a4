"""What a person is recommended: from the own purchases, from everybody's, and never without consent."""

from typing import Any

import pytest

from services import shop_statistics
from tests.services.taste_helpers import allow, basket, rebuilt, recommended, skus
from tests.support import POS, STAFF, World, customer_caller

TEN = [f"P{number}" for number in range(10)]


async def sold(world: World, id: str, *skus_: str, customer: str | None = None, **fields: Any) -> None:
    named = {"customer": {"id": customer}} if customer else {}
    payload = await world.sell(**basket(*skus_, id=id, **named, **fields))
    assert payload["userErrors"] == []


async def shop(world: World) -> None:
    """Sell ten products to others: P0 to ten households, P1 to nine, and so on."""
    for number in range(10):
        await sold(world, f"others-{number}", *TEN[: 10 - number])


async def person(world: World, *, consent: bool = True, email: str = "ann@example.com") -> str:
    customer = await world.customer(email=email)
    if consent:
        await allow(world, customer)
    return customer


async def test_what_is_bought_most_and_last_comes_first_and_says_why(world: World) -> None:
    ann = await person(world)
    coffee = {"categories": {"COF": "COFFEE"}, "customer": ann}
    for number, at in enumerate(("2026-10-22", "2026-11-01", "2026-11-11", "2026-11-20")):
        await sold(world, f"c-{number}", "COF", occurredAt=f"{at}T10:00:00Z", **coffee)
    await sold(world, "t-1", "TEA", customer=ann, occurredAt="2026-11-20T11:00:00Z")
    await sold(world, "o-1", "OLD", customer=ann, occurredAt="2024-06-20T11:00:00Z")
    await rebuilt(world)

    listed = await recommended(world, ann, "BUY_AGAIN")

    assert skus(listed) == ["COF", "TEA", "OLD"]
    assert {(one["kind"], one["personalized"]) for one in listed} == {("BUY_AGAIN", True)}
    assert listed[0]["score"] > listed[1]["score"] > listed[2]["score"] > 0
    assert listed[0]["why"][1] == "You have bought it 4 times"
    assert listed[0]["why"][0].startswith("You buy Coffee about every ")
    assert listed[1]["why"] == ["You have bought it before"]


async def test_discoveries_are_popular_and_new_to_the_person(world: World) -> None:
    ann = await person(world)
    await shop(world)
    for number in range(3):
        await sold(world, f"a-{number}", "P0", "P2", customer=ann)
    await rebuilt(world)

    listed = await recommended(world, ann, "DISCOVER", first=3)

    assert skus(listed) == ["P1", "P3", "P4"]
    assert listed[0] == {
        "product": {"sku": "P1"},
        "kind": "DISCOVER",
        "score": pytest.approx(0.02 * 9 / 11),
        "why": ["Popular in the last four weeks"],
        "personalized": True,
    }


async def test_without_a_kind_what_is_bought_comes_before_what_is_popular(world: World) -> None:
    ann = await person(world)
    await shop(world)
    for number in range(3):
        await sold(world, f"a-{number}", "P7", "MINE", customer=ann)
    await rebuilt(world)

    listed = await recommended(world, ann, first=4)

    assert [(one["product"]["sku"], one["kind"]) for one in listed] == [
        ("P7", "BUY_AGAIN"),
        ("MINE", "BUY_AGAIN"),
        ("P0", "DISCOVER"),
        ("P1", "DISCOVER"),
    ]


async def test_what_goes_with_what_the_person_buys_names_it(world: World) -> None:
    ann = await person(world)
    for number in range(6):
        await sold(world, f"pair-{number}", "TEA", "HONEY", "MILK")
        await sold(world, f"one-{number}", "OTHER")
        await sold(world, f"two-{number}", "OTHER")
    for number in range(3):
        await sold(world, f"a-{number}", "TEA", "MILK", customer=ann)
    await rebuilt(world)

    (one,) = await recommended(world, ann, "BOUGHT_TOGETHER")

    assert (one["product"]["sku"], one["kind"], one["personalized"]) == ("HONEY", "BOUGHT_TOGETHER", True)
    assert one["why"] in (["Often bought with Tea"], ["Often bought with Milk"])


@pytest.mark.parametrize("kind", [None, "BUY_AGAIN", "DISCOVER", "BOUGHT_TOGETHER"])
async def test_without_consent_the_lists_know_nothing_of_the_person(world: World, kind: str | None) -> None:
    await shop(world)
    ann = await person(world, consent=False)
    ben = await person(world, consent=False, email="ben@example.com")
    for number in range(4):
        await sold(world, f"a-{number}", "MINE", "TEA", customer=ann)
    await rebuilt(world)
    world.commands.sent.clear()

    listed = await recommended(world, ann, kind)

    assert listed == await recommended(world, ben, kind)
    assert all(one["personalized"] is False for one in listed)
    assert not any(command.get("find") == "tastes" for _, command in world.commands.sent)
    if kind != "BOUGHT_TOGETHER":
        assert skus(listed)[:2] == ["P0", "P1"]


async def test_a_consent_that_is_taken_back_counts_at_once(world: World) -> None:
    ann = await person(world)
    await sold(world, "a", "MINE", customer=ann)
    assert skus(await recommended(world, ann)) == ["MINE"]

    await allow(world, ann, "WITHDRAWN")

    assert await recommended(world, ann) == []


async def test_a_new_customer_gets_what_is_popular_in_the_store_that_asks(world: World) -> None:
    await shop(world)
    for number in range(10):
        await sold(world, f"v-{number}", *[f"V{n}" for n in range(10 - number)], storeCode="vienna-1")
    for number in range(20):
        await sold(world, f"l-{number}", "L0", storeCode="linz-1")
    ann = await person(world)
    await rebuilt(world)

    at_the_till = await recommended(world, ann, first=2, caller=POS)
    at_the_desk = await recommended(world, ann, first=1, caller=STAFF)

    assert skus(at_the_till) == ["V0", "V1"]
    assert at_the_till[0]["why"] == ["Popular in your store in the last four weeks"]
    assert skus(at_the_desk) == ["L0"]


async def test_what_is_not_sold_any_more_is_left_out(world: World) -> None:
    ann = await person(world)
    await shop(world)
    await sold(world, "a", "MINE", "GONE", customer=ann)
    save = 'mutation { saveProducts(inputs: [{sku: "GONE", active: false}, {sku: "P0", active: false}]) { replayed } }'
    await world.data(save)
    await rebuilt(world)

    listed = skus(await recommended(world, ann, first=50))

    assert listed[:2] == ["MINE", "P1"]
    assert not {"GONE", "P0"} & set(listed)


async def test_before_any_statistics_the_own_purchases_answer(world: World) -> None:
    ann = await person(world)
    await sold(world, "a", "MINE", customer=ann)

    assert skus(await recommended(world, ann)) == ["MINE"]
    assert await recommended(world, ann, "DISCOVER") == []
    assert await recommended(world, ann, "BOUGHT_TOGETHER") == []


async def test_a_customer_sees_the_own_list(world: World) -> None:
    ann = await person(world)
    await sold(world, "a", "MINE", customer=ann)

    told = await world.data("{ me { recommendations { product { sku } why } } }", caller=customer_caller(ann))

    assert told["me"]["recommendations"] == [{"product": {"sku": "MINE"}, "why": ["You have bought it before"]}]


@pytest.mark.parametrize("first", [-1, 51])
async def test_a_length_that_cannot_be_is_refused(world: World, first: int) -> None:
    ann = await person(world)

    body = await world.answer(
        "query($id: ID!, $n: Int!) { customer(by: {id: $id}) { recommendations(first: $n) { score } } }",
        {"id": ann, "n": first},
    )

    assert body["errors"][0]["extensions"] == {"code": "INVALID", "field": ["first"]}


async def test_lists_of_many_people_and_kinds_take_as_many_commands_as_one(world: World) -> None:
    await shop(world)
    people = [await person(world, email=f"{number}@example.com") for number in range(5)]
    for number, one in enumerate(people):
        await sold(world, f"a-{number}", "P1", f"P{number}", f"OWN{number}", customer=one)
    await rebuilt(world)
    document = """{ customers { nodes { id
      a: recommendations { product { sku } why }
      b: recommendations(kind: BOUGHT_TOGETHER, first: 3) { product { sku } } } } }"""
    world.commands.names.clear()

    told = await world.data(document)

    assert len(told["customers"]["nodes"]) == 5
    assert sorted(world.commands.names) == [
        "find customers",
        "find products",
        "find taste_statistics",
        "find taste_statistics",
        "find taste_statistics",
        "find taste_statistics",
        "find tastes",
    ]
    world.commands.names.clear()
    await world.data(document)
    assert sorted(world.commands.names)[1:] == ["find products", "find taste_statistics", "find tastes"]


async def test_a_rebuild_is_seen_by_a_process_that_remembers_the_one_before(world: World) -> None:
    ann = await person(world)
    await shop(world)
    await rebuilt(world)
    assert skus(await recommended(world, ann, first=1)) == ["P0"]
    for number in range(12):
        await sold(world, f"more-{number}", "P5")
    other = World(world.database, world.engine, world.clock, world.commands)
    assert await shop_statistics.rebuild(other.call())

    assert skus(await recommended(world, ann, first=1)) == ["P0"]  # read some seconds ago
    world.clock.advance(seconds=6)
    assert skus(await recommended(world, ann, first=1)) == ["P5"]
