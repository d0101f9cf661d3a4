"""Who may: every field for every role, wherever in an operation it hides, refused before anything runs."""

from collections.abc import Iterator
from typing import Any

import pytest
from graphql import GraphQLField, GraphQLNonNull, GraphQLObjectType, get_named_type, is_leaf_type

from crm.callers import Caller
from crm.values import Role
from resolvers.policy import POLICY, first_forbidden, may
from schema.build import build_schema, executable
from tests.support import ADMIN, CREATE, POS, STAFF, STOREFRONT, World, customer_caller

SCHEMA = executable(build_schema())
NOBODY = "cus_01J00000000000000000000000"
CALLERS = {caller.role: caller for caller in (STOREFRONT, customer_caller(NOBODY), POS, STAFF, ADMIN)}
GUARDED = ("Query", "Mutation", "Subscription", "Customer")
EVERYBODY = {Role.STOREFRONT, Role.CUSTOMER, Role.POS, Role.STAFF, Role.ADMIN}

# What the contract says of each role, word for word; everything else is not theirs.
ALLOWED = {
    Role.STOREFRONT: """Query.node Query.nodes Query.products Query.stores Query.loyaltyProgram Query.offers
      Query.offer Query.quote""",
    Role.CUSTOMER: """Query.node Query.nodes Query.products Query.stores Query.loyaltyProgram Query.offers Query.offer
      Query.quote
      Query.me Query.customer Query.purchase Mutation.updateMe Mutation.setConsents Mutation.submitFeedback
      Mutation.claimPurchase Mutation.holdPoints Mutation.releaseHold Mutation.redeemReward
      Mutation.trackEvents Subscription.loyaltyUpdated Customer.*""",
    Role.POS: """Query.node Query.nodes Query.products Query.stores Query.loyaltyProgram Query.offers Query.offer
      Query.quote
      Query.customer Query.purchase Mutation.createCustomer Mutation.setConsents Mutation.recordPurchase
      Mutation.recordPurchases Mutation.recordReturn Mutation.recordReturns Mutation.cancelPurchase
      Mutation.claimPurchase Mutation.submitFeedback Mutation.holdPoints Mutation.captureHold
      Mutation.releaseHold Mutation.redeemReward Mutation.trackEvents Customer.id Customer.firstName
      Customer.lastName Customer.cardNumber Customer.loyalty Customer.purchases
      Customer.recommendations Customer.offers""",
    Role.STAFF: """Query.node Query.nodes Query.products Query.stores Query.loyaltyProgram Query.offers Query.offer
      Query.quote
      Query.customer Query.customers Query.purchase Query.feedback Mutation.createCustomer Mutation.updateCustomer
      Mutation.setConsents Mutation.recordPurchase Mutation.recordPurchases Mutation.recordReturn
      Mutation.recordReturns Mutation.cancelPurchase Mutation.claimPurchase Mutation.submitFeedback
      Mutation.replyToFeedback Mutation.holdPoints Mutation.captureHold Mutation.releaseHold Mutation.redeemReward
      Mutation.trackEvents Mutation.adjustPoints Mutation.transferPoints Mutation.saveOffer Mutation.archiveOffer
      Mutation.issueOfferCodes Customer.*""",
    Role.ADMIN: """Query.node Query.nodes Query.products Query.stores Query.loyaltyProgram Query.offers Query.offer
      Query.quote
      Query.customer Query.customers Query.purchase Query.feedback Mutation.createCustomer Mutation.updateCustomer
      Mutation.setConsents Mutation.recordPurchase Mutation.recordPurchases Mutation.recordReturn
      Mutation.recordReturns Mutation.cancelPurchase Mutation.claimPurchase Mutation.submitFeedback
      Mutation.replyToFeedback Mutation.holdPoints Mutation.captureHold Mutation.releaseHold Mutation.redeemReward
      Mutation.trackEvents Mutation.adjustPoints Mutation.transferPoints Mutation.saveOffer Mutation.archiveOffer
      Mutation.issueOfferCodes Mutation.saveLoyaltyProgram
      Mutation.saveStore Mutation.saveProducts Customer.*""",
}


def fields() -> Iterator[tuple[str, GraphQLField]]:
    for name in GUARDED:
        type_ = SCHEMA.type_map[name]
        assert isinstance(type_, GraphQLObjectType)
        yield from ((f"{name}.{field}", definition) for field, definition in type_.fields.items())


def asking_for(path: str, definition: GraphQLField) -> str:
    """Return an operation that asks for one field, its required arguments as variables."""
    type_, name = path.split(".")
    required = {
        argument: value.type for argument, value in definition.args.items() if isinstance(value.type, GraphQLNonNull)
    }
    variables = ", ".join(f"${argument}: {kind}" for argument, kind in required.items())
    arguments = ", ".join(f"{argument}: ${argument}" for argument in required)
    asked = f"{name}({arguments})" if arguments else name
    if not is_leaf_type(get_named_type(definition.type)):
        asked += " { __typename }"
    head = f"({variables})" if variables else ""
    if type_ == "Customer":
        return f'query{head} {{ node(id: "{NOBODY}") {{ ... on Customer {{ {asked} }} }} }}'
    return f"{type_.lower()}{head} {{ {asked} }}"


def test_every_field_has_a_policy_and_every_policy_a_field() -> None:
    assert {path for path, _ in fields()} == set(POLICY)


def test_every_policy_says_what_the_contract_says() -> None:
    for role, text in ALLOWED.items():
        named = set(text.split())
        allowed = {path for path in POLICY if path in named or f"{path.split('.', maxsplit=1)[0]}.*" in named}
        assert {path for path in POLICY if may(role, path)} == allowed, role


