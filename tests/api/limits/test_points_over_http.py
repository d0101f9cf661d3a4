"""Points as clients meet them: what an answer cost, a refusal with the seconds to wait, whose points they are."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from api.limits.numbers import CHARS_A_POINT, FAILURES, POINTS, Points
from crm.callers import SYSTEM
from crm.values import Role
from services import api_keys
from tests.api.http_answers import GRAPHQL, code
from tests.api.serving import URL, Served, serving, settings

STORES = "query($n: Int) { stores(first: $n) { nodes { id } } }"
NONSENSE = "{ " + " ".join(f"nothing{n}" for n in range(900)) + " }"
"""A document that costs its judging."""

FEW = Points(1000, 50)
"""Points of a storefront and a till in here: they shall be spent in the time of a test."""


@pytest_asyncio.fixture(scope="module")
async def limited(mongodb_uri: str, driver: str) -> AsyncIterator[Served]:
    limits = settings(mongodb_uri, driver, mongodb_database="tests_limits", rate_limit="on")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(POINTS, Role.STOREFRONT, FEW)
        patch.setitem(POINTS, Role.POS, FEW)
        async with serving(limits) as served:
            yield served


@pytest_asyncio.fixture
async def shop(limited: Served) -> Served:
    """The shop an hour later, so that every bucket is full."""
    for name in ("rate_buckets", "customers", "keys", "loyalty_accounts"):
        await limited.app.state.database[name].delete_many({})
    limited.clock.advance(hours=1)
    limited.commands.names.clear()
    return limited


async def ask(
    shop: Served, query: str, variables: Any = None, *, address: str = "192.0.2.1", **headers: str
) -> httpx.Response:
    transport = httpx.ASGITransport(app=shop.app, client=(address, 4711))
    async with httpx.AsyncClient(transport=transport) as client:
        sent = {
            "Content-Type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return await client.post(URL, json={"query": query, "variables": variables}, headers=sent)


def bearer(shop: Served, role: Role) -> str:
    return f"Bearer {shop.keys[role]}"


async def test_an_answer_says_what_it_cost_in_shopify_s_words(shop: Served) -> None:
    answer = await ask(shop, STORES, {"n": 50}, Authorization=bearer(shop, Role.STAFF))

    staff = POINTS[Role.STAFF]
    assert answer.json() == {
        "data": {"stores": {"nodes": []}},
        "extensions": {
            "cost": {
                "requestedQueryCost": 53,
                "actualQueryCost": 3,
                "throttleStatus": {
                    "maximumAvailable": staff.maximum,
                    "currentlyAvailable": staff.maximum - 3,
                    "restoreRate": staff.rate,
                },
            }
        },
    }


async def test_a_warm_request_adds_no_command(shop: Served) -> None:
    headers = {"Authorization": bearer(shop, Role.STAFF)}
    await ask(shop, STORES, {"n": 1}, **headers)
    shop.commands.names.clear()

    for _ in range(20):
        await ask(shop, STORES, {"n": 1}, **headers)

    assert set(shop.commands.names) == {"find stores"}


@pytest.mark.parametrize("media", ["application/json", GRAPHQL])
async def test_whoever_spends_too_fast_waits_as_long_as_the_answer_says(shop: Served, media: str) -> None:
    headers = {"Authorization": bearer(shop, Role.STOREFRONT), "Accept": media}
    dear = "{ " + " ".join(f"a{n}: stores(first: 0) {{ totalCount }}" for n in range(25)) + " }"
    answers = [await ask(shop, dear, **headers) for _ in range(5)]
    refused = answers[-1]

    assert (refused.status_code, code(refused)) == (429, "THROTTLED")
    wait = refused.json()["errors"][0]["extensions"]["retryAfter"]
    assert refused.headers["retry-after"] == str(wait)
    assert refused.json()["extensions"]["cost"]["actualQueryCost"] is None
    shop.clock.advance(seconds=wait)
    assert (await ask(shop, dear, **headers)).status_code == 200


async def test_nothing_of_a_refused_mutation_happens(shop: Served) -> None:
    till = {"Authorization": bearer(shop, Role.POS)}
    create = "mutation { " + " ".join(
        f'm{n}: createCustomer(input: {{email: "a{n}@example.com"}}) {{ userErrors {{ code }} }}' for n in range(20)
    )
    statuses = [(await ask(shop, create + " }", **till)).status_code for _ in range(1)]
    while statuses[-1] == 200:
        statuses.append((await ask(shop, create + f" }} #{len(statuses)}", **till)).status_code)
    before = await shop.everything()

    again = await ask(shop, create.replace("@example", "@second") + " }", **till)

    assert again.status_code == 429
    assert await shop.everything() == before


async def test_documents_that_are_refused_cost_their_judging(shop: Served) -> None:
    storefront = {"Authorization": bearer(shop, Role.STOREFRONT)}
    statuses = [(await ask(shop, f"{NONSENSE} #{n}", **storefront)).status_code for n in range(7)]

    passed = 2 * FEW.slice // (1 + len(NONSENSE) // CHARS_A_POINT)  # a second slice passes until the next draw
    assert statuses == [200] * passed + [429] * (7 - passed)
    again = await ask(shop, f"{NONSENSE} #0", Authorization=bearer(shop, Role.POS))
    assert (again.status_code, code(again)) == (200, "GRAPHQL_VALIDATION_FAILED")


async def test_a_publishable_key_gives_every_address_points_of_its_own(shop: Served) -> None:
    headers = {"Authorization": bearer(shop, Role.STOREFRONT)}
    for number in range(10):
        await ask(shop, f"{NONSENSE} ##{number}", address="2001:db8:1:2::1", **headers)

    assert (await ask(shop, f"{NONSENSE} ###", address="2001:db8:1:2:ffff::9", **headers)).status_code == 429
    assert (await ask(shop, STORES, address="2001:db8:1:3::1", **headers)).status_code == 200
    assert (await ask(shop, STORES, address="192.0.2.1", **headers)).status_code == 200
    stored = str(await shop.app.state.database["rate_buckets"].find({}).to_list(None))
    assert "192.0.2.1" not in stored
    assert "2001" not in stored.replace("2001, ", "")


async def test_a_customer_has_points_on_each_app_and_no_rights_by_its_key(shop: Served) -> None:
    token = f"Bearer {shop.token('cus_01J00000000000000000000000')}"
    second = await api_keys.create(shop.shop.call(SYSTEM), Role.STOREFRONT)

    async def left(**headers: str) -> int:
        answer = await ask(shop, "{ stores(first: 40) { totalCount } }", Authorization=token, **headers)
        return int(answer.json()["extensions"]["cost"]["throttleStatus"]["currentlyAvailable"])

    most = POINTS[Role.CUSTOMER].maximum
    assert await left() == await left(X_Storefront_Key=second.key) == most - 13
    assert await left(X_Storefront_Key=shop.keys[Role.STOREFRONT]) == most - 13
    assert await left() < most - 13
    listed = await ask(
        shop, "{ customers { totalCount } }", Authorization=token, X_Storefront_Key=shop.keys[Role.STOREFRONT]
    )
    assert code(listed) == "FORBIDDEN"


@pytest.mark.parametrize("role", [None, Role.ADMIN, Role.POS])
async def test_an_app_s_key_that_is_none_is_refused(shop: Served, role: Role | None) -> None:
    token = f"Bearer {shop.token('cus_01J00000000000000000000000')}"
    key = shop.keys[role] if role else "crm_storefront_none"

    answer = await ask(shop, "{ __typename }", Authorization=token, X_Storefront_Key=key)

    assert (answer.status_code, code(answer)) == (401, "UNAUTHENTICATED")


async def test_an_address_that_tries_credentials_waits_and_the_good_ones_behind_it_do_not(shop: Served) -> None:
    good, late = bearer(shop, Role.STAFF), bearer(shop, Role.ADMIN)
    first = await ask(shop, "{ __typename }", Authorization="Bearer crm_admin_0")
    assert (await ask(shop, "{ __typename }", Authorization=good)).status_code == 200

    tried = [await ask(shop, "{ __typename }", Authorization=f"Bearer crm_admin_{n}") for n in range(1, 60)]
    shop.commands.names.clear()
    waiting = await ask(shop, "{ __typename }", Authorization="Bearer a.b.c")

    assert first.status_code == 401
    assert [answer.status_code for answer in tried].count(401) == FAILURES.maximum - 1
    assert (waiting.status_code, code(waiting)) == (429, "THROTTLED")
    assert int(waiting.headers["retry-after"]) >= 1
    assert shop.commands.names == []
    assert (await ask(shop, "{ __typename }", Authorization=good)).status_code == 200
    assert (await ask(shop, "{ __typename }", Authorization=late)).status_code == 429
    assert (await ask(shop, "{ __typename }", Authorization=late, address="192.0.2.2")).status_code == 200
    shop.clock.advance(seconds=10)
    assert (await ask(shop, "{ __typename }", Authorization=late)).status_code == 200


async def test_without_limits_answers_say_nothing_of_points(mongodb_uri: str, driver: str) -> None:
    async with serving(settings(mongodb_uri, driver, mongodb_database="tests_limits")) as served:
        answer = await served.post("{ __typename }")

    assert answer.json() == {"data": {"__typename": "Query"}}
