"""Operations that do not fit the schema, and queries with wrong arguments: a top-level error with its code."""

from typing import Any

import pytest

from tests.support import CREATE, POS, RECORD, World, customer_caller, sale

FAILED = "GRAPHQL_VALIDATION_FAILED"
OPERATOR = '{"$ne": ""}'
CUSTOMER = "query($by: CustomerKey!) { customer(by: $by) { id } }"
LIST = "query($filter: CustomerFilter) { customers(filter: $filter) { nodes { id } } }"
FEEDBACK = "query($filter: FeedbackFilter) { feedback(filter: $filter) { nodes { id } } }"


@pytest.mark.parametrize(
    ("document", "variables"),
    [
        ("", {}),
        ("{", {}),
        ("{ me { id } } \x00", {}),
        ('{ node(id: "\\uD800") { id } }', {}),
        ("{ nothing }", {}),
        ("{ customers { nodes { password } } }", {}),
        ("{ customers(sort: RANDOM) { nodes { id } } }", {}),
        ("query($sort: CustomerSort) { customers(sort: $sort) { nodes { id } } }", {"sort": "RANDOM"}),
        ("query($sort: CustomerSort) { customers(sort: $sort) { nodes { id } } }", {"sort": {"$ne": ""}}),
        (LIST, {"filter": {"search": {"$ne": ""}}}),
        (LIST, {"filter": {"search": 5}}),
        (LIST, {"filter": {"tags": [{"$ne": ""}]}}),
        (LIST, {"filter": {"totalSpentMin": 1.5}}),
        (LIST, {"filter": {"totalSpentMin": 1}}),
        (LIST, {"filter": {"totalSpentMin": {"$gt": ""}}}),
        (LIST, {"filter": {"createdAfter": 1_700_000_000}}),
        (LIST, {"filter": {"unknown": 1}}),
        (LIST, {"filter": []}),
        (LIST, {"filter": "x"}),
        (FEEDBACK, {"filter": {"scoreMax": 1.5}}),
        (FEEDBACK, {"filter": {"scoreMax": 2**31}}),
        (CUSTOMER, {}),
        (CUSTOMER, {"by": None}),
        (CUSTOMER, {"by": {}}),
        (CUSTOMER, {"by": {"email": None}}),
        (CUSTOMER, {"by": {"email": "a@example.com", "cardNumber": "C-1"}}),
        (CUSTOMER, {"by": {"email": {"$ne": ""}}}),
        (CUSTOMER, {"by": {"externalId": {"source": "a"}}}),
        (CUSTOMER, {"by": {"externalId": {"source": {"$ne": ""}, "value": "b"}}}),
        ("{ customer(by: {}) { id } }", {}),
        ('{ customer(by: {email: "a@example.com", cardNumber: "1"}) { id } }', {}),
        ('query($id: ID = "x") { node(id: $id) { id } }', {"id": None}),
        ("query($id: ID!) { node(id: $id) { id } }", {"id": {"$ne": ""}}),
        ("query($first: Int) { customers(first: $first) { nodes { id } } }", {"first": "1"}),
        ("query($first: Int) { customers(first: $first) { nodes { id } } }", {"first": 10**30}),
        (CREATE, {}),
        (CREATE, {"input": None}),
        (CREATE, {"input": {"email": {"$ne": ""}}}),
        (CREATE, {"input": {"email": "a@example.com", "password": "x"}}),
        (CREATE, {"input": {"email": "a@example.com", "tags": [None]}}),
        (CREATE, {"input": {"email": "a@example.com", "tags": [{"$ne": ""}]}}),
        (RECORD, {"input": sale(total=10.9)}),
        (RECORD, {"input": sale(total={"$gt": ""})}),
        (RECORD, {"input": sale(channel="FAX")}),
        (RECORD, {"input": sale(currencyCode=5)}),
        (
            RECORD,
            {"input": sale(lines=[{"lineNumber": 1.5, "sku": "M", "title": "M", "quantity": "1", "unitPrice": "1"}])},
        ),
        (RECORD, {"input": {key: value for key, value in sale().items() if key != "occurredAt"}}),
        ('{ me @idempotent(key: "k") { id } }', {}),
        ("{ __typename @idempotent }", {}),
        ("subscription { nothing { id } }", {}),
        ("query A { __typename } query B { __typename }", {}),
        ("fragment A on Customer { id }", {}),
        ("{ customers { ...A } } fragment A on CustomerConnection { ...A }", {}),
        ("{ " + "a { " * 300 + "b" + " }" * 301, {}),
        ("{ " + "a " * 10_001 + "}", {}),
        ("{ node(id: " + "[" * 5000 + "]" * 5000 + ") { id } }", {}),
    ],
)
async def test_what_does_not_fit_the_schema_is_told_and_writes_nothing(
    world: World, document: str, variables: dict[str, Any]
) -> None:
    before = await world.everything()

    body = await world.answer(document, variables)

    assert body["errors"]
    assert {error["extensions"]["code"] for error in body["errors"]} == {FAILED}
    assert not any((body.get("data") or {}).values())
    assert await world.everything() == before


