"""loyaltyUpdated: the phone shows the points when the till has recorded the sale, whoever watches, whatever breaks."""

from collections.abc import AsyncGenerator

import pytest

from api.engine import Answer
from crm.callers import Caller
from crm.values import Role
from tests.api.http_answers import create
from tests.api.listening import POINTS, Listening, soon, until
from tests.api.subscribers import begin, following, next_body, nothing_comes, points
from tests.services.loyalty_helpers import adjust, held, rich
from tests.services.program_helpers import save, settle
from tests.support import ADMIN, POS, STAFF, STOREFRONT, World, customer_caller, sale, whole
from tests.support import RECORD as RECORD_SALE

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
