"""Creating and updating customers: one person per key, null and left out told apart, refusals that write nothing."""

import asyncio
from typing import Any

import pytest

from crm.ids import referral_code
from tests.support import STAFF, World

PROFILE = """id version createdAt updatedAt firstName lastName email phone cardNumber birthDate locale
externalIds { source value } attributes tags"""
CREATE = f"""mutation($input: CreateCustomerInput!) {{ createCustomer(input: $input) {{
  customer {{ {PROFILE} }} replayed userErrors {{ code field message }} }} }}"""
UPDATE = f"""mutation($by: CustomerKey!, $input: UpdateCustomerInput!) {{ updateCustomer(by: $by, input: $input) {{
  customer {{ {PROFILE} }} replayed userErrors {{ code field message }} }} }}"""
ANN: dict[str, Any] = {
    "firstName": "Ann",
    "lastName": "Bell",
    "email": "ann@example.com",
    "phone": "+43 1 5880 0",
    "cardNumber": "C-1",
    "birthDate": "1990-05-17",
    "locale": "de-AT",
    "externalIds": [{"source": "shopify", "value": "17"}],
    "attributes": {"shoe": 38, "vip": True},
    "tags": ["mugs", "tea"],
}


async def create(world: World, **fields: Any) -> dict[str, Any]:
    return (await world.data(CREATE, {"input": fields}))["createCustomer"]


async def update(world: World, id_: str, **fields: Any) -> dict[str, Any]:
    return (await world.data(UPDATE, {"by": {"id": id_}, "input": fields}, caller=STAFF))["updateCustomer"]


async def keys(world: World) -> set[str]:
    """Return the ids of all keys but the referral codes, of which each person has exactly one."""
    named = {key["_id"]: key["ref"] for key in await world.all("keys")}
    codes = {f"ref:{referral_code(person['_id'])}": person["_id"] for person in await world.all("customers")}
    assert codes.items() <= named.items()
    return named.keys() - codes.keys()


async def test_a_customer_is_created_with_everything_sent_and_one_account(world: World) -> None:
    created = await create(world, **ANN)

    assert created["userErrors"] == []
    assert created["replayed"] is False
    person = created["customer"]
    assert person == ANN | {
        "id": person["id"],
        "version": 1,
        "phone": "+43158800",
        "createdAt": "2026-11-21T12:00:00.000Z",
        "updatedAt": "2026-11-21T12:00:00.000Z",
    }
    assert person["id"].startswith("cus_")
    assert [account["_id"] for account in await world.all("loyalty_accounts")] == ["loy" + person["id"][3:]]
    assert await keys(world) == {"email:ann@example.com", "phone:+43158800", "card:C-1", "ext:shopify:17"}
    assert {key["ref"] for key in await world.all("keys")} == {person["id"]}


@pytest.mark.parametrize(
    ("sent", "field", "kept"),
    [
        ({"email": "  Ann.Bell@EXAMPLE.Com "}, "email", "ann.bell@example.com"),
        ({"email": "ANN@Example.com"}, "email", "ann@example.com"),
        ({"phone": "+49 (30) 123-456"}, "phone", "+4930123456"),
        ({"phone": "+43 664 1234567"}, "phone", "+436641234567"),
        ({"cardNumber": " C 7 "}, "cardNumber", "C 7"),
    ],
)
async def test_a_key_is_kept_in_one_form_and_another_form_of_it_is_taken(
    world: World, sent: dict[str, str], field: str, kept: str
) -> None:
    created = await create(world, **sent)
    assert created["customer"][field] == kept
    before = await world.everything()

    again = await create(world, **{field: kept})

    assert again["customer"] is None
    assert [(error["code"], error["field"]) for error in again["userErrors"]] == [("ALREADY_EXISTS", ["input", field])]
    assert kept not in again["userErrors"][0]["message"]
    assert await world.everything() == before


async def test_the_second_of_several_external_ids_is_named_when_it_is_taken(world: World) -> None:
    await create(world, externalIds=[{"source": "shopify", "value": "17"}])
    before = await world.everything()

    again = await create(
        world, externalIds=[{"source": "shopify", "value": "18"}, {"source": "shopify", "value": "17"}]
    )

    assert again["userErrors"][0]["code"] == "ALREADY_EXISTS"
    assert again["userErrors"][0]["field"] == ["input", "externalIds", "1"]
    assert await world.everything() == before


async def test_external_ids_are_not_confused_by_colons_or_per_cent_signs(world: World) -> None:
    pairs = [("a", "b:c"), ("a:b", "c"), ("a%3Ab", "c"), ("A", "b:c")]

    created = [await create(world, externalIds=[{"source": source, "value": value}]) for source, value in pairs]

    assert [payload["userErrors"] for payload in created] == [[], [], [], []]
    assert len({payload["customer"]["id"] for payload in created}) == 4


