"""`crm policy`: every field with the roles that may ask for it, a row each."""

from typer.testing import CliRunner

from api.cli.main import app
from crm.values import Role
from resolvers.policy import POLICY


def rows(text: str) -> list[list[str]]:
    """Return the cells of a printed table, row by row."""
    lines = [line.strip("│┃") for line in text.splitlines() if line[:1] in ("│", "┃")]
    return [[cell.strip() for cell in line.replace("┃", "│").split("│")] for line in lines]


def test_each_field_is_a_row_and_says_yes_below_each_role_that_may() -> None:
    done = CliRunner().invoke(app, ["policy"], env={"COLUMNS": "80"})

    assert done.exit_code == 0
    heading, *fields = rows(done.output)
    assert heading == ["field", *Role]
    assert fields == [[field, *("yes" if role in POLICY[field] else "" for role in Role)] for field in POLICY]


def test_what_is_printed_is_what_is_meant() -> None:
    said = rows(CliRunner().invoke(app, ["policy"], env={"COLUMNS": "80"}).output)

    assert ["field", "STOREFRONT", "CUSTOMER", "POS", "STAFF", "ADMIN"] in said
    assert ["Query.me", "", "yes", "", "", ""] in said
    assert ["Query.products", "yes", "yes", "yes", "yes", "yes"] in said
    assert ["Mutation.saveLoyaltyProgram", "", "", "", "", "yes"] in said
