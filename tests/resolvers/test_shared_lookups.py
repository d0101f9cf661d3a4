"""What requests read together never crosses their callers' rights."""

import asyncio
from typing import Any

from api.engine import Executor
from crm.callers import Caller
from resolvers.context import Context
from tests.services.offer_helpers import offer_id
from tests.support import STAFF, World, customer_caller, whole

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


PAGE = """query($other: ID!) {
  me { id loyalty { balance { available } transactions { nodes { points } } }
       purchases { nodes { id externalId { value } lines { title } } } }
  node(id: $other) { id }
  offers { nodes { title } } }"""


async def test_account_pages_of_several_people_are_one_command_and_each_has_its_own(
    world: World, executor: Executor
) -> None:
    people = [await world.customer(email=f"c{number}@example.com") for number in range(4)]
    bought = {}
    for number, person in enumerate(people):
        sold = await world.sell(**whole(10 * (number + 1)), id=f"sale-{number}", customer={"id": person})
        bought[person] = sold["purchase"]["id"]
    await offer_id(world, title="For everybody")
    world.commands.names.clear()

    pages = await at_once(
        world,
        *(
            (customer_caller(person), PAGE, {"other": bought[people[number - 1]]})
            for number, person in enumerate(people)
        ),
    )

    for number, (person, page) in enumerate(zip(people, pages, strict=True)):
        points = 10 * (number + 1)
        assert page["node"] is None
        assert page["offers"] == {"nodes": [{"title": "For everybody"}]}
        assert page["me"]["id"] == person
        assert page["me"]["loyalty"]["balance"] == {"available": points}
        assert [entry["points"] for entry in page["me"]["loyalty"]["transactions"]["nodes"]] == [points]
        assert [one["id"] for one in page["me"]["purchases"]["nodes"]] == [bought[person]]
    commands = [name for name in world.commands.names if name != "find keys"]  # whose purchase an id names
    assert len(commands) <= {"compiled": 1, "graphql-core": 3}[executor], commands


async def test_what_was_asked_ahead_for_nobody_is_shown_to_nobody(world: World) -> None:
    ann = await world.customer()
    await world.sell(customer={"id": ann})
    stranger = customer_caller("cus_00000000000000000000000000")

    found = await world.data("{ me { loyalty { balance { available } } purchases { nodes { id } } } }", caller=stranger)

    assert found == {"me": None}
