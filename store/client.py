"""The connection to MongoDB, over either driver, and the only loop that retries a transaction.

Motor (the default) and PyMongo's own asyncio API differ in five calls: aggregate, watch, sessions, transactions, close.
They are bridged here and nowhere else.

The loop is our own because the drivers' helpers retry for up to 120 s, Motor's without any pause (measured: 1,216
tries in 8 s, p99 1.9 s on 10 accounts x 32 connections).
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC
from time import monotonic
from typing import Any, TypeVar

import pymongo
from bson.codec_options import CodecOptions
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient, ReadPreference, WriteConcern
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure, PyMongoError
from pymongo.monitoring import CommandListener
from pymongo.read_concern import ReadConcern

from crm.refusals import Refusal, UserErrorCode
from store.deadlines import NEVER, apart, end
from store.reads import READS_MAX, Document, Filter, Read, by_id, look_up, union

__all__ = ["CODEC", "DUPLICATE_KEY", "Database", "Document", "Filter", "Tx"]

T = TypeVar("T")

CODEC: CodecOptions[Document] = CodecOptions(tz_aware=True, tzinfo=UTC)
FIRST_PAUSE = 0.002
LONGEST_PAUSE = 0.1
TRANSACTION_SECONDS = 10.0
ABORT_SECONDS = 2.0
COMMIT_SECONDS = 5.0
DUPLICATE_KEY = 11000
SELECTION_MILLISECONDS = 5000
AGGREGATE_BATCH = 2000
WRITE_CONFLICT = 112
BUSY = "Others are changing the same thing right now; try again."
_TRANSIENT, _UNKNOWN_COMMIT = "TransientTransactionError", "UnknownTransactionCommitResult"


@dataclass(frozen=True, slots=True)
class Tx:
    """A transaction under way; store functions take one to take part in it, None to stand alone."""

    session: Any


class Database:
    """One database over one driver. A client belongs to the event loop it was made in.

    `on_retry` is called before a transaction is tried again.
    """

    def __init__(
        self, uri: str, name: str, *, driver: str = "motor", listeners: Sequence[CommandListener] = ()
    ) -> None:
        options: Document = {
            "tz_aware": True,
            "tzinfo": UTC,
            "w": "majority",
            "retryWrites": True,
            "event_listeners": list(listeners),
        }
        if "serverselectiontimeoutms" not in uri.lower():  # an option here would win over the address
            options["serverSelectionTimeoutMS"] = SELECTION_MILLISECONDS
        self.driver = driver
        self._client: Any = (
            AsyncMongoClient(uri, **options) if driver == "pymongo" else AsyncIOMotorClient(uri, **options)
        )
        self._database: Any = self._client.get_database(name, codec_options=CODEC)
        self.on_retry: Callable[[], None] | None = None
        self._collections: dict[str, Any] = {}
        self._queues: dict[str, _Queue] = {}

    def __getitem__(self, collection: str) -> Any:
        if collection not in self._collections:  # a driver makes a new one at every question
            self._collections[collection] = self._database[collection]
        return self._collections[collection]

    async def aggregate(self, collection: str, pipeline: Sequence[Filter], *, tx: Tx | None = None) -> list[Document]:
        """Return all documents that `pipeline` gives."""
        cursor = self._database[collection].aggregate(
            pipeline, session=tx.session if tx else None, batchSize=AGGREGATE_BATCH
        )
        if self.driver == "pymongo":
            cursor = await cursor
        documents: list[Document] = await cursor.to_list(None)
        return documents

    @asynccontextmanager
    async def watch(
        self, collection: str | None, pipeline: Sequence[Filter], position: Mapping[str, Any], *, wait_milliseconds: int
    ) -> AsyncIterator[Any]:
        """Give an open change stream: `try_next()` waits so long for a change, `resume_token` says where it is.

        It belongs to one task, which closes it between two calls: over Motor a call goes on in its thread when the task
        that made it is cancelled.

        Args:
            collection: None for all of the database.
            position: `start_at_operation_time` or `resume_after`, and its value.
        """
        watched = self._database if collection is None else self._database[collection]
        stream = watched.watch(pipeline, max_await_time_ms=wait_milliseconds, **position)
        if self.driver == "pymongo":
            stream = await stream
        async with stream:
            yield stream

    async def read(self, reads: Sequence[Read], *, tx: Tx | None = None) -> list[list[Document]]:
        """Return the documents of every read, with one command for every hundred of them."""
        found: list[list[Document]] = []
        for start in range(0, len(reads), READS_MAX):
            found += await self._read(reads[start : start + READS_MAX], tx)
        return found

    async def by_ids(self, collection: str, ids: Iterable[str]) -> dict[str, Document]:
        """Return the documents with these ids, by id."""
        return by_id(await self._read_one(look_up(collection, ids), None))

    async def _read(self, reads: Sequence[Read], tx: Tx | None) -> list[list[Document]]:
        if len(reads) == 1:
            return [await self._read_one(reads[0], tx)]
        found: list[list[Document]] = [[] for _ in reads]
        for document in await self.aggregate(reads[0].collection, union(reads), tx=tx):
            found[document.pop("_list")].append(document)
        return found

    async def _read_one(self, read: Read, tx: Tx | None) -> list[Document]:
        if read.then:
            return await self.aggregate(read.collection, read.stages, tx=tx)
        sort, session = list(read.sort.items()) if read.sort else None, tx.session if tx else None
        cursor = self._database[read.collection].find(read.filter, sort=sort, limit=read.limit or 0, session=session)
        documents: list[Document] = await cursor.to_list(None)
        return documents

    async def command(self, command: Mapping[str, Any]) -> Document:
        """Run a database command and return its answer."""
        answer: Document = await self._database.command(command)
        return answer

    @property
    def has_sessions(self) -> bool:
        """Whether MongoDB had sessions when the driver's monitor last looked: not while away, nor as it starts."""
        return self._client.topology_description.logical_session_timeout_minutes is not None

    @staticmethod
    def within(seconds: float) -> AbstractContextManager[None]:
        """Return the block whose commands fail when they have not been answered after `seconds`."""
        return pymongo.timeout(seconds)

    async def drop(self) -> None:
        """Drop the whole database; for tests and benches."""
        await self._client.drop_database(self._database.name)

    async def close(self) -> None:
        """Close every connection."""
        closing = self._client.close()
        if closing is not None:
            await closing

    @asynccontextmanager
    async def queued(self, *owners: str) -> AsyncIterator[None]:
        """Let one write at a time through for each owner in this process, so that tills do not collide in MongoDB.

        Owners are waited for one after the other, in the order given: it must be the same for all.
        """
        async with AsyncExitStack() as turns:
            for owner in owners:
                await turns.enter_async_context(self._turn(owner))
            yield

    @asynccontextmanager
    async def _turn(self, owner: str) -> AsyncIterator[None]:
        queue = self._queues.setdefault(owner, _Queue())
        queue.waiting += 1
        try:
            await _acquired(queue.lock)
            try:
                yield
            finally:
                queue.lock.release()
        finally:
            queue.waiting -= 1
            if not queue.waiting:
                del self._queues[owner]

    async def transaction(
        self,
        work: Callable[[Tx], Awaitable[T]],
        *,
        queue: str | Sequence[str] | None = None,
        seconds: float = TRANSACTION_SECONDS,
    ) -> T:
        """Run `work` in one majority-committed snapshot transaction and return what it returns.

        `work` may run several times: whatever it changes outside MongoDB must not depend on that. A
        DuplicateKeyError has aborted the transaction and is raised, for the caller to read what won.

        Raises:
            Refusal: THROTTLED where others kept getting ahead until the time was over.

        Args:
            queue: the owner whose writes are kept apart in this process; of several, waited for one after the other in
                the order given, which must be the same for all: accounts before offers, each by id.
            seconds: after the queue, no further try starts later than this, nor after the request's deadline. A commit
                that has begun by then is waited for: its outcome is told, not guessed.
        """
        owners = (queue,) if isinstance(queue, str) else queue or ()
        async with self.queued(*owners):
            deadline, pause = min(monotonic() + seconds, end()), FIRST_PAUSE
            while True:
                try:
                    return await self._try(work, deadline)
                except BulkWriteError as error:
                    raise _duplicate(error) or error from None
                except DuplicateKeyError:
                    raise
                except PyMongoError as error:
                    if not error.has_error_label(_TRANSIENT):
                        raise
                    if monotonic() + pause > deadline:
                        raise _busy(error) or error from None
                if self.on_retry:
                    self.on_retry()
                await asyncio.sleep(pause * random.random())  # noqa: S311 -- jitter, not a secret
                pause = min(pause * 2, LONGEST_PAUSE)

    async def _try(self, work: Callable[[Tx], Awaitable[T]], deadline: float) -> T:
        session = self._client.start_session()
        if self.driver != "pymongo":
            session = await session
        try:
            started = session.start_transaction(
                read_concern=ReadConcern("snapshot"),
                write_concern=WriteConcern("majority"),
                read_preference=ReadPreference.PRIMARY,
            )
            if self.driver == "pymongo":
                await started
            try:
                result = await work(Tx(session))
            except BaseException:
                await apart(session.abort_transaction, seconds=ABORT_SECONDS)
                raise
            await apart(lambda: self._commit(session, deadline), seconds=COMMIT_SECONDS)
            return result
        finally:
            await session.end_session()

    async def _commit(self, session: Any, deadline: float) -> None:
        """Commit, and ask again while the answer got lost: committing twice is harmless, guessing is not."""
        pause = FIRST_PAUSE
        while True:
            try:
                await session.commit_transaction()
                return
            except PyMongoError as error:
                if not error.has_error_label(_UNKNOWN_COMMIT) or monotonic() + pause > deadline:
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)


async def _acquired(lock: asyncio.Lock) -> None:
    """Wait for one's turn, no longer than there is time to use it."""
    try:
        async with asyncio.timeout(None if end() == NEVER else end() - monotonic()):
            await lock.acquire()
    except TimeoutError:
        raise Refusal(UserErrorCode.THROTTLED, BUSY) from None


def _busy(error: PyMongoError) -> Refusal | None:
    """Return the refusal for a conflict that lasted; None for what is no conflict, such as a primary that is gone."""
    conflict = isinstance(error, OperationFailure) and error.code == WRITE_CONFLICT
    return Refusal(UserErrorCode.THROTTLED, BUSY) if conflict else None


def _duplicate(error: BulkWriteError) -> DuplicateKeyError | None:
    """Return the duplicate key that made a bulk write fail, as a single insert would have raised it."""
    details: Document = dict(error.details or {})
    for write in details.get("writeErrors", []):
        if write.get("code") == DUPLICATE_KEY:
            return DuplicateKeyError(str(write.get("errmsg")), DUPLICATE_KEY, write)
    return None


class _Queue:
    __slots__ = ("lock", "waiting")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.waiting = 0
