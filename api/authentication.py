"""Who calls: an API key or a customer's token becomes a `Caller`, or nobody."""

import hmac
from collections import OrderedDict
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256

from api.tokens import BadToken, Identity, IdentityProviderDown, TokenVerifier
from crm.callers import Caller
from crm.values import Role
from services.api_keys import KnownKey, known, made_here
from services.context import Shop
from store import keys

KEY_AGE_MAX = timedelta(seconds=5)
KEYS_REMEMBERED_MAX = 10_000
TOKENS_REMEMBERED_MAX = 10_000
CREDENTIAL_LENGTH_MAX = 8192
BEARER = "Bearer "
"""How nearly everybody begins; a scheme may be written in any case."""

NO_CREDENTIAL = "Send an API key or a customer's token: Authorization: Bearer ..."


class Unauthenticated(Exception):
    """There is no credential, or it is not good; the message is safe to show."""


class Authenticator:
    """Knows callers by their credential. A revoked one ends within 5 s in every worker, an expired one at once.

    A key that was looked up a moment ago is known by its SHA-256, which opens nothing. Whether it was made here, and
    what stands for it in the database, is worked out with the look-up alone.
    """

    def __init__(self, shop: Shop, tokens: TokenVerifier) -> None:
        self._shop = shop
        self._tokens = tokens
        self._known: OrderedDict[bytes, tuple[datetime, KnownKey | None]] = OrderedDict()

    def remembered(self, authorization: str | None) -> Caller | None:
        """Return who calls with a key that was looked up a moment ago and is good; None says nothing."""
        if authorization is None or not authorization.startswith(BEARER):
            return None
        found, now = self._known.get(_digest(authorization[len(BEARER) :])), self._shop.clock()
        return self._bearer(found[1], now) if found and abs(now - found[0]) < KEY_AGE_MAX else None

    async def authenticate(self, authorization: str | None) -> Caller:
        """Return who calls.

        Raises:
            Unauthenticated: nobody known.
            IdentityProviderDown: the token cannot be judged now.
        """
        scheme, _, credential = (authorization or "").strip().partition(" ")
        credential = credential.strip()
        if scheme.lower() != "bearer" or not credential or len(credential) > CREDENTIAL_LENGTH_MAX:
            raise Unauthenticated(NO_CREDENTIAL)
        if credential.count(".") == 2:  # noqa: PLR2004 -- a JWT has three parts
            return await self._customer(credential)
        caller = await self._by_key(credential)
        if caller is None:
            raise Unauthenticated("This API key is unknown, revoked or expired.")
        return caller

    async def holds(self, authorization: str) -> bool:
        """Whether a credential that was good once still is; who it is for is not looked up again."""
        credential = authorization.strip().partition(" ")[2].strip()
        if credential.count(".") != 2:  # noqa: PLR2004 -- a JWT has three parts
            return await self._by_key(credential) is not None
        try:
            await self._tokens.verify(credential)
        except BadToken:
            return False
        except IdentityProviderDown:  # nobody can say now that it is over
            return True
        return True

    async def _by_key(self, key: str) -> Caller | None:
        digest, now = _digest(key), self._shop.clock()
        found = self._known.get(digest)
        if found is None or abs(now - found[0]) >= KEY_AGE_MAX:
            if not made_here(self._shop.pepper, key):  # a flood of these asks the database nothing
                return None  # and nothing to remember: it crowds nobody out
            found = self._known[digest] = (now, await known(self._shop, key))
            self._known.move_to_end(digest)
            while len(self._known) > KEYS_REMEMBERED_MAX:
                self._known.popitem(last=False)
        return self._bearer(found[1], now)

    def _bearer(self, key: KnownKey | None, now: datetime) -> Caller | None:
        if key is None or not key.good_at(now):
            return None
        self._shop.notebook.used(key.id, now)
        return key.caller

    async def _customer(self, token: str) -> Caller:
        try:
            identity = await self._tokens.verify(token)
        except BadToken as problem:
            raise Unauthenticated(str(problem)) from None
        caller = _speaking_for(self._shop.pepper, self._shop.jwt_source, identity)
        if caller.identity is None:
            return caller
        name = keys.external(caller.identity)  # asked each time: the person may become known meanwhile
        found = await keys.find(self._shop.database, [name])
        return replace(caller, customer_id=found[name]["ref"]) if found else caller


def _digest(key: str) -> bytes:
    return sha256(key.encode()).digest()


@lru_cache(maxsize=TOKENS_REMEMBERED_MAX)
def _speaking_for(pepper: bytes, source: str, identity: Identity) -> Caller:
    """Return who bears a verified token, as far as the token says it."""
    # A sub may be an e-mail address: the principal that is recorded must not say it, nor let it be guessed.
    name = f"jwt:{identity.issuer}\n{identity.subject}".encode()
    principal = "jwt:" + hmac.digest(pepper, name, "sha256").hex()[:32]
    caller = Caller(role=Role.CUSTOMER, principal=principal, name="customer")
    if identity.development:
        return replace(caller, customer_id=identity.subject)
    return replace(caller, identity=(source, identity.subject))
