"""text/event-stream over real sockets: framing that every client reads, and nothing left where a client goes."""

import asyncio
from typing import Any

import httpx
import pytest

from api import event_stream
from crm.values import Role
from tests.api.http_answers import CREATED, create
from tests.api.listening import POINTS, Listening, until
from tests.services.loyalty_helpers import ADJUST

URQL = (
    "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed"
)
NONE = {"data": {"loyaltyUpdated": {"balance": {"available": 0, "lifetimeEarned": 0}}}}


async def give(live: Listening, customer: str, points: int) -> None:
    given = await live.served.post(ADJUST, {"customer": {"id": customer}, "points": points, "reason": "Sorry"})
    assert given.json()["data"]["adjustPoints"]["userErrors"] == []


async def whole_body(live: Listening, query: str, *, accept: str = "text/event-stream", role: Role = Role.STAFF) -> Any:
    async with live.events(live.served.keys[role], query, accept=accept) as events:
        return events.response, await events.response.aread()


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("accept", ["text/event-stream", URQL])
async def test_a_subscription_is_a_stream_by_post_and_by_get(live: Listening, method: str, accept: str) -> None:
    ann = await create(live.served)
    async with live.events(live.served.token(ann), method=method, accept=accept) as events:
        response = events.response
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-accel-buffering"] == "no"
        assert "content-length" not in response.headers
        assert await events.next() == ("next", NONE)
        await give(live, ann, 5)
        kind, body = await events.next()
        assert (kind, body["data"]["loyaltyUpdated"]["balance"]["available"]) == ("next", 5)
    await until(lambda: live.watching() == 0 and live.streams == 0)


async def test_a_query_of_a_client_that_takes_json_as_well_is_json(live: Listening) -> None:
    response, body = await whole_body(live, "{ __typename }", accept=URQL)

    assert response.headers["content-type"] == "application/graphql-response+json; charset=utf-8"
    assert body == b'{"data":{"__typename":"Query"}}'


async def test_a_query_of_a_client_that_takes_nothing_else_is_one_event(live: Listening) -> None:
    response, body = await whole_body(live, "{ __typename }")

    assert response.headers["content-type"].startswith("text/event-stream")
    assert body == b'event: next\ndata: {"data":{"__typename":"Query"}}\n\nevent: complete\ndata: \n\n'
    assert live.streams == 0


async def test_lines_end_with_lf_alone_and_text_cannot_break_an_event(live: Listening) -> None:
    _, body = await whole_body(live, '{ stores(after: "a\\r\\n\\r\\nevent: next\\ndata: 5\\n\\n") { totalCount } }')

    assert b"\r" not in body
    assert body.count(b"\n\n") == 2


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        (POINTS, "FORBIDDEN"),
        ("{", "GRAPHQL_VALIDATION_FAILED"),
    ],
)
async def test_what_is_refused_is_told_in_the_stream_to_a_client_that_takes_nothing_else(
    live: Listening, query: str, code: str
) -> None:
    async with live.events(live.served.keys[Role.STAFF], query) as events:
        kind, body = await events.next()
        assert (kind, body["errors"][0]["extensions"]["code"]) == ("next", code)
        assert await events.next() == ("complete", None)
        assert await events.ends()


async def test_what_is_refused_is_json_to_a_client_that_takes_it(live: Listening) -> None:
    response, body = await whole_body(live, "subscription { nothing }", accept=URQL)

    assert response.status_code == 400
    assert b'"GRAPHQL_VALIDATION_FAILED"' in body


async def test_the_schema_is_told_without_a_credential_in_a_stream_too(live: Listening) -> None:
    body = {"query": "{ __schema { queryType { name } } }"}
    async with httpx.AsyncClient() as client:
        response = await client.post(live.url, json=body, headers={"Accept": "text/event-stream"})
    assert b'data: {"data":{"__schema":{"queryType":{"name":"Query"}}}}' in response.content


