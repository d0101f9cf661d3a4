"""`crm keys`: made, listed, rotated and revoked, printed once and never stored as they are."""

import hashlib
import hmac
from typing import Any

import pytest
from pymongo.database import Database

from crm.callers import Caller
from services.api_keys import caller_of
from services.context import Shop
from tests.api.cli.outcomes import refused, said
from tests.api.cli.shops import SECRET, Crm, in_shop

pytestmark = pytest.mark.usefixtures("alone")


@pytest.mark.parametrize("role", ["STOREFRONT", "POS", "STAFF", "ADMIN"])
def test_a_key_is_printed_once_and_only_its_keyed_hash_is_stored(
    crm: Crm, stored: Database[dict[str, Any]], role: str
) -> None:
    made = said(crm("keys", "create", "--role", role, "--json"))

    assert set(made) == {"id", "key", "role"}
    assert made["role"] == role
    (document,) = stored["api_keys"].find()
    pepper = hmac.new(SECRET.encode(), b"pepper", hashlib.sha256).hexdigest().encode()
    assert document["_id"] == made["id"]
    assert document["hash"] == hmac.new(pepper, b"api-key:" + made["key"].encode(), hashlib.sha256).hexdigest()
    assert made["key"] not in repr(document)
    assert made["key"].split("_")[-1] not in repr(document)
    assert len(made["key"].split("_")[-1]) == 50, "160 random bits, and a tag of 40"


def test_a_key_keeps_the_store_the_channel_and_the_name_it_was_made_for(
    crm: Crm, stored: Database[dict[str, Any]]
) -> None:
    words = ["--role", "pos", "--store", "vienna-1", "--channel", "pos", "--name", "Till 7"]

    made = said(crm("keys", "create", *words, "--json"))

    (document,) = stored["api_keys"].find()
    bound = {name: document[name] for name in ("role", "storeCode", "channel", "name", "principal", "revokedAt")}
    assert bound == {
        "role": "POS",
        "storeCode": "vienna-1",
        "channel": "POS",
        "name": "Till 7",
        "principal": made["id"],
        "revokedAt": None,
    }


def test_without_json_a_key_is_one_sentence_however_narrow_the_terminal(crm: Crm) -> None:
    result = crm("keys", "create", "--role", "staff", COLUMNS="30")

    assert result.exit_code == 0
    assert result.stdout.startswith("STAFF key crm_staff_")
    assert result.stdout.endswith("; it is not shown again.\n")
    assert result.stdout.count("\n") == 1


@pytest.mark.parametrize("role", ["CUSTOMER", "customer"])
def test_customers_get_no_key(crm: Crm, stored: Database[dict[str, Any]], role: str) -> None:
    sentence = refused(crm("keys", "create", "--role", role))

    assert sentence == "Customers have no API key: their credential is a token of the identity provider."
    assert stored["api_keys"].count_documents({}) == 0


@pytest.mark.parametrize(
    "words",
    [
        ["keys", "create"],
        ["keys", "create", "--role", "king"],
        ["keys", "create", "--role", "pos", "--channel", "pigeon"],
        ["keys", "revoke"],
        ["keys", "list", "--sort"],
        ["token"],
        ["king"],
    ],
)
def test_wrong_words_are_a_usage_error(crm: Crm, stored: Database[dict[str, Any]], words: list[str]) -> None:
    assert "Usage: crm" in refused(crm(*words), 2) or words == ["king"]
    assert stored["api_keys"].count_documents({}) == 0


def test_keys_are_listed_oldest_first_without_what_they_are(crm: Crm) -> None:
    till = said(crm("keys", "create", "--role", "pos", "--store", "vienna-1", "--name", "Till 7", "--json"))
    desk = said(crm("keys", "create", "--role", "staff", "--json"))

    result = crm("keys", "list", "--json")

    first, second = said(result)["keys"]
    assert [first["id"], second["id"]] == [till["id"], desk["id"]]
    assert first.pop("createdAt").endswith("+00:00")
    assert first == {
        "id": till["id"],
        "role": "POS",
        "name": "Till 7",
        "store": "vienna-1",
        "channel": None,
        "principal": till["id"],
        "lastUsedAt": None,
        "expiresAt": None,
        "revokedAt": None,
    }
    shown = crm("keys", "list", COLUMNS="200").stdout
    assert till["id"] in shown
    assert "Till 7" in shown
    for output in (result.stdout, shown):
        assert "hash" not in output
        assert till["key"] not in output


def test_an_empty_list_is_one_too(crm: Crm) -> None:
    assert said(crm("keys", "list", "--json")) == {"keys": []}


