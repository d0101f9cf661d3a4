"""Two customers: whatever is one's is to the other as if it had never been there, to the byte."""

from dataclasses import dataclass
from typing import Any

import pytest_asyncio

from tests.services.loyalty_helpers import adjust, amount_off, buy, held, paid, redeem, rewards
from tests.services.offer_helpers import issued, offer_id
from tests.support import World, customer_caller

UNIQUE = "01J00000000000000000000000"
NEVER = {prefix: f"{prefix}_{UNIQUE}" for prefix in ("cus", "loy", "ptx", "pur", "fbk", "hld", "off")}
NODE = "query($id: ID!) { node(id: $id) { __typename id } }"
CUSTOMER = "query($by: CustomerKey!) { customer(by: $by) { id email loyalty { id } purchases { totalCount } } }"
PURCHASE = "query($by: PurchaseKey!) { purchase(by: $by) { id externalId { value } customer { id } } }"


@dataclass
class Theirs:
    """Everything of Bob's that has an id or a key."""

    ids: dict[str, str]
    keys: list[dict[str, Any]]


@pytest_asyncio.fixture
async def ann(world: World) -> str:
    return await world.customer()


@pytest_asyncio.fixture
async def bob(world: World) -> Theirs:
    id_ = await world.customer(
        email="bob@example.com",
        phone="+43 664 1234567",
        cardNumber="C-2",
        externalIds=[{"source": "erp", "value": "2"}],
    )
    sold = await world.sell(id="bobs", customer={"id": id_}, storeCode="vienna-1")
    given = await world.data(
        """mutation { submitFeedback(input: {kind: IDEA, channel: WEB, comment: "secret"}) { feedback { id } } }""",
        caller=customer_caller(id_),
    )
    (entry,) = await world.all("points_transactions")
    await adjust(world, id_, 100)
    ids = {
        "cus": id_,
        "loy": "loy" + id_[3:],
        "ptx": entry["_id"],
        "pur": sold["purchase"]["id"],
        "fbk": given["submitFeedback"]["feedback"]["id"],
        "hld": await held(world, id_, 10),
        "off": await offer_id(world, conditions={"customers": [{"id": id_}]}),
    }
    keys: list[dict[str, Any]] = [
        {"id": id_},
        {"email": "bob@example.com"},
        {"phone": "+436641234567"},
        {"cardNumber": "C-2"},
        {"externalId": {"source": "erp", "value": "2"}},
    ]
    return Theirs(ids, keys)


NO_KEYS: list[dict[str, Any]] = [
    {"id": NEVER["cus"]},
    {"email": "never@example.com"},
    {"phone": "+436647654321"},
    {"cardNumber": "C-0"},
    {"externalId": {"source": "erp", "value": "0"}},
]


async def test_their_ids_are_null_through_node_and_nodes_and_the_owners_own_are_not(
    world: World, ann: str, bob: Theirs
) -> None:
    for prefix, id_ in bob.ids.items():
        theirs = await world.answer(NODE, {"id": id_}, caller=customer_caller(ann))
        never = await world.answer(NODE, {"id": NEVER[prefix]}, caller=customer_caller(ann))
        own = await world.data(NODE, {"id": id_}, caller=customer_caller(bob.ids["cus"]))
        assert theirs == never == {"data": {"node": None}}, prefix
        assert own["node"]["id"] == id_

    found = await world.data(
        "query($ids: [ID!]!) { nodes(ids: $ids) { id } }",
        {"ids": [*bob.ids.values(), ann, *NEVER.values()]},
        caller=customer_caller(ann),
    )
    assert found["nodes"] == [None] * 7 + [{"id": ann}] + [None] * 7


async def test_their_keys_find_nobody_and_ones_own_do(world: World, ann: str, bob: Theirs) -> None:
    for key, none in zip(bob.keys, NO_KEYS, strict=True):
        theirs = await world.answer(CUSTOMER, {"by": key}, caller=customer_caller(ann))
        never = await world.answer(CUSTOMER, {"by": none}, caller=customer_caller(ann))
        own = await world.data(CUSTOMER, {"by": key}, caller=customer_caller(bob.ids["cus"]))
        assert theirs == never == {"data": {"customer": None}}
        assert own["customer"]["id"] == bob.ids["cus"]
        assert own["customer"]["purchases"] == {"totalCount": 1}


