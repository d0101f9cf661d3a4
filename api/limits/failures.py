"""Credentials that were none, counted for each address in this process alone: a shared count would itself be an attack.

An address that sent too many is refused before its next one is looked at, unless it sends one that was good of late:
behind one address may sit a whole office.
"""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256

from api.limits.buckets import Throttled
from api.limits.numbers import FAILURES

ADDRESSES_MAX = 10_000
GOOD_MAX = 10_000


class Failures:
    """What addresses have left, and which credentials were good, by their digest."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, datetime]] = OrderedDict()
        self._good: OrderedDict[bytes, None] = OrderedDict()

    def check(self, address: str, *credentials: str | None) -> None:
        """Let the credentials of a request be looked at.

        Raises:
            Throttled: too many from this address were none.
        """
        if address in self._left and (left := self._left_of(address)) < 1 and _digest(credentials) not in self._good:
            raise Throttled((1 - left) / FAILURES.rate)

    def failed(self, address: str) -> None:
        """Count a credential that was none."""
        self._left[address] = (self._left_of(address) - 1, self._clock())
        self._left.move_to_end(address)
        if len(self._left) > ADDRESSES_MAX:
            self._left.popitem(last=False)

    def passed(self, address: str, *credentials: str | None) -> None:
        """Remember good credentials, where that may be needed: from an address that has sent bad ones."""
        if address in self._left:
            self._good[_digest(credentials)] = None
            if len(self._good) > GOOD_MAX:
                self._good.popitem(last=False)

    def _left_of(self, address: str) -> float:
        left, at = self._left.get(address, (float(FAILURES.maximum), self._clock()))
        return min(FAILURES.maximum, left + max(0.0, (self._clock() - at).total_seconds()) * FAILURES.rate)


def _digest(credentials: tuple[str | None, ...]) -> bytes:
    return sha256("\n".join(map(str, credentials)).encode("utf-8", "surrogateescape")).digest()
