"""Guessing: look-ups that find nobody are counted for each till, across processes, and waited off."""

from typing import Any

import pytest

from api.engine import Engine
from api.limits.meter import Meter
from api.limits.numbers import GUESSES, MISSES, POINTS
from crm.callers import Caller
from crm.values import Role
from resolvers.context import Context
from resolvers.policy import POLICY
from tests.support import ADMIN, POS, RECORD, World, sale

BY = "query($by: CustomerKey!) { customer(by: $by) { id } }"
MOST = int(MISSES[Role.POS].maximum)


def till(world: World) -> Engine:
    """Return the engine of one more process, with limits."""
    engine = Engine(world.engine._schema)
    engine.meter = Meter(world.shop)
    return engine


async def ask(
    world: World, engine: Engine, query: str, variables: dict[str, Any], *, caller: Caller = POS
) -> tuple[str | None, Any]:
    answer = await engine.run(Context(world.call(caller)), query, variables, None)
    return answer.code, answer.body


def guess(number: int) -> dict[str, Any]:
    return {"by": {"phone": f"+43664{number:07}"}}


async def guesses(world: World, engine: Engine, *, caller: Caller = POS, times: int = MOST + 20) -> int:
    """Guess until it is refused, a second between two, and return how many guesses passed."""
    for number in range(times):
        if (await ask(world, engine, BY, guess(number), caller=caller))[0] == "THROTTLED":
            return number
        world.clock.advance(seconds=1)
    return times


async def test_a_till_that_guesses_is_stopped_and_may_go_on_later(world: World) -> None:
    engine = till(world)

    passed = await guesses(world, engine)

    assert MOST <= passed <= MOST * 1.3  # restored meanwhile: one in five seconds
    code, body = await ask(world, engine, BY, {"by": {"phone": "+436641234567"}})
    assert code == "THROTTLED"
    assert 1 <= body["errors"][0]["extensions"]["retryAfter"] <= 10
    world.clock.advance(seconds=30)
    assert (await ask(world, engine, BY, guess(0)))[0] is None


async def test_guesses_in_one_request_count_each_and_are_waited_off(world: World) -> None:
    engine = till(world)
    many = "{ " + " ".join(f'a{n}: customer(by: {{cardNumber: "C-{n}"}}) {{ id }}' for n in range(30)) + " }"

    codes = [(await ask(world, engine, many, {}))[0] for _ in range(4)]

    assert codes == [None, None, "THROTTLED", "THROTTLED"]


async def test_another_process_knows_after_one_guess_at_most(world: World) -> None:
    await guesses(world, till(world))

    assert await guesses(world, till(world), times=5) <= 1


async def test_finding_customers_costs_nothing_and_no_command(world: World) -> None:
    await world.customer(cardNumber="C-1")
    engine = till(world)
    await ask(world, engine, BY, {"by": {"cardNumber": "C-1"}})
    world.commands.names.clear()

    for _ in range(MOST + 10):
        assert (await ask(world, engine, BY, {"by": {"cardNumber": "C-1"}}))[0] is None

    assert set(world.commands.names) == {"find keys", "find customers"}


async def test_a_miss_is_written_down_at_most_once_a_second(world: World) -> None:
    engine = till(world)
    for number in range(10):
        await ask(world, engine, BY, guess(number))

    assert world.commands.names.count("findAndModify rate_buckets") == 2  # points, and the first miss

    world.clock.advance(seconds=1)
    await ask(world, engine, BY, guess(11))
    (tally,) = [bucket for bucket in await world.all("rate_buckets") if bucket["_id"].startswith("misses:")]
    assert tally["tokens"] == pytest.approx(MOST - 11 + 0.2)


async def test_probing_for_customers_who_exist_is_guessing(world: World) -> None:
    await world.customer(email="ann@example.com")
    engine = till(world)
    probe = "mutation { " + " ".join(
        f'm{n}: createCustomer(input: {{email: "ann@example.com"}}) {{ replayed }}' for n in range(20)
    )

    codes = [(await ask(world, engine, probe + " }", {}))[0] for _ in range(5)]

    assert codes[:3] == [None, None, None]
    assert codes[4] == "THROTTLED"


async def test_a_till_that_guessed_still_records_its_sales(world: World) -> None:
    engine = till(world)
    await guesses(world, engine)

    code, body = await ask(world, engine, RECORD, {"input": sale(channel="POS", storeCode="vienna-1")})

    assert code is None
    assert body["data"]["recordPurchase"]["userErrors"] == []
    assert (await ask(world, engine, BY, guess(1)))[0] == "THROTTLED"


async def test_codes_that_are_none_are_counted_in_sales_too(world: World) -> None:
    ann = await world.customer()
    engine = till(world)
    coded = sale(customer={"id": ann}, codes=["NONE"], storeCode="vienna-1")
    for number in range(3):
        row = coded | {"externalId": {"source": "till-7", "value": f"s-{number}"}}
        await ask(world, engine, RECORD, {"input": row})

    world.clock.advance(seconds=1)
    await ask(world, engine, BY, guess(1))
    (tally,) = [bucket for bucket in await world.all("rate_buckets") if bucket["_id"].startswith("misses:")]
    assert tally["tokens"] == pytest.approx(MOST - 4 + 0.2)


async def test_a_desk_has_nothing_to_guess(world: World) -> None:
    assert await guesses(world, till(world), caller=ADMIN) == MOST + 20


async def test_without_a_database_misses_still_count(world: World) -> None:
    async def nobody(*_: object) -> None:
        return None

    engine = till(world)
    assert engine.meter is not None
    engine.meter._misses._draw_from = nobody

    assert MOST <= await guesses(world, engine) <= MOST * 1.3


def test_every_field_that_tells_of_keys_is_one_there_is_or_will_be() -> None:
    to_come = {"Query.quote"}

    assert set(POLICY) | to_come >= GUESSES
    assert set(MISSES) < set(POINTS)
