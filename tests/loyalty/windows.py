"""Paths of a single ladder by instants written out, for the tests of windows."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from loyalty.tiers import Ladder, QualifyingSale, TierStep, tier_path
from loyalty.values import Tier, TierBasis, TierPolicy, TierWindow

TIERS = (
    Tier(id="bronze", name="Bronze", threshold=0, earn_multiplier=Fraction(1)),
    Tier(id="silver", name="Silver", threshold=500, earn_multiplier=Fraction(5, 4)),
    Tier(id="gold", name="Gold", threshold=2000, earn_multiplier=Fraction(3, 2)),
)
ROLLING = TierPolicy(basis=TierBasis.POINTS, window=TierWindow.ROLLING_365_DAYS, grace_days=0, keep_on_return=False)
YEARLY = replace(ROLLING, window=TierWindow.CALENDAR_YEAR)
FOR_EVER = replace(ROLLING, window=TierWindow.SINCE_JOINING)
VIENNA, SANTIAGO, HONOLULU = ZoneInfo("Europe/Vienna"), ZoneInfo("America/Santiago"), ZoneInfo("Pacific/Honolulu")
UTC_ZONE = ZoneInfo("UTC")
JOINED = datetime(2023, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta.resolution

Sales = Sequence[tuple[str, int]]  # (instant, points)
Path = list[tuple[str, str]]  # (tier, instant)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def history(sales: Sales) -> list[QualifyingSale]:
    return [QualifyingSale(at=utc(at), points=points) for at, points in sales]


def path_by(
    policy: TierPolicy, sales: Sequence[QualifyingSale], *, zone: ZoneInfo = VIENNA, digits: int = 2
) -> tuple[TierStep, ...]:
    ladder = Ladder(since=JOINED, tiers=TIERS, policy=policy)
    return tier_path(sales, ladders=(ladder,), joined=JOINED, zone=zone, currency_digits=digits)


def told(steps: Sequence[TierStep]) -> Path:
    """Return the steps after the first, each with its instant as short as it can be written."""
    return [(step.tier, step.since.strftime("%Y-%m-%dT%H:%M").removesuffix("T00:00")) for step in steps[1:]]
