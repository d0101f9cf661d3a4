"""What an operation costs: lists multiply downwards, variables are looked at for each request, answers are counted."""

from typing import Any

import pytest
from graphql import parse

from api.limits.asked import asked_of
from api.limits.cost import Cost
from schema.build import build_schema, executable
from tests.support import RECORD, World, customer_caller, sale

SCHEMA = executable(build_schema())


def cost(text: str) -> Cost:
    (asked,) = asked_of(SCHEMA, parse(text)).values()
    return asked.cost


def points(text: str, **variables: object) -> int:
    return cost(text).requested(variables)


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("{ __typename }", 1),
        ("{ me { id firstName } }", 1 + 1),
        ("{ me { loyalty { balance { available } } } }", 1 + 1 + 1 + 1),
        ("{ stores { nodes { id } } }", 1 + 2 + 20),
        ("{ stores(first: 7) { edges { cursor node { id } } pageInfo { endCursor } } }", 1 + 2 + 7),
        ("{ stores(last: 3) { nodes { id } } }", 1 + 2 + 3),
        ("{ stores(first: 0) { totalCount } }", 1 + 2 + 10),
        ("{ customers(first: 50) { nodes { purchases(first: 4) { nodes { id } } } } }", 1 + 2 + 50 * (1 + 2 + 4)),
        ("{ customers(first: 50) { nodes { purchases(first: 4) { totalCount } } } }", 1 + 2 + 50 * (1 + 2 + 10)),
        ("{ customers(first: 2) { nodes { externalIds { value } tags } } }", 1 + 2 + 2 * (1 + 5)),
        ("{ a: stores(first: 5) { nodes { id } } b: stores(first: 5) { nodes { id } } }", 1 + 2 * (2 + 5)),
        ("{ stores(first: 1000000) { nodes { id } } }", 1 + 2 + 100),
        ("{ stores(first: 99999999999999999999999999) { nodes { id } } }", 1 + 2 + 100),
        ("{ stores(first: -5) { nodes { id } } }", 1 + 2),
        ('{ nodes(ids: ["a", "b", "c"]) { id } }', 1 + 3),
        ('{ nodes(ids: "a") { id } }', 1 + 1),
        ('{ node(id: "a") { ... on Customer { loyalty { id } } ... on Purchase { total { amount } } } }', 1 + 1 + 2),
        ('mutation { saveStore(input: {code: "a"}) { store { id } userErrors { code } } }', 1 + 10 + 1 + 1),
        ('mutation { a: saveStore(input: {code: "a"}) { replayed } b: saveStore(input: {code: 1}) { replayed } }', 23),
        ("mutation { recordReturns(inputs: []) { results { replayed } } }", 1 + 1),
        ("{ __schema { types { name } } }", 1 + 20),
    ],
)  # fmt: skip
def test_lists_inside_lists_multiply(text: str, most: int) -> None:
    assert points(text) == most


def test_what_fragments_ask_for_again_is_charged_once() -> None:
    parts = "fragment A on Customer { loyalty { id } } fragment B on Customer { loyalty { balance { available } } }"

    assert points("{ me { ...A ...B loyalty { id } } } " + parts) == 1 + 1 + 1 + 1


@pytest.mark.parametrize(
    ("value", "objects"), [(3, 3), (0, 0), (None, 20), ("many", 100), (10**9, 100), (1.5, 100), ({}, 100)]
)
def test_a_variable_counts_as_what_it_says(value: object, objects: int) -> None:
    text = "query($n: Int) { customers(first: $n) { nodes { purchases(last: $n) { nodes { id } } } } }"

    assert points(text, n=value) == 1 + 2 + objects * (1 + 2 + objects)


def test_a_variable_that_is_left_out_counts_as_its_default() -> None:
    assert points("query($n: Int = 9) { stores(first: $n) { nodes { id } } }") == 1 + 2 + 9
    assert points("query($n: Int = 9) { stores(first: $n) { nodes { id } } }", n=None) == 1 + 2 + 20
    assert points("query($n: Int) { stores(first: $n) { nodes { id } } }") == 1 + 2 + 20
    assert points('query($i: [ID!]! = ["a", "b"]) { nodes(ids: $i) { id } }') == 1 + 2


