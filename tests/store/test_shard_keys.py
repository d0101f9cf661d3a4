"""Every hot command carries its collection's shard key or `_id`: sharding sends it to one shard (docs/scaling.md)."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from crm.ids import referral_code
from store.collections import SHARD_KEYS
from tests.services.eventful import EVENTFUL
from tests.services.helpers import claim
from tests.services.loyalty_helpers import (
    adjust,
    amount_off,
    bought,
    capture,
    event,
    held,
    holds,
    paid,
    redeem,
    release,
    rich,
    track,
    transfer,
)
from tests.services.offer_helpers import issued, offer_id
from tests.services.program_helpers import birthdays, reconsider, save, say, settle
from tests.support import ADMIN, POS, World, customer_caller, whole

ACCOUNT_PAGE = """{ me {
  id email
  loyalty {
    balance { available } tier { qualifyingPoints } lots { remaining } transactions { totalCount nodes { id } }
  }
  purchases(channel: POS) { totalCount nodes { id customer { id } store { id } lines { product { id } } } }
  feedback { totalCount nodes { id purchase { id } } }
  recommendations { product { id } why } offers { offer { id } why } } }"""


def conditions(name: str, command: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the collections that a command asks, each with a filter by which it finds documents there."""
    collection = command[name]
    if name in ("find", "count"):
        yield collection, command.get("filter", command.get("query", {}))
    elif name == "findAndModify":
        yield collection, command["query"]
    elif name in ("update", "delete"):
        yield from ((collection, one["q"]) for one in command[f"{name}s"])
    elif name == "aggregate":
        yield from ((collection, stage["$match"]) for stage in command["pipeline"] if "$match" in stage)
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
          setConsents(customer: {id: $a}, consents: [
            {purpose: ANALYTICS, state: DENIED, source: "desk"}
            {purpose: PERSONALIZATION, state: GRANTED, source: "desk"}
          ]) { replayed }
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


async def use_points(world: World) -> None:
    """Hold, pay, redeem, move, refer and look back: all that is new to an account's points."""
    await world.sell(**whole(5, id="known"), caller=POS)
    (reward,) = [
        one["id"]
        for one in (await save(world, **{**EVENTFUL, "rewards": [amount_off(10, "1.00", perCustomerLimit=3)]}))[
            "rewards"
        ]
    ]
    world.commands.sent.clear()
    ann = await rich(world, 500)
    ben = await world.customer(email="ben@example.com", referralCode=referral_code(ann))
    brought = await bought(world, paid(world, 90, id="ben", customer=ben), caller=POS)
    await world.give_back(brought["id"], {1: "0.5"}, id="ben-r")
    first, second = await held(world, ann, 20), await held(world, ann, 30)
    await capture(world, first, 10)
    await release(world, second)
    third = await held(world, ann, 25)
    spent = await bought(world, paid(world, 50, off="1", id="held", customer=ann, holdId=third), caller=POS)
    await world.give_back(spent["id"], {1: "0.5"}, id="held-r")
    code = (await redeem(world, ann, reward))["code"]
    rewarded = paid(world, 50, off="2", id="rewards", customer=ann, rewardIds=[reward], codes=[code], points=7)
    back = (await bought(world, rewarded, caller=POS))["id"]
    await world.give_back(back, {1: "1"}, id="rewards-r")
    await transfer(world, ann, ben, 15)
    await adjust(world, ann, -5)
    await track(world, ann, event(world, "quiz"), event(world, "other", id="e-2"), caller=POS)
    await say(world, ann)
    await held(world, ann, 5)
    (hold,) = await holds(world, ann)
    for id_ in (hold["id"], back, "loy" + ann[3:]):
        await world.data("query($id: ID!) { node(id: $id) { id } }", {"id": id_}, caller=customer_caller(ann))
    await world.data(POINTS_PAGE, {"at": world.clock().isoformat()}, caller=customer_caller(ann))
    await use_offers(world, ann)
    await save(world, pending={"kind": "UNTIL_EVENT", "event": "delivered"}, expiry={"kind": "SLIDING", "months": 2})
    await bought(world, paid(world, 50, id="waits", customer=ann), caller=POS)
    await track(world, ann, event(world, "delivered", id="e-3"), caller=POS)


