"""What a query sends to MongoDB, for `crm plan`: it is run where a shop is there, and changes nothing."""

import asyncio
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import monitoring
from pymongo.errors import PyMongoError

from api.app import make_shop, open_database
from api.cli.runtime import mongodb_for
from api.engine import Engine
from api.settings import Settings
from crm.callers import Caller
from crm.values import Role
from resolvers.context import Context
from store import customers
from store.client import Database
from store.embedded import EmbeddedError, holds_database
from store.migrations import missing

NOBODY = "cus_00000000000000000000000000"


class NotRun(Exception):
    """Why no commands are shown, in a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A query to be looked at: its document and the operation in it, with variables, and who asks which engine."""

    engine: Engine
    text: str
    variables: Mapping[str, Any]
    name: str | None
    role: Role
    customer: str | None


def sent_by(question: Question, data_dir: Path) -> tuple[list[str], list[str]]:
    """Return the commands that a query sends to the installation's MongoDB, and the errors that it is answered with.

    Raises:
        NotRun: no shop is there to ask.
    """
    settings = Settings.from_environ(os.environ)
    if not settings.mongodb_uri and not holds_database(data_dir):
        raise NotRun("No database is here: name one with CRM_MONGODB_URI or --data-dir.")
    # Nothing that a query sends is made with the secret, and whoever only looks leaves none behind.
    settings = settings.model_copy(update={"secret": settings.secret or secrets.token_hex()})
    try:
        with mongodb_for(settings, data_dir, "crm plan") as found:
            return asyncio.run(_sent(question, found))
    except EmbeddedError as problem:
        raise NotRun(str(problem)) from None
    except PyMongoError:
        raise NotRun("MongoDB does not answer.") from None


async def _sent(question: Question, settings: Settings) -> tuple[list[str], list[str]]:
    """Run a query once for what a process remembers, then once more, and return what came of that one."""
    sent: list[str] = []
    try:
        database = open_database(settings, listeners=[_Listener(sent)])
    except ValueError as problem:  # the driver's, of a port beyond 65535
        raise NotRun(f"CRM_MONGODB_URI: {problem}.") from None
    try:
        if await missing(database):
            raise NotRun("This version has not opened the shop yet: start it once with `crm serve`.")
        shop, caller = make_shop(settings, database), await _caller(question, database)
        for _ in range(2):
            sent.clear()
            answer = await question.engine.run(
                Context(shop.call(caller)), question.text, question.variables, question.name
            )
        return sent, [str(error["message"]) for error in answer.body.get("errors", ())]
    finally:
        await database.close()


async def _caller(question: Question, database: Database) -> Caller:
    """Return who asks: where no customer is named, whoever has spent most."""
    id_ = question.customer
    if question.role is Role.CUSTOMER and id_ is None:
        id_ = await customers.best(database) or NOBODY
    return Caller(role=question.role, principal="crm plan", name="crm plan", customer_id=id_)


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
