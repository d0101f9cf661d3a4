"""Look-ups shared between requests never cross their callers' rights."""

import asyncio
from typing import Any

from crm.callers import Caller
from resolvers.context import Context
from tests.support import STAFF, World, customer_caller

ME = "query($id: ID!, $other: ID!) { me { id email } mine: node(id: $id) { id } others: node(id: $other) { id } }"


async def at_once(world: World, *asked: tuple[Caller, str, dict[str, Any]]) -> list[Any]:
    """Answer requests of several callers that come at the same tick."""
    answers = await asyncio.gather(
        *(world.engine.run(Context(world.call(caller)), query, variables, None) for caller, query, variables in asked)
    )
    return [answer.body["data"] for answer in answers]


async def test_two_customers_at_one_tick_share_the_question_and_see_each_only_what_is_theirs(world: World) -> None:
    ann = await world.customer(email="ann@example.com")
    bob = await world.customer(email="bob@example.com")
    world.commands.names.clear()

    of_ann, of_bob, of_staff = await at_once(
        world,
        (customer_caller(ann), ME, {"id": ann, "other": bob}),
        (customer_caller(bob), ME, {"id": bob, "other": ann}),
        (STAFF, "query($id: ID!) { node(id: $id) { id } }", {"id": ann}),
    )

    assert of_ann == {"me": {"id": ann, "email": "ann@example.com"}, "mine": {"id": ann}, "others": None}
    assert of_bob == {"me": {"id": bob, "email": "bob@example.com"}, "mine": {"id": bob}, "others": None}
    assert of_staff == {"node": {"id": ann}}
    assert world.commands.names == ["find customers"]


async def test_accounts_that_are_asked_for_together_stay_their_owners(world: World) -> None:
    ann = await world.customer(email="ann@example.com")
    bob = await world.customer(email="bob@example.com")
    await world.sell(customer={"id": ann})
    account = (await world.data("query($id: ID!) { customer(by: {id: $id}) { loyalty { id } } }", {"id": ann}))[
        "customer"
    ]["loyalty"]["id"]
    query = "query($id: ID!) { me { loyalty { balance { available } } } node(id: $id) { id } }"

    of_ann, of_bob = await at_once(
        world, (customer_caller(ann), query, {"id": account}), (customer_caller(bob), query, {"id": account})
    )

    assert of_ann == {"me": {"loyalty": {"balance": {"available": 10}}}, "node": {"id": account}}
    assert of_bob == {"me": {"loyalty": {"balance": {"available": 0}}}, "node": None}


async def test_what_was_asked_ahead_for_nobody_is_shown_to_nobody(world: World) -> None:
    ann = await world.customer()
    await world.sell(customer={"id": ann})
    stranger = customer_caller("cus_00000000000000000000000000")

    found = await world.data("{ me { loyalty { balance { available } } purchases { nodes { id } } } }", caller=stranger)

    assert found == {"me": None}
