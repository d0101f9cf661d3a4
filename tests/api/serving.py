"""The application over httpx, with a database of its own: keys and tokens of every role, and a clock."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.applications import Starlette

from api.app import create_app, development_secret, make_shop
from api.observability.observing import Observing
from api.settings import Settings
from api.tokens import development_token
from crm.callers import SYSTEM
from crm.values import Channel, Role
from services import api_keys
from services.context import Shop
from store.client import Database
from tests.support import Clock, Commands

SECRET = "a secret of forty characters, no less ok"
NEVER = 1e6
"""Nothing is written in the background: a test counts commands, or flushes the notes itself."""
URL = "http://shop.example/graphql"
CUT_HANDSHAKES = "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
"""Both drivers leave a socket whose handshake was cut to the collector."""


@dataclass
class Served:
    """A running application and whoever may call it."""

    app: Starlette
    shop: Shop
    clock: Clock
    commands: Commands
    settings: Settings
    keys: dict[Role, str] = field(default_factory=dict)

    def client(self, *, raising: bool = True) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=raising)
        return httpx.AsyncClient(transport=transport, base_url="http://shop.example")

    def headers(self, role: Role | None = Role.ADMIN, **others: str) -> dict[str, str]:
        bearer = {"Authorization": f"Bearer {self.keys[role]}"} if role else {}
        return {**bearer, "Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in others.items()}}

    def token(self, customer_id: str) -> str:
        secret = development_secret(self.settings)
        assert secret is not None
        return development_token(customer_id, secret=secret, now=self.clock())

    async def post(
        self, query: str, variables: Any = None, *, role: Role | None = Role.ADMIN, **headers: str
    ) -> httpx.Response:
        async with self.client() as client:
            body = {"query": query, "variables": variables}
            return await client.post(URL, json=body, headers=self.headers(role, **headers))

    async def send(self, content: bytes, *, method: str = "POST", **headers: str) -> httpx.Response:
        """Send raw bytes, as an administrator."""
        async with self.client() as client:
            return await client.request(method, URL, content=content, headers=self.headers(**headers))

    async def everything(self) -> dict[str, int]:
        database: Database = self.app.state.database
        listed = await database.command({"listCollections": 1})
        names = [collection["name"] for collection in listed["cursor"]["firstBatch"]]
        return {name: await database[name].count_documents({}) for name in names}


@asynccontextmanager
async def serving(settings: Settings, *, seen: Observing | None = None) -> AsyncIterator[Served]:
    """Run the application as uvicorn would, and make a key for every role that has one."""
    clock, commands = Clock(), Commands()
    app = create_app(settings, clock=clock, listeners=[commands], seen=seen, pause=NEVER)
    async with app.router.lifespan_context(app):
        shop = make_shop(settings, app.state.database, clock=clock)
        served = Served(app, shop, clock, commands, settings)
        for role in (Role.STOREFRONT, Role.POS, Role.STAFF, Role.ADMIN):
            channel = Channel.POS if role is Role.POS else None
            made = await api_keys.create(shop.call(SYSTEM), role, channel=channel)
            served.keys[role] = made.key
        yield served


def settings(uri: str, driver: str, **others: Any) -> Settings:
    """Return development settings over the tests' MongoDB."""
    executor = os.environ.get("CRM_TEST_EXECUTOR", "compiled")
    values = {
        "mongodb_uri": uri,
        "mongo_driver": driver,
        "executor": executor,
        "mongodb_database": "tests_http",
        "secret": SECRET,
        "rate_limit": "off",  # else every answer carries what it cost; tests about limits turn it on
    }
    return Settings.model_validate(values | others)
