"""The points ledger: what returns take back of what was earned and give back of what was spent, by hand."""

from loyalty.points import Expiry
from loyalty.values import TransactionType
from tests.loyalty.support import BACK, BONUS, FORGIVE, Kept, on

# ---------------------------------------------------------------- returns: what was earned


def test_a_return_takes_the_sales_own_lot_first() -> None:
    kept = Kept()
    kept.credit(10, now=1, ends=50)
    own = kept.credit(20, now=2, ends=60)
    kept.take_back(15, own, now=3)
    assert kept.left() == [10, 5]
    entry = kept.entries[-1]
    assert (entry.type, entry.points, entry.reason, entry.source, entry.lots) == (
        TransactionType.RETURN_EARNED, -15, None, BACK, ((own, -15),),
    )  # fmt: skip


def test_of_the_sales_own_lots_the_pending_ones_go_first() -> None:
    kept = Kept()
    spendable = kept.credit(10, now=1, ends=50, type_=BONUS)
    waiting = kept.credit(10, now=1, ends=60, active=20)
    kept.take_back(14, spendable, waiting, now=3)
    assert kept.left() == [6, 0]
    assert kept.totals() == (6, 0, 0, 0)
    assert kept.entries[-1].lots == ((waiting, -10), (spendable, -4))
    assert kept.account.due_at == on(50)  # nothing waits any more


def test_what_the_own_lot_lacks_comes_from_the_others_soonest_to_end_first_and_not_from_pending_ones() -> None:
    kept = Kept()
    kept.credit(10, now=1)
    kept.credit(10, now=1, ends=90)
    kept.credit(10, now=1, ends=80)
    kept.credit(10, now=1, ends=70, active=60)
    own = kept.credit(5, now=2, ends=99)
    kept.take_back(5, own, now=3)
    kept.take_back(14, own, now=3)
    assert kept.left() == [10, 6, 0, 10, 0]
    kept.take_back(17, own, now=3)
    assert kept.left() == [0, 0, 0, 10, 0]
    assert kept.totals() == (0, 10, 0, 1)


def test_a_return_leaves_held_points_alone_and_makes_debt_instead() -> None:
    kept = Kept()
    own = kept.credit(10, now=1, ends=50)
    hold = kept.hold(7, now=2, until=5)
    kept.take_back(10, own, now=3)
    assert kept.left() == [7]
    assert kept.totals() == (0, 0, 7, 7)
    kept.release(hold, now=4)
    assert kept.totals() == (0, 0, 0, 0)


def test_points_of_the_own_lot_that_expired_count_as_taken_back_once() -> None:
    kept = Kept()
    own = kept.credit(10, now=1, ends=50)
    kept.credit(100, now=2, ends=99)
    kept.take_back(6, own, now=60)
    assert kept.told()[-1][0] == "EXPIRE"  # no entry for the return: there was nothing left to take
    kept.take_back(4, own, now=61)
    assert kept.left() == [0, 100]
    kept.take_back(1, own, now=62)
    assert kept.left() == [0, 99]
    assert kept.totals() == (99, 0, 0, 0)


def test_expired_points_count_only_after_those_that_are_left() -> None:
    kept = Kept()
    gone = kept.credit(10, now=1, ends=20)
    left = kept.credit(10, now=1, ends=50)
    kept.take_back(12, gone, left, now=30)
    assert (kept.left(), kept.lots[gone].expired) == ([0, 0], 8)
    assert kept.told()[-1] == ("RETURN_EARNED", -10, 0, 30)


def test_a_lot_that_paid_debt_gives_back_what_is_left_and_the_debt_comes_back() -> None:
    kept = Kept()
    first = kept.credit(10, now=1, ends=50)
    kept.take_back(30, first, now=2)
    second = kept.credit(50, now=3, ends=60)
    kept.take_back(50, second, now=4)
    assert kept.totals() == (0, 0, 0, 20)


def test_forgive_leaves_other_lots_alone_and_makes_no_debt() -> None:
    kept = Kept()
    kept.credit(100, now=1, ends=99)
    own = kept.credit(10, now=1, ends=50)
    kept.take_back(4, own, now=2, policy=FORGIVE)
    kept.take_back(20, own, now=3, policy=FORGIVE)
    assert kept.left() == [100, 0]
    assert kept.totals() == (100, 0, 0, 0)
    assert [points for _, points, _, _ in kept.told()] == [100, 10, -4, -6]


def test_a_return_that_finds_nothing_and_forgives_posts_nothing() -> None:
    kept = Kept()
    own = kept.credit(10, now=1, ends=50)
    kept.settle(60)
    kept.take_back(10, own, now=60, policy=FORGIVE)
    assert len(kept.entries) == 2


# ---------------------------------------------------------------- returns: what was spent


