"""loyaltyUpdated: the phone shows the points when the till has recorded the sale, whoever watches, whatever breaks."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pymongo.errors import AutoReconnect, OperationFailure

from api.engine import Answer
from api.subscribing import subscribe
from crm.callers import Caller
from crm.ids import account_of
from crm.values import Role
from resolvers.context import Context
from services import following as following_module
from services import live as live_module
from store import changes, ledger
from tests.api.http_answers import create
from tests.api.listening import POINTS, Listening, soon, until
from tests.services.loyalty_helpers import adjust, held, rich
from tests.services.program_helpers import save, settle
from tests.support import ADMIN, POS, STAFF, STOREFRONT, World, customer_caller, sale, whole
from tests.support import RECORD as RECORD_SALE

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


# ---------------------------------------------------------------- what is told


async def test_the_present_state_comes_at_once_and_each_sale_after_it(world: World) -> None:
    ann = await world.customer()
    async with following(world, ann) as events:
        assert await points(events) == 0
        await world.sell(customer={"id": ann}, **whole(30))
        assert await points(events) == 30
        await world.sell(customer={"id": ann}, id="s-2", **whole(12))
        assert await points(events) == 42


async def test_a_hold_an_adjustment_and_the_end_of_a_hold_are_told(world: World) -> None:
    ann = await rich(world, 100)
    query = "subscription { loyaltyUpdated { balance { available held } holds { points } } }"
    async with following(world, ann, query) as events:
        assert (await next_body(events))["data"]["loyaltyUpdated"]["balance"] == {"available": 100, "held": 0}
        await held(world, ann, 40)
        assert (await next_body(events))["data"]["loyaltyUpdated"] == {
            "balance": {"available": 60, "held": 40},
            "holds": [{"points": 40}],
        }
        await adjust(world, ann, -10)
        assert (await next_body(events))["data"]["loyaltyUpdated"]["balance"] == {"available": 50, "held": 40}


async def test_what_a_refused_mutation_left_alone_is_not_told(world: World) -> None:
    ann, ben = await rich(world, 10), await world.customer(email="ben@example.com")
    async with following(world, ann) as events, following(world, ben) as others:
        assert (await points(events), await points(others)) == (10, 0)
        refused = await adjust(world, ann, -1000)
        assert refused["userErrors"]
        await adjust(world, ben, 5)  # comes after it through the same stream
        assert await points(others) == 5
        await nothing_comes(events)


async def test_what_happens_by_time_alone_is_told_when_the_worker_has_written_it(world: World) -> None:
    await save(world, expiry={"kind": "ROLLING", "months": 1}, pending={"kind": "DAYS", "days": 10})
    ann = await world.customer()
    query = (
        "subscription { loyaltyUpdated { balance { available pending } transactions(first: 1) { nodes { type } } } }"
    )

    async def told(events: AsyncGenerator[Answer, None]) -> tuple[int, int]:
        balance = (await next_body(events))["data"]["loyaltyUpdated"]["balance"]
        return balance["available"], balance["pending"]

    async with following(world, ann, query) as events:
        assert await told(events) == (0, 0)
        await world.sell(customer={"id": ann}, occurredAt=world.clock().isoformat(), **whole(50))
        assert await told(events) == (0, 50)
        world.clock.advance(days=11)
        assert await settle(world) == 1
        assert await told(events) == (50, 0)
        world.clock.advance(days=60)
        assert await settle(world) == 1
        assert await told(events) == (0, 0)


async def test_a_burst_comes_as_its_last_state_to_whoever_is_slow(world: World) -> None:
    ann, ben = await world.customer(), await world.customer(email="ben@example.com")
    async with following(world, ann) as slow, following(world, ben) as other:
        assert (await points(slow), await points(other)) == (0, 0)
        for number in range(10):
            await adjust(world, ann, 1, key=f"k-{number}")
        await adjust(world, ben, 1)
        assert await points(other) == 1  # all that is about Ann is through
        assert await points(slow) == 10
        await nothing_comes(slow)


# ---------------------------------------------------------------- who is told


async def test_nobody_is_told_of_another_customer(world: World) -> None:
    ann, ben = await world.customer(), await world.customer(email="ben@example.com")
    async with following(world, ann) as anns, following(world, ben) as bens:
        assert (await points(anns), await points(bens)) == (0, 0)
        await adjust(world, ann, 7)
        assert await points(anns) == 7
        await nothing_comes(bens)


@pytest.mark.parametrize("caller", [STOREFRONT, POS, STAFF, ADMIN])
async def test_whoever_is_no_customer_is_refused_before_anything_is_asked(world: World, caller: Caller) -> None:
    refused = await begin(world, caller)

    assert isinstance(refused, Answer)
    assert refused.body["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert world.commands.names == []
    assert world.shop.live.watching == 0


async def test_a_person_the_shop_does_not_know_is_told_so(world: World) -> None:
    stranger = Caller(role=Role.CUSTOMER, principal="jwt:x", name="customer", identity=("jwt", "x"))
    gone = customer_caller("cus_01J00000000000000000000000")
    for caller in (stranger, gone):
        events = await begin(world, caller)
        (error,) = (await next_body(events))["errors"]
        assert error["extensions"]["code"] == "NOT_FOUND"
        with pytest.raises(StopAsyncIteration):
            await anext(events)
    assert world.shop.live.watching == 0


async def test_a_subscription_is_admitted_like_any_operation(world: World) -> None:
    ann = customer_caller(await world.customer())
    for query, code in [
        ("subscription { loyaltyUpdated { nothing } }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { a: loyaltyUpdated { id } b: loyaltyUpdated { id } }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { loyaltyUpdated { id } __typename }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription($a: Int!) { loyaltyUpdated { transactions(first: $a) { totalCount } } }", None),
        ('subscription { loyaltyUpdated @idempotent(key: "k") { id } }', "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { loyaltyUpdated @skip(if: true) { id } }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription($s: Boolean!) { loyaltyUpdated @skip(if: $s) { id } }", "GRAPHQL_VALIDATION_FAILED"),
    ]:
        refused = await begin(world, ann, query, {"s": True})
        assert isinstance(refused, Answer), query
        assert refused.body["errors"][0]["extensions"]["code"] == (code or "GRAPHQL_VALIDATION_FAILED"), query
        assert "data" not in refused.body
    assert world.shop.live.watching == 0


async def test_over_plain_http_a_subscription_is_not_acceptable_and_says_what_is(live: Listening) -> None:
    ann = live.served.token(await create(live.served))
    for accept in ("application/json", "application/graphql-response+json", "*/*"):
        async with live.events(ann, accept=accept) as events:
            body = await events.response.aread()
        assert events.response.status_code == 406
        assert b"text/event-stream" in body
        assert b'"NOT_ACCEPTABLE"' in body
    assert live.watching() == 0


# ---------------------------------------------------------------- one stream, whatever breaks


async def test_a_hundred_watchers_are_one_stream_and_a_sale_is_one_read(world: World) -> None:
    people = [await world.customer(email=f"c{number}@example.com") for number in range(10)]
    subscriptions = [await begin(world, customer_caller(people[number % 10])) for number in range(100)]
    assert await asyncio.gather(*map(points, subscriptions)) == [0] * 100
    opened = [
        command for name, command in world.commands.sent if name == "aggregate" and "$changeStream" in str(command)
    ]
    assert len(opened) == 1

    world.commands.names.clear()
    await adjust(world, people[3], 5)
    told = await asyncio.gather(*(points(subscriptions[number]) for number in range(3, 100, 10)))

    assert told == [5] * 10
    # The one other read of an account is the adjustment's own answer.
    assert world.commands.names.count("find loyalty_accounts") == 2
    for one in subscriptions:
        await one.aclose()
    assert world.shop.live.watching == 0


async def test_the_stream_is_closed_when_the_last_one_leaves_and_opened_for_the_next(world: World) -> None:
    ann = await world.customer()
    for _ in range(2):
        async with following(world, ann) as events:
            await points(events)
        task = world.shop.live._task
        assert task is not None
        await asyncio.wait_for(task, 5)
    async with following(world, ann) as events:
        assert await points(events) == 0
        await adjust(world, ann, 3)
        assert await points(events) == 3


async def test_a_stream_that_broke_goes_on_where_it_was_and_misses_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following_module, "FIRST_PAUSE", 0.001)
    ann, ben = await world.customer(), await world.customer(email="ben@example.com")
    positions: list[Any] = []
    watch = world.database.watch

    @asynccontextmanager
    async def breaking(collection: str, pipeline: Any, position: Any, *, wait_milliseconds: int) -> AsyncIterator[Any]:
        positions.append(dict(position))
        async with watch(collection, pipeline, position, wait_milliseconds=20) as stream:
            if len(positions) == 2:  # while it was away a sale was recorded
                await adjust(world, ann, 4, key="meanwhile")
                raise AutoReconnect("gone again")
            if len(positions) == 1:
                yield _Broken(stream)
            else:
                yield stream

    monkeypatch.setattr(world.database, "watch", breaking)
    async with following(world, ann) as anns, following(world, ben) as bens:
        assert (await points(anns), await points(bens)) == (0, 0)
        assert await points(anns) == 4
        assert [list(position) for position in positions] == [
            ["start_at_operation_time"],
            ["resume_after"],
            ["resume_after"],
        ]
        await nothing_comes(bens)


class _Broken:
    """A stream that breaks once it has a token."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._looks = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def try_next(self) -> Any:
        self._looks += 1
        if self._looks > 3:
            raise AutoReconnect("the primary is gone")
        return await self._stream.try_next()


