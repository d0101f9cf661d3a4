"""A slow model of a points ledger: it knows single points and goes from day to day."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from loyalty.periods import add_months
from loyalty.values import ReturnPolicy, TransactionType
from tests.loyalty.support import DEBT, day, on

NEVER = 10**6  # a day that does not come


@dataclass(eq=False)
class Point:
    """A point that is there: in a lot, waiting or not, and in a hold or not."""

    lot: "Batch"
    pending: bool = False
    hold: int | None = None


@dataclass(eq=False)
class Batch:
    """What points earned together have in common; `number` counts the account's."""

    number: int
    earned: int
    active: int
    ends: int | None
    sliding: int | None = None
    expired: int = 0


@dataclass(eq=False)
class Reserved:
    """A hold of the model."""

    ends: int
    size: int
    status: str = "ACTIVE"


@dataclass
class Model:
    """An account as a list of points. Every rule is written as if nobody had to be quick."""

    today: int = 0
    points: list[Point] = field(default_factory=list)
    debt: int = 0
    lifetime: int = 0
    activity: int = -NEVER
    batches: list[Batch] = field(default_factory=list)
    holds: list[Reserved] = field(default_factory=list)
    diary: dict[int, tuple[object, ...]] = field(default_factory=dict)

    # -------------------------------------------------------- looking

    def end(self, lot: Batch) -> int | None:
        if lot.sliding is None:
            return lot.ends
        return int(day(add_months(on(max(self.activity, lot.earned)), lot.sliding)) or 0)

    def rank(self, lot: Batch) -> tuple[bool, int, int]:
        end = self.end(lot)
        return (end is None, lot.earned if end is None else end, lot.number)

    def free(self) -> list[Point]:
        found = [point for point in self.points if not point.pending and point.hold is None]
        return sorted(found, key=lambda point: self.rank(point.lot))

    def totals(self) -> tuple[object, ...]:
        ends = [self.end(point.lot) for point in self.points if point.hold is None]
        known = [end for end in ends if end is not None]
        return (
            len(self.free()),
            sum(point.pending for point in self.points),
            sum(point.hold is not None for point in self.points),
            self.debt,
            self.lifetime,
            (known.count(min(known)), min(known)) if known else None,
        )

    def lots(self) -> list[tuple[int, int, int]]:
        mine = [[point for point in self.points if point.lot is lot] for lot in self.batches]
        return [
            (len(points), sum(point.hold is not None for point in points), lot.expired)
            for lot, points in zip(self.batches, mine, strict=True)
        ]

    # -------------------------------------------------------- time

    def live_until(self, today: int) -> None:
        while self.today < today:
            self.diary[self.today] = self.totals()
            self.today += 1
            self.morning()

    def morning(self) -> None:
        for lot in self.batches:
            if lot.active <= self.today:
                self.wake(lot)
        for hold in self.holds:
            if hold.status == "ACTIVE" and hold.ends <= self.today:
                self.end_hold(hold, "EXPIRED")
        self.expire()

    def wake(self, lot: Batch) -> None:
        for point in self.points:
            if point.lot is lot:
                point.pending = False
        self.pay_debt()

    def expire(self) -> None:
        for point in list(self.points):
            end = self.end(point.lot)
            if point.hold is None and end is not None and end <= self.today:
                self.points.remove(point)
                point.lot.expired += 1

    def end_hold(self, hold: Reserved, status: str) -> None:
        for point in self.points:
            if point.hold is not None and self.holds[point.hold] is hold:
                point.hold = None
        hold.status = status
        self.expire()
        self.pay_debt()

    def pay_debt(self) -> None:
        while self.debt and self.free():
            self.points.remove(self.free()[0])
            self.debt -= 1

    # -------------------------------------------------------- facts

    def batch(self, earned: int, active: int, ends: int | None, sliding: int | None = None) -> Batch:
        self.batches.append(Batch(len(self.batches), earned, active, ends, sliding))
        return self.batches[-1]

    def come_in(self, lot: Batch, *, pending: bool) -> None:
        if self.debt:
            self.debt -= 1
        else:
            self.points.append(Point(lot, pending))

    def credit(
        self, points: int, *, type_: TransactionType, sold: int, ends: int | None, active: int, sliding: int | None
    ) -> Batch:
        lot = self.batch(sold, active, ends, sliding)
        for _ in range(points):
            self.come_in(lot, pending=active > self.today)
        if type_ is not TransactionType.ADJUST:
            self.lifetime += points
            self.activity = self.today
        self.expire()
        return lot

    def take(self, points: int) -> list[Batch | None]:
        taken: list[Batch | None] = []
        for _ in range(points):
            if free := self.free():
                self.points.remove(free[0])
                taken.append(free[0].lot)
            else:
                self.debt += 1
                taken.append(None)
        return taken

    def spend(self, points: int, overdraft: int) -> list[Batch | None] | str:
        lacking = points - len(self.free())
        if lacking > 0 and self.debt + lacking > overdraft:
            return "INSUFFICIENT_POINTS"
        taken = self.take(points)
        self.activity = self.today
        return taken

    def hold(self, points: int, ends: int) -> str | None:
        if points > len(self.free()):
            return "INSUFFICIENT_POINTS"
        for point in self.free()[:points]:
            point.hold = len(self.holds)
        self.holds.append(Reserved(ends, points))
        return None

    def release(self, hold: Reserved) -> str | None:
        if hold.status != "ACTIVE":
            return "HOLD_EXPIRED" if hold.status == "EXPIRED" else "HOLD_NOT_ACTIVE"
        self.end_hold(hold, "RELEASED")
        return None

    def capture(self, hold: Reserved, points: int | None, sold: int, *, in_sale: bool) -> list[Batch | None] | str:
        wanted = hold.size if points is None else points
        if hold.status in ("CAPTURED", "RELEASED"):
            return "HOLD_NOT_ACTIVE"
        if hold.status == "EXPIRED" and not in_sale:
            return "HOLD_EXPIRED"
        if wanted > hold.size:
            return "INSUFFICIENT_POINTS"
        if hold.status == "EXPIRED":
            if sold < hold.ends and self.today <= hold.ends + 3 and wanted <= len(self.free()):
                hold.status = "CAPTURED"
                return self.spend(wanted, 0)
            return "HOLD_EXPIRED"
        mine = [point for point in self.points if point.hold is not None and self.holds[point.hold] is hold]
        mine = sorted(mine, key=lambda point: self.rank(point.lot))[:wanted]
        for point in mine:
            self.points.remove(point)
        self.activity = self.today
        self.end_hold(hold, "CAPTURED")
        return [point.lot for point in mine]

    def take_back(self, points: int, own: Sequence[Batch], policy: ReturnPolicy) -> None:
        for _ in range(points):
            mine = [point for lot in own for point in self.points if point.lot is lot and point.hold is None]
            mine = sorted(mine, key=lambda point: not point.pending)
            gone = [lot for lot in own if lot.expired]
            others = self.free() if policy is DEBT else []
            if mine or (others and not gone):
                self.points.remove((mine or others)[0])
            elif gone:
                gone[0].expired -= 1
            elif policy is DEBT:
                self.debt += 1

    def give_back(self, points: int, sale: list[Batch | None], ends: int | None) -> None:
        for_last = sorted((lot for lot in sale if lot), key=lambda lot: lot.number)
        latest = sorted(for_last, key=lambda lot: -NEVER if self.end(lot) is None else -(self.end(lot) or 0))
        chosen = [*latest, *([None] * sale.count(None))][:points]
        new = None
        for lot in reversed(chosen):
            sale.remove(lot)
            if self.debt:
                self.debt -= 1
            else:
                new = new or (self.batch(self.today, self.today, ends) if lot is None else None)
                self.points.append(Point(lot or new or self.batches[0]))
        self.expire()

    def transfer(self, points: int, to: "Model") -> str | None:
        if points > len(self.free()):
            return "INSUFFICIENT_POINTS"
        twins: dict[Batch, Batch] = {}
        for lot in self.take(points):
            if to.debt:
                to.debt -= 1
            elif lot:
                twins[lot] = twins.get(lot) or to.batch(lot.earned, lot.earned, self.end(lot))
                to.points.append(Point(twins[lot]))
        return None

    def activate(self, wanted: Sequence[Batch]) -> None:
        for lot in wanted:
            if any(point.pending and point.lot is lot for point in self.points):
                self.wake(lot)
