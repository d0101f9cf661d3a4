"""Traces: spans of a request, its steps and its commands; and without the setting not even an import."""

import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import pytest_asyncio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.testing import capture_logs

from api.observability.observing import Observing
from api.observability.tracing import Tracing
from tests.api.serving import Served, serving, settings
from tests.support import CREATE

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PAGE = "query Page { customers(first: 2) { nodes { id purchases(first: 1) { nodes { id } } } } }"


@pytest.fixture
def exported() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest_asyncio.fixture
async def traced(mongodb_uri: str, driver: str, exported: InMemorySpanExporter) -> AsyncIterator[Served]:
    seen = Observing(tracing=Tracing(SimpleSpanProcessor(exported)))
    async with serving(settings(mongodb_uri, driver, mongodb_database="tests_traces"), seen=seen) as served:
        await served.post(CREATE, {"input": {"email": "ann@example.com"}})
        exported.clear()
        yield served
        await served.app.state.database.drop()


def named(spans: tuple[ReadableSpan, ...], name: str) -> ReadableSpan:
    (span,) = [span for span in spans if span.name == name]
    return span


async def test_a_request_is_a_span_with_its_steps_and_its_commands_inside(
    traced: Served, exported: InMemorySpanExporter
) -> None:
    traced.commands.names.clear()

    with capture_logs() as lines:
        await traced.post(PAGE)

    spans = exported.get_finished_spans()
    request, execute = named(spans, "query Page"), named(spans, "execute")
    assert request.parent is None
    for step in (named(spans, "prepare"), execute):
        assert step.parent is not None
        assert step.parent.span_id == request.context.span_id
    commands = [span for span in spans if "db.system.name" in (span.attributes or {})]
    assert sorted(span.name for span in commands) == sorted(traced.commands.names)
    inside = [span for span in commands if span.parent and span.parent.span_id == execute.context.span_id]
    assert len(inside) >= 2
    assert {span.context.trace_id for span in spans} == {request.context.trace_id}
    assert lines[0]["trace_id"] == f"{request.context.trace_id:032x}"
    assert (request.attributes or {})["crm.role"] == "ADMIN"


async def test_a_clients_trace_goes_on_and_what_is_none_begins_anew(
    traced: Served, exported: InMemorySpanExporter
) -> None:
    for sent in (f"00-{TRACE}-{PARENT}-01", "00-nonsense", f"00-{TRACE}-{PARENT}-01-ann@example.com" * 9):
        await traced.post("query Which { __typename }", traceparent=sent)

    first, *others = [span for span in exported.get_finished_spans() if span.name == "query Which"]
    assert first.parent is not None
    assert (f"{first.context.trace_id:032x}", f"{first.parent.span_id:016x}") == (TRACE, PARENT)
    assert [span.parent for span in others] == [None, None]


async def test_a_bug_is_an_error_without_its_text(
    traced: Served, exported: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("ann@example.com")

    monkeypatch.setattr("resolvers.customers.customers.by_ids", broken)

    await traced.post('query Broken { customer(by: {id: "cus_01J00000000000000000000000"}) { id } }')

    spans = exported.get_finished_spans()
    assert named(spans, "query Broken").status.status_code.name == "ERROR"
    assert "ann@example.com" not in "".join(span.to_json() for span in spans)


@pytest.fixture
def collector() -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    """A collector as OpenTelemetry's is: OTLP over HTTP."""
    received: list[ExportTraceServiceRequest] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            received.append(ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", received
        server.shutdown()
        thread.join()


async def test_spans_reach_a_collector_over_http(
    mongodb_uri: str, driver: str, collector: tuple[str, list[ExportTraceServiceRequest]]
) -> None:
    url, received = collector
    chosen = settings(mongodb_uri, driver, mongodb_database="tests_traces", otlp_endpoint=url)

    async with serving(chosen) as served:
        await served.post("query Seen { __typename }")

    spans = [
        span for sent in received for of in sent.resource_spans for scope in of.scope_spans for span in scope.spans
    ]
    assert "query Seen" in {span.name for span in spans}


async def test_a_collector_that_is_away_costs_nobody_an_answer(mongodb_uri: str, driver: str) -> None:
    chosen = settings(mongodb_uri, driver, mongodb_database="tests_traces", otlp_endpoint="http://127.0.0.1:9")

    async with serving(chosen) as served:
        response = await served.post("{ __typename }")

    assert response.json() == {"data": {"__typename": "Query"}}


def test_what_nobody_asked_for_is_not_imported() -> None:
    program = (
        "import sys\n"
        "from api.app import create_app\n"
        "from api.settings import Settings\n"
        "create_app(Settings.model_validate({'mongodb_uri': 'mongodb://localhost', 'secret': 's' * 40}))\n"
        "print([name for name in ('opentelemetry', 'prometheus_client') if name in sys.modules])\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
