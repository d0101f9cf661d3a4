"""Every hot command carries its collection's shard key or `_id`: sharding sends it to one shard (docs/scaling.md)."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from store.collections import SHARD_KEYS
from tests.support import ADMIN, POS, World, customer_caller, whole

ACCOUNT_PAGE = """{ me {
  id email
  loyalty {
    balance { available } tier { qualifyingPoints } lots { remaining } transactions { totalCount nodes { id } }
  }
  purchases(channel: POS) { totalCount nodes { id customer { id } store { id } lines { product { id } } } }
  feedback { totalCount nodes { id purchase { id } } } } }"""


def conditions(name: str, command: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the filters by which a command finds documents."""
    if name in ("find", "count"):
        yield command.get("filter", command.get("query", {}))
    elif name == "findAndModify":
        yield command["query"]
    elif name in ("update", "delete"):
        yield from (one["q"] for one in command[f"{name}s"])
    elif name == "aggregate":
        yield from (stage["$match"] for stage in command["pipeline"] if "$match" in stage)
        for stage in command["pipeline"]:
            if "$unionWith" in stage and isinstance(stage["$unionWith"], dict):
                inner = {"aggregate": stage["$unionWith"]["coll"], "pipeline": stage["$unionWith"]["pipeline"]}
                yield from conditions("aggregate", inner)


def fields(condition: dict[str, Any]) -> set[str]:
    """Return the fields that a filter names, those under $and included."""
    found = {name for name in condition if not name.startswith("$")}
    return found.union(*(fields(part) for part in condition.get("$and", [])))


async def use_everything(world: World) -> None:
    ann = await world.customer(phone="+43 1 5550123", cardNumber="C-1")
    first = await world.sell(**whole(700, id="1", customer={"email": "ann@example.com"}), caller=POS)
    await world.sell(**whole(20, id="1b", customer={"cardNumber": "C-1"}), caller=POS)
    anonymous = await world.sell(**whole(30, id="2"), caller=POS)
    await world.give_back(first["purchase"]["id"], {1: "0.5"})
    claim = """mutation($p: ID!, $t: String) {
      claimPurchase(purchase: {id: $p}, receiptToken: $t) { userErrors { code } } }"""
    claimed = {"p": anonymous["purchase"]["id"], "t": anonymous["receiptToken"]}
    await world.data(claim, claimed, caller=customer_caller(ann))
    await world.data(
        """mutation($a: ID!) {
          updateCustomer(by: {id: $a}, input: {email: "a@example.com"}) @idempotent(key: "u") { replayed }
          setConsents(customer: {id: $a}, consents: [{purpose: ANALYTICS, state: DENIED, source: "desk"}]) { replayed }
          submitFeedback(input: {kind: NPS, score: 9, channel: WEB, customer: {id: $a}}) { feedback { id } }
        }""",
        {"a": ann},
        caller=ADMIN,
    )
    for _ in range(2):
        world.clock.advance(days=400)
        await world.data(ACCOUNT_PAGE, caller=customer_caller(ann))
    await world.sell(
        **whole(5, id="3", customer={"id": ann}),
        occurredAt=(world.clock() - timedelta(hours=1)).isoformat(),
        caller=POS,
    )


async def test_every_command_of_a_customers_life_is_sent_to_one_shard(world: World) -> None:
    world.commands.sent.clear()

    await use_everything(world)

    seen = set()
    for name, command in world.commands.sent:
        collection = command.get(name)
        if collection in SHARD_KEYS:
            for condition in conditions(name, command):
                assert fields(condition) & {*SHARD_KEYS[collection], "_id"}, (name, collection, condition)
                seen.add(collection)
    assert seen >= {
        "customers",
        "keys",
        "loyalty_accounts",
        "purchases",
        "points_transactions",
        "points_lots",
        "feedback",
    }
