"""Points for a first purchase, once a sale was cancelled: they cannot be made again and again."""

import pytest

from tests.services.helpers import cancel
from tests.services.program_helpers import adjust, balance, buy, clean, earned, flat, posted, rule, save
from tests.support import World

FIRST = flat(500, event="FIRST_PURCHASE")


async def test_where_returns_forgive_a_cancelled_first_purchase_was_the_first(world: World) -> None:
    await save(world, returns="FORGIVE", earningRules=[rule(), FIRST])
    ann = await world.customer()
    told = []
    for number in range(3):
        sold = await buy(world, ann, f"s-{number}", 10)
        told.append(sold["pointsEarned"])
        await adjust(world, ann, -sold["pointsEarned"])  # spent before it comes back
        await cancel(world, sold["id"], id=f"c-{number}")
    assert told == [510, 10, 10]
    assert [entry for entry in await posted(world, ann) if entry[0] == "BONUS"] == [("BONUS", 500, "Extra")]
    assert await balance(world, ann) == (0, 0, 0)
    await clean(world)


@pytest.mark.parametrize("returns", ["DEBT", "FORGIVE"])
async def test_who_cancels_is_still_new_only_where_the_points_come_back(world: World, returns: str) -> None:
    await save(world, returns=returns, earningRules=[rule(), FIRST])
    ann = await world.customer()
    await cancel(world, (await buy(world, ann, "a", 10))["id"])
    assert await earned(world, ann, "b", 10) == {"DEBT": 510, "FORGIVE": 10}[returns]
    assert await earned(world, ann, "c", 10) == 10
    await clean(world)
