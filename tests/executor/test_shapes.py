"""A selection that needs nobody is one function; what is not as it should be is told of as precisely as ever."""

from types import SimpleNamespace
from typing import Any

import pytest
from graphql import ExecutionResult, OperationDefinitionNode, build_schema, parse

from executor.kinds import KIND, Answered, Computed, Related, Stored
from executor.plans import Operation, Ready
from resolvers.loader import Loader

SDL = """
type Query { page: Page! list: [Sale]! }
type Page { nodes: [Sale!]! }
type Sale { id: ID! total: Money! lines: [Line!]! buyer: Buyer note: String asked: String }
type Line { sku: String! pieces: Int! marks: [String!] }
type Money { amount: String! currency: String! }
type Buyer { name: String }
"""
SALE = {"id": "s", "total": 5, "lines": [{"sku": "a", "pieces": 2, "marks": ["x"]}], "note": None}


class Seen:
    """The context: counts what was computed, and loads buyers."""

    def __init__(self) -> None:
        self.asks_ahead = False
        self.shown: dict[str, tuple[str, ...]] = {}
        self.computed = 0

    def loader(self, load: Any) -> Loader:
        return Loader(lambda keys: load(self, keys))


def _amount(minor: int, context: Seen) -> str:
    context.computed += 1
    return f"{minor / 100:.2f}"


def _asked(source: Any, _: Any) -> Any:
    async def later() -> str:
        return "asked for"

    return "known" if source["id"] == "s" else later()


async def _buyers(_: Any, keys: list[Any]) -> list[Any]:
    return [{"name": key} for key in keys]


def schema_of(page: Any) -> Any:
    schema: Any = build_schema(SDL)
    for type_ in ("Page", "Sale", "Line", "Buyer"):
        for name, field in schema.type_map[type_].fields.items():
            field.extensions[KIND] = Stored(lambda source, name=name: source.get(name), name)
    money = schema.type_map["Money"].fields
    money["amount"].extensions[KIND] = Computed(_amount)
    money["currency"].extensions[KIND] = Computed(lambda _, __: "EUR")
    sale = schema.type_map["Sale"].fields
    sale["buyer"].extensions[KIND] = Related(_buyers, lambda source: source.get("buyer"))
    sale["asked"].extensions[KIND] = Answered(_asked)
    schema.query_type.fields["page"].resolve = lambda _, __: {"nodes": page}
    schema.query_type.fields["list"].resolve = lambda _, __: page
    return schema


def operation(page: Any, text: str) -> Operation:
    document = parse(text)
    node = document.definitions[0]
    assert isinstance(node, OperationDefinitionNode)
    return Operation(schema_of(page), document, node)


async def run(page: Any, text: str, context: Seen | None = None) -> ExecutionResult:
    ready = operation(page, text).prepare({})
    assert isinstance(ready, Ready)
    return await ready.execute(context or Seen())


def shape_of(text: str) -> Any:
    plan = operation([], text).plan({}).selection
    child = plan.fields[0].child
    assert child is not None
    return child.shape


@pytest.mark.parametrize(
    "selected",
    ["id asked", "id note lines { sku pieces marks }", "total { amount currency }", "__typename", "a: id b: id"],
)
def test_stored_and_computed_fields_are_one_function(selected: str) -> None:
    assert shape_of(f"{{ page {{ nodes {{ {selected} }} }} }}") is not None


@pytest.mark.parametrize("selected", ["buyer { name }", "lines { sku } buyer { name }"])
def test_what_has_to_be_asked_for_is_none(selected: str) -> None:
    assert shape_of(f"{{ page {{ nodes {{ {selected} }} }} }}") is None


async def test_a_whole_page_has_its_fields_in_the_order_of_the_document() -> None:
    answer = await run([SALE], "{ page { nodes { note total { currency amount } lines { marks sku } id } } }")

    assert answer.errors is None
    (sale,) = answer.data["page"]["nodes"]  # type: ignore[index]
    assert list(sale) == ["note", "total", "lines", "id"]
    assert sale == {
        "note": None,
        "total": {"currency": "EUR", "amount": "0.05"},
        "lines": [{"marks": ["x"], "sku": "a"}],
        "id": "s",
    }


async def test_each_object_is_computed_once_while_nothing_is_wrong() -> None:
    context = Seen()
    await run([SALE] * 10, "{ page { nodes { total { amount } } } }", context)
    assert context.computed == 10


@pytest.mark.parametrize(
    ("damage", "path"),
    [
        ({"id": None}, ["page", "nodes", 1, "id"]),
        ({"total": None}, ["page", "nodes", 1, "total"]),
        ({"total": "no number"}, ["page", "nodes", 1, "total", "amount"]),
        ({"lines": [{"sku": "a", "pieces": "many"}]}, ["page", "nodes", 1, "lines", 0, "pieces"]),
        ({"lines": [{"sku": None, "pieces": 1}]}, ["page", "nodes", 1, "lines", 0, "sku"]),
        ({"lines": [{"sku": "a", "pieces": 2**40}]}, ["page", "nodes", 1, "lines", 0, "pieces"]),
        ({"lines": None}, ["page", "nodes", 1, "lines"]),
        ({"lines": "text"}, ["page", "nodes", 1, "lines"]),
    ],
)
async def test_one_bad_thing_is_an_error_at_its_own_place(damage: dict[str, Any], path: list[Any]) -> None:
    answer = await run(
        [SALE, SALE | damage, SALE], "{ page { nodes { id total { amount } lines { sku pieces marks } } } }"
    )

    assert answer.data is None  # nothing between the place and the root may be null
    assert [error.path for error in answer.errors or ()] == [path]


async def test_where_null_may_be_the_rest_of_the_page_stays() -> None:
    bad = SALE | {"total": None}
    answer = await run([SALE, bad, None, ValueError("gone"), SALE], "{ list { id total { amount } } }")

    good = {"id": "s", "total": {"amount": "0.05"}}
    assert answer.data == {"list": [good, None, None, None, good]}
    assert [error.path for error in answer.errors or ()] == [["list", 1, "total"], ["list", 3]]


async def test_an_exception_among_sources_is_no_object_though_nothing_is_read_of_it() -> None:
    answer = await run([ValueError("gone")], "{ list { __typename } }")

    assert answer.data == {"list": [None]}
    assert [error.message for error in answer.errors or ()] == ["gone"]


def test_another_object_than_a_document_is_taken_too() -> None:
    shape = shape_of("{ page { nodes { id } } }")
    source = SimpleNamespace(get=lambda name: [{"id": name}])
    assert shape(source, Seen()) == {"nodes": [{"id": "nodes"}]}


async def test_an_answer_that_needs_somebody_after_all_is_waited_for() -> None:
    answer = await run([SALE, SALE | {"id": "t"}, SALE], "{ list { id asked } }")

    assert answer.errors is None
    assert answer.data == {
        "list": [{"id": "s", "asked": "known"}, {"id": "t", "asked": "asked for"}, {"id": "s", "asked": "known"}]
    }
