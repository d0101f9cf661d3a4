"""What stays open: sockets and event streams, each bound to a credential, ended when that ends or the server does."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto

from pymongo.errors import PyMongoError

from crm.callers import Caller
from crm.values import Role

SWEEP_SECONDS = 5.0
CUSTOMER_STREAMS_MAX = 20
CALLER_STREAMS_MAX = 500
"""An app's key stands for every one of its users' devices that has no token; a customer's token for one person's."""

TOO_MANY = "Too many streams are open for this caller."


class Ending(Enum):
    """Why a stream is ended from here."""

    CREDENTIAL_OVER = auto()
    LEAVING = auto()


class TooMany(Exception):
    """The caller has as many streams open as one may have."""


@dataclass(frozen=True, slots=True, eq=False)
class _Stream:
    principal: str
    authorization: str
    end: Callable[[Ending], None]


class Streams:
    """All streams of this process.

    Args:
        holds: says whether a credential still is good.
    """

    def __init__(self, holds: Callable[[str], Awaitable[bool]]) -> None:
        self._holds = holds
        self._open: set[_Stream] = set()
        self._of: Counter[str] = Counter()
        self._leaving = False

    def __len__(self) -> int:
        return len(self._open)

    @contextmanager
    def held(self, caller: Caller, authorization: str, end: Callable[[Ending], None]) -> Iterator[None]:
        """Count a stream as open during the block; `end` is called, once or more, when it must come to its end.

        Raises:
            TooMany: the caller has enough.
        """
        most = CUSTOMER_STREAMS_MAX if caller.role is Role.CUSTOMER else CALLER_STREAMS_MAX
        if self._of[caller.principal] >= most:
            raise TooMany
        stream = _Stream(caller.principal, authorization, end)
        self._open.add(stream)
        self._of[caller.principal] += 1
        try:
            if self._leaving:
                end(Ending.LEAVING)
            yield
        finally:
            self._open.discard(stream)
            self._of[caller.principal] -= 1
            if not self._of[caller.principal]:
                del self._of[caller.principal]

    async def still_good(self, authorization: str) -> bool:
        """Whether the credential of a stream still is good, as far as anybody can say now."""
        try:
            return await self._holds(authorization)
        except PyMongoError:  # new requests are refused meanwhile; who is in already is not thrown out for it
            return True

    async def sweep(self) -> None:
        """End every stream whose credential no longer holds."""
        for stream in list(self._open):
            if not await self.still_good(stream.authorization):
                stream.end(Ending.CREDENTIAL_OVER)

    async def sweep_forever(self) -> None:
        """Sweep every few seconds; belongs to a task that is cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            await self.sweep()

    def drain(self) -> None:
        """End everything: the server leaves, and clients find another."""
        self._leaving = True
        for stream in list(self._open):
            stream.end(Ending.LEAVING)
