"""The points ledger: what comes in, is spent and transferred, worked out by hand."""

import pytest

from loyalty.ledger import Ledger
from loyalty.points import Account, Expiry, MovedPart, Source, SpentPart
from loyalty.values import SourceKind, TransactionType
from tests.loyalty.support import ADJUST, BONUS, EARN, SALE, TOO_FEW, UTC_ZONE, Kept, on, refused


def test_what_comes_in_makes_one_entry_and_one_lot_that_count_from_the_sale() -> None:
    kept = Kept()
    kept.credit(13, now=10, sold=2, ends=100)
    (entry,) = kept.entries
    assert (entry.type, entry.at, entry.occurred_at, entry.source) == (EARN, on(10), on(2), SALE)
    (lot,) = kept.lots.values()
    assert (lot.earned_at, lot.active_at, lot.expires_at) == (on(2), on(2), on(100))
    assert (lot.earned, lot.remaining, lot.held, lot.expired, lot.pending, lot.source) == (13, 13, 0, 0, False, SALE)
    assert kept.totals() == (13, 0, 0, 0)


@pytest.mark.parametrize("points", [0, -1])
def test_a_sale_that_earns_nothing_leaves_no_trace(points: int) -> None:
    kept = Kept()
    assert kept.credit(points, now=1, ends=9) == ""
    assert (kept.account, kept.lots, kept.entries) == (Account(), {}, [])


def test_earn_and_bonus_count_for_a_lifetime_and_adjustments_do_not() -> None:
    kept = Kept()
    kept.credit(10, now=1)
    kept.credit(5, now=1, type_=BONUS)
    kept.credit(7, now=1, type_=ADJUST)
    assert (kept.account.lifetime_earned, kept.account.available) == (15, 22)


def test_what_comes_in_pays_debt_first_and_counts_in_full() -> None:
    kept = Kept()
    own = kept.credit(10, now=1, ends=50)
    kept.take_back(35, own, now=2)
    assert kept.totals() == (0, 0, 0, 25)
    kept.credit(10, now=3, ends=90)
    assert kept.totals() == (0, 0, 0, 15)
    assert (kept.account.next_expiry, kept.account.due_at) == (None, None)
    kept.credit(40, now=4, ends=90)
    assert kept.totals() == (25, 0, 0, 0)
    assert kept.left() == [0, 0, 25]
    assert kept.entries[-1].lots == (("lot_3", 25),)
    assert kept.account.lifetime_earned == 60
    assert kept.told()[2:] == [("EARN", 10, -15, 3), ("EARN", 40, 25, 4)]


def test_pending_points_pay_debt_too_and_only_the_rest_waits() -> None:
    kept = Kept()
    own = kept.credit(10, now=1)
    kept.take_back(16, own, now=2)
    kept.credit(10, now=3, active=20)
    assert kept.totals() == (0, 4, 0, 0)
    kept.take_back(14, own, now=4)
    kept.credit(8, now=5, active=20)
    assert kept.totals() == (0, 4, 0, 6)
    assert not kept.lots["lot_3"].pending  # nothing of it is left to wait


def test_points_are_pending_until_their_instant_and_cannot_be_spent() -> None:
    kept = Kept()
    kept.credit(10, now=1, active=5, ends=50)
    assert kept.totals() == (0, 10, 0, 0)
    assert (kept.account.due_at, kept.account.next_expiry) == (on(5), Expiry(points=10, at=on(50)))
    assert refused(TOO_FEW, lambda: kept.spend(1, now=5 - 1e-6)) == ("points",)
    assert refused(TOO_FEW, lambda: kept.hold(1, now=4, until=9)) == ("points",)
    kept.spend(4, now=5)
    assert kept.totals() == (6, 0, 0, 0)
    assert kept.account.due_at == on(50)
    assert [kind for kind, *_ in kept.told()] == ["EARN", "SPEND"]  # becoming spendable is no entry


def test_a_late_sale_whose_points_were_pending_until_before_now_is_spendable_at_once() -> None:
    kept = Kept()
    kept.credit(10, now=20, sold=1, active=20)
    assert kept.totals() == (10, 0, 0, 0)


