"""Holds: what reserving points does to lots and their ends, and how a hold ends, worked out by hand."""

import pytest

from crm.refusals import UserErrorCode
from loyalty.book import DEBT_PAID
from loyalty.points import Expiry, Source, SpentPart
from loyalty.values import HoldStatus, SourceKind
from tests.loyalty.support import TOO_FEW, Kept, on, refused

HOUR = 1 / 24
EXPIRED, NOT_ACTIVE = UserErrorCode.HOLD_EXPIRED, UserErrorCode.HOLD_NOT_ACTIVE


def test_a_hold_reserves_the_soonest_to_end_and_is_no_entry() -> None:
    kept = Kept()
    kept.credit(10, now=1)
    kept.credit(10, now=1, ends=50)
    kept.credit(10, now=1, ends=40)
    hold = kept.holds[kept.hold(15, now=2, until=9)]
    assert (hold.points, hold.parts, hold.status) == (15, (("lot_3", 10), ("lot_2", 5)), HoldStatus.ACTIVE)
    assert (hold.created_at, hold.expires_at, hold.ended_at, hold.captured) == (on(2), on(9), None, 0)
    assert kept.totals() == (15, 0, 15, 0)
    assert len(kept.entries) == 3
    assert (kept.account.due_at, kept.account.next_expiry) == (on(9), Expiry(points=5, at=on(50)))


def test_a_hold_never_takes_more_than_is_available() -> None:
    kept = Kept()
    kept.credit(10, now=1)
    kept.hold(6, now=2, until=9)
    assert refused(TOO_FEW, lambda: kept.hold(5, now=3, until=9)) == ("points",)
    kept.hold(4, now=3, until=12)
    assert kept.totals() == (0, 0, 10, 0)
    assert kept.account.due_at == on(9)


def test_held_points_of_a_lot_that_ends_stay_and_the_others_expire() -> None:
    kept = Kept()
    kept.credit(10, now=1, ends=5)
    kept.hold(6, now=2, until=9)
    kept.settle(8)
    assert kept.told()[1:] == [("EXPIRE", -4, 6, 5)]
    assert kept.totals() == (0, 0, 6, 0)
    assert (kept.account.due_at, kept.account.next_expiry) == (on(9), None)


def test_a_capture_takes_all_that_is_held_even_of_a_lot_that_has_ended() -> None:
    kept = Kept()
    kept.credit(10, now=1, ends=5)
    hold = kept.hold(6, now=2, until=9)
    assert kept.capture(hold, now=8) == (SpentPart(lot_id="lot_1", points=6),)
    assert kept.told()[1:] == [("EXPIRE", -4, 6, 5), ("SPEND", -6, 0, 8)]
    done = kept.holds[hold]
    assert (done.status, done.captured, done.ended_at) == (HoldStatus.CAPTURED, 6, on(8))
    assert (kept.account.due_at, kept.totals()) == (None, (0, 0, 0, 0))


def test_a_part_capture_takes_the_soonest_to_end_and_frees_the_rest() -> None:
    kept = Kept()
    kept.credit(10, now=1, ends=50)
    kept.credit(10, now=1, ends=40)
    hold = kept.hold(16, now=2, until=9)
    assert kept.capture(hold, 12, now=3) == (
        SpentPart(lot_id="lot_2", points=10),
        SpentPart(lot_id="lot_1", points=2),
    )
    assert kept.left() == [8, 0]
    assert kept.totals() == (8, 0, 0, 0)
    assert kept.told()[2:] == [("SPEND", -12, 8, 3)]
    assert kept.holds[hold].captured == 12
    assert (kept.account.due_at, kept.account.next_expiry) == (on(50), Expiry(points=8, at=on(50)))