async def test_after_a_gap_in_the_oplog_everybody_is_told_once_anew(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following_module, "FIRST_PAUSE", 0.001)
    ann, ben = await world.customer(), await world.customer(email="ben@example.com")
    watch, opened = world.database.watch, 0

    @asynccontextmanager
    async def lost(collection: str, pipeline: Any, position: Any, *, wait_milliseconds: int) -> AsyncIterator[Any]:
        nonlocal opened
        opened += 1
        if opened == 2:
            await world.database["loyalty_accounts"].update_one({"_id": account_of(ann)}, {"$inc": {"available": 0}})
            raise OperationFailure("Resume of change stream was not possible", 286)
        async with watch(collection, pipeline, position, wait_milliseconds=20) as stream:
            yield _Broken(stream) if opened == 1 else stream

    monkeypatch.setattr(world.database, "watch", lost)
    async with following(world, ann) as anns, following(world, ben) as bens:
        assert (await points(anns), await points(bens)) == (0, 0)
        assert (await points(anns), await points(bens)) == (0, 0)
        await adjust(world, ben, 2)
        assert await points(bens) == 2
        await nothing_comes(anns)


async def test_a_read_that_fails_is_tried_again_and_nobody_is_forgotten(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_module, "FIRST_PAUSE", 0.001)
    ann = await world.customer()
    by_ids, failed = ledger.by_ids, 0

    async def failing(*arguments: Any) -> Any:
        nonlocal failed
        failed += 1
        if failed < 3:
            raise AutoReconnect("no primary")
        return await by_ids(*arguments)

    monkeypatch.setattr(ledger, "by_ids", failing)
    async with following(world, ann) as events:
        assert await points(events) == 0
    assert failed == 3


