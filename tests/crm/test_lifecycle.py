"""The lifecycle stage: every rule, and the instants just before and just after each of its boundaries."""

from datetime import UTC, datetime, timedelta

import pytest

from crm.lifecycle import lifecycle_stage
from crm.values import LifecycleStage

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MOMENT = timedelta(milliseconds=1)
PROSPECT, NEW, ACTIVE = LifecycleStage.PROSPECT, LifecycleStage.NEW, LifecycleStage.ACTIVE
LOYAL, AT_RISK, LAPSED = LifecycleStage.LOYAL, LifecycleStage.AT_RISK, LifecycleStage.LAPSED


def days(number: float) -> timedelta:
    return timedelta(days=number)


def stage(count: int, first: timedelta, last: timedelta) -> LifecycleStage:
    """Return the stage of somebody who bought `count` times, first and last so long ago."""
    return lifecycle_stage(purchase_count=count, first_purchase_at=NOW - first, last_purchase_at=NOW - last, now=NOW)


@pytest.mark.parametrize(("first", "last"), [(None, None), (NOW, None), (None, NOW), (NOW - days(3), NOW - days(1))])
def test_without_a_purchase_a_customer_is_a_prospect_whatever_else_is_said(
    first: datetime | None, last: datetime | None
) -> None:
    assert lifecycle_stage(purchase_count=0, first_purchase_at=first, last_purchase_at=last, now=NOW) is PROSPECT


@pytest.mark.parametrize(("first", "last"), [(None, None), (NOW, None), (None, NOW)])
def test_a_count_without_its_instants_is_no_purchase(first: datetime | None, last: datetime | None) -> None:
    assert lifecycle_stage(purchase_count=2, first_purchase_at=first, last_purchase_at=last, now=NOW) is PROSPECT


@pytest.mark.parametrize(
    ("count", "first", "last", "expected"),
    [
        # LAPSED: silent for more than 365 days, whatever was before
        (1, days(365), days(365), AT_RISK),
        (1, days(365) + MOMENT, days(365) + MOMENT, LAPSED),
        (50, days(2000), days(366), LAPSED),
        # AT_RISK: silent for more than 90 days
        (2, days(90), days(90), ACTIVE),
        (2, days(90) + MOMENT, days(90) + MOMENT, AT_RISK),
        (5, days(300), days(91), AT_RISK),
        # AT_RISK: three purchases 20 days apart on average, so 60 days of silence are usual enough
        (3, days(100), days(60), ACTIVE),
        (3, days(100) + MOMENT * 2, days(60) + MOMENT * 4, AT_RISK),
        # two purchases say nothing about an interval
        (2, days(100), days(80), ACTIVE),
        # never before 30 days, however often somebody bought
        (3, days(32), days(30), ACTIVE),
        (3, days(32), days(30) + MOMENT, AT_RISK),
        (3, days(31), days(31), AT_RISK),  # three on one day: the interval is 0
        # NEW: first bought in the last 30 days
        (1, days(0), days(0), NEW),
        (9, days(30), days(1), NEW),
        (1, days(30) + MOMENT, days(30) + MOMENT, ACTIVE),
        (9, days(30) + MOMENT, days(1), ACTIVE),
        # LOYAL: five times, the first time 90 days ago
        (5, days(90), days(1), LOYAL),
        (5, days(90) - MOMENT, days(1), ACTIVE),
        (4, days(400), days(1), ACTIVE),
        (6, days(2000), days(1), LOYAL),
        # loyal yesterday, unusually silent today: five purchases 10 days apart, silent for 31 and for 30
        (5, days(90), days(31), LOYAL),
        (5, days(71), days(31), AT_RISK),
        # a till's clock runs ahead: the last purchase lies in our future
        (1, days(0), -days(0.003), NEW),
        (5, days(90), -days(0.003), LOYAL),
    ],
)
def test_the_first_rule_that_holds_decides(
    count: int, first: timedelta, last: timedelta, expected: LifecycleStage
) -> None:
    assert stage(count, first, last) is expected


def test_one_silent_customer_goes_from_new_over_active_and_at_risk_to_lapsed() -> None:
    bought = NOW - days(10)
    stages = [
        lifecycle_stage(purchase_count=1, first_purchase_at=bought, last_purchase_at=bought, now=bought + days(after))
        for after in (0, 30, 31, 90, 91, 365, 366)
    ]

    assert stages == [NEW, NEW, ACTIVE, ACTIVE, AT_RISK, AT_RISK, LAPSED]
