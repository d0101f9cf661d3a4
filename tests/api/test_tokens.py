"""Whom the service believes: tokens by shared secret, by published key, and its own for development.

The identity provider is a real HTTP application (Starlette behind httpx's ASGI transport, once behind uvicorn); time is
a clock that only moves when a test moves it.
"""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from api import tokens
from api.tokens import Identity, TokenVerifier, development_token
from tests.api.provider import (
    AUDIENCE,
    DEVELOPMENT_SECRET,
    ISSUER,
    JWKS_URL,
    SECRET,
    START,
    Clock,
    Provider,
    by_hand,
    claims,
    es256,
    hmac_signature,
    hs256,
    refusal,
    rs256,
    rsa_jwk,
    rsa_key,
    verifier,
)

# ---------------------------------------------------------------- what is believed


async def test_a_token_signed_with_the_shared_secret_says_who_the_customer_is(shared: TokenVerifier) -> None:
    expected = Identity(issuer=ISSUER, subject="auth0|ann", expires_at=START + timedelta(days=7), development=False)
    assert await shared.verify(hs256()) == expected


@pytest.mark.parametrize("sign", [rs256, es256])
async def test_a_token_signed_with_a_published_key_says_who_the_customer_is(
    published: TokenVerifier, sign: Callable[[], str]
) -> None:
    expected = Identity(issuer=ISSUER, subject="auth0|ann", expires_at=START + timedelta(days=7), development=False)
    assert await published.verify(sign()) == expected


async def test_one_of_several_audiences_is_enough(shared: TokenVerifier) -> None:
    assert (await shared.verify(hs256(aud=["somebody", AUDIENCE]))).subject == "auth0|ann"


async def test_a_development_token_speaks_for_its_customer_where_no_provider_is_configured(clock: Clock) -> None:
    token = development_token("cus_ann", secret=DEVELOPMENT_SECRET, now=clock())
    expected = Identity(
        issuer="crm-development", subject="cus_ann", expires_at=START + timedelta(days=30), development=True
    )
    assert await verifier(clock).verify(token) == expected


async def test_a_development_token_ends_with_its_lifetime(clock: Clock) -> None:
    token = development_token("cus_ann", secret=DEVELOPMENT_SECRET, now=clock(), lifetime=timedelta(hours=1))
    made = verifier(clock)
    clock.advance(hours=1, seconds=29)
    await made.verify(token)
    clock.advance(seconds=1)
    assert await refusal(made, token) == tokens.EXPIRED


async def test_a_development_token_is_refused_where_a_provider_is_configured(
    clock: Clock, provider: Provider, published: TokenVerifier
) -> None:
    token = development_token("cus_ann", secret=SECRET, now=clock())
    by_secret = verifier(clock, secret=SECRET, issuer=ISSUER, audience="crm-development", development_secret=SECRET)
    assert await refusal(by_secret, token) == tokens.OTHER_ISSUER
    assert await refusal(published, token) == tokens.UNTRUSTED
    assert provider.requests == 0


async def test_a_development_token_by_another_secret_is_refused(clock: Clock) -> None:
    token = development_token("cus_ann", secret=SECRET, now=clock())
    assert await refusal(verifier(clock), token) == tokens.UNTRUSTED


async def test_with_nothing_configured_no_token_is_accepted(clock: Clock) -> None:
    token = development_token("cus_ann", secret=DEVELOPMENT_SECRET, now=clock())
    assert await refusal(verifier(clock, development_secret=None), token) == tokens.NONE_ACCEPTED


