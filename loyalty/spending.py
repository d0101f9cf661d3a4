"""What takes points out of an account: spending, and holds with their capture and release."""

from dataclasses import replace
from datetime import datetime, timedelta

from crm.ids import HOLD
from crm.refusals import Refusal, UserErrorCode
from loyalty.book import Book
from loyalty.points import Hold, LotPoints, Source, SpentPart
from loyalty.values import HoldStatus, TransactionType

LATE_CAPTURE = timedelta(hours=72)
"""How long after its end a hold can be captured by a sale that happened before."""


class Spending(Book):
    """The facts that take points; each is whole or a Refusal."""

    def spend(
        self,
        points: int,
        *,
        occurred_at: datetime,
        source: Source,
        overdraft: int = 0,
        reason: str | None = None,
        type_: TransactionType = TransactionType.SPEND,
    ) -> tuple[SpentPart, ...]:
        """Take available points, soonest to end first, and return where they came from.

        Args:
            overdraft: the debt there may be afterwards.

        Raises:
            Refusal: INSUFFICIENT_POINTS on `points`.
        """
        missing = max(points - self.account.available, 0)
        if missing and self.account.debt + missing > overdraft:
            raise self._insufficient(points)
        taken, _ = self._take(self._soonest(), points - missing)
        self._add(debt=missing)
        lots = tuple((lot_id, -part) for lot_id, part in taken)
        self._append(type_, -points, at=self._now, occurred_at=occurred_at, source=source, lots=lots, reason=reason)
        self._refresh()
        parts = [SpentPart(lot_id=lot_id, points=part) for lot_id, part in taken]
        return (*parts, *([SpentPart(lot_id=None, points=missing)] if missing else []))

    def _insufficient(self, points: int) -> Refusal:
        message = f"{points} points asked for, {self.account.available} available."
        return Refusal(UserErrorCode.INSUFFICIENT_POINTS, message, ("points",))

    def hold(self, points: int, *, expires_at: datetime) -> Hold:
        """Reserve available points, soonest to end first; they do not end while the hold is active.

        Raises:
            Refusal: INSUFFICIENT_POINTS on `points`.
        """
        if points > self.account.available:
            raise self._insufficient(points)
        parts: list[LotPoints] = []
        left = points
        for lot in self._soonest():
            part = min(lot.available, left)
            if part:
                self._put(replace(lot, held=lot.held + part))
                parts.append((lot.id, part))
                left -= part
        self._add(available=-points, held=points)
        created = self._not_before_last(self._now)
        made = Hold(id=self._new_id(HOLD), points=points, parts=tuple(parts), created_at=created, expires_at=expires_at)
        self.holds[made.id] = self.changed_holds[made.id] = made
        self._refresh()
        return made

    def release(self, hold_id: str) -> Hold:
        """Give a hold's points free.

        Raises:
            Refusal: HOLD_EXPIRED, HOLD_NOT_ACTIVE on `holdId`.
        """
        hold = self.holds[hold_id]
        self._check_active(hold)
        self._end_hold(hold, HoldStatus.RELEASED, self._now)
        self._refresh()
        return self.holds[hold_id]

    def capture(
        self, hold_id: str, points: int | None, *, occurred_at: datetime, source: Source, in_sale: bool = False
    ) -> tuple[SpentPart, ...]:
        """Spend a hold's points, all where None, soonest to end first; the rest is free again.

        Args:
            in_sale: a sale that happened before the hold's end captures it until 72 hours after, out of
                what is available.

        Raises:
            Refusal: INSUFFICIENT_POINTS for more than it holds, HOLD_EXPIRED, HOLD_NOT_ACTIVE.
        """
        hold = self.holds[hold_id]
        wanted = hold.points if points is None else points
        late = in_sale and hold.status is HoldStatus.EXPIRED
        if not late:
            self._check_active(hold)
        if wanted > hold.points:
            message = f"{wanted} points asked for, {hold.points} held."
            raise Refusal(UserErrorCode.INSUFFICIENT_POINTS, message, ("points",))
        if late:
            return self._capture_late(hold, wanted, occurred_at, source)
        taken: list[LotPoints] = []
        rest: list[LotPoints] = []
        left = wanted
        for lot_id, held in self._soonest_parts(hold.parts):
            part = min(held, left)
            left -= part
            lot = self.lots[lot_id]
            self._put(replace(lot, remaining=lot.remaining - part, held=lot.held - part))
            taken += [(lot_id, part)] if part else []
            rest += [(lot_id, held - part)] if held > part else []
        self._add(held=-wanted)
        lots = tuple((lot_id, -part) for lot_id, part in taken)
        self._append(TransactionType.SPEND, -wanted, at=self._now, occurred_at=occurred_at, source=source, lots=lots)
        self._end_hold(hold, HoldStatus.CAPTURED, self._now, captured=wanted, rest=rest)
        self._refresh()
        return tuple(SpentPart(lot_id=lot_id, points=part) for lot_id, part in taken)

    @staticmethod
    def _check_active(hold: Hold) -> None:
        if hold.status is HoldStatus.EXPIRED:
            raise Refusal(UserErrorCode.HOLD_EXPIRED, "The hold's time is over.", ("holdId",))
        if hold.status is not HoldStatus.ACTIVE:
            message = f"The hold is {hold.status.lower()} already."
            raise Refusal(UserErrorCode.HOLD_NOT_ACTIVE, message, ("holdId",))

    def _capture_late(self, hold: Hold, points: int, occurred_at: datetime, source: Source) -> tuple[SpentPart, ...]:
        """Spend what a hold that timed out had reserved, as far as it is still there."""
        if occurred_at >= hold.expires_at or self._now > hold.expires_at + LATE_CAPTURE:
            raise Refusal(UserErrorCode.HOLD_EXPIRED, "The hold's time is over.", ("holdId",))
        if points > self.account.available:
            message = "The hold's time is over, and its points are no longer all there."
            raise Refusal(UserErrorCode.HOLD_EXPIRED, message, ("holdId",))
        parts = self.spend(points, occurred_at=occurred_at, source=source)
        self._put_hold(replace(hold, status=HoldStatus.CAPTURED, captured=points))
        return parts
