"""Fixtures of tests about tokens (a clock, a provider, verifiers), and the application over HTTP."""

import gc
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from api.tokens import TokenVerifier
from tests.api.listening import Listening, listening
from tests.api.provider import AUDIENCE, ISSUER, JWKS_URL, SECRET, Clock, Provider, verifier
from tests.api.serving import Served, serving, settings
from tests.support import NOW


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
async def published(clock: Clock, provider: Provider) -> AsyncIterator[TokenVerifier]:
    """Verifies by the keys that `provider` publishes."""
    async with provider.client() as http:
        made = verifier(clock, jwks_url=JWKS_URL, issuer=ISSUER, audience=AUDIENCE, http=http)
        yield made
        await made.close()


@pytest.fixture
def shared(clock: Clock) -> TokenVerifier:
    """Verifies by the shared secret."""
    return verifier(clock, secret=SECRET, issuer=ISSUER, audience=AUDIENCE)


@pytest_asyncio.fixture(scope="module")
async def running(mongodb_uri: str, driver: str) -> AsyncIterator[Served]:
    async with serving(settings(mongodb_uri, driver)) as served:
        yield served


@pytest_asyncio.fixture
async def served(running: Served) -> Served:
    for name in ("customers", "keys", "loyalty_accounts", "outbox", "purchases", "products", "stores"):
        await running.app.state.database[name].delete_many({})
    running.commands.names.clear()
    return running


@pytest_asyncio.fixture(scope="module")
async def listener(mongodb_uri: str, driver: str) -> AsyncIterator[Listening]:
    async with listening(settings(mongodb_uri, driver)) as one:
        yield one


@pytest_asyncio.fixture
async def live(listener: Listening) -> Listening:
    """A server on a port, its shop empty, its clock where it was."""
    for name in ("customers", "keys", "loyalty_accounts", "outbox", "purchases", "products", "stores"):
        await listener.served.app.state.database[name].delete_many({})
    listener.served.clock.now = NOW
    listener.served.commands.names.clear()
    return listener


@pytest.fixture
def collected() -> Iterator[None]:
    """Let what the drivers dropped be collected within the test that made them drop it."""
    yield
    gc.collect()
