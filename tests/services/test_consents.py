"""Consents: the newest statement about a purpose stands, however late it arrives, and decides personalisation."""

import asyncio
from typing import Any

import pytest

from crm.callers import Caller
from tests.support import POS, STAFF, World, customer_caller

CONSENTS = "consents { purpose state at source evidence }"
SET = f"""mutation($customer: CustomerKey, $consents: [ConsentInput!]!) {{
  setConsents(customer: $customer, consents: $consents) {{
    customer {{ id version {CONSENTS} personalization {{ active missing }} }} userErrors {{ code field }} }} }}"""
SET_AT_TILL = """mutation($customer: CustomerKey, $consents: [ConsentInput!]!) {
  setConsents(customer: $customer, consents: $consents) { customer { id } userErrors { code field } } }"""


def said(state: str, at: str | None = None, purpose: str = "PERSONALIZATION", **fields: Any) -> dict[str, Any]:
    return {"purpose": purpose, "state": state, "source": "checkout", **({"at": at} if at else {}), **fields}


async def set_consents(world: World, id_: str, *consents: dict[str, Any], caller: Caller = STAFF) -> dict[str, Any]:
    variables = {"customer": {"id": id_}, "consents": list(consents)}
    return (await world.data(SET, variables, caller=caller))["setConsents"]


async def test_a_statement_is_kept_with_its_evidence_and_now_as_its_time(world: World) -> None:
    ann = await world.customer()
    world.clock.advance(minutes=1)

    changed = await set_consents(world, ann, said("GRANTED", evidence="I agree.\nVersion 3"))

    assert changed["customer"] == {
        "id": ann,
        "version": 2,
        "consents": [
            {
                "purpose": "PERSONALIZATION",
                "state": "GRANTED",
                "at": "2026-11-21T12:01:00.000Z",
                "source": "checkout",
                "evidence": "I agree.\nVersion 3",
            }
        ],
        "personalization": {"active": True, "missing": []},
    }


async def test_no_record_means_not_given(world: World) -> None:
    ann = await world.customer()

    found = await world.data(
        "query($id: ID!) { customer(by: {id: $id}) { consents { state } personalization { active missing } } }",
        {"id": ann},
    )

    assert found["customer"] == {
        "consents": [],
        "personalization": {"active": False, "missing": ["PERSONALIZATION"]},
    }


@pytest.mark.parametrize("state", ["DENIED", "WITHDRAWN"])
async def test_a_refusal_ends_personalisation_and_other_purposes_do_not_begin_it(world: World, state: str) -> None:
    ann = await world.customer()
    await set_consents(world, ann, said("GRANTED"))
    world.clock.advance(seconds=1)

    changed = await set_consents(world, ann, said(state), said("GRANTED", purpose="ANALYTICS"))

    assert changed["customer"]["personalization"] == {"active": False, "missing": ["PERSONALIZATION"]}
    assert [(consent["purpose"], consent["state"]) for consent in changed["customer"]["consents"]] == [
        ("PERSONALIZATION", state),
        ("ANALYTICS", "GRANTED"),
    ]


async def test_an_older_statement_that_comes_late_changes_nothing(world: World) -> None:
    ann = await world.customer()
    await set_consents(world, ann, said("WITHDRAWN", "2026-11-20T10:00:00Z"))
    before = await world.everything()

    late = await set_consents(world, ann, said("GRANTED", "2026-11-20T09:59:59.999Z"))

    assert late["userErrors"] == []
    assert late["customer"]["version"] == 2
    assert late["customer"]["consents"][0]["state"] == "WITHDRAWN"
    assert late["customer"]["personalization"]["active"] is False
    assert await world.everything() == before


async def test_of_two_statements_of_one_instant_the_later_sent_stands(world: World) -> None:
    ann = await world.customer()
    await set_consents(world, ann, said("GRANTED", "2026-11-20T10:00:00Z"))

    changed = await set_consents(world, ann, said("DENIED", "2026-11-20T11:00:00+01:00"))

    assert changed["customer"]["consents"][0]["state"] == "DENIED"


async def test_the_same_statement_again_changes_nothing(world: World) -> None:
    ann = await world.customer()
    await set_consents(world, ann, said("GRANTED", "2026-11-20T10:00:00Z"))
    before = await world.everything()

    again = await set_consents(world, ann, said("GRANTED", "2026-11-20T10:00:00Z"))

    assert again["customer"]["version"] == 2
    assert await world.everything() == before


