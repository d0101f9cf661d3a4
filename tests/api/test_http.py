"""GraphQL over HTTP: methods, types, credentials, statuses; always an answer in JSON and never a 5xx."""

import pytest

from crm.callers import SYSTEM
from crm.values import Role
from services import api_keys
from store.client import Database
from tests.api.http_answers import CREATED, GRAPHQL, code, create
from tests.api.serving import SECRET, URL, Served


async def test_a_query_is_answered_in_json(served: Served) -> None:
    response = await served.post("query Q($first: Int) { stores(first: $first) { totalCount } }", {"first": 1})

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert response.json() == {"data": {"stores": {"totalCount": 0}}}


async def test_get_is_for_queries_and_a_mutation_by_it_writes_nothing(served: Served) -> None:
    async with served.client() as client:
        headers = served.headers()
        query = {"query": "query Q($n: Int) { stores(first: $n) { totalCount } }", "variables": '{"n": 1}'}
        read = await client.get(URL, params={**query, "operationName": "Q"}, headers=headers)
        before = await served.everything()
        written = await client.get(URL, params={"query": CREATED}, headers=headers)
        head = await client.head(URL, params={"query": CREATED}, headers=headers)

    assert read.json() == {"data": {"stores": {"totalCount": 0}}}
    assert written.status_code == head.status_code == 405
    assert code(written) == "METHOD_NOT_ALLOWED"
    assert written.headers["allow"] == "POST"
    assert await served.everything() == before


async def test_head_with_a_body_executes_nothing(served: Served) -> None:
    before = await served.everything()

    response = await served.send(
        b'{"query": "mutation { saveStore(input: {code: \\"v\\"}) { replayed } }"}', method="HEAD"
    )

    assert response.status_code == 400
    assert await served.everything() == before


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods_are_not_allowed(served: Served, method: str) -> None:
    response = await served.send(b"{}", method=method)

    assert response.status_code == 405
    assert {"GET", "POST"} <= set(response.headers["allow"].split(", "))


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("application/json", "application/json"),
        (GRAPHQL, GRAPHQL),
        (f"{GRAPHQL}, application/json;q=0.9", GRAPHQL),
        (f"application/json, {GRAPHQL}", "application/json"),
    ],
)
async def test_the_answer_has_the_type_that_is_accepted(served: Served, accept: str, media: str) -> None:
    good = await served.post("{ __typename }", Accept=accept)
    bad = await served.post("{ nothing }", Accept=accept)
    unknown = await served.post("{ __typename }", role=None, Accept=accept)
    forbidden = await served.post("{ customers { totalCount } }", role=Role.STOREFRONT, Accept=accept)

    assert {r.headers["content-type"] for r in (good, bad, unknown, forbidden)} == {f"{media}; charset=utf-8"}
    executed = 200 if media == "application/json" else None
    assert good.status_code == 200
    assert bad.status_code == (executed or 400)
    assert code(bad) == "GRAPHQL_VALIDATION_FAILED"
    assert forbidden.status_code == (executed or 403)
    assert code(forbidden) == "FORBIDDEN"
    assert unknown.status_code == 401
    assert code(unknown) == "UNAUTHENTICATED"


async def test_a_refused_list_is_partial_data_in_both_types(served: Served) -> None:
    for accept in ("application/json", GRAPHQL):
        response = await served.post('{ customers(after: "x") { totalCount } __typename }', Accept=accept)
        assert response.status_code == 200
        assert response.json()["data"] == {"customers": None, "__typename": "Query"}


async def test_what_cannot_be_accepted_is_406(served: Served) -> None:
    response = await served.post("{ __typename }", Accept="text/xml")

    assert (response.status_code, code(response)) == (406, "NOT_ACCEPTABLE")


async def test_in_development_anybody_is_told_the_schema_and_nothing_else(served: Served) -> None:
    told = await served.post("query I { __schema { queryType { name } } __typename }", role=None)
    both = await served.post("{ __typename loyaltyProgram { name } }", role=None)
    hidden = await served.post("{ ...F } fragment F on Query { loyaltyProgram { name } }", role=None)

    assert told.json() == {"data": {"__schema": {"queryType": {"name": "Query"}}, "__typename": "Query"}}
    assert (both.status_code, code(both)) == (401, "UNAUTHENTICATED")
    assert (hidden.status_code, code(hidden)) == (401, "UNAUTHENTICATED")


