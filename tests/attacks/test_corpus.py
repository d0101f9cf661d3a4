"""Every attack of the corpus is answered for at most so many times the CPU of a plain query, and changes nothing."""

import importlib
import pkgutil
import time
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from tests.api.serving import URL, Served, serving, settings
from tests.attacks import corpus
from tests.attacks.attack import Attack

NAMES = sorted(module.name for module in pkgutil.iter_modules(corpus.__path__))
TRIES = 3
PLAIN = Attack(query="{ customers(first: 1) { nodes { id email loyalty { balance { available } } } } }")
SECRETS = ("mongodb://", "127.0.0.1", "Traceback", ".py", "pymongo", "secret")


@pytest_asyncio.fixture(scope="module")
async def attacked(mongodb_uri: str, driver: str) -> AsyncIterator[Served]:
    async with serving(settings(mongodb_uri, driver, mongodb_database="tests_attacks")) as served:
        yield served


@pytest_asyncio.fixture(scope="module")
async def plain(attacked: Served) -> float:
    """Seconds of CPU that a plain query takes which nobody has sent before: the lowest of some."""
    return (await cheapest(attacked, PLAIN, tries=10))[0]


async def send(served: Served, attack: Attack, number: int) -> httpx.Response:
    headers = served.headers() | attack.headers
    async with served.client() as client:
        content = attack.content(number)
        started = time.process_time()
        response = await client.request(attack.method, URL, content=content, headers=headers, params=attack.parameters)
    response.extensions["cpu"] = time.process_time() - started
    return response


async def cheapest(served: Served, attack: Attack, *, tries: int = TRIES) -> tuple[float, httpx.Response]:
    """Return the least CPU of some tries, which other work on this machine disturbed least, and the last answer."""
    responses = [await send(served, attack, number) for number in range(tries)]
    return min(response.extensions["cpu"] for response in responses), responses[-1]


@pytest.mark.parametrize("name", NAMES)
async def test_an_attack_is_answered_cheaply_and_changes_nothing(attacked: Served, plain: float, name: str) -> None:
    attack: Attack = importlib.import_module(f"{corpus.__name__}.{name}").ATTACK
    before = await attacked.everything()

    cpu, response = await cheapest(attacked, attack)

    body = response.json()
    codes = {error["extensions"]["code"] for error in body.get("errors", [])}
    assert response.status_code < 500
    assert codes <= attack.codes
    assert bool(codes) == bool(attack.codes)
    assert not any(secret in response.text for secret in SECRETS)
    assert cpu <= attack.times * plain, f"{cpu / plain:.1f} plain queries"
    if attack.codes:
        assert await attacked.everything() == before


def test_no_attack_may_cost_more_than_twenty_plain_queries() -> None:
    modules = [importlib.import_module(f"{corpus.__name__}.{name}") for name in NAMES]

    assert all(module.ATTACK.times <= 20 for module in modules)
    assert all(module.__doc__ for module in modules)
