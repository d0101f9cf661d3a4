"""Each field of a stored type asked for by itself: what it reads of its document is all it needs."""

import json
from collections.abc import Iterator
from typing import Any

from graphql import GraphQLField, GraphQLNonNull, GraphQLObjectType, get_named_type, is_abstract_type, is_leaf_type

from tests.executor.test_real_schema import SCHEMA, answer, filled
from tests.support import STAFF, World, customer_caller

PLACES = {
    "Customer": ["customer(by: {id: $id}) { %s }", "customers { nodes { %s } }"],
    "LoyaltyAccount": [
        "customer(by: {id: $id}) { loyalty { %s } }",
        "customers { nodes { loyalty { %s } } }",
    ],
    "PointsTransaction": ["customer(by: {id: $id}) { loyalty { transactions { nodes { %s } } } }"],
    "Purchase": [
        "customer(by: {id: $id}) { purchases { nodes { %s } } }",
        "customers { nodes { purchases(first: 1) { nodes { %s } } } }",
    ],
    "Feedback": ["feedback { nodes { %s } }", "customer(by: {id: $id}) { feedback { nodes { %s } } }"],
    "Offer": ["offers { nodes { %s } }"],
    "Product": ["products { nodes { %s } }"],
    "Store": ["stores { nodes { %s } }"],
}
"""Where each type is reached, by those who read projections of its documents."""


def selections(name: str) -> Iterator[str]:
    """Yield a selection of each field that needs no argument, with the leaves of what it holds."""
    type_ = SCHEMA.type_map[name]
    assert isinstance(type_, GraphQLObjectType)
    for field_name, field in type_.fields.items():
        if not _demands(field):
            beneath = "" if is_leaf_type(get_named_type(field.type)) else f" {{ {_leaves(field)} }}"
            yield field_name + beneath


def _leaves(field: GraphQLField, depth: int = 1) -> str:
    """Return what is selected of an object: its leaves, and for two levels what it holds."""
    type_ = get_named_type(field.type)
    if is_abstract_type(type_):
        return "__typename"
    assert isinstance(type_, GraphQLObjectType)
    chosen = ["__typename"]
    for name, inner in type_.fields.items():
        if _demands(inner):
            continue
        if is_leaf_type(get_named_type(inner.type)):
            chosen.append(name)
        elif depth < 3:
            chosen.append(f"{name} {{ {_leaves(inner, depth + 1)} }}")
    return " ".join(chosen)


def _demands(field: GraphQLField) -> bool:
    return any(isinstance(one.type, GraphQLNonNull) and not one.default_value for one in field.args.values())


CASES = [(place, one) for name, places in PLACES.items() for place in places for one in selections(name)]


async def test_every_field_alone_gives_what_it_gives_over_whole_documents(world: World) -> None:
    ann = (await filled(world))[0]
    data = 0
    for place, selected in CASES:
        text = ("query($id: ID!) " if "$id" in place else "") + f"{{ {place % selected} }}"
        told = await answer(world, "compiled", STAFF, text, {"id": ann})
        expected = await answer(world, "graphql-core", STAFF, text, {"id": ann})
        assert _plain(told) == _plain(expected), text
        data += told.get("data") is not None
    assert data > len(CASES) / 2  # else errors were compared


async def test_a_customer_gets_each_field_of_the_own_profile_and_account(world: World) -> None:
    ann = (await filled(world))[0]
    for place, name in (("me { %s }", "Customer"), ("me { loyalty { %s } }", "LoyaltyAccount")):
        for selected in selections(name):
            text = f"{{ {place % selected} }}"
            told = await answer(world, "compiled", customer_caller(ann), text, {})
            expected = await answer(world, "graphql-core", customer_caller(ann), text, {})
            assert _plain(told) == _plain(expected), text


def _plain(body: dict[str, Any]) -> str:
    errors = [
        {**error, "extensions": {k: v for k, v in error["extensions"].items() if k != "errorId"}}
        for error in body.get("errors", ())
    ]
    return json.dumps([body.get("data"), sorted(json.dumps(error, sort_keys=True) for error in errors)])