@pytest.mark.parametrize("fields", [{}, {"firstName": "Ann"}, {"externalIds": []}, {"email": None, "tags": ["a"]}])
async def test_a_customer_without_any_key_is_refused(world: World, fields: dict[str, Any]) -> None:
    before = await world.everything()

    refused = await create(world, **fields)

    assert refused["customer"] is None
    assert [(error["code"], error["field"]) for error in refused["userErrors"]] == [("INVALID", ["input"])]
    assert await world.everything() == before


async def test_twenty_creates_of_one_email_at_once_make_one_customer_one_account_and_no_orphan_key(
    world: World,
) -> None:
    created = await asyncio.gather(
        *(create(world, email="ann@example.com", cardNumber=f"C-{number}") for number in range(20))
    )

    winners = [payload["customer"] for payload in created if payload["customer"]]
    refusals = [payload["userErrors"] for payload in created if not payload["customer"]]
    assert len(winners) == 1
    assert len(refusals) == 19
    assert all([error["code"] for error in errors] == ["ALREADY_EXISTS"] for errors in refusals)
    assert all(errors[0]["field"] == ["input", "email"] for errors in refusals)
    assert len(await world.all("customers")) == 1
    assert len(await world.all("loyalty_accounts")) == 1
    assert await keys(world) == {"email:ann@example.com", f"card:{winners[0]['cardNumber']}"}
    assert len(await world.all("outbox")) == 1


async def test_what_is_left_out_stays_and_null_clears(world: World) -> None:
    id_ = (await create(world, **ANN))["customer"]["id"]
    world.clock.advance(hours=1)

    changed = (await update(world, id_, firstName="Anna", phone=None, birthDate=None, locale=None))["customer"]

    assert changed == ANN | {
        "id": id_,
        "version": 2,
        "firstName": "Anna",
        "phone": None,
        "birthDate": None,
        "locale": None,
        "createdAt": "2026-11-21T12:00:00.000Z",
        "updatedAt": "2026-11-21T13:00:00.000Z",
    }
    assert await keys(world) == {"email:ann@example.com", "card:C-1", "ext:shopify:17"}
    (stored,) = await world.all("customers")
    assert not {"phone", "birthDate", "locale"} & set(stored)  # absent, not null


async def test_tags_and_external_ids_replace_and_say_each_thing_once(world: World) -> None:
    id_ = (await create(world, **ANN))["customer"]["id"]

    changed = await update(
        world,
        id_,
        tags=["tea", "tea", "sale"],
        externalIds=[{"source": "erp", "value": "9"}, {"source": "erp", "value": "9"}],
    )

    assert changed["customer"]["tags"] == ["tea", "sale"]
    assert changed["customer"]["externalIds"] == [{"source": "erp", "value": "9"}]
    assert await keys(world) == {"email:ann@example.com", "phone:+43158800", "card:C-1", "ext:erp:9"}
    cleared = await update(world, id_, tags=None, externalIds=None)
    assert cleared["customer"]["tags"] == []
    assert cleared["customer"]["externalIds"] == []
    assert await keys(world) == {"email:ann@example.com", "phone:+43158800", "card:C-1"}


async def test_attributes_merge_by_top_level_name_and_null_removes_one(world: World) -> None:
    id_ = (await create(world, email="a@example.com", attributes={"a": {"x": 1, "y": 2}, "b": 1, "n": None}))[
        "customer"
    ]["id"]

    changed = await update(world, id_, attributes={"a": {"z": 3}, "b": None, "c": "new", "never": None})

    assert changed["customer"]["attributes"] == {"a": {"z": 3}, "c": "new"}
    assert (await update(world, id_, attributes={}))["customer"]["version"] == 2
    assert (await update(world, id_, attributes=None))["customer"]["attributes"] == {}


async def test_attributes_that_grow_beyond_their_bound_by_merging_are_refused(world: World) -> None:
    id_ = (await create(world, email="a@example.com", attributes={"a": "x" * 9000}))["customer"]["id"]
    before = await world.all("customers")

    refused = await update(world, id_, attributes={"b": "y" * 9000})

    assert refused["userErrors"][0]["code"] == "INVALID"
    assert refused["userErrors"][0]["field"] == ["input", "attributes"]
    assert await world.all("customers") == before


