"""Points of a caller: shared by processes that borrow slices, restored over time, with a stopped database too."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.limits.buckets import Buckets, Throttled
from store.buckets import Draw, Drawn
from tests.api.limits.helpers import POINTS, SLICE, passes, process, spend
from tests.support import Clock, World

DRAWS = "findAndModify rate_buckets"


async def test_requests_are_paid_out_of_a_slice_without_a_word_to_the_database(world: World) -> None:
    buckets = process(world)

    for _ in range(25):
        assert await passes(buckets, 10)

    assert world.commands.names == [DRAWS]


async def test_a_process_draws_at_most_once_a_second_however_fast_it_spends(world: World) -> None:
    buckets = process(world)

    for second in range(1, 6):
        await spend(buckets, 10)
        assert world.commands.names == [DRAWS] * second
        world.clock.advance(seconds=1)


async def test_many_at_once_draw_once(world: World) -> None:
    buckets = process(world)

    passed = await asyncio.gather(*(passes(buckets, 10) for _ in range(40)))

    assert all(passed)
    assert world.commands.names == [DRAWS]


async def test_a_caller_alone_gets_all_that_is_there_and_then_what_is_restored(world: World) -> None:
    buckets, passed = process(world), 0
    for _ in range(10):
        passed += await spend(buckets, 10)
        world.clock.advance(seconds=1)

    assert POINTS.maximum + 8 * POINTS.rate - SLICE <= passed <= POINTS.maximum + 10 * POINTS.rate

    world.clock.advance(seconds=60)
    one = process(world)
    assert await passes(one, POINTS.maximum)
    assert not await passes(one, 10)


async def test_processes_together_let_pass_a_slice_each_too_much_at_most(world: World) -> None:
    buckets = [process(world) for _ in range(4)]
    passed = 0
    for _ in range(3):
        passed += sum(await asyncio.gather(*(spend(one, 10) for one in buckets)))
        world.clock.advance(seconds=1)

    assert passed <= POINTS.maximum + 3 * POINTS.rate + 4 * SLICE


async def test_an_expensive_request_passes_when_its_points_have_come_together(world: World) -> None:
    first, second = process(world), process(world)
    assert await passes(first, 700)

    with pytest.raises(Throttled) as refused:
        await second.pay("till", POINTS, 900)

    assert refused.value.seconds == 6
    world.clock.advance(seconds=5)
    assert not await passes(second, 900)
    world.clock.advance(seconds=1)
    assert await passes(second, 900)


async def test_what_a_request_did_not_cost_is_given_back_and_the_excess_to_the_others(world: World) -> None:
    first, second = process(world), process(world)
    account = await first.pay("till", POINTS, 1000)
    account.credit += 990
    assert not await passes(second, 500)

    world.clock.advance(seconds=1)
    assert await passes(first, 10)
    world.clock.advance(seconds=1)
    assert await passes(second, 600)


async def test_whoever_is_refused_is_told_how_the_bucket_stands(world: World) -> None:
    buckets = process(world)
    await buckets.pay("till", POINTS, 1000)

    with pytest.raises(Throttled) as refused:
        await buckets.pay("till", POINTS, 50)

    status = {"maximumAvailable": 1000, "currentlyAvailable": 0, "restoreRate": 100}
    assert refused.value.cost == {"requestedQueryCost": 50, "actualQueryCost": None, "throttleStatus": status}
    assert refused.value.seconds == 1
    with pytest.raises(Throttled):
        buckets.check("till")
    world.clock.advance(seconds=1)
    buckets.check("till")


async def test_callers_have_buckets_of_their_own(world: World) -> None:
    buckets = process(world)
    assert await passes(buckets, 1000)
    assert not await passes(buckets, 10)

    assert await passes(buckets, 1000, caller="another")


async def test_a_clock_that_goes_back_restores_nothing_and_breaks_nothing(world: World) -> None:
    first, second = process(world), process(world)
    assert await passes(first, 1000)
    world.clock.advance(seconds=-3600)

    assert not await passes(second, 10)
    world.clock.advance(seconds=3602)
    assert await passes(second, 200)


async def test_without_a_database_each_process_goes_on_by_itself() -> None:
    clock, asked = Clock(), 0

    async def nobody(_: str, __: Draw) -> Drawn | None:
        nonlocal asked
        asked += 1
        return None

    buckets = Buckets(nobody, clock)
    passed = 0
    for _ in range(10):
        passed += await spend(buckets, 10)
        clock.advance(seconds=1)

    assert POINTS.maximum <= passed <= POINTS.maximum + 10 * POINTS.rate
    assert asked == 2
    assert await passes(buckets, 10, caller="unknown until now")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.integers(1, 1000), st.floats(0, 3)), min_size=1, max_size=60))
async def test_one_process_never_lets_pass_more_than_was_there(steps: list[tuple[int, float]]) -> None:
    clock, left, at = Clock(), float(POINTS.maximum), Clock().now

    async def one_bucket(_: str, asked: Draw) -> Drawn | None:
        nonlocal left, at
        left = min(POINTS.maximum, left + (clock() - at).total_seconds() * POINTS.rate)
        at = clock()
        assert asked.need is not None
        given = min(asked.want, left) if left >= asked.need else 0.0
        left = min(POINTS.maximum, left - given)
        return Drawn(given, left)

    buckets, began, passed = Buckets(one_bucket, clock), clock(), 0
    for cost, pause in steps:
        passed += cost * await passes(buckets, cost)
        clock.advance(seconds=pause)

    assert passed <= POINTS.maximum + (clock() - began).total_seconds() * POINTS.rate + SLICE
