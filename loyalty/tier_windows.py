"""What decides about tiers: the ladder in force, what counts, over which span of time, and until when it is kept.

One shape for all windows: time is cut into spans over which the amount that decides stays the same. An amount is in
points, or with basis SPEND in minor units. docs/decisions/0011 has the windows:

- ROLLING_365_DAYS: the sum over (t - 365 d, t]; a sale is gone exactly 365 days later (contract: "Tier at an instant").
- CALENDAR_YEAR: the sum of t's year up to t or that of the year before, whichever is more.
- SINCE_JOINING: the sum of everything known, sales before joining too.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from operator import attrgetter
from zoneinfo import ZoneInfo

from loyalty.values import Program, Tier, TierBasis, TierPolicy, TierWindow

WINDOW = timedelta(days=365)
"""How long a sale counts under ROLLING_365_DAYS."""

HOLD = timedelta(days=365)
"""How long a tier reached by an upgrade is kept whatever the points, where no calendar year keeps it."""

BEGINNING = datetime.min.replace(tzinfo=UTC) + timedelta(days=1)  # a day of room: it exists in every time zone
"""The beginning of time: before every sale."""

END = datetime.max.replace(tzinfo=UTC)
"""The end of time: no step lies there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QualifyingSale:
    """A sale as far as tiers know it: its occurredAt, its qualifying points and its kept base.

    `points` are whole points, at least 0: EARN alone (no bonus, adjustment or transfer), less what returns took back
    unless the policy keeps them on return. `spend` is the base still kept, in minor units, at least 0.
    """

    at: datetime
    points: int
    spend: int = 0

    def __post_init__(self) -> None:
        if self.points < 0:
            raise ValueError(f"points must not be negative, got {self.points}")
        if self.spend < 0:
            raise ValueError(f"spend must not be negative, got {self.spend}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """The tiers (thresholds ascending from 0) and the policy that decide from `since` on, until the next ladder's.

    A threshold is in points, or with basis SPEND in whole units of currency.
    """

    since: datetime
    tiers: tuple[Tier, ...]
    policy: TierPolicy


Kept = tuple[tuple[int, datetime], ...]
"""Pairs of a sum and the instant until which that sum keeps a tier."""

Span = tuple[datetime, datetime, int, Kept]
"""(start, end, amount, kept): over [start, end) the amount decides. A plain tuple: a sale goes through hundreds."""


def ladders_of(programs: Sequence[Program]) -> tuple[Ladder, ...]:
    """Return the ladders of a programme's versions, those planned ahead too; the first from the beginning of time.

    The newest version whose `valid_from` has come is in force, so a version supersedes every older one that begins
    with it or later. Versions in a row with the same tiers (ids and thresholds, not names or multipliers) and the
    same policy are one ladder, with the tiers of the oldest of them.

    Args:
        programs: every version, oldest first by version number, at least one.
    """
    in_force: list[Program] = []
    for program in programs:
        in_force = [earlier for earlier in in_force if earlier.valid_from < program.valid_from]
        in_force.append(program)
    ladders: list[Ladder] = []
    for program in in_force:
        since = program.valid_from if ladders else BEGINNING
        ladder = Ladder(since=since, tiers=program.tiers, policy=program.tier_policy)
        if not ladders or _what_decides(ladders[-1]) != _what_decides(ladder):
            ladders.append(ladder)
    return tuple(ladders)


def ladder_at(ladders: Sequence[Ladder], instant: datetime) -> Ladder:
    """Return the ladder in force at `instant`; the first is in force before all others."""
    return ladders[bisect_right(ladders, instant, lo=1, key=attrgetter("since")) - 1]


def needed_after(policy: TierPolicy, begin: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant after which sales count at `begin` or later, under any policy but SINCE_JOINING."""
    if policy.window is TierWindow.CALENDAR_YEAR:
        return start_of_year(year_of(begin, zone) - 1, zone) - timedelta.resolution
    return begin - WINDOW


def spans(
    sales: Sequence[QualifyingSale], *, policy: TierPolicy, zone: ZoneInfo, begin: datetime, end: datetime
) -> Iterator[Span]:
    """Yield the spans without gaps from `begin` to `end`.

    What leaves and what comes in at one instant fall into one change, so neither shows without the other.

    Args:
        sales: in any order; those that count at `begin` or come later. Those at or after `end` change nothing.
        zone: whose calendar years count; the other windows do not look at it.
    """
    if policy.window is TierWindow.CALENDAR_YEAR:
        yield from _yearly_spans(sales, _counted(policy), zone, begin, end)
        return
    counted = _counted(policy)
    changes: defaultdict[datetime, int] = defaultdict(int, {begin: 0, end: 0})
    for sale in sales:
        changes[sale.at] += counted(sale)
    if policy.window is TierWindow.ROLLING_365_DAYS:
        for sale in sales:  # a second loop: two ascending runs sort in linear time
            changes[sale.at + WINDOW] -= counted(sale)
    amount = 0
    for start, stop in pairwise(sorted(changes)):
        amount += changes[start]
        if begin <= start < end:
            yield start, stop, amount, ()


def _yearly_spans(
    sales: Sequence[QualifyingSale],
    counted: Callable[[QualifyingSale], int],
    zone: ZoneInfo,
    begin: datetime,
    end: datetime,
) -> Iterator[Span]:
    """Yield the spans of calendar years: they change with every sale, and where its year is the last no more."""
    changes: defaultdict[datetime, int] = defaultdict(int, {begin: 0, end: 0})
    for sale in sales:
        changes[sale.at] += counted(sale)
    for year in {year_of(sale.at, zone) for sale in sales}:
        changes[start_of_year(year + 2, zone)] += 0
    sums: defaultdict[int, int] = defaultdict(int)
    for start, stop in pairwise(sorted(changes)):
        year = year_of(start, zone)
        sums[year] += changes[start]
        if begin <= start < end:
            this, last = sums[year], sums[year - 1]
            kept = ((this, start_of_year(year + 2, zone)), (last, start_of_year(year + 1, zone)))
            yield start, stop, max(this, last), kept


def hold_of(policy: TierPolicy) -> timedelta:
    """Return how long an upgrade alone keeps a tier; none for calendar years, whose sums keep it (`Kept`)."""
    return timedelta(0) if policy.window is TierWindow.CALENDAR_YEAR else HOLD


def fall_due(policy: TierPolicy, zone: ZoneInfo, *, lacking_from: datetime, held_until: datetime) -> datetime:
    """Return the instant at which a tier is lost if the amount stays too small; `END` where it never is.

    Grace begins where neither the amount nor `held_until` keeps the tier any more. With calendar years its days are
    those of the calendar, so that it ends at midnight whatever the clocks did in between.
    """
    if policy.window is TierWindow.SINCE_JOINING:
        return END
    free_from, grace = max(lacking_from, held_until), timedelta(days=policy.grace_days)
    if policy.window is TierWindow.CALENDAR_YEAR:
        return (free_from.astimezone(zone) + grace).astimezone(UTC)
    return free_from + grace


def scale_of(policy: TierPolicy, currency_digits: int) -> int:
    """Return how many of what is summed up make 1 of what a threshold counts: 10**currency_digits for SPEND, else 1."""
    return 10**currency_digits if policy.basis is TierBasis.SPEND else 1


def window_of(policy: TierPolicy, at: datetime, zone: ZoneInfo) -> tuple[datetime | None, datetime | None]:
    """Return (after, until): sales in (after, at] count towards what clients are told at `at`, all where after is None.

    `until` is the end of the calendar year, from which on another year is told; None for the other windows. A sale of
    the very start of a year counts in it, so `after` is the last microsecond of the year before.
    """
    if policy.window is TierWindow.CALENDAR_YEAR:
        year = year_of(at, zone)
        return start_of_year(year, zone) - timedelta.resolution, start_of_year(year + 1, zone)
    return (at - WINDOW if policy.window is TierWindow.ROLLING_365_DAYS else None), None


def qualifying(
    sales: Iterable[QualifyingSale], at: datetime, *, policy: TierPolicy, zone: ZoneInfo, currency_digits: int
) -> int:
    """Return the qualifying number told at `at`: points, or with basis SPEND whole units of currency, rounded down.

    Args:
        sales: at least those in the window that `window_of` tells; others do not count.
        at: timezone-aware UTC.
        currency_digits: decimals of the currency's minor unit.
    """
    after, _ = window_of(policy, at, zone)
    counted = _counted(policy)
    total = sum(counted(sale) for sale in sales if (after is None or after < sale.at) and sale.at <= at)
    return total // scale_of(policy, currency_digits)


def _what_decides(ladder: Ladder) -> tuple[list[tuple[str, int]], TierPolicy]:
    """Return what of a ladder the path depends on."""
    return [(tier.id, tier.threshold) for tier in ladder.tiers], ladder.policy


def _counted(policy: TierPolicy) -> Callable[[QualifyingSale], int]:
    """Return what of a sale counts."""
    return attrgetter("spend" if policy.basis is TierBasis.SPEND else "points")


def year_of(instant: datetime, zone: ZoneInfo) -> int:
    """Return the calendar year of an instant in `zone`."""
    return instant.astimezone(zone).year


def start_of_year(year: int, zone: ZoneInfo) -> datetime:
    """Return the instant (UTC) at which a calendar year of `zone` begins."""
    return datetime(year, 1, 1, tzinfo=zone).astimezone(UTC)