def test_a_key_opens_the_shop_until_it_is_revoked(crm: Crm, environ: dict[str, str]) -> None:
    made = said(crm("keys", "create", "--role", "pos", "--channel", "pos", "--json"))

    async def caller(shop: Shop) -> Caller | None:
        return await caller_of(shop, made["key"])

    bearer = in_shop(environ, caller)
    assert bearer is not None
    assert (bearer.role, bearer.principal, bearer.channel) == ("POS", made["id"], "POS")

    ended = crm("keys", "revoke", made["id"])

    assert (ended.exit_code, ended.stdout) == (0, "Revoked.\n")
    assert in_shop(environ, caller) is None
    assert said(crm("keys", "list", "--json"))["keys"][0]["revokedAt"] is not None


@pytest.mark.parametrize("times", [1, 2])
def test_a_key_that_is_not_there_or_revoked_already_is_said_to_be(crm: Crm, times: int) -> None:
    made = said(crm("keys", "create", "--role", "staff", "--json"))
    assert crm("keys", "revoke", made["id"]).exit_code == 0

    id_ = made["id"] if times == 2 else "key_01JUNKNOWN"

    assert refused(crm("keys", "revoke", id_)) == "There is no such key, or it is revoked already."


def test_a_key_is_rotated_once_and_the_old_one_says_until_when_it_works(
    crm: Crm, stored: Database[dict[str, Any]], environ: dict[str, str]
) -> None:
    old = said(crm("keys", "create", "--role", "pos", "--name", "Till 7", "--json"))

    new = said(crm("keys", "rotate", old["id"], "--overlap", "2h", "--json"))

    assert set(new) == {"id", "key", "role", "replacedUntil"}
    first, second = said(crm("keys", "list", "--json"))["keys"]
    assert (first["id"], first["expiresAt"]) == (old["id"], new["replacedUntil"])
    assert (second["id"], second["name"], second["principal"]) == (new["id"], "Till 7", old["id"])
    again = "There is no such key, or it has ended or been replaced already."
    assert refused(crm("keys", "rotate", old["id"])) == again
    assert refused(crm("keys", "rotate", "key_01JUNKNOWN")) == again
    assert stored["api_keys"].count_documents({}) == 2
    for key in (old["key"], new["key"]):
        assert in_shop(environ, lambda shop, key=key: caller_of(shop, key)) is not None


def test_an_overlap_of_nothing_ends_the_old_one_now_and_a_key_for_a_time_stays_one(
    crm: Crm, environ: dict[str, str]
) -> None:
    old = said(crm("keys", "create", "--role", "pos", "--expires", "90d", "--json"))

    new = said(crm("keys", "rotate", old["id"], "--overlap", "0s", "--json"))

    assert in_shop(environ, lambda shop: caller_of(shop, old["key"])) is None
    assert in_shop(environ, lambda shop: caller_of(shop, new["key"])) is not None
    assert new["expiresAt"] >= old["expiresAt"]


@pytest.mark.parametrize("span", ["24", "1w", "-1h", "1.5h", "99999d", "h", ""])
def test_a_span_that_is_none_is_a_sentence(crm: Crm, stored: Database[dict[str, Any]], span: str) -> None:
    made = said(crm("keys", "create", "--role", "pos", "--json"))

    assert refused(crm("keys", "rotate", made["id"], f"--overlap={span}")).startswith("--overlap: ")
    assert stored["api_keys"].count_documents({}) == 1


def test_what_became_of_keys_is_in_the_audit_log_without_what_they_are(
    crm: Crm, stored: Database[dict[str, Any]]
) -> None:
    stored["audit"].delete_many({})
    made = said(crm("keys", "create", "--role", "pos", "--name", "Ann's till", "--json"))
    new = said(crm("keys", "rotate", made["id"], "--json"))
    crm("keys", "revoke", new["id"])

    found = said(crm("audit", "--json"))["entries"]

    assert [entry["what"] for entry in found] == ["keys.revoke", "keys.rotate", "keys.create"]
    assert {entry["by"] for entry in found} == {"system"}
    assert found[1]["of"] == [made["id"], new["id"]]
    assert [entry["what"] for entry in said(crm("audit", "--of", made["id"], "--json"))["entries"]] == [
        "keys.rotate",
        "keys.create",
    ]
    assert said(crm("audit", "--by", "key_other", "--json"))["entries"] == []
    assert said(crm("audit", "--since", "2999-01-01", "--json"))["entries"] == []
    assert "keys.revoke" in crm("audit", COLUMNS="200").stdout
    for secret in (made["key"], new["key"], "Ann's till", "hash"):
        assert secret not in str(list(stored["audit"].find()))


def test_an_instant_that_is_none_is_a_sentence(crm: Crm) -> None:
    assert refused(crm("audit", "--since", "yesterday")) == (
        "--since: 'yesterday' is no instant such as 2026-11-21T12:00:00Z."
    )