async def test_the_version_grows_only_with_a_change_and_nothing_is_told_without_one(world: World) -> None:
    id_ = (await create(world, **ANN))["customer"]["id"]
    world.clock.advance(hours=1)
    before = await world.everything()

    same = await update(world, id_, **{**ANN, "email": "ANN@example.com", "phone": "+43158800"})

    assert same["customer"]["version"] == 1
    assert same["customer"]["updatedAt"] == "2026-11-21T12:00:00.000Z"
    assert await world.everything() == before
    assert (await update(world, id_, firstName="Anna"))["customer"]["version"] == 2


async def test_true_instead_of_one_is_a_change(world: World) -> None:
    id_ = (await create(world, email="a@example.com", attributes={"vip": 1}))["customer"]["id"]

    changed = await update(world, id_, attributes={"vip": True})

    assert changed["customer"]["attributes"] == {"vip": True}
    assert changed["customer"]["attributes"]["vip"] is True
    assert changed["customer"]["version"] == 2


async def test_an_update_of_another_version_is_a_conflict_and_changes_nothing(world: World) -> None:
    id_ = (await create(world, **ANN))["customer"]["id"]
    assert (await update(world, id_, firstName="Anna", expectedVersion=1))["customer"]["version"] == 2
    before, profile = await world.everything(), await world.all("customers")

    late = await update(world, id_, firstName="Anne", expectedVersion=1)

    assert late["customer"] is None
    assert late["userErrors"][0]["code"] == "CONFLICT"
    assert late["userErrors"][0]["field"] == ["input", "expectedVersion"]
    assert await world.everything() == before
    assert await world.all("customers") == profile


async def test_of_ten_updates_of_one_version_at_once_one_succeeds(world: World) -> None:
    id_ = (await create(world, **ANN))["customer"]["id"]

    payloads = await asyncio.gather(
        *(update(world, id_, firstName=f"Ann {number}", expectedVersion=1) for number in range(10))
    )

    assert sorted(error["code"] for payload in payloads for error in payload["userErrors"]) == ["CONFLICT"] * 9
    (stored,) = await world.all("customers")
    assert stored["version"] == 2


async def test_taking_somebody_elses_key_is_refused_and_both_stay_as_they_were(world: World) -> None:
    id_ = (await create(world, **ANN))["customer"]["id"]
    await create(world, email="bob@example.com")
    before, people = await world.everything(), await world.all("customers")

    refused = await update(world, id_, firstName="Anna", email="Bob@example.com")

    assert refused["customer"] is None
    assert refused["userErrors"][0]["code"] == "ALREADY_EXISTS"
    assert refused["userErrors"][0]["field"] == ["input", "email"]
    assert await world.everything() == before
    assert await world.all("customers") == people


async def test_a_freed_email_can_become_somebody_elses_and_names_only_that_one(world: World) -> None:
    ann = (await create(world, **ANN))["customer"]["id"]
    bob = (await create(world, email="bob@example.com"))["customer"]["id"]

    await update(world, ann, email="anna@example.com")
    taken = await update(world, bob, email="ann@example.com")

    assert taken["userErrors"] == []
    found = await world.data('{ customer(by: {email: "Ann@Example.com"}) { id } }')
    assert found["customer"]["id"] == bob
    assert (await world.data('{ customer(by: {email: "bob@example.com"}) { id } }'))["customer"] is None


@pytest.mark.parametrize(
    "by",
    [
        {"id": "cus_01J00000000000000000000000"},
        {"email": "nobody@example.com"},
        {"phone": "+43 664 7654321"},
        {"cardNumber": "none"},
        {"externalId": {"source": "a", "value": "b"}},
    ],
)
async def test_updating_nobody_is_not_found_alike_for_every_key(world: World, by: dict[str, Any]) -> None:
    before = await world.everything()

    payload = (await world.data(UPDATE, {"by": by, "input": {"firstName": "A"}}))["updateCustomer"]

    assert payload == {
        "customer": None,
        "replayed": False,
        "userErrors": [{"code": "NOT_FOUND", "field": ["by"], "message": "No such customer."}],
    }
    assert await world.everything() == before


async def test_events_say_what_happened_and_nothing_about_the_person(world: World) -> None:
    id_ = (await create(world, **ANN))["customer"]["id"]
    await update(world, id_, firstName="Anna", email="anna@example.com", attributes={"shoe": 39})

    events = sorted(await world.all("outbox"), key=lambda event: event["data"]["version"])

    assert [(event["topic"], event["nodeId"], event["owner"]) for event in events] == [("CUSTOMER", id_, id_)] * 2
    assert [event["data"] for event in events] == [
        {"change": "CREATED", "version": 1},
        {"change": "UPDATED", "version": 2, "fields": ["attributes", "email", "firstName"]},
    ]
