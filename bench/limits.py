"""What limits, authentication and policy cost a small query: CPU of a request with all of them, and with none.

Measured over the application itself, in one process and without a network, in turns, so that whatever else this machine
does falls on both alike. Without them there are no points, no deadline, a caller who is simply believed, and no look
at the policy.
"""

import asyncio
import tempfile
import time
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from unittest.mock import patch

from rich.table import Table
from starlette.types import ASGIApp, Message

from api import engine
from api.app import create_app, make_shop
from api.prepared import PreparedOperation
from api.settings import Settings
from crm.callers import SYSTEM, Caller
from crm.values import Role
from services import api_keys
from store.embedded import EmbeddedMongo

BODY = b'{"query": "{ loyaltyProgram { id name version } stores(first: 1) { nodes { code } } }"}'
ROUNDS, REQUESTS = 40, 50
STAFF = Caller(role=Role.STAFF, principal="key_bench", name="bench")


class OpenDoor:
    """Believes everybody."""

    async def enter(self, _: str | None, **__: object) -> Caller:
        """Return the same caller always."""
        return STAFF


def for_ever(*_: object) -> AbstractContextManager[None]:
    """Give an operation all the time in the world."""
    return nullcontext()


def measure(table: Table) -> None:
    """Add the share of a request's CPU that goes into limits, authentication and policy."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedMongo.start(Path(folder), purpose="bench") as mongo:
        guarded, bare = asyncio.run(_measured(mongo.uri))
    table.add_row(
        "limits, authentication and policy: their share of a small query's CPU",
        "under 10%",
        f"{(guarded - bare) / guarded:.1%} of {guarded * 1e6:.0f} µs",
    )


async def _measured(uri: str) -> tuple[float, float]:
    settings = Settings.model_validate({"mongodb_uri": uri, "secret": "s" * 32, "mongo_driver": "pymongo"})
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        shop = make_shop(settings, app.state.database)
        key = (await api_keys.create(shop.call(SYSTEM), Role.STAFF)).key
        endpoint, guarded, bare = app.state.graphql, [], []
        for _ in range(ROUNDS):
            guarded.append(await _seconds(app, key))
            with ExitStack() as without:
                without.enter_context(patch.object(endpoint, "_door", OpenDoor()))
                without.enter_context(patch.object(endpoint._runner._engine, "meter", None))
                without.enter_context(patch.object(engine, "in_time", for_ever))
                without.enter_context(patch.object(PreparedOperation, "forbidden", lambda *_: None))
                without.enter_context(patch.object(PreparedOperation, "too_much", lambda *_: None))
                bare.append(await _seconds(app, key))
    return min(guarded), min(bare)  # what else the machine does only adds


async def _seconds(app: ASGIApp, key: str) -> float:
    """Return seconds of CPU for a request, asked of the application as a server would ask it."""
    headers = [(b"content-type", b"application/json"), (b"authorization", f"Bearer {key}".encode())]
    scope = {
        "type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "headers": headers,
        "client": ("127.0.0.1", 4711), "app": app,
    }  # fmt: skip
    statuses: list[int] = []

    sent: set[int] = set()

    async def receive() -> Message:
        if len(sent) <= len(statuses) // 2:  # once for each request, whose answer is two messages
            sent.add(len(sent))
            return {"type": "http.request", "body": BODY, "more_body": False}
        await asyncio.Event().wait()
        raise AssertionError("nobody leaves")

    async def send(message: Message) -> None:
        statuses.append(message.get("status", 200))

    started = time.process_time()
    for _ in range(REQUESTS):
        await app(dict(scope), receive, send)
    assert set(statuses) == {200}
    return (time.process_time() - started) / REQUESTS
