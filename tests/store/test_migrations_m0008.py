"""m0008 over accounts of before: what they keep in the earlier way is let go of, and the next sale knows it all."""

from store.collections import ACCOUNTS
from store.migrations import m0008_recent_sales
from tests.services.helpers import account
from tests.services.program_helpers import buy, clean
from tests.support import World


async def test_sales_kept_as_lists_are_read_anew_and_kept_as_numbers(world: World) -> None:
    ann, ben = await world.customer(), await world.customer(email="ben@example.com")
    for number, person in enumerate((ann, ann, ben)):
        await buy(world, person, f"s-{number}", 10)
    (before, of_ben) = [(await account(world, person))["recent"] for person in (ann, ben)]
    lists = [[world.clock(), 10, 1000], [world.clock(), 10, 1000]]
    await world.database[ACCOUNTS].update_one({"customerId": ann}, {"$set": {"recent.sales": lists}})

    for _ in range(2):
        await m0008_recent_sales.run(world.database)

        assert (await account(world, ann))["recent"] is None
        assert (await account(world, ben))["recent"] == of_ben
    await buy(world, ann, "s-9", 10)
    assert (await account(world, ann))["recent"]["sales"][:6] == before["sales"]
    await clean(world)
