"""Browsers on other websites: those of the list may read answers, no other may, and no cookie is ever spoken of."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from starlette.datastructures import Headers

from api.origins import may_open_socket, origins
from api.settings import BadSettings, Settings
from tests.api.http_answers import code
from tests.api.serving import URL, Served, serving, settings

SHOP, ELSEWHERE = "https://shop.example", "https://evil.example"


@pytest_asyncio.fixture(scope="module")
async def listed(mongodb_uri: str, driver: str) -> AsyncIterator[Served]:
    made = settings(mongodb_uri, driver, cors_origins=f"{SHOP}, http://localhost:3000")
    async with serving(made) as served:
        yield served


async def ask(served: Served, method: str, origin: str, url: str = URL, **headers: str) -> httpx.Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    async with served.client() as client:
        return await client.request(
            method, url, headers={**served.headers(), "Origin": origin, **names}, content=b'{"query": "{ __typename }"}'
        )


async def test_a_preflight_of_a_listed_website_is_granted(listed: Served) -> None:
    asked = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": "authorization,content-type"}

    granted = await ask(listed, "OPTIONS", SHOP, **asked)

    assert (granted.status_code, granted.content) == (204, b"")
    assert granted.headers["access-control-allow-origin"] == SHOP
    assert granted.headers["access-control-allow-headers"] == "authorization,content-type"
    assert set(granted.headers["access-control-allow-methods"].split(", ")) == {"GET", "POST"}
    assert "Origin" in granted.headers["vary"]
    assert "access-control-allow-credentials" not in granted.headers


async def test_a_preflight_with_strange_header_names_is_granted_the_usual_ones(listed: Served) -> None:
    for names in ("a, b\x01", "*" * 2000, ""):
        granted = await ask(
            listed, "OPTIONS", SHOP, Access_Control_Request_Method="POST", Access_Control_Request_Headers=names
        )
        assert granted.headers["access-control-allow-headers"] == "Authorization, Content-Type"


@pytest.mark.parametrize("origin", [ELSEWHERE, "null", "https://shop.example.evil.example", "http://shop.example"])
async def test_another_website_gets_no_preflight_and_no_mark(listed: Served, origin: str) -> None:
    preflight = await ask(listed, "OPTIONS", origin, Access_Control_Request_Method="POST")
    answer = await ask(listed, "POST", origin)

    assert (preflight.status_code, code(preflight)) == (403, "FORBIDDEN")
    for response in (preflight, answer):
        assert not [name for name in response.headers if name.startswith("access-control-")]
        assert response.headers["vary"] == "Origin"


async def test_answers_to_a_listed_website_can_be_read_errors_too(listed: Served) -> None:
    good = await ask(listed, "POST", SHOP)
    wrong = await ask(listed, "POST", SHOP, Authorization="Bearer wrong")
    lost = await ask(listed, "GET", SHOP, "http://shop.example/nowhere")

    assert [response.status_code for response in (good, wrong, lost)] == [200, 401, 404]
    for response in (good, wrong, lost):
        assert response.headers["access-control-allow-origin"] == SHOP
        assert "Retry-After" in response.headers["access-control-expose-headers"].split(", ")
        assert "access-control-allow-credentials" not in response.headers


async def test_an_answer_says_that_it_depends_on_the_origin_even_where_none_was_sent(listed: Served) -> None:
    assert (await listed.post("{ __typename }")).headers["vary"] == "Origin"


async def test_without_a_list_nothing_is_said_and_options_is_no_method(served: Served) -> None:
    preflight = await ask(served, "OPTIONS", SHOP, Access_Control_Request_Method="POST")
    answer = await ask(served, "POST", SHOP)

    assert (preflight.status_code, code(preflight)) == (405, "METHOD_NOT_ALLOWED")
    assert answer.json() == {"data": {"__typename": "Query"}}
    assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    "text", ["*", "shop.example", "https://shop.example/", "https://SHOP.example", "null", "file://x"]
)
def test_an_origin_that_is_none_stops_the_start(text: str) -> None:
    with pytest.raises(BadSettings, match=r"CRM_CORS_ORIGINS: expected origins such as https://shop\.example"):
        Settings.from_environ({"CRM_CORS_ORIGINS": f"https://good.example,{text}"})


@pytest.mark.parametrize(
    ("origin", "open_"),
    [
        (None, True),
        ("https://crm.example", True),
        ("http://crm.example", True),  # behind a proxy that ends TLS the scheme here is another
        (SHOP, True),
        (ELSEWHERE, False),
        ("null", False),
        ("", False),
        ("https://crm.example.evil.example", False),
        ("https://evil.example/crm.example", False),
    ],
)
def test_a_socket_opens_from_here_from_the_list_and_from_programs(origin: str | None, open_: bool) -> None:
    headers = {"host": "crm.example"} | ({} if origin is None else {"origin": origin})

    assert may_open_socket(Headers(headers), origins(SHOP)) is open_
