"""`crm plan`: how an operation is run, who may, and what it sends or why that is not shown; it changes nothing."""

import os
from pathlib import Path

import pytest
from pymongo import MongoClient
from typer.testing import CliRunner, Result

from api.cli.main import app
from store.embedded import running_uri

PAGE = "query Page { me { email loyalty { balance { available } lots { id } } purchases { nodes { id } } } }"


CUSTOMER = "cus_00000000000000000000000000"
NO_COMMANDS = "MongoDB: no commands are shown. "


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """A folder with documents and no database."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("CRM_")]:
        monkeypatch.delenv(name)
    Path("page.graphql").write_text(PAGE, encoding="utf-8")
    Path("sale.graphql").write_text('mutation { releaseHold(holdId: "x") { replayed } }', encoding="utf-8")
    Path("points.graphql").write_text("subscription { loyaltyUpdated { id } }", encoding="utf-8")
    Path("types.graphql").write_text("{ __schema { types { name } } }", encoding="utf-8")
    Path("bad.graphql").write_text("{ nothing }", encoding="utf-8")
    Path("stores.graphql").write_text("{ stores { nodes { name } } }", encoding="utf-8")
    Path("wrong.graphql").write_text('{ customer(by: {id: "nobody"}) { id } }', encoding="utf-8")
    return CliRunner()


@pytest.fixture
def ask(alone: CliRunner, mongodb_uri: str, driver: str, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """The same, and a shop whose database the environment names."""
    monkeypatch.setenv("CRM_MONGODB_URI", mongodb_uri)
    monkeypatch.setenv("CRM_MONGODB_DATABASE", "tests_plan")
    monkeypatch.setenv("CRM_MONGO_DRIVER", driver)
    assert alone.invoke(app, ["keys", "list"]).exit_code == 0  # opens the shop
    return alone


def told(done: Result) -> str:
    return done.output + done.stderr


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


def test_the_commands_of_a_query_are_printed_without_a_value_in_them(ask: CliRunner) -> None:
    done = ask.invoke(app, ["plan", "page.graphql", "--role", "CUSTOMER", "--customer", CUSTOMER])

    assert done.exit_code == 0
    assert "MongoDB, 1 commands:" in done.output
    assert "coll: points_lots" in done.output
    assert CUSTOMER not in done.output


def test_where_no_customer_is_named_one_that_is_there_asks(ask: CliRunner) -> None:
    assert "coll: points_lots" in ask.invoke(app, ["plan", "page.graphql", "--role", "CUSTOMER"]).output


def test_what_a_query_is_answered_with_is_told_where_that_is_an_error(ask: CliRunner) -> None:
    said = ask.invoke(app, ["plan", "wrong.graphql"]).output

    assert "MongoDB, 0 commands:\nAnswered with an error: This is not an id of this shop." in said


def test_without_run_nothing_is_asked(ask: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_MONGODB_URI", "mongodb://127.0.0.1:9")

    done = ask.invoke(app, ["plan", "stores.graphql", "--no-run"])

    assert (done.exit_code, "Plan:" in done.output, "MongoDB" in done.output) == (0, True, False)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["sale.graphql"], "A mutation is not run to be looked at: it would change something."),
        (["points.graphql", "--role", "CUSTOMER"], "A subscription is followed, not run."),
        (["page.graphql", "--role", "STAFF"], "The query is refused: Query.me is not open to STAFF."),
        (["stores.graphql"], "No database is here: name one with CRM_MONGODB_URI or --data-dir."),
    ],
)
def test_why_no_commands_are_shown_is_said_after_the_plan_and_fails_only_where_they_were_insisted_on(
    alone: CliRunner, words: list[str], why: str
) -> None:
    before = sorted(Path.cwd().iterdir())

    done = alone.invoke(app, ["plan", *words])
    insisted = alone.invoke(app, ["plan", *words, "--run"])

    assert (done.exit_code, "Plan:" in done.output, f"{NO_COMMANDS}{why}" in done.output) == (0, True, True)
    assert (insisted.exit_code, "Plan:" in insisted.output, why in told(insisted)) == (1, True, True)
    assert sorted(Path.cwd().iterdir()) == before


def test_a_database_that_does_not_answer_is_said_and_the_plan_is_there(
    alone: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_MONGODB_URI", "mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=50")

    done = alone.invoke(app, ["plan", "stores.graphql"])

    assert (done.exit_code, "Plan:" in done.output) == (0, True)
    assert f"{NO_COMMANDS}MongoDB does not answer." in done.output


def test_a_database_that_no_shop_was_opened_on_stays_empty(
    alone: CliRunner, mongodb_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_MONGODB_URI", mongodb_uri)
    monkeypatch.setenv("CRM_MONGODB_DATABASE", "tests_plan_empty")

    done = alone.invoke(app, ["plan", "stores.graphql"])

    assert f"{NO_COMMANDS}This version has not opened the shop yet" in done.output
    with MongoClient[dict[str, object]](mongodb_uri) as client:
        assert client["tests_plan_empty"].list_collection_names() == []


def test_the_embedded_mongodb_of_the_data_folder_is_asked_and_left_as_it_was(alone: CliRunner) -> None:
    assert alone.invoke(app, ["keys", "list"]).exit_code == 0

    done = alone.invoke(app, ["plan", "stores.graphql"])

    assert (done.exit_code, "MongoDB, 1 commands:\n  find stores " in done.output) == (0, True)
    assert running_uri(Path("data")) is None


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

    assert sentence in told(done)
