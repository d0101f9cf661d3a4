"""Points reserved while a cart is open: held, captured, released, timed out, and never two of these at once."""

import pytest

from crm.ids import account_of
from tests.services.helpers import codes, ledger_of, nothing_written
from tests.services.loyalty_helpers import (
    CAPTURE,
    TIME_OUT,
    capture,
    held,
    hold,
    holds,
    lots,
    problems,
    release,
    rich,
    then,
    together,
    told,
    totals,
    transactions,
)
from tests.services.program_helpers import clean, save, settle
from tests.support import ADMIN, POS, STAFF, STOREFRONT, World, customer_caller

UNKNOWN = "hld_00000000000000000000000000"


async def test_a_hold_reserves_points_without_an_entry(world: World) -> None:
    ann = await rich(world, 100)
    payload = await hold(world, ann, 30, ttl=60)
    assert told(payload) == (30, 0, "ACTIVE")
    assert payload["hold"]["expiresAt"] == "2026-11-21T12:01:00.000Z"
    assert payload["account"]["id"] == account_of(ann)
    assert payload["account"]["balance"]["available"] == 70
    assert payload["account"]["balance"]["held"] == 30
    assert await totals(world, ann) == (70, 0, 30, 0)
    assert await holds(world, ann) == [payload["hold"]]
    assert [lot["remaining"] for lot in await lots(world, ann)] == [100]  # what is held is still there
    assert await ledger_of(world, ann) == [("ADJUST", 100, 100)]
    await clean(world)


async def test_all_of_a_hold_is_captured_as_one_entry_that_names_it(world: World) -> None:
    ann = await rich(world, 100)
    made = await held(world, ann, 30)
    world.clock.advance(minutes=5)
    payload = await capture(world, made)
    assert told(payload) == (30, 30, "CAPTURED")
    assert payload["account"]["balance"]["available"] == 70
    assert payload["account"]["balance"]["held"] == 0
    assert await totals(world, ann) == (70, 0, 0, 0)
    assert await holds(world, ann) == []
    assert await ledger_of(world, ann) == [("ADJUST", 100, 100), ("SPEND", -30, 70)]
    newest = (await transactions(world, ann))[0]
    assert newest["source"] == {"kind": "HOLD", "nodeId": made, "externalId": None}
    assert (newest["at"], newest["occurredAt"]) == ("2026-11-21T12:05:00.000Z", "2026-11-21T12:05:00.000Z")
    await clean(world)


async def test_what_a_part_capture_leaves_is_free_again(world: World) -> None:
    ann = await rich(world, 100)
    made = await held(world, ann, 30)
    assert told(await capture(world, made, 12)) == (30, 12, "CAPTURED")
    assert await totals(world, ann) == (88, 0, 0, 0)
    assert await ledger_of(world, ann) == [("ADJUST", 100, 100), ("SPEND", -12, 88)]
    assert await holds(world, ann) == []
    assert told(await hold(world, ann, 88)) == (88, 0, "ACTIVE")
    await clean(world)


async def test_a_released_hold_leaves_no_trace_in_the_ledger(world: World) -> None:
    ann = await rich(world, 100)
    made = await held(world, ann, 100)
    assert told(await release(world, made)) == (100, 0, "RELEASED")
    assert await totals(world, ann) == (100, 0, 0, 0)
    assert await holds(world, ann) == []
    assert await ledger_of(world, ann) == [("ADJUST", 100, 100)]
    await clean(world)


@pytest.mark.parametrize("worked", TIME_OUT)
async def test_a_hold_that_nobody_ends_is_over_at_its_instant(world: World, worked: bool) -> None:
    ann = await rich(world, 100)
    made = await held(world, ann, 100, ttl=60)
    world.clock.advance(seconds=59.999)
    assert await settle(world) == 0
    assert await totals(world, ann) == (0, 0, 100, 0)
    world.clock.advance(seconds=0.001)
    assert await settle(world) == 1 if worked else True
    assert await totals(world, ann) == (100, 0, 0, 0)
    assert await holds(world, ann) == []
    node = "query($id: ID!) { node(id: $id) { ... on PointsHold { status captured } } }"
    assert (await world.data(node, {"id": made}))["node"] == {"status": "EXPIRED", "captured": 0}
    assert await ledger_of(world, ann) == [("ADJUST", 100, 100)]
    async with nothing_written(world):
        assert problems(await capture(world, made)) == [("HOLD_EXPIRED", ["holdId"])]
        assert problems(await release(world, made)) == [("HOLD_EXPIRED", ["holdId"])]
    assert told(await hold(world, ann, 100)) == (100, 0, "ACTIVE")
    await clean(world)


