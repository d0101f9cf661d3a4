"""Nobody's data leaves by the side doors: logs, metrics, spans and the audit log are searched for what was sent."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry, generate_latest
from pymongo.errors import OperationFailure

from api.observability.metrics import Metrics
from api.observability.observing import Observing
from api.observability.tracing import Tracing
from crm.callers import SYSTEM
from crm.values import Role
from services import api_keys
from tests.api.logged import configured
from tests.api.serving import Served, serving, settings
from tests.support import CREATE, RECORD, sale

PERSON = {
    "email": "annabel.quill@example.com",
    "phone": "+43 660 7654321",
    "cardNumber": "4111111111111111",
    "firstName": "Annabel",
    "lastName": "Quillfeather",
    "birthDate": "1987-06-05",
    "tags": ["left-handed-juggler"],
    "attributes": {"allergy": "hazelnutty"},
    "externalIds": [{"source": "erp", "value": "erp-0815-4711"}],
}
WORDS = {"annabel", "quill", "7654321", "4111111111111111", "1987-06-05", "juggler", "hazelnutty", "0815-4711"}
WORDS |= {"secret-of-the-till", "unkind-words", "unspeakable"}
FIND = "query Find($by: CustomerKey!) { customer(by: $by) { id email firstName lastName } }"


class Doors:
    """Everything that leaves beside the answers."""

    def __init__(self, served: Served, registry: CollectorRegistry, spans: InMemorySpanExporter) -> None:
        self.served = served
        self.registry = registry
        self.spans = spans

    async def all(self, logs: str) -> dict[str, str]:
        spans = self.spans.get_finished_spans()
        assert spans
        return {
            "logs": logs,
            "metrics": generate_latest(self.registry).decode(),
            "spans": "".join(span.to_json() for span in spans),
            "audit": str(await self.served.app.state.database["audit"].find().to_list(None)),
            "outbox": str(await self.served.app.state.database["outbox"].find().to_list(None)),
        }


@pytest_asyncio.fixture
async def doors(mongodb_uri: str, driver: str) -> AsyncIterator[Doors]:
    registry, spans = CollectorRegistry(), InMemorySpanExporter()
    seen = Observing(Metrics(registry), Tracing(SimpleSpanProcessor(spans)))
    async with serving(settings(mongodb_uri, driver, mongodb_database="tests_doors"), seen=seen) as served:
        yield Doors(served, registry, spans)
        await served.app.state.database.drop()


async def operations(served: Served) -> None:
    """Everything a person's data is sent with: variables, literals, names, headers, mistakes."""
    created = (await served.post(CREATE, {"input": PERSON}, role=Role.STAFF)).json()
    id_ = created["data"]["createCustomer"]["customer"]["id"]
    for by in ({"email": PERSON["email"]}, {"phone": PERSON["phone"]}, {"cardNumber": PERSON["cardNumber"]}):
        assert (await served.post(FIND, {"by": by})).json()["data"]["customer"]["id"] == id_
        till = await served.post("query($by: CustomerKey!) { customer(by: $by) { id } }", {"by": by}, role=Role.POS)
        assert till.json()["data"]["customer"]["id"] == id_
    update = """mutation($by: CustomerKey!, $input: UpdateCustomerInput!) {
      updateCustomer(by: $by, input: $input) { replayed } }"""
    changes = {"email": "quill2@example.com", "firstName": "Unspeakable", "attributes": {"allergy": "unspeakable"}}
    await served.post(update, {"by": {"id": id_}, "input": changes})
    literal = 'mutation { createCustomer(input: {email: "annabel.quill2@example.com"}) { userErrors { message } } }'
    await served.post(literal)
    await served.post(CREATE, {"input": {**PERSON, "email": "quill2@example.com"}})  # taken: the index would quote it
    await served.post(RECORD, {"input": sale(customer={"email": "quill2@example.com"})}, role=Role.POS)
    adjust = """mutation($by: CustomerKey!) {
      adjustPoints(customer: $by, points: 5, reason: "unkind-words") { userErrors { message } } }"""
    await served.post(adjust, {"by": {"id": id_}})
    feedback = """mutation { submitFeedback(input: {kind: IDEA, comment: "unkind-words of Annabel"}) {
      userErrors { message } } }"""
    async with served.client() as client:
        token = {"Authorization": f"Bearer {served.token(id_)}", "X-Request-Id": PERSON["email"]}
        await client.post("/graphql", json={"query": feedback}, headers=token)
        await client.post("/graphql", json={"query": "{ me { email } }"}, headers=token)
        await client.get("/graphql", params={"query": '{ customer(by: {email: "annabel.quill@example.com"}) { id } }'})
        await client.get(f"/{PERSON['email']}")
        await client.post(
            "/graphql", json={"query": "{ me { email } }"}, headers={"Authorization": "Bearer annabel.quill"}
        )


async def mistakes(served: Served) -> None:
    """What is wrong in every way, with a person's data in it."""
    email = PERSON["email"]
    for query, variables in (
        ('{ customer(by: {email: "annabel.quill@example.com" ', None),
        ("{ quillfeather }", None),
        ("query($by: CustomerKey!) { customer(by: $by) { id } }", {"by": {"email": email, "phone": "7654321"}}),
        ("query($by: CustomerKey!) { customer(by: $by) { id } }", {"by": {"quill": email}}),
        ("query($by: CustomerKey!) { customer(by: $by) { id } }", {"by": email}),
        (CREATE, {"input": {"email": "annabel.quill", "birthDate": "1987-06-05T"}}),
    ):
        await served.post(query, variables)
        async with served.client() as client:
            sent = {"query": query, "variables": variables, "operationName": "annabel.quill"}
            await client.post("/graphql", json=sent, headers=served.headers())


async def test_nothing_of_a_person_is_in_logs_metrics_spans_or_audit(
    doors: Doors, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served = doors.served

    async def broken(*_: Any) -> Any:
        raise OperationFailure(f"dup key: email:{PERSON['email']}", 11000, {"keyValue": PERSON})

    with configured(environment="production", log_level="debug"):
        await operations(served)
        await mistakes(served)
        with monkeypatch.context() as patch:
            patch.setattr("resolvers.customers.keys.find", broken)
            await served.post(FIND, {"by": {"email": PERSON["email"]}})
        await served.shop.notebook.flush()
    logs = capsys.readouterr().err

    left = await doors.all(logs)

    lines = [json.loads(line) for line in logs.splitlines()]
    assert len(lines) > 25
    assert "internal_error" in {line["event"] for line in lines}
    credentials = {*served.keys.values(), *(key.rpartition("_")[2] for key in served.keys.values())}
    for door, text in left.items():
        assert [word for word in sorted(WORDS | credentials) if word.lower() in text.lower()] == [], door
        assert "eyJ" not in text, door  # how every token begins; in capitals alone it may be a part of an id


async def test_a_key_is_nowhere_to_be_read_but_where_it_is_shown(
    doors: Doors, capsys: pytest.CaptureFixture[str]
) -> None:
    served = doors.served
    with configured(environment="production", log_level="debug"):
        made = await api_keys.create(served.shop.call(SYSTEM), Role.POS, name="Annabel's till")
        served.keys[Role.POS] = made.key
        await served.post("{ __typename }", role=Role.POS)
        served.keys[Role.POS] = made.key[:-1]
        await served.post("{ __typename }", role=Role.POS)

    left = await doors.all(capsys.readouterr().err)

    for door, text in left.items():
        assert made.key[:-1] not in text, door
        assert "Annabel" not in text, door
