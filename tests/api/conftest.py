"""Fixtures of tests about tokens: a clock, a provider, verifiers."""

from collections.abc import AsyncIterator

import pytest

from api.tokens import TokenVerifier
from tests.api.provider import AUDIENCE, ISSUER, JWKS_URL, SECRET, Clock, Provider, verifier


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