def test_a_development_token_is_made_for_customer_ids_only(clock: Clock) -> None:
    with pytest.raises(ValueError, match="customer id"):
        development_token("ann@example.com", secret=DEVELOPMENT_SECRET, now=clock())


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"secret": SECRET, "jwks_url": JWKS_URL, "issuer": ISSUER, "audience": AUDIENCE}, "not both"),
        ({"secret": SECRET, "issuer": ISSUER}, "needs an issuer and an audience"),
        ({"jwks_url": JWKS_URL, "audience": AUDIENCE}, "needs an issuer and an audience"),
        ({"secret": SECRET, "issuer": "crm-development", "audience": AUDIENCE}, "cannot be called"),
        ({"issuer": ISSUER, "audience": AUDIENCE}, "needs an identity provider"),
        ({"secret": "too short", "issuer": ISSUER, "audience": AUDIENCE}, "at least 32 bytes"),
        ({"development_secret": ""}, "at least 32 bytes"),
        ({"jwks_url": "file:///etc/passwd", "issuer": ISSUER, "audience": AUDIENCE}, "http or https"),
        ({"jwks_url": "login.shop.example/jwks", "issuer": ISSUER, "audience": AUDIENCE}, "http or https"),
        ({"jwks_url": "https://login.shop.example:port/", "issuer": ISSUER, "audience": AUDIENCE}, "not a URL"),
    ],
)
def test_settings_that_contradict_each_other_stop_the_start(
    clock: Clock, settings: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        verifier(clock, **settings)


def test_a_public_key_as_shared_secret_stops_the_start(clock: Clock) -> None:
    with pytest.raises(ValueError, match="must not be a public key"):
        verifier(clock, secret=public_pem("rsa-1").decode(), issuer=ISSUER, audience=AUDIENCE)


# ---------------------------------------------------------------- algorithms


def public_pem(kid: str) -> bytes:
    return (
        rsa_key(kid)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


async def test_the_public_key_used_as_hmac_secret_is_not_believed(published: TokenVerifier, provider: Provider) -> None:
    await published.verify(rs256())
    forged = by_hand(
        {"alg": "HS256", "kid": "rsa-1"}, json.dumps(claims()).encode(), hmac_signature(public_pem("rsa-1"))
    )
    assert await refusal(published, forged) == tokens.UNTRUSTED
    assert provider.requests == 1


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "", None])
async def test_an_unsigned_token_is_not_believed(
    published: TokenVerifier, shared: TokenVerifier, clock: Clock, alg: str | None
) -> None:
    unsigned = by_hand({"alg": alg, "kid": "rsa-1"}, json.dumps(claims()).encode(), lambda _: b"")
    assert await refusal(published, unsigned) == tokens.UNTRUSTED
    assert await refusal(shared, unsigned) == tokens.UNTRUSTED
    assert await refusal(verifier(clock), unsigned) == tokens.UNTRUSTED


@pytest.mark.parametrize(("alg", "kid"), [("RS256", "ec-1"), ("ES256", "rsa-1")])
async def test_the_keys_own_algorithm_counts_whatever_the_header_claims(
    published: TokenVerifier, alg: str, kid: str
) -> None:
    confused = by_hand({"alg": alg, "kid": kid}, json.dumps(claims()).encode(), lambda _: b"\x01" * 64)
    assert await refusal(published, confused) == tokens.UNTRUSTED


@pytest.mark.parametrize("alg", ["RS384", "RS512", "PS256"])
async def test_other_algorithms_of_the_same_key_are_not_believed(
    published: TokenVerifier, provider: Provider, alg: str
) -> None:
    token = jwt.encode(claims(), rsa_key("rsa-1"), alg, headers={"kid": "rsa-1"})
    assert await refusal(published, token) == tokens.UNTRUSTED
    assert provider.requests == 0


async def test_longer_hmacs_by_the_shared_secret_are_not_believed(shared: TokenVerifier) -> None:
    token = jwt.encode(claims(), SECRET + SECRET, "HS512")
    assert await refusal(shared, token) == tokens.UNTRUSTED


async def test_a_key_carried_in_the_token_is_not_believed(published: TokenVerifier) -> None:
    header = {"kid": "rsa-1", "jwk": rsa_jwk("mallory"), "jku": "https://mallory.example/jwks.json"}
    forged = jwt.encode(claims(), rsa_key("mallory"), "RS256", headers=header)
    assert await refusal(published, forged) == tokens.UNTRUSTED


async def test_a_changed_claim_breaks_the_signature(shared: TokenVerifier) -> None:
    head, _, signature = hs256().split(".")
    body = base64.urlsafe_b64encode(json.dumps(claims(sub="auth0|bob")).encode()).rstrip(b"=").decode()
    assert await refusal(shared, f"{head}.{body}.{signature}") == tokens.UNTRUSTED


