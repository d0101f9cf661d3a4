"""What is known of the request under way: noted where it becomes known, told once at its end.

The record stands in a context variable, which asyncio hands on to every task a request starts and Motor to its threads:
so a database command counts for the request that caused it, also when a data loader sent it.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from hashlib import sha256
from time import perf_counter_ns
from typing import Any

from crm.callers import Caller

NAME_LENGTH_MAX = 64
HASH_LENGTH = 16


@dataclass(slots=True, kw_only=True)
class Record:
    """One request. `command_micros` has one entry for each database command that ended.

    Args:
        id: what a client quotes when it complains; in the answer's header, and in every log line of the request.
        transport: `http`, or what else carried it.
    """

    id: str
    transport: str = "http"
    started: int = field(default_factory=perf_counter_ns)
    caller: Caller | None = None
    kind: str | None = None
    operation: str | None = None
    document: str | None = None
    codes: list[str] = field(default_factory=list)
    cost: Mapping[str, Any] | None = None
    commands: list[str] = field(default_factory=list)
    command_micros: list[int] = field(default_factory=list)
    retries: int = 0
    trace: str | None = None
    step: Callable[[str], AbstractContextManager[None]] | None = None
    status: int | None = None
    sent: int = 0

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


def step(name: str) -> AbstractContextManager[None]:
    """Return the block that is one step of the request under way, for its trace."""
    record = CURRENT.get()
    return record.step(name) if record and record.step else _NO_STEP


def note_caller(caller: Caller) -> None:
    """Note who calls."""
    record = CURRENT.get()
    if record:
        record.caller = caller


def note_operation(kind: str, name: str | None, text: str) -> None:
    """Note which operation of which document is meant: by its hash, for the text may hold anything.

    Args:
        kind: query, mutation or subscription.
        name: as it stands in the document, not as the request spells it.
    """
    record = CURRENT.get()
    if record:
        record.kind, record.operation = kind, name[:NAME_LENGTH_MAX] if name else None
        record.document = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:HASH_LENGTH]


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
