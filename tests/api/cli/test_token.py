"""`crm token`: development tokens for customers who are there, where they would be believed."""

import asyncio

import pytest

from api.app import make_verifier
from api.settings import Settings
from services.context import utc_now
from tests.api.cli.outcomes import refused, said
from tests.api.cli.shops import PROVIDER, Crm

pytestmark = pytest.mark.usefixtures("alone")


def test_a_token_is_believed_by_this_installation_and_speaks_for_the_customer(
    crm: Crm, environ: dict[str, str], ann: str
) -> None:
    result = crm("token", "--customer", ann, "--json")

    made = said(result)
    assert set(made) == {"token"}
    identity = asyncio.run(make_verifier(Settings.from_environ(environ), utc_now).verify(made["token"]))
    assert (identity.subject, identity.development) == (ann, True)
    plain = crm("token", "--customer", ann).stdout
    assert plain.count(".") == 2
    assert plain.count("\n") == 1


@pytest.mark.parametrize(
    "configured",
    [
        {**PROVIDER, "CRM_JWT_SECRET": "the identity provider's own secret"},
        {**PROVIDER, "CRM_JWT_JWKS_URL": "https://id.example.com/keys"},
        {"CRM_ENVIRONMENT": "production"},
        {**PROVIDER, "CRM_JWT_JWKS_URL": "https://id.example.com/keys", "CRM_ENVIRONMENT": "production"},
    ],
    ids=["shared secret", "public keys", "production", "production with public keys"],
)
def test_no_token_is_made_where_none_would_be_believed(crm: Crm, ann: str, configured: dict[str, str]) -> None:
    sentence = refused(crm("token", "--customer", ann, "--json", **configured))

    assert sentence == "Development tokens are off: an identity provider is configured, or this is production."


@pytest.mark.parametrize(
    ("customer", "sentence"),
    [
        ("cus_01M7YZMHG00000000000000000", "There is no customer with this id."),
        ("pur_01M7YZMHG00000000000000000", "Expected the id of a customer, such as cus_01J..."),
        ("ann@example.com", "Expected the id of a customer, such as cus_01J..."),
        ("", "Expected the id of a customer, such as cus_01J..."),
    ],
)
def test_nobody_unknown_gets_a_token(crm: Crm, ann: str, customer: str, sentence: str) -> None:
    assert ann.startswith("cus_")
    assert refused(crm("token", "--customer", customer, "--json")) == sentence