async def test_within_one_request_too_the_newest_stands_in_whatever_order(world: World) -> None:
    ann = await world.customer()

    changed = await set_consents(
        world,
        ann,
        said("GRANTED", "2026-11-20T10:00:00Z"),
        said("WITHDRAWN", "2026-11-20T12:00:00Z"),
        said("DENIED", "2026-11-20T11:00:00Z"),
    )

    assert [consent["state"] for consent in changed["customer"]["consents"]] == ["WITHDRAWN"]
    assert changed["customer"]["version"] == 2


async def test_a_new_customer_has_one_record_a_purpose_the_newest(world: World) -> None:
    created = await world.data(
        f"""mutation($input: CreateCustomerInput!) {{ createCustomer(input: $input) {{
        customer {{ {CONSENTS} personalization {{ active }} }} userErrors {{ code }} }} }}""",
        {
            "input": {
                "email": "ann@example.com",
                "consents": [said("WITHDRAWN", "2026-11-20T12:00:00Z"), said("GRANTED", "2026-11-20T10:00:00Z")],
            }
        },
    )

    person = created["createCustomer"]["customer"]
    assert [consent["state"] for consent in person["consents"]] == ["WITHDRAWN"]
    assert person["personalization"] == {"active": False}
    assert [event["topic"] for event in await world.all("outbox")] == ["CUSTOMER", "CONSENT"]


async def test_statements_at_once_are_all_kept(world: World) -> None:
    ann = await world.customer()
    purposes = ["EMAIL_MARKETING", "SMS_MARKETING", "PUSH_MARKETING", "PERSONALIZATION", "ANALYTICS"]

    await asyncio.gather(*(set_consents(world, ann, said("GRANTED", purpose=purpose)) for purpose in purposes))

    (stored,) = await world.all("customers")
    assert {consent["purpose"] for consent in stored["consents"]} == set(purposes)
    assert stored["version"] == 6


async def test_a_customer_speaks_without_naming_anybody_and_never_for_somebody_else(world: World) -> None:
    ann, bob = await world.customer(), await world.customer(email="bob@example.com")
    variables = {"consents": [said("GRANTED")]}

    own = (await world.data(SET, variables, caller=customer_caller(ann)))["setConsents"]
    before = await world.everything()
    others = await set_consents(world, bob, said("GRANTED"), caller=customer_caller(ann))

    assert own["customer"]["id"] == ann
    assert others == {"customer": None, "userErrors": [{"code": "NOT_FOUND", "field": ["customer"]}]}
    assert await world.everything() == before
    (kept,) = await world.all("customers", {"_id": bob})
    assert kept["consents"] == []


async def test_a_till_names_the_customer(world: World) -> None:
    await world.customer(cardNumber="C-1")
    named = {"customer": {"cardNumber": "C-1"}, "consents": [said("GRANTED")]}

    taken = await world.data(SET_AT_TILL, named, caller=POS)
    unnamed = await world.data(SET_AT_TILL, {"consents": [said("GRANTED")]}, caller=POS)

    assert taken["setConsents"]["userErrors"] == []
    assert unnamed["setConsents"] == {"customer": None, "userErrors": [{"code": "INVALID", "field": ["customer"]}]}


@pytest.mark.parametrize(
    ("statement", "field"),
    [
        (said("GRANTED", "2026-11-21T12:05:00.001Z"), "at"),
        (said("GRANTED", "2026-11-21T12:00:00"), "at"),
        (said("GRANTED", source=" "), "source"),
        (said("GRANTED", evidence=""), "evidence"),
    ],
)
async def test_one_bad_statement_refuses_all_of_them(world: World, statement: dict[str, Any], field: str) -> None:
    ann = await world.customer()
    before, people = await world.everything(), await world.all("customers")

    refused = await set_consents(world, ann, said("GRANTED", purpose="ANALYTICS"), statement)

    assert refused["customer"] is None
    assert refused["userErrors"] == [{"code": "INVALID", "field": ["consents", "1", field]}]
    assert await world.everything() == before
    assert await world.all("customers") == people


async def test_events_carry_no_evidence(world: World) -> None:
    ann = await world.customer()
    await set_consents(world, ann, said("GRANTED", "2026-11-20T10:00:00Z", evidence="Ann Bell ticked the box"))

    (event,) = await world.all("outbox", {"topic": "CONSENT"})

    assert event["nodeId"] == ann
    assert set(event["data"]) == {"purpose", "state", "at", "source"}
    assert "Ann" not in str(event)
