"""What is asked for at one tick of the event loop, answered together."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from store.deadlines import before_deadline, deadline

SECONDS_MAX = 10.0
Asked = TypeVar("Asked")
Given = TypeVar("Given")


class Tick(Generic[Asked, Given]):
    """Hands all that is asked for at one tick to one function, and everybody the own part of what it gives.

    It remembers nothing: what is asked for at the next tick is asked anew.
    """

    def __init__(self, answer: Callable[[Sequence[Asked]], Awaitable[Sequence[Given]]]) -> None:
        self._answer = answer
        self._gathered: list[tuple[Asked, asyncio.Future[Given]]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, asked: Asked) -> Given:
        """Return what the function gives for this."""
        loop = asyncio.get_running_loop()
        if not self._gathered:
            loop.call_soon(self._start, context=before_deadline())
        future: asyncio.Future[Given] = loop.create_future()
        self._gathered.append((asked, future))
        return await future

    def _start(self) -> None:
        gathered, self._gathered = self._gathered, []
        task = asyncio.ensure_future(self._give(gathered))
        self._tasks.add(task)  # a reference, or it may be collected on its way
        task.add_done_callback(self._tasks.discard)

    async def _give(self, gathered: Sequence[tuple[Asked, asyncio.Future[Given]]]) -> None:
        """Answer everybody who still waits: one who was cancelled takes nobody along."""
        try:
            with deadline(SECONDS_MAX):  # not what the first one has left: others wait for it too
                given = await self._answer([asked for asked, _ in gathered])
        except BaseException as problem:
            for _, future in gathered:
                if not future.done():
                    future.set_exception(problem) if isinstance(problem, Exception) else future.cancel()
            if not isinstance(problem, Exception):
                raise
        else:
            for (_, future), value in zip(gathered, given, strict=True):
                if not future.done():
                    future.set_result(value)
