"""The points ledger: what an entry is, and what a fact does to an account.

Entries are appended, never edited: a mistake is corrected by a further entry. Earned points form lots; a lot's points
leave it by spending, expiry or return. Totals and `balance_after` are kept for speed and provable from the entries:

    sum of entries = available + pending + held - debt
    sum of lots    = available + pending + held

A `Ledger` is the working copy of one account inside one transaction: apply facts to it, then store its `account`,
its `entries` and its `changed_lots`. It does no IO and reads no clock; `now` and the maker of ids come in.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from crm.ids import LOT, TRANSACTION
from loyalty.values import ReturnPolicy, SourceKind, TransactionType

POINTS_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What an entry or a lot came from; `external_id` is (source, value)."""

    kind: SourceKind
    node_id: str | None = None
    external_id: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """Points earned together: spendable from `active_at` until `expires_at` (half-open).

    `expired` counts points that expired here and that no return has counted as taken back yet.
    """

    id: str
    source: Source
    earned: int
    remaining: int
    expired: int
    earned_at: datetime
    active_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the ledger; `lots` says which lots gained or lost how much by it."""

    id: str
    sequence: int
    type: TransactionType
    points: int
    balance_after: int
    at: datetime
    occurred_at: datetime
    reason: str | None
    source: Source
    lots: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """The points that end at one instant."""

    points: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The running totals of one account; `sequence` counts its entries, `last_at` is the newest entry's instant."""

    sequence: int = 0
    available: int = 0
    pending: int = 0
    held: int = 0
    debt: int = 0
    lifetime_earned: int = 0
    last_at: datetime | None = None
    next_expiry: Expiry | None = None

    @property
    def balance(self) -> int:
        """The sum of all entries."""
        return self.available + self.pending + self.held - self.debt

    def due_at(self) -> datetime | None:
        """Return the first instant at which the totals change by themselves."""
        return self.next_expiry.at if self.next_expiry else None


