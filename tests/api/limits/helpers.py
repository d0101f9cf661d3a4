"""What tests of limits stand on: the two ways to draw, and the buckets of processes that share a database."""

from api.limits.buckets import Buckets, DrawFrom, Throttled
from api.limits.numbers import Points
from store.buckets import Draw, Drawn, draw
from tests.support import World

POINTS = Points(1000, 100)
SLICE = POINTS.slice


def shared(world: World) -> DrawFrom:
    async def from_database(id_: str, asked: Draw) -> Drawn | None:
        return await draw(world.database, id_, asked, now=world.clock())

    return from_database


def process(world: World) -> Buckets:
    """Return the buckets of one more process."""
    return Buckets(shared(world), world.clock)


async def passes(buckets: Buckets, cost: int, *, caller: str = "till", points: Points = POINTS) -> bool:
    try:
        await buckets.pay(caller, points, cost)
    except Throttled:
        return False
    return True


async def spend(buckets: Buckets, cost: int, *, times: int = 1000) -> int:
    """Send requests of one cost until one is refused, and return how many points passed."""
    for number in range(times):
        if not await passes(buckets, cost):
            return number * cost
    return times * cost
