"""Tiers under a programme whose tiers and tier policy change, worked out by hand."""

from dataclasses import replace
from datetime import timedelta

import pytest

from loyalty.tiers import resumption, step_at, step_before, tier_status
from loyalty.values import TierPolicy
from tests.loyalty.ladders import (
    BEGIN,
    BY_SPEND,
    DAY,
    FOR_EVER,
    LOWER_SILVER,
    NORMAL,
    ROLLING,
    UTC_ZONE,
    YEARLY,
    Path,
    Plan,
    Sales,
    Thresholds,
    ladders_by,
    on,
    path_of,
    steps_of,
    tiers_of,
)

# ---------------------------------------------------------------- by hand

BY_HAND: dict[str, tuple[Sales, Plan, Path]] = {
    "a lower threshold: up when the ladder begins, with 365 days": (
        [(10, 400)],
        [(0, NORMAL, ROLLING), (100, {**NORMAL, "silver": 400}, ROLLING)],
        [("silver", 100), ("bronze", 465)],
    ),
    "a lower threshold that comes when the points are gone": (
        [(10, 400)],
        [(0, NORMAL, ROLLING), (375, {**NORMAL, "silver": 400}, ROLLING)],
        [],
    ),
    "a higher threshold: kept for its own 365 days, then lost": (
        [(10, 500), (200, 500)],
        [(0, NORMAL, ROLLING), (100, {**NORMAL, "silver": 1001}, ROLLING)],
        [("silver", 10), ("bronze", 375)],
    ),
    "a higher threshold after the 365 days: lost when the ladder begins": (
        [(10, 500), (200, 500)],
        [(0, NORMAL, ROLLING), (400, {**NORMAL, "silver": 1001}, ROLLING)],
        [("silver", 10), ("bronze", 400)],
    ),
    "the points lack from the ladder's since on, so grace begins there": (
        [(10, 500), (200, 500)],
        [(0, NORMAL, ROLLING), (400, {**NORMAL, "silver": 1001}, replace(ROLLING, grace_days=30))],
        [("silver", 10), ("bronze", 430)],
    ),
    "the tier below, where the points give it": (
        [(10, 2000), (200, 500)],
        [(0, NORMAL, ROLLING), (376, {**NORMAL, "gold": 3000}, ROLLING)],
        [("gold", 10), ("silver", 375), ("bronze", 565)],
    ),
    "a dropped tier gives way to the one below, which takes its hold over": (
        [(10, 2000)],
        [(0, NORMAL, ROLLING), (100, {"bronze": 0, "silver": 500}, ROLLING)],
        [("gold", 10), ("silver", 100), ("bronze", 375)],
    ),
    "a dropped tier that nothing was left of": (
        [(10, 500), (374, 500)],
        [(0, NORMAL, ROLLING), (400, {"bronze": 0, "plata": 600}, ROLLING)],
        [("silver", 10), ("bronze", 400)],
    ),
    "renamed tiers": (
        [(10, 500)],
        [(0, NORMAL, ROLLING), (100, {"bronce": 0, "plata": 500, "oro": 2000}, ROLLING)],
        [("silver", 10), ("plata", 100), ("bronce", 375)],
    ),
    "a renamed tier that is on the point of falling when its ladder ends falls in the next": (
        [(10, 500)],
        [(0, NORMAL, ROLLING), (375, {"bronce": 0, "plata": 500, "oro": 2000}, ROLLING)],
        [("silver", 10), ("bronce", 375)],
    ),
    "a renamed lowest tier, for who never bought": (
        [],
        [(0, NORMAL, ROLLING), (100, {"basic": 0, "silver": 500}, ROLLING)],
        [("basic", 100)],
    ),
    "the lowest tier gets one below it": (
        [(10, 99), (20, 1)],
        [(0, NORMAL, ROLLING), (100, {"basic": 0, "bronze": 100, "silver": 500}, ROLLING)],
        [("basic", 375)],
    ),
    "the lowest tier gets one below it, for who never bought": (
        [],
        [(0, NORMAL, ROLLING), (100, {"basic": 0, "bronze": 100, "silver": 500}, ROLLING)],
        [("basic", 100)],
    ),
    "a tier that is dropped and comes back": (
        [(10, 500), (300, 500)],
        [
            (0, NORMAL, ROLLING),
            (100, {"bronze": 0, "gold": 2000}, ROLLING),
            (200, NORMAL, ROLLING),
        ],
        [("silver", 10), ("bronze", 100), ("silver", 200), ("bronze", 665)],
    ),
    "a sale at the ladder's since is judged by the new one": (
        [(100, 400)],
        [(0, NORMAL, ROLLING), (100, {**NORMAL, "silver": 400}, ROLLING)],
        [("silver", 100), ("bronze", 465)],
    ),
    "a ladder planned ahead is played too": (
        [(10, 500)],
        [(0, NORMAL, ROLLING), (9000, {"basic": 0, "silver": 500}, ROLLING)],
        [("silver", 10), ("bronze", 375), ("basic", 9000)],
    ),
    "from rolling to calendar years: the 365 days are kept": (
        [(100, 500)],
        [(0, NORMAL, ROLLING), (200, {**NORMAL, "silver": 501}, YEARLY)],
        [("silver", 100), ("bronze", 465)],
    ),
    "from rolling to calendar years: the years hold from then on": (
        [(100, 500)],
        [(0, NORMAL, ROLLING), (200, NORMAL, YEARLY)],
        [("silver", 100), ("bronze", 731)],
    ),
    "from calendar years to rolling: what a year reached is held to the end of the next": (
        [(100, 500), (400, 500)],
        [(0, NORMAL, YEARLY), (500, NORMAL, ROLLING)],
        [("silver", 100), ("bronze", 1096)],
    ),
    "calendar years, higher threshold: what was reached by the old one is held": (
        [(100, 500), (300, 500)],
        [(0, NORMAL, YEARLY), (200, {**NORMAL, "silver": 1001}, YEARLY)],
        [("silver", 100), ("bronze", 731)],
    ),
    "calendar years, lower threshold: the year before reaches it, held to the end of this one": (
        [(100, 400)],
        [(0, NORMAL, YEARLY), (500, {**NORMAL, "silver": 400}, YEARLY)],
        [("silver", 500), ("bronze", 731)],
    ),
    "since joining, from rolling: never lost any more, and all that ever was adds up": (
        [(10, 400), (600, 1600), (700, 1)],
        [(0, NORMAL, ROLLING), (650, NORMAL, FOR_EVER)],
        [("silver", 600), ("gold", 650)],
    ),
    "since joining, higher threshold: never lost": (
        [(10, 500)],
        [(0, NORMAL, FOR_EVER), (100, {**NORMAL, "silver": 1000}, FOR_EVER)],
        [("silver", 10)],
    ),
    "from since joining to rolling: lost when the new ladder begins": (
        [(10, 500)],
        [(0, NORMAL, FOR_EVER), (1000, NORMAL, ROLLING)],
        [("silver", 10), ("bronze", 1000)],
    ),
    "from since joining to rolling within 365 days of the upgrade": (
        [(10, 250), (300, 250)],
        [(0, NORMAL, FOR_EVER), (400, NORMAL, ROLLING)],
        [("silver", 300), ("bronze", 665)],
    ),
    "from points to spend": (
        [(10, 500)],
        [
            (0, NORMAL, ROLLING),
            (100, {"bronze": 0, "silver": 200, "gold": 500}, BY_SPEND),
        ],
        [("silver", 10), ("gold", 100), ("bronze", 465)],
    ),
}