class Ledger:
    """The working copy of one account.

    Args:
        account: the totals as stored.
        lots: every lot with points left, and the lots of the sale that a return is about; may stay empty for a fact
            that only adds points while nothing is due.
        now: the instant at which facts take effect here.
        new_id: makes an id with the prefix it is given.
    """

    def __init__(
        self, account: Account, lots: Iterable[Lot] = (), *, now: datetime, new_id: Callable[[str], str]
    ) -> None:
        self.account = account
        self.entries: list[Entry] = []
        self.changed_lots: dict[str, Lot] = {}
        self._lots = {lot.id: lot for lot in lots}
        self._now = now
        self._new_id = new_id

    def settle(self) -> None:
        """Expire every lot that is due, each at its due instant, or at the newest entry's where that is later."""
        due = [lot for lot in self._lots.values() if lot.remaining and lot.expires_at and lot.expires_at <= self._now]
        for lot in sorted(due, key=lambda lot: (lot.expires_at or self._now, lot.id)):
            self._expire(lot)
        if due:
            self._find_next_expiry()

    def _expire(self, lot: Lot) -> None:
        points, at = lot.remaining, lot.expires_at or self._now
        self._put(replace(lot, remaining=0, expired=lot.expired + points))
        self.account = replace(self.account, available=self.account.available - points)
        self._append(
            TransactionType.EXPIRE,
            -points,
            at=at,
            occurred_at=at,
            source=Source(kind=SourceKind.EXPIRY, node_id=lot.id),
            lots=((lot.id, -points),),
        )

    def earn(self, points: int, *, occurred_at: datetime, expires_at: datetime | None, source: Source) -> Lot | None:
        """Post what a sale earned: an entry and its lot; None where it earned nothing. Debt is paid first."""
        if points <= 0:
            return None
        paid = min(self.account.debt, points)
        lot = Lot(
            id=self._new_id(LOT),
            source=source,
            earned=points,
            remaining=points - paid,
            expired=0,
            earned_at=occurred_at,
            active_at=occurred_at,
            expires_at=expires_at,
        )
        self.account = replace(
            self.account,
            available=self.account.available + lot.remaining,
            debt=self.account.debt - paid,
            lifetime_earned=self.account.lifetime_earned + points,
        )
        self._put(lot)
        self._append(
            TransactionType.EARN,
            points,
            at=self._now,
            occurred_at=occurred_at,
            source=source,
            lots=((lot.id, lot.remaining),),
        )
        if expires_at and expires_at <= self._now and lot.remaining:
            self._expire(lot)
        else:
            self._expect(lot)
        return self._lots[lot.id]

    def take_back(
        self,
        points: int,
        *,
        lot_ids: Sequence[str],
        policy: ReturnPolicy,
        occurred_at: datetime,
        reason: str | None,
        source: Source,
    ) -> None:
        """Take back what a returned sale had earned.

        First from the sale's own lots, where points that expired count as taken back; then from the other lots,
        soonest to expire first; what is still missing becomes debt. FORGIVE stops after the sale's own lots.
        """
        own = [self._lots[lot_id] for lot_id in lot_ids]
        taken, missing = self._take(own, points)
        for lot_id in lot_ids:
            lot = self._lots[lot_id]
            counted = min(lot.expired, missing)
            missing -= counted
            if counted:
                self._put(replace(lot, expired=lot.expired - counted))
        debt = 0
        if policy is ReturnPolicy.DEBT and missing:
            others, debt = self._take(self._soonest(), missing)
            taken += others
        amount = sum(points for _, points in taken)
        self.account = replace(self.account, available=self.account.available - amount, debt=self.account.debt + debt)
        if amount + debt:
            self._append(
                TransactionType.RETURN_EARNED,
                -(amount + debt),
                at=self._now,
                occurred_at=occurred_at,
                reason=reason,
                source=source,
                lots=tuple((lot_id, -points) for lot_id, points in taken),
            )
            self._find_next_expiry()

    def _take(self, lots: Iterable[Lot], points: int) -> tuple[list[tuple[str, int]], int]:
        """Take up to `points` from `lots` in their order; return what each gave, and what is missing."""
        taken = []
        for lot in lots:
            part = min(lot.remaining, points)
            if part:
                self._put(replace(lot, remaining=lot.remaining - part))
                taken.append((lot.id, part))
                points -= part
        return taken, points

    def _soonest(self) -> list[Lot]:
        """Return the lots with points left, soonest to expire first, those without an end last."""
        live = [lot for lot in self._lots.values() if lot.remaining]
        return sorted(live, key=lambda lot: (lot.expires_at is None, lot.expires_at or lot.earned_at, lot.id))

    def _put(self, lot: Lot) -> None:
        self._lots[lot.id] = lot
        self.changed_lots[lot.id] = lot

    def _append(
        self,
        type_: TransactionType,
        points: int,
        *,
        at: datetime,
        occurred_at: datetime,
        source: Source,
        lots: tuple[tuple[str, int], ...],
        reason: str | None = None,
    ) -> None:
        last = self.account.last_at
        at = max(at, last) if last else at
        self.account = replace(self.account, sequence=self.account.sequence + 1, last_at=at)
        self.entries.append(
            Entry(
                id=self._new_id(TRANSACTION),
                sequence=self.account.sequence,
                type=type_,
                points=points,
                balance_after=self.account.balance,
                at=at,
                occurred_at=occurred_at,
                reason=reason,
                source=source,
                lots=lots,
            )
        )

    def _expect(self, lot: Lot) -> None:
        """Take a new lot into the next expiry without looking at the others."""
        if not lot.expires_at or not lot.remaining:
            return
        known = self.account.next_expiry
        if known is None or lot.expires_at < known.at:
            self.account = replace(self.account, next_expiry=Expiry(points=lot.remaining, at=lot.expires_at))
        elif lot.expires_at == known.at:
            self.account = replace(self.account, next_expiry=Expiry(points=known.points + lot.remaining, at=known.at))

    def _find_next_expiry(self) -> None:
        self.account = replace(self.account, next_expiry=next_expiry(self._lots.values()))


def next_expiry(lots: Iterable[Lot]) -> Expiry | None:
    """Return the points that end next, and when; `lots` are all of the account's lots with points left."""
    ends = [(lot.expires_at, lot.remaining) for lot in lots if lot.remaining and lot.expires_at]
    if not ends:
        return None
    at = min(end for end, _ in ends)
    return Expiry(points=sum(points for end, points in ends if end == at), at=at)
