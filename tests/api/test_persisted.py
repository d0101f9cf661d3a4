"""Apollo's persisted queries: by POST and by GET, each caller's own, bounded, and never a text of another hash."""

import hashlib
import json
from typing import Any

import httpx
import pytest

from api import documents
from api.documents import Persisted
from crm.values import Role
from tests.api.http_answers import CREATED, code
from tests.api.serving import URL, Served

QUERY = "{ stores { totalCount } }"
ANSWER = {"data": {"stores": {"totalCount": 0}}}


def persisted(text: str) -> dict[str, Any]:
    return {"persistedQuery": {"version": 1, "sha256Hash": hashlib.sha256(text.encode()).hexdigest()}}


async def post(served: Served, body: dict[str, Any], *, role: Role = Role.ADMIN, **headers: str) -> httpx.Response:
    async with served.client() as client:
        return await client.post(URL, json=body, headers=served.headers(role, **headers))


async def get(served: Served, *, role: Role = Role.ADMIN, **parameters: str) -> httpx.Response:
    async with served.client() as client:
        return await client.get(URL, params=parameters, headers=served.headers(role))


async def test_a_hash_is_unknown_then_told_then_enough_by_post_and_by_get(served: Served) -> None:
    query = QUERY + " # a text of this test"
    extensions = persisted(query)

    missing = await post(served, {"extensions": extensions})
    assert missing.status_code == 200
    (error,) = missing.json()["errors"]
    assert (error["message"], error["extensions"]["code"]) == ("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND")
    assert (await post(served, {"query": query, "extensions": extensions})).json() == ANSWER
    assert (await post(served, {"extensions": extensions})).json() == ANSWER
    assert (await get(served, extensions=json.dumps(extensions))).json() == ANSWER


async def test_a_get_may_bring_the_text_as_well(served: Served) -> None:
    query = QUERY + " # another text of this test"
    extensions = json.dumps(persisted(query))

    assert code(await get(served, extensions=extensions)) == "PERSISTED_QUERY_NOT_FOUND"
    assert (await get(served, query=query, extensions=extensions)).json() == ANSWER
    assert (await get(served, extensions=extensions)).json() == ANSWER


async def test_a_text_of_another_hash_is_refused_and_not_kept(served: Served) -> None:
    wrong = persisted("{ __typename }  # nobody has sent this")

    refused = await post(served, {"query": QUERY, "extensions": wrong})

    assert (refused.status_code, code(refused)) == (400, "BAD_REQUEST")
    assert code(await post(served, {"extensions": wrong})) == "PERSISTED_QUERY_NOT_FOUND"


async def test_what_one_caller_has_sent_is_not_known_of_another(served: Served) -> None:
    query = QUERY + " # the administrator's"
    assert (await post(served, {"query": query, "extensions": persisted(query)})).json() == ANSWER

    others = await post(served, {"extensions": persisted(query)}, role=Role.STAFF)

    assert code(others) == "PERSISTED_QUERY_NOT_FOUND"


async def test_a_persisted_mutation_is_not_carried_out_by_get(served: Served) -> None:
    assert (await post(served, {"query": CREATED, "extensions": persisted(CREATED)})).status_code == 200
    before = await served.everything()

    refused = await get(served, extensions=json.dumps(persisted(CREATED)))

    assert (refused.status_code, code(refused)) == (405, "METHOD_NOT_ALLOWED")
    assert await served.everything() == before


async def test_nothing_is_told_of_a_hash_without_a_credential(served: Served) -> None:
    async with served.client() as client:
        response = await client.post(URL, json={"extensions": persisted(QUERY)})

    assert (response.status_code, code(response)) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    "extensions",
    [
        5,
        [],
        {"persistedQuery": 5},
        {"persistedQuery": {}},
        {"persistedQuery": {"version": 2, "sha256Hash": "a" * 64}},
        {"persistedQuery": {"version": 1, "sha256Hash": 5}},
        {"persistedQuery": {"version": 1, "sha256Hash": "a" * 129}},
        {"persistedQuery": {"version": 1, "sha256Hash": {"$ne": ""}}},
    ],
)
async def test_a_persisted_query_of_another_shape_is_told_so(served: Served, extensions: Any) -> None:
    response = await post(served, {"extensions": extensions})

    assert (response.status_code, code(response)) == (400, "BAD_REQUEST")


def test_what_is_kept_is_bounded_for_a_caller_and_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "CALLER_DOCUMENTS_MAX", 3)
    monkeypatch.setattr(documents, "CALLER_CHARS_MAX", 100)
    monkeypatch.setattr(documents, "ALL_CHARS_MAX", 250)
    kept = Persisted()

    for number in range(4):
        kept.put("ann", str(number), "x")
        kept.get("ann", "0")  # asked for again and again, so it stays
    assert [kept.get("ann", str(number)) for number in range(4)] == ["x", None, "x", "x"]
    kept.put("ann", "long", "y" * 99)
    assert (kept.get("ann", "long"), kept.get("ann", "2"), kept.get("ann", "3")) == ("y" * 99, None, "x")
    kept.put("ann", "longer", "z" * 101)
    assert kept.get("ann", "longer") is None

    kept.put("ben", "a", "b" * 100)
    assert kept.get("ann", "long") is not None
    kept.put("eve", "a", "c" * 100)
    assert kept.get("ben", "a") is None, "he was here longest ago"
    assert kept.get("ann", "long") is not None
    assert kept.chars == 200
