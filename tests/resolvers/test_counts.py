"""How many database commands documented queries cost: never one a parent, totalCount only where it is asked for."""

from typing import Any

import pytest

from api.engine import Executor
from crm.values import Channel
from tests.support import World, customer_caller, whole

ACCOUNT_PAGE = """{ me {
  id version firstName lastName email phone cardNumber birthDate locale lifecycleStage tags attributes
  externalIds { source value } consents { purpose state } personalization { active missing }
  metrics { purchaseCount totalSpent { amount } averageOrderValue { amount } lastPurchaseAt }
  loyalty {
    id balance { available pending held debt lifetimeEarned nextExpiry { points at } }
    tier { tier { name benefits } since until qualifyingPoints next { name } pointsToNext }
    lots { id remaining expiresAt source { nodeId } }
    transactions(first: 5) { nodes { id type points balanceAfter } } }
  purchases(first: 10) { nodes { id status occurredAt total { amount } store { name }
    lines { lineNumber title product { id imageUrl } }
    returns { id total { amount } lines { lineNumber } } } }
  feedback { nodes { id kind reply { message } } } } }"""
COMMANDS = {"compiled": 2, "graphql-core": 4}
"""What the account page takes at most: plans ask ahead for what hangs on the customer's id."""
DESK = """{ customers(first: 50, sort: LAST_PURCHASE_AT_DESC) { nodes {
  id lifecycleStage loyalty { balance { available } tier { tier { name } pointsToNext } }
  purchases(first: 1) { nodes { id total { amount } lines { title } } } } } }"""


async def test_a_desks_list_of_fifty_takes_two_commands(world: World) -> None:
    ids = [await world.customer(email=f"c{number}@example.com") for number in range(50)]
    for number, id_ in enumerate(ids):
        await world.sell(**whole(number + 1), id=f"s-{number}", customer={"id": id_})
    world.commands.names.clear()

    found = await world.data(DESK)

    assert len(found["customers"]["nodes"]) == 50
    assert {node["loyalty"]["balance"]["available"] for node in found["customers"]["nodes"]} == set(range(1, 51))
    assert all(len(node["purchases"]["nodes"]) == 1 for node in found["customers"]["nodes"])
    assert world.commands.names == ["find customers", "aggregate loyalty_accounts"]


async def test_a_hundred_lists_in_one_answer_are_one_command(world: World) -> None:
    for number in range(100):
        await world.customer(email=f"c{number}@example.com")
    await world.sell()
    world.commands.names.clear()

    await world.data("{ customers(first: 100) { nodes { purchases(first: 1) { nodes { id } } } } }")

    assert len(world.commands.names) == 2, world.commands.names


@pytest.mark.parametrize("purchases", [1, 60])
async def test_the_account_page_takes_two_commands_however_many_purchases(
    world: World, executor: Executor, purchases: int
) -> None:
    ann = await world.customer(firstName="Ann")
    await world.data("""mutation { saveStore(input: {code: "vienna-1", name: "Vienna"}) { userErrors { code } } }""")
    for number in range(purchases):
        sold = await world.sell(
            **whole(number + 10), id=f"s-{number}", customer={"id": ann}, storeCode="vienna-1", channel=Channel.POS
        )
    await world.give_back(sold["purchase"]["id"], {1: "0.5"})
    await world.data(
        """mutation($by: CustomerKey) { submitFeedback(input: {kind: IDEA, channel: WEB, customer: $by}) {
        userErrors { code } } }""",
        {"by": {"id": ann}},
    )
    world.commands.names.clear()

    me = (await world.data(ACCOUNT_PAGE, caller=customer_caller(ann)))["me"]

    assert me["metrics"]["purchaseCount"] == purchases
    assert len(me["purchases"]["nodes"]) == min(purchases, 10)
    assert me["purchases"]["nodes"][0]["store"] == {"name": "Vienna"}
    assert all(line["product"] for purchase in me["purchases"]["nodes"] for line in purchase["lines"])
    assert len(me["feedback"]["nodes"]) == 1
    assert len(me["loyalty"]["lots"]) == purchases
    assert len(me["loyalty"]["transactions"]["nodes"]) == min(purchases + 1, 5)
    assert len(world.commands.names) <= COMMANDS[executor], world.commands.names


async def test_the_total_is_counted_only_where_it_is_asked_for(world: World) -> None:
    for number in range(3):
        await world.customer(email=f"c{number}@example.com")
    world.commands.names.clear()

    await world.data("{ customers(first: 1) { nodes { id } pageInfo { hasNextPage } } }")
    assert world.commands.names == ["find customers"]
    world.commands.names.clear()

    counted = await world.data("{ customers(first: 1) { totalCount nodes { id } } }")
    assert counted["customers"]["totalCount"] == 3
    assert sorted(world.commands.names) == ["aggregate customers", "find customers"]


