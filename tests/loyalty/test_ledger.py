"""The points ledger: what facts do to an account, by tables and against a slow model over random histories."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty.ledger import Account, Entry, Expiry, Ledger, Lot, Source, next_expiry
from loyalty.values import ReturnPolicy, SourceKind, TransactionType

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
DEBT, FORGIVE = ReturnPolicy.DEBT, ReturnPolicy.FORGIVE
SALE = Source(kind=SourceKind.PURCHASE, node_id="pur_1", external_id=("till", "1"))
BACK = Source(kind=SourceKind.RETURN, node_id="pur_1")


def on(day: float) -> datetime:
    return BEGIN + timedelta(days=day)


@dataclass
class Book:
    """An account over several transactions: each takes a fresh working copy and stores what it did."""

    account: Account = field(default_factory=Account)
    lots: dict[str, Lot] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)

    def open(self, now: datetime) -> Ledger:
        ids = self.numbers
        return Ledger(self.account, self.lots.values(), now=now, new_id=lambda prefix: f"{prefix}_{next(ids):06}")

    def close(self, ledger: Ledger) -> None:
        self.account = ledger.account
        self.lots |= ledger.changed_lots
        self.entries += ledger.entries
        check(self)

    def earn(self, points: int, *, now: float, sold: float | None = None, ends: float | None = None) -> str:
        ledger = self.open(on(now))
        ledger.settle()
        lot = ledger.earn(
            points,
            occurred_at=on(now if sold is None else sold),
            expires_at=None if ends is None else on(ends),
            source=SALE,
        )
        self.close(ledger)
        return lot.id if lot else ""

    def take_back(self, points: int, *lots: str, now: float, policy: ReturnPolicy = DEBT) -> None:
        ledger = self.open(on(now))
        ledger.settle()
        ledger.take_back(points, lot_ids=lots, policy=policy, occurred_at=on(now), reason="broken", source=BACK)
        self.close(ledger)

    def settle(self, now: float) -> None:
        ledger = self.open(on(now))
        ledger.settle()
        self.close(ledger)

    def told(self) -> list[tuple[str, int, int, float]]:
        return [
            (entry.type.value, entry.points, entry.balance_after, (entry.at - BEGIN) / timedelta(days=1))
            for entry in self.entries
        ]

    def left(self) -> list[int]:
        return [lot.remaining for lot in self.lots.values()]


def check(book: Book) -> None:
    """Hold everything that must be true of an account after every step."""
    account, lots, entries = book.account, list(book.lots.values()), book.entries
    assert sum(entry.points for entry in entries) == account.balance
    assert sum(lot.remaining for lot in lots) == account.available + account.pending + account.held
    assert min(account.available, account.pending, account.held, account.debt) >= 0
    assert not (account.debt and account.available)
    balance, earlier = 0, BEGIN - timedelta(days=10_000)
    moved = dict.fromkeys(book.lots, 0)
    for number, entry in enumerate(entries, 1):
        balance += entry.points
        assert (entry.sequence, entry.balance_after) == (number, balance)
        assert entry.at >= earlier
        earlier = entry.at
        for lot_id, points in entry.lots:
            moved[lot_id] += points
    assert moved == {lot.id: lot.remaining for lot in lots}
    assert account.sequence == len(entries)
    assert account.last_at == (entries[-1].at if entries else None)
    assert all(0 <= lot.remaining <= lot.earned and 0 <= lot.expired <= lot.earned - lot.remaining for lot in lots)
    assert account.next_expiry == soonest(lots)
    earned = sum(entry.points for entry in entries if entry.type is TransactionType.EARN)
    assert account.lifetime_earned == earned == sum(lot.earned for lot in lots)


def soonest(lots: Sequence[Lot]) -> Expiry | None:
    ends: dict[datetime, int] = {}
    for lot in lots:
        if lot.remaining and lot.expires_at:
            ends[lot.expires_at] = ends.get(lot.expires_at, 0) + lot.remaining
    return Expiry(at=min(ends), points=ends[min(ends)]) if ends else None


# ---------------------------------------------------------------- earning and expiry


def test_earning_makes_one_entry_and_one_lot_that_count_from_the_sale() -> None:
    book = Book()
    book.earn(13, now=10, sold=2, ends=100)
    (entry,) = book.entries
    assert (entry.type, entry.at, entry.occurred_at, entry.source) == (TransactionType.EARN, on(10), on(2), SALE)
    (lot,) = book.lots.values()
    assert (lot.earned_at, lot.active_at, lot.expires_at) == (on(2), on(2), on(100))
    assert (lot.earned, lot.remaining, lot.expired, lot.source) == (13, 13, 0, SALE)


@pytest.mark.parametrize("points", [0, -1])
def test_a_sale_that_earns_nothing_leaves_no_trace(points: int) -> None:
    book = Book()
    assert book.earn(points, now=1, ends=9) == ""
    assert (book.account, book.lots, book.entries) == (Account(), {}, [])


def test_a_lot_is_gone_from_its_end_on_and_not_a_moment_before() -> None:
    book = Book()
    book.earn(10, now=1, ends=50)
    book.settle(50 - 1e-6)
    assert book.account.available == 10
    book.settle(50)
    assert book.account.available == 0
    assert book.told()[1:] == [("EXPIRE", -10, 0, 50)]
    assert book.entries[1].source == Source(kind=SourceKind.EXPIRY, node_id=next(iter(book.lots)))


def test_what_fell_due_is_posted_at_its_due_instants_in_their_order_before_anything_new() -> None:
    book = Book()
    book.earn(10, now=1, ends=50)
    book.earn(20, now=2, ends=40)
    book.earn(30, now=60, ends=99)
    assert book.told()[2:] == [("EXPIRE", -20, 10, 40), ("EXPIRE", -10, 0, 50), ("EARN", 30, 30, 60)]


def test_settling_twice_posts_once() -> None:
    book = Book()
    book.earn(10, now=1, ends=50)
    book.settle(60)
    book.settle(60)
    assert len(book.entries) == 2


def test_an_end_that_lies_before_the_newest_entry_takes_effect_with_it() -> None:
    book = Book()
    book.earn(10, now=40, ends=39.5, sold=1)  # over already when it came in
    assert book.told() == [("EARN", 10, 10, 40), ("EXPIRE", -10, 0, 40)]
    assert book.entries[1].occurred_at == on(39.5)
    assert book.account.balance == 0


def test_lots_that_end_at_one_instant_are_told_as_one_expiry() -> None:
    book = Book()
    book.earn(10, now=1, ends=50)
    book.earn(5, now=2, ends=50)
    book.earn(7, now=3, ends=60)
    book.earn(9, now=3)
    assert book.account.next_expiry == Expiry(points=15, at=on(50))
    assert book.account.due_at() == on(50)
    assert next_expiry([]) is None


def test_a_working_copy_without_lots_can_earn_as_long_as_nothing_is_due() -> None:
    book = Book()
    book.earn(10, now=1, ends=50)
    blind = Ledger(book.account, now=on(3), new_id=lambda prefix: f"{prefix}_blind")
    blind.settle()
    blind.earn(5, occurred_at=on(3), expires_at=on(40), source=SALE)
    book.close(blind)
    assert book.account.next_expiry == Expiry(points=5, at=on(40))


# ---------------------------------------------------------------- returns


def test_a_return_takes_the_sales_own_lot_first() -> None:
    book = Book()
    book.earn(10, now=1, ends=50)
    own = book.earn(20, now=2, ends=60)
    book.take_back(15, own, now=3)
    assert book.left() == [10, 5]
    entry = book.entries[-1]
    assert (entry.type, entry.points, entry.reason, entry.source) == (
        TransactionType.RETURN_EARNED, -15, "broken", BACK,
    )  # fmt: skip


def test_what_the_own_lot_lacks_comes_from_the_others_soonest_to_expire_first_those_without_end_last() -> None:
    book = Book()
    book.earn(10, now=1)
    book.earn(10, now=1, ends=90)
    book.earn(10, now=1, ends=80)
    own = book.earn(5, now=2, ends=99)
    book.take_back(5, own, now=3)
    book.take_back(14, own, now=3)
    assert book.left() == [10, 6, 0, 0]
    assert book.account.debt == 0


def test_only_what_is_then_missing_becomes_debt_and_the_next_earnings_pay_it_first() -> None:
    book = Book()
    own = book.earn(10, now=1, ends=50)
    book.take_back(10, own, now=2)
    book.take_back(25, own, now=2)
    assert (book.account.available, book.account.debt, book.account.balance) == (0, 25, -25)
    book.earn(10, now=3, ends=90)
    assert (book.account.available, book.account.debt) == (0, 15)
    book.earn(40, now=4, ends=90)
    assert (book.account.available, book.account.debt) == (25, 0)
    assert book.left() == [0, 0, 25]
    assert book.account.lifetime_earned == 60


def test_points_of_a_sale_that_was_over_when_it_came_in_pay_debt_before_the_rest_expires() -> None:
    book = Book()
    own = book.earn(10, now=1, ends=50)
    book.take_back(16, own, now=2)
    book.earn(10, now=90, sold=1, ends=50)
    assert book.told()[2:] == [("EARN", 10, 4, 90), ("EXPIRE", -4, 0, 90)]
    assert (book.account.available, book.account.debt) == (0, 0)


def test_points_of_the_own_lot_that_expired_count_as_taken_back_once() -> None:
    book = Book()
    own = book.earn(10, now=1, ends=50)
    book.earn(100, now=2, ends=99)
    book.take_back(6, own, now=60)
    assert book.told()[-1][0] == "EXPIRE"  # no entry for the return: there was nothing left to take
    book.take_back(4, own, now=61)
    assert book.left() == [0, 100]
    assert book.account.debt == 0
    book.take_back(1, own, now=62)
    assert book.left() == [0, 99]


def test_a_lot_that_paid_debt_gives_back_what_is_left_and_the_debt_comes_back() -> None:
    book = Book()
    first = book.earn(10, now=1, ends=50)
    book.take_back(30, first, now=2)
    second = book.earn(50, now=3, ends=60)
    book.take_back(50, second, now=4)
    assert (book.account.available, book.account.debt, book.account.balance) == (0, 20, -20)


def test_forgive_leaves_other_lots_alone_and_makes_no_debt() -> None:
    book = Book()
    book.earn(100, now=1, ends=99)
    own = book.earn(10, now=1, ends=50)
    book.take_back(4, own, now=2, policy=FORGIVE)
    book.take_back(20, own, now=3, policy=FORGIVE)
    assert book.left() == [100, 0]
    assert (book.account.debt, book.account.balance) == (0, 100)
    assert [points for _, points, _, _ in book.told()] == [100, 10, -4, -6]


def test_a_return_that_finds_nothing_and_forgives_posts_nothing() -> None:
    book = Book()
    own = book.earn(10, now=1, ends=50)
    book.settle(60)
    posted = len(book.entries)
    book.take_back(10, own, now=60, policy=FORGIVE)
    assert len(book.entries) == posted


# ---------------------------------------------------------------- random histories against a slow model


@dataclass
class Model:
    """The same account point by point: every point is one item, no totals are kept."""

    lots: list[dict[str, int]] = field(default_factory=list)
    debt: int = 0
    now: int = 0

    def settle(self) -> None:
        for lot in self.lots:
            if lot["ends"] <= self.now:
                lot["expired"], lot["left"] = lot["expired"] + lot["left"], 0

    def earn(self, points: int, ends: int) -> None:
        left = points
        while left and self.debt:
            left, self.debt = left - 1, self.debt - 1
        self.lots.append({"left": left, "ends": ends, "expired": 0})
        self.settle()

    def take_back(self, points: int, own: int, policy: ReturnPolicy) -> None:
        for _ in range(points):
            mine = self.lots[own]
            others = [lot for lot in self.lots if lot["left"]] if policy is DEBT else []
            if mine["left"]:
                mine["left"] -= 1
            elif mine["expired"]:
                mine["expired"] -= 1
            elif others:
                min(others, key=lambda lot: lot["ends"])["left"] -= 1
            elif policy is DEBT:
                self.debt += 1


STEP = st.one_of(
    st.tuples(st.just("earn"), st.integers(1, 30), st.integers(-20, 40)),
    st.tuples(st.just("back"), st.integers(1, 30), st.integers(0, 20)),
    st.tuples(st.just("wait"), st.integers(1, 15), st.just(0)),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(STEP, max_size=25), st.sampled_from([DEBT, FORGIVE]))
def test_any_history_agrees_with_the_model_and_every_invariant_holds_after_every_step(
    steps: list[tuple[str, int, int]], policy: ReturnPolicy
) -> None:
    book, model, ids = Book(), Model(), []
    for kind, amount, choice in steps:
        if kind == "wait":
            model.now += amount
        model.settle()
        if kind == "earn":
            model.earn(amount, model.now + choice)
            ids.append(book.earn(amount, now=model.now, sold=model.now - 1, ends=model.now + choice))
        elif kind == "back" and ids:
            own = choice % len(ids)
            model.take_back(amount, own, policy)
            book.take_back(amount, ids[own], now=model.now, policy=policy)
        else:
            book.settle(model.now)
        assert book.left() == [lot["left"] for lot in model.lots]
        assert [lot.expired for lot in book.lots.values()] == [lot["expired"] for lot in model.lots]
        assert book.account.debt == model.debt
    assert all(entry.at <= on(model.now) for entry in book.entries)
