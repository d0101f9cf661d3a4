"""The calendar that the rules count by: the periods of caps, and calendar months, both of a time zone."""

import calendar
from datetime import datetime
from zoneinfo import ZoneInfo

from crm.values import Period

MONTHS_PER_YEAR = 12

_DATE_CHARACTERS = {Period.DAY: 10, Period.MONTH: 7, Period.YEAR: 4}
"""How much of an ISO date names the period."""


def period_key(period: Period, instant: datetime, zone: ZoneInfo) -> str:
    """Return the name of the period around `instant` on the calendar of `zone`.

    DAY "2026-11-21", WEEK "2026-W47" (ISO 8601: Monday to Sunday, of the year that its Thursday is in), MONTH
    "2026-11", YEAR "2026", EVER "ever".

    Args:
        instant: timezone-aware.
    """
    if period is Period.EVER:
        return "ever"
    date = instant.astimezone(zone).date()
    if period is Period.WEEK:
        year, week, _ = date.isocalendar()
        return f"{year:04}-W{week:02}"
    return date.isoformat()[: _DATE_CHARACTERS[period]]


def month_number(local: datetime) -> int:
    """Return the number of the calendar month, counted from January of the year 0."""
    return local.year * MONTHS_PER_YEAR + local.month - 1


def add_months(local: datetime, months: int) -> datetime:
    """Return the same local time `months` calendar months later; a missing day is the month's last.

    Raises:
        ValueError: that is beyond the year 9999.
    """
    year, month = divmod(month_number(local) + months, MONTHS_PER_YEAR)
    day = min(local.day, calendar.monthrange(year, month + 1)[1])
    return local.replace(year=year, month=month + 1, day=day)
