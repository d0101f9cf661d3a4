"""Keys that an identity provider publishes: cached and rotated."""

import asyncio
import base64
from typing import Any

import jwt
import pytest
from jwt.algorithms import RSAAlgorithm

from api import tokens
from api.tokens import TokenVerifier
from tests.api.provider import SECRET, Clock, Gate, Provider, claims, ec_jwk, es256, refusal, rs256, rsa_jwk, rsa_key


async def test_the_key_set_is_fetched_once_for_all_tokens_of_ten_minutes(
    published: TokenVerifier, provider: Provider, clock: Clock
) -> None:
    for number in range(5):
        await published.verify(rs256(sub=f"ann-{number}"))
        clock.advance(minutes=1)
    assert provider.requests == 1
    clock.advance(minutes=5)
    await published.verify(rs256())
    assert provider.requests == 2


async def test_fifty_first_verifications_at_once_share_one_fetch(published: TokenVerifier, provider: Provider) -> None:
    gate = provider.gate = Gate()
    several = [asyncio.create_task(published.verify(rs256(sub=f"ann-{number}"))) for number in range(50)]
    await gate.reached.wait()
    gate.opened.set()
    subjects = [identity.subject for identity in await asyncio.gather(*several)]
    assert subjects == [f"ann-{number}" for number in range(50)]
    assert provider.requests == 1


async def test_a_caller_who_hangs_up_does_not_end_the_fetch_of_the_others(
    published: TokenVerifier, provider: Provider
) -> None:
    gate = provider.gate = Gate()
    impatient, patient = (asyncio.create_task(published.verify(rs256(sub=name))) for name in ("ann", "bob"))
    await gate.reached.wait()
    impatient.cancel()
    gate.opened.set()
    assert (await patient).subject == "bob"
    assert impatient.cancelled()
    assert provider.requests == 1


async def test_a_new_key_is_fetched_once_when_its_first_token_comes(
    published: TokenVerifier, provider: Provider, clock: Clock
) -> None:
    await published.verify(rs256())
    provider.published.append(rsa_jwk("rsa-2"))
    clock.advance(seconds=30)
    several = await asyncio.gather(*(published.verify(rs256("rsa-2", sub=f"ann-{number}")) for number in range(10)))
    assert len(several) == 10
    await published.verify(rs256(sub="by the old key"))
    assert provider.requests == 2


async def test_a_removed_key_is_refused_after_the_next_refresh(
    published: TokenVerifier, provider: Provider, clock: Clock
) -> None:
    token = rs256()
    await published.verify(token)
    provider.published = [rsa_jwk("rsa-2")]
    clock.advance(minutes=9, seconds=59)
    await published.verify(token)
    clock.advance(minutes=1)
    assert await refusal(published, token) == tokens.UNTRUSTED


async def test_a_removed_key_ends_even_the_tokens_verified_a_moment_ago(
    published: TokenVerifier, provider: Provider, clock: Clock
) -> None:
    token = rs256()
    await published.verify(token)
    provider.published = [rsa_jwk("rsa-2")]
    clock.advance(seconds=30)
    await published.verify(token)  # verified less than a minute ago
    await published.verify(rs256("rsa-2"))
    assert await refusal(published, token) == tokens.UNTRUSTED


async def test_a_key_replaced_under_its_old_id_is_replaced_here_too(
    published: TokenVerifier, provider: Provider, clock: Clock
) -> None:
    await published.verify(rs256())
    provider.published = [{**rsa_jwk("rsa-2"), "kid": "rsa-1"}]
    clock.advance(minutes=10)
    assert await refusal(published, rs256()) == tokens.UNTRUSTED
    assert await published.verify(rs256("rsa-2", header={"kid": "rsa-1"}))


async def test_when_all_keys_are_withdrawn_no_token_is_believed(
    published: TokenVerifier, provider: Provider, clock: Clock
) -> None:
    await published.verify(rs256())
    provider.published = []
    clock.advance(minutes=10)
    assert await refusal(published, rs256()) == tokens.UNTRUSTED


