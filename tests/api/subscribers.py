"""Whoever follows points, without a transport: begins, and takes what comes."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from api.engine import Answer
from api.subscribing import subscribe
from crm.callers import Caller
from resolvers.context import Context
from tests.support import World, customer_caller

AVAILABLE = "subscription { loyaltyUpdated { balance { available } } }"


async def begin(world: World, caller: Caller, query: str = AVAILABLE, variables: Any = None) -> Any:
    return await subscribe(world.engine, lambda: Context(world.call(caller)), query, variables, None)


@asynccontextmanager
async def following(world: World, customer: str, query: str = AVAILABLE) -> AsyncIterator[AsyncGenerator[Answer, None]]:
    events = await begin(world, customer_caller(customer), query)
    try:
        yield events
    finally:
        await events.aclose()


async def next_body(events: AsyncGenerator[Answer, None]) -> Any:
    async with asyncio.timeout(10):
        return (await anext(events)).body


async def points(events: AsyncGenerator[Answer, None]) -> int:
    body = await next_body(events)
    assert "errors" not in body, body
    return int(body["data"]["loyaltyUpdated"]["balance"]["available"])


async def nothing_comes(events: AsyncGenerator[Answer, None]) -> None:
    """Assert that no event is there; what was sent before is already through, because another watcher has it."""
    coming = asyncio.ensure_future(anext(events))
    done, _ = await asyncio.wait({coming}, timeout=0.05)
    coming.cancel()
    await asyncio.gather(coming, return_exceptions=True)
    assert not done
