"""Anonymous purchases, handed to the customer who holds the receipt: once, in time, to the right person."""

import asyncio
from typing import Any

import pytest

from crm.callers import Caller
from tests.services.helpers import ago, cancel, claim, codes, ledger_of, line, metrics, nothing_written, tier
from tests.support import ADMIN, POS, STAFF, World, customer_caller, whole

GONE = "pur_00000000000000000000000000"


async def anonymous(world: World, **fields: Any) -> tuple[str, str]:
    """Sell to nobody and return the purchase's id and its token."""
    payload = await world.sell(**fields)
    assert payload["userErrors"] == []
    return payload["purchase"]["id"], payload["receiptToken"]


async def test_who_holds_the_receipt_gets_the_purchase_its_points_and_its_place_in_the_metrics(world: World) -> None:
    ann = await world.customer()
    purchase, token = await anonymous(world)

    payload = await claim(world, purchase, token=token, caller=customer_caller(ann))

    assert (codes(payload), payload["replayed"], payload["receiptToken"]) == ([], False, None)
    assert payload["purchase"]["customer"] == {"id": ann}
    assert payload["purchase"]["pointsEarned"] == 10
    assert await ledger_of(world, ann) == [("EARN", 10, 10)]
    assert (await metrics(world, ann))["purchaseCount"] == 1
    assert (await metrics(world, ann))["totalSpent"] == {"amount": "10.90"}
    listed = "query($id: ID!) { customer(by: {id: $id}) { purchases { nodes { id } } } }"
    mine = await world.data(listed, {"id": ann}, caller=customer_caller(ann))
    assert mine["customer"]["purchases"]["nodes"] == [{"id": purchase}]


async def test_it_earns_at_the_tier_held_at_the_claim_and_counts_from_when_it_happened(world: World) -> None:
    ann = await world.customer()
    purchase, _ = await anonymous(world, occurredAt="2026-10-01T12:00:00Z")
    await world.sell(**whole(500), id="s-2", customer={"id": ann}, occurredAt="2026-11-01T12:00:00Z")

    payload = await claim(world, purchase, customer=ann)

    assert payload["purchase"]["pointsEarned"] == 13
    (lot,) = await world.all("points_lots", {"source.nodeId": purchase})
    assert lot["earnedAt"].isoformat() == "2026-10-01T12:00:00+00:00"
    assert lot["expiresAt"].isoformat() == "2028-10-01T12:00:00+00:00"
    assert (await tier(world, ann))["qualifyingPoints"] == 513
    assert (await metrics(world, ann))["firstPurchaseAt"] == "2026-10-01T12:00:00.000Z"


async def test_a_claim_can_be_what_lifts_the_tier(world: World) -> None:
    ann = await world.customer()
    purchase, _ = await anonymous(world, **whole(500), occurredAt="2026-10-01T12:00:00Z")
    assert (await claim(world, purchase, customer=ann))["purchase"]["pointsEarned"] == 500
    held = await tier(world, ann)
    assert (held["tier"]["name"], held["since"]) == ("Silver", "2026-10-01T12:00:00.000Z")


async def test_90_days_are_not_too_old_and_a_moment_more_is(world: World) -> None:
    ann = await world.customer()
    young, _ = await anonymous(world, id="s-1", occurredAt=ago(world, days=90))
    old, token = await anonymous(world, id="s-2", occurredAt=ago(world, days=90, milliseconds=1))
    assert codes(await claim(world, young, customer=ann)) == []
    async with nothing_written(world):
        for caller in (ADMIN, customer_caller(ann)):
            payload = await claim(world, old, customer=ann, token=token, caller=caller)
            assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [("INVALID", ["purchase"])]


async def test_claiming_twice_is_a_replay_even_when_it_is_too_old_by_then(world: World) -> None:
    ann = await world.customer()
    purchase, token = await anonymous(world)
    first = await claim(world, purchase, customer=ann)
    world.clock.advance(days=200)
    async with nothing_written(world):
        again = await claim(world, purchase, token=token, caller=customer_caller(ann))
    assert again == {**first, "replayed": True}


async def test_another_persons_purchase_is_a_conflict(world: World) -> None:
    ann, bea = await world.customer(), await world.customer(email="bea@example.com")
    purchase, token = await anonymous(world)
    await claim(world, purchase, customer=ann)
    async with nothing_written(world):
        for caller in (STAFF, customer_caller(bea)):
            payload = await claim(world, purchase, customer=bea, token=token, caller=caller)
            assert codes(payload) == ["CONFLICT"]
            assert payload["purchase"] is None
    assert await ledger_of(world, bea) == []


@pytest.mark.parametrize("token", [None, "", "0" * 40, "ü", "x"])
async def test_a_customer_without_the_right_receipt_does_not_learn_that_there_is_such_a_purchase(
    world: World, token: str | None
) -> None:
    ann = await world.customer()
    purchase, _ = await anonymous(world)
    async with nothing_written(world):
        refused = await claim(world, purchase, token=token, caller=customer_caller(ann))
        unknown = await claim(world, GONE, token=token, caller=customer_caller(ann))
    assert refused == unknown
    assert [(error["code"], error["field"]) for error in refused["userErrors"]] == [("NOT_FOUND", ["purchase"])]


async def test_the_receipt_of_another_purchase_does_not_do_for_anybody(world: World) -> None:
    ann = await world.customer()
    purchase, _ = await anonymous(world, id="s-1")
    _, token = await anonymous(world, id="s-2")
    async with nothing_written(world):
        for caller in (customer_caller(ann), POS, STAFF, ADMIN):
            assert codes(await claim(world, purchase, customer=ann, token=token, caller=caller)) == ["NOT_FOUND"]


