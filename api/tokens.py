"""Customers' tokens: who a JWT says the caller is, and whether to believe it.

A shop configures one way: a secret it shares with its identity provider (HS256), or the address of the provider's
public keys (RS256 and ES256, see jwks.py). With neither the product believes the development tokens it signs itself.
The algorithm always follows from what is configured; a token's header can only agree or be refused.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
from jwt import PyJWK
from jwt import exceptions as refused
from jwt.algorithms import HMACAlgorithm

from api.jwks import ALGORITHMS, IdentityProviderDown, KeySet

__all__ = ["BadToken", "Identity", "IdentityProviderDown", "TokenVerifier", "development_token"]

# Issuer and audience of development tokens; no identity provider may be called so.
DEVELOPMENT = "crm-development"
LEEWAY = timedelta(seconds=30)
TOKEN_CHARS_MAX = 8 * 1024
SUBJECT_CHARS_MAX = 255
SECRET_BYTES_MIN = 32
VERIFIED_FOR = timedelta(seconds=60)
VERIFIED_MAX = 10_000

UNREADABLE = "The token is not a readable JWT."
UNTRUSTED = "The token is not signed by a key this service trusts."
EXPIRED = "The token has expired."
NOT_YET_VALID = "The token is not valid yet."
OTHER_AUDIENCE = "The token is not meant for this service."
OTHER_ISSUER = "The token comes from another issuer."
BAD_CLAIMS = "The token lacks a claim this service needs, or holds one it cannot use."
NONE_ACCEPTED = "This service accepts no customer tokens."

_SENTENCES: dict[type[refused.PyJWTError], str] = {
    refused.InvalidSignatureError: UNTRUSTED,
    refused.InvalidAlgorithmError: UNTRUSTED,
    refused.InvalidAudienceError: OTHER_AUDIENCE,
    refused.InvalidIssuerError: OTHER_ISSUER,
    refused.InvalidSubjectError: BAD_CLAIMS,
    refused.InvalidJTIError: BAD_CLAIMS,
    refused.MissingRequiredClaimError: BAD_CLAIMS,
}
# Control characters, and lone surrogates: JSON can carry them but neither UTF-8 nor the database can.
_UNUSABLE_IN_SUBJECT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class BadToken(Exception):
    """The caller's token is not good; the message is one of the sentences above and safe to show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a verified token speaks for; `subject` is unique within `issuer` only.

    `development`: signed by this product, and `subject` is a customer id ("cus_…") instead of the provider's.
    """

    issuer: str
    subject: str
    expires_at: datetime
    development: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Expected:
    """What the tokens must say about themselves."""

    issuer: str
    audience: str
    development: bool


class TokenVerifier:
    """Verifies tokens in the one way that is configured.

    Args:
        secret: shared with the identity provider, at least 32 bytes as UTF-8; accepts HS256 only.
        jwks_url: http(s) address of the provider's public keys; accepts RS256 and ES256 only.
        issuer, audience: what `iss` must be and `aud` must contain; needed with either of the above.
        development_secret: for development tokens, believed when neither `secret` nor `jwks_url` is given; None then
            means that no token is accepted.
        clock: the present instant, timezone-aware UTC.
        http: client that fetches the keys, left open by `close`; None makes an own one.

    Raises:
        ValueError: the settings contradict each other or are unsafe; the message says how.
    """

    def __init__(
        self,
        *,
        secret: str | None,
        jwks_url: str | None,
        issuer: str | None,
        audience: str | None,
        development_secret: str | None,
        clock: Callable[[], datetime],
        http: httpx.AsyncClient | None = None,
    ) -> None:
        if secret is not None and jwks_url is not None:
            raise ValueError("Give a secret or a JWKS address, not both.")
        provider = secret is not None or jwks_url is not None
        self._expected = _expected(provider=provider, issuer=issuer, audience=audience)
        self._clock = clock
        self._verified = _VerifiedTokens()
        self._keys: KeySet | None = None
        self._key: PyJWK | None = None
        if jwks_url is not None:
            self._keys = KeySet(jwks_url, clock=clock, on_change=self._verified.clear, http=http)
        else:
            hmac_secret = development_secret if secret is None else secret
            self._key = None if hmac_secret is None else _hmac_key(hmac_secret)

    async def verify(self, token: str) -> Identity:
        """Return who the token speaks for; a token verified in the last minute costs a hash and a look-up.

        Raises:
            BadToken: it is malformed, not signed as configured, or its claims do not hold now.
            IdentityProviderDown: there are no keys to verify it with.
        """
        if len(token) > TOKEN_CHARS_MAX or not token.isascii():
            raise BadToken(UNREADABLE)
        digest = hashlib.sha256(token.encode()).digest()
        identity = self._verified.get(digest, at=self._clock())
        if identity is None:
            key = await self._key_for(token)
            # From here on nothing awaits: keys that change meanwhile cannot leave this token in the cache.
            now = self._clock()
            identity = _identity(_claims(token, key, self._expected), self._expected, at=now)
            self._verified.put(digest, identity, at=now)
        return identity

    async def close(self) -> None:
        """Stop fetching keys; the verifier is not used after."""
        if self._keys is not None:
            await self._keys.close()

    async def _key_for(self, token: str) -> PyJWK:
        if self._keys is None:
            if self._key is None:
                raise BadToken(NONE_ACCEPTED)
            return self._key
        try:
            header = jwt.get_unverified_header(token)
        except refused.PyJWTError as error:
            raise BadToken(UNREADABLE) from error
        kid = header.get("kid")
        # Looked at here only to spare the provider a fetch; the key's own algorithm decides when it verifies.
        if kid is None or header.get("alg") not in ALGORITHMS:
            raise BadToken(UNTRUSTED)
        key = await self._keys.key_for(kid)
        if key is None:
            raise BadToken(UNTRUSTED)
        return key


class _VerifiedTokens:
    """Identities of tokens verified in the last minute, by the token's SHA-256: the tokens themselves are not kept."""

    def __init__(self) -> None:
        self._entries: dict[bytes, tuple[Identity, datetime]] = {}
        self.clear = self._entries.clear

    def get(self, digest: bytes, *, at: datetime) -> Identity | None:
        entry = self._entries.get(digest)
        return entry[0] if entry is not None and at < entry[1] else None

    def put(self, digest: bytes, identity: Identity, *, at: datetime) -> None:
        self._entries.pop(digest, None)  # a renewed entry moves to the end, so that the first one is the oldest
        if len(self._entries) >= VERIFIED_MAX:
            del self._entries[next(iter(self._entries))]
        self._entries[digest] = (identity, min(identity.expires_at, at + VERIFIED_FOR))


