"""What an operation may ask for at most is worked out before anything runs."""

import pytest
from graphql import parse

from api.engine import Engine
from api.size import Size
from schema.build import build_schema, executable
from tests.support import ADMIN, World, customer_caller

SCHEMA = executable(build_schema())
AGAIN = "customer { purchases(first: 70) { nodes { %s } } }"
NESTED = "{ me { purchases(first: 70) { nodes { " + AGAIN % (AGAIN % "id") + " } } } }"


def objects(text: str, **variables: object) -> int:
    document = parse(text)
    return Size(SCHEMA, document, variables).objects(document.definitions[0])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("{ me { id } }", 0),
        ("{ stores { nodes { id } } }", 20),
        ("{ stores(first: 7) { edges { node { id } } } }", 7),
        ("{ customers(first: 50) { nodes { purchases(first: 1) { nodes { id } } } } }", 50 + 50),
        ("{ customers(last: 10) { nodes { purchases(first: 3) { totalCount } feedback(first: 2) { totalCount }}}}", 60),
        ("{ a: stores(first: 5) { nodes { id } } b: stores(first: 5) { nodes { id } } }", 10),
        ("{ ...F ...F } fragment F on Query { stores(first: 4) { nodes { id } } }", 8),
        ("{ stores(first: 1000000) { nodes { id } } }", 100),
        ("{ stores(first: -5) { nodes { id } } }", 0),
    ],
)  # fmt: skip
def test_lists_inside_lists_multiply(text: str, count: int) -> None:
    assert objects(text) == count


@pytest.mark.parametrize(("value", "count"), [(3, 3), (None, 20), ("many", 100), (10**9, 100)])
def test_a_variable_counts_as_what_it_says(value: object, count: int) -> None:
    assert objects("query($n: Int) { stores(first: $n) { nodes { id } } }", n=value) == count


def test_a_variable_with_a_default_that_is_left_out_counts_as_the_most() -> None:
    assert objects("query($n: Int = 9) { stores(first: $n) { nodes { id } } }") == 100


def test_fragments_that_double_each_other_are_walked_once() -> None:
    doubling = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(60))

    assert objects("{ ...F0 } " + doubling + " fragment F60 on Query { stores(first: 1) { nodes { id } } }") == 2**60


async def test_a_short_query_for_a_million_purchases_is_refused_before_it_runs(world: World, engine: Engine) -> None:
    ann = await world.customer()
    world.commands.names.clear()

    body = await world.answer(NESTED, caller=customer_caller(ann))

    assert body["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert "20000 objects" in body["errors"][0]["message"]
    assert world.commands.names == []


async def test_lists_within_the_bound_are_fetched_once_however_often_they_are_asked_for(world: World) -> None:
    ann = await world.customer()
    for number in range(5):
        await world.sell(id=f"s-{number}", customer={"id": ann})
    world.commands.names.clear()

    data = await world.data(NESTED.replace("70", "10"), caller=customer_caller(ann))

    inner = data["me"]["purchases"]["nodes"][4]["customer"]["purchases"]["nodes"][0]["customer"]["purchases"]["nodes"]
    assert len(inner) == 5
    assert len(world.commands.names) <= 2, world.commands.names  # one where the list is asked for ahead


async def test_at_most_twenty_mutations_are_carried_out_at_once(world: World) -> None:
    one = 'saveStore(input: {{code: "s{n}"}}) {{ store {{ code }} }}'
    many = "mutation { " + " ".join(f"m{n}: " + one.format(n=n) for n in range(21)) + " }"
    before = await world.everything()

    body = await world.answer(many, caller=ADMIN)

    assert body["errors"][0]["message"] == "An operation carries out at most 20 mutations."
    assert await world.everything() == before
    assert len(await world.data(many.replace('m20: saveStore(input: {code: "s20"}) { store { code } }', ""))) == 20
