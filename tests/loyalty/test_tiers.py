"""Tiers over time: cases worked out by hand, and a slow model that looks at every single day."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty.tiers import QualifyingSale, TierStep, qualifying_points, step_at, step_before, tier_status, tier_steps
from loyalty.values import Tier, TierBasis, TierPolicy, TierWindow

TIERS = (
    Tier(id="bronze", name="Bronze", threshold=0, earn_multiplier=Fraction(1)),
    Tier(id="silver", name="Silver", threshold=500, earn_multiplier=Fraction(5, 4)),
    Tier(id="gold", name="Gold", threshold=2000, earn_multiplier=Fraction(3, 2)),
)
THRESHOLDS = {tier.id: tier.threshold for tier in TIERS}
POLICY = TierPolicy(basis=TierBasis.POINTS, window=TierWindow.ROLLING_365_DAYS, grace_days=0, keep_on_return=False)
DAY = timedelta(days=1)
MILLISECOND = timedelta(milliseconds=1)
BEGIN = datetime(2023, 1, 1, tzinfo=UTC)

Sales = Sequence[tuple[float, int]]  # (day, points)
Path = list[tuple[str, float]]  # (tier, day of since)


def on(day: float) -> datetime:
    """Return the instant `day` days after BEGIN."""
    return BEGIN + day * DAY


def history(sales: Sales) -> list[QualifyingSale]:
    return [QualifyingSale(at=on(day), points=points) for day, points in sales]


def steps_of(sales: Sales, *, grace_days: int = 0, joined: float = 0) -> tuple[TierStep, ...]:
    policy = replace(POLICY, grace_days=grace_days)
    return tier_steps(history(sales), tiers=TIERS, policy=policy, joined=on(joined))


def path_of(steps: Sequence[TierStep]) -> Path:
    return [(step.tier, (step.since - BEGIN) / DAY) for step in steps]


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


@pytest.mark.parametrize(
    "policy",
    [
        replace(POLICY, basis=TierBasis.SPEND),
        replace(POLICY, window=TierWindow.CALENDAR_YEAR),
        replace(POLICY, window=TierWindow.SINCE_JOINING),
        replace(POLICY, grace_days=-1),
    ],
)
def test_a_policy_it_cannot_follow_is_refused(policy: TierPolicy) -> None:
    with pytest.raises(ValueError, match=r"not supported|negative"):
        tier_steps([], tiers=TIERS, policy=policy, joined=on(0))


@pytest.mark.parametrize("tiers", [(), TIERS[1:], TIERS[::-1], (TIERS[0], TIERS[0])])
def test_tiers_that_do_not_ascend_from_0_are_refused(tiers: Sequence[Tier]) -> None:
    with pytest.raises(ValueError, match="ascend from 0"):
        tier_steps([], tiers=tiers, policy=POLICY, joined=on(0))


def test_negative_points_are_refused() -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        QualifyingSale(at=on(0), points=-1)


def test_resuming_needs_both_the_steps_and_the_instant_and_no_grace_days() -> None:
    steps = steps_of([])
    with pytest.raises(ValueError, match="go together"):
        tier_steps([], tiers=TIERS, policy=POLICY, joined=on(0), resume=steps)
    with pytest.raises(ValueError, match="go together"):
        tier_steps([], tiers=TIERS, policy=POLICY, joined=on(0), from_=on(0))
    with pytest.raises(ValueError, match="from scratch"):
        tier_steps([], tiers=TIERS, policy=replace(POLICY, grace_days=1), joined=on(0), resume=steps, from_=on(0))


def test_a_known_step_whose_tier_is_gone_is_refused() -> None:
    steps = steps_of([(10, 2000)])
    with pytest.raises(ValueError, match="gold"):
        tier_steps([], tiers=TIERS[:2], policy=POLICY, joined=on(0), resume=steps, from_=on(20))
    with pytest.raises(ValueError, match="gold"):
        tier_status(steps, tiers=TIERS[:2], qualifying=0, at=on(20))


# ---------------------------------------------------------------- against a slow model

# A fifth of 365 and the days beside it: sales meet what leaves, the end of the 365 days and of the grace.
DAYS = st.sampled_from(sorted(73 * fifth + beside for fifth in range(14) for beside in (-1, 0, 1)))
POINTS = st.sampled_from([0, 1, 250, 499, 500, 501, 1500, 2000])
SALES = st.lists(st.tuples(DAYS, POINTS), max_size=12).map(sorted)
GRACE_DAYS = st.sampled_from([0, 0, 1, 73, 74, 365, 400])
LAST_DAY = 13 * 73 + 1 + 365 + 400  # the last sale's points gone and the longest grace over: nothing falls later


def model(sales: Sales, grace_days: int) -> Path:
    """Return the path by looking at every day: sums by brute force, no memory but the tier held.

    An upgrade comes on the first day with more points than the tier held asks for, a fall on the first day at the end
    of `grace_days` + 1 days in a row, all after the tier's own 365 days, on which the points do not suffice.
    """
    first = -2
    points = [sum(p for day, p in sales if t - 365 < day <= t) for t in range(first, LAST_DAY + 1)]
    given_by = [max((h, tier) for tier, h in THRESHOLDS.items() if h <= p)[1] for p in points]

    def asks(day: int) -> int:
        return THRESHOLDS[given_by[day - first]]

    tier, free_from, path = "bronze", first, [("bronze", 0.0)]
    for t in range(first, LAST_DAY + 1):
        up = asks(t) > THRESHOLDS[tier]
        lacking = range(t - grace_days, t + 1)
        if up or (lacking[0] >= free_from and all(asks(day) < THRESHOLDS[tier] for day in lacking)):
            tier, free_from = given_by[t - first], t + 365 if up else t
            path.append((tier, t))
    return path


@settings(max_examples=600, deadline=None)
@given(sales=SALES, grace_days=GRACE_DAYS)
def test_the_path_is_the_slow_model_s(sales: Sales, grace_days: int) -> None:
    assert path_of(steps_of(sales, grace_days=grace_days)) == model(sales, grace_days)


@settings(max_examples=200, deadline=None)
@given(sales=SALES, grace_days=GRACE_DAYS, day=st.integers(min_value=-2, max_value=LAST_DAY) | DAYS)
def test_the_step_at_and_before_any_day_is_the_slow_model_s(sales: Sales, grace_days: int, day: int) -> None:
    steps = steps_of(sales, grace_days=grace_days)
    path = model(sales, grace_days)

    assert step_at(steps, on(day)).tier == ["bronze", *(tier for tier, since in path[1:] if since <= day)][-1]
    assert step_before(steps, on(day)).tier == ["bronze", *(tier for tier, since in path[1:] if since < day)][-1]


# ---------------------------------------------------------------- resuming


@settings(max_examples=800, deadline=None)
@given(
    unchanged=SALES,
    before=SALES,
    after=SALES,
    cut=DAYS | st.integers(min_value=-2, max_value=LAST_DAY),
    joined=DAYS,
)
def test_resuming_gives_what_a_computation_from_scratch_gives(
    unchanged: Sales, before: Sales, after: Sales, cut: int, joined: int
) -> None:
    """Whatever was added, changed or removed at or after the cut, and with no older sale than it asks for."""
    kept = [sale for sale in unchanged if sale[0] < cut]
    known = steps_of([*kept, *(sale for sale in before if sale[0] >= cut)], joined=joined)
    sales = [*kept, *(sale for sale in after if sale[0] >= cut)]
    needed = history([sale for sale in sales if sale[0] > cut - 365])

    resumed = tier_steps(needed, tiers=TIERS, policy=POLICY, joined=on(joined), resume=known, from_=on(cut))

    assert resumed == steps_of(sales, joined=joined)
    assert resumed == tier_steps(
        history(sales), tiers=TIERS, policy=POLICY, joined=on(joined), resume=known, from_=on(cut)
    )


def test_resuming_sees_the_last_points_leave_although_their_sale_is_not_given() -> None:
    known = steps_of([(10, 500)])

    resumed = tier_steps([], tiers=TIERS, policy=POLICY, joined=on(0), resume=known, from_=on(375))

    assert path_of(resumed) == [("bronze", 0), ("silver", 10), ("bronze", 375)]
