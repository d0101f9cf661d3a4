"""Tiers by calendar year and since joining, against slow models."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty.tiers import Ladder, QualifyingSale, qualifying, resumption, tier_path, window_of
from loyalty.values import TierBasis, TierWindow
from tests.loyalty.windows import (
    FOR_EVER,
    HONOLULU,
    JOINED,
    MICROSECOND,
    ROLLING,
    SANTIAGO,
    TIERS,
    UTC_ZONE,
    VIENNA,
    YEARLY,
    path_by,
)

YEARS = range(2023, 2029)
ZONES = st.sampled_from([UTC_ZONE, VIENNA, SANTIAGO, HONOLULU])
AMOUNTS = st.sampled_from([0, 1, 250, 499, 500, 501, 1500, 2000])
GRACE_DAYS = st.sampled_from([0, 0, 1, 31, 100, 364])


def turn(year: int, zone: ZoneInfo, days: int = 0) -> datetime:
    return (datetime(year, 1, 1, tzinfo=zone) + timedelta(days=days)).astimezone(UTC)


@st.composite
def sales_about_turns(draw: st.DrawFn, zone: ZoneInfo, grace_days: int) -> list[QualifyingSale]:
    """Sales at the turns of years and the ends of grace, a moment beside them, and in between."""
    about = [turn(year, zone, days) for year in YEARS for days in (0, grace_days, 180)]
    instants = st.builds(lambda at, beside: at + beside * MICROSECOND, st.sampled_from(about), st.integers(-1, 1))
    made = st.builds(lambda at, amount: QualifyingSale(at=at, points=amount, spend=amount), instants, AMOUNTS)
    return draw(st.lists(made, max_size=12))


def deserved(amount: int) -> str:
    return [tier.id for tier in TIERS if tier.threshold <= amount][-1]


def by_year(sales: Sequence[QualifyingSale], at: datetime, zone: ZoneInfo, grace_days: int) -> str:
    """Return the tier by the rule's own words: this year so far, the last, in the first days the one before it."""
    year = at.astimezone(zone).year
    counting = [year, year - 1, *([year - 2] if at < turn(year, zone, grace_days) else [])]
    sums = [sum(s.points for s in sales if s.at <= at and s.at.astimezone(zone).year == y) for y in counting]
    return deserved(max(sums))


@settings(max_examples=400, deadline=None)
@given(data=st.data(), zone=ZONES, grace_days=GRACE_DAYS)
def test_by_calendar_year_the_path_is_the_slow_model_s(data: st.DataObject, zone: ZoneInfo, grace_days: int) -> None:
    sales = data.draw(sales_about_turns(zone, grace_days))
    turns = [turn(year, zone, days) for year in (*YEARS, 2029, 2030, 2031) for days in (0, grace_days)]
    expected = [("bronze", JOINED)]
    for at in sorted({*turns, *(sale.at for sale in sales)}):
        tier = by_year(sales, at, zone, grace_days)
        if tier != expected[-1][0]:
            expected.append((tier, at))

    steps = path_by(replace(YEARLY, grace_days=grace_days), sales, zone=zone)

    assert [(step.tier, step.since) for step in steps] == expected


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_since_joining_the_path_is_the_slow_model_s(data: st.DataObject) -> None:
    sales = data.draw(sales_about_turns(VIENNA, 31))
    expected = [("bronze", JOINED)]
    for at in sorted({sale.at for sale in sales}):
        tier = deserved(sum(sale.points for sale in sales if sale.at <= at))
        if tier != expected[-1][0]:
            expected.append((tier, at))

    assert [(step.tier, step.since) for step in path_by(FOR_EVER, sales)] == expected


@settings(max_examples=200, deadline=None)
@given(data=st.data(), window=st.sampled_from(TierWindow), grace_days=GRACE_DAYS, basis=st.sampled_from(TierBasis))
def test_the_order_of_sales_and_the_name_of_the_unit_do_not_matter(
    data: st.DataObject, window: TierWindow, grace_days: int, basis: TierBasis
) -> None:
    sales = data.draw(sales_about_turns(VIENNA, grace_days))
    policy = replace(ROLLING, window=window, grace_days=grace_days)
    shuffled = data.draw(st.permutations(sales))

    assert path_by(replace(policy, basis=basis), shuffled, digits=0) == path_by(policy, sales)


@settings(max_examples=200, deadline=None)
@given(data=st.data(), window=st.sampled_from(TierWindow), zone=ZONES, at=st.integers(0, 6 * 365))
def test_sales_outside_the_window_do_not_change_the_number_told(
    data: st.DataObject, window: TierWindow, zone: ZoneInfo, at: int
) -> None:
    sales = data.draw(sales_about_turns(zone, 0))
    policy, now = replace(ROLLING, window=window), turn(2023, zone, at)
    after, until = window_of(policy, now, zone)

    def number(of: Sequence[QualifyingSale], instant: datetime) -> int:
        return qualifying(of, instant, policy=policy, zone=zone, currency_digits=2)

    read = [sale for sale in sales if (after is None or sale.at > after) and sale.at <= now]
    assert number(sales, now) == number(read, now) == sum(sale.points for sale in read)
    if until:
        assert number(read, until - MICROSECOND) == number(read, now)
        assert number(read, until) == 0


@settings(max_examples=500, deadline=None)
@given(
    data=st.data(),
    window=st.sampled_from([TierWindow.CALENDAR_YEAR, TierWindow.ROLLING_365_DAYS]),
    zone=ZONES,
    grace_days=GRACE_DAYS,
)
def test_resuming_in_any_zone_gives_what_a_computation_from_scratch_gives(
    data: st.DataObject, window: TierWindow, zone: ZoneInfo, grace_days: int
) -> None:
    """Whatever was added, changed or removed at or after the cut, and with no older sale than it asks for."""
    unchanged, before, after = (data.draw(sales_about_turns(zone, grace_days)) for _ in range(3))
    cut = data.draw(st.sampled_from([sale.at for sale in after] or [turn(2026, zone)]))
    policy = replace(ROLLING, window=window, grace_days=grace_days)
    ladders = (Ladder(since=JOINED, tiers=TIERS, policy=policy),)
    kept = [sale for sale in unchanged if sale.at < cut]
    known = path_by(policy, [*kept, *(sale for sale in before if sale.at >= cut)], zone=zone)
    sales = [*kept, *(sale for sale in after if sale.at >= cut)]
    found = resumption(known, ladders=ladders, from_=cut, zone=zone)
    assert found is not None

    resumed = tier_path(
        [sale for sale in sales if sale.at > found.after],
        ladders=ladders,
        joined=JOINED,
        zone=zone,
        currency_digits=2,
        resume=known,
        from_=cut,
    )

    assert resumed == path_by(policy, sales, zone=zone)
