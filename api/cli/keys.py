"""`crm keys`: make, list and revoke API keys."""

import json
import re
from datetime import datetime, timedelta
from typing import Annotated

import typer
from rich.table import Column, Table

from api.cli.runtime import DEFAULT_DATA_DIR, AsJson, DataDir, Stop, one_sentence, out, with_shop
from crm.callers import SYSTEM
from crm.refusals import Refusal
from crm.values import Channel, Role
from services import api_keys
from services.api_keys import NewKey
from services.context import Shop
from store import api_keys as stored_keys
from store.client import Document

_SHOWN = {
    "role": "role",
    "name": "name",
    "store": "storeCode",
    "channel": "channel",
    "principal": "principal",
    "createdAt": "createdAt",
    "lastUsedAt": "lastUsedAt",
    "expiresAt": "expiresAt",
    "revokedAt": "revokedAt",
}
_SPAN, _UNITS = re.compile(r"(\d{1,4})([smhd])"), {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
app = typer.Typer(help="API keys of storefronts, tills and staff.", no_args_is_help=True)


@app.command()
def create(
    role: Annotated[Role, typer.Option(case_sensitive=False, help="What the bearer may do.")],
    store: Annotated[str | None, typer.Option(help="Code of the one store it is for.")] = None,
    channel: Annotated[Channel | None, typer.Option(case_sensitive=False, help="The one channel it is for.")] = None,
    name: Annotated[str | None, typer.Option(help="What people see of the bearer.")] = None,
    expires: Annotated[str | None, typer.Option(help="After how long it ends by itself, such as 90d.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Make a key and show it, this once."""

    async def work(shop: Shop, _: object) -> NewKey:
        return await api_keys.create(
            shop.call(SYSTEM), role, store_code=store, channel=channel, name=name, lifetime=lifetime
        )

    with one_sentence():
        lifetime = _span("--expires", expires) if expires else None
        if store is not None and not store.strip():
            raise Stop("Name the store's code, or leave --store out for a key of all stores.")
        if role is Role.CUSTOMER:
            raise Stop("Customers have no API key: their credential is a token of the identity provider.")
    _show(with_shop(data_dir, "crm keys create", work), as_json=as_json)


@app.command()
def rotate(
    id_: Annotated[str, typer.Argument(metavar="ID", help="The key's id, key_...")],
    overlap: Annotated[
        str, typer.Option(help="How long the old secret still works, such as 24h; 0s ends it now.")
    ] = "24h",
    as_json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Make a new secret for a key and show it, this once; the bearer stays the same caller."""

    async def work(shop: Shop, _: object) -> NewKey:
        return await api_keys.rotate(shop.call(SYSTEM), id_, span)

    with one_sentence():
        span = _span("--overlap", overlap)
        try:
            made = with_shop(data_dir, "crm keys rotate", work)
        except Refusal as problem:
            raise Stop(problem.message) from None
    _show(made, as_json=as_json)


def _show(made: NewKey, *, as_json: bool) -> None:
    expires, replaced = _instant(made.expires_at), _instant(made.replaced_until)
    if as_json:
        told = {"id": made.id, "key": made.key, "role": made.role.value}
        told |= {"expiresAt": expires} if expires else {}
        typer.echo(json.dumps(told | ({"replacedUntil": replaced} if replaced else {})))
        return
    rest = (f" It ends {expires}." if expires else "") + (f" The old one works until {replaced}." if replaced else "")
    out.print(f"{made.role} key [bold]{made.key}[/bold] ({made.id}); it is not shown again.{rest}", soft_wrap=True)


def _span(option: str, text: str) -> timedelta:
    """Return a span such as 90d, 24h, 30m or 0s.

    Raises:
        Stop: it is none.
    """
    match = _SPAN.fullmatch(text)
    if match is None:
        raise Stop(f"{option}: {text!r} is no span such as 24h or 90d.")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


@app.command("list")
def list_(as_json: AsJson = False, data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """List all keys, without what they are."""

    async def work(shop: Shop, _: object) -> list[Document]:
        return await stored_keys.listed(shop.database)

    found = with_shop(data_dir, "crm keys list", work)
    if as_json:
        typer.echo(json.dumps({"keys": [_shown(key) for key in found]}))
        return
    table = Table(Column("id", no_wrap=True), *(name.removesuffix("At") for name in _SHOWN))
    for key in map(_shown, found):
        table.add_row(*(value or "" for value in key.values()))
    out.print(table)


def _shown(key: Document) -> dict[str, str | None]:
    return {"id": key["_id"], **{name: _text(key[field]) for name, field in _SHOWN.items()}}


def _text(value: str | datetime | None) -> str | None:
    return _instant(value) if isinstance(value, datetime) else value


def _instant(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None


@app.command()
def revoke(
    id_: Annotated[str, typer.Argument(metavar="ID", help="The key's id, key_...")],
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """End a key; servers notice within five seconds."""

    async def work(shop: Shop, _: object) -> bool:
        return await api_keys.revoke(shop.call(SYSTEM), id_)

    ended = with_shop(data_dir, "crm keys revoke", work)
    with one_sentence():
        if not ended:
            raise Stop("There is no such key, or it is revoked already.")
    out.print("Revoked.")
