"""What a fact does to an account: earn, spend, hold, take back, give back, transfer.

Entries are appended, never edited: a mistake is corrected by a further entry. Points form lots; spending takes the
soonest to end. Totals and `balance_after` are kept for speed and provable from the entries (`loyalty.points`).
What a fact may not do is a Refusal, raised before anything has changed.

The class is in three parts: what goes by the clock (`loyalty.book`), what takes points out (`loyalty.spending`), and
here what brings them in or back.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from crm.ids import LOT
from loyalty.points import EARNED, Lot, LotPoints, MovedPart, Source, SpentPart, ends_at
from loyalty.spending import Spending
from loyalty.values import ReturnPolicy, TransactionType


class Ledger(Spending):
    """One account's working copy; call `settle` before any fact."""

    def credit(
        self,
        type_: TransactionType,
        points: int,
        *,
        occurred_at: datetime,
        source: Source,
        expires_at: datetime | None = None,
        sliding_months: int | None = None,
        active_at: datetime | None = None,
        awaits: str | None = None,
        reason: str | None = None,
        cap: tuple[str, str] | None = None,
    ) -> Lot | None:
        """Post points that come in: an entry and its lot; None for no points. Debt is paid first.

        Args:
            active_at: when they become spendable; at once where None.
            awaits: the event that makes them so.
            cap: the rule's id and the period under which an engagement's points count.
        """
        if points <= 0:
            return None
        paid = min(self.account.debt, points)
        lot = Lot(
            id=self._new_id(LOT),
            source=source,
            earned=points,
            remaining=points - paid,
            earned_at=occurred_at,
            active_at=active_at or min(occurred_at, self._now),  # a till's clock may be minutes ahead
            expires_at=expires_at,
            pending=active_at is not None and active_at > self._now and points > paid,
            sliding_months=sliding_months,
            awaits=awaits,
        )
        self._put(lot)
        self._add(
            debt=-paid,
            lifetime_earned=points if type_ in EARNED else 0,
            **{"pending" if lot.pending else "available": lot.remaining},
        )
        lots = ((lot.id, lot.remaining),)
        self._append(
            type_, points, at=self._now, occurred_at=occurred_at, source=source, lots=lots, reason=reason, cap=cap
        )
        end = ends_at(lot, self.account.activity_at, self.zone)
        if end and end <= self._now:
            self._expire(lot.id, self._now, occurred_at=end)
        if self.account.sliding or sliding_months is not None:
            self._refresh()
        else:
            self._expect(self.lots[lot.id])
        return self.lots[lot.id]

    def take_back(
        self,
        points: int,
        *,
        lot_ids: Sequence[str],
        policy: ReturnPolicy,
        occurred_at: datetime,
        source: Source,
    ) -> None:
        """Take back what a returned sale had earned.

        First from the sale's own lots, pending ones before others, where points that expired count as taken back; then
        from what is available in other lots, soonest to end first; what is still missing becomes debt. FORGIVE stops
        after the sale's own lots.
        """
        own = sorted((self.lots[lot_id] for lot_id in lot_ids), key=lambda lot: not lot.pending)
        taken, missing = self._take(own, points)
        for lot_id in lot_ids:
            lot = self.lots[lot_id]
            counted = min(lot.expired, missing)
            missing -= counted
            if counted:
                self._put(replace(lot, expired=lot.expired - counted))
        debt = 0
        if policy is ReturnPolicy.DEBT and missing:
            others, debt = self._take(self._soonest(), missing)
            taken += others
        self._add(debt=debt)
        amount = sum(points for _, points in taken) + debt
        if not amount:
            return
        lots = tuple((lot_id, -points) for lot_id, points in taken)
        kind = TransactionType.RETURN_EARNED
        self._append(kind, -amount, at=self._now, occurred_at=occurred_at, source=source, lots=lots)
        self._refresh()

    def give_back(
        self,
        points: int,
        parts: Sequence[SpentPart],
        *,
        occurred_at: datetime,
        source: Source,
        expires_at: datetime | None,
        sliding_months: int | None = None,
    ) -> tuple[SpentPart, ...]:
        """Put spent points back into their lots, latest end first, and return the parts with that counted in.

        Debt is paid first, out of those soonest to end; what is overdue ends at once.

        Args:
            points: at most what of `parts` has not been returned.
            expires_at: the end of the lot that overdrawn points come back in, or
            sliding_months: after how many months without activity it ends.
        """
        if points <= 0:
            return tuple(parts)
        order = sorted(parts, key=self._latest_end_first)
        returned: dict[str | None, int] = {}
        left = points
        for part in order:
            returned[part.lot_id] = min(part.points - part.returned, left)
            left -= returned[part.lot_id]
        assert not left, "a return never gives back more than was spent"
        debt = min(self.account.debt, points)
        self._add(debt=-debt)
        gains: list[LotPoints] = []
        for part in reversed(order):
            back = returned[part.lot_id]
            paid = min(debt, back)
            debt -= paid
            if back > paid:
                lot_id = part.lot_id or self._new_lot(back, source, occurred_at, expires_at, sliding_months)
                gains.append((lot_id, back - paid))
        for lot_id, net in gains:
            lot = self.lots[lot_id]
            self._put(replace(lot, remaining=lot.remaining + net))
            self._add(**{"pending" if lot.pending else "available": net})
        kind = TransactionType.RETURN_SPENT
        self._append(kind, points, at=self._now, occurred_at=occurred_at, source=source, lots=tuple(gains))
        self._expire_overdue([lot_id for lot_id, _ in gains], self._now)
        self._refresh()
        return tuple(replace(part, returned=part.returned + returned[part.lot_id]) for part in parts)

    def _latest_end_first(self, part: SpentPart) -> tuple[bool, bool, float, str]:
        """Order parts for a return: without an end, then the latest; what was overdrawn comes last."""
        if part.lot_id is None:
            return (True, False, 0.0, "")
        end = ends_at(self.lots[part.lot_id], self.account.activity_at, self.zone)
        return (False, end is not None, -end.timestamp() if end else 0.0, part.lot_id)

    def _new_lot(
        self,
        points: int,
        source: Source,
        earned_at: datetime,
        expires_at: datetime | None,
        sliding_months: int | None = None,
    ) -> str:
        """Make an empty lot for points that come in without being earned."""
        lot = Lot(
            id=self._new_id(LOT),
            source=source,
            earned=points,
            remaining=0,
            earned_at=earned_at,
            active_at=min(earned_at, self._now),
            expires_at=expires_at,
            sliding_months=sliding_months,
        )
        self._put(lot)
        return lot.id

    def transfer_out(self, points: int, *, source: Source) -> tuple[MovedPart, ...]:
        """Take available points for another account, soonest to end first, and return them with their ends.

        Raises:
            Refusal: INSUFFICIENT_POINTS on `points`.
        """
        taken = self.spend(points, occurred_at=self._now, source=source, type_=TransactionType.TRANSFER_OUT)
        lots = [(self.lots[part.lot_id], part.points) for part in taken if part.lot_id]
        return tuple(
            MovedPart(
                points=part, earned_at=lot.earned_at, expires_at=ends_at(lot, self.account.activity_at, self.zone)
            )
            for lot, part in lots
        )

    def transfer_in(self, moved: Sequence[MovedPart], *, source: Source) -> None:
        """Post points from another account: one entry, a lot for each end. Debt is paid first."""
        points = sum(part.points for part in moved)
        debt = min(self.account.debt, points)
        self._add(debt=-debt)
        gains: list[LotPoints] = []
        for part in moved:
            paid = min(debt, part.points)
            debt -= paid
            if part.points > paid:
                lot_id = self._new_lot(part.points, source, part.earned_at, part.expires_at)
                self._put(replace(self.lots[lot_id], remaining=part.points - paid))
                gains.append((lot_id, part.points - paid))
        self._add(available=sum(net for _, net in gains))
        kind = TransactionType.TRANSFER_IN
        self._append(kind, points, at=self._now, occurred_at=self._now, source=source, lots=tuple(gains))
        self._refresh()

    def activate(self, chosen: Callable[[Lot], bool]) -> int:
        """Make pending lots spendable now, because what they waited for has happened; return their points."""
        at = self._not_before_last(self._now)
        lots = [lot for lot in self.lots.values() if lot.pending and lot.remaining and chosen(lot)]
        for lot in sorted(lots, key=lambda lot: lot.id):
            self._put(replace(self.lots[lot.id], active_at=at))
            self._activate(lot.id, at)
        if lots:
            self._refresh()
        return sum(lot.remaining for lot in lots)
