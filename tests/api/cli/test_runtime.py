"""What every command stands on: settings, the secret, the data folder, a shop that opens."""

import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from typer.testing import CliRunner

from api.cli.main import app
from api.cli.runtime import Stop, kept_secret, mongodb_for
from api.cli.serve import server_mongodb
from api.settings import Settings
from tests.api.cli.outcomes import refused
from tests.api.cli.shops import PROVIDER, Crm

pytestmark = pytest.mark.usefixtures("alone")


@pytest.mark.parametrize(
    ("configured", "sentence"),
    [
        ({"CRM_COLOUR": "red"}, "CRM_COLOUR is no setting of this version."),
        ({"CRM_TIME_ZONE": "Vienna"}, "CRM_TIME_ZONE: expected an IANA time zone such as Europe/Vienna."),
        ({"CRM_SECRET": "short"}, "CRM_SECRET: expected at least 32 characters."),
        ({"CRM_MONGODB_URI": "mongodb://127.0.0.1:99999"}, "CRM_MONGODB_URI: Port must be an integer between"),
        ({"CRM_MONGODB_URI": "mongodb://a:b:c@localhost"}, "MongoDB does not answer: Username and password must be"),
        ({"CRM_MONGODB_CACHE_MB": "100"}, "CRM_MONGODB_CACHE_MB: Input should be greater than or equal to 256"),
        (PROVIDER, "Settings: CRM_JWT_ISSUER and CRM_JWT_AUDIENCE need CRM_JWT_SECRET or CRM_JWT_JWKS_URL."),
    ],
)
def test_a_setting_that_does_not_hold_is_one_sentence(crm: Crm, configured: dict[str, str], sentence: str) -> None:
    assert refused(crm("keys", "list", **configured)).startswith(sentence)


def test_a_shop_with_sales_in_another_currency_is_not_opened(crm: Crm, stored: Database[dict[str, Any]]) -> None:
    assert crm("keys", "list").exit_code == 0
    assert crm("keys", "list", CRM_CURRENCY="EUR").exit_code == 0, "no sale yet"
    assert crm("keys", "list").exit_code == 0
    stored.get_collection("purchases").with_options().database.command(
        {"insert": "purchases", "documents": [{"_id": "pur_1"}], "bypassDocumentValidation": True}
    )

    sentence = refused(crm("keys", "list", CRM_CURRENCY="EUR"))

    assert sentence == "CRM_CURRENCY is EUR, but this shop has recorded sales in USD."
    stored["purchases"].delete_many({})


@pytest.mark.parametrize("lend", [mongodb_for, server_mongodb])
def test_the_embedded_mongodb_has_the_cache_that_the_settings_give_it(
    tmp_path: Path, lend: Callable[[Settings, Path, str], AbstractContextManager[Settings]]
) -> None:
    with (
        lend(Settings(mongodb_cache_mb=300), tmp_path, "a test") as settings,
        MongoClient[Any](settings.mongodb_uri) as client,
    ):
        cache = client.admin.command("serverStatus")["wiredTiger"]["cache"]["maximum bytes configured"]
    assert 299 * 1024**2 < cache < 301 * 1024**2


def test_the_secret_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data"

    with ThreadPoolExecutor(8) as starts:
        secrets = set(starts.map(lambda _: kept_secret(folder), range(32)))

    assert len(secrets) == 1
    assert len(secrets.pop()) == 64
    assert [path.name for path in folder.iterdir()] == ["secret"]
    assert stat.S_IMODE((folder / "secret").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_data_folder_that_cannot_be_used_is_one_sentence_with_its_name_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "[red]file").touch()
    folder = tmp_path / "[red]file" / "data"

    with pytest.raises(Stop, match=r"cannot be used: Not a directory\.$"):
        kept_secret(folder)

    result = CliRunner().invoke(app, ["keys", "list", "--data-dir", str(folder)])
    assert refused(result) == f"The data folder {folder} cannot be used: Not a directory."
