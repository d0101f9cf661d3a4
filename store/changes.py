"""Changes as MongoDB tells them: where something changed, and nothing of what is in it."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any

from bson import Timestamp
from pymongo.errors import AutoReconnect, OperationFailure

from store.client import Database, Document, Filter
from store.collections import ACCOUNTS, OFFERS, PROGRAMS, TASTE_STATISTICS
from store.statistics import POINTER

WAIT_MILLISECONDS = 500
Position = Mapping[str, Any]
"""Where in the oplog to go on: a resume token, or the time of an operation."""

# Each transaction locks the account first and changes it afterwards: a lock alone says nothing.
_ACCOUNTS_TOLD: list[Filter] = [
    {
        "$match": {
            "operationType": {"$in": ["insert", "update", "replace"]},
            "updateDescription.updatedFields.locks": {"$exists": False},
        }
    },
    {"$project": {"documentKey": 1}},
]
# A rebuild of the statistics writes thousands of documents, and moves the pointer to them at its end.
_RULES_TOLD: list[Filter] = [
    {
        "$match": {
            "$or": [
                {"ns.coll": {"$in": [PROGRAMS, OFFERS]}},
                {"ns.coll": TASTE_STATISTICS, "documentKey._id": POINTER},
            ]
        }
    },
    {"$project": {"ns.coll": 1}},
]


async def present(database: Database) -> Position:
    """Return the position behind all that has happened: a stream from here tells what a read now does not see.

    Raises:
        PyMongoError: MongoDB is away, or only starting.
    """
    last: Timestamp | None = (await database.command({"ping": 1})).get("operationTime")
    if last is None:
        raise AutoReconnect("This MongoDB is only starting.")
    return {"start_at_operation_time": Timestamp(last.time, last.inc + 1)}


class Changes:
    """One stream of what changes, which goes on where it was after the connection broke.

    Args:
        told: the pipeline of what is told of which changes.
        collection: where they are made, None for the whole database.
    """

    def __init__(self, database: Database, told: Sequence[Filter], *, collection: str | None = None) -> None:
        self._database = database
        self._pipeline = told
        self._collection = collection
        self._position: Position | None = None

    @property
    def at_hand(self) -> bool:
        """Whether MongoDB is worth asking, as far as the driver knows without asking."""
        return self._database.has_sessions

    async def settle(self) -> bool:
        """Have a position to go on from; True where it is a new one, and what happened before it is not told."""
        if self._position is not None:
            return False
        self._position = await present(self._database)
        return True

    async def told(self, wanted: Callable[[], bool]) -> AsyncGenerator[Document | None, None]:
        """Yield each change, None where none came for a while, for as long as `wanted` says so.

        Raises:
            PyMongoError: the connection broke or, the position being forgotten then, it is no longer in the oplog.
        """
        assert self._position is not None
        try:
            async with self._database.watch(
                self._collection, self._pipeline, self._position, wait_milliseconds=WAIT_MILLISECONDS
            ) as stream:
                while wanted():
                    yield await stream.try_next()
                    if stream.resume_token:
                        self._position = {"resume_after": stream.resume_token}
                    if not stream.alive:  # what it watches was dropped or renamed
                        self._position = None
                        return
        except OperationFailure:
            self._position = None
            raise


def of_accounts(database: Database) -> Changes:
    """Return the changes of loyalty accounts, each with the account's `documentKey`."""
    return Changes(database, _ACCOUNTS_TOLD, collection=ACCOUNTS)


def of_rules(database: Database) -> Changes:
    """Return the changes of what sales and quotes are judged by, each with its collection as `ns.coll`.

    Versions of the programme, offers, and the pointer to the statistics.
    """
    return Changes(database, _RULES_TOLD)
