"""Finding customers: filters by what they are now, search by the beginning of anything they are called."""

from datetime import datetime
from typing import Any

import pytest

from tests.support import World, customer_caller, whole

LIST = "query($filter: CustomerFilter) { customers(first: 100, filter: $filter) { totalCount nodes { id firstName } } }"


async def names(world: World, **filter_: Any) -> list[str]:
    """Return the first names of those a filter describes, sorted; the total must agree."""
    found = (await world.data(LIST, {"filter": filter_}))["customers"]
    assert found["totalCount"] == len(found["nodes"])
    return sorted(node["firstName"] for node in found["nodes"])


async def person(world: World, name: str, **fields: Any) -> str:
    return await world.customer(firstName=name, email=f"{name.split(maxsplit=1)[0].lower()}@example.com", **fields)


async def tier_ids(world: World) -> dict[str, str]:
    tiers = (await world.data("{ loyaltyProgram { tiers { id name } } }"))["loyaltyProgram"]["tiers"]
    return {tier["name"]: tier["id"] for tier in tiers}


async def test_the_tier_is_the_one_held_at_this_instant_even_if_nothing_was_posted_since(world: World) -> None:
    ann, _ = await person(world, "Ann"), await person(world, "Bob")
    tiers = await tier_ids(world)
    sold = datetime.fromisoformat("2026-11-21T12:00:00+00:00")
    await world.sell(**whole(600), customer={"id": ann}, occurredAt=sold.isoformat())
    assert await names(world, tier=tiers["Silver"]) == ["Ann"]
    assert await names(world, tier=tiers["Bronze"]) == ["Bob"]
    before = await world.everything()

    world.clock.advance(days=365, milliseconds=-1)
    assert await names(world, tier=tiers["Silver"]) == ["Ann"]
    world.clock.advance(milliseconds=1)

    assert await names(world, tier=tiers["Silver"]) == []
    assert await names(world, tier=tiers["Bronze"]) == ["Ann", "Bob"]
    assert await names(world, tier=tiers["Gold"]) == []
    assert await world.everything() == before


async def test_a_page_by_tier_goes_on_a_moment_later(world: World) -> None:
    for number in range(5):
        await person(world, f"P{number}")
    tier = (await tier_ids(world))["Bronze"]
    query = """query($after: String, $tier: ID) { customers(first: 2, after: $after, filter: {tier: $tier}) {
      nodes { id } pageInfo { endCursor hasNextPage } } }"""

    first = (await world.data(query, {"tier": tier}))["customers"]
    world.clock.advance(minutes=3)
    second = (await world.data(query, {"tier": tier, "after": first["pageInfo"]["endCursor"]}))["customers"]
    third = (await world.data(query, {"tier": tier, "after": second["pageInfo"]["endCursor"]}))["customers"]

    ids = [node["id"] for part in (first, second, third) for node in part["nodes"]]
    assert len(ids) == len(set(ids)) == 5
    assert third["pageInfo"]["hasNextPage"] is False


async def test_all_tags_and_all_conditions_must_hold(world: World) -> None:
    await person(world, "Ann", tags=["tea", "vip"])
    await person(world, "Bob", tags=["tea"])
    await person(world, "Eva", tags=["vip", "tea", "mugs"])

    assert await names(world, tags=["tea"]) == ["Ann", "Bob", "Eva"]
    assert await names(world, tags=["vip", "tea"]) == ["Ann", "Eva"]
    assert await names(world, tags=["te"]) == []
    assert await names(world, tags=["vip", "tea"], search="ev") == ["Eva"]
    assert await names(world, tags=[]) == ["Ann", "Bob", "Eva"]


async def test_by_channel_last_purchase_and_total(world: World) -> None:
    ann, bob = await person(world, "Ann"), await person(world, "Bob")
    await person(world, "Eva")
    await world.sell(**whole(10), customer={"id": ann}, channel="WEB", occurredAt="2026-11-01T00:00:00Z")
    sold = await world.sell(**whole(20), id="s-2", customer={"id": ann}, occurredAt="2026-11-10T00:00:00Z")
    await world.sell(**whole(25), id="s-3", customer={"id": bob}, occurredAt="2026-11-05T00:00:00Z")

    assert await names(world, channel="WEB") == ["Ann"]
    assert await names(world, channel="POS") == ["Ann", "Bob"]
    assert await names(world, channel="PHONE") == []
    assert await names(world, lastPurchaseAfter="2026-11-05T00:00:00Z") == ["Ann", "Bob"]
    assert await names(world, lastPurchaseAfter="2026-11-05T00:00:00.001Z") == ["Ann"]
    assert await names(world, lastPurchaseBefore="2026-11-10T00:00:00Z") == ["Bob"]
    assert await names(world, totalSpentMin="25.00") == ["Ann", "Bob"]
    assert await names(world, totalSpentMin="25.01") == ["Ann"]
    assert await names(world, totalSpentMax="0") == ["Eva"]
    assert await names(world, totalSpentMin="25", totalSpentMax="29.99") == ["Bob"]
    await world.give_back(sold["purchase"]["id"], {1: "1"})
    assert await names(world, totalSpentMin="25.00") == ["Bob"]


