"""Points that staff give, take and move: who did it and why, what is refused, and sums that stay."""

import pytest

from crm.ids import account_of
from tests.services.helpers import ago, codes, ledger_of, nothing_written
from tests.services.loyalty_helpers import (
    ADJUST,
    TRANSFER,
    adjust,
    bought,
    held,
    hold,
    lots,
    paid,
    problems,
    rich,
    together,
    totals,
    transactions,
    transfer,
)
from tests.services.program_helpers import clean, save, settle
from tests.support import ADMIN, POS, STAFF, STOREFRONT, World, customer_caller

GONE = "cus_00000000000000000000000000"


# ---------------------------------------------------------------- adjusting


async def test_points_are_given_with_who_did_it_and_why(world: World) -> None:
    ann = await world.customer()
    payload = await adjust(world, ann, 250, "  Broken mug  ")
    assert payload["userErrors"] == []
    made = payload["transaction"]
    assert (made["type"], made["points"], made["balanceAfter"]) == ("ADJUST", 250, 250)
    assert (made["reason"], made["source"]["kind"]) == ("Broken mug", "STAFF")
    assert (made["at"], made["occurredAt"]) == ("2026-11-21T12:00:00.000Z", "2026-11-21T12:00:00.000Z")
    assert payload["account"]["id"] == account_of(ann)
    assert payload["account"]["balance"]["available"] == 250
    assert payload["account"]["balance"]["lifetimeEarned"] == 0  # given, not earned
    assert payload["account"]["balance"]["nextExpiry"] == {"points": 250, "at": "2028-11-21T12:00:00.000Z"}
    (stored,) = await world.all("points_transactions")
    assert stored["by"] == STAFF.principal
    await clean(world)


async def test_points_are_taken_with_who_did_it_and_why(world: World) -> None:
    ann = await rich(world, 100)
    payload = await adjust(world, ann, -30, "Booked twice", caller=ADMIN)
    assert (payload["transaction"]["points"], payload["transaction"]["reason"]) == (-30, "Booked twice")
    assert await totals(world, ann) == (70, 0, 0, 0)
    stored = {entry["points"]: entry["by"] for entry in await world.all("points_transactions")}
    assert stored == {100: STAFF.principal, -30: ADMIN.principal}
    assert await ledger_of(world, ann) == [("ADJUST", 100, 100), ("ADJUST", -30, 70)]
    await clean(world)


@pytest.mark.parametrize("points", [0, -101, -(2**31)])
async def test_an_adjustment_takes_only_what_is_available(world: World, points: int) -> None:
    await save(world, overdraftPoints=1000)
    ann = await rich(world, 120)
    await hold(world, ann, 20)
    async with nothing_written(world):
        payload = await adjust(world, ann, points)
    code = "INSUFFICIENT_POINTS" if points == -101 else "INVALID"
    assert problems(payload) == [(code, ["points"])]
    assert (payload["transaction"], payload["account"]) == (None, None)


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
async def test_an_adjustment_needs_a_reason(world: World, reason: str) -> None:
    ann = await rich(world, 100)
    async with nothing_written(world):
        for points in (1, -1):
            assert problems(await adjust(world, ann, points, reason)) == [("INVALID", ["reason"])]
    assert (await adjust(world, ann, 1, "x" * 500))["userErrors"] == []


async def test_an_adjustment_needs_a_customer_who_is_there(world: World) -> None:
    await rich(world, 100)
    async with nothing_written(world):
        assert problems(await adjust(world, GONE, 1)) == [("NOT_FOUND", ["customer"])]
        assert problems(await adjust(world, {"email": "bob@example.com"}, 1)) == [("NOT_FOUND", ["customer"])]
        assert problems(await adjust(world, account_of(GONE), 1)) == [("INVALID", ["customer", "id"])]


async def test_a_balance_does_not_grow_beyond_what_graphql_can_say(world: World) -> None:
    ann = await rich(world, 2**31 - 1)
    async with nothing_written(world):
        assert codes(await adjust(world, ann, 1)) == ["INVALID"]
    assert (await adjust(world, ann, -1))["userErrors"] == []
    assert (await adjust(world, ann, 1))["userErrors"] == []
    assert await totals(world, ann) == (2**31 - 1, 0, 0, 0)


async def test_only_staff_and_admins_adjust_and_transfer(world: World) -> None:
    ann, bob = await rich(world, 100), await rich(world, 100, email="bob@example.com")
    adjusting = {"customer": {"id": ann}, "points": 1, "reason": "x"}
    moving = {"from": {"id": ann}, "to": {"id": bob}, "points": 1}
    async with nothing_written(world):
        for caller in (POS, STOREFRONT, customer_caller(ann)):
            for document, variables in ((ADJUST, adjusting), (TRANSFER, moving)):
                body = await world.answer(document, variables, caller=caller)
                assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN"]


