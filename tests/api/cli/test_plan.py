"""`crm plan`: how an operation is run, who may run it, and what it sends; it changes nothing."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli.main import app

PAGE = "query Page { me { email loyalty { balance { available } lots { id } } purchases { nodes { id } } } }"


@pytest.fixture
def ask(tmp_path: Path, mongodb_uri: str, driver: str, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("CRM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CRM_MONGODB_URI", mongodb_uri)
    monkeypatch.setenv("CRM_MONGODB_DATABASE", "tests_plan")
    monkeypatch.setenv("CRM_MONGO_DRIVER", driver)
    Path("page.graphql").write_text(PAGE, encoding="utf-8")
    Path("sale.graphql").write_text('mutation { releaseHold(holdId: "x") { replayed } }', encoding="utf-8")
    Path("types.graphql").write_text("{ __schema { types { name } } }", encoding="utf-8")
    Path("bad.graphql").write_text("{ nothing }", encoding="utf-8")
    return CliRunner()


def test_the_plan_says_how_each_field_is_had_and_who_may(ask: CliRunner) -> None:
    said = ask.invoke(app, ["plan", "page.graphql", "--role", "CUSTOMER"]).output

    assert "Policy: open to CUSTOMER; checked are Query.me, Customer.email" in said
    assert "Cost: at most " in said
    assert " points of 5,000." in said
    assert "    email: String <- stored as email" in said
    assert "me: Customer <- one call of resolvers.customers.by_ids for the level, asks ahead" in said
    assert "lots: [PointsLot!]! <- computed, needs resolvers.points.all_live_lots" in said


def test_a_role_that_may_not_is_told_by_which_field(ask: CliRunner) -> None:
    assert (
        "refused: Query.me is not open to STAFF" in ask.invoke(app, ["plan", "page.graphql", "--role", "STAFF"]).output
    )


def test_with_run_the_commands_of_a_query_are_printed_without_a_value_in_them(ask: CliRunner) -> None:
    customer = "cus_00000000000000000000000000"

    said = ask.invoke(app, ["plan", "page.graphql", "--role", "CUSTOMER", "--customer", customer, "--run"]).output

    assert "MongoDB, 1 commands:" in said
    assert "coll: points_lots" in said
    assert customer not in said


def test_a_mutation_is_planned_and_never_run(ask: CliRunner) -> None:
    done = ask.invoke(app, ["plan", "sale.graphql", "--run"])

    assert (done.exit_code, "releaseHold: HoldPayload!" in done.output) == (1, True)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["types.graphql"], "none, graphql-core runs this one"),
        (["bad.graphql"], "The document is not valid"),
        (["page.graphql", "--operation", "Other"], "Say which operation"),
        (["page.graphql", "--variables", "[1]"], "The variables are no JSON object"),
    ],
)
def test_what_has_no_plan_is_said_in_a_sentence(ask: CliRunner, words: list[str], sentence: str) -> None:
    done = ask.invoke(app, ["plan", *words])

    assert sentence in done.output + done.stderr
