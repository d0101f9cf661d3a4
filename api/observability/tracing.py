"""Traces for an OpenTelemetry collector: a span for each request, its steps and its database commands.

Imported only where CRM_OTLP_ENDPOINT is set. A span names what was done and how long it took; never an argument, a
query's text, a filter or what an exception said.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from api.observability.record import Record

SERVICE = "headless-crm"
EXPORT_SECONDS = 2.0
CLOSE_SECONDS = 5.0
FAULTS = frozenset({"INTERNAL", "TIMEOUT"})
_PARENT = TraceContextTextMapPropagator()
_SILENT: dict[str, Any] = {"record_exception": False, "set_status_on_exception": False}
"""An exception's text may quote what was sent."""


class Tracing:
    """Makes spans. `commands` is the listener that makes those of the database."""

    def __init__(self, processor: SpanProcessor) -> None:
        self._provider = TracerProvider(resource=Resource.create({"service.name": SERVICE}), shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer(SERVICE)
        self.commands = CommandSpans(self._tracer)

    @contextmanager
    def request(self, record: Record, traceparent: str | None) -> Iterator[None]:
        """Give the block the span of a request, within the client's trace where it names one (W3C traceparent)."""
        parent = _PARENT.extract({"traceparent": traceparent} if traceparent else {})
        with self._tracer.start_as_current_span("request", context=parent, kind=SpanKind.SERVER, **_SILENT) as span:
            record.trace = trace.format_trace_id(span.get_span_context().trace_id)
            try:
                yield
            finally:
                _describe(span, record)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Give the block a span of its own."""
        with self._tracer.start_as_current_span(name, **_SILENT):
            yield

    async def close(self) -> None:
        """Send what is left, for as long as that is worth waiting for."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await asyncio.to_thread(self._provider.shutdown)


def exporting(endpoint: str) -> Tracing:
    """Return what sends spans to a collector, such as http://collector:4318, in a thread of its own."""
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_SECONDS)
    return Tracing(BatchSpanProcessor(exporter))


def _describe(span: Span, record: Record) -> None:
    if record.kind:
        span.update_name(f"{record.kind} {record.operation or record.document}")
    said = {
        "crm.request_id": record.id,
        "crm.role": record.caller.role.value if record.caller else None,
        "crm.principal": record.caller.principal if record.caller else None,
        "crm.codes": sorted(set(record.codes)) or None,
        "graphql.operation.type": record.kind,
        "graphql.operation.name": record.operation,
        "graphql.document.hash": record.document,
        "http.response.status_code": record.status,
        "network.protocol.name": record.transport,
    }
    span.set_attributes({name: value for name, value in said.items() if value is not None})
    if FAULTS & set(record.codes):
        span.set_status(Status(StatusCode.ERROR))


class CommandSpans(CommandListener):
    """A span for each database command: what is done to which collection."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer
        # Both ends of a command are told in one context, be it a task's or that of one of Motor's threads.
        self._span: ContextVar[Span | None] = ContextVar("command", default=None)

    def started(self, event: CommandStartedEvent) -> None:
        """Begin one, within a request alone: what the driver does for itself is nobody's trace."""
        if not trace.get_current_span().get_span_context().is_valid:
            return
        collection = event.command.get(event.command_name)
        attributes = {"db.system.name": "mongodb", "db.operation.name": event.command_name}
        name = event.command_name
        if isinstance(collection, str):
            attributes["db.collection.name"] = collection
            name = f"{name} {collection}"
        self._span.set(self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes))

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """End it."""
        self._ended(good=True)

    def failed(self, event: CommandFailedEvent) -> None:
        """End it as an error, whose text stays here."""
        self._ended(good=False)

    def _ended(self, *, good: bool) -> None:
        span = self._span.get()
        if span:
            if not good:
                span.set_status(Status(StatusCode.ERROR))
            span.end()
            self._span.set(None)
