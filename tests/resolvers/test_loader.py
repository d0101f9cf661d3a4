"""Keys that are asked for at one tick are one question; each is asked for once, whoever is cancelled meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from resolvers.loader import BATCH_KEYS_MAX, Loader, Wave


class Shelf:
    """What a batch function knows: every key in capitals. `asked` are the questions, `open` lets it answer."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.open = asyncio.Event()
        self.open.set()

    async def load(self, keys: list[str]) -> list[Any]:
        self.asked.append(keys)
        await self.open.wait()
        if "bad" in keys:
            raise ValueError("one of the keys is bad")
        return [key.upper() for key in keys]


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


async def nothing() -> None:
    """Do nothing."""


async def later(turns: int, work: Callable[[], Awaitable[Any]] = nothing) -> Any:
    """Do something so many turns of the loop later."""
    for _ in range(turns):
        await asyncio.sleep(0)
    return await work()


async def test_what_is_asked_at_one_tick_is_one_question_and_each_key_is_in_it_once(shelf: Shelf) -> None:
    loader = Loader(shelf.load)
    assert await asyncio.gather(*(loader.load(key) for key in "abca")) == ["A", "B", "C", "A"]
    assert shelf.asked == [["a", "b", "c"]]


async def test_what_was_started_a_turn_later_still_takes_part(shelf: Shelf) -> None:
    loader = Loader(shelf.load)
    answers = await asyncio.gather(loader.load("a"), later(1, lambda: loader.load("b")))
    assert answers == ["A", "B"]
    assert shelf.asked == [["a", "b"]]


async def test_what_comes_while_a_question_is_out_is_the_next_one_and_asks_no_key_again(shelf: Shelf) -> None:
    loader = Loader(shelf.load)
    shelf.open.clear()
    first = asyncio.ensure_future(loader.load("a"))
    await later(5)
    rest = asyncio.gather(loader.load("b"), loader.load("a"))
    await later(5)
    shelf.open.set()
    assert (await first, *await rest) == ("A", "B", "A")
    assert shelf.asked == [["a"], ["b"]]


async def test_what_is_found_is_never_asked_again(shelf: Shelf) -> None:
    loader = Loader(shelf.load)
    await loader.load("a")
    assert not loader.request(["a"])
    assert await loader.load_many(["a", "b"]) == ["A", "B"]
    assert shelf.asked == [["a"], ["b"]]


async def test_loaders_of_one_request_ask_at_the_same_time() -> None:
    wave, shelves = Wave(), (Shelf(), Shelf())
    one, two = (Loader(shelf.load, wave) for shelf in shelves)
    shelves[0].open.clear()
    both = asyncio.gather(one.load("a"), two.load("b"))
    await later(5)
    assert [shelf.asked for shelf in shelves] == [[["a"]], [["b"]]]
    shelves[0].open.set()
    assert await both == ["A", "B"]


async def test_what_is_requested_is_asked_whether_or_not_anybody_waits(shelf: Shelf) -> None:
    loader = Loader(shelf.load)
    loader.request(["a", "b"])
    await later(5)
    assert shelf.asked == [["a", "b"]]
    assert loader.found == {"a": "A", "b": "B"}


async def test_what_a_batch_function_raises_is_the_answer_to_each_of_its_keys(shelf: Shelf) -> None:
    loader = Loader(shelf.load)
    answers = await asyncio.gather(loader.load("a"), loader.load("bad"), return_exceptions=True)
    assert [str(answer) for answer in answers] == ["one of the keys is bad"] * 2
    with pytest.raises(ValueError, match="bad"):
        await loader.load("a")
    assert shelf.asked == [["a", "bad"]]


@pytest.mark.parametrize("turns", [0, 1, 2, 5])
async def test_whoever_is_cancelled_takes_nobody_along(shelf: Shelf, turns: int) -> None:
    loader = Loader(shelf.load)
    shelf.open.clear()
    asking, waiting = (asyncio.ensure_future(loader.load(key)) for key in ("a", "a"))
    await later(turns)
    asking.cancel()
    await later(5)
    shelf.open.set()
    assert await waiting == "A"
    assert asking.cancelled()


async def test_whoever_only_waits_may_be_cancelled_too(shelf: Shelf) -> None:
    loader = Loader(shelf.load)
    shelf.open.clear()
    asking, waiting, third = (asyncio.ensure_future(loader.load("a")) for _ in range(3))
    await later(5)
    waiting.cancel()
    await later(2)
    shelf.open.set()
    assert [await asking, await third] == ["A", "A"]
    assert waiting.cancelled()
    assert shelf.asked == [["a"]]


async def test_very_many_keys_are_several_questions_at_once(shelf: Shelf) -> None:
    loader = Loader(shelf.load)
    keys = [str(number) for number in range(BATCH_KEYS_MAX + 1)]
    assert await loader.load_many(keys) == keys
    assert [len(asked) for asked in shelf.asked] == [BATCH_KEYS_MAX, 1]
