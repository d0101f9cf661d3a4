"""updateMe: the calling customer's own profile, created on the first call of a person the shop does not know."""

import asyncio
from dataclasses import replace
from typing import Any

from crm.callers import Caller
from crm.ids import referral_code
from crm.values import Role
from tests.support import World, customer_caller

UPDATE_ME = """mutation($input: UpdateMeInput!) { updateMe(input: $input) {
  customer { id version firstName email phone externalIds { source value } } replayed
  userErrors { code field message } } }"""
EVA = Caller(role=Role.CUSTOMER, principal="jwt:1f", name="customer", identity=("jwt", "auth0|eva"))
IDENTITY = [{"source": "jwt", "value": "auth0|eva"}]


async def update_me(world: World, caller: Caller = EVA, **fields: Any) -> dict[str, Any]:
    return (await world.data(UPDATE_ME, {"input": fields}, caller=caller))["updateMe"]


async def test_a_person_the_shop_does_not_know_is_created_under_the_identity(world: World) -> None:
    assert await world.data("{ me { id } }", caller=EVA) == {"me": None}

    created = await update_me(world, firstName="Eva", email="Eva@Example.com", phone=None)

    assert created["userErrors"] == []
    assert created["customer"]["firstName"] == "Eva"
    assert created["customer"]["email"] == "eva@example.com"
    assert created["customer"]["externalIds"] == IDENTITY
    assert created["customer"]["version"] == 1
    code = f"ref:{referral_code(created['customer']['id'])}"
    assert {key["_id"] for key in await world.all("keys")} == {"ext:jwt:auth0|eva", "email:eva@example.com", code}
    assert len(await world.all("loyalty_accounts")) == 1


async def test_whoever_is_created_is_known_to_the_rest_of_the_same_operation(world: World) -> None:
    both = await world.data(
        """mutation { first: updateMe(input: {firstName: "Eva"}) { customer { id version } userErrors { code } }
        second: updateMe(input: {lastName: "Ek"}) { customer { id version } userErrors { code } } }""",
        caller=EVA,
    )

    assert both["first"]["userErrors"] == both["second"]["userErrors"] == []
    assert both["first"]["customer"]["id"] == both["second"]["customer"]["id"]
    assert both["second"]["customer"]["version"] == 2
    assert len(await world.all("customers")) == 1


async def test_two_first_calls_at_once_make_one_person_who_has_what_both_said(world: World) -> None:
    one, two = await asyncio.gather(
        update_me(world, replace(EVA), firstName="Eva"), update_me(world, replace(EVA), email="eva@example.com")
    )

    assert one["userErrors"] == two["userErrors"] == []
    assert one["customer"]["id"] == two["customer"]["id"]
    (stored,) = await world.all("customers")
    assert stored["firstName"] == "Eva"
    assert stored["email"] == "eva@example.com"
    assert stored["version"] == 2
    assert len(await world.all("loyalty_accounts")) == 1
    code = f"ref:{referral_code(stored['_id'])}"
    assert {key["_id"] for key in await world.all("keys")} == {"ext:jwt:auth0|eva", "email:eva@example.com", code}
    assert sorted(event["data"]["change"] for event in await world.all("outbox")) == ["CREATED", "UPDATED"]


async def test_ten_first_calls_with_one_email_at_once_make_one_person(world: World) -> None:
    payloads = await asyncio.gather(*(update_me(world, replace(EVA), email="eva@example.com") for _ in range(10)))

    assert [payload["userErrors"] for payload in payloads] == [[]] * 10
    assert len({payload["customer"]["id"] for payload in payloads}) == 1
    assert len(await world.all("customers")) == 1
    assert len(await world.all("outbox")) == 1


async def test_nobody_becomes_somebody_else_by_naming_an_email(world: World) -> None:
    ann = await world.customer(email="ann@example.com")
    before = await world.everything()

    refused = await update_me(world, email="ANN@example.com")

    assert refused["customer"] is None
    assert refused["userErrors"][0]["code"] == "ALREADY_EXISTS"
    assert refused["userErrors"][0]["field"] == ["input", "email"]
    assert await world.everything() == before
    (stored,) = await world.all("customers")
    assert stored["_id"] == ann
    assert stored["externalIds"] == []


async def test_a_known_customer_changes_the_own_profile_and_nobody_elses(world: World) -> None:
    ann, bob = await world.customer(), await world.customer(email="bob@example.com", firstName="Bob")

    changed = await update_me(world, customer_caller(ann), firstName="Anna", email=None)

    assert changed["customer"]["id"] == ann
    assert changed["customer"]["email"] is None
    (kept,) = await world.all("customers", {"_id": bob})
    assert (kept["firstName"], kept["version"]) == ("Bob", 1)


async def test_a_token_of_nobody_changes_nothing(world: World) -> None:
    before = await world.everything()

    refused = await update_me(world, customer_caller("cus_01J00000000000000000000000"), firstName="X")

    assert refused["customer"] is None
    assert [error["code"] for error in refused["userErrors"]] == ["NOT_FOUND"]
    assert await world.everything() == before


async def test_a_first_call_sent_again_under_its_key_gives_the_first_outcome(world: World) -> None:
    text = UPDATE_ME.replace("updateMe(input: $input)", 'updateMe(input: $input) @idempotent(key: "k-1")')
    first = (await world.data(text, {"input": {"firstName": "Eva"}}, caller=EVA))["updateMe"]
    known = replace(EVA, customer_id=first["customer"]["id"])

    again = (await world.data(text, {"input": {"firstName": "Eva"}}, caller=known))["updateMe"]

    assert again["replayed"] is True
    assert again["customer"] == first["customer"]
    assert len(await world.all("outbox")) == 1