def test_rows_of_a_batch_are_mutations_each() -> None:
    text = """mutation($rows: [RecordPurchaseInput!]!) { recordPurchases(inputs: $rows) {
      results { purchase { total { amount } } } userErrors { code } } }"""

    assert points(text, rows=[{}] * 500) == 1 + 1 + 500 * (10 + 3)
    assert points(text, rows={}) == 1 + 1 + 10 + 3
    assert points(text) == 1 + 1 + 10 + 3


@pytest.mark.parametrize(
    ("text", "data", "given"),
    [
        ("{ me { loyalty { balance { available } } } }", {"me": None}, 1),
        ("{ me { id } }", None, 1),
        ("{ me { loyalty { id } } }", {"me": {"loyalty": {"id": "l"}}}, 1 + 1 + 1),
        ("{ stores(first: 50) { nodes { id } } }", {"stores": {"nodes": [{"id": "a"}, {"id": "b"}]}}, 1 + 2 + 2),
        ("{ stores { totalCount } }", {"stores": {"totalCount": 5}}, 1 + 2 + 10),
        ("query($n: Boolean!) { stores { totalCount @skip(if: $n) } }", {"stores": {}}, 1 + 2),
        (
            "{ customers { edges { node { purchases { nodes { id } } } } } }",
            {
                "customers": {
                    "edges": [
                        {"node": {"purchases": {"nodes": [{"id": "a"}] * 3}}},
                        {"node": {"purchases": {"nodes": []}}},
                    ]
                }
            },
            1 + 2 + 2 * (1 + 2) + 3,
        ),
        (
            "{ purchase(by: {}) { total { amount } lines { total { amount } discount { amount } product { sku } } } }",
            {"purchase": {"total": {}, "lines": [{"total": {}, "discount": {}, "product": {}}, {"product": None}]}},
            1 + 1 + 1 + 2 * (1 + 2) + 1,
        ),
        (
            "query($n: Boolean!) { purchase(by: {id: 1}) { lines { total @skip(if: $n) { amount } } } }",
            {"purchase": {"lines": [{}, {}]}},
            1 + 1 + 2,
        ),
        (
            "{ purchase(by: {id: 1}) { ...P } } fragment P on Purchase { lines { total { amount } } total { amount } }",
            {"purchase": {"lines": [{"total": {}}, {"total": {}}], "total": {}}},
            1 + 1 + 2 * 2 + 1,
        ),
        ("{ nodes(ids: 1) { ... on Customer { loyalty { id } } } }", {"nodes": [None, {"loyalty": {}}]}, 1 + 2 + 1),
    ],
)  # fmt: skip
def test_an_answer_costs_what_stands_in_it(text: str, data: Any, given: int) -> None:
    assert cost(text).actual(data, {}) == given


async def test_an_operation_s_answer_costs_no_more_than_was_asked_for(world: World) -> None:
    ann = await world.customer(externalIds=[{"source": "erp", "value": str(n)} for n in range(5)])
    sold = (await world.data(RECORD, {"input": _sale(ann)}))["recordPurchase"]
    asked = cost(RECORD)

    assert asked.requested({}) > asked.actual({"recordPurchase": sold}, {}) > 11

    page = "{ me { externalIds { value } purchases(first: 3) { totalCount nodes { lines { sku } } } } }"
    data = await world.data(page, caller=customer_caller(ann))
    assert cost(page).actual(data, {}) == 1 + 1 + 5 + 2 + 10 + 1 + 1
    assert cost(page).requested({}) == 1 + 1 + 5 + 2 + 10 + 3 * (1 + 5)


def _sale(customer: str) -> dict[str, Any]:
    return sale(customer={"id": customer})