@pytest.mark.parametrize(("sales", "plan", "path"), BY_HAND.values(), ids=BY_HAND.keys())
def test_over_ladders_the_path_is_as_worked_out_by_hand(sales: Sales, plan: Plan, path: Path) -> None:
    assert path_of(steps_of(sales, plan)) == path


def test_a_tier_of_the_new_ladder_holds_and_a_sale_at_its_since_earns_at_the_old_one() -> None:
    steps = steps_of([(10, 500)], [(0, NORMAL, ROLLING), (100, {"bronce": 0, "plata": 500}, ROLLING)])

    assert (step_before(steps, on(100)).tier, step_at(steps, on(100)).tier) == ("silver", "plata")
    assert step_at(steps, on(100)).held_until == on(375)


# ---------------------------------------------------------------- status


def test_who_joined_under_a_later_ladder_is_in_its_lowest_tier_since_joining() -> None:
    plan = [(0, NORMAL, ROLLING), (100, {"basic": 0, "silver": 500}, ROLLING)]
    tiers = ladders_by(plan)[1].tiers

    new, old = (
        tier_status(steps_of([], plan, joined=joined), tiers=tiers, qualifying=0, at=on(300)) for joined in (200, 50)
    )

    assert (new.tier.id, new.since, new.until) == ("basic", on(200), None)
    assert (old.tier.id, old.since, old.until) == ("basic", on(100), None)


def test_who_was_given_more_than_the_lowest_tier_before_the_account_was_made_is_told_when() -> None:
    plan = [(0, NORMAL, ROLLING), (100, {"bronce": 0, "plata": 300}, ROLLING)]

    status = tier_status(
        steps_of([(50, 400)], plan, joined=200), tiers=ladders_by(plan)[1].tiers, qualifying=400, at=on(250)
    )

    assert (status.tier.id, status.since, status.until) == ("plata", on(100), on(415))