def test_spent_points_go_back_to_their_lots_latest_end_first_and_several_returns_add_up() -> None:
    kept = Kept()
    kept.credit(10, now=1, ends=50)
    kept.credit(10, now=1)
    kept.credit(10, now=1, ends=60)
    parts = kept.spend(26, now=2)
    assert kept.left() == [0, 4, 0]
    parts = kept.give_back(8, parts, now=3)
    assert kept.left() == [0, 10, 2]  # the one without an end, then day 60
    assert kept.entries[-1].lots == (("lot_3", 2), ("lot_2", 6))
    parts = kept.give_back(9, parts, now=4)
    assert kept.left() == [1, 10, 10]
    parts = kept.give_back(9, parts, now=5)
    assert kept.left() == [10, 10, 10]
    assert all(part.returned == part.points for part in parts)
    assert kept.told()[4:] == [("RETURN_SPENT", 8, 12, 3), ("RETURN_SPENT", 9, 21, 4), ("RETURN_SPENT", 9, 30, 5)]
    assert kept.account.lifetime_earned == 30


def test_giving_back_nothing_leaves_no_trace() -> None:
    kept = Kept()
    kept.credit(10, now=1)
    parts = kept.spend(5, now=2)
    assert kept.give_back(0, parts, now=3) == parts
    assert len(kept.entries) == 2


def test_points_that_go_back_into_a_lot_that_is_over_expire_at_once() -> None:
    kept = Kept()
    own = kept.credit(10, now=1, ends=20)
    kept.credit(10, now=1, ends=50)
    parts = kept.spend(13, now=2)
    kept.give_back(8, parts, now=20)
    assert kept.told()[3:] == [("RETURN_SPENT", 8, 15, 20), ("EXPIRE", -5, 10, 20)]
    assert kept.left() == [0, 10]
    assert kept.account.next_expiry == Expiry(points=10, at=on(50))
    kept.take_back(5, own, now=21)  # expired points of the sale count as taken back, those from a return too
    assert kept.totals() == (10, 0, 0, 0)


def test_what_comes_back_pays_debt_first_out_of_what_ends_soonest() -> None:
    kept = Kept()
    kept.credit(10, now=1, ends=50)
    own = kept.credit(10, now=1, ends=60)
    parts = kept.spend(20, now=2)
    kept.take_back(7, own, now=3)
    kept.give_back(20, parts, now=4)
    assert kept.left() == [3, 10]
    assert kept.told()[-1] == ("RETURN_SPENT", 20, 13, 4)
    assert kept.totals() == (13, 0, 0, 0)


def test_what_comes_back_less_than_the_debt_leaves_no_lot_with_more() -> None:
    kept = Kept()
    own = kept.credit(10, now=1, ends=50)
    parts = kept.spend(10, now=2)
    kept.take_back(10, own, now=3)
    parts = kept.give_back(4, parts, now=4)
    assert (kept.left(), kept.totals()) == ([0], (0, 0, 0, 6))
    assert kept.entries[-1].lots == ()
    kept.give_back(6, parts, now=5)
    assert kept.totals() == (0, 0, 0, 0)


def test_the_overdrawn_part_comes_back_last_and_first_pays_the_debt_it_made() -> None:
    kept = Kept()
    kept.credit(10, now=1, ends=50)
    parts = kept.spend(16, now=2, overdraft=10)
    parts = kept.give_back(5, parts, now=3)
    assert [part.returned for part in parts] == [5, 0]
    assert (kept.left(), kept.totals()) == ([0], (0, 0, 0, 1))  # all 5 of the lot paid debt
    parts = kept.give_back(11, parts, now=4, ends=70)
    assert [part.returned for part in parts] == [10, 6]
    assert kept.left() == [5, 5]
    assert kept.totals() == (10, 0, 0, 0)


def test_overdrawn_points_come_back_in_a_lot_of_their_own_where_the_debt_is_paid_already() -> None:
    kept = Kept()
    parts = kept.spend(6, now=2, overdraft=10)
    kept.credit(4, now=3, ends=50)
    kept.give_back(6, parts, now=4, ends=70)
    lot = kept.lots["lot_2"]
    assert (lot.earned, lot.remaining, lot.earned_at, lot.expires_at, lot.source) == (6, 4, on(4), on(70), BACK)
    assert kept.totals() == (4, 0, 0, 0)
    assert kept.account.next_expiry == Expiry(points=4, at=on(70))


def test_overdrawn_points_that_come_back_over_expire_at_once() -> None:
    kept = Kept()
    parts = kept.spend(6, now=2, overdraft=10)
    kept.credit(10, now=3)
    kept.give_back(6, parts, now=40, ends=30)
    assert kept.told()[2:] == [("RETURN_SPENT", 6, 10, 40), ("EXPIRE", -6, 4, 40)]
