"""The programme in force, and the calendar by which points end."""

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.program import (
    BEGINNING,
    UNTIL_EVENT_HAPPENS,
    active_at,
    default_program,
    expires_at,
    program_at,
    sliding_months,
    tier_of,
)
from loyalty.values import ExpiryKind, ExpiryPolicy, PendingKind, PendingPolicy, ReturnPolicy, TierBasis, TierWindow

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


def test_a_version_that_begins_before_a_planned_one_replaces_that_plan() -> None:
    planned = replace(FIRST, version=2, valid_from=utc("2026-07-01"))
    sooner = replace(FIRST, version=3, valid_from=utc("2026-06-01"))
    versions = (FIRST, planned, sooner)
    assert program_at(versions, utc("2026-05-31T23:59:59.999")) is FIRST
    assert program_at(versions, utc("2026-06-01")) is sooner
    assert program_at(versions, utc("2026-07-01")) is sooner
    assert program_at(versions, utc("2030-01-01")) is sooner


def test_of_two_versions_from_one_instant_the_newer_is_in_force() -> None:
    second, third = (replace(FIRST, version=number, valid_from=utc("2026-06-01")) for number in (2, 3))
    assert program_at((FIRST, second, third), utc("2026-06-01")) is third


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


def test_the_end_of_sliding_points_is_kept_elsewhere() -> None:
    sliding = ExpiryPolicy(kind=ExpiryKind.SLIDING, months=18)
    assert expires_at(sliding, utc("2026-01-01"), VIENNA) is None
    assert sliding_months(sliding) == 18
    assert sliding_months(ROLLING_24) is None
    assert sliding_months(ExpiryPolicy(kind=ExpiryKind.NEVER)) is None
    assert sliding_months(ExpiryPolicy(kind=ExpiryKind.END_OF_YEAR, months=18)) is None


@pytest.mark.parametrize(
    ("kind", "months", "occurred", "zone", "over"),
    [
        (ExpiryKind.END_OF_MONTH, None, "2026-11-21T12:00", VIENNA, "2026-11-30T23:00"),
        (ExpiryKind.END_OF_MONTH, 0, "2026-11-30T22:59:59.999", VIENNA, "2026-11-30T23:00"),
        (ExpiryKind.END_OF_MONTH, 0, "2026-11-30T23:00", VIENNA, "2026-12-31T23:00"),  # 1 December in Vienna
        (ExpiryKind.END_OF_MONTH, 0, "2026-12-01T04:59", NEW_YORK, "2026-12-01T05:00"),
        (ExpiryKind.END_OF_MONTH, 1, "2026-01-31T12:00", VIENNA, "2026-02-28T23:00"),  # not March
        (ExpiryKind.END_OF_MONTH, 1, "2024-01-31T12:00", VIENNA, "2024-02-29T23:00"),
        (ExpiryKind.END_OF_MONTH, 12, "2024-02-29T12:00", VIENNA, "2025-02-28T23:00"),
        (ExpiryKind.END_OF_MONTH, 0, "2026-03-29T00:30", VIENNA, "2026-03-31T22:00"),  # summer time began meanwhile
        (ExpiryKind.END_OF_MONTH, 0, "2026-10-25T00:30", VIENNA, "2026-10-31T23:00"),  # and ended
        (ExpiryKind.END_OF_MONTH, 2, "2026-12-15T12:00", VIENNA, "2027-02-28T23:00"),
        (ExpiryKind.END_OF_QUARTER, None, "2026-01-01T12:00", VIENNA, "2026-03-31T22:00"),
        (ExpiryKind.END_OF_QUARTER, 0, "2026-03-31T21:59:59.999", VIENNA, "2026-03-31T22:00"),
        (ExpiryKind.END_OF_QUARTER, 0, "2026-03-31T22:00", VIENNA, "2026-06-30T22:00"),
        (ExpiryKind.END_OF_QUARTER, 0, "2026-09-30T12:00", VIENNA, "2026-09-30T22:00"),
        (ExpiryKind.END_OF_QUARTER, 0, "2026-10-01T12:00", VIENNA, "2026-12-31T23:00"),
        (ExpiryKind.END_OF_QUARTER, 1, "2026-11-30T12:00", VIENNA, "2026-12-31T23:00"),
        (ExpiryKind.END_OF_QUARTER, 1, "2026-12-31T12:00", VIENNA, "2027-03-31T22:00"),
        (ExpiryKind.END_OF_YEAR, None, "2026-11-21T12:00", VIENNA, "2026-12-31T23:00"),
        (ExpiryKind.END_OF_YEAR, 0, "2026-12-31T23:00", VIENNA, "2027-12-31T23:00"),
        (ExpiryKind.END_OF_YEAR, 1, "2026-12-01T12:00", VIENNA, "2027-12-31T23:00"),
        (ExpiryKind.END_OF_YEAR, 12, "2026-06-15T12:00", VIENNA, "2027-12-31T23:00"),
        (ExpiryKind.END_OF_YEAR, 120, "2026-01-01T12:00", NEW_YORK, "2037-01-01T05:00"),
        # Midnight of the first is skipped (1 October 2017 began at 01:00), or told twice: the month's first instant.
        (ExpiryKind.END_OF_QUARTER, 0, "2017-09-15T12:00", ZoneInfo("America/Asuncion"), "2017-10-01T04:00"),
        (ExpiryKind.END_OF_MONTH, 0, "2026-10-15T12:00", ZoneInfo("America/Havana"), "2026-11-01T04:00"),
    ],
)
def test_points_end_with_the_month_quarter_or_year(
    kind: ExpiryKind, months: int | None, occurred: str, zone: ZoneInfo, over: str
) -> None:
    end = expires_at(ExpiryPolicy(kind=kind, months=months), utc(occurred), zone)
    assert end == utc(over)
    assert end.tzinfo is UTC