async def test_their_purchases_and_anonymous_ones_are_not_there(world: World, ann: str, bob: Theirs) -> None:
    anonymous = (await world.sell(id="nobodys"))["purchase"]["id"]
    keys = [{"id": bob.ids["pur"]}, {"id": anonymous}, {"id": NEVER["pur"]}]
    keys += [{"externalId": {"source": "till-7", "value": value}} for value in ("bobs", "nobodys", "never")]

    answers = [await world.answer(PURCHASE, {"by": key}, caller=customer_caller(ann)) for key in keys]

    assert answers == [{"data": {"purchase": None}}] * 6
    own = await world.data(PURCHASE, {"by": keys[3]}, caller=customer_caller(bob.ids["cus"]))
    assert own["purchase"]["customer"] == {"id": bob.ids["cus"]}


async def test_mutations_that_name_the_other_are_not_found_alike_and_write_nothing(
    world: World, ann: str, bob: Theirs
) -> None:
    anonymous = await world.sell(id="nobodys")
    before, people = await world.everything(), await world.all("customers")
    claim = {"purchase": {"id": anonymous["purchase"]["id"]}, "token": anonymous["receiptToken"]}
    mutations = [
        """mutation($by: CustomerKey) { done: setConsents(customer: $by,
        consents: [{purpose: ANALYTICS, state: GRANTED, source: "web"}]) {
        customer { id } replayed userErrors { code field message } } }""",
        """mutation($by: CustomerKey) { done: submitFeedback(input: {kind: IDEA, channel: WEB, customer: $by}) {
        feedback { id } replayed userErrors { code field message } } }""",
        """mutation($by: CustomerKey, $purchase: PurchaseKey!, $token: String) { done: claimPurchase(
        purchase: $purchase, customer: $by, receiptToken: $token) {
        purchase { id } replayed userErrors { code field message } } }""",
        """mutation($by: CustomerKey) { done: holdPoints(customer: $by, points: 1) {
        hold { id } account { id } replayed userErrors { code field message } } }""",
        """mutation($by: CustomerKey) { done: redeemReward(customer: $by, rewardId: "rwd_01J00000000000000000000000") {
        code account { id } replayed userErrors { code field message } } }""",
        """mutation($by: CustomerKey) { done: trackEvents(customer: $by, events: [{name: "quiz",
        externalId: {source: "app", value: "1"}, occurredAt: "2026-11-21T12:00:00Z"}]) {
        account { id } replayed userErrors { code field message } } }""",
    ]

    for mutation in mutations:
        extra = claim if "$token" in mutation else {}
        for key, none in zip(bob.keys, NO_KEYS, strict=True):
            theirs = await world.data(mutation, {"by": key, **extra}, caller=customer_caller(ann))
            never = await world.data(mutation, {"by": none, **extra}, caller=customer_caller(ann))
            assert theirs == never
            assert [error["code"] for error in theirs["done"]["userErrors"]] == ["NOT_FOUND"]
    assert await world.everything() == before
    assert await world.all("customers") == people


async def test_feedback_and_claims_about_the_others_purchase_are_not_found_alike(
    world: World, ann: str, bob: Theirs
) -> None:
    before = await world.everything()
    feedback = """mutation($key: PurchaseKey) { done: submitFeedback(
      input: {kind: IDEA, channel: WEB, purchase: $key}) { feedback { id } userErrors { code field message } } }"""
    claim = """mutation($key: PurchaseKey!) { done: claimPurchase(purchase: $key, receiptToken: "0123") {
      purchase { id } userErrors { code field message } } }"""

    for mutation in (feedback, claim):
        theirs = await world.data(mutation, {"key": {"id": bob.ids["pur"]}}, caller=customer_caller(ann))
        never = await world.data(mutation, {"key": {"id": NEVER["pur"]}}, caller=customer_caller(ann))
        assert theirs == never
        assert [error["code"] for error in theirs["done"]["userErrors"]] == ["NOT_FOUND"]
    assert await world.everything() == before


