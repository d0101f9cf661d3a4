"""What an operation looks at of each type's documents, and when everything has to be read."""

import pytest
from graphql import OperationDefinitionNode, parse

from executor.plans import Operation
from schema.build import build_schema, executable

SCHEMA = executable(build_schema())


def shown(text: str) -> dict[str, set[str]]:
    document = parse(text)
    node = document.definitions[0]
    assert isinstance(node, OperationDefinitionNode)
    return {name: set(keys) for name, keys in Operation(SCHEMA, document, node).plan({}).shown.items()}


def test_a_stored_field_looks_at_its_own_key_and_an_id_at_the_documents() -> None:
    assert shown("{ me { a: firstName tags id } }")["Customer"] == {"firstName", "tags", "_id", "id"}


def test_what_is_selected_of_a_type_anywhere_counts_together() -> None:
    found = shown("{ me { firstName } customers { nodes { email loyalty { balance { available } } } } }")

    assert found["Customer"] == {"firstName", "email", "_id"}
    assert found["LoyaltyAccount"] == {"available", "dueAt"}


def test_a_relation_looks_at_what_its_key_is_made_of() -> None:
    assert shown("{ customers { nodes { purchases { nodes { store { name } } } } } }")["Purchase"] == {"storeId"}


def test_a_field_that_does_not_say_what_it_looks_at_has_the_whole_document_read() -> None:
    assert "Customer" not in shown("{ me { firstName recommendations { product { sku } } } }")
    assert "LoyaltyAccount" not in shown('{ me { loyalty { balanceAsOf(at: "2026-01-01T00:00:00Z") { available } } } }')


@pytest.mark.parametrize(
    "text",
    [
        '{ node(id: "x") { id ... on Customer { loyalty { tier { since } } } } me { loyalty { balance { held } } } }',
        '{ nodes(ids: ["x"]) { id } me { firstName } }',
    ],
)
def test_beside_an_interface_everything_is_read(text: str) -> None:
    assert shown(text) == {}
