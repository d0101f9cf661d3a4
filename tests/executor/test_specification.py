"""The specification's own examples, and what it says in words: nulls on their way up, mutations one after the other."""

import asyncio
from typing import Any

import pytest
from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    execute_sync,
    parse,
)

from executor.kinds import KIND, Answered
from executor.plans import NotCompiled, Operation, Ready
from tests.executor.synthetic import Requests, Rules

HEROES = """
type Hero { id: ID! name: %s friends: [Hero%s] }
type Query { hero(episode: String): Hero must: Hero! }
"""
QUERY = """query { hero(episode: "NEWHOPE") { name heroFriends: friends { id name } } }"""
R2 = {
    "name": "R2-D2",
    "friends": [{"id": "1000", "name": "Luke"}, {"id": "1002", "name": None}, {"id": "1003", "name": "Leia"}],
}


async def run(
    schema: GraphQLSchema, text: str, root: Any = None, variables: dict[str, Any] | None = None
) -> ExecutionResult:
    """Run an operation by its plan."""
    document = parse(text)
    node = document.definitions[0]
    assert isinstance(node, OperationDefinitionNode)
    ready = Operation(schema, document, node).prepare(variables)
    if not isinstance(ready, Ready):
        return ExecutionResult(None, ready)
    return await ready.execute(Requests(Rules(0, 0)), root)


def schema_of(sdl: str, **answers: Any) -> GraphQLSchema:
    """Return a schema whose fields, named Type_field, are answered by functions of the source."""
    schema = build_schema(sdl)
    for name, answer in answers.items():
        type_, _, field = name.partition("_")
        schema.type_map[type_].fields[field].resolve = lambda source, _, _answer=answer, **__: _answer(source)  # type: ignore[attr-defined]
    return schema


async def test_a_null_in_a_nullable_field_is_null_and_its_error_names_alias_and_index() -> None:
    def name(hero: dict[str, Any]) -> Any:
        if hero["name"] is None:
            raise ValueError("Name for character with ID 1002 could not be fetched.")
        return hero["name"]

    schema = schema_of(HEROES % ("String", ""), Query_hero=lambda _: R2, Hero_name=name)

    result = await run(schema, QUERY)

    assert result.formatted == {
        "errors": [
            {
                "message": "Name for character with ID 1002 could not be fetched.",
                "locations": [{"line": 1, "column": 67}],
                "path": ["hero", "heroFriends", 1, "name"],
            }
        ],
        "data": {
            "hero": {
                "name": "R2-D2",
                "heroFriends": [
                    {"id": "1000", "name": "Luke"},
                    {"id": "1002", "name": None},
                    {"id": "1003", "name": "Leia"},
                ],
            }
        },
    }


async def test_a_null_in_a_non_null_field_makes_the_item_null_and_the_path_is_where_it_happened() -> None:
    schema = schema_of(HEROES % ("String!", ""), Query_hero=lambda _: R2)

    result = await run(schema, QUERY)

    assert result.data == {
        "hero": {"name": "R2-D2", "heroFriends": [{"id": "1000", "name": "Luke"}, None, {"id": "1003", "name": "Leia"}]}
    }
    (error,) = result.errors or ()
    assert (error.message, error.path) == (
        "Cannot return null for non-nullable field Hero.name.",
        ["hero", "heroFriends", 1, "name"],
    )


async def test_a_null_item_where_none_may_be_makes_the_list_null() -> None:
    schema = schema_of(HEROES % ("String!", "!"), Query_hero=lambda _: R2)

    result = await run(schema, QUERY)

    assert result.data == {"hero": {"name": "R2-D2", "heroFriends": None}}
    assert len(result.errors or ()) == 1


async def test_a_null_that_nothing_on_its_way_may_hold_takes_all_data_along() -> None:
    schema = schema_of(
        HEROES % ("String!", ""), Query_must=lambda _: {"id": "1", "name": None}, Query_hero=lambda _: R2
    )

    result = await run(schema, "{ hero { id: name } must { name } }")

    assert result.data is None
    assert [error.path for error in result.errors or ()] == [["must", "name"]]


async def test_what_an_earlier_null_hides_has_no_error_of_its_own_and_what_came_before_keeps_it() -> None:
    sdl = "type T { a: Int b: Int! c: Int } type Query { t: T }"

    def fail(_: Any) -> Any:
        raise ValueError("no")

    schema = schema_of(sdl, Query_t=lambda _: {}, T_a=fail, T_b=fail, T_c=fail)

    result = await run(schema, "{ t { a b c } }")

    assert result.data == {"t": None}
    assert [error.path for error in result.errors or ()] == [["t", "a"], ["t", "b"]]
    assert result == execute_sync(schema, parse("{ t { a b c } }"))


