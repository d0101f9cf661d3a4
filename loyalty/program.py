"""The programme in force: the one a new installation starts with, and the calendar it counts by."""

import calendar
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

from crm.ids import PROGRAM, RULE, TIER
from loyalty.values import (
    EarningEvent,
    EarningRule,
    ExpiryKind,
    ExpiryPolicy,
    PendingKind,
    PendingPolicy,
    Program,
    ReturnPolicy,
    Tier,
    TierBasis,
    TierPolicy,
    TierWindow,
)

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def default_program(new_id: Callable[[str], str]) -> Program:
    """Return the programme of a new installation, in force from the beginning of time.

    1 point for every whole unit of currency; Bronze, Silver from 500 (x1.25) and Gold from 2,000 (x1.5) points kept
    of the last 365 days; points spendable at once, for 24 calendar months.
    """
    return Program(
        id=new_id(PROGRAM),
        version=1,
        name="Points",
        valid_from=BEGINNING,
        earning_rules=(
            EarningRule(
                id=new_id(RULE),
                name="1 point per unit of currency",
                event=EarningEvent.PURCHASE,
                points_per_unit=Fraction(1),
            ),
        ),
        tiers=(
            Tier(id=new_id(TIER), name="Bronze", threshold=0, earn_multiplier=Fraction(1)),
            Tier(id=new_id(TIER), name="Silver", threshold=500, earn_multiplier=Fraction(5, 4)),
            Tier(id=new_id(TIER), name="Gold", threshold=2000, earn_multiplier=Fraction(3, 2)),
        ),
        pending=PendingPolicy(kind=PendingKind.NONE),
        expiry=ExpiryPolicy(kind=ExpiryKind.ROLLING, months=24),
        returns=ReturnPolicy.DEBT,
        tier_policy=TierPolicy(
            basis=TierBasis.POINTS, window=TierWindow.ROLLING_365_DAYS, grace_days=0, keep_on_return=False
        ),
        overdraft_points=0,
    )


def program_at(versions: Sequence[Program], instant: datetime) -> Program:
    """Return the version in force at `instant`: the newest of those valid by then; `versions` are oldest first."""
    return next((program for program in reversed(versions) if program.valid_from <= instant), versions[0])


def tier_of(program: Program, tier_id: str) -> Tier:
    """Return the programme's tier with this id; the lowest where a later version dropped it."""
    return next((tier for tier in program.tiers if tier.id == tier_id), program.tiers[0])


def expires_at(policy: ExpiryPolicy, occurred_at: datetime, zone: ZoneInfo) -> datetime | None:
    """Return the instant from which points earned at `occurred_at` are gone; None where they never are.

    Months count on the calendar of `zone`; a day the month does not have is its last.

    Raises:
        ValueError: the policy's kind is not one that this version of the product posts.
    """
    if policy.kind is ExpiryKind.NEVER:
        return None
    if policy.kind is not ExpiryKind.ROLLING or policy.months is None:
        raise ValueError(f"Points with expiry {policy.kind} are not posted yet.")
    return add_months(occurred_at.astimezone(zone), policy.months).astimezone(UTC)


def add_months(local: datetime, months: int) -> datetime:
    """Return the same local time `months` calendar months later; a missing day is the month's last."""
    index = local.year * 12 + local.month - 1 + months
    year, month = divmod(index, 12)
    day = min(local.day, calendar.monthrange(year, month + 1)[1])
    return local.replace(year=year, month=month + 1, day=day)
