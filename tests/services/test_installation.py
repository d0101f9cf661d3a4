"""Opening a shop: once migrated and given its programme, in the currency it has sales in, on a MongoDB that can."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from pymongo import MongoClient

from services.context import Shop
from services.installation import CannotOpen, derived_secret, open_shop
from store import programs
from store.client import Database
from store.embedded import find_mongod
from store.mongod_binary import free_port
from tests.support import World


def shop_in(currency: str, database: Database) -> Shop:
    return Shop(database=database, currency=currency, time_zone=ZoneInfo("UTC"), pepper=b"pepper" * 8)


@pytest_asyncio.fixture
async def empty(mongodb_uri: str, driver: str) -> AsyncIterator[Database]:
    database = Database(mongodb_uri, "opening", driver=driver)
    yield database
    await database.drop()
    await database.close()


@pytest.fixture
def single_server(tmp_path: Path) -> Iterator[str]:
    port = free_port(None)
    command = [str(find_mongod()), "--dbpath", str(tmp_path), "--port", str(port), "--bind_ip", "127.0.0.1"]
    with subprocess.Popen([*command, "--nounixsocket"], stdout=subprocess.DEVNULL) as server:
        uri = f"mongodb://127.0.0.1:{port}/?directConnection=true"
        with MongoClient[dict[str, object]](uri) as client:
            client.admin.command("ping")
        yield uri
        server.terminate()


async def test_processes_that_open_a_new_shop_at_once_give_it_one_programme(empty: Database) -> None:
    await asyncio.gather(*(open_shop(shop_in("EUR", empty)) for _ in range(5)))

    versions = await programs.versions(empty)
    assert [(program.version, program.name) for program in versions] == [(1, "Points")]
    assert [tier.threshold for tier in versions[0].tiers] == [0, 500, 2000]


async def test_the_currency_is_free_until_the_first_sale_and_fixed_by_it(world: World) -> None:
    euros = shop_in("EUR", world.database)
    await open_shop(euros)
    await open_shop(world.shop)
    await world.sell()

    with pytest.raises(CannotOpen, match="CRM_CURRENCY is EUR, but this shop has recorded sales in USD"):
        await open_shop(euros)

    await open_shop(world.shop)


async def test_a_mongodb_without_transactions_is_refused_with_a_sentence(single_server: str, driver: str) -> None:
    database = Database(single_server, "single", driver=driver)

    with pytest.raises(CannotOpen, match="need a replica set"):
        await open_shop(shop_in("USD", database))

    await database.close()


def test_every_purpose_has_a_secret_of_its_own() -> None:
    made = {derived_secret(b"secret" * 8, purpose) for purpose in ("pepper", "development-tokens")}

    assert len(made) == 2
    assert derived_secret(b"other" * 8, "pepper") not in made
