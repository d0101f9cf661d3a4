"""The programme in force: the one a new installation starts with, and the calendar it counts by."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from crm.ids import PROGRAM, RULE, TIER
from loyalty.periods import MONTHS_PER_YEAR, add_months, month_number
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

UNTIL_EVENT_HAPPENS = datetime(9999, 12, 31, 23, 59, 59, 999000, UTC)
"""The last instant that BSON can keep: points that wait for an event are active from then."""

LAST_YEAR = 9998
"""The last year whose instants every time zone can tell; an end beyond it is none."""

_SPANS = {ExpiryKind.END_OF_MONTH: 1, ExpiryKind.END_OF_QUARTER: 3, ExpiryKind.END_OF_YEAR: MONTHS_PER_YEAR}
"""How many months the span has with whose end points end."""


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
    """Return the version in force at `instant`: the newest of those valid by then.

    A version that begins earlier than one planned before it thereby replaces that plan (docs/decisions/0011).

    Args:
        versions: in order of their numbers, at least one; the first is in force at every instant before it, too.
    """
    return next((program for program in reversed(versions) if program.valid_from <= instant), versions[0])


def tier_of(program: Program, tier_id: str) -> Tier:
    """Return the programme's tier with this id; the lowest where a later version dropped it."""
    return next((tier for tier in program.tiers if tier.id == tier_id), program.tiers[0])


def expires_at(policy: ExpiryPolicy, occurred_at: datetime, zone: ZoneInfo) -> datetime | None:
    """Return the instant (UTC) from which points earned at `occurred_at` are gone; None where none is known.

    That is so for NEVER, for SLIDING (`sliding_months`: every activity moves it, so the account keeps it) and for an
    end beyond the year 9998, which not every time zone could still tell. Months count on the calendar of `zone`; a day
    the month does not have is its last. END_OF_...: the first instant after the month, quarter or year that lies
    `months` after the local date.

    Raises:
        ValueError: ROLLING without months.
    """
    if policy.kind in {ExpiryKind.NEVER, ExpiryKind.SLIDING}:
        return None
    local = occurred_at.astimezone(zone)
    span = _SPANS.get(policy.kind)
    if span is None:
        months = _months(policy)
        beyond = month_number(local) + months
    else:
        beyond = ((month_number(local) + (policy.months or 0)) // span + 1) * span  # spans are aligned to years
    year, month = divmod(beyond, MONTHS_PER_YEAR)
    if year > LAST_YEAR:
        return None
    end = add_months(local, months) if span is None else datetime(year, month + 1, 1, tzinfo=zone)
    return end.astimezone(UTC)


def sliding_months(policy: ExpiryPolicy) -> int | None:
    """Return after how many calendar months without activity points end; None where the policy is not SLIDING.

    Raises:
        ValueError: SLIDING without months.
    """
    return _months(policy) if policy.kind is ExpiryKind.SLIDING else None


def _months(policy: ExpiryPolicy) -> int:
    if policy.months is None:
        raise ValueError(f"Expiry {policy.kind} needs months.")
    return policy.months


def active_at(policy: PendingPolicy, occurred_at: datetime) -> datetime:
    """Return the instant (UTC) from which points earned at `occurred_at` are spendable.

    DAYS are of 24 hours each, whatever the clocks do. Nothing is later than `UNTIL_EVENT_HAPPENS`.

    Raises:
        ValueError: DAYS without days.
    """
    if policy.kind is PendingKind.UNTIL_EVENT:
        return UNTIL_EVENT_HAPPENS
    if policy.kind is PendingKind.NONE:
        return occurred_at.astimezone(UTC)
    if policy.days is None:
        raise ValueError("Pending DAYS needs days.")
    return occurred_at.astimezone(UTC) + min(timedelta(days=policy.days), UNTIL_EVENT_HAPPENS - occurred_at)
