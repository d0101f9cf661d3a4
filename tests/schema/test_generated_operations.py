"""schemathesis writes operations from the committed schema file: every role gets an answer, never a fault of ours."""

import json
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.graphql import nodes

from crm.callers import Caller
from crm.values import Role
from resolvers.context import Context
from resolvers.policy import POLICY
from tests.support import ADMIN, POS, STAFF, STOREFRONT, World, customer_caller

SCHEMA = schemathesis.graphql.from_path(Path(__file__).parents[2] / "schema" / "schema.graphql")
CASES = 40
TEXTS = ("mongodb://", "Traceback", "pymongo", "motor", ".py", "E11000", "127.0.0.1")

schemathesis.graphql.scalar("CurrencyCode", st.sampled_from(["USD", "EUR", "usd", ""]).map(nodes.String))
schemathesis.graphql.scalar("Date", (st.dates().map(str) | st.text(max_size=12)).map(nodes.String))
schemathesis.graphql.scalar(
    "DateTime", (st.datetimes().map(lambda at: f"{at.isoformat()}Z") | st.text(max_size=12)).map(nodes.String)
)
schemathesis.graphql.scalar(
    "Decimal",
    (st.decimals(allow_nan=True).map(str) | st.from_regex(r"-?\d{1,12}(\.\d{1,6})?", fullmatch=True)).map(nodes.String),
)
schemathesis.graphql.scalar("JSON", (st.just(nodes.Object(fields=[])) | st.text(max_size=5).map(nodes.String)))

OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations()]


def callers(customer: str) -> dict[Role, Caller]:
    return {caller.role: caller for caller in (STOREFRONT, customer_caller(customer), POS, STAFF, ADMIN)}


@pytest.fixture
async def customer(world: World) -> str:
    """A customer with a sale, so that there is something to find."""
    id_ = await world.customer()
    await world.sell(customer={"id": id_}, storeCode="vienna-1")
    return id_


# The driver numbers its messages by Python's own random generator, from threads that know nothing of Hypothesis.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning")
@pytest.mark.parametrize("role", list(Role))
@settings(
    max_examples=CASES,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
@given(data=st.data())
async def test_an_operation_of_the_schema_is_answered_or_refused(
    world: World, customer: str, role: Role, data: st.DataObject
) -> None:
    operation = data.draw(st.sampled_from(OPERATIONS))
    case: Any = data.draw(operation.as_strategy())

    answer = await world.engine.run(_context(world, callers(customer)[role]), case.body, None, None)

    text = json.dumps(answer.body)
    codes = {error["extensions"]["code"] for error in answer.body.get("errors", [])}
    assert "INTERNAL" not in codes, (case.body, answer.body)
    assert "TIMEOUT" not in codes, case.body
    assert answer.body.get("data") or codes
    assert not any(found in text.replace(json.dumps(case.body), "") for found in TEXTS)


def _context(world: World, caller: Caller) -> Context:
    return Context(world.call(caller))


def test_every_field_of_query_and_mutation_has_an_operation() -> None:
    roots = {field for field in POLICY if field.startswith(("Query.", "Mutation."))}

    assert {operation.label for operation in OPERATIONS} == roots
