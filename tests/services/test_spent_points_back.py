"""Points that paid for goods go back with the goods: to the lots they came from."""

from typing import Any

import pytest

from tests.services.helpers import ledger_of, line
from tests.services.loyalty_helpers import adjust, bought, event, held, lots, paid, rich, totals, track, transactions
from tests.services.program_helpers import clean, save, settle
from tests.services.spent_points import THREE, given_back, good, left, two_lots
from tests.support import World


async def test_points_go_back_to_the_lots_they_came_from_latest_end_first(world: World) -> None:
    ann = await two_lots(world)
    purchase = (await bought(world, paid(world, 30, customer=ann, points=15, **THREE)))["id"]
    assert await left(world, ann) == {"late": 5, "s-1": 30}
    await good(world.give_back(purchase, {1: "1"}, id="r-1"))
    assert await left(world, ann) == {"late": 10, "s-1": 20}
    await good(world.give_back(purchase, {1: "1"}, id="r-2"))
    assert await left(world, ann) == {"soon": 5, "late": 10, "s-1": 10}
    await good(world.give_back(purchase, {1: "1"}, id="r-3"))
    assert await left(world, ann) == {"soon": 10, "late": 10}
    assert await given_back(world, purchase) == [5, 5, 5]
    assert [entry[:2] for entry in await ledger_of(world, ann)][2:] == [
        ("SPEND", -15), ("EARN", 30), *[("RETURN_SPENT", 5), ("RETURN_EARNED", -10)] * 3,
    ]  # fmt: skip
    newest = (await transactions(world, ann))[0]
    assert newest["source"]["externalId"] == {"source": "till-7", "value": "r-3"}
    await clean(world)


async def test_points_of_a_hold_go_back_to_their_lots_too(world: World) -> None:
    ann = await two_lots(world)
    made = await held(world, ann, 18)
    purchase = (await bought(world, paid(world, 30, customer=ann, holdId=made, points=15, **THREE)))["id"]
    await good(world.give_back(purchase, {1: "3"}))
    assert await left(world, ann) == {"soon": 10, "late": 10}
    assert await totals(world, ann) == (20, 0, 0, 0)
    await clean(world)


@pytest.mark.parametrize("worked", [False, True])
async def test_points_that_come_back_after_their_end_expire_at_once(world: World, worked: bool) -> None:
    ann = await two_lots(world)
    purchase = (await bought(world, paid(world, 30, customer=ann, points=15, **THREE)))["id"]
    world.clock.advance(days=40)
    if worked:
        await settle(world)
    await good(world.give_back(purchase, {1: "3"}))
    assert await left(world, ann) == {"late": 10}
    assert (await ledger_of(world, ann))[2:] == [
        ("SPEND", -15, 5), ("EARN", 30, 35), ("RETURN_SPENT", 15, 50), ("EXPIRE", -10, 40), ("RETURN_EARNED", -30, 10),
    ]  # fmt: skip
    assert await totals(world, ann) == (10, 0, 0, 0)
    await clean(world)


async def test_points_that_came_back_and_expired_count_as_taken_back_of_their_own_sale(world: World) -> None:
    ann = await two_lots(world)
    (soon,) = await world.all("purchases", {"externalId.value": "soon"})
    purchase = (await bought(world, paid(world, 30, customer=ann, points=6, **THREE)))["id"]
    world.clock.advance(days=40)
    await good(world.give_back(purchase, {1: "3"}, id="r-1"))
    await good(world.give_back(soon["_id"], {1: "1"}, id="r-2"))
    assert await totals(world, ann) == (10, 0, 0, 0)
    assert await left(world, ann) == {"late": 10}
    await clean(world)


async def test_what_was_overdrawn_comes_back_last_as_a_lot_of_its_own(world: World) -> None:
    await save(world, overdraftPoints=50)
    ann = await rich(world, 10)
    free: dict[str, Any] = {"lines": [line(1, "4", "10.00")], "discountTotal": "40.00", "total": "0.00"}
    purchase = (await bought(world, paid(world, 40, customer=ann, points=40, **free)))["id"]
    assert await totals(world, ann) == (0, 0, 0, 30)
    await bought(world, paid(world, 100, customer=ann, id="s-2"))
    assert await totals(world, ann) == (70, 0, 0, 0)
    world.clock.advance(days=1)
    await good(world.give_back(purchase, {1: "1"}, id="r-1"))
    assert sorted(lot["remaining"] for lot in await lots(world, ann)) == [10, 70]
    await good(world.give_back(purchase, {1: "2"}, id="r-2"))
    await good(world.give_back(purchase, {1: "1"}, id="r-3"))
    assert await given_back(world, purchase) == [10, 20, 10]
    assert await totals(world, ann) == (110, 0, 0, 0)
    assert sorted(lot["remaining"] for lot in await lots(world, ann)) == [10, 10, 20, 70]
    assert {lot["expiresAt"] for lot in await lots(world, ann)} == {"2028-11-21T12:00:00.000Z"}
    await clean(world)


async def test_a_debt_is_paid_first_by_points_that_come_back(world: World) -> None:
    ann = await world.customer()
    earned = (await bought(world, paid(world, 100, customer=ann)))["id"]
    free: dict[str, Any] = {"lines": [line(1, "2", "10.00")], "discountTotal": "20.00", "total": "0.00"}
    spent = (await bought(world, paid(world, 20, customer=ann, points=60, id="s-2", **free)))["id"]
    await good(world.give_back(earned, {1: "1"}, id="r-1"))
    assert await totals(world, ann) == (0, 0, 0, 60)
    await good(world.give_back(spent, {1: "1"}, id="r-2"))
    assert await totals(world, ann) == (0, 0, 0, 30)
    await good(world.give_back(spent, {1: "1"}, id="r-3"))
    assert await totals(world, ann) == (0, 0, 0, 0)
    assert [entry[1:] for entry in await ledger_of(world, ann)] == [
        (100, 100),
        (-60, 40),
        (-100, -60),
        (30, -30),
        (30, 0),
    ]
    assert await lots(world, ann) == []
    await clean(world)


async def test_what_the_sale_earned_is_taken_out_of_what_comes_back(world: World) -> None:
    ann = await rich(world, 100)
    purchase = (await bought(world, paid(world, 30, customer=ann, points=100, **THREE)))["id"]
    await adjust(world, ann, -30)
    await good(world.give_back(purchase, {1: "3"}))
    assert await totals(world, ann) == (70, 0, 0, 0)  # no debt: 100 came back before 30 left
    await clean(world)


async def test_nothing_comes_back_of_a_sale_that_was_paid_with_money_alone(world: World) -> None:
    ann = await rich(world, 100)
    purchase = (await bought(world, paid(world, 30, customer=ann, **THREE)))["id"]
    await good(world.give_back(purchase, {1: "3"}))
    assert await given_back(world, purchase) == [0]
    assert await totals(world, ann) == (100, 0, 0, 0)


async def test_points_go_back_to_a_lot_that_has_begun_to_wait_for_nothing(world: World) -> None:
    await save(world, pending={"kind": "UNTIL_EVENT", "event": "delivered"})
    ann = await world.customer()
    await bought(world, paid(world, 100, customer=ann, id="first"))
    world.clock.advance(minutes=1)
    await track(world, ann, event(world, "delivered"))
    world.clock.advance(minutes=1)
    purchase = (await bought(world, paid(world, 30, customer=ann, points=60, **THREE)))["id"]
    assert await totals(world, ann) == (40, 30, 0, 0)
    await good(world.give_back(purchase, {1: "1"}))
    assert await totals(world, ann) == (60, 20, 0, 0)
    await clean(world)
