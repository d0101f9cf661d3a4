"""`crm plan`: how an operation will be run, what it may cost, who may run it, and what it sends to MongoDB."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from pymongo import monitoring
from rich.text import Text

from api.app import make_shop, open_database
from api.cli.runtime import DEFAULT_DATA_DIR, DataDir, Stop, load_settings, mongodb_for, one_sentence, out
from api.engine import Engine
from api.limits.numbers import POINTS
from api.prepared import PreparedOperation
from api.settings import Settings
from crm.callers import Caller
from crm.values import Role
from executor.describing import described
from executor.plans import NotCompiled, Ready
from resolvers.context import Context
from resolvers.policy import POLICY
from schema.build import build_schema, executable
from services.installation import open_shop

File = Annotated[Path, typer.Argument(help="A GraphQL document.", exists=True, dir_okay=False)]
OfRole = Annotated[Role, typer.Option(help="Who asks.")]
Named = Annotated[str | None, typer.Option("--operation", help="Which operation of the document.")]
AsJsonText = Annotated[str, typer.Option(help="The variables, as JSON.")]
Customer = Annotated[str | None, typer.Option(help="Which customer asks, with --role CUSTOMER.")]
Run = Annotated[bool, typer.Option("--run", help="Run a query on this installation and print the commands it sends.")]


def plan(
    file: File,
    role: OfRole = Role.ADMIN,
    operation: Named = None,
    variables: AsJsonText = "{}",
    customer: Customer = None,
    run: Run = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Print how an operation is run; with --run also the database commands that it sends."""
    engine = Engine(executable(build_schema()))
    with one_sentence():
        given = _variables(variables)
        text = file.read_text(encoding="utf-8")
        prepared = _prepared(engine, text, operation)
        _say(_policy(prepared, role), _cost(prepared, role, given), *_plan(prepared, given))
        if run and prepared.node.operation.value != "query":
            raise Stop("Only a query is run to be looked at: a mutation would change something.")
    if run:
        caller = Caller(role=role, principal="crm plan", name="crm plan", customer_id=customer)
        _say("", *_commands(engine, caller, text, given, operation, data_dir))


def _variables(text: str) -> dict[str, Any]:
    try:
        given = json.loads(text)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise Stop("The variables are no JSON object.")
    return given


def _prepared(engine: Engine, text: str, name: str | None) -> PreparedOperation:
    prepared = engine.prepare(text)
    if prepared.errors:
        raise Stop(f"The document is not valid: {prepared.errors[0]['message']}")
    operation = prepared.operation(name)
    if operation is None:
        raise Stop("Say which operation of the document is meant.")
    return operation


def _policy(operation: PreparedOperation, role: Role) -> str:
    checked = [field for field in operation.asked.fields if field in POLICY]
    forbidden = operation.forbidden(role)
    may = f"refused: {forbidden} is not open to {role}" if forbidden else f"open to {role}"
    return f"Policy: {may}; checked are {', '.join(checked) or 'no fields'}."


def _cost(operation: PreparedOperation, role: Role, variables: Mapping[str, Any]) -> str:
    points, most = operation.asked.cost.requested(variables), POINTS[role].maximum
    return f"Cost: {operation.too_much(role, variables) or f'at most {points:,} points of {most:,}.'}"


def _plan(operation: PreparedOperation, variables: Mapping[str, Any]) -> list[str]:
    try:
        ready = operation.compiled.prepare(variables) if operation.compiled else None
    except NotCompiled:
        ready = None
    if isinstance(ready, Ready):
        return ["Plan:", *(f"  {line}" for line in described(ready.plan))]
    if ready is None:
        return ["Plan: none, graphql-core runs this one."]
    raise Stop(f"The variables do not fit: {ready[0].message}")


def _commands(
    engine: Engine, caller: Caller, text: str, variables: Mapping[str, Any], name: str | None, data_dir: Path
) -> list[str]:
    """Return what a query sends."""
    with one_sentence(), mongodb_for(load_settings(data_dir), data_dir, "crm plan") as settings:
        sent = asyncio.run(_sent(engine, settings, caller, text, variables, name))
    return [f"MongoDB, {len(sent)} commands:", *(f"  {line}" for line in sent)]


async def _sent(
    engine: Engine, settings: Settings, caller: Caller, text: str, variables: Mapping[str, Any], name: str | None
) -> list[str]:
    """Run a query once for what a process remembers, then once more, and return the commands of that one."""
    sent: list[str] = []
    database = open_database(settings, listeners=[_Listener(sent)])
    try:
        shop = make_shop(settings, database)
        await open_shop(shop)
        for _ in range(2):
            sent.clear()
            await engine.run(Context(shop.call(caller)), text, variables, name)
        return sent
    finally:
        await database.close()


class _Listener(monitoring.CommandListener):
    """Collects commands in words, personal data left out: collections and the fields that are asked by."""

    def __init__(self, sent: list[str]) -> None:
        self._sent = sent

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Take a command in."""
        if event.command_name in ("find", "aggregate"):
            collection = event.command[event.command_name]
            asked = event.command.get("filter") or event.command.get("pipeline")
            self._sent.append(f"{event.command_name} {collection} {shape(asked)}")

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Need nothing of it."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Need nothing of it."""


def shape(asked: Any) -> str:
    """Return a filter or pipeline with its names and without its values."""
    if isinstance(asked, Mapping):
        inside = (f"{name}: {value if name == 'coll' else shape(value)}" for name, value in asked.items())
        return "{" + ", ".join(inside) + "}"
    if isinstance(asked, (list, tuple)):
        stages = [shape(item) for item in asked if isinstance(item, Mapping)]
        return "[" + ", ".join(stages) + "]" if stages else f"[{len(asked)} values]"
    return "?"


def _say(*lines: str) -> None:
    for line in lines:
        out.print(Text(line), soft_wrap=True)
