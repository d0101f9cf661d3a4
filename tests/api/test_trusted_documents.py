"""Trusted documents: what ships with the shop's apps runs, nothing else does, and a bad list stops the start."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from api.app import create_app
from api.settings import BadSettings
from crm.values import Role
from tests.api.cli.servers import crm, free_port, sentence
from tests.api.http_answers import code, create
from tests.api.serving import URL, Served, serving, settings

POINTS = "query Points { me { loyalty { balance { available } } } }"
PROGRAMME = "query Programme { loyaltyProgram { name } }"
LIST = {"0f" * 32: POINTS, "a" * 32: PROGRAMME}


@pytest_asyncio.fixture(scope="module")
async def bound(mongodb_uri: str, driver: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    path = tmp_path_factory.mktemp("trusted") / "persisted-documents.json"
    path.write_text(json.dumps(LIST))
    made = settings(mongodb_uri, driver, mongodb_database="tests_trusted", trusted_documents=path)
    async with serving(made) as served:
        yield served


async def ask(served: Served, credential: str, **body: Any) -> httpx.Response:
    async with served.client() as client:
        return await client.post(URL, json=body, headers={"Authorization": f"Bearer {credential}"})


async def test_a_customer_runs_a_document_of_the_list_by_hash_by_id_and_by_text(bound: Served) -> None:
    token = bound.token(await create(bound, email="by-hash@example.com"))
    hashed = {"persistedQuery": {"version": 1, "sha256Hash": "0f" * 32}}
    answer = {"data": {"me": {"loyalty": {"balance": {"available": 0}}}}}

    assert (await ask(bound, token, extensions=hashed)).json() == answer
    assert (await ask(bound, token, documentId="0f" * 32)).json() == answer
    assert (await ask(bound, token, documentId="sha256:" + "0f" * 32)).json() == answer
    assert (await ask(bound, token, query=POINTS, operationName="Points")).json() == answer
    assert (await ask(bound, token, query=POINTS, extensions=hashed)).json() == answer


@pytest.mark.parametrize("role", [Role.STOREFRONT, Role.POS])
async def test_an_apps_key_runs_the_list_and_no_other_text(bound: Served, role: Role) -> None:
    assert (await ask(bound, bound.keys[role], documentId="a" * 32)).status_code == 200

    for text in ("{ __typename }", PROGRAMME + " ", POINTS[:-1], "{ __schema { queryType { name } } }", "{"):
        refused = await ask(bound, bound.keys[role], query=text)
        assert (refused.status_code, code(refused)) == (403, "DOCUMENT_NOT_TRUSTED"), text


async def test_a_text_sent_with_a_hash_of_the_list_does_not_become_trusted(bound: Served) -> None:
    key, hashed = bound.keys[Role.STOREFRONT], {"persistedQuery": {"version": 1, "sha256Hash": "a" * 32}}

    refused = await ask(bound, key, query="{ products { totalCount } }", extensions=hashed)
    unknown = await ask(bound, key, documentId="b" * 32)

    assert code(refused) == "DOCUMENT_NOT_TRUSTED"
    assert code(unknown) == "PERSISTED_QUERY_NOT_FOUND"
    assert (await ask(bound, key, extensions=hashed)).json()["data"]["loyaltyProgram"]


async def test_a_customer_does_not_register_a_text_of_its_own(bound: Served) -> None:
    token = bound.token(await create(bound, email="own-text@example.com"))
    hashed = {"persistedQuery": {"version": 1, "sha256Hash": "c" * 64}}

    assert code(await ask(bound, token, query="{ me { id } }", extensions=hashed)) == "DOCUMENT_NOT_TRUSTED"
    assert code(await ask(bound, token, extensions=hashed)) == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize("role", [Role.STAFF, Role.ADMIN])
async def test_staff_and_administrators_write_their_own(bound: Served, role: Role) -> None:
    assert (await ask(bound, bound.keys[role], query="{ stores { totalCount } }")).json()["data"]
    assert (await ask(bound, bound.keys[role], documentId="a" * 32)).json()["data"]["loyaltyProgram"]
    assert code(await ask(bound, bound.keys[role], documentId="b" * 32)) == "PERSISTED_QUERY_NOT_FOUND"


async def test_the_page_is_still_told_the_schema_without_a_key(bound: Served) -> None:
    async with bound.client() as client:
        told = await client.post(URL, json={"query": "{ __schema { queryType { name } } }"})

    assert told.json()["data"]["__schema"]


BAD_FILES = [
    (None, "cannot be read: No such file or directory."),
    (b"{", "is not JSON."),
    (b"\xff\xfe", "is not JSON."),
    (b"[" * 100_000, "is not JSON."),
    (b'["{ __typename }"]', "must be one object of documents by their hashes."),
    (b'{"a": {"text": "{ __typename }"}}', "must be one object of documents by their hashes."),
    (b'{"a": "{ customer { id } }"}', "the document a does not fit this version: Argument 'Query.customer(by:)'"),
    (b'{"a": "{ __typename }", "b": "{ nothing }"}', "the document b does not fit this version: Cannot query field"),
    (b'{"a": ""}', "the document a does not fit this version: Syntax Error"),
]


@pytest.mark.parametrize(("content", "said"), BAD_FILES, ids=range(len(BAD_FILES)))
def test_a_bad_list_stops_the_start(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "documents.json"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(BadSettings) as stopped:
        create_app(settings("mongodb://127.0.0.1:1", "motor", trusted_documents=path))

    assert str(stopped.value).startswith("CRM_TRUSTED_DOCUMENTS: ")
    assert said in str(stopped.value)


def test_a_server_with_a_bad_list_stops_with_one_sentence(mongodb_uri: str, tmp_path: Path) -> None:
    path = tmp_path / "documents.json"
    path.write_text('{"a": "{ nothing }"}')
    database = {"CRM_MONGODB_URI": mongodb_uri, "CRM_MONGODB_DATABASE": "tests_trusted"}

    refused = crm(
        "serve", "--port", str(free_port()), "--data-dir", str(tmp_path), CRM_TRUSTED_DOCUMENTS=str(path), **database
    )

    assert sentence(refused).startswith("CRM_TRUSTED_DOCUMENTS: the document a does not fit this version: ")
