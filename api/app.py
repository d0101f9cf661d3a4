"""The application: everything is made here from settings and handed down; nothing is a global."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from zoneinfo import ZoneInfo

from pymongo.monitoring import CommandListener
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from api import graphiql_page, health, logs, trusted
from api.authentication import Authenticator
from api.documents import Documents
from api.engine import Engine
from api.errors import HANDLERS
from api.http import GraphQLEndpoint
from api.limits.door import Door
from api.limits.meter import Meter
from api.observability.observing import Observing, observing
from api.observability.requests import GRAPHQL, RequestLog
from api.origins import CORS, origins
from api.runner import Runner
from api.settings import Settings
from api.sockets import SocketEndpoint
from api.streams import Streams
from api.tokens import TokenVerifier
from schema.build import build_schema, executable
from services.context import Shop, utc_now
from services.installation import derived_secret, open_shop
from services.notebook import PAUSE_SECONDS
from store.client import Database

DEFAULT_QUERY = """# Paste a STAFF key into the headers below, then press Ctrl-Enter.
query Newest {
  customers(first: 5, sort: LAST_PURCHASE_AT_DESC) {
    nodes {
      id
      lifecycleStage
      metrics { purchaseCount totalSpent { amount currencyCode } lastPurchaseAt }
      loyalty { balance { available } tier { tier { name } pointsToNext } }
      purchases(first: 1) { nodes { occurredAt total { amount } lines { title quantity } } }
    }
  }
}
"""


def open_database(settings: Settings, *, listeners: Sequence[CommandListener] = ()) -> Database:
    """Return the database that the settings name; it belongs to the running event loop."""
    assert settings.mongodb_uri, "whoever starts the process has put the address of MongoDB into the settings"
    return Database(
        settings.mongodb_uri,
        settings.mongodb_database,
        driver=settings.mongo_driver,
        listeners=listeners,
        pipelined=settings.pipelined_writes,
    )


def make_shop(settings: Settings, database: Database, *, clock: Callable[[], datetime] = utc_now) -> Shop:
    """Return the shop that the settings describe."""
    assert settings.secret, "whoever starts the process has put the secret into the settings"
    return Shop(
        database=database,
        currency=settings.currency,
        time_zone=ZoneInfo(settings.time_zone),
        pepper=derived_secret(settings.secret.encode(), "pepper").encode(),
        jwt_source=settings.jwt_source,
        clock=clock,
        fetch_planning=settings.fetch_planning,
        shared_lookups=settings.shared_lookups,
    )


def development_secret(settings: Settings) -> str | None:
    """Return the secret of development tokens, None where none are accepted."""
    if settings.has_identity_provider or settings.environment == "production" or not settings.secret:
        return None
    return derived_secret(settings.secret.encode(), "development-tokens")


def make_verifier(settings: Settings, clock: Callable[[], datetime]) -> TokenVerifier:
    """Return what judges customers' tokens."""
    return TokenVerifier(
        secret=settings.jwt_secret,
        jwks_url=settings.jwt_jwks_url,
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        development_secret=development_secret(settings),
        clock=clock,
    )


def make_engine(settings: Settings) -> tuple[Engine, Mapping[str, str] | None]:
    """Return the engine and the trusted documents of the settings, None where any document may run.

    Raises:
        BadSettings: the file of trusted documents is not one, or one of them does not fit the schema.
    """
    told = settings.environment == "development"
    schema, keeps = executable(build_schema()), settings.operation_cache
    engine = Engine(schema, executor=settings.executor, tells_schema=told, keeps=keeps)
    if settings.trusted_documents is None:
        return engine, None
    documents = trusted.load(settings.trusted_documents)
    trusted.check(documents, engine)
    return engine, documents


class Application(Starlette):
    """Starlette, past whose layers GraphQL over HTTP is reached straight: they took longer than all of our own.

    `graphql` answers it, from when the application has started.
    """

    graphql: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hold one socket."""
        if self.graphql and scope["type"] == "http" and scope["path"] == GRAPHQL:
            await self.graphql(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(
    settings: Settings,
    *,
    clock: Callable[[], datetime] = utc_now,
    listeners: Sequence[CommandListener] = (),
    seen: Observing | None = None,
    pause: float = PAUSE_SECONDS,
) -> Application:
    """Return the application; MongoDB is opened when it starts and closed when it stops.

    Args:
        seen: what observes it, where not what the settings ask for.
        pause: seconds between two writings of what is noted in the background.
    """
    seen = seen or observing(settings)
    engine, documents = make_engine(settings)
    allowed = origins(settings.cors_origins)

    def outside(app: ASGIApp) -> ASGIApp:
        """Put around an application what all of HTTP has."""
        recorded = RequestLog(app, seen.requests)
        return CORS(recorded, allowed) if allowed else recorded

    @asynccontextmanager
    async def lifespan(app: Application) -> AsyncIterator[None]:
        database = open_database(settings, listeners=[*listeners, *seen.listeners])
        database.on_retry = seen.retried
        shop = make_shop(settings, database, clock=clock)
        verifier = make_verifier(settings, clock)
        notes: asyncio.Task[None] | None = None
        try:
            await open_shop(shop)
            notes = asyncio.create_task(shop.notebook.run(pause))
            shop.freshness.start()
            app.state.database, app.state.shop = database, shop
            limited = settings.rate_limit == "on"
            engine.meter = Meter(shop) if limited else None
            authenticator, runner = Authenticator(shop, verifier), Runner(shop, engine, Documents(documents))
            door = Door(authenticator, shop, limited=limited)
            streams = app.state.streams = Streams(authenticator.holds)
            app.state.graphql = endpoint = GraphQLEndpoint(runner, door, streams, _page(settings))
            app.graphql = outside(endpoint)
            app.state.sockets = SocketEndpoint(runner, door, streams, seen.requests, allowed)
            sweeping = asyncio.create_task(streams.sweep_forever(), name="sweep of streams")
            try:
                yield
            finally:
                sweeping.cancel()
                streams.drain()
                await shop.live.close()
        finally:
            await _ended(notes)
            await shop.freshness.close()
            await verifier.close()
            await database.close()
            await seen.close()

    routes: list[BaseRoute] = [
        Route(GRAPHQL, _GraphQL()),
        WebSocketRoute(GRAPHQL, _socket),
        *health.ROUTES,
    ]
    if settings.environment == "development":
        routes.append(Mount(graphiql_page.STATIC_PATH, StaticFiles(directory=graphiql_page.STATIC_DIR)))
    return Application(routes=routes, lifespan=lifespan, middleware=[Middleware(outside)], exception_handlers=HANDLERS)


async def _ended(task: asyncio.Task[None] | None) -> None:
    if task:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def from_environ() -> Application:
    """Return the application of the process's environment: what uvicorn calls in every worker."""
    settings = Settings.from_environ(os.environ)
    logs.configure(settings)
    return create_app(settings)


def _page(settings: Settings) -> HTMLResponse | None:
    if settings.environment != "development":
        return None
    page = graphiql_page.page(DEFAULT_QUERY, {"Authorization": "Bearer "}, "Headless CRM")
    return HTMLResponse(page, headers={"Content-Security-Policy": graphiql_page.CONTENT_SECURITY_POLICY})


class _GraphQL:
    """GraphQL for the router, which finds it where the path does not read `/graphql` alone: under a root path."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint: GraphQLEndpoint = scope["app"].state.graphql
        await endpoint(scope, receive, send)


async def _socket(websocket: WebSocket) -> None:
    endpoint: SocketEndpoint = websocket.app.state.sockets
    await endpoint.handle(websocket)
