"""What is asked for at about the same time, answered together."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Generic, TypeVar

from store.deadlines import before_deadline, deadline

SECONDS_MAX = 10.0
"""As long may an answer take."""

WAIT_SECONDS = 0.01
"""As long does a question wait for the one before it; then it goes out all the same."""

ASKED_MAX = 64
"""As many are answered together."""

Asked = TypeVar("Asked")
Given = TypeVar("Given")


class Tick(Generic[Asked, Given]):
    """Hands all that is asked for at one tick to one function, and everybody the own part of what it gives.

    While an answer is under way, what is asked gathers: the busier, the more go together. Nothing is remembered: an
    answer is to a question that went out after whoever gets it had asked. What the function gives for somebody may be
    an exception, which is raised there.

    Args:
        wait: seconds that a question waits for the one before it.
    """

    def __init__(
        self, answer: Callable[[Sequence[Asked]], Awaitable[Sequence[Given | Exception]]], wait: float = WAIT_SECONDS
    ) -> None:
        self._answer = answer
        self._wait = wait
        self._gathered: list[tuple[Asked, asyncio.Future[Given]]] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self._next: asyncio.Handle | None = None
        """Will start the next answer, in the context of who asked for it first."""
        self._context: Context | None = None

    async def ask(self, asked: Asked) -> Given:
        """Return what the function gives for this."""
        future: asyncio.Future[Given] = asyncio.get_running_loop().create_future()
        self._gathered.append((asked, future))
        if self._next is None:
            self._context = before_deadline()
            self._plan()
        return await future

    def _plan(self) -> None:
        """Start an answer at the next tick, or when the one under way is over or has taken too long."""
        loop = asyncio.get_running_loop()
        if self._under_way:
            self._next = loop.call_later(self._wait, self._start, context=self._context)
        else:
            self._next = loop.call_soon(self._start, context=self._context)

    def _start(self) -> None:
        together, self._gathered = self._gathered[:ASKED_MAX], self._gathered[ASKED_MAX:]
        task = asyncio.ensure_future(self._give(together))
        self._under_way.add(task)
        task.add_done_callback(self._over)
        self._next = None
        if self._gathered:
            self._plan()

    def _over(self, task: "asyncio.Task[None]") -> None:
        self._under_way.discard(task)
        if self._next and not self._under_way:
            self._next.cancel()
            self._plan()

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
                    future.set_exception(value) if isinstance(value, Exception) else future.set_result(value)
