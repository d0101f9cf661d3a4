"""Keys that were published by an identity provider that is down: kept for a day, and asked for again."""

import asyncio
import gzip
import json
import socket
import threading

import httpx
import pytest
import uvicorn
from starlette.responses import RedirectResponse, Response

from api import jwks, tokens
from api.tokens import IdentityProviderDown, TokenVerifier
from tests.api.provider import AUDIENCE, ISSUER, JWKS_URL, Clock, Gate, Provider, refusal, rs256, rsa_jwk, verifier


async def test_without_any_key_a_provider_that_is_down_is_said_to_be_down(
    published: TokenVerifier, provider: Provider, clock: Clock
) -> None:
    provider.reachable = False
    for _ in range(3):
        with pytest.raises(IdentityProviderDown):
            await published.verify(rs256())
    assert provider.requests == 1
    provider.reachable = True
    clock.advance(seconds=30)
    assert (await published.verify(rs256())).subject == "auth0|ann"
    assert provider.requests == 2


@pytest.mark.parametrize(
    "answer",
    [
        Response("<html>", media_type="text/html"),
        Response(b"\xff\xfe\x00"),
        Response("[]"),
        Response('{"keys": {}}'),
        Response("[" * 200_000),
        Response(json.dumps({"keys": [], "padding": "x" * jwks.BODY_BYTES_MAX})),
        Response('{"keys": []}', status_code=404),
        RedirectResponse("/moved.json"),
    ],
    ids=["html", "bytes", "list", "object", "nested", "large", "missing", "redirect"],
)
async def test_an_answer_that_is_no_key_set_counts_as_down(
    published: TokenVerifier, provider: Provider, answer: Response
) -> None:
    provider.answer = answer
    with pytest.raises(IdentityProviderDown):
        await published.verify(rs256())
    assert provider.requests == 1


async def test_a_provider_that_cannot_be_connected_to_counts_as_down(clock: Clock) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)

    async with httpx.AsyncClient(transport=httpx.MockTransport(refuse)) as http:
        made = verifier(clock, jwks_url=JWKS_URL, issuer=ISSUER, audience=AUDIENCE, http=http)
        with pytest.raises(IdentityProviderDown):
            await made.verify(rs256())


async def test_an_answer_the_client_has_read_already_or_unpacked_is_taken(clock: Clock, provider: Provider) -> None:
    body = gzip.compress(json.dumps({"keys": provider.published}).encode())
    answer = httpx.Response(200, content=body, headers={"Content-Encoding": "gzip"})
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answer)) as http:
        made = verifier(clock, jwks_url=JWKS_URL, issuer=ISSUER, audience=AUDIENCE, http=http)
        assert (await made.verify(rs256())).subject == "auth0|ann"


async def test_a_provider_that_never_answers_counts_as_down(
    published: TokenVerifier, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "FETCH_TIMEOUT_SECONDS", 0.01)
    provider.gate = Gate()
    with pytest.raises(IdentityProviderDown):
        await published.verify(rs256())


async def test_cached_keys_outlive_a_provider_that_is_down_by_a_day(
    published: TokenVerifier, provider: Provider, clock: Clock
) -> None:
    await published.verify(rs256())
    provider.reachable = False
    clock.advance(hours=23, minutes=59)
    assert (await published.verify(rs256())).subject == "auth0|ann"
    assert await refusal(published, rs256("unknown")) == tokens.UNTRUSTED  # not "down": there are keys to judge by
    clock.advance(minutes=1)
    with pytest.raises(IdentityProviderDown):
        await published.verify(rs256())


async def test_a_failed_refresh_is_tried_again_every_thirty_seconds(
    published: TokenVerifier, provider: Provider, clock: Clock
) -> None:
    await published.verify(rs256())
    provider.reachable = False
    clock.advance(minutes=10)
    for number in range(20):
        await published.verify(rs256(sub=f"ann-{number}"))
        clock.advance(seconds=1)
    assert provider.requests == 2
    clock.advance(seconds=10)
    await published.verify(rs256(sub="bob"))
    await refusal(published, rs256("unknown"))  # waits for the refresh that runs in the background
    assert provider.requests == 3


async def test_nobody_with_a_known_key_waits_for_a_provider_known_to_be_down(
    published: TokenVerifier, provider: Provider, clock: Clock
) -> None:
    await published.verify(rs256())
    provider.reachable = False
    clock.advance(minutes=10)
    await published.verify(rs256(sub="the one who found out"))
    gate = provider.gate = Gate()
    clock.advance(seconds=30)
    assert (await published.verify(rs256(sub="bob"))).subject == "bob"  # would hang if it waited
    await gate.reached.wait()
    provider.reachable, provider.published = True, [rsa_jwk("rsa-2")]
    gate.opened.set()
    assert (await published.verify(rs256("rsa-2"))).subject == "auth0|ann"
    assert await refusal(published, rs256()) == tokens.UNTRUSTED
    assert provider.requests == 3


async def test_a_provider_that_came_back_is_waited_for_again(
    published: TokenVerifier, provider: Provider, clock: Clock
) -> None:
    await published.verify(rs256())
    provider.reachable = False
    clock.advance(minutes=10)
    await published.verify(rs256())
    provider.reachable = True
    clock.advance(seconds=30)
    await refusal(published, rs256("unknown"))
    provider.published = [rsa_jwk("rsa-2")]
    clock.advance(minutes=10)
    assert await refusal(published, rs256()) == tokens.UNTRUSTED


async def test_closing_stops_a_running_fetch(clock: Clock, provider: Provider) -> None:
    gate = provider.gate = Gate()
    async with provider.client() as http:
        made = verifier(clock, jwks_url=JWKS_URL, issuer=ISSUER, audience=AUDIENCE, http=http)
        waiting = asyncio.create_task(made.verify(rs256()))
        await gate.reached.wait()
        await made.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not http.is_closed


async def test_without_a_client_given_the_keys_are_fetched_over_a_real_socket(clock: Clock, provider: Provider) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(provider.app, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/jwks.json"
    made = verifier(clock, jwks_url=url, issuer=ISSUER, audience=AUDIENCE)
    try:
        assert (await made.verify(rs256())).subject == "auth0|ann"
        assert provider.requests == 1
    finally:
        await made.close()
        server.should_exit = True
        thread.join()
