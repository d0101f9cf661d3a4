"""Periods of caps and calendar months, on the calendar of a time zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.values import Period
from loyalty.periods import add_months, month_number, period_key

VIENNA, NEW_YORK, KIRITIMATI = ZoneInfo("Europe/Vienna"), ZoneInfo("America/New_York"), ZoneInfo("Pacific/Kiritimati")
INSTANTS = st.datetimes(timezones=st.just(UTC)).filter(lambda instant: 1900 <= instant.year <= 9998)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("period", "key"),
    [
        (Period.DAY, "2026-11-21"),
        (Period.WEEK, "2026-W47"),
        (Period.MONTH, "2026-11"),
        (Period.YEAR, "2026"),
        (Period.EVER, "ever"),
    ],
)
def test_a_period_has_a_name(period: Period, key: str) -> None:
    assert period_key(period, utc("2026-11-21T12:00"), VIENNA) == key


@pytest.mark.parametrize(
    ("instant", "zone", "day", "week", "month", "year"),
    [
        ("2026-12-31T22:59:59.999", VIENNA, "2026-12-31", "2026-W53", "2026-12", "2026"),
        ("2026-12-31T23:00", VIENNA, "2027-01-01", "2026-W53", "2027-01", "2027"),  # a Friday: its Thursday is 2026's
        ("2027-01-03T22:59:59.999", VIENNA, "2027-01-03", "2026-W53", "2027-01", "2027"),
        ("2027-01-03T23:00", VIENNA, "2027-01-04", "2027-W01", "2027-01", "2027"),
        ("2024-12-30T12:00", VIENNA, "2024-12-30", "2025-W01", "2024-12", "2024"),  # a week of the year to come
        ("2027-01-01T04:59:59.999", NEW_YORK, "2026-12-31", "2026-W53", "2026-12", "2026"),
        ("2027-01-01T05:00", NEW_YORK, "2027-01-01", "2026-W53", "2027-01", "2027"),
        ("2026-12-31T10:00", KIRITIMATI, "2027-01-01", "2026-W53", "2027-01", "2027"),  # 14 hours ahead
        ("2024-02-29T22:59", VIENNA, "2024-02-29", "2024-W09", "2024-02", "2024"),
        ("2024-02-29T23:00", VIENNA, "2024-03-01", "2024-W09", "2024-03", "2024"),
        ("2026-03-28T23:00", VIENNA, "2026-03-29", "2026-W13", "2026-03", "2026"),  # summer time begins: 23 hours,
        ("2026-03-29T21:59", VIENNA, "2026-03-29", "2026-W13", "2026-03", "2026"),
        ("2026-03-29T22:00", VIENNA, "2026-03-30", "2026-W14", "2026-03", "2026"),
        ("2026-10-24T22:00", VIENNA, "2026-10-25", "2026-W43", "2026-10", "2026"),  # and ends: 25 hours
        ("2026-10-25T22:59", VIENNA, "2026-10-25", "2026-W43", "2026-10", "2026"),
        ("2026-10-25T23:00", VIENNA, "2026-10-26", "2026-W44", "2026-10", "2026"),
        ("0987-03-05T12:00", ZoneInfo("UTC"), "0987-03-05", "0987-W10", "0987-03", "0987"),
        ("9998-12-31T23:30", VIENNA, "9999-01-01", "9998-W53", "9999-01", "9999"),
    ],
)
def test_a_period_begins_at_the_zones_midnight(
    instant: str, zone: ZoneInfo, day: str, week: str, month: str, year: str
) -> None:
    keys = [period_key(period, utc(instant), zone) for period in (Period.DAY, Period.WEEK, Period.MONTH, Period.YEAR)]
    assert keys == [day, week, month, year]


@given(INSTANTS, st.sampled_from([VIENNA, NEW_YORK, KIRITIMATI]), st.sampled_from(list(Period)))
def test_the_zone_of_the_instant_itself_does_not_matter(instant: datetime, zone: ZoneInfo, period: Period) -> None:
    assert period_key(period, instant.astimezone(NEW_YORK), zone) == period_key(period, instant, zone)


@given(INSTANTS, st.sampled_from([VIENNA, NEW_YORK, KIRITIMATI]))
def test_a_week_has_seven_days_of_one_name(instant: datetime, zone: ZoneInfo) -> None:
    local = instant.astimezone(zone).replace(hour=12, fold=0)
    days = [local + timedelta(days=day - local.weekday()) for day in range(-1, 8)]
    before, *week, after = [period_key(Period.WEEK, day, zone) for day in days]
    assert len({*week}) == 1
    assert before < week[0] < after  # keys are in the order of time


@given(st.datetimes(timezones=st.just(UTC)).filter(lambda local: 1900 <= local.year < 2200), st.integers(0, 600))
def test_months_are_added_on_the_calendar_and_a_missing_day_is_the_last(local: datetime, months: int) -> None:
    later = add_months(local, months)
    assert month_number(later) - month_number(local) == months
    assert later.time() == local.time()
    assert later.day == local.day or (later.day < local.day and add_months(local.replace(day=1), months + 1).day == 1)
    assert later.day == local.day or (later.replace(day=28).month == later.month and local.day > 28)


@pytest.mark.parametrize(
    ("local", "months", "later"),
    [
        (utc("2026-01-31"), 1, utc("2026-02-28")),
        (utc("2024-01-31"), 1, utc("2024-02-29")),
        (utc("2024-02-29"), 12, utc("2025-02-28")),
        (utc("2024-02-29"), 48, utc("2028-02-29")),
        (utc("2026-12-31"), 2, utc("2027-02-28")),
        (utc("2026-12-01"), 12, utc("2027-12-01")),
        (utc("2026-05-31"), 0, utc("2026-05-31")),
    ],
)
def test_months_by_hand(local: datetime, months: int, later: datetime) -> None:
    assert add_months(local, months) == later
