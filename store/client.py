"""The connection to MongoDB, over either driver, and the only loop that retries a transaction.

Motor (the default) and PyMongo's own asyncio API differ in five calls: aggregate, watch, sessions, transactions, close.
They are bridged here and nowhere else.

The loop is our own because the drivers' helpers retry for up to 120 s, Motor's without any pause (measured: 1,216
tries in 8 s, p99 1.9 s on 10 accounts x 32 connections).
"""

import asyncio
import contextvars
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import UTC
from functools import partial
from time import monotonic
from typing import Any, TypeVar

import pymongo
from bson.codec_options import CodecOptions
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient, MongoClient, ReadPreference, WriteConcern
from pymongo.errors import BulkWriteError, ConnectionFailure, PyMongoError
from pymongo.monitoring import CommandListener
from pymongo.read_concern import ReadConcern

from store import pipelining
from store.blocking import AtOnce, CollectionAtOnce, SessionAtOnce, in_thread, inside, pause
from store.deadlines import apart, end
from store.left_open import LeftOpen
from store.reads import READS_MAX, Document, Fields, Filter, Read, by_id, look_up, union
from store.transactions import DUPLICATE_KEY, Tx, busy, duplicate
from store.turns import BUSY, Turns

__all__ = ["BUSY", "CODEC", "DUPLICATE_KEY", "Database", "Document", "Filter", "Tx"]

T = TypeVar("T")

CODEC: CodecOptions[Document] = CodecOptions(tz_aware=True, tzinfo=UTC)
FIRST_PAUSE = 0.002
LONGEST_PAUSE = 0.1
TRANSACTION_SECONDS = 10.0
ABORT_SECONDS = 2.0
COMMIT_SECONDS = 5.0
SNAPSHOT, MAJORITY = ReadConcern("snapshot"), WriteConcern("majority")
THREADS_MAX = 16
SELECTION_MILLISECONDS = 5000
AGGREGATE_BATCH = 2000
_TRANSIENT, _UNKNOWN_COMMIT = "TransientTransactionError", "UnknownTransactionCommitResult"


