"""Who calls, and whose points the call spends: a credential, the app beside it, and the address they come from."""

import hmac
import ipaddress
from dataclasses import replace
from functools import lru_cache

from api.authentication import Authenticator, Unauthenticated
from api.limits.failures import Failures
from crm.callers import Caller
from crm.values import Role
from services.context import Shop

APP_HEADER = "X-Storefront-Key"
IPV4, IPV6_PREFIX = 4, 64


class Door:
    """Lets callers in, and makes an address that tries credentials wait."""

    def __init__(self, authenticator: Authenticator, shop: Shop, *, limited: bool) -> None:
        self._authenticator = authenticator
        self._shop = shop
        self._failures = Failures(shop.clock) if limited else None

    async def enter(self, authorization: str | None, *, app_key: str | None, address: str) -> Caller:
        """Return who calls.

        Args:
            app_key: what X-Storefront-Key says: the publishable key of the app a customer uses. For limits, never for
                rights.
            address: the client's.

        Raises:
            Unauthenticated: nobody known, or the app's key is none.
            IdentityProviderDown: the token cannot be judged now.
            Throttled: too many credentials of this address were none.
        """
        if self._failures is None:
            return await self._known(authorization, app_key, address)
        network = network_of(address)
        self._failures.check(network, authorization, app_key)
        try:
            caller = await self._known(authorization, app_key, address)
        except Unauthenticated:
            if authorization is not None:
                self._failures.failed(network)
            raise
        self._failures.passed(network, authorization, app_key)
        return caller

    async def _known(self, authorization: str | None, app_key: str | None, address: str) -> Caller:
        authenticator = self._authenticator
        caller = authenticator.remembered(authorization) or await authenticator.authenticate(authorization)
        if caller.role is Role.STOREFRONT:
            return replace(caller, account=f"{caller.principal}:{_digest(self._shop.pepper, address)}")
        if caller.role is Role.CUSTOMER and app_key is not None:
            app = await self._authenticator.authenticate(f"Bearer {app_key}")
            if app.role is not Role.STOREFRONT:
                raise Unauthenticated(f"{APP_HEADER} takes a publishable key alone.")
            return replace(caller, account=f"{caller.principal}:{app.principal}")
        return caller


@lru_cache(maxsize=4096)
def _digest(pepper: bytes, address: str) -> str:
    """Return what an address is called in the database, which is to hold none."""
    return hmac.digest(pepper, f"address:{network_of(address)}".encode(), "sha256").hex()[:32]


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """Return what stands for one line to the internet: an IPv4 address, or the 64 bits that an IPv6 subscriber gets."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if ip.version == IPV4:
        return str(ip)
    return str(ipaddress.ip_network((ip, IPV6_PREFIX), strict=False))
