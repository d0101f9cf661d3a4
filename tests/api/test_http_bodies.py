"""GraphQL over HTTP: whatever is sent as a body, an answer in JSON and never a 5xx."""

import gzip

import pytest

from tests.api.http_answers import CREATED, code
from tests.api.serving import Served
from tests.support import CREATE

BAD_BODIES = [
    (b"", 400),
    (b"{", 400),
    (b"null", 400),
    (b"5", 400),
    (b"[]", 400),
    (b'"query"', 400),
    (b"{}", 400),
    (b'{"query": 5}', 400),
    (b'{"query": ""}', 400),
    (b'{"query": "{ __typename }", "variables": []}', 400),
    (b'{"query": "{ __typename }", "variables": "{}"}', 400),
    (b'{"query": "{ __typename }", "operationName": {}}', 400),
    (b'{"query": "{ __typename }", "extensions": 1}', 400),
    (b'{"query": "{ __typename }", "variables": NaN}', 400),
    (b'{"query": "\xff\xfe"}', 400),
    (b'{"query": "{ stores { totalCount } }", "variables": {"a": "\\ud800"}}', 400),
    (b"\xef\xbb\xbf{}", 400),
    (b"[" * 100_000, 400),
    (b'{"query": "{ __typename }", "query": "{ __typename }"}', 400),
    (b'{"query": "{ __typename }", "variables": {"a": {"b": 1, "\\u0062": 2}}}', 400),
    (b'[{"query": "{ __typename }"}, {"query": "{ __typename }"}]', 400),
    (b'{"query": "{ __typename }", "variables": {"a": ' + b"9" * 5000 + b"}}", 400),
    (b'{"query": "{ __typename }", "variables": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001, 400),
    (b" " * 5_000_000, 413),
]


@pytest.mark.parametrize(("content", "status"), BAD_BODIES, ids=range(len(BAD_BODIES)))
async def test_a_body_that_is_no_request_is_told_so(served: Served, content: bytes, status: int) -> None:
    response = await served.send(content)

    assert (response.status_code, code(response)) == (status, "BAD_REQUEST")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content_Type": "application/graphql"}, 415),
        ({"Content_Type": ""}, 415),
        ({"Content_Encoding": "gzip"}, 415),
        ({"Content_Encoding": "br"}, 415),
    ],
)
async def test_a_body_of_another_type_or_encoding_is_not_read(
    served: Served, headers: dict[str, str], status: int
) -> None:
    before = await served.everything()

    response = await served.send(gzip.compress(f'{{"query": "{CREATED}"}}'.encode()), **headers)

    assert (response.status_code, code(response)) == (status, "BAD_REQUEST")
    assert await served.everything() == before


async def test_json_with_a_charset_is_json(served: Served) -> None:
    response = await served.send(b'{"query": "{ __typename }"}', Content_Type="Application/JSON; charset=utf-8")

    assert response.json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("depth", [100, 300, 500, 700, 900, 980, 1000, 1020])
async def test_nested_variables_are_never_a_fault_of_ours(served: Served, depth: int) -> None:
    response = await served.send(
        b'{"query": "query($a: JSON) { __typename }", "variables": ' + b'{"a":' * depth + b"1" + b"}" * (depth + 1)
    )

    assert response.status_code in (200, 400)
    assert "INTERNAL" not in response.text


@pytest.mark.parametrize(
    "variables",
    [
        b'{"input": {"email": {"$ne": ""}}}',
        b'{"input": {"email": "a\\u0000@example.com"}}',
        b'{"input": {"email": "a@example.com", "firstName": "\\u0000"}}',
        b'{"input": {"email": "a@example.com", "attributes": {"$ne": ""}}}',
        b'{"input": {"email": "a@example.com", "attributes": {"a": 1e999}}}',
        b'{"input": {"email": "a@example.com", "attributes": {"a": 99999999999999999999999}}}',
        b'{"input": {"email": "a@example.com", "attributes": ' + b'{"a":' * 200 + b"1" + b"}" * 200 + b"}}",
        b'{"input": {"email": 1e5}}',
        b'{"input": null}',
        b"{}",
    ],
)
async def test_wrong_variables_in_raw_bytes_are_refused_and_write_nothing(served: Served, variables: bytes) -> None:
    before = await served.everything()
    query = CREATE.replace("\n", " ").encode()

    response = await served.send(b'{"query": "' + query + b'", "variables": ' + variables + b"}")

    assert response.status_code in (200, 400)
    body = response.json() if response.status_code == 200 else {"errors": response.json()["errors"]}
    refusals = body.get("errors") or body["data"]["createCustomer"]["userErrors"]
    assert refusals
    assert "INTERNAL" not in response.text
    assert await served.everything() == before
