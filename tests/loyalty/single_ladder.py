"""Paths of a single ladder by days, for the tests of tiers over time."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from loyalty.tiers import Ladder, QualifyingSale, TierStep, qualifying, tier_path
from loyalty.values import Tier, TierBasis, TierPolicy, TierWindow

TIERS = (
    Tier(id="bronze", name="Bronze", threshold=0, earn_multiplier=Fraction(1)),
    Tier(id="silver", name="Silver", threshold=500, earn_multiplier=Fraction(5, 4)),
    Tier(id="gold", name="Gold", threshold=2000, earn_multiplier=Fraction(3, 2)),
)
THRESHOLDS = {tier.id: tier.threshold for tier in TIERS}
POLICY = TierPolicy(basis=TierBasis.POINTS, window=TierWindow.ROLLING_365_DAYS, grace_days=0, keep_on_return=False)
DAY = timedelta(days=1)
MILLISECOND = timedelta(milliseconds=1)
BEGIN = datetime(2023, 1, 1, tzinfo=UTC)
ZONE = ZoneInfo("UTC")

Sales = Sequence[tuple[float, int]]  # (day, points)
Path = list[tuple[str, float]]  # (tier, day of since)


def on(day: float) -> datetime:
    """Return the instant `day` days after BEGIN."""
    return BEGIN + day * DAY


def history(sales: Sales) -> list[QualifyingSale]:
    return [QualifyingSale(at=on(day), points=points) for day, points in sales]


def played(
    sales: Sequence[QualifyingSale],
    *,
    joined: datetime,
    tiers: Sequence[Tier] = TIERS,
    policy: TierPolicy = POLICY,
    resume: Sequence[TierStep] = (),
    from_: datetime | None = None,
) -> tuple[TierStep, ...]:
    """Return the path over a single ladder."""
    only = Ladder(since=BEGIN, tiers=tuple(tiers), policy=policy)
    return tier_path(sales, ladders=[only], joined=joined, zone=ZONE, currency_digits=2, resume=resume, from_=from_)


def steps_of(sales: Sales, *, grace_days: int = 0, joined: float = 0) -> tuple[TierStep, ...]:
    return played(history(sales), policy=replace(POLICY, grace_days=grace_days), joined=on(joined))


def qualifying_points(sales: Sequence[QualifyingSale], at: datetime) -> int:
    return qualifying(sales, at, policy=POLICY, zone=ZONE, currency_digits=2)


def path_of(steps: Sequence[TierStep]) -> Path:
    return [(step.tier, (step.since - BEGIN) / DAY) for step in steps]