async def test_a_wrong_credential_is_not_overlooked_for_the_schema(served: Served) -> None:
    response = await served.post("{ __typename }", role=None, Authorization="Bearer crm_admin_wrong")

    assert (response.status_code, code(response)) == (401, "UNAUTHENTICATED")


async def test_a_browser_gets_the_page_with_its_policy_and_without_a_credential(served: Served) -> None:
    async with served.client() as client:
        page = await client.get(URL, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        query = await client.get(URL, params={"query": "{ __typename }"}, headers={"Accept": "text/html, */*"})

    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "crm_" not in page.text
    assert query.status_code == 401


async def test_a_customers_token_speaks_for_that_customer(served: Served) -> None:
    ann = await create(served)

    async with served.client() as client:
        headers = {"Authorization": f"bearer {served.token(ann)}"}
        me = await client.post(URL, json={"query": "{ me { id email } }"}, headers=headers)
        others = await client.post(URL, json={"query": "{ customers { totalCount } }"}, headers=headers)

    assert me.json() == {"data": {"me": {"id": ann, "email": "ann@example.com"}}}
    assert code(others) == "FORBIDDEN"


@pytest.mark.parametrize(
    "credential", ["", "Bearer", "Bearer crm_admin_0", "Bearer a.b.c", "Basic dTpw", "Bearer \xe9"]
)
async def test_a_wrong_credential_is_401_and_says_how_to_call(served: Served, credential: str) -> None:
    before = await served.everything()

    async with served.client() as client:
        headers = {b"Authorization": credential.encode("latin-1")}
        response = await client.post(URL, json={"query": CREATED}, headers=headers)

    assert (response.status_code, code(response)) == (401, "UNAUTHENTICATED")
    assert response.headers["www-authenticate"] == "Bearer"
    assert await served.everything() == before


async def test_a_revoked_key_is_refused_five_seconds_later(served: Served) -> None:
    made = await api_keys.create(served.shop.call(SYSTEM), Role.STAFF)
    served.keys[Role.STAFF] = made.key
    assert (await served.post("{ __typename }", role=Role.STAFF)).status_code == 200
    assert await api_keys.revoke(served.shop.call(SYSTEM), made.id)
    served.clock.advance(seconds=5)

    response = await served.post("{ __typename }", role=Role.STAFF)

    assert (response.status_code, code(response)) == (401, "UNAUTHENTICATED")


async def test_a_storefronts_key_reads_the_programme_and_nobody(served: Served) -> None:
    programme = await served.post("{ loyaltyProgram { name } }", role=Role.STOREFRONT)
    me = await served.post("{ me { id } }", role=Role.STOREFRONT)

    assert programme.json()["data"]["loyaltyProgram"]["name"]
    assert code(me) == "FORBIDDEN"


async def test_an_exception_inside_is_masked_and_the_rest_of_the_answer_kept(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> list[None]:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr("store.shop.by_ids", broken)
    query = "query($id: ID!) { stores { totalCount } node(id: $id) { id } }"

    response = await served.post(query, {"id": "sto_01J00000000000000000000000"})

    assert response.status_code == 200
    assert "hunter2" not in response.text
    body = response.json()
    assert body["data"] == {"stores": {"totalCount": 0}, "node": None}
    assert [error["path"] for error in body["errors"]] == [["node"]]
    assert body["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert len(body["errors"][0]["extensions"]["errorId"]) == 32


async def test_an_exception_before_the_operation_is_masked_too(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr("api.authentication.known", broken)
    served.clock.advance(seconds=6)

    response = await served.post("{ __typename }")

    assert (response.status_code, code(response)) == (500, "INTERNAL")
    assert "hunter2" not in response.text


async def test_health_tells_alive_from_ready(served: Served, driver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with served.client() as client:
        assert (await client.get("/health/live")).json() == {"status": "live"}
        assert (await client.get("/health/ready")).status_code == 200
        dead = Database("mongodb://127.0.0.1:1/", "crm", driver=driver)
        await dead.close()
        dead._client = type(dead._client)("mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100")
        monkeypatch.setattr(served.app.state, "database", dead)

        ready = await client.get("/health/ready")
        assert (ready.status_code, ready.json()) == (503, {"status": "no database"})
        assert (await client.get("/health/live")).status_code == 200
        await dead.close()
    assert SECRET not in ready.text