# ---------------------------------------------------------------- claims


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"iss": "https://login.other.example/"}, tokens.OTHER_ISSUER),
        ({"iss": ["https://login.shop.example/"]}, tokens.OTHER_ISSUER),
        ({"iss": None}, tokens.BAD_CLAIMS),
        ({"aud": "another"}, tokens.OTHER_AUDIENCE),
        ({"aud": ["another", "crm2"]}, tokens.OTHER_AUDIENCE),
        ({"aud": [AUDIENCE, 1]}, tokens.OTHER_AUDIENCE),
        ({"aud": []}, tokens.BAD_CLAIMS),
        ({"aud": None}, tokens.BAD_CLAIMS),
        ({"sub": None}, tokens.BAD_CLAIMS),
        ({"sub": ""}, tokens.BAD_CLAIMS),
        ({"sub": 7}, tokens.BAD_CLAIMS),
        ({"sub": "a" * 256}, tokens.BAD_CLAIMS),
        ({"sub": "ann\x00"}, tokens.BAD_CLAIMS),
        ({"sub": "ann\nbob"}, tokens.BAD_CLAIMS),
        ({"sub": "ann\x85"}, tokens.BAD_CLAIMS),
        ({"sub": "ann\ud800"}, tokens.BAD_CLAIMS),
        ({"exp": None}, tokens.BAD_CLAIMS),
        ({"exp": "1800000000"}, tokens.BAD_CLAIMS),
        ({"exp": True}, tokens.BAD_CLAIMS),
        ({"exp": 10**400}, tokens.BAD_CLAIMS),
        ({"exp": 1_795_867_200_000}, tokens.BAD_CLAIMS),  # milliseconds: the year 58,000
        ({"exp": float("nan")}, tokens.BAD_CLAIMS),
        ({"exp": float("inf")}, tokens.BAD_CLAIMS),
        ({"exp": START.timestamp() - 30}, tokens.EXPIRED),
        ({"nbf": START.timestamp() + 31}, tokens.NOT_YET_VALID),
        ({"iat": START.timestamp() + 31}, tokens.NOT_YET_VALID),
        ({"nbf": "now"}, tokens.BAD_CLAIMS),
        ({"iat": []}, tokens.BAD_CLAIMS),
    ],
)
async def test_claims_that_do_not_hold_are_refused(
    shared: TokenVerifier, changes: dict[str, Any], sentence: str
) -> None:
    token = by_hand({"alg": "HS256"}, json.dumps(claims(**changes)).encode(), hmac_signature(SECRET.encode()))
    assert await refusal(shared, token) == sentence


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": START.timestamp() - 29.5},
        {"nbf": START.timestamp() + 30},
        {"iat": START.timestamp() + 30},
        {"iat": None},
        {"sub": "a" * 255},
        {"sub": "Ann Ö'Neil 🦊"},
    ],
)
async def test_claims_at_the_edge_hold(shared: TokenVerifier, changes: dict[str, Any]) -> None:
    await shared.verify(hs256(**changes))


async def test_a_token_not_valid_yet_is_believed_when_its_time_has_come(shared: TokenVerifier, clock: Clock) -> None:
    token = hs256(nbf=START.timestamp() + 60)
    assert await refusal(shared, token) == tokens.NOT_YET_VALID
    clock.advance(seconds=30)
    assert (await shared.verify(token)).subject == "auth0|ann"


@pytest.mark.parametrize(
    "garbage",
    ["", ".", "..", "a.b.c", "not a token", "é.é.é", "\ud800", "e30.e30.", "W10.e30.", "bnVsbA.e30.", "crm_live_key"],
)
async def test_garbage_is_refused_with_a_fixed_sentence_and_costs_no_fetch(
    shared: TokenVerifier, published: TokenVerifier, provider: Provider, garbage: str
) -> None:
    sentences = {tokens.UNREADABLE, tokens.UNTRUSTED}
    assert await refusal(shared, garbage) in sentences
    assert await refusal(published, garbage) in sentences
    assert provider.requests == 0


async def test_a_payload_that_is_no_object_is_refused(shared: TokenVerifier) -> None:
    for payload in (b"[]", b"null", b"\xff", b"[" * 5_000):
        token = by_hand({"alg": "HS256"}, payload, hmac_signature(SECRET.encode()))
        assert await refusal(shared, token) == tokens.UNREADABLE


async def test_a_token_of_more_than_8_kb_is_refused_before_it_is_parsed(
    shared: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = hs256(note="x" * 8_192)
    monkeypatch.setattr(jwt, "decode", None)
    assert await refusal(shared, token) == tokens.UNREADABLE
