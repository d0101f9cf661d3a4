"""What the ledger is made of: lots, holds, entries and an account's totals, as frozen values.

sum of entries = available + pending + held - debt
sum of lots    = available + pending + held
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from loyalty.periods import add_months
from loyalty.values import HoldStatus, SourceKind, TransactionType

POINTS_MAX = 2**31 - 1
LotPoints = tuple[str, int]
"""The id of a lot and points of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What an entry or a lot came from; `external_id` is (source, value)."""

    kind: SourceKind
    node_id: str | None = None
    external_id: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """Points earned together: spendable from `active_at` until `expires_at` (half-open).

    Of the `remaining` points `held` are reserved by holds. `pending` lots have not been made spendable yet. `expired`
    counts points that expired here and that no return has counted as taken back yet. With `sliding_months` the end
    moves with the account's activity instead of standing in `expires_at`. `awaits` names the event that makes it
    spendable, decided when it was earned.
    """

    id: str
    source: Source
    earned: int
    remaining: int
    earned_at: datetime
    active_at: datetime
    expires_at: datetime | None
    held: int = 0
    pending: bool = False
    expired: int = 0
    sliding_months: int | None = None
    awaits: str | None = None

    @property
    def free(self) -> int:
        """The points that no hold has reserved."""
        return self.remaining - self.held

    @property
    def available(self) -> int:
        """The points that can be spent."""
        return 0 if self.pending else self.remaining - self.held


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """`points` reserved in `parts` until `expires_at` (half-open); `ended_at` is when they no longer were."""

    id: str
    points: int
    parts: tuple[LotPoints, ...]
    created_at: datetime
    expires_at: datetime
    status: HoldStatus = HoldStatus.ACTIVE
    captured: int = 0
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpentPart:
    """Points that a sale took from one lot, and how many of them returns have put back; no lot: overdrawn."""

    lot_id: str | None
    points: int
    returned: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedPart:
    """Points on their way from one account to another, with the end they keep."""

    points: int
    earned_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the ledger; `lots` says which lots gained or lost how much by it.

    `cap` is the rule's id and the period under which the points of an engagement count; a sale keeps its own caps.
    """

    id: str
    sequence: int
    type: TransactionType
    points: int
    balance_after: int
    at: datetime
    occurred_at: datetime
    reason: str | None
    source: Source
    lots: tuple[LotPoints, ...]
    cap: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """The points that end at one instant."""

    points: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The running totals of one account.

    `sequence` counts its entries, `last_at` is the newest entry's instant, `due_at` the first instant at which the
    totals change by themselves. `activity_at` is when points last were earned or spent, `sliding` whether a lot with
    points left depends on it.
    """

    sequence: int = 0
    available: int = 0
    pending: int = 0
    held: int = 0
    debt: int = 0
    lifetime_earned: int = 0
    last_at: datetime | None = None
    next_expiry: Expiry | None = None
    due_at: datetime | None = None
    activity_at: datetime | None = None
    sliding: bool = False

    @property
    def balance(self) -> int:
        """The sum of all entries."""
        return self.available + self.pending + self.held - self.debt


EARNED = frozenset({TransactionType.EARN, TransactionType.BONUS})
"""What counts as earned, in a lifetime and by a purchase."""


def is_activity(type_: TransactionType, source: Source) -> bool:
    """Whether an entry puts the end of sliding points off: points earned or spent, by something that somebody did.

    Points that the calendar or a profile brings (an event without a node) do not: when they are posted depends on the
    worker, and no end may.
    """
    if type_ is TransactionType.BONUS and source.kind is SourceKind.EVENT:
        return source.node_id is not None
    return type_ in EARNED or type_ is TransactionType.SPEND


def ends_at(lot: Lot, activity_at: datetime | None, zone: ZoneInfo) -> datetime | None:
    """Return the instant from which a lot's points are gone; None where they never are."""
    if lot.sliding_months is None:
        return lot.expires_at
    start = max(activity_at, lot.earned_at) if activity_at else lot.earned_at
    return add_months(start.astimezone(zone), lot.sliding_months).astimezone(UTC)


def next_expiry(lots: Iterable[Lot], activity_at: datetime | None, zone: ZoneInfo) -> Expiry | None:
    """Return the points that end next, and when; held ones do not end. `lots` are all with points left."""
    ends = [(ends_at(lot, activity_at, zone), lot.free) for lot in lots if lot.free]
    known = [(end, points) for end, points in ends if end is not None]
    if not known:
        return None
    at = min(end for end, _ in known)
    return Expiry(points=sum(points for end, points in known if end == at), at=at)


def due_at(lots: Iterable[Lot], holds: Iterable[Hold], activity_at: datetime | None, zone: ZoneInfo) -> datetime | None:
    """Return the first instant at which totals change by themselves: an end, an activation, a hold's time-out."""
    live = [lot for lot in lots if lot.remaining]
    expiry = next_expiry(live, activity_at, zone)
    instants = [expiry.at] if expiry else []
    instants += [lot.active_at for lot in live if lot.pending]
    instants += [hold.expires_at for hold in holds if hold.status is HoldStatus.ACTIVE]
    return min(instants, default=None)