async def test_a_dropped_collection_is_a_gap_like_any_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "ACCOUNTS", "other_accounts")
    stream = changes.of_accounts(world.database)
    assert await stream.settle()
    assert not await stream.settle()
    await world.database["other_accounts"].insert_one({"_id": 1})
    await world.database["other_accounts"].drop()
    assert [change["documentKey"]["_id"] async for change in stream.told(lambda: True) if change] == [1]
    assert await stream.settle(), "it begins anew"


async def test_a_fault_in_an_event_is_masked_and_the_stream_goes_on(world: World) -> None:
    ann = await world.customer()

    async def store(earned: Any) -> None:
        await world.database["loyalty_accounts"].update_one(
            {"_id": account_of(ann)}, {"$set": {"lifetimeEarned": earned}}, bypass_document_validation=True
        )

    async with following(world, ann, POINTS) as events:
        assert await points(events) == 0
        await store("hunter2")
        body = await next_body(events)
        assert "hunter2" not in str(body)
        assert body["errors"][0]["extensions"]["code"] == "INTERNAL"
        await store(5)
        assert await points(events) == 0


async def test_a_fault_of_the_source_is_masked_and_ends_the_stream(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("password=hunter2")

    ann = await world.customer()
    monkeypatch.setattr(live_module.Live, "account", broken)
    async with following(world, ann) as events:
        body = await next_body(events)
        assert "hunter2" not in str(body)
        assert body["errors"][0]["extensions"]["code"] == "INTERNAL"
        with pytest.raises(StopAsyncIteration):
            await anext(events)


# ---------------------------------------------------------------- over both transports


async def test_a_tills_sale_reaches_the_phone_over_socket_and_event_stream(live: Listening) -> None:
    ann = await create(live.served)
    token = live.served.token(ann)
    async with live.socket(token) as socket, live.events(token) as events:
        await socket.subscribe("1", POINTS)
        none = {"data": {"loyaltyUpdated": {"balance": {"available": 0, "lifetimeEarned": 0}}}}
        assert await socket.next() == {"id": "1", "type": "next", "payload": none}
        assert await events.next() == ("next", none)

        sold = await live.served.post(RECORD_SALE, {"input": sale(customer={"id": ann}, **whole(25))}, role=Role.POS)

        assert sold.json()["data"]["recordPurchase"]["userErrors"] == []
        some = {"data": {"loyaltyUpdated": {"balance": {"available": 25, "lifetimeEarned": 25}}}}
        assert await socket.next() == {"id": "1", "type": "next", "payload": some}
        assert await events.next() == ("next", some)
    await until(lambda: live.watching() == 0 and live.streams == 0)


async def test_a_person_the_shop_comes_to_know_subscribes_on_the_same_socket(live: Listening) -> None:
    """The caller is looked up for every operation, not for the socket."""
    ann = live.served.token("cus_01J00000000000000000000000")
    async with live.socket(ann) as socket:
        await socket.subscribe("1", POINTS)
        message = await socket.next()
        assert (message["type"], message["payload"]["errors"][0]["extensions"]["code"]) == ("next", "NOT_FOUND")
        assert await socket.next() == {"id": "1", "type": "complete"}
        await socket.answers()
    assert await soon(lambda: _true(live.watching() == 0))


async def _true(value: bool) -> bool:
    return value
