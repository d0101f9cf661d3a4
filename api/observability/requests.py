"""One log line for every request, and its id in the answer."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from os import urandom
from typing import TYPE_CHECKING, Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.observability.record import CURRENT, Record

if TYPE_CHECKING:
    from api.observability.tracing import Tracing

REQUEST_ID = "X-Request-Id"
GRAPHQL = "/graphql"
CLIENT_GONE = 499
FAILED = 500
_SANE = re.compile(r"(?=.*[A-Za-z])(?!crm_)[A-Za-z0-9_-]{8,64}")
log = structlog.get_logger()

Told = Callable[[Record], None]


class Requests:
    """Opens a record for each request and tells of it at its end: the log, and whoever else wants to know."""

    def __init__(self, told: Sequence[Told] = (), tracing: "Tracing | None" = None) -> None:
        self._told = told
        self._tracing = tracing

    @contextmanager
    def record(
        self,
        id_: str | None = None,
        *,
        traceparent: str | None = None,
        transport: str = "http",
        quiet: bool = False,
    ) -> Iterator[Record]:
        """Give the record of what runs in the block: one HTTP request, or one operation on a socket.

        Args:
            id_: what the client calls the request, used where it is sane.
            traceparent: the client's trace, as W3C writes it.
            quiet: a probe; logged at level debug, and counted by nobody.
        """
        record = Record(id=sane_id(id_), transport=transport)
        token = CURRENT.set(record)
        try:
            if self._tracing and not quiet:
                record.step = self._tracing.step
                with self._tracing.request(record, traceparent):
                    yield record
            else:
                yield record
        finally:
            CURRENT.reset(token)
            if quiet:
                log.debug("request", **line(record))
            else:
                for told in self._told:
                    told(record)
                log.info("request", **line(record))


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
        headers = Headers(scope=scope)
        with self._requests.record(
            headers.get(REQUEST_ID), traceparent=headers.get("traceparent"), quiet=scope["path"] != GRAPHQL
        ) as record:

            async def sending(message: Message) -> None:
                if message["type"] == "http.response.start":
                    record.status = message["status"]
                    MutableHeaders(scope=message)[REQUEST_ID] = record.id
                else:
                    record.sent += len(message.get("body", b""))
                await send(message)

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
    return sent if sent and _SANE.fullmatch(sent) else urandom(16).hex()


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
