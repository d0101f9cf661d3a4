"""Production: neither page nor schema, and no name is suggested to whoever guesses."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.api.http_answers import GRAPHQL, code
from tests.api.serving import URL, Served, serving, settings
from tests.support import CREATE


@pytest_asyncio.fixture(scope="module")
async def live(mongodb_uri: str, driver: str) -> AsyncIterator[Served]:
    async with serving(settings(mongodb_uri, driver, environment="production")) as served:
        yield served


@pytest.mark.parametrize(
    "query",
    [
        "{ __schema { queryType { name } } }",
        '{ stores { totalCount } __type(name: "Customer") { name } }',
        "{ ...F } fragment F on Query { s: __schema { queryType { name } } }",
        "{ ... on Query { ... { __schema { queryType { name } } } } }",
        "query A { stores { totalCount } __schema { types { name } } }",
    ],
)
async def test_the_schema_is_told_to_nobody(live: Served, query: str) -> None:
    response = await live.post(query, Accept=GRAPHQL)

    assert (response.status_code, code(response)) == (400, "INTROSPECTION_DISABLED")
    assert "queryType" not in response.text.replace(query, "")


async def test_a_type_name_is_no_introspection(live: Served) -> None:
    response = await live.post("{ __typename stores { __typename totalCount } }")

    assert response.json()["data"]["__typename"] == "Query"


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("{ custmers { totalCount } }", None),
        ("query($by: CustomrKey!) { customer(by: $by) { id } }", None),
        ("{ customers(frst: 1) { totalCount } }", None),
        ("{ customers(sort: CREATED_ATT) { totalCount } }", None),
        ("{ customers @includ(if: true) { totalCount } }", None),
        ('{ customer(by: {emal: "a@example.com"}) { id } }', None),
        (CREATE, {"input": {"email": "a@example.com", "firstNam": "A"}}),
        (CREATE, {"input": {"email": "a@example.com", "externalIds": [{"sourc": "a", "value": "b"}]}}),
    ],
)
async def test_a_wrong_name_is_told_and_no_right_one(live: Served, query: str, variables: object) -> None:
    response = await live.post(query, variables)

    assert response.json()["errors"]
    assert "Did you mean" not in response.text


async def test_there_is_no_page_and_no_caller_without_a_credential(live: Served) -> None:
    async with live.client() as client:
        page = await client.get(URL, headers={"Accept": "text/html"})
        script = await client.get("http://shop.example/graphiql/graphiql.js")
        schema = await client.post(URL, json={"query": "{ __schema { queryType { name } } }"})

    assert (page.status_code, code(page)) == (406, "NOT_ACCEPTABLE")
    assert (script.status_code, code(script)) == (404, "NOT_FOUND")
    assert (schema.status_code, code(schema)) == (401, "UNAUTHENTICATED")


async def test_in_development_names_are_suggested(served: Served) -> None:
    assert "Did you mean" in (await served.post("{ custmers { totalCount } }")).text
