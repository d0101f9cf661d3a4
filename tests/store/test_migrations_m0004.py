"""m0004 over purchases of before: counted as if the sales had done it, and the same however often it runs."""

import pytest

from store.collections import TASTES
from store.migrations import m0004_tastes
from tests.services.histories import mixed
from tests.services.taste_helpers import assert_recounted
from tests.support import World


async def test_purchases_of_before_are_counted_as_their_sales_would_have(world: World) -> None:
    ann = await mixed(world)
    kept = {document["_id"]: document for document in await world.all(TASTES)}
    await world.database[TASTES].delete_many({})

    for _ in range(2):
        await m0004_tastes.run(world.database)

        await assert_recounted(world)
        again = {document["_id"]: document for document in await world.all(TASTES)}
        counted = {id_ for id_, document in kept.items() if any(one["n"] for one in document["products"].values())}
        assert again.keys() == counted
        assert all(document["owner"] == ann for document in again.values())


async def test_customers_beyond_one_batch_are_counted_and_anonymous_sales_are_not(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(m0004_tastes, "BATCH", 2)
    for number in range(5):
        person = await world.customer(email=f"{number}@example.com")
        await world.sell(id=f"s-{number}", customer={"id": person})
    await world.sell(id="nobody's")
    await world.database[TASTES].delete_many({})

    await m0004_tastes.run(world.database)

    assert len(await world.all(TASTES)) == 5
    await assert_recounted(world)
