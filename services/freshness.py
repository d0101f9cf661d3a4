"""Empties a process's memory of what another has changed: the programme, the offers, which statistics are current.

One change stream for the process, in the application and in the worker. It makes sooner what `Known` does anyway: where
the stream is broken or nobody started it, what is remembered is read again after five seconds.
"""

import asyncio
from contextvars import Context

from services.following import ended, follow
from services.known import Known
from store.changes import of_rules
from store.client import Database, Document
from store.collections import OFFERS, PROGRAMS, TASTE_STATISTICS


class Freshness:
    """Keeps one process's memory fresh from `start` to `close`."""

    def __init__(self, database: Database, known: Known) -> None:
        self._database = database
        self._known = known
        self._task: asyncio.Task[None] | None = None
        self._over = False

    def start(self) -> None:
        """Follow changes from now on; nothing waits for the stream, so a start without MongoDB is none the slower."""
        # In a context of its own: what it asks counts for no request.
        self._task = asyncio.create_task(self._run(), name="fresh memory", context=Context())

    async def close(self) -> None:
        """Let go of the stream."""
        self._over = True
        await ended(self._task)

    async def _run(self) -> None:
        await follow(of_rules(self._database), lambda: not self._over, anew=self._forget_all, told=self._forget)

    def _forget_all(self) -> None:
        self._known.forget_programs()
        self._known.forget_offers()
        self._known.statistics.forget()

    def _forget(self, change: Document) -> None:
        {
            PROGRAMS: self._known.forget_programs,
            OFFERS: self._known.forget_offers,
            TASTE_STATISTICS: self._known.statistics.forget,
        }[change["ns"]["coll"]]()