def test_months_that_a_policy_lacks_are_not_guessed() -> None:
    with pytest.raises(ValueError, match="needs months"):
        expires_at(ExpiryPolicy(kind=ExpiryKind.ROLLING), utc("2026-01-01"), VIENNA)
    with pytest.raises(ValueError, match="needs months"):
        sliding_months(ExpiryPolicy(kind=ExpiryKind.SLIDING))
    with pytest.raises(ValueError, match="needs days"):
        active_at(PendingPolicy(kind=PendingKind.DAYS), utc("2026-01-01"))


ENDING = [kind for kind in ExpiryKind if kind not in {ExpiryKind.NEVER, ExpiryKind.SLIDING}]


@given(
    st.datetimes(timezones=st.just(UTC)).filter(lambda instant: 1900 <= instant.year <= 9998),
    st.sampled_from(ENDING),
    st.integers(1, 120),
    st.sampled_from([VIENNA, NEW_YORK, ZoneInfo("Pacific/Kiritimati"), ZoneInfo("Pacific/Niue")]),
)
def test_points_end_after_they_began_or_never(
    occurred: datetime, kind: ExpiryKind, months: int, zone: ZoneInfo
) -> None:
    end = expires_at(ExpiryPolicy(kind=kind, months=months), occurred, zone)
    assert end is None or occurred < end < UNTIL_EVENT_HAPPENS
    assert (end is None) <= (occurred.year >= 9987)


@pytest.mark.parametrize("kind", ENDING)
def test_an_end_that_no_calendar_tells_is_none(kind: ExpiryKind) -> None:
    policy = ExpiryPolicy(kind=kind, months=1)
    assert expires_at(policy, utc("9997-10-31T12:00"), VIENNA) is not None
    assert expires_at(policy, utc("9998-12-31T12:00"), VIENNA) is None
    assert expires_at(policy, utc("9998-12-31T23:30"), VIENNA) is None  # 9999 in Vienna


@pytest.mark.parametrize(
    ("policy", "occurred", "active"),
    [
        (PendingPolicy(kind=PendingKind.NONE), "2026-11-21T12:00", "2026-11-21T12:00"),
        (PendingPolicy(kind=PendingKind.DAYS, days=14), "2026-11-21T12:00", "2026-12-05T12:00"),
        (PendingPolicy(kind=PendingKind.DAYS, days=1), "2026-03-28T12:00", "2026-03-29T12:00"),  # 24 hours always
        (PendingPolicy(kind=PendingKind.DAYS, days=365), "2024-02-29T12:00", "2025-02-28T12:00"),
        (PendingPolicy(kind=PendingKind.DAYS, days=365), "9998-12-31T23:59:59.999", "9999-12-31T23:59:59.999"),
        (PendingPolicy(kind=PendingKind.DAYS, days=365), "9998-12-31T23:59:59.999999", "9999-12-31T23:59:59.999"),
        (PendingPolicy(kind=PendingKind.DAYS, days=365), "9999-06-01", "9999-12-31T23:59:59.999"),
        (PendingPolicy(kind=PendingKind.UNTIL_EVENT, event="DELIVERED"), "2026-11-21", "9999-12-31T23:59:59.999"),
    ],
)
def test_points_are_spendable_at_once_after_days_or_once_something_happened(
    policy: PendingPolicy, occurred: str, active: str
) -> None:
    assert active_at(policy, utc(occurred)) == utc(active)


def test_instants_come_back_in_utc() -> None:
    noon = utc("2026-11-21T12:00").astimezone(VIENNA)
    for policy in (PendingPolicy(kind=PendingKind.NONE), PendingPolicy(kind=PendingKind.DAYS, days=1)):
        assert active_at(policy, noon).tzinfo is UTC
    assert active_at(PendingPolicy(kind=PendingKind.DAYS, days=1), noon) == utc("2026-11-22T12:00")
    assert UNTIL_EVENT_HAPPENS.tzinfo is UTC
