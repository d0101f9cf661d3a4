"""An identity provider to test against: its keys, its tokens, and an HTTP application that publishes the keys."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.tokens import BadToken, TokenVerifier

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


async def refusal(made: TokenVerifier, token: str) -> str:
    with pytest.raises(BadToken) as caught:
        await made.verify(token)
    return str(caught.value)
