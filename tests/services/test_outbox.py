"""Events: one for each fact, written with it, and nothing personal in them."""

from typing import Any

from tests.services.helpers import cancel, claim, contents
from tests.support import ADMIN, STAFF, World, whole

PERSON = {
    "firstName": "Annabel", "lastName": "Zimmermann", "email": "annabel@example.com", "phone": "+436641234567",
    "cardNumber": "CARD-4711", "externalIds": [{"source": "shop", "value": "person-99"}],
}  # fmt: skip
PERSONAL = ("Annabel", "Zimmermann", "annabel", "6641234567", "CARD-4711", "person-99", "broken on the way")


async def transactions(world: World) -> list[list[dict[str, Any]]]:
    """Return the events in the transactions that wrote them."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for event in await world.all("outbox"):
        groups.setdefault(event["transactionId"], []).append(event)
    return [sorted(group, key=lambda event: event["position"]) for group in groups.values()]


async def test_a_sale_its_points_and_its_tier_are_events_of_one_transaction_in_their_order(world: World) -> None:
    ann = await world.customer()
    await world.database["outbox"].delete_many({})

    purchase = (await world.sell(**whole(500), customer={"id": ann}, caller=STAFF))["purchase"]["id"]

    (group,) = await transactions(world)
    assert [(event["topic"], event["nodeId"]) for event in group] == [
        ("PURCHASE", purchase), ("POINTS", ann), ("TIER", ann),
    ]  # fmt: skip
    assert [event["position"] for event in group] == [0, 1, 2]
    assert {event["sequence"] for event in group} == {None}
    assert {event["transactionId"] for event in group} == {group[0]["_id"]}
    assert {(event["by"], event["owner"], event["at"]) for event in group} == {("key_staff", ann, world.clock())}
    (entry,) = await world.all("points_transactions")
    assert group[1]["data"]["entryId"] == entry["_id"]
    assert (group[1]["data"]["points"], group[1]["data"]["balanceAfter"]) == (500, 500)


async def test_every_entry_of_the_ledger_has_its_event(world: World) -> None:
    ann = await world.customer()
    old = await world.sell(id="s-1", customer={"id": ann}, occurredAt="2024-11-21T13:00:00Z")
    world.clock.advance(days=1)
    new = await world.sell(id="s-2", customer={"id": ann})
    await world.give_back(old["purchase"]["id"], {1: "1"}, id="r-1")
    await world.give_back(new["purchase"]["id"], {1: "1"}, id="r-2")
    entries = {entry["_id"]: (entry["type"], entry["points"]) for entry in await world.all("points_transactions")}
    events = await world.all("outbox", {"topic": "POINTS"})
    told = {event["data"]["entryId"]: (event["data"]["type"], event["data"]["points"]) for event in events}
    assert told == entries
    assert sorted(entries.values()) == [("EARN", 10), ("EARN", 10), ("EXPIRE", -10), ("RETURN_EARNED", -5)]


async def test_claims_and_returns_say_what_they_are(world: World) -> None:
    ann = await world.customer()
    await world.database["outbox"].delete_many({})
    purchase = (await world.sell())["purchase"]["id"]
    await claim(world, purchase, customer=ann)
    back = (await world.give_back(purchase, {1: "1"}))["purchaseReturn"]["id"]
    await cancel(world, purchase)

    sold, claimed, returned, cancelled = await transactions(world)
    assert [(event["topic"], event["owner"]) for event in sold] == [("PURCHASE", purchase)]
    assert [(event["topic"], event["data"].get("change")) for event in claimed] == [
        ("PURCHASE", "CLAIMED"), ("POINTS", None),
    ]  # fmt: skip
    assert (returned[0]["topic"], returned[0]["data"]["returnId"], returned[0]["data"]["pointsTakenBack"]) == (
        "RETURN", back, 5,
    )  # fmt: skip
    assert [group[0]["data"]["cancelled"] for group in (returned, cancelled)] == [False, True]
    assert [event["position"] for group in (claimed, returned, cancelled) for event in group] == [0, 1] * 3


async def test_neither_a_refusal_nor_a_replay_is_an_event(world: World) -> None:
    ann = await world.customer()
    purchase = (await world.sell(customer={"id": ann}))["purchase"]["id"]
    known = len(await world.all("outbox"))
    await world.sell(customer={"id": ann})
    await world.sell(**whole(12), customer={"id": ann})
    await world.give_back(purchase, {1: "9"})
    await claim(world, purchase, customer=ann, caller=ADMIN)
    assert len(await world.all("outbox")) == known


async def test_nothing_personal_stands_outside_customers_and_keys(world: World) -> None:
    await world.customer(**PERSON)
    for number, key in enumerate(({"email": "annabel@example.com"}, {"cardNumber": "CARD-4711"})):
        purchase = (await world.sell(id=f"s-{number}", customer=key))["purchase"]["id"]
    await world.give_back(purchase, {1: "1"})
    anonymous = (await world.sell(id="s-9"))["purchase"]["id"]
    await claim(world, anonymous, customer=(await world.all("customers"))[0]["_id"])
    stored = await contents(world)
    elsewhere = str({name: documents for name, documents in stored.items() if name not in ("customers", "keys")})
    assert [word for word in PERSONAL if word.lower() in elsewhere.lower()] == []
    assert all(word in str(stored["customers"]) for word in PERSONAL[:2])