async def test_the_totals_of_many_lists_are_one_command(world: World) -> None:
    ids = [await world.customer(email=f"c{number}@example.com") for number in range(5)]
    for number in range(4):
        await world.sell(id=f"s-{number}", customer={"id": ids[0]})
    await world.sell(id="s-9", customer={"id": ids[1]})
    world.commands.names.clear()

    found = await world.data(
        "{ customers { nodes { id purchases(first: 0) { totalCount } feedback(first: 0) { totalCount } } } }"
    )

    counts = {node["id"]: node["purchases"]["totalCount"] for node in found["customers"]["nodes"]}
    assert [counts[id_] for id_ in ids] == [4, 1, 0, 0, 0]
    assert {node["feedback"]["totalCount"] for node in found["customers"]["nodes"]} == {0}
    assert len(world.commands.names) == 3, world.commands.names


async def test_a_total_counts_the_whole_filtered_list_wherever_the_page_is(world: World) -> None:
    for number in range(6):
        await world.customer(email=f"c{number}@example.com", tags=["even"] if number % 2 == 0 else [])
    query = """query($after: String) { customers(first: 2, after: $after, filter: {tags: ["even"]}) {
      totalCount pageInfo { endCursor } nodes { id } } }"""

    first: dict[str, Any] = (await world.data(query))["customers"]
    second = (await world.data(query, {"after": first["pageInfo"]["endCursor"]}))["customers"]

    assert (first["totalCount"], len(first["nodes"])) == (3, 2)
    assert (second["totalCount"], len(second["nodes"])) == (3, 1)


async def test_nodes_of_one_type_are_one_command(world: World) -> None:
    ids = [await world.customer(email=f"c{number}@example.com") for number in range(10)]
    world.commands.names.clear()

    found = await world.data("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": [*ids, ids[0], "x"]})

    assert [node and node["id"] for node in found["nodes"]] == [*ids, ids[0], None]
    assert world.commands.names == ["find customers"]


async def test_the_account_page_long_after_the_last_sale_counts_anew_and_takes_two_more(
    world: World, executor: Executor
) -> None:
    ann = await world.customer()
    await world.sell(customer={"id": ann}, storeCode="vienna-1", channel="POS")
    world.clock.advance(days=800)  # the points are over, the sale has left the tier's window, and nobody posted it
    await world.shop.known.programs()
    world.commands.names.clear()

    me = (await world.data(ACCOUNT_PAGE, caller=customer_caller(ann)))["me"]

    assert me["loyalty"]["balance"]["available"] == 0
    assert me["loyalty"]["tier"]["qualifyingPoints"] == 0
    assert me["loyalty"]["lots"] == []
    assert len(world.commands.names) <= COMMANDS[executor] + 2, world.commands.names


async def test_hundreds_of_different_products_are_one_question(world: World) -> None:
    ann = await world.customer()
    for number in range(10):
        lines = [
            {
                "lineNumber": line + 1,
                "sku": f"SKU-{number}-{line}",
                "title": f"SKU-{number}-{line}",
                "quantity": "1",
                "unitPrice": "1.00",
            }
            for line in range(40)
        ]
        await world.sell(id=f"s-{number}", customer={"id": ann}, lines=lines, total="40.00", storeCode="vienna-1")
    world.commands.names.clear()
    world.commands.sent.clear()

    me = (await world.data(ACCOUNT_PAGE, caller=customer_caller(ann)))["me"]

    assert len({line["product"]["id"] for sold in me["purchases"]["nodes"] for line in sold["lines"]}) == 400
    assert sum("products" in str(command) for _, command in world.commands.sent) == 1
    assert len(world.commands.names) <= 5, world.commands.names  # an answer may come in two batches


async def test_more_lists_than_one_command_takes_are_all_answered(world: World) -> None:
    ids = [await world.customer(email=f"c{number}@example.com") for number in range(60)]
    await world.sell(customer={"id": ids[59]})

    found = await world.data(
        """{ customers(first: 60) { nodes { id one: purchases(first: 1) { totalCount nodes { id } }
        two: purchases(last: 1) { totalCount nodes { id } } } } }"""
    )

    bought = [node["id"] for node in found["customers"]["nodes"] if node["one"]["nodes"]]
    assert bought == [ids[59]]
    assert sum(node["one"]["totalCount"] + node["two"]["totalCount"] for node in found["customers"]["nodes"]) == 2
    assert [node for node in found["customers"]["nodes"] if node["one"] != node["two"]] == []