@pytest.mark.parametrize(
    ("document", "variables", "field"),
    [
        (CUSTOMER, {"by": {"id": "pur_01J00000000000000000000000"}}, ["by", "id"]),
        (CUSTOMER, {"by": {"id": OPERATOR}}, ["by", "id"]),
        (CUSTOMER, {"by": {"email": "nobody"}}, ["by", "email"]),
        (CUSTOMER, {"by": {"phone": "0664 123"}}, ["by", "phone"]),
        (CUSTOMER, {"by": {"cardNumber": "a\x00"}}, ["by", "cardNumber"]),
        (CUSTOMER, {"by": {"cardNumber": "\ud800"}}, ["by", "cardNumber"]),
        (CUSTOMER, {"by": {"externalId": {"source": "a", "value": " "}}}, ["by", "externalId", "value"]),
        (
            "query($by: PurchaseKey!) { purchase(by: $by) { id } }",
            {"by": {"id": "cus_01J00000000000000000000000"}},
            ["by", "id"],
        ),
        ("query($s: String) { products(search: $s) { nodes { id } } }", {"s": ""}, ["search"]),
        ("query($s: String) { products(search: $s) { nodes { id } } }", {"s": "x" * 101}, ["search"]),
        ("query($s: String) { products(search: $s) { nodes { id } } }", {"s": "\x00"}, ["search"]),
        ("query($s: String) { products(search: $s) { nodes { id } } }", {"s": "\ud800"}, ["search"]),
        ("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ["x"] * 101}, ["ids"]),
        ("query($id: ID!) { node(id: $id) { id } }", {"id": "x\x00"}, ["id"]),
        (LIST, {"filter": {"tags": ["t"] * 21}}, ["filter", "tags"]),
        (LIST, {"filter": {"createdAfter": "2026-11-21T10:00:00"}}, ["filter", "createdAfter"]),
        (LIST, {"filter": {"totalSpentMax": "1e5"}}, ["filter", "totalSpentMax"]),
        (FEEDBACK, {"filter": {"storeId": "x"}}, ["filter", "storeId"]),
        (FEEDBACK, {"filter": {"sku": ""}}, ["filter", "sku"]),
    ],
)
async def test_a_query_with_a_wrong_argument_names_it(
    world: World, document: str, variables: dict[str, Any], field: list[str]
) -> None:
    body = await world.answer(document, variables)

    assert [error["extensions"] for error in body["errors"]] == [{"code": "INVALID", "field": field}]


@pytest.mark.parametrize("text", [OPERATOR, "$ne", "{$gt: ''}", "';--", "../", "%00", "cus_", "x" * 5000])
async def test_a_string_is_a_string(world: World, text: str) -> None:
    await world.customer(cardNumber="C-1")

    assert (await world.data("query($id: ID!) { node(id: $id) { id } }", {"id": text})) == {"node": None}
    if len(text) <= 100:
        assert (await world.data(CUSTOMER, {"by": {"cardNumber": text}})) == {"customer": None}
        found = await world.data(
            "query($s: String) { customers(filter: {search: $s}) { totalCount } products(search: $s) { totalCount } }",
            {"s": text},
        )
        assert found == {"customers": {"totalCount": 0}, "products": {"totalCount": 0}}


async def test_one_wrong_list_leaves_the_rest_of_the_answer(world: World) -> None:
    body = await world.answer('{ stores { totalCount } customers(after: "x") { nodes { id } } }')

    assert body["data"] == {"stores": {"totalCount": 0}, "customers": None}
    assert body["errors"][0]["path"] == ["customers"]


async def test_a_value_of_ours_that_does_not_fit_the_schema_is_our_fault_and_not_shown(world: World) -> None:
    id_ = await world.customer()
    await world.database["customers"].update_one({"_id": id_}, {"$set": {"version": 2**40}})

    body = await world.answer("query($id: ID!) { customer(by: {id: $id}) { version } }", {"id": id_})

    (error,) = body["errors"]
    assert error["extensions"]["code"] == "INTERNAL"
    assert len(error["extensions"]["errorId"]) == 32
    assert str(2**40) not in str(body)


@pytest.mark.parametrize(("depth", "codes"), [(2, []), (4, [FAILED]), (100, [FAILED]), (3000, [FAILED])])
async def test_a_deep_operation_is_answered_and_a_bottomless_one_refused(
    world: World, depth: int, codes: list[str]
) -> None:
    ann = await world.customer()
    await world.sell(customer={"id": ann})
    document = "{ me { " + "purchases(first: 1) { nodes { customer { " * depth + "id" + " } } }" * depth + " } }"

    body = await world.answer(document, caller=customer_caller(ann))

    assert [error["extensions"]["code"] for error in body.get("errors", [])] == codes


async def test_a_refused_role_learns_nothing_from_arguments_that_are_wrong(world: World) -> None:
    body = await world.answer(LIST, {"filter": {"search": ""}}, caller=POS)

    assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN"]
