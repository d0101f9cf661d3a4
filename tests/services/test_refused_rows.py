"""A batch that is sent again ends as it did before, however much later."""

from tests.services.helpers import batch, codes, row
from tests.services.program_helpers import balance, clean
from tests.support import World


async def test_a_refused_row_stays_refused_after_a_month(world: World) -> None:
    ann = await world.customer()
    rows = [
        row(world, "x", 20, minutes=10, customer={"id": ann}, points=15),
        row(world, "y", 30, minutes=5, customer={"id": ann}),
    ]
    expected = [["INSUFFICIENT_POINTS"], []]
    assert [codes(result) for result in (await batch(world, *rows))["results"]] == expected
    for _ in range(2):
        world.clock.advance(days=31)
        await world.database["keys"].delete_many({"expiresAt": {"$lte": world.clock()}})  # as MongoDB does
        again = await batch(world, *rows)
        assert [codes(result) for result in again["results"]] == expected
        assert [result["replayed"] for result in again["results"]] == [True, True]
    assert await balance(world, ann) == (30, 0, 0)
    await clean(world)
