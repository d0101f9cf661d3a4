"""The identity provider's public keys: fetched over HTTP, kept, refreshed.

PyJWT's own `PyJWKClient` reads with blocking urllib, which would stop the event loop, hence this cache. A caller never
waits for more than one fetch, a provider that is down is asked again at most every 30 seconds, and tokens with made-up
key ids cannot turn this service into a flood against the provider.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import httpx
import structlog
from jwt import PyJWK
from jwt.exceptions import PyJWTError

ALGORITHMS = ("RS256", "ES256")
FRESH_FOR = timedelta(minutes=10)
# How long a set that can no longer be refreshed still counts: the provider may be down for a day, not for good.
STALE_MAX = timedelta(hours=24)
FETCH_EVERY_MIN = timedelta(seconds=30)
FETCH_TIMEOUT_SECONDS = 5.0
BODY_BYTES_MAX = 256 * 1024

_log = structlog.get_logger(__name__)


class IdentityProviderDown(Exception):
    """The provider's keys could not be fetched and none are cached: not the caller's fault."""

    def __init__(self) -> None:
        super().__init__("The identity provider cannot be reached; try again later.")


class UnusableKeySet(Exception):
    """What the provider answered is not a key set; the message is for the log."""


class KeySet:
    """The keys behind one JWKS address, by key id.

    A set older than 10 minutes is refreshed before it is used again. When that fails the old keys stay, for 24 hours at
    most, and the refresh is tried again in the background. All fetches, for whatever reason, start at least 30 seconds
    apart, and everybody who needs one shares the one that is running.

    Args:
        url: http(s) address of the set; redirects are not followed.
        clock: the present instant, UTC.
        on_change: called after the keys changed, before anybody sees the new ones.
        http: client to fetch with, left open by `close`; None makes an own one.

    Raises:
        ValueError: `url` is not an http(s) address.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Callable[[], datetime],
        on_change: Callable[[], None],
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._url = _http_url(url)
        self._clock = clock
        self._on_change = on_change
        self._owns_http = http is None
        self._http = httpx.AsyncClient() if http is None else http
        self._keys: Mapping[str, PyJWK] = {}
        self._body: bytes | None = None
        self._fetched_at: datetime | None = None
        self._tried_at: datetime | None = None
        self._last_try_failed = False
        self._fetching: asyncio.Task[None] | None = None

    async def key_for(self, kid: str) -> PyJWK | None:
        """Return the key with this id; None when the provider does not publish it.

        Raises:
            IdentityProviderDown: there are no keys, fetched now or less than 24 hours ago.
        """
        now = self._clock()
        if self._fetched_at is not None and now - self._fetched_at >= STALE_MAX:
            self._replace({}, body=None, fetched_at=None)
        if kid not in self._keys or not _within(FRESH_FOR, self._fetched_at, now):
            fetching = self._fetch_unless_recent(now)
            # A provider known to be down is retried behind the back of callers who can be served with the old keys:
            # each would otherwise pay the time-out of 5 s.
            if fetching is not None and not (self._last_try_failed and kid in self._keys):
                await asyncio.shield(fetching)  # one caller hanging up must not end the fetch of all the others
        if self._fetched_at is None:
            raise IdentityProviderDown
        return self._keys.get(kid)

    async def close(self) -> None:
        """Stop a running fetch and close the own HTTP client."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait([self._fetching])
        if self._owns_http:
            await self._http.aclose()

    def _fetch_unless_recent(self, now: datetime) -> asyncio.Task[None] | None:
        """Return the running fetch, or a new one; None when the last one started less than 30 s ago."""
        if self._fetching is not None and not self._fetching.done():
            return self._fetching
        if _within(FETCH_EVERY_MIN, self._tried_at, now):
            return None
        self._tried_at = now
        self._fetching = asyncio.create_task(self._fetch(now))
        return self._fetching

    async def _fetch(self, now: datetime) -> None:
        try:
            async with asyncio.timeout(FETCH_TIMEOUT_SECONDS):  # httpx limits each read, not a body that only drips
                body = await self._download()
            keys = self._keys if body == self._body else parse_key_set(body)
        except (httpx.HTTPError, OSError, UnusableKeySet) as error:
            self._last_try_failed = True
            _log.warning("jwks_fetch_failed", host=self._url.host, error=type(error).__name__, reason=str(error))
            return
        self._last_try_failed = False
        self._replace(keys, body=body, fetched_at=now)

    async def _download(self) -> bytes:
        # Asked for uncompressed, so that what is counted as it comes in is what was sent.
        headers = {"Accept": "application/jwk-set+json, application/json", "Accept-Encoding": "identity"}
        async with self._http.stream(
            "GET", self._url, headers=headers, follow_redirects=False, timeout=FETCH_TIMEOUT_SECONDS
        ) as response:
            if response.status_code != httpx.codes.OK:
                raise UnusableKeySet(f"status {response.status_code}")
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > BODY_BYTES_MAX:
                    raise UnusableKeySet(f"more than {BODY_BYTES_MAX} bytes")
        return bytes(body)

    def _replace(self, keys: Mapping[str, PyJWK], *, body: bytes | None, fetched_at: datetime | None) -> None:
        changed = body != self._body
        self._keys, self._body, self._fetched_at = keys, body, fetched_at
        if changed:
            self._on_change()
            _log.info("jwks_changed", host=self._url.host, keys=len(keys))


def parse_key_set(body: bytes) -> dict[str, PyJWK]:
    """Return the signature keys of a JWKS document by key id; what cannot be used is left out.

    Left out: keys without an id, for encryption, of another algorithm than RS256 or ES256, malformed, or RSA below 2048
    bits. Of two keys with one id the first counts. A set without usable keys is an answer too: all were withdrawn.

    Raises:
        UnusableKeySet: the body is not JSON or holds no list of keys.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnusableKeySet("not JSON") from error
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise UnusableKeySet("no list of keys")
    keys: dict[str, PyJWK] = {}
    for entry in entries:
        key = _signature_key(entry)
        if key is not None:
            keys.setdefault(entry["kid"], key)
    return keys


def _signature_key(entry: object) -> PyJWK | None:
    """Build a verification key from its public members alone: a private key published by mistake stays harmless."""
    if not isinstance(entry, dict):
        return None
    match entry:
        case {"kid": str(), "kty": "RSA", "n": str(n), "e": str(e)}:
            algorithm, public = "RS256", {"kty": "RSA", "n": n, "e": e}
        case {"kid": str(), "kty": "EC", "crv": "P-256", "x": str(x), "y": str(y)}:
            algorithm, public = "ES256", {"kty": "EC", "crv": "P-256", "x": x, "y": y}
        case _:
            return None
    if entry.get("use", "sig") != "sig" or entry.get("alg", algorithm) != algorithm:
        return None
    try:
        key = PyJWK(public, algorithm)
    except PyJWTError:
        return None
    too_short = key.Algorithm.check_key_length(key.key) is not None
    return None if too_short else key


def _http_url(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise ValueError(f"The JWKS address is not a URL: {error}") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("The JWKS address must be an http or https URL.")
    return url


def _within(span: timedelta, since: datetime | None, now: datetime) -> bool:
    """Whether `since` lies less than `span` back; a clock set back counts as no, so that nothing sticks."""
    return since is not None and timedelta(0) <= now - since < span