MUTATIONS = """
type Query { n: Int } type Count { n: Int! later: Int! }
type Mutation { add(n: Int!): Count! fail: Count! soft: Count }
"""


class Counter:
    """What mutations change; each says when it began and ended."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.n = 0

    def schema(self) -> GraphQLSchema:
        schema = build_schema(MUTATIONS)
        fields = schema.mutation_type.fields  # type: ignore[union-attr]
        fields["add"].resolve = self.add
        fields["fail"].resolve = fields["soft"].resolve = self.fail
        later = schema.type_map["Count"].fields["later"]  # type: ignore[attr-defined]
        later.extensions[KIND] = Answered(lambda source, _: self.later(source))
        return schema

    async def add(self, _: Any, __: Any, n: int) -> dict[str, int]:
        self.log.append(f"begin {n}")
        await asyncio.sleep(0)
        self.n += n
        self.log.append(f"end {n}")
        return {"n": self.n}

    async def later(self, source: dict[str, int]) -> int:
        await asyncio.sleep(0)
        self.log.append(f"read {source['n']}")
        return source["n"]

    async def fail(self, _: Any, __: Any) -> None:
        self.log.append("failed")
        raise GraphQLError("no")


async def test_mutations_run_one_after_the_other_with_all_that_is_selected_of_them() -> None:
    counter = Counter()

    result = await run(counter.schema(), "mutation { a: add(n: 1) { n later } b: add(n: 2) { later n } }")

    assert result.data == {"a": {"n": 1, "later": 1}, "b": {"later": 3, "n": 3}}
    assert counter.log == ["begin 1", "end 1", "read 1", "begin 2", "end 2", "read 3"]


async def test_a_mutation_behind_one_that_took_all_data_along_is_not_carried_out() -> None:
    counter = Counter()

    result = await run(counter.schema(), "mutation { a: add(n: 1) { n } fail { n } b: add(n: 2) { n } }")

    assert (result.data, counter.n, counter.log) == (None, 1, ["begin 1", "end 1", "failed"])
    assert [error.path for error in result.errors or ()] == [["fail"]]


async def test_a_mutation_behind_one_that_is_null_is_carried_out_once() -> None:
    counter = Counter()

    result = await run(counter.schema(), "mutation { soft { n } b: add(n: 2) { n } }")

    assert (result.data, counter.n) == ({"soft": None, "b": {"n": 2}}, 2)


async def test_whoever_goes_away_stops_what_was_begun() -> None:
    counter = Counter()
    running = asyncio.ensure_future(run(counter.schema(), "mutation { a: add(n: 1) { n } b: add(n: 2) { n } }"))
    while not counter.log:
        await asyncio.sleep(0)

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert counter.log == ["begin 1"]


@pytest.mark.parametrize(
    "text",
    [
        "{ __schema { queryType { name } } }",
        '{ __type(name: "Hero") { name } }',
        "{ n: __typename ...F } fragment F on Query { __schema { types { name } } }",
    ],
)
def test_introspection_is_left_to_graphql_core_before_anything_has_run(text: str) -> None:
    document = parse(text)

    with pytest.raises(NotCompiled):
        Operation(build_schema(HEROES % ("String", "")), document, document.definitions[0])  # type: ignore[arg-type]


async def test_variables_that_do_not_fit_are_refused_as_graphql_core_words_it() -> None:
    schema = build_schema(HEROES % ("String", ""))
    text = "query($e: String!) { hero(episode: $e) { name } }"

    for variables in ({}, {"e": None}, {"e": 1}, {"e": ["x"]}):
        assert await run(schema, text, None, variables) == execute_sync(schema, parse(text), variable_values=variables)


async def test_an_operation_keeps_few_plans_however_many_answers_its_conditions_have() -> None:
    names = [f"v{number}" for number in range(10)]
    declared = ", ".join(f"${name}: Boolean!" for name in names)
    text = f"query({declared}) {{ hero {{ {' '.join(f'{name}: name @include(if: ${name})' for name in names)} }} }}"
    document = parse(text)
    schema = schema_of(HEROES % ("String", ""), Query_hero=lambda _: R2)
    operation = Operation(schema, document, document.definitions[0])  # type: ignore[arg-type]

    for number in range(200):
        variables = {name: bool(number >> bit & 1) for bit, name in enumerate(names)}
        ready = operation.prepare(variables)
        assert isinstance(ready, Ready)
        result = await ready.execute(Requests(Rules(0, 0)))
        assert result.data == {"hero": {name: "R2-D2" for name in names if variables[name]}}

    assert len(operation._plans) <= 8192 // len(text)
