"""Ladders by days, and the paths over them, for the tests of programmes that change."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from loyalty.tiers import Ladder, QualifyingSale, TierStep, tier_path
from loyalty.values import Tier, TierBasis, TierPolicy, TierWindow

ROLLING = TierPolicy(basis=TierBasis.POINTS, window=TierWindow.ROLLING_365_DAYS, grace_days=0, keep_on_return=False)
YEARLY = replace(ROLLING, window=TierWindow.CALENDAR_YEAR)
BY_SPEND = replace(ROLLING, basis=TierBasis.SPEND)
FOR_EVER = replace(ROLLING, window=TierWindow.SINCE_JOINING)
UTC_ZONE = ZoneInfo("UTC")
DAY = timedelta(days=1)
BEGIN = datetime(2023, 1, 1, tzinfo=UTC)  # years begin on days 0, 365, 731, 1096, 1461, 1826

Sales = Sequence[tuple[int, int]]  # (day, points)
Path = list[tuple[str, float]]  # (tier, day of since), after the first step
Thresholds = dict[str, int]
Plan = Sequence[tuple[int, Thresholds, TierPolicy]]  # (day of since, thresholds, policy)

NORMAL: Thresholds = {"bronze": 0, "silver": 500, "gold": 2000}
LOWER_SILVER: Thresholds = {**NORMAL, "silver": 400}


def on(day: float) -> datetime:
    """Return the instant `day` days after BEGIN."""
    return BEGIN + day * DAY


def history(sales: Sales) -> list[QualifyingSale]:
    return [QualifyingSale(at=on(day), points=points, spend=points) for day, points in sales]


def tiers_of(thresholds: Thresholds) -> tuple[Tier, ...]:
    return tuple(
        Tier(id=id_, name=id_.title(), threshold=threshold, earn_multiplier=Fraction(1))
        for id_, threshold in thresholds.items()
    )


def ladders_by(plan: Plan) -> tuple[Ladder, ...]:
    return tuple(Ladder(since=on(day), tiers=tiers_of(thresholds), policy=policy) for day, thresholds, policy in plan)


def steps_of(
    sales: Sales, plan: Plan, *, joined: int = 0, resume: Sequence[TierStep] = (), from_: int | None = None
) -> tuple[TierStep, ...]:
    return tier_path(
        history(sales),
        ladders=ladders_by(plan),
        joined=on(joined),
        zone=UTC_ZONE,
        currency_digits=0,
        resume=resume,
        from_=None if from_ is None else on(from_),
    )


def path_of(steps: Sequence[TierStep]) -> Path:
    return [(step.tier, (step.since - BEGIN) / DAY) for step in steps[1:]]
