"""The `crm` command and what does not need a file of its own."""

import json
import logging
import sys
from typing import Annotated

import structlog
import typer
from rich.table import Table

from api.app import development_secret
from api.cli import audit, check, demo, evaluate, imports, keys, plan, serve, upkeep
from api.cli.runtime import DEFAULT_DATA_DIR, AsJson, DataDir, Stop, load_settings, one_sentence, out, with_shop
from api.tokens import development_token
from crm.ids import CUSTOMER, prefix_of
from crm.values import Role
from resolvers.policy import POLICY
from schema.build import build_schema
from services.context import Shop, utc_now
from store import customers

app = typer.Typer(
    name="crm",
    help="A headless CRM with a GraphQL API for storefronts, apps and tills.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
app.command("serve")(serve.serve)
app.command("demo")(demo.demo)
app.command("worker")(upkeep.worker)
app.command("check")(check.check)
app.command("audit")(audit.audit)
app.command("synth")(imports.synth)
app.command("plan")(plan.plan)
app.command("evaluate")(evaluate.evaluate)
app.add_typer(imports.app, name="import")
app.add_typer(keys.app, name="keys")


@app.command()
def token(
    customer: Annotated[str, typer.Option(help="The customer's id, cus_...")],
    as_json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Print a development token of a customer; refused where an identity provider is configured."""
    with one_sentence():
        settings = load_settings(data_dir)
        secret = development_secret(settings)
        if secret is None:
            raise Stop("Development tokens are off: an identity provider is configured, or this is production.")
        if prefix_of(customer) != CUSTOMER:
            raise Stop("Expected the id of a customer, such as cus_01J...")

        async def known(shop: Shop, _: object) -> bool:
            return (await customers.by_ids(shop.database, [customer]))[0] is not None

        if not with_shop(data_dir, "crm token", known):
            raise Stop("There is no customer with this id.")
        made = development_token(customer, secret=secret, now=utc_now())
    typer.echo(json.dumps({"token": made}) if as_json else made)


@app.command()
def schema() -> None:
    """Print the GraphQL schema."""
    typer.echo(build_schema().as_str())


@app.command()
def policy() -> None:
    """Print who may ask for which field."""
    table = Table("field", *Role)
    for field, roles in POLICY.items():
        table.add_row(field, *("yes" if role in roles else "" for role in Role))
    out.print(table)


def main() -> None:
    """Run the command line. Of logs only warnings are shown, on standard error; what serves sets up its own."""
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
    )
    app()