async def test_nobody_claims_for_somebody_else_and_a_desk_says_for_whom(world: World) -> None:
    ann, bea = await world.customer(), await world.customer(email="bea@example.com")
    purchase, token = await anonymous(world)
    nobody = "cus_00000000000000000000000000"
    tries: list[tuple[Caller, dict[str, Any], str]] = [
        (customer_caller(ann), {"customer": bea}, "NOT_FOUND"),
        (POS, {}, "INVALID"),
        (STAFF, {"customer": nobody}, "NOT_FOUND"),
        (customer_caller(nobody), {}, "NOT_FOUND"),
    ]
    async with nothing_written(world):
        for caller, arguments, code in tries:
            payload = await claim(world, purchase, token=token, caller=caller, **arguments)
            assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [(code, ["customer"])]


async def test_a_balance_that_would_not_fit_leaves_the_purchase_unclaimed(world: World) -> None:
    ann = await world.customer()
    await world.sell(**whole(2_147_483_640), id="s-0", customer={"id": ann}, occurredAt=ago(world, days=400))
    purchase, token = await anonymous(world)
    async with nothing_written(world):
        assert codes(await claim(world, purchase, customer=ann)) == ["INVALID"]
    assert (await world.sell())["receiptToken"] == token


# ---------------------------------------------------------------- with returns


async def test_what_came_back_before_the_claim_earns_nothing_and_the_rest_goes_back_later(world: World) -> None:
    ann = await world.customer()
    purchase, _ = await anonymous(world, lines=[line(1, "4", "25.25")], total="101.00")
    before = await world.give_back(purchase, {1: "1"}, id="r-1")
    assert before["purchaseReturn"]["pointsTakenBack"] == 0

    claimed = await claim(world, purchase, customer=ann)

    assert claimed["purchase"]["pointsEarned"] == 75  # of 75.75
    assert (await metrics(world, ann))["totalSpent"] == {"amount": "75.75"}
    half = await world.give_back(purchase, {1: "1"}, id="r-2")
    assert half["purchaseReturn"]["pointsTakenBack"] == 25  # 50.50 are kept
    rest = await world.give_back(purchase, {1: "2"}, id="r-3")
    assert (rest["purchaseReturn"]["pointsTakenBack"], rest["purchase"]["status"]) == (50, "RETURNED")
    assert rest["purchase"]["returnedTotal"] == {"amount": "101.00"}
    assert [points for _, points, _ in await ledger_of(world, ann)] == [75, -25, -50]
    assert (await metrics(world, ann))["totalSpent"] == {"amount": "0.00"}
    assert await world.give_back(purchase, {1: "1"}, id="r-1") == {
        **before, "replayed": True, "purchase": rest["purchase"], "purchaseReturn": before["purchaseReturn"]
    }  # fmt: skip


async def test_every_key_of_a_claimed_purchase_and_its_returns_follows_its_owner(world: World) -> None:
    ann = await world.customer()
    purchase, _ = await anonymous(world)
    await world.give_back(purchase, {1: "1"})
    await claim(world, purchase, customer=ann)
    names = ("pur:till-7:s-1", f"id:{purchase}", "ret:till-7:r-1")
    assert {key["_id"]: key["owner"] for key in await world.all("keys", {"_id": {"$in": names}})} == dict.fromkeys(
        names, ann
    )


@pytest.mark.parametrize("cancelled", [True, False])
async def test_a_purchase_that_is_all_back_earns_nothing_and_a_cancelled_one_counts_nowhere(
    world: World, cancelled: bool
) -> None:
    ann = await world.customer()
    purchase, _ = await anonymous(world)
    await (cancel(world, purchase) if cancelled else world.give_back(purchase, {1: "2"}))
    assert (await claim(world, purchase, customer=ann))["purchase"]["pointsEarned"] == 0
    assert await ledger_of(world, ann) == []
    found = await metrics(world, ann)
    assert (found["purchaseCount"], found["totalSpent"]["amount"]) == (0 if cancelled else 1, "0.00")


# ---------------------------------------------------------------- at once


async def test_of_two_customers_who_claim_at_once_one_wins(world: World) -> None:
    ann, bea = await world.customer(), await world.customer(email="bea@example.com")
    purchase, token = await anonymous(world)
    payloads = await asyncio.gather(
        *(claim(world, purchase, token=token, caller=customer_caller(who)) for who in (ann, bea) * 8)
    )
    assert sorted(codes(payload) for payload in payloads) == [[]] * 8 + [["CONFLICT"]] * 8
    assert [payload["replayed"] for payload in payloads if not codes(payload)].count(False) == 1
    (stored,) = await world.all("purchases")
    winner, loser = (ann, bea) if stored["customerId"] == ann else (bea, ann)
    assert await ledger_of(world, winner) == [("EARN", 10, 10)]
    assert await ledger_of(world, loser) == []
    assert (await metrics(world, loser))["purchaseCount"] == 0
    assert len(await world.all("outbox", {"data.change": "CLAIMED"})) == 1


async def test_a_claim_and_returns_at_once_come_to_the_same_whichever_is_first(world: World) -> None:
    ann = await world.customer()
    purchase, _ = await anonymous(world, lines=[line(1, "4", "25.00")], total="100.00")
    await asyncio.gather(
        claim(world, purchase, customer=ann), *(world.give_back(purchase, {1: "1"}, id=f"r-{n}") for n in range(3))
    )
    (stored,) = await world.all("purchases")
    assert stored["pointsEarned"] - stored["pointsTakenBack"] == 25
    assert (stored["returnedTotal"], stored["qualifying"], len(stored["returns"])) == (7500, 25, 3)
    assert (await world.points(ann))["available"] == 25
    assert (await metrics(world, ann))["totalSpent"] == {"amount": "25.00"}