async def test_by_the_instant_of_creation_half_open(world: World) -> None:
    await person(world, "Ann")
    world.clock.advance(hours=1)
    await person(world, "Bob")

    assert await names(world, createdAfter="2026-11-21T13:00:00Z") == ["Bob"]
    assert await names(world, createdBefore="2026-11-21T13:00:00Z") == ["Ann"]
    assert await names(world, createdAfter="2026-11-21T12:00:00Z", createdBefore="2026-11-21T13:00:00Z") == ["Ann"]
    assert await names(world, createdAfter="2026-11-21T14:00:00+01:00") == ["Bob"]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("ann", True),
        ("ANN", True),
        ("  ann ", True),
        ("Anna-L", True),
        ("groß", True),
        ("GROSS", True),
        ("anna-lena gro", True),
        ("gross  anna", True),
        ("ann@ex", True),
        ("ANN@EXAMPLE.COM", True),
        ("+43 1 58", True),
        ("+43158800", True),
        ("43158", True),
        ("43 1 5880-0", True),
        ("c-77", True),
        ("lena", False),
        ("example", False),
        ("58800", False),
        ("-77", False),
        ("anna groß", False),
        ("+44", False),
        ("anna-lena groß x", False),
    ],
)
async def test_search_is_by_the_beginning_of_names_either_way_round_email_phone_and_card(
    world: World, search: str, found: bool
) -> None:
    await world.customer(
        firstName="Anna-Lena", lastName="Groß", email="ann@example.com", phone="+43 1 5880 0", cardNumber="C-77"
    )
    await person(world, "Zoe")

    assert await names(world, search=search) == (["Anna-Lena"] if found else [])


async def test_an_accent_is_found_however_it_was_typed(world: World) -> None:
    await person(world, "Jose\u0301")  # e and a combining accent, as a Mac has it

    assert await names(world, search="Jos\u00e9") == ["Jose\u0301"]


@pytest.mark.parametrize(
    "pattern", [".*", "^", "$", "(", "\\", "[a-z]", "a|b", "A.n", "Ann?", "\\w+", "(?i)ann", "*", "+", "{1}"]
)
async def test_a_pattern_in_a_search_is_taken_literally(world: World, pattern: str) -> None:
    await person(world, "Ann")
    await world.customer(firstName=f"{pattern}x", email="x@example.com")

    assert await names(world, search=pattern) == [f"{pattern}x"]


async def test_what_changed_is_found_by_its_new_name_only(world: World) -> None:
    id_ = await person(world, "Ann", lastName="Bell")
    await world.data(
        """mutation($id: ID!) { updateCustomer(by: {id: $id}, input: {lastName: "Cole", email: null}) {
        userErrors { code } } }""",
        {"id": id_},
    )

    assert await names(world, search="cole ann") == ["Ann"]
    assert await names(world, search="bell") == []
    assert await names(world, search="ann@") == []


async def test_customers_by_name_come_by_family_name_without_case(world: World) -> None:
    for first, last in [("Zoe", "adams"), ("Ann", "Bell"), ("bob", "bell"), ("Eva", "BELL")]:
        await person(world, first, lastName=last)

    found = await world.data("{ customers(sort: NAME) { nodes { firstName } } }")

    assert [node["firstName"] for node in found["customers"]["nodes"]] == ["Zoe", "Ann", "bob", "Eva"]


@pytest.mark.parametrize(
    ("filter_", "field"),
    [
        ({"search": ""}, "search"),
        ({"search": "  "}, "search"),
        ({"search": "x" * 101}, "search"),
        ({"search": "a\x00"}, "search"),
        ({"tier": "nonsense"}, "tier"),
        ({"tier": "cus_01J00000000000000000000000"}, "tier"),
        ({"createdAfter": "2026-11-21"}, "createdAfter"),
        ({"totalSpentMin": "-1"}, "totalSpentMin"),
        ({"totalSpentMax": "1.001"}, "totalSpentMax"),
    ],
)
async def test_a_bad_filter_is_refused_with_its_field(world: World, filter_: dict[str, Any], field: str) -> None:
    body = await world.answer(LIST, {"filter": filter_})

    assert [error["extensions"] for error in body["errors"]] == [{"code": "INVALID", "field": ["filter", field]}]


async def test_feedback_is_filtered_by_what_it_is_about(world: World) -> None:
    ann = await person(world, "Ann")
    sold = await world.sell(customer={"id": ann}, storeCode="vienna-1")
    submit = """mutation($input: FeedbackInput!) { submitFeedback(input: $input) { userErrors { code } } }"""
    for kind, score in [("NPS", 3), ("NPS", 9), ("IDEA", None)]:
        about = {"purchase": {"id": sold["purchase"]["id"]}, "sku": "MUG"} if score == 3 else {}
        world.clock.advance(hours=1)
        sent = {"kind": kind, "score": score, "channel": "WEB", **about}
        await world.data(submit, {"input": sent}, caller=customer_caller(ann))
    store = (await world.data("{ stores { nodes { id } } }"))["stores"]["nodes"][0]["id"]

    async def scores(**filter_: Any) -> list[int | None]:
        query = "query($filter: FeedbackFilter) { feedback(filter: $filter) { nodes { score } } }"
        return [node["score"] for node in (await world.data(query, {"filter": filter_}))["feedback"]["nodes"]]

    assert await scores() == [None, 9, 3]
    assert await scores(kind="NPS") == [9, 3]
    assert await scores(scoreMax=3) == [3]
    assert await scores(storeId=store) == [3]
    assert await scores(sku="MUG") == [3]
    assert await scores(after="2026-11-21T14:00:00Z") == [None, 9]
    assert await scores(before="2026-11-21T14:00:00Z") == [3]
    body = await world.answer('{ feedback(filter: {storeId: "cus_01J00000000000000000000000"}) { nodes { id } } }')
    assert body["errors"][0]["extensions"] == {"code": "INVALID", "field": ["filter", "storeId"]}
