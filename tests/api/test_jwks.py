"""Keys that an identity provider publishes: cached, rotated, and served while the provider is down."""

import asyncio
import base64
import gzip
import json
import socket
import threading
from typing import Any

import httpx
import jwt
import pytest
import uvicorn
from jwt.algorithms import RSAAlgorithm
from starlette.responses import RedirectResponse, Response

from api import jwks, tokens
from api.tokens import IdentityProviderDown, TokenVerifier
from tests.api.provider import (
    AUDIENCE,
    ISSUER,
    JWKS_URL,
    SECRET,
    Clock,
    Gate,
    Provider,
    claims,
    ec_jwk,
    es256,
    refusal,
    rs256,
    rsa_jwk,
    rsa_key,
    verifier,
)

# ---------------------------------------------------------------- published keys


async def test_the_key_set_is_fetched_once_for_all_tokens_of_ten_minutes(
    published: TokenVerifier, provider: Provider, clock: Clock
) -> None:
    for number in range(5):
        await published.verify(rs256(sub=f"ann-{number}"))
        clock.advance(minutes=1)
    assert provider.requests == 1
    clock.advance(minutes=5)
    await published.verify(rs256())
    assert provider.requests == 2


async def test_fifty_first_verifications_at_once_share_one_fetch(published: TokenVerifier, provider: Provider) -> None:
    gate = provider.gate = Gate()
    several = [asyncio.create_task(published.verify(rs256(sub=f"ann-{number}"))) for number in range(50)]
    await gate.reached.wait()
    gate.opened.set()
    subjects = [identity.subject for identity in await asyncio.gather(*several)]
    assert subjects == [f"ann-{number}" for number in range(50)]
    assert provider.requests == 1


async def test_a_caller_who_hangs_up_does_not_end_the_fetch_of_the_others(
    published: TokenVerifier, provider: Provider
) -> None:
    gate = provider.gate = Gate()
    impatient, patient = (asyncio.create_task(published.verify(rs256(sub=name))) for name in ("ann", "bob"))
    await gate.reached.wait()
    impatient.cancel()
    gate.opened.set()
    assert (await patient).subject == "bob"
    assert impatient.cancelled()
    assert provider.requests == 1


async def test_a_new_key_is_fetched_once_when_its_first_token_comes(
    published: TokenVerifier, provider: Provider, clock: Clock
) -> None:
    await published.verify(rs256())
    provider.published.append(rsa_jwk("rsa-2"))
    clock.advance(seconds=30)
    several = await asyncio.gather(*(published.verify(rs256("rsa-2", sub=f"ann-{number}")) for number in range(10)))
    assert len(several) == 10
    await published.verify(rs256(sub="by the old key"))
    assert provider.requests == 2


async def test_a_removed_key_is_refused_after_the_next_refresh(
    published: TokenVerifier, provider: Provider, clock: Clock
) -> None:
    token = rs256()
    await published.verify(token)
    provider.published = [rsa_jwk("rsa-2")]
    clock.advance(minutes=9, seconds=59)
    await published.verify(token)
    clock.advance(minutes=1)
    assert await refusal(published, token) == tokens.UNTRUSTED


async def test_a_removed_key_ends_even_the_tokens_verified_a_moment_ago(
    published: TokenVerifier, provider: Provider, clock: Clock
) -> None:
    token = rs256()
    await published.verify(token)
    provider.published = [rsa_jwk("rsa-2")]
    clock.advance(seconds=30)
    await published.verify(token)  # verified less than a minute ago
    await published.verify(rs256("rsa-2"))
    assert await refusal(published, token) == tokens.UNTRUSTED


async def test_a_key_replaced_under_its_old_id_is_replaced_here_too(
    published: TokenVerifier, provider: Provider, clock: Clock
) -> None:
    await published.verify(rs256())
    provider.published = [{**rsa_jwk("rsa-2"), "kid": "rsa-1"}]
    clock.advance(minutes=10)
    assert await refusal(published, rs256()) == tokens.UNTRUSTED
    assert await published.verify(rs256("rsa-2", header={"kid": "rsa-1"}))


async def test_when_all_keys_are_withdrawn_no_token_is_believed(
    published: TokenVerifier, provider: Provider, clock: Clock
) -> None:
    await published.verify(rs256())
    provider.published = []
    clock.advance(minutes=10)
    assert await refusal(published, rs256()) == tokens.UNTRUSTED


