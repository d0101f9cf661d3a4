"""A kept account: what a database would hold of it, opened and stored again by every fact; what tests of it share."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

import pytest

from crm.refusals import Refusal, UserErrorCode
from loyalty.ledger import Ledger
from loyalty.periods import add_months
from loyalty.points import Account, Entry, Expiry, Hold, Lot, MovedPart, Source, SpentPart
from loyalty.values import HoldStatus, ReturnPolicy, SourceKind, TransactionType

T = TypeVar("T")

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
UTC_ZONE = ZoneInfo("UTC")
DEBT, FORGIVE = ReturnPolicy.DEBT, ReturnPolicy.FORGIVE
EARN, BONUS, ADJUST = TransactionType.EARN, TransactionType.BONUS, TransactionType.ADJUST
SALE = Source(kind=SourceKind.PURCHASE, node_id="pur_1", external_id=("till", "1"))
BACK = Source(kind=SourceKind.RETURN, node_id="pur_1")
GIFT = Source(kind=SourceKind.TRANSFER)
TOO_FEW = UserErrorCode.INSUFFICIENT_POINTS


def on(day: float) -> datetime:
    return BEGIN + timedelta(days=day)


def day(instant: datetime | None) -> float | None:
    return None if instant is None else (instant - BEGIN) / timedelta(days=1)


@dataclass
class Kept:
    """An account over several transactions: each takes a fresh working copy and stores what it did."""

    zone: ZoneInfo = UTC_ZONE
    account: Account = field(default_factory=Account)
    lots: dict[str, Lot] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    made: Counter[str] = field(default_factory=Counter)

    def new_id(self, prefix: str) -> str:
        self.made[prefix] += 1
        return f"{prefix}_{self.made[prefix]}" if self.made[prefix] < 10 else f"{prefix}_x{self.made[prefix]:04}"

    def open(self, now: float, *, lots: Sequence[str | None] = (), hold: str | None = None) -> Ledger:
        """Take what a transaction reads: live lots, active holds, and those the fact is about."""
        live = [lot for lot in self.lots.values() if lot.remaining or lot.id in lots]
        active = [one for one in self.holds.values() if one.status is HoldStatus.ACTIVE or one.id == hold]
        ledger = Ledger(self.account, live, active, now=on(now), new_id=self.new_id, zone=self.zone)
        ledger.settle()
        return ledger

    def close(self, ledger: Ledger) -> None:
        self.account = ledger.account
        self.lots |= ledger.changed_lots
        self.holds |= ledger.changed_holds
        self.entries += ledger.entries
        check(self)

    def act(
        self, now: float, fact: Callable[[Ledger], T], *, lots: Sequence[str | None] = (), hold: str | None = None
    ) -> T:
        ledger = self.open(now, lots=lots, hold=hold)
        before = state(ledger)
        try:
            result = fact(ledger)
        except Refusal:
            assert state(ledger) == before, "a refused fact changes nothing"
            raise
        self.close(ledger)
        return result

    def settle(self, now: float) -> None:
        self.act(now, lambda _: None)

    def credit(
        self,
        points: int,
        *,
        now: float,
        sold: float | None = None,
        ends: float | None = None,
        active: float | None = None,
        sliding: int | None = None,
        type_: TransactionType = EARN,
    ) -> str:
        lot = self.act(
            now,
            lambda ledger: ledger.credit(
                type_,
                points,
                occurred_at=on(now if sold is None else sold),
                source=SALE,
                expires_at=None if ends is None else on(ends),
                sliding_months=sliding,
                active_at=None if active is None else on(active),
            ),
        )
        return lot.id if lot else ""

    def spend(self, points: int, *, now: float, overdraft: int = 0) -> tuple[SpentPart, ...]:
        return self.act(now, lambda ledger: ledger.spend(points, occurred_at=on(now), source=SALE, overdraft=overdraft))

    def hold(self, points: int, *, now: float, until: float) -> str:
        return self.act(now, lambda ledger: ledger.hold(points, expires_at=on(until))).id

    def release(self, hold: str, *, now: float) -> None:
        self.act(now, lambda ledger: ledger.release(hold), hold=hold)

    def capture(
        self, hold: str, points: int | None = None, *, now: float, sold: float | None = None, in_sale: bool = False
    ) -> tuple[SpentPart, ...]:
        at = on(now if sold is None else sold)
        return self.act(
            now,
            lambda ledger: ledger.capture(hold, points, occurred_at=at, source=SALE, in_sale=in_sale),
            hold=hold,
        )

    def take_back(self, points: int, *lots: str, now: float, policy: ReturnPolicy = DEBT) -> None:
        self.act(
            now,
            lambda ledger: ledger.take_back(points, lot_ids=lots, policy=policy, occurred_at=on(now), source=BACK),
            lots=lots,
        )

    def give_back(
        self, points: int, parts: Sequence[SpentPart], *, now: float, ends: float | None = None
    ) -> tuple[SpentPart, ...]:
        return self.act(
            now,
            lambda ledger: ledger.give_back(
                points, parts, occurred_at=on(now), source=BACK, expires_at=None if ends is None else on(ends)
            ),
            lots=[part.lot_id for part in parts],
        )

    def transfer(self, points: int, to: "Kept", *, now: float) -> tuple[MovedPart, ...]:
        moved = self.act(now, lambda ledger: ledger.transfer_out(points, source=GIFT))
        to.act(now, lambda ledger: ledger.transfer_in(moved, source=GIFT))
        return moved

    def activate(self, *lots: str, now: float) -> int:
        return self.act(now, lambda ledger: ledger.activate(lambda lot: lot.id in lots))

    def told(self, since: int = 0) -> list[tuple[str, int, int, float | None]]:
        """Return the entries from number `since` on: type, points, balance after, day."""
        return [(entry.type.value, entry.points, entry.balance_after, day(entry.at)) for entry in self.entries[since:]]

    def left(self) -> list[int]:
        return [lot.remaining for lot in self.lots.values()]

    def totals(self) -> tuple[int, int, int, int]:
        account = self.account
        return account.available, account.pending, account.held, account.debt


def state(ledger: Ledger) -> tuple[object, ...]:
    return (
        ledger.account,
        list(ledger.entries),
        dict(ledger.changed_lots),
        dict(ledger.changed_holds),
        dict(ledger.lots),
        dict(ledger.holds),
    )


def check(kept: Kept) -> None:
    """Hold everything that must be true of an account after every step."""
    account, lots, entries = kept.account, list(kept.lots.values()), kept.entries
    active = [hold for hold in kept.holds.values() if hold.status is HoldStatus.ACTIVE]
    balance = account.available + account.pending + account.held - account.debt
    assert sum(entry.points for entry in entries) == account.balance == balance
    assert sum(lot.remaining for lot in lots) == account.available + account.pending + account.held
    assert sum(lot.remaining for lot in lots if lot.pending) == account.pending
    assert sum(lot.held for lot in lots) == account.held == sum(hold.points for hold in active)
    reserved: Counter[str] = Counter()
    for hold in active:
        assert sum(points for _, points in hold.parts) == hold.points
        reserved.update(dict(hold.parts))
    assert {lot.id: lot.held for lot in lots if lot.held} == dict(reserved)
    assert min(account.available, account.pending, account.held, account.debt) >= 0
    assert not (account.debt and account.available)
    for lot in lots:
        assert 0 <= lot.held <= lot.remaining <= lot.earned
        assert 0 <= lot.expired <= lot.earned - lot.remaining
        assert not (lot.pending and lot.held)
    check_entries(kept)
    assert account.next_expiry == soonest(kept)
    assert account.due_at == first_due(kept)


def check_entries(kept: Kept) -> None:
    balance, earlier = 0, datetime.min.replace(tzinfo=UTC)
    moved = dict.fromkeys(kept.lots, 0)
    for number, entry in enumerate(kept.entries, 1):
        balance += entry.points
        assert (entry.sequence, entry.balance_after) == (number, balance)
        assert entry.at >= earlier, "at never runs backwards"
        earlier = entry.at
        for lot_id, points in entry.lots:
            moved[lot_id] += points
            assert moved[lot_id] >= 0
    assert moved == {lot.id: lot.remaining for lot in kept.lots.values()}
    assert len({entry.id for entry in kept.entries}) == len(kept.entries) == kept.account.sequence
    assert kept.account.last_at == (kept.entries[-1].at if kept.entries else None)
    earned = sum(entry.points for entry in kept.entries if entry.type in (EARN, BONUS))
    assert kept.account.lifetime_earned == earned


def end_of(lot: Lot, kept: Kept) -> datetime | None:
    if lot.sliding_months is None:
        return lot.expires_at
    active = [entry.at for entry in kept.entries if entry.type.value in ("EARN", "BONUS", "SPEND")]
    return add_months(max([*active, lot.earned_at]).astimezone(kept.zone), lot.sliding_months).astimezone(UTC)


def soonest(kept: Kept) -> Expiry | None:
    ends: Counter[datetime] = Counter()
    for lot in kept.lots.values():
        end = end_of(lot, kept)
        if lot.remaining > lot.held and end:
            ends[end] += lot.remaining - lot.held
    return Expiry(at=min(ends), points=ends[min(ends)]) if ends else None


def first_due(kept: Kept) -> datetime | None:
    expiry = soonest(kept)
    due = [expiry.at] if expiry else []
    due += [lot.active_at for lot in kept.lots.values() if lot.pending and lot.remaining]
    due += [hold.expires_at for hold in kept.holds.values() if hold.status is HoldStatus.ACTIVE]
    return min(due, default=None)


def refused(code: UserErrorCode, act: Callable[[], object]) -> tuple[str, ...] | None:
    with pytest.raises(Refusal) as told:
        act()
    assert told.value.code is code
    return told.value.field
