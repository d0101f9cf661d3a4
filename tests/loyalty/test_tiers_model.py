"""Tiers over time, against a slow model that looks at every single day."""

from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty.tiers import step_at, step_before
from tests.loyalty.single_ladder import THRESHOLDS, Path, Sales, history, on, path_of, played, steps_of

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

    resumed = played(needed, joined=on(joined), resume=known, from_=on(cut))

    assert resumed == steps_of(sales, joined=joined)
    assert resumed == played(history(sales), joined=on(joined), resume=known, from_=on(cut))


def test_resuming_sees_the_last_points_leave_although_their_sale_is_not_given() -> None:
    known = steps_of([(10, 500)])

    resumed = played([], joined=on(0), resume=known, from_=on(375))

    assert path_of(resumed) == [("bronze", 0), ("silver", 10), ("bronze", 375)]