async def test_a_storm_of_made_up_key_ids_costs_one_fetch_in_thirty_seconds(
    published: TokenVerifier, provider: Provider, clock: Clock
) -> None:
    await published.verify(rs256())
    storm = [rs256(header={"kid": f"made-up-{number}"}) for number in range(100)]
    for _ in range(3):
        clock.advance(seconds=29)
        before = provider.requests
        await asyncio.gather(*(refusal(published, token) for token in storm))
        assert provider.requests == before
        clock.advance(seconds=1)
        await asyncio.gather(*(refusal(published, token) for token in storm))
        await refusal(published, storm[0])
        assert provider.requests == before + 1


async def test_a_clock_set_back_does_not_stop_the_refresh(
    published: TokenVerifier, provider: Provider, clock: Clock
) -> None:
    await published.verify(rs256())
    clock.advance(hours=-1)
    provider.published.append(rsa_jwk("rsa-2"))
    await published.verify(rs256("rsa-2", iat=None))
    assert provider.requests == 2


async def test_a_token_without_a_key_id_is_refused_and_costs_no_fetch(
    published: TokenVerifier, provider: Provider
) -> None:
    assert await refusal(published, jwt.encode(claims(), rsa_key("rsa-1"), "RS256")) == tokens.UNTRUSTED
    assert provider.requests == 0


async def test_of_two_keys_with_one_id_the_first_counts(published: TokenVerifier, provider: Provider) -> None:
    provider.published = [rsa_jwk("rsa-1"), {**rsa_jwk("rsa-2"), "kid": "rsa-1"}]
    assert (await published.verify(rs256())).subject == "auth0|ann"


@pytest.mark.parametrize(
    "unusable",
    [
        None,
        1,
        "key",
        [],
        {},
        {"kid": "x"},
        {"kid": "x", "kty": ["RSA"]},
        {"kid": 1, "kty": "RSA"},
        {"kid": "rsa-9", "kty": "RSA", "n": "!", "e": "AQAB"},
        {"kid": "rsa-9", "kty": "RSA", "n": 5, "e": "AQAB"},
        {"kid": "rsa-9", "kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ"},
        {"kid": "rsa-9", "kty": "EC", "crv": "P-384", "x": "AQ", "y": "AQ"},
        {"kid": "rsa-9", "kty": "oct", "k": base64.urlsafe_b64encode(SECRET.encode()).decode()},
    ],
)
async def test_malformed_keys_are_skipped_and_the_others_count(
    published: TokenVerifier, provider: Provider, unusable: object
) -> None:
    provider.published.insert(0, unusable)
    await published.verify(rs256())
    await published.verify(es256())
    assert await refusal(published, rs256("rsa-9")) == tokens.UNTRUSTED


@pytest.mark.parametrize("more", [{"use": "enc"}, {"alg": "RS512"}, {"alg": "RSA-OAEP"}, {"alg": "ES256"}])
async def test_a_key_meant_for_something_else_is_skipped(
    published: TokenVerifier, provider: Provider, more: dict[str, Any]
) -> None:
    provider.published = [rsa_jwk("rsa-1", **more)]
    assert await refusal(published, rs256()) == tokens.UNTRUSTED


async def test_a_key_that_says_what_it_is_for_is_used(published: TokenVerifier, provider: Provider) -> None:
    provider.published = [rsa_jwk("rsa-1", use="sig", alg="RS256"), ec_jwk("ec-1", use="sig", alg="ES256")]
    await published.verify(rs256())
    await published.verify(es256())


async def test_an_rsa_key_below_2048_bits_is_skipped(published: TokenVerifier, provider: Provider) -> None:
    provider.published = [rsa_jwk("too small")]
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        token = rs256("too small")
    assert await refusal(published, token) == tokens.UNTRUSTED


async def test_of_a_private_key_published_by_mistake_the_public_part_is_used(
    published: TokenVerifier, provider: Provider
) -> None:
    provider.published = [{**RSAAlgorithm.to_jwk(rsa_key("rsa-1"), as_dict=True), "kid": "rsa-1"}]
    assert (await published.verify(rs256())).subject == "auth0|ann"


# ---------------------------------------------------------------- the provider is down


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
