"""Tokens verified a moment ago: remembered until they end, and not without bound."""

from typing import Any

import jwt
import pytest

from api import tokens
from api.tokens import TokenVerifier
from tests.api.provider import DEVELOPMENT_SECRET, START, Clock, Provider, claims, hs256, refusal, rs256


async def test_a_token_verified_a_moment_ago_needs_no_signature_arithmetic(
    published: TokenVerifier, provider: Provider, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[str] = []
    decode = jwt.decode

    def counting(token: str, *args: Any, **options: Any) -> dict[str, Any]:
        decoded.append(token)
        return decode(token, *args, **options)

    monkeypatch.setattr(jwt, "decode", counting)
    token = rs256()
    first = await published.verify(token)
    clock.advance(seconds=59)
    assert await published.verify(token) is first
    assert decoded == [token]
    clock.advance(seconds=1)
    assert await published.verify(token) == first
    assert decoded == [token, token]
    assert provider.requests == 1


async def test_a_token_verified_a_moment_ago_ends_at_its_expiry(shared: TokenVerifier, clock: Clock) -> None:
    token = hs256(exp=START.timestamp() + 10)
    first = await shared.verify(token)
    clock.advance(seconds=10)
    assert await shared.verify(token) is not first  # judged anew: within the leeway, but no longer from the cache
    clock.advance(seconds=30)
    assert await refusal(shared, token) == tokens.EXPIRED


async def test_a_refused_token_is_not_remembered_as_good(shared: TokenVerifier) -> None:
    forged = jwt.encode(claims(), DEVELOPMENT_SECRET, "HS256")
    for _ in range(2):
        assert await refusal(shared, forged) == tokens.UNTRUSTED


async def test_the_memory_of_verified_tokens_is_bounded_and_forgets_the_oldest(
    shared: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "VERIFIED_MAX", 3)
    several = [hs256(sub=f"ann-{number}") for number in range(4)]
    first = [await shared.verify(token) for token in several]
    assert await shared.verify(several[3]) is first[3]
    assert await shared.verify(several[1]) is first[1]
    assert await shared.verify(several[0]) is not first[0]
    assert await shared.verify(several[1]) is not first[1]  # made room for the one before


async def test_a_token_verified_anew_is_no_longer_the_oldest(
    shared: TokenVerifier, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "VERIFIED_MAX", 3)
    ann, bob, eve, zoe = (hs256(sub=name) for name in ("ann", "bob", "eve", "zoe"))
    await shared.verify(ann)
    clock.advance(seconds=59)
    await shared.verify(bob)
    clock.advance(seconds=1)
    renewed = await shared.verify(ann)
    await shared.verify(eve)
    await shared.verify(zoe)
    assert await shared.verify(ann) is renewed
