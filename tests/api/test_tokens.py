"""Whom the service believes: tokens by shared secret, by published key, and its own for development.

The identity provider is a real HTTP application (Starlette behind httpx's ASGI transport, once behind uvicorn); time is
a clock that only moves when a test moves it.
"""

import asyncio
import base64
import gzip
import hashlib
import hmac
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import httpx
import jwt
import pytest
import uvicorn
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from api import jwks, tokens
from api.tokens import BadToken, Identity, IdentityProviderDown, TokenVerifier, development_token

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ISSUER = "https://login.shop.example/"
AUDIENCE = "crm"
JWKS_URL = "https://login.shop.example/jwks.json"
SECRET = "a secret the shop shares with its provider"
DEVELOPMENT_SECRET = "a secret made up when development began"


class Clock:
    """Stands still until told."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> None:
        self.now += timedelta(**span)


class Gate:
    """Holds a request until the test opens it."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()


class Provider:
    """An identity provider: what it publishes can be changed, what it was asked is counted."""

    def __init__(self) -> None:
        self.published: list[Any] = [rsa_jwk("rsa-1"), ec_jwk("ec-1")]
        self.answer: Response | None = None
        self.requests = 0
        self.reachable = True
        self.gate: Gate | None = None
        self.app = Starlette(routes=[Route("/jwks.json", self._jwks), Route("/moved.json", self._jwks)])

    async def _jwks(self, request: Request) -> Response:
        self.requests += 1
        if self.gate is not None:
            self.gate.reached.set()
            await self.gate.opened.wait()
        if not self.reachable:
            return Response("down for maintenance", status_code=503)
        return self.answer or Response(json.dumps({"keys": self.published}), media_type="application/json")

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app))


@cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=1024 if name == "too small" else 2048)


@cache
def ec_key(name: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def rsa_jwk(kid: str, **more: Any) -> dict[str, Any]:
    return {**RSAAlgorithm.to_jwk(rsa_key(kid).public_key(), as_dict=True), "kid": kid, **more}


def ec_jwk(kid: str, **more: Any) -> dict[str, Any]:
    return {**ECAlgorithm.to_jwk(ec_key(kid).public_key(), as_dict=True), "kid": kid, **more}


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims, changed; a claim changed to None is left out."""
    now = int(START.timestamp())
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "auth0|ann", "iat": now, "exp": now + 86_400 * 7}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def rs256(kid: str = "rsa-1", *, header: dict[str, Any] | None = None, **changes: Any) -> str:
    return jwt.encode(claims(**changes), rsa_key(kid), "RS256", headers=header or {"kid": kid})


def es256(kid: str = "ec-1", **changes: Any) -> str:
    return jwt.encode(claims(**changes), ec_key(kid), "ES256", headers={"kid": kid})


def hs256(**changes: Any) -> str:
    return jwt.encode(claims(**changes), SECRET, "HS256")


def by_hand(header: dict[str, Any], payload: bytes, sign: Callable[[bytes], bytes]) -> str:
    """A token PyJWT would refuse to make."""

    def part(data: bytes) -> bytes:
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    signed = part(json.dumps(header).encode()) + b"." + part(payload)
    return (signed + b"." + part(sign(signed))).decode()


def hmac_signature(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda message: hmac.new(secret, message, hashlib.sha256).digest()


def verifier(clock: Clock, **settings: Any) -> TokenVerifier:
    nothing: dict[str, Any] = {
        "secret": None,
        "jwks_url": None,
        "issuer": None,
        "audience": None,
        "development_secret": DEVELOPMENT_SECRET,
        "http": None,
    }
    return TokenVerifier(clock=clock, **{**nothing, **settings})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
async def published(clock: Clock, provider: Provider) -> AsyncIterator[TokenVerifier]:
    """Verifies by the keys that `provider` publishes."""
    async with provider.client() as http:
        made = verifier(clock, jwks_url=JWKS_URL, issuer=ISSUER, audience=AUDIENCE, http=http)
        yield made
        await made.close()


@pytest.fixture
def shared(clock: Clock) -> TokenVerifier:
    """Verifies by the shared secret."""
    return verifier(clock, secret=SECRET, issuer=ISSUER, audience=AUDIENCE)


async def refusal(made: TokenVerifier, token: str) -> str:
    with pytest.raises(BadToken) as caught:
        await made.verify(token)
    return str(caught.value)


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


# ---------------------------------------------------------------- tokens verified a moment ago


async def test_a_token_verified_a_moment_ago_needs_no_signature_arithmetic(
    published: TokenVerifier, provider: Provider, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[str] = []
    decode = jwt.decode

    def counting(token: str, *args: Any, **options: Any) -> dict[str, Any]:
        decoded.append(token)
        return decode(token, *args, **options)

    monkeypatch.setattr(jwt, "decode", counting)
    token = rs256()
    first = await published.verify(token)
    clock.advance(seconds=59)
    assert await published.verify(token) is first
    assert decoded == [token]
    clock.advance(seconds=1)
    assert await published.verify(token) == first
    assert decoded == [token, token]
    assert provider.requests == 1


async def test_a_token_verified_a_moment_ago_ends_at_its_expiry(shared: TokenVerifier, clock: Clock) -> None:
    token = hs256(exp=START.timestamp() + 10)
    first = await shared.verify(token)
    clock.advance(seconds=10)
    assert await shared.verify(token) is not first  # judged anew: within the leeway, but no longer from the cache
    clock.advance(seconds=30)
    assert await refusal(shared, token) == tokens.EXPIRED


async def test_a_refused_token_is_not_remembered_as_good(shared: TokenVerifier) -> None:
    forged = jwt.encode(claims(), DEVELOPMENT_SECRET, "HS256")
    for _ in range(2):
        assert await refusal(shared, forged) == tokens.UNTRUSTED


async def test_the_memory_of_verified_tokens_is_bounded_and_forgets_the_oldest(
    shared: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "VERIFIED_MAX", 3)
    several = [hs256(sub=f"ann-{number}") for number in range(4)]
    first = [await shared.verify(token) for token in several]
    assert await shared.verify(several[3]) is first[3]
    assert await shared.verify(several[1]) is first[1]
    assert await shared.verify(several[0]) is not first[0]
    assert await shared.verify(several[1]) is not first[1]  # made room for the one before


async def test_a_token_verified_anew_is_no_longer_the_oldest(
    shared: TokenVerifier, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "VERIFIED_MAX", 3)
    ann, bob, eve, zoe = (hs256(sub=name) for name in ("ann", "bob", "eve", "zoe"))
    await shared.verify(ann)
    clock.advance(seconds=59)
    await shared.verify(bob)
    clock.advance(seconds=1)
    renewed = await shared.verify(ann)
    await shared.verify(eve)
    await shared.verify(zoe)
    assert await shared.verify(ann) is renewed
