"""Changes of loyalty accounts as MongoDB tells them: which account, and nothing of what is in it."""

from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

from bson import Timestamp
from pymongo.errors import OperationFailure

from store.client import Database
from store.collections import ACCOUNTS

WAIT_MILLISECONDS = 500
Position = Mapping[str, Any]
"""Where in the oplog to go on: a resume token, or the time of an operation."""

# Each transaction locks the account first and changes it afterwards: a lock alone says nothing.
_TOLD: list[dict[str, Any]] = [
    {
        "$match": {
            "operationType": {"$in": ["insert", "update", "replace"]},
            "updateDescription.updatedFields.locks": {"$exists": False},
        }
    },
    {"$project": {"documentKey": 1}},
]


async def present(database: Database) -> Position:
    """Return the position behind all that has happened: a stream from here tells what a read now does not see."""
    last: Timestamp = (await database.command({"ping": 1}))["operationTime"]
    return {"start_at_operation_time": Timestamp(last.time, last.inc + 1)}


class Changes:
    """One stream of the accounts that change, which goes on where it was after the connection broke."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._position: Position | None = None

    async def settle(self) -> bool:
        """Have a position to go on from; True where it is a new one, and what happened before it is not told."""
        if self._position is not None:
            return False
        self._position = await present(self._database)
        return True

    async def accounts(self, wanted: Callable[[], bool]) -> AsyncGenerator[str, None]:
        """Yield ids of accounts that changed, for as long as `wanted` says so.

        Raises:
            PyMongoError: the connection broke or, the position being forgotten then, it is no longer in the oplog.
        """
        assert self._position is not None
        try:
            async with self._database.watch(
                ACCOUNTS, _TOLD, self._position, wait_milliseconds=WAIT_MILLISECONDS
            ) as stream:
                while wanted():
                    change = await stream.try_next()
                    if change is not None:
                        yield change["documentKey"]["_id"]
                    if stream.resume_token:
                        self._position = {"resume_after": stream.resume_token}
                    if not stream.alive:  # the collection was dropped or renamed
                        self._position = None
                        return
        except OperationFailure:
            self._position = None
            raise