def test_what_a_part_capture_frees_of_a_lot_that_has_ended_expires_at_once() -> None:
    kept = Kept()
    kept.credit(10, now=1, ends=5)
    hold = kept.hold(10, now=2, until=9)
    kept.capture(hold, 7, now=8)
    assert kept.told()[1:] == [("SPEND", -7, 3, 8), ("EXPIRE", -3, 0, 8)]
    assert (kept.lots["lot_1"].expired, kept.lots["lot_1"].held) == (3, 0)


def test_a_release_frees_points_and_lets_the_overdue_ones_expire_at_that_instant() -> None:
    kept = Kept()
    kept.credit(10, now=1, ends=5)
    kept.credit(10, now=1, ends=50)
    hold = kept.hold(15, now=2, until=9)
    kept.release(hold, now=7)
    assert kept.told()[2:] == [("EXPIRE", -10, 10, 7)]
    assert kept.totals() == (10, 0, 0, 0)
    assert (kept.holds[hold].status, kept.holds[hold].ended_at) == (HoldStatus.RELEASED, on(7))
    assert kept.account.due_at == on(50)


def test_a_hold_times_out_at_its_instant_whenever_that_is_noticed_and_overdue_points_expire_with_it() -> None:
    kept = Kept()
    kept.credit(10, now=1, ends=5)
    kept.credit(10, now=1, ends=9)
    kept.credit(10, now=1, ends=12)
    hold = kept.hold(25, now=2, until=9)
    kept.settle(30)
    assert kept.told()[3:] == [("EXPIRE", -10, 20, 9), ("EXPIRE", -10, 10, 9), ("EXPIRE", -10, 0, 12)]
    assert [entry.lots[0][0] for entry in kept.entries[3:]] == ["lot_1", "lot_2", "lot_3"]
    assert (kept.holds[hold].status, kept.holds[hold].ended_at) == (HoldStatus.EXPIRED, on(9))


def test_a_hold_is_active_until_just_before_its_time() -> None:
    kept = Kept()
    kept.credit(10, now=1)
    early, late = kept.hold(4, now=2, until=9), kept.hold(5, now=2, until=9)
    kept.capture(early, now=9 - 1e-6)
    assert refused(EXPIRED, lambda: kept.capture(late, now=9)) == ("holdId",)
    assert refused(EXPIRED, lambda: kept.release(late, now=9)) == ("holdId",)
    kept.settle(9)
    assert refused(EXPIRED, lambda: kept.capture(late, now=10)) == ("holdId",)
    assert refused(EXPIRED, lambda: kept.release(late, now=10)) == ("holdId",)
    assert kept.totals() == (6, 0, 0, 0)


@pytest.mark.parametrize("in_sale", [False, True])
@pytest.mark.parametrize("end", ["capture", "release"])
def test_a_hold_is_used_once(end: str, in_sale: bool) -> None:
    kept = Kept()
    kept.credit(10, now=1)
    hold = kept.hold(4, now=2, until=9)
    kept.capture(hold, now=3) if end == "capture" else kept.release(hold, now=3)
    before = len(kept.entries)
    assert refused(NOT_ACTIVE, lambda: kept.release(hold, now=4)) == ("holdId",)
    assert refused(NOT_ACTIVE, lambda: kept.capture(hold, now=4, in_sale=in_sale)) == ("holdId",)
    assert refused(NOT_ACTIVE, lambda: kept.capture(hold, now=10, sold=4, in_sale=in_sale)) == ("holdId",)
    assert len(kept.entries) == before


def test_no_capture_takes_more_than_is_held_though_more_is_available() -> None:
    kept = Kept()
    kept.credit(10, now=1)
    hold = kept.hold(4, now=2, until=9)
    assert refused(TOO_FEW, lambda: kept.capture(hold, 5, now=3)) == ("points",)
    assert refused(TOO_FEW, lambda: kept.capture(hold, 5, now=10, sold=3, in_sale=True)) == ("points",)
    assert kept.holds[hold].status is HoldStatus.ACTIVE


