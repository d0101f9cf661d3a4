"""Every place of the schema where something can be named: another's is as what never was, in bytes and in commands."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import pytest_asyncio
from graphql import GraphQLField, GraphQLObjectType

from resolvers.policy import may
from schema.build import build_schema, executable
from tests.schema.test_two_customers import NEVER, NO_KEYS, Theirs, ann, bob
from tests.schema.values import Path, arguments, naming, operation
from tests.support import World, customer_caller

__all__ = ["ann", "bob"]

SCHEMA = executable(build_schema())
SELECTIONS = {"Query": "__typename", "Mutation": "replayed userErrors { code field message }"}
CONNECTIONS = "Connection"


def places() -> Iterator[tuple[str, str, GraphQLField, Path, str]]:
    """Yield every place where something is named: root type, field, its definition, the place, the type named by."""
    for root in SELECTIONS:
        type_ = SCHEMA.type_map[root]
        assert isinstance(type_, GraphQLObjectType)
        for name, field in type_.fields.items():
            for path, kind in naming(field):
                yield root, name, field, path, kind


PLACES = list(places())


@pytest_asyncio.fixture
async def pairs(world: World, bob: Theirs) -> dict[str, list[tuple[Any, Any]]]:
    """What is Bob's, and beside it what is nobody's, for each type by which something is named."""
    await world.sell(id="bobs second", customer={"id": bob.ids["cus"]})
    sold = [({"externalId": {"source": "till-7", "value": value}}) for value in ("bobs second", "never")]
    ids = [(bob.ids[prefix], NEVER[prefix]) for prefix in bob.ids]
    return {
        "ID": ids,
        "CustomerKey": list(zip(bob.keys, NO_KEYS, strict=True)),
        "PurchaseKey": [({"id": bob.ids["pur"]}, {"id": NEVER["pur"]}), (sold[0], sold[1])],
    }


@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place[1]}:{'.'.join(place[3])}")
async def test_another_s_is_as_what_never_was(
    world: World, ann: str, pairs: dict[str, list[tuple[Any, Any]]], place: tuple[str, str, GraphQLField, Path, str]
) -> None:
    root, name, field, path, kind = place
    for theirs, never in pairs[kind]:
        answers = []
        before = await world.everything()
        for value in (never, theirs, never):  # the first fills what a process remembers
            given = arguments(field, path, value)
            selection = SELECTIONS[root] if root == "Mutation" else "__typename"
            world.commands.names.clear()
            body = await world.answer(
                operation(root.lower(), name, field, given, selection), given, caller=customer_caller(ann)
            )
            answers.append((json.dumps(body), sorted(world.commands.names)))  # some are sent at once
        assert answers[1] == answers[2]
        assert "errors" not in json.loads(answers[0][0]) or not may_ask(root, name) or _is_refusal(answers[0][0])
        if root == "Query":
            assert await world.everything() == before


def may_ask(root: str, name: str) -> bool:
    return may(customer_caller("cus_0").role, f"{root}.{name}")


def _is_refusal(body: str) -> bool:
    codes = {error["extensions"]["code"] for error in json.loads(body)["errors"]}
    return codes <= {"INVALID", "NOT_FOUND"}


def test_nothing_can_be_named_but_in_queries_and_mutations() -> None:
    """Should a field of another type take an id, this walk has to reach it."""
    others = {
        f"{type_.name}.{name}"
        for type_ in SCHEMA.type_map.values()
        if isinstance(type_, GraphQLObjectType) and type_.name not in SELECTIONS and not type_.name.startswith("__")
        for name, field in type_.fields.items()
        if list(naming(field))
    }

    assert others == set()
    assert len(PLACES) > 30
