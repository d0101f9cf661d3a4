"""What is asked at about the same time is answered together, and nobody waits long for others."""

import asyncio
from collections.abc import Sequence

import pytest

from store.ticks import ASKED_MAX, Tick


class Doubling:
    """Answers twice what is asked, when it is let; `questions` are what came together."""

    def __init__(self) -> None:
        self.questions: list[list[int]] = []
        self.let = asyncio.Event()

    async def __call__(self, asked: Sequence[int]) -> list[int]:
        self.questions.append(list(asked))
        await self.let.wait()
        return [2 * one for one in asked]


async def ticks(number: int) -> None:
    """Let so many ticks of the loop go by."""
    for _ in range(number):
        await asyncio.sleep(0)


async def test_what_is_asked_at_one_tick_is_answered_together() -> None:
    doubling = Doubling()
    doubling.let.set()
    tick = Tick(doubling)

    assert await asyncio.gather(tick.ask(1), tick.ask(2), tick.ask(3)) == [2, 4, 6]
    assert doubling.questions == [[1, 2, 3]]


async def test_what_is_asked_while_an_answer_is_under_way_goes_together_when_it_is_there() -> None:
    doubling = Doubling()
    tick = Tick(doubling, wait=60)
    first = asyncio.ensure_future(tick.ask(1))
    await ticks(3)
    later = [asyncio.ensure_future(tick.ask(2))]
    await ticks(3)
    later.append(asyncio.ensure_future(tick.ask(3)))
    await ticks(3)
    assert doubling.questions == [[1]]

    doubling.let.set()

    assert await asyncio.gather(first, *later) == [2, 4, 6]
    assert doubling.questions == [[1], [2, 3]]


async def test_an_answer_that_takes_too_long_is_not_waited_for() -> None:
    doubling = Doubling()
    tick = Tick(doubling, wait=0)
    asked = [asyncio.ensure_future(tick.ask(1))]
    await ticks(3)
    asked.append(asyncio.ensure_future(tick.ask(2)))
    while len(doubling.questions) < 2:
        await asyncio.sleep(0)

    assert doubling.questions == [[1], [2]]
    doubling.let.set()
    assert await asyncio.gather(*asked) == [2, 4]


async def test_as_many_as_come_are_answered_by_so_many_at_once() -> None:
    doubling = Doubling()
    doubling.let.set()
    tick = Tick(doubling)

    found = await asyncio.gather(*(tick.ask(number) for number in range(2 * ASKED_MAX + 1)))

    assert found == [2 * number for number in range(2 * ASKED_MAX + 1)]
    assert [len(question) for question in doubling.questions] == [ASKED_MAX, ASKED_MAX, 1]


async def test_a_failure_is_everybodys_unless_it_is_the_answer_to_one() -> None:
    async def fail(_: object) -> list[int]:
        raise ValueError("all")

    async def refuse(asked: Sequence[int]) -> list[int | Exception]:
        return [ValueError("one") if one == 1 else one for one in asked]

    failing: Tick[int, int] = Tick(fail)
    refusing: Tick[int, int] = Tick(refuse)

    all_ = await asyncio.gather(failing.ask(1), failing.ask(2), return_exceptions=True)
    some = await asyncio.gather(refusing.ask(1), refusing.ask(2), return_exceptions=True)

    assert [str(problem) for problem in all_] == ["all", "all"]
    assert [str(one) for one in some] == ["one", "2"]


async def test_after_a_failure_the_next_question_goes_out() -> None:
    answers = iter([ValueError("first"), [2]])

    async def answer(_: object) -> list[int]:
        given = next(answers)
        if isinstance(given, Exception):
            await asyncio.sleep(0)
            raise given
        return given

    tick: Tick[int, int] = Tick(answer, wait=60)
    first = asyncio.ensure_future(tick.ask(1))
    await ticks(2)
    second = asyncio.ensure_future(tick.ask(2))

    assert await second == 2
    with pytest.raises(ValueError, match="first"):
        await first


async def test_a_tick_that_is_stopped_leaves_nobody_waiting() -> None:
    async def answer(_: object) -> list[int]:
        raise asyncio.CancelledError

    tick: Tick[int, int] = Tick(answer)

    with pytest.raises(asyncio.CancelledError):
        await tick.ask(1)