def test_fields_of_other_types_are_open_to_whoever_reaches_their_object() -> None:
    assert first_forbidden(Role.STOREFRONT, ["Product.sku", "Query.__typename", "PageInfo.endCursor"]) is None
    assert first_forbidden(Role.POS, ["Customer.id", "Customer.email", "Query.me"]) == "Customer.email"


@pytest.mark.parametrize("role", list(Role))
async def test_a_field_is_refused_before_it_runs_or_not_at_all(world: World, role: Role) -> None:
    for path, definition in fields():
        world.commands.names.clear()
        body = await world.answer(asking_for(path, definition), caller=CALLERS[role])
        codes = [error["extensions"]["code"] for error in body.get("errors", [])]
        if may(role, path):
            assert "FORBIDDEN" not in codes, path
        else:
            message = f"{path} is not open to {role}."
            assert body == {"errors": [{"message": message, "extensions": {"code": "FORBIDDEN"}}]}
            assert world.commands.names == [], path


@pytest.mark.parametrize(
    "query",
    [
        "query($id: ID!) { customer(by: {id: $id}) { ...Hidden } } fragment Hidden on Customer { email }",
        "query($id: ID!) { customer(by: {id: $id}) { harmless: email } }",
        "query($id: ID!) { node(id: $id) { ... on Customer { email } } }",
        "query($id: ID!) { node(id: $id) { ... on Node { ... on Customer { ... { email } } } } }",
        "query($id: ID!) { nodes(ids: [$id]) { ...A } } fragment A on Node { ...B } fragment B on Customer { email }",
        "query($id: ID!) { customer(by: {id: $id}) { id email @skip(if: true) } }",
        "query($id: ID!, $no: Boolean = false) { customer(by: {id: $id}) { ... @include(if: $no) { email } } }",
        "query($id: ID!) { customer(by: {id: $id}) { purchases { edges { node { customer { email } } } } } }",
        "query($id: ID!) { node(id: $id) { ... on Purchase { customer { email } } } }",
        "query($id: ID!) { node(id: $id) { ... on Feedback { purchase { customer { email } } } } }",
        "query($id: ID!) { a: customer(by: {id: $id}) { ...F } b: node(id: $id) { ...F } }"
        " fragment F on Customer { id email }",
    ],
)
async def test_a_till_does_not_see_an_email_however_it_is_asked_for(world: World, query: str) -> None:
    ann = await world.customer()
    world.commands.names.clear()

    body = await world.answer(query, {"id": ann}, caller=POS)

    assert body["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert "data" not in body
    assert "ann@example.com" not in str(body)
    assert world.commands.names == []


@pytest.mark.parametrize(
    ("selection", "caller"),
    [
        ("customer { email }", POS),
        ("customer { ...on Customer { tags } }", POS),
        ("customer { id } userErrors { code }", STOREFRONT),
        ("customer { id }", customer_caller(NOBODY)),
    ],
)
async def test_a_forbidden_field_of_a_mutations_payload_stops_it_before_it_writes(
    world: World, selection: str, caller: Caller
) -> None:
    before = await world.everything()
    mutation = f"mutation($input: CreateCustomerInput!) {{ createCustomer(input: $input) {{ {selection} }} }}"

    body = await world.answer(mutation, {"input": {"email": "ann@example.com"}}, caller=caller)

    assert body["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert await world.everything() == before


async def test_one_forbidden_mutation_stops_the_allowed_one_beside_it(world: World) -> None:
    before = await world.everything()

    body = await world.answer(
        """mutation { createCustomer(input: {email: "ann@example.com"}) { customer { id } }
        saveStore(input: {code: "v"}) { store { id } } }""",
        caller=STAFF,
    )

    assert body["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert await world.everything() == before


async def test_a_storefront_reads_the_shop_and_no_person_by_any_id(world: World) -> None:
    ann = await world.customer()
    sold = await world.sell(customer={"id": ann}, storeCode="vienna-1")
    programme = (await world.data("{ loyaltyProgram { id name } }", caller=STOREFRONT))["loyaltyProgram"]
    listed = await world.data("{ stores { nodes { id } } products { nodes { id } } }", caller=STOREFRONT)
    shop = [programme["id"], listed["stores"]["nodes"][0]["id"], listed["products"]["nodes"][0]["id"]]
    persons = [ann, "loy" + ann[3:], sold["purchase"]["id"], (await world.all("points_transactions"))[0]["_id"]]

    found = await world.data(
        "query($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": [*shop, *persons]}, caller=STOREFRONT
    )

    assert found["nodes"] == [*({"id": id_} for id_ in shop), None, None, None, None]


async def test_a_till_sees_no_feedback_but_what_it_has_just_taken(world: World) -> None:
    ann = await world.customer()
    given: Any = await world.data(
        """mutation($id: ID!) { submitFeedback(input: {kind: IDEA, channel: POS, customer: {id: $id}}) {
        feedback { id customer { id } } } }""",
        {"id": ann},
        caller=POS,
    )
    id_ = given["submitFeedback"]["feedback"]["id"]

    assert (await world.data("query($id: ID!) { node(id: $id) { id } }", {"id": id_}, caller=POS)) == {"node": None}
    assert (await world.data("query($id: ID!) { node(id: $id) { id } }", {"id": id_}))["node"] == {"id": id_}


async def test_staff_creates_customers_and_everybody_asks_for_nodes(world: World) -> None:
    created = await world.data(CREATE, {"input": {"email": "ann@example.com"}}, caller=STAFF)

    assert created["createCustomer"]["userErrors"] == []
    assert {role for role in Role if may(role, "Query.node")} == EVERYBODY