async def test_points_given_pay_the_debt_first(world: World) -> None:
    await save(world, overdraftPoints=50)
    ann = await world.customer()
    await bought(world, paid(world, 10, off="10", customer=ann, points=50))
    payload = await adjust(world, ann, 30)
    assert (payload["transaction"]["points"], payload["transaction"]["balanceAfter"]) == (30, -20)
    assert await totals(world, ann) == (0, 0, 0, 20)
    await adjust(world, ann, 30)
    assert await totals(world, ann) == (10, 0, 0, 0)
    assert [lot["remaining"] for lot in await lots(world, ann)] == [10]
    await clean(world)


async def test_an_adjustment_sent_again_gives_once_under_its_key(world: World) -> None:
    ann = await rich(world, 100)
    first = await adjust(world, ann, 5, key="a-1")
    async with nothing_written(world):
        assert await adjust(world, ann, 5, key="a-1") == {**first, "replayed": True}
        assert codes(await adjust(world, ann, 6, key="a-1")) == ["IDEMPOTENCY_KEY_MISMATCH"]
    assert await totals(world, ann) == (105, 0, 0, 0)
    payloads = await together(*(adjust(world, ann, -35) for _ in range(10)))
    assert sorted(map(str, map(codes, payloads))) == ["['INSUFFICIENT_POINTS']"] * 7 + ["[]"] * 3
    assert await totals(world, ann) == (0, 0, 0, 0)
    await clean(world)


@pytest.mark.parametrize("points", [1, -1])
async def test_an_adjustment_names_its_own_entry_also_where_others_fall_due_with_it(world: World, points: int) -> None:
    ann = await world.customer()
    await bought(world, paid(world, 1, customer=ann, occurredAt="2024-11-21T13:00:00Z"))
    await bought(world, paid(world, 5, customer=ann, id="s-2"))
    world.clock.advance(hours=2)
    payload = await adjust(world, ann, points, "Mine")
    assert (payload["transaction"]["type"], payload["transaction"]["reason"]) == ("ADJUST", "Mine")
    assert payload["transaction"]["id"] == (await transactions(world, ann))[0]["id"]
    assert [kind for kind, _, _ in await ledger_of(world, ann)] == ["EARN", "EARN", "EXPIRE", "ADJUST"]
    await clean(world)


# ---------------------------------------------------------------- moving


async def test_points_move_from_one_account_to_the_other(world: World) -> None:
    ann, bob = await rich(world, 100), await rich(world, 5, email="bob@example.com")
    payload = await transfer(world, ann, {"email": "BOB@example.com"}, 40)
    assert payload["userErrors"] == []
    assert (payload["from"]["id"], payload["from"]["balance"]["available"]) == (account_of(ann), 60)
    assert (payload["to"]["id"], payload["to"]["balance"]["available"]) == (account_of(bob), 45)
    assert payload["to"]["balance"]["lifetimeEarned"] == 0
    assert await ledger_of(world, ann) == [("ADJUST", 100, 100), ("TRANSFER_OUT", -40, 60)]
    assert await ledger_of(world, bob) == [("ADJUST", 5, 5), ("TRANSFER_IN", 40, 45)]
    gone, came = (await transactions(world, ann))[0], (await transactions(world, bob))[0]
    assert (gone["source"]["kind"], gone["source"]["nodeId"]) == ("TRANSFER", account_of(bob))
    assert (came["source"]["kind"], came["source"]["nodeId"]) == ("TRANSFER", account_of(ann))
    moved = await world.all("points_transactions", {"type": {"$in": ["TRANSFER_IN", "TRANSFER_OUT"]}})
    assert [entry["by"] for entry in moved] == [STAFF.principal] * 2
    await clean(world)


async def test_points_that_move_keep_their_ends(world: World) -> None:
    ann, bob = await world.customer(), await world.customer(email="bob@example.com")
    for days in (700, 10, 20):
        await bought(world, paid(world, 10, customer=ann, id=f"s-{days}", occurredAt=ago(world, days=days)))
    ends = [(lot["remaining"], lot["earnedAt"], lot["expiresAt"]) for lot in await lots(world, ann)]
    assert [points for points, _, _ in ends] == [10, 10, 10]
    await transfer(world, ann, bob, 25)
    assert [(lot["remaining"], lot["earnedAt"], lot["expiresAt"]) for lot in await lots(world, bob)] == [
        ends[0], ends[1], (5, *ends[2][1:]),
    ]  # fmt: skip
    assert [(lot["remaining"], lot["expiresAt"]) for lot in await lots(world, ann)] == [(5, ends[2][2])]
    await transfer(world, bob, ann, 12)  # back again: the same ends, and so for ever
    assert [(lot["remaining"], lot["expiresAt"]) for lot in await lots(world, ann)] == [
        (10, ends[0][2]), (2, ends[1][2]), (5, ends[2][2]),
    ]  # fmt: skip
    world.clock.advance(days=40)
    assert await totals(world, ann) == (7, 0, 0, 0)
    await settle(world)
    await clean(world)


