"""What happens by itself: ends, activations, time-outs at their instants, and ends that slide; worked out by hand."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from loyalty.book import DEBT_PAID
from loyalty.points import Account, Expiry, Source, due_at, next_expiry
from loyalty.program import UNTIL_EVENT_HAPPENS
from loyalty.values import SourceKind
from tests.loyalty.support import ADJUST, BEGIN, BONUS, EARN, SALE, UTC_ZONE, Kept, day, on

EVENT = (UNTIL_EVENT_HAPPENS - BEGIN).total_seconds() / 86400
VIENNA = ZoneInfo("Europe/Vienna")


def test_a_lot_is_gone_from_its_end_on_and_not_a_moment_before() -> None:
    kept = Kept()
    kept.credit(10, now=1, ends=50)
    kept.settle(50 - 1e-6)
    assert kept.account.available == 10
    kept.settle(50)
    assert kept.told()[1:] == [("EXPIRE", -10, 0, 50)]
    entry = kept.entries[1]
    assert (entry.source, entry.occurred_at) == (Source(kind=SourceKind.EXPIRY, node_id="lot_1"), on(50))
    assert (kept.lots["lot_1"].expired, kept.account.due_at, kept.account.next_expiry) == (10, None, None)


def test_what_fell_due_is_posted_at_its_due_instants_in_their_order_before_anything_new() -> None:
    kept = Kept()
    kept.credit(10, now=1, ends=50)
    kept.credit(20, now=2, ends=40)
    kept.credit(30, now=60, ends=99)
    assert kept.told()[2:] == [("EXPIRE", -20, 10, 40), ("EXPIRE", -10, 0, 50), ("EARN", 30, 30, 60)]


def test_settling_twice_posts_once() -> None:
    kept = Kept()
    kept.credit(10, now=1, ends=50)
    kept.settle(60)
    kept.settle(60)
    assert len(kept.entries) == 2


def test_nothing_is_due_on_an_empty_account() -> None:
    kept = Kept()
    kept.settle(1)
    assert kept.account == Account()
    assert next_expiry([], None, UTC_ZONE) is None
    assert due_at([], [], None, UTC_ZONE) is None


def test_on_one_instant_points_become_spendable_then_holds_time_out_then_points_end() -> None:
    kept = Kept()
    kept.credit(5, now=1, ends=9, active=9)
    kept.credit(10, now=1, ends=50)
    own = kept.credit(3, now=1, ends=40)
    kept.hold(13, now=2, until=9)
    kept.take_back(11, own, now=3)
    assert kept.totals() == (0, 5, 13, 11)
    kept.settle(9)
    # The 5 pay debt though they end now; then the 13 are free and pay the other 6, soonest to end first.
    assert kept.told()[4:] == [("ADJUST", 0, 7, 9), ("ADJUST", 0, 7, 9)]
    assert [entry.lots for entry in kept.entries[4:]] == [(("lot_1", -5),), (("lot_3", -3), ("lot_2", -3))]
    assert kept.totals() == (7, 0, 0, 0)


def test_a_lot_whose_hold_times_out_at_the_lots_end_ends_in_one_entry() -> None:
    kept = Kept()
    kept.credit(10, now=1, ends=9)
    kept.hold(6, now=2, until=9)
    kept.settle(9)
    assert kept.told()[1:] == [("EXPIRE", -10, 0, 9)]


def test_points_that_become_spendable_while_there_is_debt_pay_it_with_an_entry_of_0_points() -> None:
    kept = Kept()
    own = kept.credit(10, now=1, ends=50)
    kept.credit(10, now=1, ends=60, active=20)
    kept.take_back(14, own, now=2)
    assert kept.totals() == (0, 10, 0, 4)
    kept.settle(30)
    assert kept.told()[3:] == [("ADJUST", 0, 6, 20)]
    entry = kept.entries[-1]
    assert (entry.reason, entry.source, entry.lots) == (DEBT_PAID, SALE, (("lot_2", -4),))
    assert kept.totals() == (6, 0, 0, 0)
    assert kept.account.next_expiry == Expiry(points=6, at=on(60))


def test_pending_points_that_end_first_never_become_spendable() -> None:
    kept = Kept()
    kept.credit(10, now=1, ends=15, active=20)
    kept.settle(30)
    assert kept.told()[1:] == [("EXPIRE", -10, 0, 15)]
    assert kept.totals() == (0, 0, 0, 0)


# ---------------------------------------------------------------- an event activates


def test_points_that_wait_for_an_event_become_spendable_when_it_happens() -> None:
    kept = Kept()
    first = kept.credit(10, now=1, ends=50, active=EVENT)
    second = kept.credit(7, now=1, ends=40, active=EVENT)
    kept.credit(5, now=1, active=30)
    assert kept.account.due_at == on(30)
    assert kept.activate(first, now=20) == 10
    assert kept.totals() == (10, 12, 0, 0)
    assert (kept.lots[first].active_at, kept.lots[second].pending) == (on(20), True)
    assert len(kept.entries) == 3
    assert kept.activate(first, now=21) == 0
    assert kept.lots[first].active_at == on(20)
    kept.settle(45)
    assert kept.told()[3:] == [("EXPIRE", -7, 15, 40)]


def test_points_that_an_event_makes_spendable_pay_debt() -> None:
    kept = Kept()
    waiting = kept.credit(10, now=1, active=EVENT)
    own = kept.credit(4, now=1)
    kept.spend(4, now=2)
    kept.take_back(4, own, now=3)
    assert kept.activate(waiting, now=5) == 10
    assert kept.told()[-1] == ("ADJUST", 0, 6, 5)
    assert kept.entries[-1].lots == ((waiting, -4),)
    assert kept.totals() == (6, 0, 0, 0)


def test_an_event_after_the_end_of_what_waited_for_it_finds_nothing() -> None:
    kept = Kept()
    waiting = kept.credit(10, now=1, ends=15, active=EVENT)
    assert kept.activate(waiting, now=15) == 0
    assert kept.totals() == (0, 0, 0, 0)


# ---------------------------------------------------------------- ends that slide with activity


@pytest.mark.parametrize("activity", ["EARN", "BONUS", "SPEND"])
def test_activity_puts_off_the_end_of_sliding_points(activity: str) -> None:
    kept = Kept()
    kept.credit(10, now=0, sliding=1)  # 1 January: ends on 1 February
    assert (kept.account.due_at, kept.account.sliding) == (on(31), True)
    if activity == "SPEND":
        kept.spend(1, now=20)
    else:
        kept.credit(1, now=20, type_=EARN if activity == "EARN" else BONUS)
    assert kept.account.activity_at == on(20)
    assert kept.account.next_expiry is not None
    assert kept.account.next_expiry.at == on(51)  # 21 January: 21 February
    kept.settle(50.9)
    assert kept.account.available == (9 if activity == "SPEND" else 11)
    kept.settle(51)
    assert kept.account.available == (0 if activity == "SPEND" else 1)
    assert not kept.account.sliding


def test_a_capture_is_activity() -> None:
    kept = Kept()
    kept.credit(10, now=0, sliding=1)
    hold = kept.hold(4, now=10, until=30)
    kept.capture(hold, 1, now=20)
    assert kept.account.next_expiry == Expiry(points=9, at=on(51))


def test_adjustments_transfers_holds_and_returns_are_no_activity() -> None:
    kept, friend = Kept(), Kept()
    own = kept.credit(20, now=0, sliding=1)
    parts = kept.spend(5, now=0)
    kept.credit(1, now=20, type_=ADJUST)
    kept.transfer(1, friend, now=20)
    friend.transfer(1, kept, now=20)
    kept.hold(1, now=20, until=25)
    kept.give_back(2, parts, now=21)
    kept.take_back(1, own, now=21)
    assert kept.account.activity_at == on(0)
    assert kept.account.next_expiry is not None
    assert kept.account.next_expiry.at == on(31)


def test_a_transfer_gives_sliding_points_the_fixed_end_they_have_now() -> None:
    giver, taker = Kept(), Kept()
    giver.credit(10, now=0, sliding=1)
    giver.credit(1, now=20, sliding=1)
    giver.transfer(10, taker, now=25)
    taker.credit(1, now=30, ends=300)
    lot = taker.lots["lot_1"]
    assert (lot.expires_at, lot.sliding_months, lot.earned_at) == (on(51), None, on(0))
    assert not taker.account.sliding
    assert taker.account.next_expiry == Expiry(points=10, at=on(51))


def test_a_late_sale_is_activity_now_so_its_sliding_points_count_from_now() -> None:
    kept = Kept()
    kept.credit(10, now=100, sold=0, sliding=1)
    assert kept.account.available == 10
    assert kept.account.next_expiry == Expiry(points=10, at=datetime(2026, 5, 11, tzinfo=UTC))


def test_sliding_months_count_on_the_calendar_of_the_shop_and_a_missing_day_is_the_months_last() -> None:
    kept = Kept(zone=VIENNA)
    kept.credit(10, now=30.5, sliding=1)  # 31 January 13:00 in Vienna
    assert kept.account.due_at == datetime(2026, 2, 28, 12, tzinfo=UTC)
    kept.credit(10, now=58.25, sliding=1)  # 28 February 7:00, and 28 March is winter time still
    assert kept.account.due_at == datetime(2026, 3, 28, 6, tzinfo=UTC)
    kept.credit(10, now=60.5, sliding=1)  # 2 March 13:00: 2 April 13:00 is summer time
    assert kept.account.next_expiry == Expiry(points=30, at=datetime(2026, 4, 2, 11, tzinfo=UTC))


def test_a_sale_whose_own_points_are_over_already_puts_off_the_end_of_sliding_points_all_the_same() -> None:
    kept = Kept()
    kept.credit(10, now=0, sliding=1)
    kept.credit(5, now=20, sold=1, ends=15)  # earned under a programme of fixed ends, told late
    assert kept.account.next_expiry == Expiry(points=10, at=on(51))
    assert kept.account.due_at == on(51)


def test_a_working_copy_is_given_every_lot_once_points_slide() -> None:
    kept = Kept()
    kept.credit(10, now=0, ends=20)
    kept.credit(10, now=0, sliding=1)
    assert (kept.account.sliding, kept.account.due_at) == (True, on(20))
    kept.settle(25)
    assert kept.account.sliding
    kept.spend(10, now=26)
    assert not kept.account.sliding


# ---------------------------------------------------------------- a clock that runs backwards


def test_at_never_runs_backwards_even_when_now_does() -> None:
    kept = Kept()
    kept.credit(10, now=10, ends=50)
    kept.credit(5, now=9, ends=50)
    kept.spend(3, now=8)
    kept.hold(2, now=7, until=20)
    assert [day(entry.at) for entry in kept.entries] == [10, 10, 10]
    assert [day(entry.occurred_at) for entry in kept.entries] == [10, 9, 8]
    assert kept.holds["hld_1"].created_at == on(10)
    kept.release("hld_1", now=6)
    assert kept.holds["hld_1"].ended_at == on(10)


def test_what_falls_due_before_the_newest_entry_takes_effect_with_it() -> None:
    kept = Kept()
    kept.credit(1, now=12)
    kept.credit(10, now=11.5, sold=1, ends=11.75)
    kept.settle(11.75)
    assert kept.told()[1:] == [("EARN", 10, 11, 12), ("EXPIRE", -10, 1, 12)]
    assert kept.entries[-1].occurred_at == on(11.75)


def test_activation_by_an_event_never_lies_before_the_newest_entry() -> None:
    kept = Kept()
    waiting = kept.credit(10, now=10, active=EVENT)
    kept.activate(waiting, now=9)
    assert kept.lots[waiting].active_at == on(10)
