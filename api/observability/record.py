"""What is known of the request under way: noted where it becomes known, told once at its end.

The record stands in a context variable, which asyncio hands on to every task a request starts and Motor to its threads:
so a database command counts for the request that caused it, also when a data loader sent it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from hashlib import sha256
from time import perf_counter_ns
from typing import Any

from crm.callers import Caller

NAME_LENGTH_MAX = 64
HASH_LENGTH = 16


class Record:
    """One request; what is not known of it yet is as it stands here. `command_micros` has an entry for each command.

    Not a dataclass: every request makes one, and most of it is never set.

    Args:
        id: what a client quotes when it complains; in the answer's header, and in every log line of the request.
        transport: `http`, or what else carried it.
    """

    caller: Caller | None = None
    kind: str | None = None
    operation: str | None = None
    document: str | None = None
    cost: Mapping[str, Any] | None = None
    retries = 0
    trace: str | None = None
    step: Callable[[str], AbstractContextManager[None]] | None = None
    status: int | None = None
    sent = 0

    def __init__(self, id: str, transport: str = "http") -> None:
        self.id = id
        self.transport = transport
        self.started = perf_counter_ns()
        self.codes: list[str] = []
        self.commands: list[str] = []
        self.command_micros: list[int] = []

    @property
    def seconds(self) -> float:
        """How long it has lasted."""
        return (perf_counter_ns() - self.started) / 1e9

    @property
    def outcome(self) -> str:
        """The first code it was answered with, OK where there was none."""
        return self.codes[0] if self.codes else "OK"


_NO_STEP: AbstractContextManager[None] = nullcontext()
CURRENT: ContextVar[Record | None] = ContextVar("request", default=None)


@contextmanager
def apart() -> Iterator[None]:
    """Let what runs in the block count for no request: a subscription's event, whose record may be open for days."""
    token = CURRENT.set(None)
    try:
        yield
    finally:
        CURRENT.reset(token)


def step(name: str) -> AbstractContextManager[None]:
    """Return the block that is one step of the request under way, for its trace."""
    record = CURRENT.get()
    return record.step(name) if record and record.step else _NO_STEP


def note_caller(caller: Caller) -> None:
    """Note who calls."""
    record = CURRENT.get()
    if record:
        record.caller = caller


def document_hash(text: str) -> str:
    """Return what a document is told by: its text may hold anything."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:HASH_LENGTH]


def note_operation(kind: str, name: str | None, document: str) -> None:
    """Note which operation is meant.

    Args:
        kind: query, mutation or subscription.
        name: as it stands in the document, not as the request spells it.
        document: the document's hash.
    """
    record = CURRENT.get()
    if record:
        record.kind, record.operation = kind, name[:NAME_LENGTH_MAX] if name else None
        record.document = document


def note_refusals(codes: Iterable[str]) -> None:
    """Note the codes of the user errors of an answer."""
    record = CURRENT.get()
    if record:
        record.codes += codes


def note_answer(body: Mapping[str, Any]) -> None:
    """Note the codes of an answer's errors, and what it cost."""
    record = CURRENT.get()
    if record:
        if "errors" in body:
            record.codes += [error.get("extensions", {}).get("code", "UNKNOWN") for error in body["errors"]]
        if "extensions" in body:
            record.cost = body["extensions"].get("cost")


def note_retry() -> None:
    """Note that a transaction is tried again."""
    record = CURRENT.get()
    if record:
        record.retries += 1