async def test_a_transfer_that_does_not_hold_moves_nothing(world: World) -> None:
    await save(world, overdraftPoints=1000)
    ann, bob = await rich(world, 100), await rich(world, 5, email="bob@example.com")
    await held(world, ann, 30)
    async with nothing_written(world):
        assert problems(await transfer(world, ann, bob, 71)) == [("INSUFFICIENT_POINTS", ["points"])]
        for points in (0, -1):
            assert problems(await transfer(world, ann, bob, points)) == [("INVALID", ["points"])]
        for to in (ann, {"email": "ann@example.com"}):
            refused = await transfer(world, ann, to, 1)
            assert problems(refused) == [("INVALID", ["to"])]
            assert (refused["from"], refused["to"]) == (None, None)
        assert problems(await transfer(world, GONE, bob, 1)) == [("NOT_FOUND", ["from"])]
        assert problems(await transfer(world, ann, GONE, 1)) == [("NOT_FOUND", ["to"])]
        assert problems(await transfer(world, ann, {"phone": "+4366012345678"}, 1)) == [("NOT_FOUND", ["to"])]
        assert problems(await transfer(world, ann, account_of(bob), 1)) == [("INVALID", ["to", "id"])]
    assert (await transfer(world, ann, bob, 70))["userErrors"] == []


async def test_points_that_come_over_pay_the_debt_first(world: World) -> None:
    await save(world, overdraftPoints=50)
    ann, bob = await rich(world, 100), await world.customer(email="bob@example.com")
    await bought(world, paid(world, 10, off="10", customer=bob, points=50))
    await transfer(world, ann, bob, 30)
    assert await totals(world, bob) == (0, 0, 0, 20)
    assert await lots(world, bob) == []
    await transfer(world, ann, bob, 30)
    assert await totals(world, bob) == (10, 0, 0, 0)
    assert await totals(world, ann) == (40, 0, 0, 0)
    await clean(world)


async def test_nobody_gets_more_points_than_graphql_can_say(world: World) -> None:
    ann, bob = await rich(world, 10), await rich(world, 2**31 - 5, email="bob@example.com")
    async with nothing_written(world):
        assert codes(await transfer(world, ann, bob, 10)) == ["INVALID"]
    assert (await transfer(world, ann, bob, 4))["userErrors"] == []


async def test_transfers_in_both_directions_at_once_keep_the_sum(world: World) -> None:
    ann, bob = await rich(world, 500), await rich(world, 500, email="bob@example.com")
    calls = [transfer(world, ann, bob, 7) if turn % 2 else transfer(world, bob, ann, 11) for turn in range(20)]
    payloads = await together(*calls)
    assert [codes(payload) for payload in payloads] == [[]] * 20
    assert await totals(world, ann) == (500 + 10 * 11 - 10 * 7, 0, 0, 0)
    assert await totals(world, bob) == (500 + 10 * 7 - 10 * 11, 0, 0, 0)
    await clean(world)


async def test_a_ring_of_transfers_with_sales_in_between_neither_loses_nor_makes_points(world: World) -> None:
    people = [await rich(world, 50, email=f"p{number}@example.com") for number in range(4)]
    calls = []
    for turn in range(20):
        giver, taker = people[turn % 4], people[(turn + 1 + turn // 4 % 3) % 4]
        calls.append(transfer(world, giver, taker, 30))
        calls.append(hold(world, giver, 1, ttl=1))
    payloads = await together(*calls)
    assert {str(codes(payload)) for payload in payloads} <= {"[]", "['INSUFFICIENT_POINTS']"}
    world.clock.advance(seconds=1)
    found = [await totals(world, person) for person in people]
    assert sum(available for available, *_ in found) == 200
    assert {(pending, held_, debt) for _, pending, held_, debt in found} == {(0, 0, 0)}
    await settle(world)
    await clean(world)


async def test_a_transfer_sent_again_moves_once_under_its_key(world: World) -> None:
    ann, bob = await rich(world, 100), await world.customer(email="bob@example.com")
    first = await transfer(world, ann, bob, 100, key="t-1")
    async with nothing_written(world):
        assert await transfer(world, ann, bob, 100, key="t-1") == {**first, "replayed": True}
        assert codes(await transfer(world, bob, ann, 100, key="t-1")) == ["IDEMPOTENCY_KEY_MISMATCH"]
    assert await totals(world, bob) == (100, 0, 0, 0)
