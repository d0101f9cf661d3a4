"""Rebuilds the statistics over all purchases: streams them, counts in a process of its own, publishes a generation.

The counting loads numpy and scipy and needs some hundred megabytes; the process ends with it, and gives both back.
"""

import asyncio
import multiprocessing
from collections.abc import Awaitable, Callable, Collection, Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta

import structlog

from crm.taste.counters import counted
from crm.taste.statistics import Baskets, Columns, Statistics, latest, statistics
from services.context import Call
from services.offer_subjects import about_of, shares_of
from store import purchases, shop
from store import statistics as stored
from store.statistics import Pointer

About = Mapping[str, Collection[str]]
Count = Callable[[Baskets, datetime, Mapping[str, str], About], Awaitable[Statistics]]
AGE_MAX = timedelta(hours=24)
AGE_MIN = timedelta(hours=1)
NEW_SHARE = 0.05
"""A rebuild is due once a day where anything was sold, or after an hour when that many more purchases are there."""

REBUILD_SPAN = timedelta(minutes=30)
"""How long a rebuild that died keeps others from beginning one."""

GENERATION = "gen"
log = structlog.get_logger()


async def in_own_process(baskets: Baskets, until: datetime, catalogue: Mapping[str, str], offers: About) -> Statistics:
    """Count in a process that ends with it."""
    loop, context = asyncio.get_running_loop(), multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
        return await loop.run_in_executor(pool, statistics, baskets, until, catalogue, offers)


async def here(baskets: Baskets, until: datetime, catalogue: Mapping[str, str], offers: About) -> Statistics:
    """Count in a thread of this process: for one that ends soon or has numpy anyhow."""
    return await asyncio.to_thread(statistics, baskets, until, catalogue, offers)


async def rebuild_when_due(call: Call) -> int:
    """Rebuild where enough was sold since the last time, and return 1 if so: a job of the worker."""
    pointer = await stored.current(call.database)
    if pointer is not None and call.now - pointer.built_at < AGE_MIN:
        return 0
    if not _is_due(call, pointer, await stored.purchase_count(call.database)):
        return 0
    return int(await rebuild(call, count=in_own_process))


def _is_due(call: Call, pointer: Pointer | None, purchases_now: int) -> bool:
    if pointer is None:
        return purchases_now > 0
    more = purchases_now - pointer.purchases
    return more >= max(1, NEW_SHARE * pointer.purchases) or (more > 0 and call.now - pointer.built_at >= AGE_MAX)


async def rebuild(call: Call, *, count: Count = here) -> bool:
    """Rebuild the statistics now; False where another process is at it."""
    if not await stored.claim_rebuild(call.database, now=call.now, span=REBUILD_SPAN):
        return False
    try:
        columns = await _columns(call)
        baskets = columns.done()
        until = min(latest(baskets) or call.now, call.now)
        catalogue = await shop.categories(call.database)
        about = {offer.id: about_of(offer) for offer in (await call.shop.known.offers()).by_id.values()}
        found = await count(baskets, until, catalogue, about)
        shares = {id_: shares_of(things, catalogue) for id_, things in about.items()}
        await stored.publish(
            call.database, call.new_id(GENERATION), found, shares, purchases=len(baskets.at), built_at=call.now
        )
        call.shop.known.statistics.forget()
        log.info("statistics rebuilt", purchases=len(baskets.at), products=len(found.products))
    finally:
        await stored.end_rebuild(call.database)
    return True


async def _columns(call: Call) -> Columns:
    columns = Columns()
    async for purchase in purchases.things_sold(call.database):
        if purchase["occurredAt"] > call.now:
            continue
        columns.add(
            counted(purchase["lines"]),
            purchase["occurredAt"],
            owner=purchase["owner"],
            known=purchase["customerId"] is not None,
            store_code=purchase["storeCode"],
            channel=purchase["channel"],
        )
    return columns
