"""m0003 over a database as m0002 left it: what was redeemed of rewards has its own name, and may still come back."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from pymongo.errors import OperationFailure

from services.checking import check
from services.installation import open_shop
from store.client import Database
from store.collections import INSTALLATION, PROGRAMS
from store.migrations import m0001_collections, m0002_loyalty_engine, m0003_offers, migrate
from store.migrations.m0003_offers import INDEXES, SHAPES
from tests.services.helpers import cancel, contents
from tests.services.loyalty_helpers import amount_off, bought, paid, rewards, rich
from tests.services.reward_helpers import stock
from tests.support import Commands, World


@pytest_asyncio.fixture
async def old(world: World, mongodb_uri: str, driver: str) -> AsyncIterator[tuple[World, str]]:
    """A shop in a database of its own, at m0002, with a sale that redeemed a reward, and the reward's id."""
    (reward,) = await rewards(world, amount_off(100, "1.00", stock=3))
    ann = await rich(world, 200)
    await bought(world, paid(world, 10, off="1.00", customer=ann, rewardIds=[reward]))
    await bought(world, paid(world, 10, customer=ann, id="plain"))
    commands = Commands()
    database = Database(mongodb_uri, "before_m0003", driver=driver, listeners=[commands])
    await database.drop()
    await m0001_collections.run(database)
    await m0002_loyalty_engine.run(database)
    for name in (*m0001_collections.SHAPES, *m0002_loyalty_engine.SHAPES, INSTALLATION, PROGRAMS):
        documents = [as_before(one) for one in await world.all(name) if one["_id"] != "offers"]
        if documents and not await database[name].count_documents({}):
            await database[name].insert_many(documents)
    yield World(database, world.engine, world.clock, commands), reward
    await database.drop()
    await database.close()


def as_before(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document as the version before stored it."""
    if "rewards" in document and "lines" in document:
        return {("redemptions" if name == "rewards" else name): value for name, value in document.items()}
    return document


async def test_what_was_redeemed_of_rewards_is_renamed_and_comes_back_with_its_sale(old: tuple[World, str]) -> None:
    world, reward = old
    assert [len(sale.get("redemptions", ())) for sale in await world.all("purchases")] == [1, 0]

    await open_shop(world.shop)

    first, plain = await world.all("purchases")
    assert ([one["rewardId"] for one in first["rewards"]], "redemptions" in first) == ([reward], False)
    assert not {"rewards", "redemptions"} & plain.keys()
    assert await stock(world, reward) == 2
    assert (await cancel(world, first["_id"]))["userErrors"] == []
    assert await stock(world, reward) == 3
    assert (await check(world.call())).differences == []


async def test_twice_is_once(old: tuple[World, str]) -> None:
    world, _ = old
    await m0003_offers.run(world.database)
    once = await contents(world)

    await m0003_offers.run(world.database)

    assert await contents(world) == once


async def test_offers_that_came_since_are_left_as_they_are(old: tuple[World, str]) -> None:
    world, _ = old
    await migrate(world.database)
    mark = {"id": "ord_1", "offerId": "off_1"}
    await world.database["purchases"].update_one({"externalId.value": "plain"}, {"$set": {"redemptions": [mark]}})
    await world.database["installation"].update_one({"_id": "offers"}, {"$set": {"revision": 7}})

    await m0003_offers.run(world.database)

    (plain,) = await world.all("purchases", {"externalId.value": "plain"})
    assert plain["redemptions"] == [mark]
    assert (await world.all("installation", {"_id": "offers"}))[0]["revision"] == 7


async def test_validators_and_indexes_are_there(old: tuple[World, str]) -> None:
    world, _ = old

    await m0003_offers.run(world.database)

    for name, indexes in INDEXES.items():
        known = await world.database[name].index_information()
        assert {index.document["name"] for index in indexes} <= known.keys(), name
    for name in SHAPES:
        with pytest.raises(OperationFailure, match="failed validation"):
            await world.database[name].insert_one({"_id": "x"})
