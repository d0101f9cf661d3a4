"""Variables and arguments come in as graphql-core takes them, with its very words where they do not fit."""

from random import Random
from typing import Any

import pytest
from graphql import (
    ExecutionResult,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    OperationDefinitionNode,
    build_schema,
    execute_sync,
    is_input_type,
    parse,
)
from graphql.execution.values import get_variable_values

from executor import variables as variables_module
from executor.plans import Operation, Ready
from executor.variables import ERRORS_MAX, Variables
from schema.build import build_schema as build_shop
from schema.build import executable

SHOP = executable(build_shop())
INPUTS = sorted(name for name, type_ in SHOP.type_map.items() if is_input_type(type_) and not name.startswith("__"))
ODD: list[Any] = [None, "", "text", 0, -1, 2**31, 1.5, True, [], [None], ["a", 1], {}, {"x": 1}, {"id": None}]


def operation_node(type_: str) -> OperationDefinitionNode:
    node = parse(f"query($it: {type_}) {{ __typename }}").definitions[0]
    assert isinstance(node, OperationDefinitionNode)
    return node


def made(random: Random, type_: Any, depth: int) -> Any:
    """Return a value of a type, now and then one of another."""
    if random.random() < 0.05:
        return random.choice(ODD)
    if isinstance(type_, GraphQLNonNull):
        return made(random, type_.of_type, depth)
    if random.random() < 0.1:
        return None
    if isinstance(type_, GraphQLList):
        return [made(random, type_.of_type, depth + 1) for _ in range(random.randrange(3))]
    if isinstance(type_, GraphQLEnumType):
        return random.choice([*type_.values, "NONE"])
    if isinstance(type_, GraphQLInputObjectType):
        required = [name for name, field in type_.fields.items() if isinstance(field.type, GraphQLNonNull)]
        more = [name for name in type_.fields if name not in required and random.random() < 0.3 and depth < 5]
        return {name: made(random, type_.fields[name].type, depth + 1) for name in required + more}
    return {"Int": random.randrange(100), "Boolean": True, "Float": 1.5}.get(type_.name, "text")


@pytest.mark.parametrize("name", INPUTS)
def test_inputs_of_the_shop_are_taken_as_by_graphql_core(name: str) -> None:
    random = Random(name)
    for type_text in (name, f"{name}!", f"[{name}!]"):
        node = operation_node(type_text)
        ours = Variables(SHOP, node)
        for _ in range(60):
            type_: Any = SHOP.type_map[name]
            value = [made(random, type_, 0)] if type_text.startswith("[") else made(random, type_, 0)
            sent = {"it": value} if random.random() < 0.95 else {}
            expected = get_variable_values(SHOP, node.variable_definitions or (), dict(sent), max_errors=ERRORS_MAX)
            found = ours.coerced(sent)
            if isinstance(expected, list):
                assert [error.message for error in found] == [error.message for error in expected]
            else:
                assert repr(found.coerced) == repr(expected.coerced)
                assert _told(found.sources) == _told(expected.sources)


def _told(sources: Any) -> list[Any]:
    return [(name, source.signature.name, source.value) for name, source in sources.items()]


def test_what_fits_is_taken_without_graphql_core(monkeypatch: pytest.MonkeyPatch) -> None:
    def called(*_: Any, **__: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(variables_module, "get_variable_values", called)
    taken = Variables(SHOP, operation_node("CustomerKey!")).coerced({"it": {"id": "cus_x"}})
    assert taken.coerced == {"it": {"id": "cus_x"}}


SDL = """
input Deep { n: Int! = 3, text: String, inner: Deep, list: [Int!] = [1] }
input One @oneOf { a: Int, b: String }
enum Colour { RED GREEN }
type Query { echo(n: Int! = 7, text: String, deep: Deep, one: One, colour: Colour, ids: [ID!]): String }
"""
DOCUMENTS = [
    "query($n: Int) { echo(n: $n) }",
    "query($n: Int!) { echo(n: $n) }",
    "query($n: Int = 5) { echo(n: $n) }",
    "query($t: String) { echo(text: $t, colour: RED) }",
    "query($n: Int, $t: String) { echo(deep: {n: $n, text: $t}) }",
    "query($n: Int, $t: String) { echo(deep: {text: $t, inner: {n: $n}}) }",
    "query($n: Int) { echo(deep: {list: [1, $n]}) }",
    "query($n: Int) { echo(one: {a: $n}) }",
    "query($n: Int!) { echo(one: {a: $n}) }",
    "{ echo(ids: [1, 2], deep: {}) }",
    "{ echo(ids: 3) }",
    "{ echo(text: null, colour: GREEN) }",
]
SENT: list[dict[str, Any]] = [{}, {"n": 4}, {"n": None}, {"n": "x"}, {"t": "hi"}, {"n": 4, "t": None}, {"t": 1}]


@pytest.mark.parametrize("text", DOCUMENTS)
async def test_arguments_reach_the_resolver_as_from_graphql_core(text: str) -> None:
    schema = build_schema(SDL)
    assert schema.query_type
    schema.query_type.fields["echo"].resolve = lambda _, __, **arguments: repr(arguments)
    document = parse(text)
    node = document.definitions[0]
    assert isinstance(node, OperationDefinitionNode)
    operation = Operation(schema, document, node)
    for sent in SENT * 2:  # twice: what one request got is nothing to the next
        ready = operation.prepare(sent)
        found = await ready.execute(_Nobody()) if isinstance(ready, Ready) else ExecutionResult(None, ready)
        expected = execute_sync(schema, document, variable_values=sent)
        assert found.data == expected.data
        assert [error.message for error in found.errors or ()] == [error.message for error in expected.errors or ()]


class _Nobody:
    """A context of whom nothing is asked."""

    asks_ahead = False
    shown: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 -- replaced by every run
