"""What the tests of GraphQL over HTTP ask of an answer, and the customer that they create."""

from typing import Any

import httpx

from tests.api.serving import Served
from tests.support import CREATE

GRAPHQL = "application/graphql-response+json"
CREATED = 'mutation { createCustomer(input: {email: "ann@example.com"}) { customer { id } userErrors { code } } }'


def code(response: httpx.Response) -> str:
    """Return the code of an answer that is one error, in JSON."""
    assert response.headers["content-type"].startswith(("application/json", GRAPHQL))
    body = response.json()
    assert "data" not in body
    return str(body["errors"][0]["extensions"]["code"])


async def create(served: Served, **fields: Any) -> str:
    created = (await served.post(CREATE, {"input": {"email": "ann@example.com", **fields}})).json()
    return str(created["data"]["createCustomer"]["customer"]["id"])
