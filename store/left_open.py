"""Ends transactions that a lost connection left open.

MongoDB keeps what such a transaction has locked until its time is over, half a minute as a rule, and until then its
customer's sales would be refused as THROTTLED.

Killing a session stops whatever runs in it, so the driver gets it back only afterwards: another command would have
taken it up at once.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from pymongo.errors import ConnectionFailure, PyMongoError

from store.deadlines import before_deadline

PAUSES = (0.0, 0.1, 0.5, *(1.0,) * 30)
"""Seconds before each try: for as long as MongoDB would keep the transaction by itself."""


class LeftOpen:
    """The sessions of one process whose transactions nobody else will end.

    Args:
        kill: ends everything of the session with this id in MongoDB; what is over already stays as it is.
    """

    def __init__(self, kill: Callable[[Any], Awaitable[Any]]) -> None:
        self._kill = kill
        self._added: deque[Any] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, session: Any) -> None:
        """Take a session whose transaction may be open, to be ended here; from any thread."""
        self._added.append(session)

    def end_all(self) -> None:
        """End what was left open, as soon as MongoDB can be reached."""
        while self._added:
            self._start(self._added.popleft())

    def _start(self, session: Any) -> None:
        task = asyncio.create_task(self._end(session), context=before_deadline())  # the request's time is over
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _end(self, session: Any) -> None:
        try:
            await self._kill_once_there(session.session_id)
        finally:
            await session.end_session()

    async def _kill_once_there(self, session_id: Any) -> None:
        for pause in PAUSES:
            await asyncio.sleep(pause)
            try:
                await self._kill(session_id)
            except ConnectionFailure:
                continue
            except PyMongoError:  # it may not: then it is over when MongoDB says so
                pass
            return

    async def close(self) -> None:
        """Give up what is not ended yet."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