def test_who_fell_before_the_account_was_made_is_told_when() -> None:
    status = tier_status(
        steps_of([(-900, 500)], [(0, NORMAL, ROLLING)]), tiers=tiers_of(NORMAL), qualifying=0, at=on(1)
    )

    assert (status.tier.id, status.since) == ("bronze", on(-535))


@pytest.mark.parametrize(
    ("planned", "until"),
    [
        pytest.param({"bronze": 0, "silver": 600}, 375, id="a threshold raised: the end of the 365 days"),
        pytest.param({"bronze": 0, "gold": 2000}, 100, id="the tier dropped: falls"),
        pytest.param({"bronze": 0, "plata": 500}, 100, id="the tier renamed: ends as far as this ladder knows"),
        pytest.param({"bronze": 0, "silver": 200, "gold": 500}, None, id="a rise to come"),
    ],
)
def test_until_is_where_a_ladder_planned_ahead_takes_the_tier_away(planned: Thresholds, until: int | None) -> None:
    plan = [(0, NORMAL, ROLLING), (100, planned, ROLLING)]

    status = tier_status(steps_of([(10, 500)], plan), tiers=tiers_of(NORMAL), qualifying=500, at=on(50))

    assert (status.tier.id, status.until) == ("silver", None if until is None else on(until))


# ---------------------------------------------------------------- refused


@pytest.mark.parametrize("days", [[], [0, 10, 10], [0, 20, 10]])
def test_ladders_that_do_not_follow_each_other_are_refused(days: list[int]) -> None:
    with pytest.raises(ValueError, match="follow each other"):
        steps_of([], [(day, NORMAL, ROLLING) for day in days])


def test_a_bad_ladder_is_refused_wherever_it_stands() -> None:
    with pytest.raises(ValueError, match="ascend from 0"):
        steps_of([], [(0, NORMAL, ROLLING), (10, {"silver": 500}, ROLLING)])
    with pytest.raises(ValueError, match="must not be negative"):
        steps_of([], [(0, NORMAL, ROLLING), (10, NORMAL, replace(YEARLY, grace_days=-1))])


def needs(plan: Plan, from_: int, sales: Sales = ()) -> float | None:
    """Return the day after which sales are needed to resume; None where all are."""
    found = resumption(steps_of(sales, plan), ladders=ladders_by(plan), from_=on(from_), zone=UTC_ZONE)
    return (found.after - BEGIN) / DAY if found else None


@pytest.mark.parametrize(
    ("policy", "day"),
    [
        (ROLLING, 2000 - 365),
        (BY_SPEND, 2000 - 365),
        (replace(ROLLING, grace_days=30), 2000 - 30 - 365),
        (YEARLY, 1096 - timedelta.resolution / DAY),  # of 2028: played on from 2027, which needs 2026
        (FOR_EVER, None),
    ],
)
def test_a_path_is_resumed_with_the_sales_of_a_bounded_time(policy: TierPolicy, day: float | None) -> None:
    assert needs([(0, NORMAL, policy)], 2000) == day


def test_a_ladder_planned_ahead_that_holds_tiers_otherwise_asks_for_all_sales() -> None:
    assert needs([(0, NORMAL, YEARLY), (2100, NORMAL, ROLLING)], 2000) == 1096 - timedelta.resolution / DAY
    assert needs([(0, NORMAL, ROLLING), (2100, LOWER_SILVER, ROLLING)], 2000) == 2000 - 365
    assert needs([(0, NORMAL, ROLLING), (2100, NORMAL, YEARLY)], 2000) is None
    assert needs([(0, NORMAL, ROLLING), (2100, NORMAL, FOR_EVER)], 2000) is None


def test_calendar_years_are_resumed_once_no_older_ladder_can_hold_a_tier_any_more() -> None:
    def plan(day: int) -> Plan:
        return [(0, NORMAL, ROLLING), (day, LOWER_SILVER, YEARLY)]

    assert needs(plan(731), 2000) is not None
    assert needs(plan(732), 2000) is None
    with pytest.raises(ValueError, match="from scratch"):
        steps_of([], plan(732), resume=steps_of([], plan(732)), from_=2000)


def test_a_path_of_other_ladders_is_not_resumed_at_a_tier_that_its_ladder_does_not_have() -> None:
    known = steps_of([(10, 2000)], [(0, NORMAL, ROLLING)])

    with pytest.raises(ValueError, match="gold"):
        steps_of([], [(0, NORMAL, ROLLING), (100, {"bronze": 0, "silver": 500}, ROLLING)], resume=known, from_=200)
