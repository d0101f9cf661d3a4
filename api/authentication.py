"""Who calls: an API key or a customer's token becomes a `Caller`, or nobody."""

import hashlib
import hmac
from collections import OrderedDict
from datetime import datetime, timedelta

from api.tokens import BadToken, IdentityProviderDown, TokenVerifier
from crm.callers import Caller
from crm.values import Role
from services.api_keys import KnownKey, key_hash, known, made_here
from services.context import Shop
from store import keys

KEY_AGE_MAX = timedelta(seconds=5)
KEYS_REMEMBERED_MAX = 10_000
CREDENTIAL_LENGTH_MAX = 8192
NO_CREDENTIAL = "Send an API key or a customer's token: Authorization: Bearer ..."


class Unauthenticated(Exception):
    """There is no credential, or it is not good; the message is safe to show."""


class Authenticator:
    """Knows callers by their credential. A revoked one ends within 5 s in every worker, an expired one at once."""

    def __init__(self, shop: Shop, tokens: TokenVerifier) -> None:
        self._shop = shop
        self._tokens = tokens
        self._known: OrderedDict[str, tuple[datetime, KnownKey | None]] = OrderedDict()

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
        hash_, now = key_hash(self._shop.pepper, key), self._shop.clock()
        if not made_here(self._shop.pepper, key):
            return None  # and nothing to remember: a flood of these asks the database nothing, and crowds nobody out
        at, found = self._known.get(hash_, (None, None))
        if at is None or abs(now - at) >= KEY_AGE_MAX:
            found = await known(self._shop, key)
            self._known[hash_] = (now, found)
            self._known.move_to_end(hash_)
            while len(self._known) > KEYS_REMEMBERED_MAX:
                self._known.popitem(last=False)
        if found is None or not found.good_at(now):
            return None
        self._shop.notebook.used(found.id)
        return found.caller

    async def _customer(self, token: str) -> Caller:
        try:
            identity = await self._tokens.verify(token)
        except BadToken as problem:
            raise Unauthenticated(str(problem)) from None
        # A sub may be an e-mail address: the principal that is recorded must not say it, nor let it be guessed.
        name = f"jwt:{identity.issuer}\n{identity.subject}".encode()
        principal = "jwt:" + hmac.new(self._shop.pepper, name, hashlib.sha256).hexdigest()[:32]
        if identity.development:
            return Caller(role=Role.CUSTOMER, principal=principal, name="customer", customer_id=identity.subject)
        pair = (self._shop.jwt_source, identity.subject)
        found = await keys.find(self._shop.database, [keys.external(pair)])
        customer_id = found[keys.external(pair)]["ref"] if found else None
        return Caller(role=Role.CUSTOMER, principal=principal, name="customer", customer_id=customer_id, identity=pair)
