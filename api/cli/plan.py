"""`crm plan`: how an operation will be run, what it may cost, who may run it, and what it sends to MongoDB."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from api.cli.runtime import DEFAULT_DATA_DIR, DataDir, Stop, one_sentence, out
from api.cli.sent import NotRun, Question, sent_by
from api.engine import Engine
from api.limits.numbers import POINTS
from api.prepared import PreparedOperation
from crm.values import Role
from executor.describing import described
from executor.plans import NotCompiled, Ready
from resolvers.policy import POLICY
from schema.build import build_schema, executable

File = Annotated[Path, typer.Argument(help="A GraphQL document.", exists=True, dir_okay=False)]
OfRole = Annotated[Role, typer.Option(help="Who asks.")]
Named = Annotated[str | None, typer.Option("--operation", help="Which operation of the document.")]
AsJsonText = Annotated[str, typer.Option(help="The variables, as JSON.")]
Customer = Annotated[
    str | None, typer.Option(help="Which customer asks, with --role CUSTOMER; else whoever has spent most.")
]
Run = Annotated[
    bool | None,
    typer.Option("--run/--no-run", help="Fail where the query cannot be run, or do not even try.", show_default=False),
]
NOT_RUN = {
    "mutation": "A mutation is not run to be looked at: it would change something.",
    "subscription": "A subscription is followed, not run.",
}


def plan(
    file: File,
    role: OfRole = Role.ADMIN,
    operation: Named = None,
    variables: AsJsonText = "{}",
    customer: Customer = None,
    run: Run = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Print how an operation is run, its cost and policy, and of a query the database commands that it sends."""
    engine = Engine(executable(build_schema()))
    with one_sentence():
        given = _variables(variables)
        text = file.read_text(encoding="utf-8")
        prepared = _prepared(engine, text, operation)
        _say(_policy(prepared, role), _cost(prepared, role, given), *_plan(prepared, given))
        if run is False:
            return
        question = Question(engine=engine, text=text, variables=given, name=operation, role=role, customer=customer)
        try:
            _say("", *_commands(prepared, question, data_dir))
        except NotRun as why:
            if run:
                raise Stop(str(why)) from None
            _say("", f"MongoDB: no commands are shown. {why}")


def _commands(operation: PreparedOperation, question: Question, data_dir: Path) -> list[str]:
    """Return the commands of an operation that is a query and not refused."""
    kind = operation.node.operation.value
    if kind in NOT_RUN:
        raise NotRun(NOT_RUN[kind])
    forbidden = operation.forbidden(question.role)
    if forbidden:
        raise NotRun(f"The query is refused: {forbidden} is not open to {question.role}.")
    if too_much := operation.too_much(question.role, question.variables):
        raise NotRun(f"The query is refused: {too_much}")
    sent, errors = sent_by(question, data_dir)
    said = [f"MongoDB, {len(sent)} commands:", *(f"  {line}" for line in sent)]
    return [*said, *(f"Answered with an error: {message}" for message in errors)]


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


def _say(*lines: str) -> None:
    for line in lines:
        out.print(Text(line), soft_wrap=True)