async def use_offers(world: World, ann: str) -> None:
    """Redeem offers by id and by code, give them back, and claim one."""
    hers = {"customers": [{"id": ann}], "requiresCode": True}
    limits = {"total": 9, "budget": "50", "perCustomer": 3, "period": "DAY", "perPeriod": 2}
    sold_before = list(world.commands.sent)  # saving an offer counts anew what was redeemed of it, on every shard
    ten, free = await offer_id(world, conditions=hers, limits=limits), await offer_id(world)
    (code,) = await issued(world, ten, ann)
    world.commands.sent[:] = sold_before
    sent = {"off": "50", "customer": ann, "offerIds": [ten, free], "codes": [code]}
    sold = await bought(world, paid(world, 50, id="offers", **sent), caller=POS)
    await world.data("query($id: ID!) { offer(id: $id) { id code } }", {"id": ten}, caller=customer_caller(ann))
    await world.give_back(sold["id"], {1: "1"}, id="offers-r")
    nobodys = await world.sell(**whole(30, id="free", offerIds=[free], discountTotal="3", total="27"), caller=POS)
    await claim(world, nobodys["purchase"]["id"], customer=ann)


POINTS_PAGE = """query($at: DateTime!) { me { referralCode loyalty {
  balance { available held pending nextExpiry { points at } } balanceAsOf(at: $at) { available }
  holds { id points status } lots { remaining source { kind } } rewards { affordable reward { id stock } }
  tier { qualifyingPoints } transactions { totalCount nodes { id reason } } } } }"""


def unsharded(world: World) -> tuple[set[str], list[tuple[str, str, set[str]]]]:
    """Return the collections that were asked, and the commands that neither shard key nor id sends to one shard."""
    seen, found = set(), []
    for name, command in world.commands.sent:
        for collection, condition in conditions(name, command):
            if collection in SHARD_KEYS:
                seen.add(collection)
                if not fields(condition) & {*SHARD_KEYS[collection], "_id"}:
                    found.append((name, collection, fields(condition)))
    return seen, found


async def test_every_command_of_a_customers_life_is_sent_to_one_shard(world: World) -> None:
    world.commands.sent.clear()

    await use_everything(world)

    seen = set()
    for name, command in world.commands.sent:
        for collection, condition in conditions(name, command):
            if collection in SHARD_KEYS:
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
        "tastes",
    }


async def test_every_command_about_points_is_sent_to_one_shard(world: World) -> None:
    await use_points(world)

    seen, found = unsharded(world)

    assert found == []
    assert seen >= {"points_holds", "cap_counters", "customer_events", "reward_redemptions", "referrals"}
    assert seen >= {"offer_audience", "offer_codes", "offer_redemptions", "offer_counters"}


async def test_the_worker_asks_every_shard_only_for_what_is_due(world: World) -> None:
    """Its scans go over all accounts and customers, by an index and a batch at a time: nobody waits for them."""
    await save(world, **{**EVENTFUL, "rewards": []})
    await birthdays(world)
    ann = await world.customer(birthDate="1990-11-23")
    await bought(world, paid(world, 900, id="1", customer=ann))
    world.clock.advance(days=5)
    world.commands.sent.clear()

    await settle(world)
    await birthdays(world)
    await held(world, ann, 7)
    world.clock.advance(days=400)
    await settle(world)
    await reconsider(world)

    seen, found = unsharded(world)
    assert seen >= {"loyalty_accounts", "points_lots", "points_holds", "customers"}
    assert {(name, collection, *sorted(asked)) for name, collection, asked in found} == {
        ("find", "loyalty_accounts", "dueAt"),
        ("find", "loyalty_accounts", "tierDueAt"),
        ("find", "loyalty_accounts", "ladders"),
        ("find", "customers", "birthday", "birthdaySince"),
    }
