"""Settings: what is not said has a default, what is said must hold, and what is unknown stops the start."""

import re

import pytest
from pydantic import ValidationError

from api.settings import BadSettings, Settings

SECRET = "0123456789abcdef0123456789abcdef"
PROVIDER = {"CRM_JWT_SECRET": SECRET, "CRM_JWT_ISSUER": "https://login/", "CRM_JWT_AUDIENCE": "crm"}


def test_an_empty_environment_is_a_development_installation() -> None:
    settings = Settings.from_environ({})

    assert settings.environment == "development"
    assert settings.mongodb_uri is None
    assert (settings.mongodb_database, settings.mongo_driver) == ("crm", "motor")
    assert (settings.currency, settings.time_zone, settings.jwt_source) == ("USD", "UTC", "jwt")
    assert settings.secret is None
    assert settings.has_identity_provider is False


def test_everything_is_read_from_its_variable_and_nothing_else_is() -> None:
    settings = Settings.from_environ(
        {
            "CRM_ENVIRONMENT": "production",
            "CRM_MONGODB_URI": "mongodb+srv://db.example/?retryWrites=true",
            "CRM_MONGODB_DATABASE": "shop-1",
            "CRM_MONGO_DRIVER": "pymongo",
            "CRM_CURRENCY": "EUR",
            "CRM_TIME_ZONE": "Europe/Vienna",
            "CRM_SECRET": SECRET,
            "CRM_JWT_JWKS_URL": "https://login.example/jwks.json",
            "CRM_JWT_ISSUER": "https://login.example/",
            "CRM_JWT_AUDIENCE": "crm",
            "CRM_JWT_SOURCE": "auth0",
            "SECRET": "not ours",
            "PATH": "/usr/bin",
        }
    )

    assert settings.environment == "production"
    assert settings.mongodb_uri == "mongodb+srv://db.example/?retryWrites=true"
    assert (settings.mongodb_database, settings.mongo_driver) == ("shop-1", "pymongo")
    assert (settings.currency, settings.time_zone) == ("EUR", "Europe/Vienna")
    assert (settings.secret, settings.jwt_source) == (SECRET, "auth0")
    assert settings.has_identity_provider is True


def test_an_empty_variable_is_one_that_is_not_set() -> None:
    assert Settings.from_environ({"CRM_SECRET": "", "CRM_CURRENCY": "", "CRM_MONGODB_URI": ""}) == Settings()


@pytest.mark.parametrize("name", ["CRM_CURENCY", "CRM_TEST_DRIVER", "CRM_", "CRM_MONGODB_URL"])
def test_an_unknown_name_stops_the_start_with_a_sentence(name: str) -> None:
    with pytest.raises(BadSettings, match=f"^{name} is no setting of this version\\.$"):
        Settings.from_environ({name: "EUR", "CRM_SECRET": SECRET})


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"CRM_ENVIRONMENT": "staging"}, "CRM_ENVIRONMENT: "),
        ({"CRM_MONGODB_URI": "http://db.example"}, "CRM_MONGODB_URI: "),
        ({"CRM_MONGODB_URI": "db.example:27017"}, "CRM_MONGODB_URI: "),
        ({"CRM_MONGODB_DATABASE": "a b"}, "CRM_MONGODB_DATABASE: "),
        ({"CRM_MONGODB_DATABASE": "a$b"}, "CRM_MONGODB_DATABASE: "),
        ({"CRM_MONGODB_DATABASE": "x" * 39}, "CRM_MONGODB_DATABASE: "),
        ({"CRM_MONGO_DRIVER": "pymongo-async"}, "CRM_MONGO_DRIVER: "),
        ({"CRM_CURRENCY": "eur"}, "CRM_CURRENCY: "),
        ({"CRM_CURRENCY": "EURO"}, "CRM_CURRENCY: "),
        ({"CRM_TIME_ZONE": "Vienna"}, "CRM_TIME_ZONE: expected an IANA time zone such as Europe/Vienna."),
        ({"CRM_TIME_ZONE": "../../etc/passwd"}, "CRM_TIME_ZONE: expected an IANA time zone such as Europe/Vienna."),
        ({"CRM_SECRET": SECRET[1:]}, "CRM_SECRET: expected at least 32 characters."),
        ({**PROVIDER, "CRM_JWT_SECRET": "short"}, "CRM_JWT_SECRET: expected at least 32 characters."),
        (
            {**PROVIDER, "CRM_JWT_JWKS_URL": "https://login/jwks.json"},
            "Settings: set CRM_JWT_SECRET or CRM_JWT_JWKS_URL, not both.",
        ),
        ({"CRM_JWT_SECRET": SECRET}, "Settings: an identity provider needs CRM_JWT_ISSUER and CRM_JWT_AUDIENCE."),
        (
            {name: PROVIDER[name] for name in ("CRM_JWT_SECRET", "CRM_JWT_ISSUER")},
            "Settings: an identity provider needs CRM_JWT_ISSUER and CRM_JWT_AUDIENCE.",
        ),
        (
            {"CRM_JWT_ISSUER": "https://login/"},
            "Settings: CRM_JWT_ISSUER and CRM_JWT_AUDIENCE need CRM_JWT_SECRET or CRM_JWT_JWKS_URL.",
        ),
        (
            {"CRM_JWT_AUDIENCE": "crm"},
            "Settings: CRM_JWT_ISSUER and CRM_JWT_AUDIENCE need CRM_JWT_SECRET or CRM_JWT_JWKS_URL.",
        ),
        ({**PROVIDER, "CRM_JWT_ISSUER": "crm-development"}, "CRM_JWT_ISSUER: "),
        (
            {"CRM_JWT_JWKS_URL": "file:///etc/passwd", "CRM_JWT_ISSUER": "a", "CRM_JWT_AUDIENCE": "b"},
            "CRM_JWT_JWKS_URL: ",
        ),
        ({"CRM_JWT_SOURCE": "x" * 101}, "CRM_JWT_SOURCE: "),
        ({"CRM_ENVIRONMENT": "production"}, "Settings: production needs CRM_SECRET."),
    ],
)
def test_a_value_that_does_not_hold_stops_the_start_with_a_sentence(environ: dict[str, str], sentence: str) -> None:
    with pytest.raises(BadSettings, match="^" + re.escape(sentence)) as refused:
        Settings.from_environ(environ)

    assert "\n" not in str(refused.value)
    assert SECRET not in str(refused.value)
    assert "short" not in str(refused.value)


def test_a_secret_of_32_characters_is_long_enough() -> None:
    assert Settings.from_environ({"CRM_SECRET": SECRET}).secret == SECRET
    assert Settings.from_environ(PROVIDER).has_identity_provider is True


def test_no_secret_shows_when_settings_are_printed() -> None:
    settings = Settings.from_environ(
        {**PROVIDER, "CRM_SECRET": "s" * 40, "CRM_MONGODB_URI": "mongodb://crm:hunter2@db.example"}
    )

    shown = f"{settings} {settings!r}"
    assert "sss" not in shown
    assert SECRET not in shown
    assert "hunter2" not in shown


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Settings().currency = "EUR"  # type: ignore[misc]


def test_every_setting_says_what_it_is() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_a_currency_that_does_not_exist_stops_the_start_with_a_sentence() -> None:
    with pytest.raises(BadSettings, match="CRM_CURRENCY: expected a currency code of ISO 4217"):
        Settings.from_environ({"CRM_CURRENCY": "UDS"})