def development_token(customer_id: str, *, secret: str, now: datetime, lifetime: timedelta = timedelta(days=30)) -> str:
    """Sign a token that speaks for a customer ("cus_…") where no identity provider is configured.

    Args:
        customer_id: becomes `sub`.
        secret: the verifier's `development_secret`.
        now: instant of issue, timezone-aware.
        lifetime: from `now` to `exp`, which is cut to whole seconds.

    Raises:
        ValueError: `customer_id` is not a customer's, or the secret is shorter than 32 bytes.
    """
    if not customer_id.startswith("cus_"):
        raise ValueError(f"A development token speaks for a customer id (cus_…), got {customer_id!r}.")
    claims = {
        "iss": DEVELOPMENT,
        "aud": DEVELOPMENT,
        "sub": customer_id,
        "iat": int(now.timestamp()),
        "exp": int((now + lifetime).timestamp()),
    }
    return jwt.encode(claims, _hmac_key(secret))


def _expected(*, provider: bool, issuer: str | None, audience: str | None) -> _Expected:
    if not provider:
        if issuer or audience:
            # Most likely the secret was forgotten: taking development tokens instead would open the shop.
            raise ValueError("An issuer or audience needs an identity provider: give a secret or a JWKS address.")
        return _Expected(issuer=DEVELOPMENT, audience=DEVELOPMENT, development=True)
    if not issuer or not audience:
        raise ValueError("An identity provider needs an issuer and an audience.")
    if issuer == DEVELOPMENT:
        raise ValueError(f"An identity provider cannot be called {DEVELOPMENT}: that is the issuer of our own tokens.")
    return _Expected(issuer=issuer, audience=audience, development=False)


def _hmac_key(secret: str) -> PyJWK:
    if len(secret.encode()) < SECRET_BYTES_MIN:
        raise ValueError(f"A token secret needs at least {SECRET_BYTES_MIN} bytes (RFC 7518, section 3.2).")
    key = PyJWK(HMACAlgorithm.to_jwk(secret, as_dict=True), "HS256")
    try:
        key.Algorithm.prepare_key(key.key)
    except refused.InvalidKeyError as error:  # a public key as secret: anybody could sign with it
        raise ValueError("A token secret must not be a public key, a certificate or a JWK.") from error
    return key


def _claims(token: str, key: PyJWK, expected: _Expected) -> dict[str, Any]:
    """Return the claims of a token that `key` signed; what they say of time is left to `_identity`.

    PyJWT would compare times with the wall clock, not with ours.
    """
    try:
        return jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            issuer=expected.issuer,
            audience=expected.audience,
            options={
                "require": ["exp", "sub", "iss", "aud"],
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            },
        )
    except refused.PyJWTError as error:
        raise BadToken(_SENTENCES.get(type(error), UNREADABLE)) from error


def _identity(claims: dict[str, Any], expected: _Expected, *, at: datetime) -> Identity:
    subject: str = claims["sub"]
    if not 0 < len(subject) <= SUBJECT_CHARS_MAX or _UNUSABLE_IN_SUBJECT.search(subject):
        raise BadToken(BAD_CLAIMS)
    expires_at = _instant(claims["exp"])
    if at - LEEWAY >= expires_at:
        raise BadToken(EXPIRED)
    if any(_instant(claims[name]) > at + LEEWAY for name in ("nbf", "iat") if name in claims):
        raise BadToken(NOT_YET_VALID)
    return Identity(issuer=expected.issuer, subject=subject, expires_at=expires_at, development=expected.development)


def _instant(value: object) -> datetime:
    """Read a NumericDate: seconds since 1970, whole or not."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadToken(BAD_CLAIMS)
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as error:  # NaN, infinity, a date beyond the year 9999
        raise BadToken(BAD_CLAIMS) from error
