"""Lets operations pass that their callers have points for, and tells afterwards what they cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from api.limits.asked import Asked
from api.limits.buckets import Account, Buckets, payer, told
from api.limits.cost import Variables
from api.limits.misses import Misses
from api.limits.numbers import MISSED, POINTS, REQUEST_POINTS
from crm.callers import Caller
from services.context import Call, Shop
from store.buckets import Draw, Drawn, draw

log = structlog.get_logger()


@dataclass(slots=True)
class Paid:
    """One operation that was let pass: who paid for it, and how much in advance."""

    account: Account
    requested: int


class Meter:
    """The limits of one process, on points and on guesses."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._buckets = Buckets(partial(self._draw, "points"), shop.clock)
        self._misses = Misses(partial(self._draw, "misses"), shop.clock)

    def check(self, caller: Caller) -> None:
        """Stop a caller who is known to have no points at all.

        Raises:
            Throttled: that is so.
        """
        self._buckets.check(payer(caller))

    async def charge(self, caller: Caller, points: int) -> None:
        """Take points for a request that was refused.

        Raises:
            Throttled: there are not enough.
        """
        await self._buckets.pay(payer(caller), POINTS[caller.role], points + REQUEST_POINTS)

    async def admit(self, caller: Caller, asked: Asked, variables: Variables | None, *, more: int) -> Paid:
        """Let an operation pass, paid for in advance; `more` are points on top that are not given back.

        Raises:
            Throttled: its caller has no points for it, or has guessed too often.
        """
        if asked.guesses:
            self._misses.check(caller)
        requested = asked.cost.requested(variables)
        most = POINTS[caller.role]
        account = await self._buckets.pay(payer(caller), most, min(requested + more, most.maximum))
        return Paid(account, requested)

    async def settle(
        self, paid: Paid, call: Call, asked: Asked, variables: Variables | None, data: Any
    ) -> Mapping[str, Any]:
        """Give back what an operation did not cost, count the guesses that failed, and return `extensions.cost`."""
        actual = asked.cost.actual(data, variables)
        paid.account.credit += paid.requested - actual
        if call.misses or call.refusals:
            await self._misses.count(call.caller, call.misses + sum(code in MISSED for code in call.refusals))
        return told(paid.requested, actual, paid.account, call.now)

    async def _draw(self, kind: str, id_: str, asked: Draw) -> Drawn | None:
        drawn = await draw(self._shop.database, f"{kind}:{id_}", asked, now=self._shop.clock())
        if drawn is None:
            log.warning("limits_without_database")
        return drawn
