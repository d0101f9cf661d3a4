"""`crm keys`: make, list and revoke API keys."""

import json
from typing import Annotated

import typer
from rich.table import Column, Table

from api.cli.runtime import DEFAULT_DATA_DIR, AsJson, DataDir, Stop, one_sentence, out, with_shop
from crm.callers import SYSTEM
from crm.values import Channel, Role
from services import api_keys
from services.api_keys import NewKey
from services.context import Shop
from store import api_keys as stored_keys
from store.client import Document

app = typer.Typer(help="API keys of storefronts, tills and staff.", no_args_is_help=True)


@app.command()
def create(
    role: Annotated[Role, typer.Option(case_sensitive=False, help="What the bearer may do.")],
    store: Annotated[str | None, typer.Option(help="Code of the one store it is for.")] = None,
    channel: Annotated[Channel | None, typer.Option(case_sensitive=False, help="The one channel it is for.")] = None,
    name: Annotated[str | None, typer.Option(help="What people see of the bearer.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Make a key and show it, this once."""

    async def work(shop: Shop, _: object) -> NewKey:
        return await api_keys.create(shop.call(SYSTEM), role, store_code=store, channel=channel, name=name)

    with one_sentence():
        if store is not None and not store.strip():
            raise Stop("Name the store's code, or leave --store out for a key of all stores.")
        if role is Role.CUSTOMER:
            raise Stop("Customers have no API key: their credential is a token of the identity provider.")
    made = with_shop(data_dir, "crm keys create", work)
    if as_json:
        typer.echo(json.dumps({"id": made.id, "key": made.key, "role": made.role.value}))
    else:
        out.print(f"{made.role} key [bold]{made.key}[/bold] ({made.id}); it is not shown again.", soft_wrap=True)


@app.command("list")
def list_(as_json: AsJson = False, data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """List all keys, without what they are."""

    async def work(shop: Shop, _: object) -> list[Document]:
        return await stored_keys.listed(shop.database)

    found = with_shop(data_dir, "crm keys list", work)
    if as_json:
        typer.echo(json.dumps({"keys": [_shown(key) for key in found]}))
        return
    table = Table(Column("id", no_wrap=True), "role", "name", "store", "channel", "created", "revoked")
    for key in map(_shown, found):
        table.add_row(*(str(key[column] or "") for column in key))
    out.print(table)


def _shown(key: Document) -> dict[str, str | None]:
    return {
        "id": key["_id"],
        "role": key["role"],
        "name": key["name"],
        "store": key["storeCode"],
        "channel": key["channel"],
        "createdAt": key["createdAt"].isoformat(timespec="seconds"),
        "revokedAt": key["revokedAt"].isoformat(timespec="seconds") if key["revokedAt"] else None,
    }


@app.command()
def revoke(
    id_: Annotated[str, typer.Argument(metavar="ID", help="The key's id, key_...")],
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """End a key; servers notice within five seconds."""

    async def work(shop: Shop, _: object) -> bool:
        return await stored_keys.revoke(shop.database, id_, shop.clock())

    ended = with_shop(data_dir, "crm keys revoke", work)
    with one_sentence():
        if not ended:
            raise Stop("There is no such key, or it is revoked already.")
    out.print("Revoked.")