def test_debt_that_a_return_made_meanwhile_is_paid_by_what_a_hold_frees() -> None:
    kept = Kept()
    own = kept.credit(10, now=1, ends=50)
    hold = kept.hold(10, now=2, until=9)
    kept.take_back(6, own, now=3)
    assert kept.totals() == (0, 0, 10, 6)
    kept.capture(hold, 3, now=4)
    assert kept.told()[2:] == [("SPEND", -3, 1, 4), ("ADJUST", 0, 1, 4)]
    paid = kept.entries[-1]
    assert (paid.reason, paid.lots) == (DEBT_PAID, (("lot_1", -6),))
    assert paid.source == Source(kind=SourceKind.HOLD, node_id=hold)
    assert kept.totals() == (1, 0, 0, 0)


def test_overdue_points_that_a_time_out_frees_expire_and_pay_no_debt() -> None:
    kept = Kept()
    own = kept.credit(10, now=1, ends=5)
    kept.credit(4, now=1, ends=50)
    kept.hold(14, now=2, until=9)
    kept.take_back(6, own, now=3)
    kept.settle(20)
    assert kept.told()[3:] == [("EXPIRE", -10, -2, 9), ("ADJUST", 0, -2, 9)]
    assert kept.entries[-1].lots == (("lot_2", -4),)
    assert kept.totals() == (0, 0, 0, 2)


# ---------------------------------------------------------------- late captures


@pytest.mark.parametrize("settled", [True, False])
def test_a_sale_from_before_the_end_captures_within_72_hours_out_of_what_is_available_soonest_first(
    settled: bool,
) -> None:
    kept = Kept()
    kept.credit(10, now=1, ends=50)
    hold = kept.hold(8, now=2, until=9)
    if settled:
        kept.settle(9)
    kept.credit(5, now=10, ends=40)
    parts = kept.capture(hold, now=9 + 72 * HOUR, sold=9 - 1e-6, in_sale=True)
    assert [(part.lot_id, part.points) for part in parts] == [("lot_2", 5), ("lot_1", 3)]
    entry = kept.entries[-1]
    assert (entry.at, entry.occurred_at, entry.points) == (on(12), on(9 - 1e-6), -8)
    done = kept.holds[hold]
    assert (done.status, done.captured, done.ended_at) == (HoldStatus.CAPTURED, 8, on(9))
    assert refused(NOT_ACTIVE, lambda: kept.capture(hold, now=12, sold=3, in_sale=True)) == ("holdId",)


def test_a_late_capture_may_be_of_a_part() -> None:
    kept = Kept()
    kept.credit(10, now=1)
    hold = kept.hold(8, now=2, until=9)
    kept.capture(hold, 3, now=10, sold=3, in_sale=True)
    assert (kept.totals(), kept.holds[hold].captured) == ((7, 0, 0, 0), 3)


@pytest.mark.parametrize(
    ("now", "sold", "in_sale"),
    [
        pytest.param(12 + 1e-6, 3, True, id="after 72 hours"),
        pytest.param(10, 9, True, id="a sale at the hold's end"),
        pytest.param(10, 3, False, id="not in a sale"),
    ],
)
def test_no_other_late_capture_is_taken(now: float, sold: float, in_sale: bool) -> None:
    kept = Kept()
    kept.credit(10, now=1)
    hold = kept.hold(8, now=2, until=9)
    assert refused(EXPIRED, lambda: kept.capture(hold, now=now, sold=sold, in_sale=in_sale)) == ("holdId",)
    assert len(kept.entries) == 1


def test_a_late_capture_finds_too_few_available_and_makes_no_debt() -> None:
    kept = Kept()
    kept.credit(10, now=1)
    hold = kept.hold(8, now=2, until=9)
    kept.spend(3, now=10)
    assert refused(EXPIRED, lambda: kept.capture(hold, now=10, sold=3, in_sale=True)) == ("holdId",)
    kept.settle(10)
    kept.capture(hold, 7, now=10, sold=3, in_sale=True)
    assert kept.totals() == (0, 0, 0, 0)