async def test_a_storm_of_made_up_key_ids_costs_one_fetch_in_thirty_seconds(
    published: TokenVerifier, provider: Provider, clock: Clock
) -> None:
    await published.verify(rs256())
    storm = [rs256(header={"kid": f"made-up-{number}"}) for number in range(100)]
    for _ in range(3):
        clock.advance(seconds=29)
        before = provider.requests
        await asyncio.gather(*(refusal(published, token) for token in storm))
        assert provider.requests == before
        clock.advance(seconds=1)
        await asyncio.gather(*(refusal(published, token) for token in storm))
        await refusal(published, storm[0])
        assert provider.requests == before + 1


async def test_a_clock_set_back_does_not_stop_the_refresh(
    published: TokenVerifier, provider: Provider, clock: Clock
) -> None:
    await published.verify(rs256())
    clock.advance(hours=-1)
    provider.published.append(rsa_jwk("rsa-2"))
    await published.verify(rs256("rsa-2", iat=None))
    assert provider.requests == 2


async def test_a_token_without_a_key_id_is_refused_and_costs_no_fetch(
    published: TokenVerifier, provider: Provider
) -> None:
    assert await refusal(published, jwt.encode(claims(), rsa_key("rsa-1"), "RS256")) == tokens.UNTRUSTED
    assert provider.requests == 0


async def test_of_two_keys_with_one_id_the_first_counts(published: TokenVerifier, provider: Provider) -> None:
    provider.published = [rsa_jwk("rsa-1"), {**rsa_jwk("rsa-2"), "kid": "rsa-1"}]
    assert (await published.verify(rs256())).subject == "auth0|ann"


@pytest.mark.parametrize(
    "unusable",
    [
        None,
        1,
        "key",
        [],
        {},
        {"kid": "x"},
        {"kid": "x", "kty": ["RSA"]},
        {"kid": 1, "kty": "RSA"},
        {"kid": "rsa-9", "kty": "RSA", "n": "!", "e": "AQAB"},
        {"kid": "rsa-9", "kty": "RSA", "n": 5, "e": "AQAB"},
        {"kid": "rsa-9", "kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ"},
        {"kid": "rsa-9", "kty": "EC", "crv": "P-384", "x": "AQ", "y": "AQ"},
        {"kid": "rsa-9", "kty": "oct", "k": base64.urlsafe_b64encode(SECRET.encode()).decode()},
    ],
)
async def test_malformed_keys_are_skipped_and_the_others_count(
    published: TokenVerifier, provider: Provider, unusable: object
) -> None:
    provider.published.insert(0, unusable)
    await published.verify(rs256())
    await published.verify(es256())
    assert await refusal(published, rs256("rsa-9")) == tokens.UNTRUSTED


@pytest.mark.parametrize("more", [{"use": "enc"}, {"alg": "RS512"}, {"alg": "RSA-OAEP"}, {"alg": "ES256"}])
async def test_a_key_meant_for_something_else_is_skipped(
    published: TokenVerifier, provider: Provider, more: dict[str, Any]
) -> None:
    provider.published = [rsa_jwk("rsa-1", **more)]
    assert await refusal(published, rs256()) == tokens.UNTRUSTED


async def test_a_key_that_says_what_it_is_for_is_used(published: TokenVerifier, provider: Provider) -> None:
    provider.published = [rsa_jwk("rsa-1", use="sig", alg="RS256"), ec_jwk("ec-1", use="sig", alg="ES256")]
    await published.verify(rs256())
    await published.verify(es256())


async def test_an_rsa_key_below_2048_bits_is_skipped(published: TokenVerifier, provider: Provider) -> None:
    provider.published = [rsa_jwk("too small")]
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        token = rs256("too small")
    assert await refusal(published, token) == tokens.UNTRUSTED


async def test_of_a_private_key_published_by_mistake_the_public_part_is_used(
    published: TokenVerifier, provider: Provider
) -> None:
    provider.published = [{**RSAAlgorithm.to_jwk(rsa_key("rsa-1"), as_dict=True), "kid": "rsa-1"}]
    assert (await published.verify(rs256())).subject == "auth0|ann"
