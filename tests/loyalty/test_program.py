"""The programme in force, and the calendar by which points end."""

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.program import BEGINNING, add_months, default_program, expires_at, program_at, tier_of
from loyalty.values import ExpiryKind, ExpiryPolicy, PendingKind, ReturnPolicy, TierBasis, TierWindow

VIENNA, NEW_YORK = ZoneInfo("Europe/Vienna"), ZoneInfo("America/New_York")
ROLLING_24 = ExpiryPolicy(kind=ExpiryKind.ROLLING, months=24)
FIRST = default_program(lambda prefix: f"{prefix}_1")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_new_installation_has_the_programme_of_the_contract() -> None:
    assert [(tier.name, tier.threshold, tier.earn_multiplier) for tier in FIRST.tiers] == [
        ("Bronze", 0, Fraction(1)),
        ("Silver", 500, Fraction("1.25")),
        ("Gold", 2000, Fraction("1.5")),
    ]
    (only,) = FIRST.earning_rules
    assert (only.points_per_unit, only.points, only.cap_points, only.active) == (Fraction(1), None, None, True)
    assert FIRST.pending.kind is PendingKind.NONE
    assert FIRST.expiry == ROLLING_24
    assert FIRST.returns is ReturnPolicy.DEBT
    assert FIRST.overdraft_points == 0
    policy = FIRST.tier_policy
    assert (policy.basis, policy.window) == (TierBasis.POINTS, TierWindow.ROLLING_365_DAYS)
    assert (policy.grace_days, policy.keep_on_return) == (0, False)


def test_a_sale_is_judged_by_the_version_in_force_when_it_happened() -> None:
    second = replace(FIRST, version=2, valid_from=utc("2026-06-01"))
    third = replace(FIRST, version=3, valid_from=utc("2026-07-01"))
    versions = (FIRST, second, third)
    assert program_at(versions, utc("2026-05-31T23:59:59.999")) is FIRST
    assert program_at(versions, utc("2026-06-01")) is second
    assert program_at(versions, utc("2026-07-01")) is third
    assert program_at(versions, utc("1950-01-01")) is FIRST
    assert utc("1970-01-01") == BEGINNING


def test_a_tier_that_a_version_dropped_counts_as_the_lowest() -> None:
    assert tier_of(FIRST, FIRST.tiers[2].id) is FIRST.tiers[0]  # all three have one id here, the first is found
    assert tier_of(FIRST, "tie_gone") is FIRST.tiers[0]


@pytest.mark.parametrize(
    ("occurred", "zone", "over"),
    [
        ("2026-11-21T09:00", VIENNA, "2028-11-21T09:00"),
        ("2024-02-29T12:00", VIENNA, "2026-02-28T12:00"),  # no 29 February: the month's last day
        ("2026-02-28T12:00", VIENNA, "2028-02-28T12:00"),  # the 28th stays the 28th in a leap year
        ("2026-02-28T23:30", VIENNA, "2028-02-29T23:30"),  # 1 March 00:30 in Vienna, 24 months on is 1 March 00:30
        ("2024-03-01T04:30", NEW_YORK, "2026-03-01T04:30"),  # 29 February 23:30 in New York: 28 February 23:30
    ],
)
def test_points_end_24_calendar_months_after_the_sale_in_the_shops_time_zone(
    occurred: str, zone: ZoneInfo, over: str
) -> None:
    assert expires_at(ROLLING_24, utc(occurred), zone) == utc(over)


def test_local_time_stays_when_summer_time_lies_between() -> None:
    half_a_year = ExpiryPolicy(kind=ExpiryKind.ROLLING, months=6)
    assert expires_at(half_a_year, utc("2026-01-15T11:00"), VIENNA) == utc("2026-07-15T10:00")  # noon both times


def test_a_local_time_that_summer_time_skips_is_an_instant_all_the_same() -> None:
    month = ExpiryPolicy(kind=ExpiryKind.ROLLING, months=1)
    assert expires_at(month, utc("2026-02-28T01:30"), VIENNA) == utc("2026-03-28T01:30")
    assert expires_at(month, utc("2027-02-28T01:30"), VIENNA) == utc("2027-03-28T01:30")  # 02:30 does not exist


def test_points_that_never_end_have_no_end() -> None:
    assert expires_at(ExpiryPolicy(kind=ExpiryKind.NEVER), utc("2026-01-01"), VIENNA) is None


@pytest.mark.parametrize("kind", [ExpiryKind.SLIDING, ExpiryKind.END_OF_YEAR, ExpiryKind.ROLLING])
def test_what_is_not_built_is_said_and_not_guessed(kind: ExpiryKind) -> None:
    with pytest.raises(ValueError, match="not posted yet"):
        expires_at(ExpiryPolicy(kind=kind), utc("2026-01-01"), VIENNA)


@given(st.datetimes(timezones=st.just(UTC)).filter(lambda local: 1900 <= local.year < 2200), st.integers(0, 600))
def test_months_are_added_on_the_calendar_and_a_missing_day_is_the_last(local: datetime, months: int) -> None:
    later = add_months(local, months)
    assert (later.year * 12 + later.month) - (local.year * 12 + local.month) == months
    assert later.time() == local.time()
    assert later.day == local.day or (later.day < local.day and add_months(local.replace(day=1), months + 1).day == 1)
    assert later.day == local.day or (later.replace(day=28).month == later.month and local.day > 28)


@pytest.mark.parametrize(
    ("local", "months", "later"),
    [
        (utc("2026-01-31"), 1, utc("2026-02-28")),
        (utc("2024-01-31"), 1, utc("2024-02-29")),
        (utc("2026-12-31"), 2, utc("2027-02-28")),
        (utc("2026-12-01"), 12, utc("2027-12-01")),
        (utc("2026-05-31"), 0, utc("2026-05-31")),
    ],
)
def test_months_by_hand(local: datetime, months: int, later: datetime) -> None:
    assert add_months(local, months) == later
