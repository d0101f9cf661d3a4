"""What an account's totals were at an instant of the past, worked out by hand."""

import pytest

from loyalty.points import Account, Expiry
from loyalty.replay import balance_as_of
from tests.loyalty.support import UTC_ZONE, Kept, on


def as_of(kept: Kept, day: float) -> tuple[int, int, int, int]:
    then = totals(kept, day)
    return then.available, then.pending, then.held, then.debt


def totals(kept: Kept, day: float) -> Account:
    return balance_as_of(kept.entries, kept.lots.values(), kept.holds.values(), at=on(day), zone=kept.zone)


def test_before_the_first_entry_there_is_nothing() -> None:
    kept = Kept()
    kept.credit(10, now=5, sold=1)
    assert totals(kept, 4) == Account()
    assert balance_as_of([], [], [], at=on(1), zone=UTC_ZONE) == Account()


def test_a_late_sale_counts_from_when_it_took_effect() -> None:
    kept = Kept()
    kept.credit(10, now=5, sold=1)
    assert (as_of(kept, 5 - 1e-6), as_of(kept, 5)) == ((0, 0, 0, 0), (10, 0, 0, 0))


@pytest.mark.parametrize("settled", [False, True])
def test_the_past_is_the_same_whether_or_not_what_fell_due_was_posted(settled: bool) -> None:
    kept = Kept()
    own = kept.credit(10, now=1, ends=20)
    kept.credit(8, now=1, active=10, ends=40)
    kept.hold(6, now=2, until=30)
    kept.take_back(9, own, now=3)  # 4 are free: 5 of debt
    if settled:
        for now in (5, 15, 25, 35, 45):
            kept.settle(now)
    expected = {
        1: (10, 8, 0, 0),
        2: (4, 8, 6, 0),
        3: (0, 8, 6, 5),
        9.9: (0, 8, 6, 5),
        10: (3, 0, 6, 0),  # 5 of the 8 pay the debt
        29.9: (3, 0, 6, 0),
        30: (3, 0, 0, 0),  # the 6 are overdue
        40: (0, 0, 0, 0),
    }
    assert {at: as_of(kept, at) for at in expected} == expected


def test_a_hold_counts_from_when_it_was_made_until_just_before_it_ended() -> None:
    kept = Kept()
    kept.credit(10, now=1)
    kept.release(kept.hold(4, now=2, until=9), now=3)
    kept.capture(kept.hold(5, now=4, until=9), 2, now=6)
    kept.hold(7, now=7, until=9)
    days = (1.9, 2, 2.9, 3, 4, 5.9, 6, 7, 8.9, 9)
    assert [as_of(kept, day)[0:3:2] for day in days] == [
        (10, 0), (6, 4), (6, 4), (10, 0), (5, 5), (5, 5), (8, 0), (1, 7), (1, 7), (8, 0),
    ]  # fmt: skip


def test_a_late_capture_leaves_the_hold_ended_when_it_timed_out() -> None:
    kept = Kept()
    kept.credit(10, now=1)
    hold = kept.hold(4, now=2, until=9)
    kept.capture(hold, now=11, sold=3, in_sale=True)
    assert [as_of(kept, day)[0:3:2] for day in (8.9, 9, 10.9, 11)] == [(6, 4), (10, 0), (10, 0), (6, 0)]


def test_points_that_an_event_activated_were_pending_until_it_did() -> None:
    kept = Kept()
    lot = kept.credit(10, now=1, active=100)
    kept.activate(lot, now=20)
    kept.spend(3, now=21)
    assert [as_of(kept, day) for day in (19.9, 20, 21)] == [(0, 10, 0, 0), (10, 0, 0, 0), (7, 0, 0, 0)]


def test_the_next_expiry_of_sliding_points_is_what_was_known_then() -> None:
    kept = Kept()
    kept.credit(10, now=0, sliding=1)
    kept.spend(1, now=20)
    kept.spend(1, now=45)
    assert totals(kept, 19).next_expiry == Expiry(points=10, at=on(31))
    assert totals(kept, 20).next_expiry == Expiry(points=9, at=on(51))
    kept.settle(100)
    assert totals(kept, 44).next_expiry == Expiry(points=9, at=on(51))
    assert (as_of(kept, 72.9), as_of(kept, 73)) == ((8, 0, 0, 0), (0, 0, 0, 0))  # 15 February: 15 March


def test_lifetime_points_and_debt_are_those_of_the_time() -> None:
    kept = Kept()
    kept.credit(10, now=1)
    kept.spend(15, now=2, overdraft=9)
    kept.credit(20, now=3)
    assert [(totals(kept, day).lifetime_earned, totals(kept, day).debt) for day in (1, 2, 3)] == [
        (10, 0), (10, 5), (30, 0),
    ]  # fmt: skip


def test_points_that_came_back_from_an_overdraft_are_spendable_then_though_the_tills_clock_was_ahead() -> None:
    kept = Kept()
    parts = kept.spend(6, now=2, overdraft=10)
    kept.credit(6, now=3)
    kept.act(
        4,
        lambda ledger: ledger.give_back(
            6, parts, occurred_at=on(4.003), source=kept.entries[0].source, expires_at=None
        ),
    )
    assert kept.totals() == as_of(kept, 4) == (6, 0, 0, 0)
