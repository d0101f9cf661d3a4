"""What is worth writing down but not worth waiting for: when a key was last used, and which customers tills looked up.

Notes are kept in memory and written together, about once a second, by a task of the process. A process that is killed
loses the notes of its last second; while MongoDB is away the newest ones are kept, up to NOTES_MAX.
"""

import asyncio
from collections import deque
from contextlib import suppress
from datetime import datetime, timedelta

import structlog
from pymongo.errors import PyMongoError

from store import api_keys, audit
from store.client import Database, Document

NOTES_MAX = 10_000
BATCH = 1000
USE_AGE = timedelta(minutes=1)
PAUSE_SECONDS = 1.0
FLUSH_SECONDS = 5.0
CLOSE_SECONDS = 2.0
log = structlog.get_logger()


class Notebook:
    """The notes of one process. `lost` counts look-ups that there was no room for."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._noted: dict[str, datetime] = {}
        self._uses: dict[str, datetime] = {}
        self._look_ups: deque[Document] = deque()
        self.lost = 0

    def used(self, key_id: str, now: datetime) -> None:
        """Note that an API key is being used, at most once a minute."""
        noted = self._noted.get(key_id)
        if noted is None or abs(now - noted) >= USE_AGE:
            self._noted[key_id] = self._uses[key_id] = now

    def looked_up(self, entry: Document) -> None:
        """Note a look-up; the oldest one makes room."""
        if len(self._look_ups) >= NOTES_MAX:
            self._look_ups.popleft()
            self.lost += 1
        self._look_ups.append(entry)

    async def flush(self) -> None:
        """Write everything down.

        Raises:
            PyMongoError: MongoDB does not answer; the notes are kept.
        """
        if self._uses:
            uses = dict(self._uses)
            await api_keys.used(self._database, uses)
            self._uses = {key: at for key, at in self._uses.items() if uses.get(key) != at}
        while self._look_ups:
            batch = [self._look_ups[index] for index in range(min(BATCH, len(self._look_ups)))]
            await audit.insert_missing(self._database, batch)
            written = {entry["_id"] for entry in batch}
            while self._look_ups and self._look_ups[0]["_id"] in written:
                self._look_ups.popleft()

    async def run(self, pause: float = PAUSE_SECONDS) -> None:
        """Write notes down until cancelled, and then a last time."""
        away = False
        try:
            while True:
                await asyncio.sleep(pause)
                try:
                    with self._database.within(FLUSH_SECONDS):
                        await self.flush()
                    away = False
                except PyMongoError as error:
                    if not away:  # once, however long it lasts
                        log.warning("notes_wait", exc_info=error)
                    away = True
        finally:
            with suppress(PyMongoError), self._database.within(CLOSE_SECONDS):
                await self.flush()
