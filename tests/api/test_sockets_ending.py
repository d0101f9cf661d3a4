"""How sockets end: with their credential, with their client, and what goes on then."""

import asyncio
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from crm.callers import SYSTEM
from crm.values import Role
from services import api_keys, customers
from tests.api.http_answers import CREATED, create
from tests.api.listening import POINTS, STORES, Listening, refusal, until

# ---------------------------------------------------------------- a credential that ends


async def test_a_socket_ends_with_its_token(live: Listening) -> None:
    ann = await create(live.served)
    async with live.socket(live.served.token(ann)) as socket:
        await socket.subscribe("1", POINTS)
        await socket.next()
        await live.served.app.state.streams.sweep()
        assert live.streams == 1

        live.served.clock.advance(days=31)
        await live.served.app.state.streams.sweep()

        assert await socket.closed() == (4403, "Forbidden")
    await until(lambda: live.streams == 0 and live.watching() == 0)


async def test_a_revoked_keys_socket_ends_and_runs_nothing_more(live: Listening) -> None:
    made = await api_keys.create(live.served.shop.call(SYSTEM), Role.STAFF)
    async with live.socket(made.key) as socket:
        await socket.answers()
        assert await api_keys.revoke(live.served.shop.call(SYSTEM), made.id)
        live.served.clock.advance(seconds=5)

        await socket.subscribe("1", CREATED)

        assert await socket.closed() == (4403, "Forbidden")
    assert (await live.served.everything())["customers"] == 0


async def test_a_database_that_is_away_throws_nobody_out(live: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise AutoReconnect("no primary")

    async with live.staffed() as socket:
        with monkeypatch.context() as patched:
            patched.setattr("api.authentication.known", away)
            live.served.clock.advance(seconds=6)
            await live.served.app.state.streams.sweep()
            await socket.subscribe("1", STORES)
            assert await refusal(socket, "1") == "INTERNAL"
        await socket.answers()


async def test_a_customer_has_so_many_sockets_and_another_has_as_many(
    live: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.streams.CUSTOMER_STREAMS_MAX", 2)
    ann, ben = await create(live.served), await create(live.served, email="ben@example.com")
    async with live.socket(live.served.token(ann)), live.socket(live.served.token(ann)):
        async with live.raw() as third:
            await third.send(type="connection_init", payload={"authorization": f"Bearer {live.served.token(ann)}"})
            assert await third.closed() == (1013, "Too many streams are open for this caller.")
        async with live.socket(live.served.token(ben)) as socket:
            await socket.answers()
    await until(lambda: live.streams == 0)
    async with live.socket(live.served.token(ann)) as socket:
        await socket.answers()


# ---------------------------------------------------------------- how it ends


async def test_a_client_that_breaks_off_frees_everything(live: Listening) -> None:
    ann = await create(live.served)
    async with live.socket(live.served.token(ann)) as socket:
        for number in range(5):
            await socket.subscribe(str(number), POINTS)
            await socket.next()
        assert live.watching() == 5
        socket.connection.transport.abort()
        await until(lambda: live.watching() == 0 and live.streams == 0)


async def test_a_mutation_goes_on_where_its_client_breaks_off(live: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on, create_customer = asyncio.Event(), asyncio.Event(), customers.create_customer

    async def slow(*arguments: Any) -> Any:
        begun.set()
        await go_on.wait()
        return await create_customer(*arguments)

    monkeypatch.setattr(customers, "create_customer", slow)
    async with live.staffed() as socket:
        await socket.subscribe("1", CREATED)
        await asyncio.wait_for(begun.wait(), 10)
        socket.connection.transport.abort()
    go_on.set()
    await until(lambda: live.streams == 0)
    assert (await live.served.everything())["customers"] == 1
