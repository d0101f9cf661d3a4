"""The working copy of one account inside one transaction, and everything about it that goes by the clock.

Apply facts to a `loyalty.ledger.Ledger`, then store its `account`, `entries`, `changed_lots` and `changed_holds`. It
does no IO and reads no clock; `now` and the maker of ids come in.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from crm.ids import TRANSACTION
from loyalty.points import (
    Account,
    Entry,
    Expiry,
    Hold,
    Lot,
    LotPoints,
    Source,
    due_at,
    ends_at,
    is_activity,
    next_expiry,
)
from loyalty.values import HoldStatus, SourceKind, TransactionType

DEBT_PAID = "Debt paid"
_ACTIVATES, _TIMES_OUT, _ENDS = range(3)  # the order of what falls on one instant


class Book:
    """An account with its lots and holds, settled by `settle`.

    Args:
        account: the totals as stored.
        lots: every lot with points left, and those without that a fact is about; may stay empty for a fact that only
            adds points while nothing is due and nothing slides.
        holds: every active hold, and the one a fact is about.
        now: the instant at which facts take effect here.
        new_id: makes an id with the prefix it is given.
        zone: whose calendar months count.

    `stored` are the ids of the lots and holds it was given: all others that changed are new.
    """

    def __init__(
        self,
        account: Account,
        lots: Iterable[Lot] = (),
        holds: Iterable[Hold] = (),
        *,
        now: datetime,
        new_id: Callable[[str], str],
        zone: ZoneInfo,
    ) -> None:
        self.account = account
        self.entries: list[Entry] = []
        self.changed_lots: dict[str, Lot] = {}
        self.changed_holds: dict[str, Hold] = {}
        self.lots = {lot.id: lot for lot in lots}
        self.holds = {hold.id: hold for hold in holds}
        self.stored = frozenset([*self.lots, *self.holds])
        self.zone = zone
        self._now = now
        self._new_id = new_id

    def settle(self) -> None:
        """Play what fell due, each at its instant, or at the newest entry's where that is later."""
        if self.account.due_at is None or self.account.due_at > self._now:
            return
        for at, kind, id_ in sorted(self._due()):
            if kind == _ACTIVATES:
                self._activate(id_, at)
            elif kind == _TIMES_OUT:
                self._end_hold(self.holds[id_], HoldStatus.EXPIRED, at)
            else:
                self._expire(id_, at)
        self._refresh()

    def _due(self) -> Iterable[tuple[datetime, int, str]]:
        for lot in self.lots.values():
            end = ends_at(lot, self.account.activity_at, self.zone)
            if lot.remaining and lot.pending and lot.active_at <= self._now:
                yield lot.active_at, _ACTIVATES, lot.id
            if lot.remaining and end and end <= self._now:
                yield end, _ENDS, lot.id
        for hold in self.holds.values():
            if hold.status is HoldStatus.ACTIVE and hold.expires_at <= self._now:
                yield hold.expires_at, _TIMES_OUT, hold.id

    def _activate(self, lot_id: str, at: datetime) -> None:
        lot = self.lots[lot_id]
        self._put(replace(lot, pending=False))
        self._add(pending=-lot.remaining, available=lot.remaining)
        self._pay_debt(at, lot.source)

    def _expire(self, lot_id: str, at: datetime, *, occurred_at: datetime | None = None) -> None:
        """Let what nobody holds of a lot end."""
        lot = self.lots[lot_id]
        points = lot.free
        if not points:
            return
        self._take_from(lot, points)
        self._put(replace(self.lots[lot_id], expired=lot.expired + points))
        source = Source(kind=SourceKind.EXPIRY, node_id=lot.id)
        lots, kind = ((lot.id, -points),), TransactionType.EXPIRE
        self._append(kind, -points, at=at, occurred_at=occurred_at or at, source=source, lots=lots)

    def _end_hold(
        self,
        hold: Hold,
        status: HoldStatus,
        at: datetime,
        *,
        captured: int = 0,
        rest: Sequence[LotPoints] | None = None,
    ) -> None:
        """End a hold: the `rest` of its parts (all where None) is free again, and what of it is overdue ends."""
        at = max(self._not_before_last(at), hold.created_at)
        freed = hold.parts if rest is None else rest
        for lot_id, points in freed:
            lot = self.lots[lot_id]
            self._put(replace(lot, held=lot.held - points))
        points = sum(points for _, points in freed)
        self._add(held=-points, available=points)
        self._put_hold(replace(hold, status=status, captured=captured, ended_at=at))
        self._expire_overdue([lot_id for lot_id, _ in freed], at)
        self._pay_debt(at, Source(kind=SourceKind.HOLD, node_id=hold.id))

    def _expire_overdue(self, lot_ids: Iterable[str], at: datetime) -> None:
        for lot_id in lot_ids:
            end = ends_at(self.lots[lot_id], self.account.activity_at, self.zone)
            if end and end <= at:
                self._expire(lot_id, at)

    def _pay_debt(self, at: datetime, source: Source) -> None:
        """Let points that have become spendable pay the debt there is: an entry of 0 points names their lots."""
        points = min(self.account.debt, self.account.available)
        if not points:
            return
        taken, _ = self._take(self._soonest(), points)
        self._add(debt=-points)
        lots = tuple((lot_id, -part) for lot_id, part in taken)
        kind = TransactionType.ADJUST
        self._append(kind, 0, at=at, occurred_at=at, source=source, lots=lots, reason=DEBT_PAID)

    def _take(self, lots: Iterable[Lot], points: int) -> tuple[list[LotPoints], int]:
        """Take up to `points` that nobody holds, from `lots` in their order; return what each gave, and what lacks."""
        taken = []
        for lot in lots:
            part = min(lot.free, points)
            if part:
                self._take_from(lot, part)
                taken.append((lot.id, part))
                points -= part
        return taken, points

    def _take_from(self, lot: Lot, points: int) -> None:
        self._put(replace(lot, remaining=lot.remaining - points))
        self._add(**{"pending" if lot.pending else "available": -points})

    def _soonest(self) -> list[Lot]:
        """Return the lots with points that can be spent, soonest to end first, those without an end last."""
        return sorted((lot for lot in self.lots.values() if lot.available), key=self._by_end)

    def _soonest_parts(self, parts: Sequence[LotPoints]) -> list[LotPoints]:
        return sorted(parts, key=lambda part: self._by_end(self.lots[part[0]]))

    def _by_end(self, lot: Lot) -> tuple[bool, datetime, str]:
        end = ends_at(lot, self.account.activity_at, self.zone)
        return (end is None, end or lot.earned_at, lot.id)

    def _put(self, lot: Lot) -> None:
        self.lots[lot.id] = self.changed_lots[lot.id] = lot

    def _put_hold(self, hold: Hold) -> None:
        self.holds[hold.id] = self.changed_holds[hold.id] = hold

    def _add(self, **points: int) -> None:
        self.account = replace(
            self.account, **{name: getattr(self.account, name) + change for name, change in points.items()}
        )

    def _not_before_last(self, at: datetime) -> datetime:
        return max(at, self.account.last_at) if self.account.last_at else at

    def _append(
        self,
        type_: TransactionType,
        points: int,
        *,
        at: datetime,
        occurred_at: datetime,
        source: Source,
        lots: tuple[LotPoints, ...],
        reason: str | None = None,
        cap: tuple[str, str] | None = None,
    ) -> Entry:
        at = self._not_before_last(at)
        activity_at = at if is_activity(type_, source) else self.account.activity_at
        self.account = replace(self.account, sequence=self.account.sequence + 1, last_at=at, activity_at=activity_at)
        entry = Entry(
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
            cap=cap,
        )
        self.entries.append(entry)
        return entry

    def _expect(self, lot: Lot) -> None:
        """Take a new lot into what is to come without looking at the others."""
        if not lot.remaining:
            return
        account = self.account
        end = ends_at(lot, account.activity_at, self.zone)
        instants = [account.due_at] if account.due_at else []
        instants += [lot.active_at] if lot.pending else []
        expiry = account.next_expiry
        if end:
            instants.append(end)
            if expiry is None or end < expiry.at:
                expiry = Expiry(points=lot.remaining, at=end)
            elif end == expiry.at:
                expiry = Expiry(points=expiry.points + lot.remaining, at=end)
        self.account = replace(account, next_expiry=expiry, due_at=min(instants, default=None))

    def _refresh(self) -> None:
        """Work out from all lots and holds what is to come."""
        live = [lot for lot in self.lots.values() if lot.remaining]
        activity_at = self.account.activity_at
        self.account = replace(
            self.account,
            next_expiry=next_expiry(live, activity_at, self.zone),
            due_at=due_at(live, self.holds.values(), activity_at, self.zone),
            sliding=any(lot.sliding_months is not None for lot in live),
        )
