"""One log line for every request, and its id in the answer."""

import random
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from contextvars import Token
from typing import TYPE_CHECKING, Any

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.messages import headers_of
from api.observability.record import CURRENT, Record

if TYPE_CHECKING:
    from api.observability.tracing import Tracing

REQUEST_ID, TRACEPARENT = b"x-request-id", b"traceparent"
GRAPHQL = "/graphql"
CLIENT_GONE = 499
FAILED = 500
_SANE = re.compile(r"(?=.*[A-Za-z])(?!crm_)[A-Za-z0-9_-]{8,64}")
log = structlog.get_logger()

Told = Callable[[Record], None]


class Requests:
    """Opens a record for each request, and at its end tells `told` of it."""

    def __init__(self, told: Sequence[Told] = (), tracing: "Tracing | None" = None) -> None:
        self.told = told
        self.tracing = tracing

    def record(
        self,
        id_: str | None = None,
        *,
        traceparent: str | None = None,
        transport: str = "http",
        quiet: bool = False,
    ) -> "Recorded":
        """Give the record of what runs in the block: one HTTP request, or one operation on a socket.

        Args:
            id_: what the client calls the request, used where it is sane.
            traceparent: the client's trace, as W3C writes it.
            quiet: a probe; logged at level debug, and told to nobody.
        """
        record = Record(sane_id(id_), transport)
        if quiet:
            return Recorded(record, [log_probe])
        span = None
        if self.tracing:
            record.step = self.tracing.step
            span = self.tracing.request(record, traceparent)
        return Recorded(record, self.told, span)


class Recorded:
    """The block of one request, in which its record is the current one."""

    __slots__ = ("_record", "_span", "_token", "_told")

    def __init__(self, record: Record, told: Sequence[Told], span: AbstractContextManager[None] | None = None) -> None:
        self._record = record
        self._told = told
        self._span = span

    def __enter__(self) -> Record:
        self._token: Token[Record | None] = CURRENT.set(self._record)
        if self._span:
            self._span.__enter__()
        return self._record

    def __exit__(self, *error: Any) -> None:
        if self._span:
            self._span.__exit__(*error)
        CURRENT.reset(self._token)
        for told in self._told:
            told(self._record)


class RequestLog:
    """ASGI middleware: HTTP requests get a record, an id and their line. Sockets are left to whoever speaks on them."""

    def __init__(self, app: ASGIApp, requests: Requests) -> None:
        self._app = app
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = headers_of(scope)
        id_, trace = [headers.get(name, b"").decode("latin-1") for name in (REQUEST_ID, TRACEPARENT)]
        with self._requests.record(id_, traceparent=trace, quiet=scope["path"] != GRAPHQL) as record:

            def sending(message: Message) -> Awaitable[None]:
                if message["type"] == "http.response.start":
                    record.status = message["status"]
                    message["headers"] = [*message.get("headers", ()), (REQUEST_ID, record.id.encode())]
                else:
                    record.sent += len(message.get("body", b""))
                return send(message)

            try:
                await self._app(scope, receive, sending)
            except Exception:
                record.status = FAILED
                raise


def sane_id(sent: str | None) -> str:
    """Return a client's request id, or a new one where it could be something else.

    8 to 64 letters, digits, hyphens and underscores, at least one of them a letter: not an e-mail address, not a
    telephone or card number, not a token, not one of our keys.
    """
    if sent and _SANE.fullmatch(sent):
        return sent
    return random.randbytes(16).hex()  # noqa: S311 -- it is to be unique, and opens nothing


def log_request(record: Record) -> None:
    """Write the line of a request."""
    log.info("request", **line(record))


def log_probe(record: Record) -> None:
    """Write the line of what nobody but a debugger wants to know of."""
    log.debug("request", **line(record))


def line(record: Record) -> dict[str, Any]:
    """Return what the log says of a request; what is not known is left out."""
    caller = record.caller
    said = {
        "request_id": record.id,
        "trace_id": record.trace,
        "transport": record.transport,
        "status": record.status,
        "ms": round(record.seconds * 1e3, 2),
        "bytes": record.sent,
        "role": caller.role.value if caller else None,
        "principal": caller.principal if caller else None,
        "kind": record.kind,
        "operation": record.operation,
        "document": record.document,
        "codes": dict(Counter(record.codes)) if record.codes else None,
        "cost": record.cost,
        "commands": len(record.commands),
        "commands_ms": round(sum(record.command_micros) / 1e3, 2),
        "retries": record.retries or None,
    }
    return {name: value for name, value in said.items() if value is not None}