def test_points_without_a_waiting_time_are_spendable_at_once_though_the_tills_clock_is_ahead() -> None:
    kept = Kept()
    kept.credit(10, now=1, sold=1.001)  # active_at: "at once where None"
    assert kept.totals() == (10, 0, 0, 0)


@pytest.mark.parametrize("ends", [39.5, 40])
def test_points_that_are_over_when_they_come_in_expire_at_once(ends: float) -> None:
    kept = Kept()
    kept.credit(10, now=40, sold=1, ends=ends)
    assert kept.told() == [("EARN", 10, 10, 40), ("EXPIRE", -10, 0, 40)]
    assert kept.entries[1].source == Source(kind=SourceKind.EXPIRY, node_id="lot_1")
    assert (kept.account.due_at, kept.account.next_expiry, kept.account.lifetime_earned) == (None, None, 10)


def test_points_that_are_over_when_they_come_in_expire_at_once_though_they_are_pending() -> None:
    kept = Kept()
    kept.credit(10, now=40, sold=1, ends=39, active=60)
    assert kept.told() == [("EARN", 10, 10, 40), ("EXPIRE", -10, 0, 40)]
    assert kept.totals() == (0, 0, 0, 0)


def test_points_that_are_over_when_they_come_in_pay_debt_before_the_rest_expires() -> None:
    kept = Kept()
    own = kept.credit(10, now=1, ends=50)
    kept.take_back(16, own, now=2)
    kept.credit(10, now=90, sold=1, ends=50)
    assert kept.told()[2:] == [("EARN", 10, 4, 90), ("EXPIRE", -4, 0, 90)]
    assert kept.totals() == (0, 0, 0, 0)


def test_lots_that_end_at_one_instant_are_told_as_one_expiry() -> None:
    kept = Kept()
    kept.credit(10, now=1, ends=50)
    kept.credit(5, now=2, ends=50, active=30)
    kept.credit(7, now=3, ends=60)
    kept.credit(9, now=3)
    assert kept.account.next_expiry == Expiry(points=15, at=on(50))
    assert kept.account.due_at == on(30)


def test_a_working_copy_without_lots_can_add_points_as_long_as_nothing_is_due() -> None:
    kept = Kept()
    kept.credit(10, now=1, ends=50)
    kept.credit(10, now=1, active=30)
    blind = Ledger(kept.account, now=on(3), new_id=lambda prefix: f"{prefix}_blind", zone=UTC_ZONE)
    blind.settle()
    blind.credit(EARN, 5, occurred_at=on(3), expires_at=on(40), source=SALE)
    kept.close(blind)
    assert kept.account.next_expiry == Expiry(points=5, at=on(40))
    assert kept.account.due_at == on(30)


# ---------------------------------------------------------------- spending


def test_spending_takes_the_soonest_to_end_first_and_those_without_an_end_last() -> None:
    kept = Kept()
    kept.credit(10, now=1)
    kept.credit(10, now=1, ends=90)
    kept.credit(10, now=1, ends=80)
    parts = kept.spend(25, now=2)
    assert parts == (
        SpentPart(lot_id="lot_3", points=10),
        SpentPart(lot_id="lot_2", points=10),
        SpentPart(lot_id="lot_1", points=5),
    )
    assert kept.left() == [5, 0, 0]
    entry = kept.entries[-1]
    assert (entry.type, entry.points, entry.lots) == (
        TransactionType.SPEND, -25, (("lot_3", -10), ("lot_2", -10), ("lot_1", -5)),
    )  # fmt: skip


def test_of_lots_that_end_together_the_older_id_goes_first_and_of_those_without_an_end_the_older_points() -> None:
    kept = Kept()
    kept.credit(10, now=5, ends=90)
    kept.credit(10, now=5, sold=1, ends=90)
    kept.credit(10, now=5)
    kept.credit(10, now=5, sold=1)
    assert [part.lot_id for part in kept.spend(35, now=6)] == ["lot_1", "lot_2", "lot_4", "lot_3"]
    assert kept.left() == [0, 0, 5, 0]


