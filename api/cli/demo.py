"""`crm demo`: what `make run` starts: a shop with real data, a key for every role, and what a person needs next."""

import asyncio
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from api.app import development_secret
from api.cli.imports import journey_table, load_journey
from api.cli.runtime import DEFAULT_DATA_DIR, DataDir, Stop, out, run_in_shop
from api.cli.serve import Port, run_server
from api.settings import Settings
from api.tokens import development_token
from crm.callers import SYSTEM
from crm.values import Channel, Role
from services import api_keys
from services.context import Shop, utc_now
from services.imports.complete_journey import WrongCurrency
from services.imports.journey_files import JourneyDataError
from store import customers
from store.installation import has_sales

HOST = "127.0.0.1"
TOKEN_LIFETIME = timedelta(days=30)
DEMO_STORE = "demo-store"
ACCOUNT_QUERY = (
    "{ me { loyalty { balance { available } tier { tier { name } } } "
    "purchases(first: 2) { nodes { occurredAt total { amount } } } } }"
)


def demo(
    households: Annotated[int, typer.Option(min=1, help="How many real households to load at the first start.")] = 300,
    port: Port = 8000,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Serve with real data: loaded at the first start, shifted to today, with keys that are printed each time."""

    def prepare(settings: Settings) -> None:
        if settings.environment == "production":
            raise Stop("The demo is for development: it keeps its keys in a file.")
        try:
            asyncio.run(run_in_shop(settings, lambda shop, _: _prepare(shop, settings, households, port, data_dir)))
        except (JourneyDataError, WrongCurrency) as problem:
            raise Stop(str(problem)) from None

    run_server(HOST, port, data_dir, 1, purpose="crm demo", prepare=prepare)


async def _prepare(shop: Shop, settings: Settings, households: int, port: int, data_dir: Path) -> None:
    await _load(shop, households, data_dir / "demo.loading")
    kept = await _keys(shop, data_dir / "demo.json")
    best = await customers.best(shop.database)
    secret = development_secret(settings)
    token = development_token(best, secret=secret, now=utc_now(), lifetime=TOKEN_LIFETIME) if best and secret else None
    _print(port, kept, token)


async def _load(shop: Shop, households: int, unfinished: Path) -> None:
    """Load the households at the first start; at a later one what an interrupted start left out, to the same day."""
    if not unfinished.exists() and not await has_sales(shop.database):
        unfinished.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished.write_text(utc_now().date().isoformat(), encoding="ascii")
    if unfinished.exists():
        day = datetime.fromisoformat(unfinished.read_text(encoding="ascii"))
        out.print(journey_table(await load_journey(shop, households, day)))
        unfinished.unlink()


async def _keys(shop: Shop, path: Path) -> dict[str, str]:
    """Return a key for every role, kept beside the data so that every start prints the same ones."""
    kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for role in (Role.STOREFRONT, Role.POS, Role.STAFF, Role.ADMIN):
        known = kept.get(role.value)
        if known and await api_keys.caller_of(shop, known):
            continue
        place: dict[str, Any] = {"store_code": DEMO_STORE, "channel": Channel.POS} if role is Role.POS else {}
        made = await api_keys.create(shop.call(SYSTEM), role, name=f"Demo {role.lower()}", **place)
        kept[role.value] = made.key
    path.touch(mode=0o600)
    path.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    return kept


def _print(port: int, kept: dict[str, str], token: str | None) -> None:
    url = f"http://{HOST}:{port}/graphql"
    out.print("\n[bold]Ready.[/bold] A key for every role; paste one into GraphiQL's headers:\n")
    _line(f"  GraphiQL    {url}")
    for role, key in kept.items():
        _line(f"  {role:<11} {key}")
    if token:
        _line(f"\n  a customer  {token}")
        _line(f"\nThe customer's account page, to paste into another terminal:\n\ncurl {url} \\")
        _line(f"  -H 'Content-Type: application/json' -H 'Authorization: Bearer {token}' \\")
        _line(f"  -d '{json.dumps({'query': ACCOUNT_QUERY})}'\n")


def _line(text: str) -> None:
    out.print(text, soft_wrap=True, highlight=False, markup=False)
