"""Errors outside an operation: JSON with a code for every path, method and fault."""

import pytest

from tests.api.http_answers import code
from tests.api.serving import Served

HOST = "http://shop.example"


@pytest.mark.parametrize("path", ["/", "/nowhere", "/graphql/deeper", "/graphiql/none.js", "/health", "/%00", "/.env"])
async def test_an_unknown_path_is_not_found_in_json(served: Served, path: str) -> None:
    async with served.client() as client:
        response = await client.get(HOST + path)

    assert (response.status_code, code(response)) == (404, "NOT_FOUND")


@pytest.mark.parametrize(("path", "method"), [("/graphql", "PUT"), ("/health/live", "POST"), ("/graphql", "OPTIONS")])
async def test_another_method_is_not_allowed_in_json_and_says_which_are(served: Served, path: str, method: str) -> None:
    async with served.client() as client:
        response = await client.request(method, HOST + path)

    assert (response.status_code, code(response)) == (405, "METHOD_NOT_ALLOWED")
    assert "GET" in response.headers["allow"]


async def test_a_fault_outside_an_operation_is_masked_in_json(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr("api.health.missing", broken)
    async with served.client(raising=False) as client:
        response = await client.get(HOST + "/health/ready")

    assert (response.status_code, code(response)) == (500, "INTERNAL")
    assert "hunter2" not in response.text