def test_spending_takes_neither_held_nor_pending_points() -> None:
    kept = Kept()
    kept.credit(10, now=1, ends=20)
    kept.credit(10, now=1, ends=30, active=15)
    kept.credit(10, now=1, ends=40)
    kept.hold(6, now=2, until=10)
    assert [(part.lot_id, part.points) for part in kept.spend(14, now=3)] == [("lot_1", 4), ("lot_3", 10)]
    assert kept.totals() == (0, 10, 6, 0)
    assert refused(TOO_FEW, lambda: kept.spend(1, now=4)) == ("points",)


def test_an_overdraft_bounds_all_debt_there_is_after_the_sale() -> None:
    kept = Kept()
    kept.credit(10, now=1, ends=50)
    assert refused(TOO_FEW, lambda: kept.spend(16, now=2, overdraft=5)) == ("points",)
    parts = kept.spend(13, now=2, overdraft=5)
    assert parts == (SpentPart(lot_id="lot_1", points=10), SpentPart(lot_id=None, points=3))
    assert kept.told()[1:] == [("SPEND", -13, -3, 2)]
    assert kept.totals() == (0, 0, 0, 3)
    assert refused(TOO_FEW, lambda: kept.spend(3, now=3, overdraft=5)) == ("points",)
    assert kept.spend(2, now=3, overdraft=5) == (SpentPart(lot_id=None, points=2),)
    assert kept.totals() == (0, 0, 0, 5)


def test_points_are_not_spendable_from_their_end_on() -> None:
    kept = Kept()
    kept.credit(10, now=1, ends=50)
    kept.spend(1, now=50 - 1e-6)
    assert refused(TOO_FEW, lambda: kept.spend(1, now=50)) == ("points",)


# ---------------------------------------------------------------- transfers


def test_transferred_points_keep_their_ends_and_their_age() -> None:
    giver, taker = Kept(), Kept()
    giver.credit(10, now=1, ends=50)
    giver.credit(10, now=2)
    moved = giver.transfer(14, taker, now=5)
    assert moved == (
        MovedPart(points=10, earned_at=on(1), expires_at=on(50)),
        MovedPart(points=4, earned_at=on(2), expires_at=None),
    )
    assert giver.told()[2:] == [("TRANSFER_OUT", -14, 6, 5)]
    assert taker.told() == [("TRANSFER_IN", 14, 14, 5)]
    assert [(lot.earned, lot.remaining, lot.earned_at, lot.expires_at, lot.pending) for lot in taker.lots.values()] == [
        (10, 10, on(1), on(50), False), (4, 4, on(2), None, False),
    ]  # fmt: skip
    assert taker.entries[0].lots == (("lot_1", 10), ("lot_2", 4))
    assert taker.account.lifetime_earned == 0


def test_a_transfer_pays_the_takers_debt_first_out_of_what_ends_soonest() -> None:
    giver, taker = Kept(), Kept()
    giver.credit(10, now=1, ends=50)
    giver.credit(10, now=1, ends=60)
    taker.spend(13, now=1, overdraft=20)
    giver.transfer(20, taker, now=5)
    assert taker.totals() == (7, 0, 0, 0)
    assert [(lot.remaining, lot.expires_at) for lot in taker.lots.values()] == [(7, on(60))]
    assert taker.told()[1:] == [("TRANSFER_IN", 20, 7, 5)]


def test_a_transfer_takes_only_what_is_available_and_never_makes_debt() -> None:
    giver, taker = Kept(), Kept()
    giver.credit(10, now=1, active=20)
    giver.credit(10, now=1)
    giver.hold(4, now=2, until=9)
    assert refused(TOO_FEW, lambda: giver.transfer(7, taker, now=3)) == ("points",)
    assert taker.entries == []
    giver.transfer(6, taker, now=3)
    assert (giver.totals(), taker.totals()) == ((0, 10, 4, 0), (6, 0, 0, 0))
