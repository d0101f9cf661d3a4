"""Patience with a request: what lasts is ended for the reason it was given, and what does not last is never watched."""

import asyncio
import time
from typing import NoReturn

import pytest
from starlette.types import Message

from api.limits.patience import Gone, Patience

SOON = 0.2


class TooLate(Exception):
    pass


class Client:
    """Gives nothing until it leaves; `asked` says whether anybody has listened."""

    def __init__(self) -> None:
        self.asked = False
        self.left = asyncio.Event()

    async def receive(self) -> Message:
        self.asked = True
        await self.left.wait()
        return {"type": "http.disconnect"}

    def leaves_soon(self) -> None:
        asyncio.get_running_loop().call_later(SOON, self.left.set)


async def for_ever() -> NoReturn:
    await asyncio.Event().wait()
    raise AssertionError("it never ends")


async def test_what_lasts_too_long_ends_with_what_was_asked_for_and_in_time() -> None:
    async def request() -> None:
        with Patience() as patience:
            patience.wait(SOON, TooLate)
            await for_ever()

    started = time.monotonic()
    with pytest.raises(TooLate):
        await request()

    assert SOON <= time.monotonic() - started < SOON + 0.3
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_what_ended_before_is_not_ended_again() -> None:
    with Patience() as patience:
        patience.wait(SOON, TooLate)
        patience.rest()
        await asyncio.sleep(SOON + 0.2)


async def test_each_thing_has_time_of_its_own() -> None:
    async def request() -> None:
        with Patience() as patience:
            patience.wait(30, ValueError)
            await asyncio.sleep(0.15)  # it lasts, so it is looked at
            patience.wait(SOON, TooLate)
            await for_ever()

    with pytest.raises(TooLate):
        await asyncio.wait_for(request(), 5)


async def test_a_request_that_is_over_at_once_listens_to_nobody() -> None:
    client = Client()
    with Patience(client.receive) as patience:
        patience.wait(30, TooLate, listens=True)
        await asyncio.sleep(0.01)
        patience.rest()
    await asyncio.sleep(0.15)

    assert not client.asked


async def test_a_client_who_leaves_ends_what_listens() -> None:
    client = Client()
    client.leaves_soon()

    async def request() -> None:
        with Patience(client.receive) as patience:
            patience.wait(30, TooLate, listens=True)
            await for_ever()

    with pytest.raises(Gone):
        await request()


async def test_a_client_who_leaves_does_not_end_what_does_not_listen() -> None:
    client = Client()
    client.leaves_soon()
    with Patience(client.receive) as patience:
        patience.wait(30, TooLate)
        await asyncio.sleep(SOON + 0.2)

    assert not client.asked, "a body may be read meanwhile, by whoever is to get it"


async def test_a_task_that_others_cancel_as_well_is_cancelled() -> None:
    async def request() -> None:
        with Patience() as patience:
            patience.wait(0.1, TooLate)
            try:
                await for_ever()
            except asyncio.CancelledError:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
                raise

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(request())


async def test_what_goes_wrong_by_itself_stays_what_it_is() -> None:
    def request() -> None:
        with Patience() as patience:
            patience.wait(30, TooLate)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        request()