async def test_their_holds_and_balances_are_not_there(world: World, ann: str, bob: Theirs) -> None:
    await adjust(world, ann, 50)
    before, holds = await world.everything(), await world.all("points_holds")
    release_hold = """mutation($id: ID!) { done: releaseHold(holdId: $id) {
      hold { id } account { id } replayed userErrors { code field message } } }"""
    as_of = """query($id: ID!, $at: DateTime!) { node(id: $id) { ... on LoyaltyAccount {
      balanceAsOf(at: $at) { available held } holds { id } } } }"""

    theirs = await world.data(release_hold, {"id": bob.ids["hld"]}, caller=customer_caller(ann))
    never = await world.data(release_hold, {"id": NEVER["hld"]}, caller=customer_caller(ann))
    at = {"at": world.clock().isoformat()}
    balances = [
        await world.answer(as_of, {"id": id_, **at}, caller=customer_caller(ann))
        for id_ in (bob.ids["loy"], NEVER["loy"])
    ]

    assert theirs == never
    assert [error["code"] for error in theirs["done"]["userErrors"]] == ["NOT_FOUND"]
    assert balances == [{"data": {"node": None}}] * 2
    assert await world.everything() == before
    assert await world.all("points_holds") == holds
    own = await world.data(as_of, {"id": bob.ids["loy"], **at}, caller=customer_caller(bob.ids["cus"]))
    assert own["node"] == {"balanceAsOf": {"available": 100, "held": 10}, "holds": [{"id": bob.ids["hld"]}]}
    freed = await world.data(release_hold, {"id": bob.ids["hld"]}, caller=customer_caller(bob.ids["cus"]))
    assert freed["done"]["userErrors"] == []


async def test_their_hold_and_their_rewards_code_pay_for_nobody_else(world: World, ann: str, bob: Theirs) -> None:
    (reward,) = await rewards(world, amount_off(20, "1.00"))
    code = (await redeem(world, bob.ids["cus"], reward))["code"]
    await adjust(world, ann, 50)

    async def trying(**fields: Any) -> list[dict[str, Any]]:
        payload = await buy(world, paid(world, 40, off="1", id="anns", customer=ann, **fields))
        assert payload["purchase"] is None
        found: list[dict[str, Any]] = payload["userErrors"]
        return found

    before = await world.everything()
    assert await trying(codes=[code]) == await trying(codes=["0" * 12])
    assert await trying(holdId=bob.ids["hld"]) == await trying(holdId=NEVER["hld"])
    assert await world.everything() == before
    own = paid(world, 40, off="1", id="his", customer=bob.ids["cus"], codes=[code])
    assert (await buy(world, own))["userErrors"] == []


async def test_their_offers_and_their_offers_code_are_not_there(world: World, ann: str, bob: Theirs) -> None:
    secret = await offer_id(world, title="secret", conditions={"requiresCode": True})
    (code,) = await issued(world, secret, bob.ids["cus"])
    offer = "query($id: ID!) { offer(id: $id) { id title code } }"
    lines = [{"lineNumber": 1, "sku": "MUG", "title": "Mug", "quantity": "1", "unitPrice": "40.00"}]
    quote = """query($cart: CartInput!) { quote(cart: $cart) {
      total { amount } offers { offer { id } } warnings { code field message } } }"""

    def cart(code: str) -> dict[str, Any]:
        return {"cart": {"channel": "WEB", "currencyCode": "USD", "lines": lines, "codes": [code]}}

    for id_ in (bob.ids["off"], secret, NEVER["off"]):
        assert await world.answer(offer, {"id": id_}, caller=customer_caller(ann)) == {"data": {"offer": None}}
    theirs, never = [await world.data(quote, cart(one), caller=customer_caller(ann)) for one in (code, "NEVER2345678")]
    assert theirs == never
    assert theirs["quote"]["offers"] == []
    listed = await world.data("{ offers { nodes { id } } }", caller=customer_caller(bob.ids["cus"]))
    assert listed == {"offers": {"nodes": []}}
    own = await world.data(offer, {"id": secret}, caller=customer_caller(bob.ids["cus"]))
    assert own["offer"] == {"id": secret, "title": "secret", "code": code}


async def test_ids_that_belong_to_nobody_known_are_null_for_a_customer_who_is_not_there_yet(
    world: World, bob: Theirs
) -> None:
    stranger = customer_caller(NEVER["cus"])

    for id_ in [*bob.ids.values(), *NEVER.values()]:
        assert await world.answer(NODE, {"id": id_}, caller=stranger) == {"data": {"node": None}}
    assert await world.data("{ me { id } }", caller=stranger) == {"me": None}
