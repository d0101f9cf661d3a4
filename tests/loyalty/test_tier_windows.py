"""Tiers by calendar year, since joining and by spend: cases worked out by hand, and slow models."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from loyalty.tiers import QualifyingSale, qualifying, step_at, tier_status, window_of
from loyalty.values import TierBasis, TierPolicy, TierWindow
from tests.loyalty.windows import (
    FOR_EVER,
    HONOLULU,
    MICROSECOND,
    ROLLING,
    SANTIAGO,
    TIERS,
    VIENNA,
    YEARLY,
    Path,
    Sales,
    history,
    path_by,
    told,
    utc,
)

# ---------------------------------------------------------------- calendar years, by hand

# A year of Vienna begins at 23:00 UTC on the last of December.
BY_YEAR: dict[str, tuple[Sales, int, Path]] = {
    "no sale": ([], 0, []),
    "held to the end of the next year": (
        [("2024-03-01", 500)],
        0,
        [("silver", "2024-03-01"), ("bronze", "2025-12-31T23:00")],
    ),
    "one point short": ([("2024-03-01", 499)], 0, []),
    "two years never add up": ([("2024-12-01", 499), ("2025-01-10", 499)], 0, []),
    "reached again in the next year, held a year longer": (
        [("2024-03-01", 500), ("2025-11-01", 500)],
        0,
        [("silver", "2024-03-01"), ("bronze", "2026-12-31T23:00")],
    ),
    "the next year gives less: down to that at the end of it": (
        [("2024-03-01", 2000), ("2025-11-01", 700)],
        0,
        [("gold", "2024-03-01"), ("silver", "2025-12-31T23:00"), ("bronze", "2026-12-31T23:00")],
    ),
    "up at once, from what the same year adds up to": (
        [("2024-03-01", 500), ("2024-04-01", 1500)],
        0,
        [("silver", "2024-03-01"), ("gold", "2024-04-01"), ("bronze", "2025-12-31T23:00")],
    ),
    "the last moment of the year, on the clock of the zone": (
        [("2024-12-31T22:59", 500)],
        0,
        [("silver", "2024-12-31T22:59"), ("bronze", "2025-12-31T23:00")],
    ),
    "the first moment of the year counts in it": (
        [("2024-12-31T23:00", 500)],
        0,
        [("silver", "2024-12-31T23:00"), ("bronze", "2026-12-31T23:00")],
    ),
    "a sale at the turn of the year does not save what the year before last gave": (
        [("2024-03-01", 500), ("2025-12-31T23:00", 499)],
        0,
        [("silver", "2024-03-01"), ("bronze", "2025-12-31T23:00")],
    ),
    "a sale at the turn of the year saves it when it suffices": (
        [("2024-03-01", 500), ("2025-12-31T23:00", 500)],
        0,
        [("silver", "2024-03-01"), ("bronze", "2027-12-31T23:00")],
    ),
    "grace: the first days of the year": (
        [("2024-03-01", 500)],
        31,
        [("silver", "2024-03-01"), ("bronze", "2026-01-31T23:00")],
    ),
    "grace that ends in summer time ends at midnight": (
        [("2024-03-01", 500)],
        100,  # 11 April 2026, 00:00 in Vienna, 2 hours ahead of UTC by then
        [("silver", "2024-03-01"), ("bronze", "2026-04-10T22:00")],
    ),
    "a sale in the grace that makes this year suffice": (
        [("2024-03-01", 500), ("2026-01-20", 500)],
        31,
        [("silver", "2024-03-01"), ("bronze", "2028-01-31T23:00")],
    ),
    "a sale in the grace that gives less than what is held shows at the end of the grace": (
        [("2024-03-01", 2000), ("2026-01-20", 500)],
        31,
        [("gold", "2024-03-01"), ("silver", "2026-01-31T23:00"), ("bronze", "2028-01-31T23:00")],
    ),
    "sales before joining": (
        [("2019-05-01", 500)],
        0,
        [("silver", "2019-05-01"), ("bronze", "2020-12-31T23:00")],
    ),
}


@pytest.mark.parametrize(("sales", "grace_days", "path"), BY_YEAR.values(), ids=BY_YEAR.keys())
def test_by_calendar_year_the_path_is_as_worked_out_by_hand(sales: Sales, grace_days: int, path: Path) -> None:
    assert told(path_by(replace(YEARLY, grace_days=grace_days), history(sales))) == path


def test_a_step_tells_until_when_a_calendar_year_holds_it_renewed_and_without_grace() -> None:
    once = path_by(replace(YEARLY, grace_days=31), history([("2024-03-01", 500)]))
    twice = path_by(replace(YEARLY, grace_days=31), history([("2024-03-01", 500), ("2025-03-01", 500)]))

    assert once[1].held_until == utc("2025-12-31T23:00")
    assert twice[1].held_until == utc("2026-12-31T23:00")


def test_by_calendar_year_the_status_tells_the_end_of_the_year_and_what_this_year_gave() -> None:
    sales = history([("2024-03-01", 2000), ("2025-02-01", 600), ("2025-02-02", 50)])
    steps, now = path_by(YEARLY, sales), utc("2025-02-01T12:00")
    counted = qualifying(sales, now, policy=YEARLY, zone=VIENNA, currency_digits=2)

    status = tier_status(steps, tiers=TIERS, qualifying=counted, at=now)

    assert (status.tier.id, status.since, status.until) == ("gold", utc("2024-03-01"), utc("2025-12-31T23:00"))
    assert (status.qualifying_points, status.next, status.points_to_next) == (600, None, None)


# ---------------------------------------------------------------- since joining, by hand


@pytest.mark.parametrize(
    ("sales", "path"),
    [
        pytest.param([("2024-03-01", 500)], [("silver", "2024-03-01")], id="never lost"),
        pytest.param([("2024-03-01", 300), ("2044-03-01", 200)], [("silver", "2044-03-01")], id="adds up for ever"),
        pytest.param([("2019-03-01", 300), ("2024-03-01", 200)], [("silver", "2024-03-01")], id="before joining too"),
        pytest.param([("2019-03-01", 2000)], [("gold", "2019-03-01")], id="reached before joining"),
        pytest.param(
            [("2024-03-01", 500), ("2025-03-01", 1500)],
            [("silver", "2024-03-01"), ("gold", "2025-03-01")],
            id="step by step",
        ),
    ],
)
@pytest.mark.parametrize("grace_days", [0, 30])
def test_since_joining_everything_counts_for_ever(sales: Sales, path: Path, grace_days: int) -> None:
    assert told(path_by(replace(FOR_EVER, grace_days=grace_days), history(sales))) == path


def test_since_joining_a_return_takes_the_tier_back_from_its_sale_on() -> None:
    assert told(path_by(FOR_EVER, history([("2024-03-01", 300), ("2024-04-01", 200)]))) == [("silver", "2024-04-01")]
    assert told(path_by(FOR_EVER, history([("2024-03-01", 300), ("2024-04-01", 199)]))) == []


# ---------------------------------------------------------------- spend

BY_SPEND = replace(ROLLING, basis=TierBasis.SPEND)


@pytest.mark.parametrize(
    ("spend", "digits", "tier", "number"),
    [
        (499_99, 2, "bronze", 499),
        (500_00, 2, "silver", 500),
        (1999_99, 2, "silver", 1999),
        (2000_00, 2, "gold", 2000),
        (499, 0, "bronze", 499),
        (500, 0, "silver", 500),
        (499_999, 3, "bronze", 499),
        (500_000, 3, "silver", 500),
    ],
)
@pytest.mark.parametrize("window", TierWindow)
def test_spend_counts_in_whole_units_of_currency(
    spend: int, digits: int, tier: str, number: int, window: TierWindow
) -> None:
    policy, at = replace(BY_SPEND, window=window), utc("2024-03-01")
    sales = [QualifyingSale(at=at, points=9999, spend=part) for part in (spend - 7, 7)]  # points count for nothing

    assert step_at(path_by(policy, sales, digits=digits), at).tier == tier
    assert qualifying(sales, at, policy=policy, zone=VIENNA, currency_digits=digits) == number


def test_with_spend_what_is_missing_is_rounded_up_to_whole_units() -> None:
    sales = [QualifyingSale(at=utc("2024-03-01"), points=0, spend=499_01)]
    number = qualifying(sales, utc("2024-03-01"), policy=BY_SPEND, zone=VIENNA, currency_digits=2)

    status = tier_status(path_by(BY_SPEND, sales), tiers=TIERS, qualifying=number, at=utc("2024-03-01"))

    assert (status.tier.id, status.qualifying_points, status.points_to_next) == ("bronze", 499, 1)


def test_points_do_not_look_at_the_currency() -> None:
    sales = [QualifyingSale(at=utc("2024-03-01"), points=500, spend=1)]

    assert told(path_by(ROLLING, sales, digits=3))[0] == ("silver", "2024-03-01")
    assert qualifying(sales, utc("2024-03-01"), policy=ROLLING, zone=VIENNA, currency_digits=3) == 500


# ---------------------------------------------------------------- what is told, and how far back to read


@pytest.mark.parametrize(
    ("policy", "zone", "at", "after", "until"),
    [
        (ROLLING, VIENNA, "2026-07-01T12:00", utc("2025-07-01T12:00"), None),
        (FOR_EVER, VIENNA, "2026-07-01T12:00", None, None),
        (YEARLY, VIENNA, "2026-07-01T12:00", utc("2025-12-31T23:00") - MICROSECOND, utc("2026-12-31T23:00")),
        (YEARLY, VIENNA, "2025-12-31T22:59", utc("2024-12-31T23:00") - MICROSECOND, utc("2025-12-31T23:00")),
        (YEARLY, VIENNA, "2025-12-31T23:00", utc("2025-12-31T23:00") - MICROSECOND, utc("2026-12-31T23:00")),
        (YEARLY, HONOLULU, "2026-01-01T09:59", utc("2025-01-01T10:00") - MICROSECOND, utc("2026-01-01T10:00")),
        (YEARLY, SANTIAGO, "2026-07-01T00:00", utc("2026-01-01T03:00") - MICROSECOND, utc("2027-01-01T03:00")),
    ],
)
def test_the_window_of_what_is_told(
    policy: TierPolicy, zone: ZoneInfo, at: str, after: datetime | None, until: datetime | None
) -> None:
    assert window_of(policy, utc(at), zone) == (after, until)


@pytest.mark.parametrize(
    ("policy", "at", "number"),
    [
        (ROLLING, "2026-03-01", 4 + 8),  # the sale of 365 days ago is gone
        (ROLLING, "2026-02-28T23:59", 2 + 4),
        (YEARLY, "2026-03-01", 4 + 8),
        (YEARLY, "2025-12-31T22:59", 1 + 2),
        (YEARLY, "2025-12-31T23:00", 4),
        (FOR_EVER, "2026-03-01", 1 + 2 + 4 + 8),
        (FOR_EVER, "2025-01-31", 0),
    ],
)
def test_the_number_told_counts_the_window_alone(policy: TierPolicy, at: str, number: int) -> None:
    sales = history([("2025-02-01", 1), ("2025-03-01", 2), ("2025-12-31T23:00", 4), ("2026-03-01", 8)])

    assert qualifying(sales, utc(at), policy=policy, zone=VIENNA, currency_digits=2) == number