async def test_holds_come_soonest_to_time_out_first_and_each_frees_its_own(world: World) -> None:
    ann = await rich(world, 100)
    late, soon = await held(world, ann, 10, ttl=86_400), await held(world, ann, 20, ttl=1)
    assert [one["id"] for one in await holds(world, ann)] == [soon, late]
    world.clock.advance(seconds=1)
    assert [one["id"] for one in await holds(world, ann)] == [late]
    assert await totals(world, ann) == (90, 0, 10, 0)
    world.clock.advance(days=1)
    assert await totals(world, ann) == (100, 0, 0, 0)
    assert await settle(world) == 1
    await clean(world)


@pytest.mark.parametrize("points", [0, -1, -(2**31)])
async def test_a_hold_of_no_points_is_refused(world: World, points: int) -> None:
    ann = await rich(world, 100)
    made = await held(world, ann, 10)
    async with nothing_written(world):
        assert problems(await hold(world, ann, points)) == [("INVALID", ["points"])]
        assert problems(await capture(world, made, points)) == [("INVALID", ["points"])]


@pytest.mark.parametrize("ttl", [0, -1, 86_401])
async def test_a_hold_lasts_from_a_second_to_a_day(world: World, ttl: int) -> None:
    ann = await rich(world, 100)
    async with nothing_written(world):
        assert problems(await hold(world, ann, 1, ttl=ttl)) == [("INVALID", ["ttlSeconds"])]


async def test_only_what_is_available_is_held(world: World) -> None:
    ann = await rich(world, 100)
    made = await held(world, ann, 60)
    async with nothing_written(world):
        payload = await hold(world, ann, 41)
        assert problems(payload) == [("INSUFFICIENT_POINTS", ["points"])]
        assert (payload["hold"], payload["account"]) == (None, None)
        assert problems(await hold(world, ann, 2**31 - 1)) == [("INSUFFICIENT_POINTS", ["points"])]
        assert problems(await capture(world, made, 61)) == [("INSUFFICIENT_POINTS", ["points"])]
    assert told(await hold(world, ann, 40)) == (40, 0, "ACTIVE")
    assert await totals(world, ann) == (0, 0, 100, 0)


async def test_nobody_holds_by_overdraft(world: World) -> None:
    await save(world, overdraftPoints=500)
    ann = await rich(world, 10)
    async with nothing_written(world):
        assert problems(await hold(world, ann, 11)) == [("INSUFFICIENT_POINTS", ["points"])]


async def test_a_hold_ends_once(world: World) -> None:
    ann = await rich(world, 100)
    captured, released = await held(world, ann, 10), await held(world, ann, 20)
    await capture(world, captured, 4)
    await release(world, released)
    async with nothing_written(world):
        for made in (captured, released):
            assert problems(await capture(world, made)) == [("HOLD_NOT_ACTIVE", ["holdId"])]
            assert problems(await capture(world, made, 1)) == [("HOLD_NOT_ACTIVE", ["holdId"])]
            assert problems(await release(world, made)) == [("HOLD_NOT_ACTIVE", ["holdId"])]
    world.clock.advance(days=2)  # what it came to stays, whatever its time would have been
    async with nothing_written(world):
        for made in (captured, released):
            assert problems(await capture(world, made)) == [("HOLD_NOT_ACTIVE", ["holdId"])]
    assert await totals(world, ann) == (96, 0, 0, 0)


async def test_a_hold_that_is_not_there_is_not_found_and_another_id_is_invalid(world: World) -> None:
    ann = await rich(world, 100)
    await held(world, ann, 10)
    async with nothing_written(world):
        for end in (capture, release):
            assert problems(await end(world, UNKNOWN)) == [("NOT_FOUND", ["holdId"])]
            for other in (ann, account_of(ann), "", "hld_1", "hld"):
                assert problems(await end(world, other)) == [("INVALID", ["holdId"])]


async def test_a_hold_needs_its_customer(world: World) -> None:
    await rich(world, 100)
    async with nothing_written(world):
        assert problems(await hold(world, None, 1)) == [("INVALID", ["customer"])]
        assert problems(await hold(world, {"email": "nobody@example.com"}, 1)) == [("NOT_FOUND", ["customer"])]
        assert problems(await hold(world, "cus_00000000000000000000000000", 1)) == [("NOT_FOUND", ["customer"])]
        assert problems(await hold(world, account_of("cus_00000000000000000000000000"), 1)) == [
            ("INVALID", ["customer", "id"])
        ]