class Database(Turns):
    """One database over one driver. A client belongs to the event loop it was made in.

    `on_retry` is called before a transaction is tried again. `pipelined`: whether a threaded transaction sends its
    writes at once.
    """

    def __init__(
        self,
        uri: str,
        name: str,
        *,
        driver: str = "motor",
        listeners: Sequence[CommandListener] = (),
        pipelined: bool = True,
    ) -> None:
        super().__init__()
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
        self._blocking: Any = (
            MongoClient(uri, connect=False, **options) if driver == "pymongo" else self._client.delegate
        )
        self._at_once: Any = self._blocking.get_database(name, codec_options=CODEC)
        self._threads = ThreadPoolExecutor(THREADS_MAX, "transaction")
        self._pipelined = pipelined
        self._left_open = LeftOpen(lambda session_id: self._client.admin.command("killSessions", [session_id]))
        self.on_retry: Callable[[], None] | None = None
        self._collections: dict[str, Any] = {}

    def __getitem__(self, collection: str) -> Any:
        if inside():
            return CollectionAtOnce(self._at_once[collection])
        if collection not in self._collections:  # a driver makes a new one at every question
            self._collections[collection] = self._database[collection]
        return self._collections[collection]

    async def aggregate(self, collection: str, pipeline: Sequence[Filter], *, tx: Tx | None = None) -> list[Document]:
        """Return all documents that `pipeline` gives."""
        cursor = self[collection].aggregate(pipeline, session=tx.session if tx else None, batchSize=AGGREGATE_BATCH)
        if self.driver == "pymongo" and not inside():
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

    async def by_ids(self, collection: str, ids: Iterable[str], fields: Fields = None) -> dict[str, Document]:
        """Return the documents with these ids, by id; `fields` of each, None for all."""
        return by_id(await self._read_one(look_up(collection, ids, fields), None))

    async def _read(self, reads: Sequence[Read], tx: Tx | None) -> list[list[Document]]:
        if len(reads) == 1:
            return [await self._read_one(reads[0], tx)]
        found: list[list[Document]] = [[] for _ in reads]
        for document in await self.aggregate(reads[0].collection, union(reads), tx=tx):
            found[document.pop("_list")].append(document)
        return found

    async def _read_one(self, read: Read, tx: Tx | None) -> list[Document]:
        if read.then:
            return await self.aggregate(read.collection, read.stages(), tx=tx)
        sort, session = list(read.sort.items()) if read.sort else None, tx.session if tx else None
        cursor = self[read.collection].find(
            read.filter, read.projection, sort=sort, limit=read.limit or 0, session=session
        )
        documents: list[Document] = await cursor.to_list(None)
        return documents

    async def command(self, command: Mapping[str, Any], *, tx: Tx | None = None) -> Document:
        """Run a database command and return its answer; what writes goes by store/writing.py, in a transaction."""
        database = AtOnce(self._at_once) if inside() else self._database
        answer: Document = await database.command(command, session=tx.session if tx else None, codec_options=CODEC)
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
        await self._left_open.close()
        closing = self._client.close()
        if closing is not None:
            await closing
        if self.driver == "pymongo":
            await asyncio.to_thread(self._blocking.close)
        self._threads.shutdown(wait=False)

    async def transaction(
        self,
        work: Callable[[Tx], Awaitable[T]],
        *,
        queue: str | Sequence[str] | None = None,
        seconds: float = TRANSACTION_SECONDS,
        threaded: bool = False,
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
            threaded: whether it is done in one thread, which is cheaper: `work` waits for nothing but the database.
        """
        owners = (queue,) if isinstance(queue, str) else queue or ()
        async with self.queued(*owners):
            deadline, longest = min(monotonic() + seconds, end()), FIRST_PAUSE
            while True:
                try:
                    return await (self._in_thread(work, deadline) if threaded else self._try(work, deadline))
                except BulkWriteError as error:
                    raise duplicate(error) or error from None
                except PyMongoError as error:
                    if not error.has_error_label(_TRANSIENT):
                        raise
                    if monotonic() + longest > deadline:
                        raise busy(error) or error from None
                finally:
                    self._left_open.end_all()
                if self.on_retry:
                    self.on_retry()
                await asyncio.sleep(longest * random.random())  # noqa: S311 -- jitter, not a secret
                longest = min(longest * 2, LONGEST_PAUSE)

    async def _in_thread(self, work: Callable[[Tx], Awaitable[T]], deadline: float) -> T:
        """Try in a thread; whoever is cancelled meanwhile waits for what becomes of it."""
        running = asyncio.get_running_loop().run_in_executor(
            self._threads, contextvars.copy_context().run, in_thread, lambda: self._try(work, deadline)
        )
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait([running])
            raise

    async def _session(self) -> Any:
        if inside():
            return SessionAtOnce(self._blocking.start_session())
        session = self._client.start_session()
        return session if self.driver == "pymongo" else await session

    async def _try(self, work: Callable[[Tx], Awaitable[T]], deadline: float) -> T:
        session, left_open = await self._session(), False
        try:
            started = session.start_transaction(SNAPSHOT, MAJORITY, ReadPreference.PRIMARY)
            if self.driver == "pymongo" or inside():
                await started
            try:
                result = await self._worked(work, session)
            except BaseException:
                await apart(session.abort_transaction, seconds=ABORT_SECONDS)
                raise
            await apart(lambda: self._commit(session, deadline), seconds=COMMIT_SECONDS)
            return result
        except ConnectionFailure:
            left_open = True
            raise
        finally:
            if left_open:
                self._left_open.add(session)
            else:
                await session.end_session()

    async def _worked(self, work: Callable[[Tx], Awaitable[T]], session: Any) -> T:
        """Do the work, and see to it that all of it is written."""
        at_once = self._pipelined and inside()
        tx = Tx(session, partial(pipelining.send, self._at_once, session.of) if at_once else None)
        try:
            result = await work(tx)
        except PyMongoError:
            raise
        except Exception:
            tx.flush()  # a key that was taken before says more than a refusal afterwards: the sale is known already
            raise
        tx.flush()
        return result

    async def _commit(self, session: Any, deadline: float) -> None:
        """Commit, and ask again while the answer got lost: committing twice is harmless, guessing is not."""
        longest = FIRST_PAUSE
        while True:
            try:
                await session.commit_transaction()
                return
            except PyMongoError as error:
                if not error.has_error_label(_UNKNOWN_COMMIT) or monotonic() + longest > deadline:
                    raise
            await pause(longest)
            longest = min(longest * 2, LONGEST_PAUSE)
