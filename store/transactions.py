"""A transaction under way: what is written in it, sent when somebody needs to know, and what its errors mean."""

from collections.abc import Callable, Sequence
from typing import Any

from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure, PyMongoError, WriteError

from crm.refusals import Refusal, UserErrorCode
from store.reads import Document
from store.turns import BUSY

DUPLICATE_KEY = 11000
WRITE_CONFLICT = 112

Send = Callable[[Sequence[Document]], None]
"""Sends writes at once; raises what the first one that failed was answered with."""


class Tx:
    """A transaction under way; store functions take one to take part in it, None to stand alone.

    Args:
        send: where writes gather, how they are sent: when the transaction reads, and at its end.
    """

    __slots__ = ("_gathered", "_send", "_session")

    def __init__(self, session: Any, send: Send | None = None) -> None:
        self._session = session
        self._send = send
        self._gathered: list[Document] = []

    @property
    def session(self) -> Any:
        """The driver's session. Whoever takes it comes after all that was written before.

        Raises:
            PyMongoError: one of these writes failed.
        """
        self.flush()
        return self._session

    def gather(self, command: Document) -> bool:
        """Take a write along that is sent later; False where it has to be sent by itself.

        What it holds must stay as it is until then.
        """
        if self._send is None:
            return False
        self._gathered.append(command)
        return True

    def flush(self) -> None:
        """Send what has gathered.

        Raises:
            PyMongoError: one of these writes failed; a DuplicateKeyError where a key was taken.
        """
        if self._gathered and self._send:
            gathered, self._gathered = self._gathered, []
            self._send(gathered)


def written(answer: Document) -> None:
    """Raise the first error that a write's answer tells of a document, as a single write would have raised it."""
    for error in answer.get("writeErrors", ()):
        details = {**error, "errorLabels": answer.get("errorLabels", [])}
        kind = DuplicateKeyError if error["code"] == DUPLICATE_KEY else WriteError
        raise kind(error["errmsg"], error["code"], details)


def busy(error: PyMongoError) -> Refusal | None:
    """Return the refusal for a conflict that lasted; None for what is no conflict, such as a primary that is gone."""
    conflict = isinstance(error, OperationFailure) and error.code == WRITE_CONFLICT
    return Refusal(UserErrorCode.THROTTLED, BUSY) if conflict else None


def duplicate(error: BulkWriteError) -> DuplicateKeyError | None:
    """Return the duplicate key that made a bulk write fail, as a single insert would have raised it."""
    details: Document = dict(error.details or {})
    for write in details.get("writeErrors", []):
        if write.get("code") == DUPLICATE_KEY:
            return DuplicateKeyError(str(write.get("errmsg")), DUPLICATE_KEY, write)
    return None
