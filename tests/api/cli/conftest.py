"""Fixtures of tests that run a command within their own process, on the tests' MongoDB."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from pymongo import MongoClient
from pymongo.database import Database
from typer.testing import CliRunner

from api.cli.main import app
from crm.callers import SYSTEM
from services.context import Shop
from services.customers import create_customer
from services.inputs import CreateCustomerInput
from services.validation import parse
from tests.api.cli.shops import SECRET, Crm, in_shop


@pytest.fixture(scope="module")
def environ(mongodb_uri: str, driver: str) -> dict[str, str]:
    return {
        "CRM_MONGODB_URI": mongodb_uri,
        "CRM_MONGODB_DATABASE": "cli",
        "CRM_MONGO_DRIVER": driver,
        "CRM_SECRET": SECRET,
    }


@pytest.fixture
def alone(environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of its own, and no settings but those a test gives: the tests' own CRM_TEST_DRIVER is none."""
    assert environ
    for name in [name for name in os.environ if name.startswith("CRM_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def stored(mongodb_uri: str) -> Iterator[Database[dict[str, Any]]]:
    """The command's database, and the only one it writes to."""
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        yield client["cli"]
        client.drop_database("cli")


@pytest.fixture
def crm(environ: dict[str, str], stored: Database[dict[str, Any]]) -> Crm:
    """The command in an empty shop; keyword arguments are variables of its environment."""
    stored["api_keys"].delete_many({})

    def run(*words: str, **more: str) -> Result:
        return CliRunner().invoke(app, words, env={**environ, **more})

    return run


@pytest.fixture(scope="module")
def ann(environ: dict[str, str], stored: Database[dict[str, Any]]) -> str:
    async def work(shop: Shop) -> str:
        call = shop.call(SYSTEM)
        created = await create_customer(call, parse(CreateCustomerInput, {"email": "ann@example.com"}, call.rules))
        return str(created["customer"])

    return in_shop(environ, work)
