"""Tiers over time: cases worked out by hand."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from loyalty.tiers import QualifyingSale, step_at, step_before, tier_status
from loyalty.values import Tier
from tests.loyalty.single_ladder import (
    MILLISECOND,
    POLICY,
    TIERS,
    Path,
    Sales,
    history,
    on,
    path_of,
    played,
    qualifying_points,
    steps_of,
)

# ---------------------------------------------------------------- by hand

BY_HAND: dict[str, tuple[Sales, Path]] = {
    "no sale": ([], [("bronze", 0)]),
    "one point short of silver": ([(10, 499)], [("bronze", 0)]),
    "a sale of no points": ([(10, 0)], [("bronze", 0)]),
    "exactly at the threshold, and down after exactly 365 days": (
        [(10, 500)],
        [("bronze", 0), ("silver", 10), ("bronze", 375)],
    ),
    "straight to gold, and down several levels at once": (
        [(10, 2000)],
        [("bronze", 0), ("gold", 10), ("bronze", 375)],
    ),
    "two sales add up": ([(10, 300), (20, 200)], [("bronze", 0), ("silver", 20), ("bronze", 385)]),
    "sales 365 days apart never add up": ([(10, 300), (375, 300)], [("bronze", 0)]),
    "sales just under 365 days apart do": (
        [(10, 300), (374, 300)],
        [("bronze", 0), ("silver", 374), ("bronze", 739)],
    ),
    "the tier stays its 365 days although points left on day 375": (
        [(10, 300), (200, 200)],
        [("bronze", 0), ("silver", 200), ("bronze", 565)],
    ),
    "a sale that only confirms does not renew, but its points keep the tier until they leave": (
        [(10, 500), (100, 500)],
        [("bronze", 0), ("silver", 10), ("bronze", 465)],
    ),
    "a confirming sale too small to keep the tier": (
        [(10, 500), (100, 499)],
        [("bronze", 0), ("silver", 10), ("bronze", 375)],
    ),
    "an upgrade starts 365 days anew": (
        [(10, 500), (100, 1500)],
        [("bronze", 0), ("silver", 10), ("gold", 100), ("bronze", 465)],
    ),
    "gold falls to silver, which the points still give": (
        [(10, 1500), (20, 500), (300, 500)],
        [("bronze", 0), ("silver", 10), ("gold", 20), ("silver", 385), ("bronze", 665)],
    ),
    "no new 365 days after a fall": (
        [(10, 2000), (50, 500)],
        [("bronze", 0), ("gold", 10), ("silver", 375), ("bronze", 415)],
    ),
    "up again after a fall, with 365 days": (
        [(10, 500), (400, 500)],
        [("bronze", 0), ("silver", 10), ("bronze", 375), ("silver", 400), ("bronze", 765)],
    ),
    "two sales at one instant make one step": (
        [(10, 500), (10, 1500)],
        [("bronze", 0), ("gold", 10), ("bronze", 375)],
    ),
    "what leaves and what comes at one instant: enough, so no fall": (
        [(10, 500), (375, 500)],
        [("bronze", 0), ("silver", 10), ("bronze", 740)],
    ),
    "what leaves and what comes at one instant: not enough": (
        [(10, 500), (375, 499)],
        [("bronze", 0), ("silver", 10), ("bronze", 375)],
    ),
    "what leaves and what comes at one instant: enough for an upgrade": (
        [(10, 500), (375, 2000)],
        [("bronze", 0), ("silver", 10), ("gold", 375), ("bronze", 740)],
    ),
    "points that leave at an instant do not help its sale upwards": (
        [(10, 1500), (375, 1000)],
        [("bronze", 0), ("silver", 10), ("bronze", 740)],
    ),
    "a sale a moment after the fall comes too late": (
        [(10, 500), (375.5, 500)],
        [("bronze", 0), ("silver", 10), ("bronze", 375), ("silver", 375.5), ("bronze", 740.5)],
    ),
    "sales older than the account": (
        [(-900, 500), (-100, 500)],
        [("bronze", 0), ("silver", -900), ("bronze", -535), ("silver", -100), ("bronze", 265)],
    ),
}


@pytest.mark.parametrize(("sales", "path"), BY_HAND.values(), ids=BY_HAND.keys())
def test_the_path_is_as_worked_out_by_hand(sales: Sales, path: Path) -> None:
    assert path_of(steps_of(sales)) == path


@pytest.mark.parametrize(
    ("sales", "grace_days", "path"),
    [
        pytest.param([(10, 500)], 30, [("bronze", 0), ("silver", 10), ("bronze", 405)], id="grace after the 365 days"),
        pytest.param(
            [(10, 500), (100, 500)],
            30,
            [("bronze", 0), ("silver", 10), ("bronze", 495)],
            id="grace from when points leave",
        ),
        pytest.param(
            [(10, 500), (390, 500)],
            30,
            [("bronze", 0), ("silver", 10), ("bronze", 785)],
            id="a sale within the grace saves the tier and gives no 365 days of its own",
        ),
        pytest.param(
            [(10, 500), (405, 500)],
            30,
            [("bronze", 0), ("silver", 10), ("bronze", 800)],
            id="a sale at the very instant of the fall saves it too",
        ),
        pytest.param(
            [(10, 500), (390, 499)],
            30,
            [("bronze", 0), ("silver", 10), ("bronze", 405)],
            id="a sale within the grace that is too small",
        ),
        pytest.param(
            [(10, 2000), (30, 500)],
            30,
            [("bronze", 0), ("gold", 10), ("bronze", 405)],
            id="to what the points give at the end of the grace, not at its start",
        ),
        pytest.param(
            [(10, 2000), (50, 500)],
            30,
            [("bronze", 0), ("gold", 10), ("silver", 405), ("bronze", 445)],
            id="each fall has its own grace",
        ),
        pytest.param(
            [(10, 300), (200, 200)],
            30,
            [("bronze", 0), ("silver", 200), ("bronze", 595)],
            id="lacking within the 365 days uses up no grace",
        ),
    ],
)
def test_grace_days_put_a_fall_off(sales: Sales, grace_days: int, path: Path) -> None:
    assert path_of(steps_of(sales, grace_days=grace_days)) == path


def test_only_an_upgrade_is_held_365_days() -> None:
    assert [(step.held_until - step.since).days for step in steps_of([(10, 2000), (50, 500)])] == [0, 365, 0, 0]


def test_a_late_sale_counts_where_it_happened_and_not_where_it_was_heard_of() -> None:
    assert path_of(steps_of([(100, 300)])) == [("bronze", 0)]

    late = steps_of([(100, 300), (50, 200)])

    assert path_of(late) == [("bronze", 0), ("silver", 100), ("bronze", 465)]
    assert late == steps_of([(50, 200), (100, 300)])


def test_a_window_is_open_at_its_old_end_and_closed_at_its_new_end() -> None:
    sales = history([(10, 7)])

    assert qualifying_points(sales, on(10) - MILLISECOND) == 0
    assert qualifying_points(sales, on(10)) == 7
    assert qualifying_points(sales, on(375) - MILLISECOND) == 7
    assert qualifying_points(sales, on(375)) == 0


def test_a_step_is_in_force_from_its_since_to_just_before_the_next() -> None:
    steps = steps_of([(10, 500)])
    bronze, silver, fallen = steps

    assert [step_at(steps, on(day)) for day in (-1, 0, 10, 375)] == [bronze, bronze, silver, fallen]
    assert [step_before(steps, on(day)) for day in (-1, 0, 10, 375)] == [bronze, bronze, bronze, silver]
    assert step_at(steps, on(10) - MILLISECOND) == bronze
    assert step_before(steps, on(10) + MILLISECOND) == silver
    assert step_at(steps, on(375) - MILLISECOND) == silver


def test_before_its_first_upgrade_an_imported_account_is_in_the_lowest_tier() -> None:
    steps = steps_of([(-100, 500)], joined=0)

    assert step_at(steps, on(-101)).tier == "bronze"
    assert step_before(steps, on(-100)).tier == "bronze"
    assert step_at(steps, on(-100)).tier == "silver"
    assert step_at(steps, on(0)).tier == "silver"


# ---------------------------------------------------------------- status


@pytest.mark.parametrize(
    ("day", "qualifying", "expected"),
    [
        (50, 2500, ("gold", 10, 375, None, None)),
        (375, 500, ("silver", 375, 415, "gold", 1500)),
        (415, 0, ("bronze", 415, None, "silver", 500)),
    ],
)
def test_the_status_tells_what_was_reached_and_what_is_missing(
    day: int, qualifying: int, expected: tuple[str, int, int | None, str | None, int | None]
) -> None:
    tier, since, until, following, missing = expected

    status = tier_status(steps_of([(10, 2000), (50, 500)]), tiers=TIERS, qualifying=qualifying, at=on(day))

    assert (status.tier.id, status.since, status.qualifying_points) == (tier, on(since), qualifying)
    assert status.until == (None if until is None else on(until))
    assert (status.next.id if status.next else None, status.points_to_next) == (following, missing)


def test_the_status_of_who_never_left_the_lowest_tier_dates_from_joining() -> None:
    status = tier_status(steps_of([(-3, 499)], joined=0), tiers=TIERS, qualifying=499, at=on(1))

    assert (status.tier.id, status.since, status.until, status.points_to_next) == ("bronze", on(0), None, 1)


def test_points_to_next_is_never_negative() -> None:
    assert tier_status(steps_of([]), tiers=TIERS, qualifying=501, at=on(0)).points_to_next == 0


# ---------------------------------------------------------------- refused


def test_negative_grace_days_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        played([], policy=replace(POLICY, grace_days=-1), joined=on(0))


@pytest.mark.parametrize("tiers", [(), TIERS[1:], TIERS[::-1], (TIERS[0], TIERS[0])])
def test_tiers_that_do_not_ascend_from_0_are_refused(tiers: Sequence[Tier]) -> None:
    with pytest.raises(ValueError, match="ascend from 0"):
        played([], tiers=tiers, joined=on(0))


def test_negative_points_and_spend_are_refused() -> None:
    with pytest.raises(ValueError, match="points must not be negative"):
        QualifyingSale(at=on(0), points=-1)
    with pytest.raises(ValueError, match="spend must not be negative"):
        QualifyingSale(at=on(0), points=0, spend=-1)


def test_resuming_needs_both_the_steps_and_the_instant() -> None:
    steps = steps_of([])
    with pytest.raises(ValueError, match="go together"):
        played([], joined=on(0), resume=steps)
    with pytest.raises(ValueError, match="go together"):
        played([], joined=on(0), from_=on(0))


def test_a_known_step_whose_tier_is_gone_is_refused() -> None:
    steps = steps_of([(10, 2000)])
    with pytest.raises(ValueError, match="gold"):
        played([], tiers=TIERS[:2], joined=on(0), resume=steps, from_=on(20))


def test_a_step_whose_tier_is_gone_is_told_as_the_lowest() -> None:
    status = tier_status(steps_of([(10, 2000)]), tiers=TIERS[:2], qualifying=600, at=on(20))

    assert (status.tier.id, status.until, status.next, status.points_to_next) == ("bronze", None, TIERS[1], 0)
