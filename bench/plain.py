"""The schema and resolvers of this project on strawberry's own server, as its documentation has it: the idiomatic way.

Nothing is cached between requests, every field is resolved by graphql-core, every relation by a DataLoader; it is
started without fetch planning and shared look-ups, so that each loader's question is a command. A transaction is what
the driver's documentation shows: one command after the other, each awaited.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL

from api.app import make_shop, make_verifier
from api.authentication import Authenticator
from api.settings import Settings
from resolvers.context import Context
from schema.build import build_schema
from services.context import Shop, utc_now
from services.installation import open_shop
from store.client import Database, Tx

T = TypeVar("T")


class _Documented(Database):
    """Transactions in the event loop, by the driver's asynchronous session."""

    async def transaction(self, work: Callable[[Tx], Awaitable[T]], **options: Any) -> T:
        """Run `work` in a transaction, as the service does, but in no thread."""
        return await super().transaction(work, **{**options, "threaded": False})


class _Endpoint(GraphQL[Context, None]):
    shop: Shop
    authenticator: Authenticator

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        caller = await self.authenticator.authenticate(request.headers.get("authorization"))
        return Context(self.shop.call(caller))


def create_app() -> Starlette:
    """Return the application of the environment's settings."""
    settings = Settings.from_environ(os.environ)
    endpoint = _Endpoint(build_schema())

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        assert settings.mongodb_uri
        database = _Documented(settings.mongodb_uri, settings.mongodb_database, driver=settings.mongo_driver)
        shop = make_shop(settings, database)
        await open_shop(shop)
        endpoint.shop = shop
        endpoint.authenticator = Authenticator(shop, make_verifier(settings, utc_now))
        yield
        await database.close()

    app = Starlette(lifespan=lifespan)
    app.add_route("/graphql", endpoint)
    return app
