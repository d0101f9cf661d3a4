"""The size of a document is judged before it is validated, each fragment walked once."""

import time
from collections.abc import Callable

import pytest
from graphql import GraphQLError, get_introspection_query, parse, print_ast, visit
from graphql.language import FieldNode, NameNode, SelectionSetNode, Visitor

from api.engine import Engine
from api.limits import numbers
from api.limits.asked import asked_of
from api.limits.walk import judge
from schema.build import build_schema, executable
from tests.test_readme import Example, examples

SCHEMA = executable(build_schema())


def doubling(times: int, last: str) -> str:
    """Return a document whose fragments each spread the next one twice."""
    fragments = [f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(times)]
    return "{ ...F0 } " + " ".join(fragments) + f" fragment F{times} on Query {{ {last} }}"


def refusal(text: str) -> str:
    with pytest.raises(GraphQLError) as refused:
        asked_of(SCHEMA, parse(text))
    return refused.value.message


def aliases(count: int) -> str:
    return "{ " + " ".join(f"a{n}: __typename" for n in range(count)) + " }"


@pytest.mark.parametrize(
    ("most", "document", "what"),
    [
        (numbers.DEPTH_MAX, lambda n: "{ " + "a { " * (n - 1) + "b" + " }" * n, "levels"),
        (numbers.ALIASES_MAX, aliases, "aliases"),
        (numbers.SELECTIONS_MAX, lambda n: "{ " + " ".join(f"f{i}" for i in range(n)) + " }", "fields"),
        (numbers.OPERATIONS_MAX, lambda n: " ".join(f"query Q{i} {{ a }}" for i in range(n)), "operations"),
        (
            numbers.FRAGMENTS_MAX,
            lambda n: "{ ...F0 " + " ".join(f"a{i} {{ ...F{i} }}" for i in range(1, n)) + " }"
            + " ".join(f" fragment F{i} on Query {{ a }}" for i in range(n)),
            "fragments",
        ),
        (numbers.DIRECTIVES_AT_ONE_PLACE_MAX, lambda n: "{ a " + "@b " * n + "}", "directives at one place"),
        (numbers.DIRECTIVES_MAX, lambda n: "{ " + " ".join(f"f{i} @b" for i in range(n)) + " }", "directives"),
        (numbers.LITERALS_MAX, lambda n: "{ a(b: [" + "1 " * (n - 1) + "]) }", "values"),
        (numbers.LITERAL_DEPTH_MAX, lambda n: "{ a(b: " + "[" * (n - 1) + "1" + "]" * (n - 1) + ") }", "levels of val"),
        (
            numbers.MUTATIONS_MAX,
            lambda n: "mutation { " + " ".join(f"m{i}: saveStore(input: {{}}) {{ replayed }}" for i in range(n)) + " }",
            "mutations",
        ),
        (
            numbers.INTROSPECTION_DEPTH_MAX,
            lambda n: "{ __schema { types " + "{ ofType " * (n - 3) + "{ name }" + " }" * (n - 1),
            "levels of introspection",
        ),
    ],
)  # fmt: skip
def test_a_bound_lets_as_many_pass_as_it_says_and_not_one_more(
    most: int, document: Callable[[int], str], what: str
) -> None:
    asked_of(SCHEMA, parse(document(most)))

    assert what in refusal(document(most + 1))


def test_a_bomb_of_fragments_is_refused_in_milliseconds() -> None:
    document = parse(doubling(20, "__typename"))

    started = time.process_time()
    with pytest.raises(GraphQLError, match="1000 fields"):
        judge(document)

    assert time.process_time() - started < 0.1


def test_fragments_that_come_to_nothing_double_as_well() -> None:
    assert "1000 fields" in refusal(doubling(20, "...Missing"))
    assert "1000 fields" in refusal(doubling(45, "__typename"))


@pytest.mark.parametrize("copies", [65, 300])
def test_the_same_field_over_and_over_is_refused(copies: int) -> None:
    assert "too often" in refusal("{ me { " + "id " * copies + "} }")
    assert "too often" in refusal("{ me { id " + "...F " * copies + "} } fragment F on Customer { id }")


def test_what_overlaps_inside_of_what_overlaps_counts_with_every_pair() -> None:
    inner = "b { c c c c c } " * 4

    assert "too often" in refusal("{ " + f"a {{ {inner} }} " * 4 + "}")


def test_screens_put_together_from_fragments_may_ask_for_the_same() -> None:
    parts = " ".join(f"fragment F{n} on Customer {{ id firstName version }}" for n in range(30))
    asked = asked_of(SCHEMA, parse("{ me { " + " ".join(f"...F{n}" for n in range(30)) + " } } " + parts))

    assert asked[""].fields == ("Query.me", "Customer.id", "Customer.firstName", "Customer.version")


@pytest.mark.parametrize(
    "text",
    [
        "{ ...A } fragment A on Query { ...A }",
        "{ ...A } fragment A on Query { me { ...B } } fragment B on Customer { purchases { nodes { ...C } } } "
        "fragment C on Purchase { customer { ...B } }",
    ],
)
def test_a_fragment_that_spreads_itself_is_refused_however_far_around(text: str) -> None:
    assert "spreads itself" in refusal(text)


def test_a_fragment_that_nobody_spreads_is_refused_unwalked() -> None:
    assert refusal("{ me { id } } fragment F on Query { ...F ...F }") == "Fragment F is never used."


def test_a_document_without_an_operation_passes_to_validation() -> None:
    assert asked_of(SCHEMA, parse("type A { b: Int }")) == {}
    assert asked_of(SCHEMA, parse("{ ...Missing nothing { deeper } }"))[""].fields == ("Query.nothing", "?.deeper")


class _Typenames(Visitor):
    """Adds __typename to every selection, as Apollo Client and urql do."""

    def leave_selection_set(self, node: SelectionSetNode, *_: object) -> SelectionSetNode:
        return SelectionSetNode(selections=(*node.selections, FieldNode(name=NameNode(value="__typename"))))


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.query.split()[1])
def test_every_documented_operation_passes_as_clients_send_it(example: Example) -> None:
    document = visit(parse(example.query), _Typenames())

    assert Engine(SCHEMA).prepare(print_ast(document)).errors == ()


def test_introspection_passes_with_everything_it_can_ask_for() -> None:
    asked = get_introspection_query(
        descriptions=True,
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=True,
    )

    assert Engine(SCHEMA).prepare(asked).errors == ()
