"""Requests and answers in ASGI's terms, and the ways to GraphQL that do not read `/graphql` alone."""

from typing import Any

import httpx
from starlette.types import Message

from api.messages import Reply, Request, headers_of, marking
from crm.values import Role
from tests.api.serving import Served

QUERY = {"query": "{ __typename }"}


async def nothing() -> Message:
    raise AssertionError("nobody reads")


def scope(*headers: tuple[bytes, bytes], **others: Any) -> dict[str, Any]:
    return {"type": "http", "method": "GET", "headers": list(headers), "query_string": b"", **others}


def test_of_several_headers_the_first_counts() -> None:
    sent = scope((b"authorization", b"Bearer first"), (b"accept", b"*/*"), (b"authorization", b"Bearer second"))

    assert headers_of(sent) == {b"authorization": b"Bearer first", b"accept": b"*/*"}
    assert Request(sent, nothing).header(b"authorization") == "Bearer first"
    assert Request(sent, nothing).header(b"origin") is None


def test_a_client_without_an_address_has_an_empty_one() -> None:
    assert Request(scope(client=("192.0.2.1", 80)), nothing).address == "192.0.2.1"
    assert Request(scope(client=None), nothing).address == Request(scope(), nothing).address == ""


async def test_an_answer_is_sent_whole_with_its_length_and_what_was_marked_on_it() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    reply = Reply(200, b"{}", "application/json", [(b"allow", b"POST")])
    for _ in range(2):  # one that was kept gathers no marks
        sent.clear()
        await reply(scope(), nothing, marking(send, (b"vary", b"Origin")))

    start, body = sent
    assert start["headers"] == [
        (b"content-length", b"2"),
        (b"content-type", b"application/json; charset=utf-8"),
        (b"allow", b"POST"),
        (b"vary", b"Origin"),
    ]
    assert (start["status"], body["body"]) == (200, b"{}")


async def test_under_a_root_path_graphql_is_found_as_well(served: Served) -> None:
    transport = httpx.ASGITransport(app=served.app, root_path="/shop")
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
        response = await client.post("/shop/graphql", json=QUERY, headers=served.headers(Role.STAFF))

    assert response.json() == {"data": {"__typename": "Query"}}
    assert len(response.headers.get_list("x-request-id")) == 1


async def test_a_slash_too_many_is_pointed_to_where_graphql_is(served: Served) -> None:
    async with served.client() as client:
        response = await client.post("/graphql/", json=QUERY, headers=served.headers(Role.STAFF))

    assert response.status_code == 307
    assert response.headers["location"] == "http://shop.example/graphql"