async def test_no_credential_is_401_before_any_stream(live: Listening) -> None:
    async with live.events("wrong") as events:
        body = await events.response.aread()
    assert events.response.status_code == 401
    assert events.response.headers["content-type"].startswith("application/json")
    assert b"UNAUTHENTICATED" in body


async def test_a_mutation_by_get_is_not_carried_out_as_a_stream_either(live: Listening) -> None:
    async with live.events(live.served.keys[Role.STAFF], CREATED, method="GET") as events:
        _, body = await events.next()
    assert body["errors"][0]["extensions"]["code"] == "METHOD_NOT_ALLOWED"
    assert (await live.served.everything())["customers"] == 0


async def test_head_opens_no_stream(live: Listening) -> None:
    ann = live.served.token(await create(live.served))
    headers = {"Authorization": f"Bearer {ann}", "Accept": "text/event-stream"}
    async with httpx.AsyncClient() as client:
        response = await client.head(live.url, params={"query": POINTS}, headers=headers)
    assert response.status_code in (200, 406)
    assert live.watching() == 0


async def test_comments_keep_a_quiet_stream_alive(live: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "KEEP_ALIVE_SECONDS", 0.02)
    ann = await create(live.served)
    async with live.events(live.served.token(ann)) as events:
        assert await events.next() == ("next", NONE)
        while events.raw.count(b":\n\n") < 3:
            events.raw += await anext(events._chunks)
        await give(live, ann, 1)
        assert (await events.next())[0] == "next"


async def test_a_client_that_goes_frees_everything_at_once(live: Listening) -> None:
    ann = live.served.token(await create(live.served))
    for _ in range(3):
        async with live.events(ann) as events:
            await events.next()
            assert (live.watching(), live.streams) == (1, 1)
        await until(lambda: live.watching() == 0 and live.streams == 0)
    left = [task.get_name() for task in asyncio.all_tasks() if "live" not in task.get_name()]
    assert not [name for name in left if "stream" in name and "sweep" not in name]


async def test_a_stream_ends_with_its_token_and_says_why(live: Listening) -> None:
    ann = await create(live.served)
    async with live.events(live.served.token(ann)) as events:
        assert await events.next() == ("next", NONE)
        live.served.clock.advance(days=31)
        await live.served.app.state.streams.sweep()
        kind, body = await events.next()
        assert (kind, body["errors"][0]["extensions"]["code"]) == ("next", "UNAUTHENTICATED")
        assert await events.next() == ("complete", None)
        assert await events.ends()
    await until(lambda: live.watching() == 0)


async def test_nothing_is_told_after_the_token_is_over_even_before_the_next_sweep(live: Listening) -> None:
    ann = await create(live.served)
    async with live.events(live.served.token(ann)) as events, live.socket(live.served.token(ann)) as socket:
        assert await events.next() == ("next", NONE)
        await socket.subscribe("1", POINTS)
        await socket.next()
        live.served.clock.advance(days=31)
        await give(live, ann, 9)
        assert (await events.next())[1]["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert await socket.closed() == (4403, "Forbidden")


async def test_a_customer_has_so_many_streams(live: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.streams.CUSTOMER_STREAMS_MAX", 1)
    ann = live.served.token(await create(live.served))
    async with live.events(ann) as first:
        await first.next()
        async with live.events(ann) as second:
            body = await second.response.aread()
        assert second.response.status_code == 429
        assert b"THROTTLED" in body
    await until(lambda: live.streams == 0)


async def test_a_slow_reader_holds_up_nobody_and_gets_the_last_state(live: Listening) -> None:
    ann = await create(live.served)
    token = live.served.token(ann)
    async with live.events(token) as slow, live.events(token) as quick:
        assert await slow.next() == await quick.next() == ("next", NONE)
        for number in range(1, 6):
            await give(live, ann, 1)
            while (await quick.next())[1]["data"]["loyaltyUpdated"]["balance"]["available"] < number:
                pass
        while (await slow.next())[1]["data"]["loyaltyUpdated"]["balance"]["available"] < 5:
            pass
