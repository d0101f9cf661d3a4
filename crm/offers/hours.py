"""The calendar of offers: weekly hours and birthdays in local time, and when the next of either, or a period, begins.

Local time is what a clock on the shop's wall shows. Where the clock is put back, an hour is there twice and hours that
name it hold twice; where it is put forward, the minutes that no clock shows never come.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta

from crm.offers.values import WeeklyHours
from crm.values import Period

DAY = timedelta(days=1)
WEEK_DAYS = 7
_MINUTE = timedelta(minutes=1)
_MONTHS = 12
_FEBRUARY = 2


def is_open(hours: Iterable[WeeklyHours], local: datetime) -> bool:
    """Whether a local instant lies within any of the hours."""
    day, minute = local.isoweekday(), local.hour * 60 + local.minute
    return any(one.day == day and one.from_minute <= minute < one.to_minute for one in hours)


def opens_at(hours: Iterable[WeeklyHours], local: datetime) -> datetime | None:
    """Return the first instant (UTC) after `local` within the hours; None where there is none within a week.

    Args:
        local: an instant outside the hours, in the zone that they are of.
    """
    weekly = tuple(hours)
    now = local.astimezone(UTC)
    starts = [
        start
        for days in range(WEEK_DAYS + 1)
        for one in weekly
        if one.day == (local.date() + days * DAY).isoweekday()
        for start in _instants(local, local.date() + days * DAY, one.from_minute)
    ]
    zone = local.tzinfo
    return min((one for one in starts if one > now and is_open(weekly, one.astimezone(zone))), default=None)


def _instants(local: datetime, day: date, minute: int) -> Iterator[datetime]:
    """Yield the instants at which a wall clock first shows `minute` or more of a day: two where it is put back."""
    wall = datetime.combine(day, time(), local.tzinfo) + minute * _MINUTE
    early, late = (wall.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    if early > late:  # no clock shows it: between the two it jumps over
        early, late = late, early
        while late - early > _MINUTE:
            middle = early + (late - early) // 2 // _MINUTE * _MINUTE
            early, late = (early, middle) if _shown(middle, local) >= wall.replace(tzinfo=None) else (middle, late)
        yield late
        return
    yield early
    if late != early:
        yield late


def _shown(instant: datetime, local: datetime) -> datetime:
    return instant.astimezone(local.tzinfo).replace(tzinfo=None)


def birthday_near(birth_date: date, within_days: int, today: date) -> bool:
    """Whether a birthday lies at most so many days before or after; 29 February is the 28th where there is none."""
    years = (today.year - 1, today.year, today.year + 1)
    return any(abs(birthday(birth_date, year) - today).days <= within_days for year in years if _has(year))


def birthday_window(birth_date: date, within_days: int, local: datetime) -> datetime | None:
    """Return when (UTC) the next birthday comes within so many days, at the start of a local day."""
    today = local.date()
    years = (year for year in (today.year, today.year + 1) if _has(year))
    days = (birthday(birth_date, year) - within_days * DAY for year in years)
    first = min((day for day in days if day > today), default=None)
    return datetime.combine(first, time(), local.tzinfo).astimezone(UTC) if first else None


def birthday(birth_date: date, year: int) -> date:
    """Return the day on which a birthday is kept in a year."""
    if (birth_date.month, birth_date.day) != (_FEBRUARY, 29):
        return birth_date.replace(year=year)
    return date(year, 3, 1) - DAY


def _has(year: int) -> bool:
    return date.min.year < year < date.max.year


def next_period(period: Period, local: datetime) -> datetime | None:
    """Return the instant (UTC) at which the period around `local` is over; None for EVER."""
    day = local.date()
    if period is Period.EVER:
        return None
    if period is Period.DAY:
        start = day + DAY
    elif period is Period.WEEK:
        start = day + (WEEK_DAYS + 1 - day.isoweekday()) * DAY
    elif period is Period.MONTH:
        start = date(day.year + day.month // _MONTHS, day.month % _MONTHS + 1, 1)
    else:
        start = date(day.year + 1, 1, 1)
    return datetime.combine(start, time(), local.tzinfo).astimezone(UTC)