async def test_a_customer_holds_and_releases_the_own_points_alone(world: World) -> None:
    ann, bob = await rich(world, 100), await rich(world, 100, email="bob@example.com")
    own = await hold(world, None, 10, caller=customer_caller(ann))
    assert told(own) == (10, 0, "ACTIVE")
    assert own["account"]["id"] == account_of(ann)
    assert told(await hold(world, ann, 5, caller=customer_caller(ann))) == (5, 0, "ACTIVE")
    others = await held(world, bob, 20)
    async with nothing_written(world):
        refused = await hold(world, bob, 1, caller=customer_caller(ann))
        assert problems(refused) == [("NOT_FOUND", ["customer"])]
        unknown = await release(world, UNKNOWN, caller=customer_caller(ann))
        assert await release(world, others, caller=customer_caller(ann)) == unknown  # not even that it is there
        assert problems(unknown) == [("NOT_FOUND", ["holdId"])]
    assert told(await release(world, own["hold"]["id"], caller=customer_caller(ann))) == (10, 0, "RELEASED")
    assert await totals(world, ann) == (95, 0, 5, 0)
    assert await totals(world, bob) == (80, 0, 20, 0)


async def test_a_customer_never_captures(world: World) -> None:
    ann = await rich(world, 100)
    made = await held(world, ann, 10)
    async with nothing_written(world):
        for caller in (customer_caller(ann), STOREFRONT):
            body = await world.answer(CAPTURE, {"hold": made}, caller=caller)
            assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN"]
    for caller in (POS, STAFF, ADMIN):
        assert told(await capture(world, await held(world, ann, 1, caller=caller), caller=caller))[2] == "CAPTURED"


async def test_a_key_sent_again_gives_the_first_outcome_and_the_hold_as_it_is_now(world: World) -> None:
    ann = await rich(world, 100)
    first = await hold(world, ann, 60, key="hold-1")
    async with nothing_written(world):
        assert await hold(world, ann, 60, key="hold-1") == {**first, "replayed": True}
        assert codes(await hold(world, ann, 61, key="hold-1")) == ["IDEMPOTENCY_KEY_MISMATCH"]
    made = first["hold"]["id"]
    refused = await hold(world, ann, 60, key="hold-2")
    assert codes(refused) == ["INSUFFICIENT_POINTS"]
    captured = await capture(world, made, 50, key="capture-1")
    assert told(captured) == (60, 50, "CAPTURED")
    async with nothing_written(world):
        assert await capture(world, made, 50, key="capture-1") == {**captured, "replayed": True}
        assert told(await hold(world, ann, 60, key="hold-1")) == (60, 50, "CAPTURED")
        assert codes(await hold(world, ann, 60, key="hold-2")) == ["INSUFFICIENT_POINTS"]  # a refusal is kept too
    assert await totals(world, ann) == (50, 0, 0, 0)
    assert await ledger_of(world, ann) == [("ADJUST", 100, 100), ("SPEND", -50, 50)]
    await clean(world)


async def test_an_account_has_at_most_a_hundred_holds_and_time_makes_room(world: World) -> None:
    ann = await rich(world, 1000)
    for _ in range(100):
        await held(world, ann, 1, ttl=60)
    async with nothing_written(world):
        assert codes(await hold(world, ann, 1)) == ["INVALID"]
    world.clock.advance(seconds=60)
    assert told(await hold(world, ann, 1000)) == (1000, 0, "ACTIVE")
    await clean(world)


async def test_twenty_holds_at_once_never_hold_more_than_there_is(world: World) -> None:
    ann = await rich(world, 1000)
    payloads = await together(*(hold(world, ann, 100) for _ in range(20)))
    assert sorted(map(str, map(codes, payloads))) == ["['INSUFFICIENT_POINTS']"] * 10 + ["[]"] * 10
    assert await totals(world, ann) == (0, 0, 1000, 0)
    assert len(await holds(world, ann)) == 10
    assert await ledger_of(world, ann) == [("ADJUST", 1000, 1000)]
    await clean(world)


async def test_of_a_capture_and_a_release_at_once_one_wins(world: World) -> None:
    ann = await rich(world, 1000)
    spent = 0
    for _ in range(5):
        made = await held(world, ann, 10)
        payloads = await together(*(end(world, made) for end in (capture, release, capture, release)))
        assert sorted(map(str, map(codes, payloads))) == ["['HOLD_NOT_ACTIVE']"] * 3 + ["[]"]
        spent += next(payload["hold"]["captured"] for payload in payloads if payload["hold"])
    assert await totals(world, ann) == (1000 - spent, 0, 0, 0)
    assert len(await ledger_of(world, ann)) == 1 + spent // 10
    await clean(world)


async def test_a_hold_may_be_named_by_whatever_names_the_customer(world: World) -> None:
    ann = await rich(world, 100)
    payload = await hold(world, {"email": "ANN@example.com"}, 10)
    assert payload["account"]["id"] == account_of(ann)
    assert payload["hold"]["expiresAt"] == then(world, seconds=900).replace("+00:00", ".000Z")
