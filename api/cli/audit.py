"""`crm audit`: who changed what, and which customers tills looked up."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from api.cli.runtime import DEFAULT_DATA_DIR, AsJson, DataDir, Stop, one_sentence, out, with_shop
from services.context import Shop
from store import audit as entries
from store.client import Document

Since = Annotated[str | None, typer.Option(help="Only from this instant on, ISO 8601; UTC where no offset is given.")]
By = Annotated[str | None, typer.Option(help="Only what this principal did, such as a key's id.")]
Of = Annotated[str | None, typer.Option(help="Only what was done to this, such as a customer's id.")]
Limit = Annotated[int, typer.Option(help="At most so many, the newest.", min=1, max=100_000)]


def audit(
    since: Since = None,
    by: By = None,
    of: Of = None,
    limit: Limit = 100,
    as_json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Print who changed what, and which customers tills looked up, newest first."""
    with one_sentence():
        begin = _instant(since) if since else None

    async def work(shop: Shop, _: object) -> list[Document]:
        return await entries.newest(shop.database, since=begin, by=by, of=of, limit=limit)

    found = with_shop(data_dir, "crm audit", work)
    if as_json:
        typer.echo(json.dumps({"entries": [_told(entry) for entry in found]}, default=str))
        return
    table = Table("at", "by", "role", "what", Column("of", overflow="fold"), Column("changes", overflow="fold"))
    for entry in map(_told, found):
        table.add_row(entry["at"], entry["by"], entry["role"], entry["what"], "\n".join(entry["of"]), _changes(entry))
    out.print(table)


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise Stop(f"--since: {text!r} is no instant such as 2026-11-21T12:00:00Z.") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _told(entry: Document) -> dict[str, Any]:
    rest = {name: value for name, value in entry.items() if name not in ("_id", "until")}
    return {"id": entry["_id"], **rest, "at": entry["at"].isoformat(timespec="milliseconds")}


def _changes(entry: dict[str, Any]) -> str:
    """Return what changed, in words: a look-up has found somebody or not."""
    if "key" in entry:
        return f"by {entry['key']}: {'found' if entry['of'] else 'nobody'}"
    lines = [f"{one['of']}: {_values(one['before'])} -> {_values(one['after'])}" for one in entry["changes"]]
    lines += [f"{one['topic']} {one['of']}: {_values(one['data'])}" for one in entry["facts"]]
    return "\n".join(lines)


def _values(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items()) or "nothing"
