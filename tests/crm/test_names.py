"""A name has one spelling in Python and one for clients."""

import pytest
from pydantic.alias_generators import to_camel

from crm.names import camel


@pytest.mark.parametrize(
    ("python", "graphql"), [("first_name", "firstName"), ("id", "id"), ("external_ids", "externalIds"), ("a_b", "aB")]
)
def test_a_name_is_written_as_clients_know_it(python: str, graphql: str) -> None:
    assert camel(python) == graphql == to_camel(python)  # which inputs are spelled by
