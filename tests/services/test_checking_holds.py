"""`crm check` over everything that the ledger can post: silent at every instant, and it says what is outstanding."""

from collections import Counter

from loyalty.values import HoldStatus, TransactionType
from services.checking import check
from services.liability import Liability, Outstanding
from store.rewards import GIVEN_BACK, REDEEMED
from tests.services.eventful import eventful
from tests.services.loyalty_helpers import adjust, bought, held, paid, transfer
from tests.services.program_helpers import save, settle
from tests.support import World

OVERDUE = {  # the steps at which something fell due that nobody has written down
    "a hold over time, not written down",
    "another over time",
    "pending points due, and debt to pay",
    "most points over",
    "a hold of sliding points over time",
}


async def owed(world: World) -> Liability:
    """Return what a check says is outstanding."""
    report = await check(world.call())
    assert report.differences == []
    return report.liability


async def told_to_customers(world: World) -> Outstanding:
    """Return what all customers together are told they have."""
    everybody = [await world.points(person["_id"]) for person in await world.all("customers")]
    return Outstanding(**{name: sum(one[name] for one in everybody) for name in ("available", "pending", "held")})


def sum_of(liability: Liability) -> Outstanding:
    months = liability.months.values()
    return Outstanding(
        available=sum(month.available for month in months),
        pending=sum(month.pending for month in months),
        held=sum(month.held for month in months),
    )


async def test_nothing_differs_after_any_step_of_an_eventful_history(world: World) -> None:
    async for step in eventful(world):
        assert (await check(world.call())).differences == [], step

    entries = await world.all("points_transactions")
    assert {entry["type"] for entry in entries} == {*TransactionType} - {TransactionType.MERGE}
    assert {(entry["type"], entry["source"]["kind"]) for entry in entries} >= {
        ("SPEND", "HOLD"),
        ("SPEND", "PURCHASE"),
        ("SPEND", "REWARD"),
        ("BONUS", "PURCHASE"),
        ("BONUS", "FEEDBACK"),
        ("BONUS", "EVENT"),
        ("BONUS", "REFERRAL"),
        ("ADJUST", "STAFF"),
    }
    assert any((entry["type"], entry["points"]) == ("ADJUST", 0) for entry in entries), "active points pay debt"
    assert any(
        (entry["type"], entry["source"]["kind"]) == ("ADJUST", "STAFF") and entry["points"] < 0 for entry in entries
    )
    holds = Counter(hold["status"] for hold in await world.all("points_holds"))
    assert holds.keys() == {*HoldStatus} - {HoldStatus.ACTIVE}
    assert any(0 < hold["captured"] < hold["points"] for hold in await world.all("points_holds"))
    assert {one["status"] for one in await world.all("reward_redemptions")} == {REDEEMED, GIVEN_BACK}
    assert any(
        part["lotId"] is None and part["returned"]
        for sale in await world.all("purchases")
        for part in sale.get("spent", ())
    )


async def test_what_is_outstanding_is_what_customers_are_told_after_every_step(world: World) -> None:
    async for step in eventful(world):
        if step not in OVERDUE:
            assert sum_of(await owed(world)) == await told_to_customers(world), step


async def test_a_late_worker_makes_no_difference_to_what_is_outstanding(world: World) -> None:
    async for step in eventful(world):
        if step in OVERDUE:
            assert sum_of(await owed(world)) == await told_to_customers(world), step


async def test_outstanding_points_stand_in_the_month_of_their_end(world: World) -> None:
    """Noon of 21 November 2026 in UTC, 13:00 in Vienna."""
    ann, ben = await world.customer(), await world.customer(email="ben@example.com")
    rate = {"name": "Base", "event": "PURCHASE", "pointsPerUnit": "1"}
    six_months = {"kind": "ROLLING", "months": 6}
    await save(world, earningRules=[rate], expiry=six_months, pending={"kind": "DAYS", "days": 14})
    await adjust(world, ann, 100)  # until 21 May
    await bought(world, paid(world, 40, id="pending", customer=ann))  # until 21 May
    await held(world, ann, 30, ttl=86_400)
    await save(world, pending=None, expiry={"kind": "NEVER"})
    await adjust(world, ann, 7)
    await adjust(world, ben, 5)
    await save(world, expiry={"kind": "SLIDING", "months": 2})
    await bought(world, paid(world, 11, id="sliding", customer=ben))  # 2 months after the last activity

    first = await owed(world)

    assert first.in_order() == [
        ("2027-01", Outstanding(available=11)),
        ("2027-05", Outstanding(available=70, pending=40, held=30)),
        ("never", Outstanding(available=12)),
    ]
    assert first.points == 163
    (known,) = await world.all("loyalty_programs", {"version": 4})
    assert (first.program_id, first.program) == (known["programId"], "Points")

    world.clock.advance(days=15)  # 6 December: the hold timed out, what was pending is active
    await settle(world)
    await bought(world, paid(world, 3, id="activity", customer=ben))
    await transfer(world, ben, ann, 4)  # soonest to end first; it keeps the end it had

    assert (await owed(world)).in_order() == [
        ("2027-02", Outstanding(available=14)),
        ("2027-05", Outstanding(available=140)),
        ("never", Outstanding(available=12)),
    ]


async def test_what_has_ended_is_not_outstanding_written_down_or_not(world: World) -> None:
    ann = await world.customer()
    await save(world, expiry={"kind": "ROLLING", "months": 1})
    await adjust(world, ann, 50)
    world.clock.advance(days=40)

    assert (await owed(world)).in_order() == []
    await settle(world)
    assert (await owed(world)).in_order() == []
