"""Tiers under a programme whose tiers and tier policy change: against a slow model, and resumed."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty.tiers import ladder_at, resumption
from loyalty.values import TierPolicy, TierWindow
from tests.loyalty.ladders import (
    BEGIN,
    BY_SPEND,
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
)

# ---------------------------------------------------------------- against a slow model

DAYS = st.sampled_from(sorted(73 * fifth + beside for fifth in range(14) for beside in (-1, 0, 1)))
POINTS = st.sampled_from([0, 1, 250, 499, 500, 501, 1500, 2000])
SALES = st.lists(st.tuples(DAYS, POINTS), max_size=10).map(sorted)
THRESHOLDS: list[Thresholds] = [
    NORMAL,
    LOWER_SILVER,
    {"bronze": 0, "silver": 1000, "gold": 2500},
    {"bronze": 0, "silver": 500},
    {"bronce": 0, "plata": 500, "gold": 2000},
    {"basic": 0, "bronze": 1, "gold": 1500},
    {"silver": 0, "gold": 500, "bronze": 1000},
]
ROLLINGS = st.sampled_from([ROLLING, BY_SPEND])
POLICIES = st.builds(
    lambda policy, grace_days: replace(policy, grace_days=grace_days),
    st.sampled_from([ROLLING, YEARLY, FOR_EVER]),
    st.sampled_from([0, 0, 1, 31, 73]),
)
FIRST_DAY = -2


def plans(policies: st.SearchStrategy[TierPolicy]) -> st.SearchStrategy[Plan]:
    later = st.lists(DAYS, max_size=3, unique=True).map(sorted)
    rung = st.tuples(st.sampled_from(THRESHOLDS), policies)
    return later.flatmap(
        lambda days: st.tuples(*[rung] * (len(days) + 1)).map(
            lambda rungs: [(day, *rung) for day, rung in zip([-9999, *days], rungs, strict=True)]
        )
    )


@dataclass
class Model:
    """Looks at every day: sums by brute force, grace by looking back over days, a tier and its hold for a memory."""

    sales: Sales
    plan: Plan

    def sums(self, t: int, policy: TierPolicy) -> list[tuple[int, int]]:
        """Return (sum, day until which it holds what it reaches) for each sum that counts on day t."""
        if policy.window is TierWindow.ROLLING_365_DAYS:
            return [(sum(points for day, points in self.sales if t - 365 < day <= t), t)]
        if policy.window is TierWindow.SINCE_JOINING:
            return [(sum(points for day, points in self.sales if day <= t), t)]
        return [
            (
                sum(points for day, points in self.sales if day <= t and on(day).year == year),
                (datetime(year + 2, 1, 1, tzinfo=UTC) - BEGIN).days,
            )
            for year in (on(t).year - 1, on(t).year)
        ]

    def amount(self, t: int, policy: TierPolicy) -> int:
        return max(total for total, _ in self.sums(t, policy))

    def path(self, last_day: int) -> Path:
        tier, held, path = next(iter(self.plan[0][1])), FIRST_DAY, []
        for t in range(FIRST_DAY, last_day + 1):
            since, thresholds, policy = [rung for rung in self.plan if rung[0] <= t][-1]
            best = [id_ for id_, least in thresholds.items() if least <= self.amount(t, policy)][-1]
            if tier not in thresholds:
                tier, held = best, max(held, t)
                path.append((tier, t))
            days = range(t - policy.grace_days, t + 1)
            if thresholds[best] > thresholds[tier]:
                tier, held = best, t if policy.window is TierWindow.CALENDAR_YEAR else t + 365
                path.append((tier, t))
            elif (
                policy.window is not TierWindow.SINCE_JOINING
                and days[0] >= max(since, held, FIRST_DAY)
                and all(self.amount(day, policy) < thresholds[tier] for day in days)
            ):
                tier, held = best, t
                path.append((tier, t))
            if thresholds[tier]:
                held = max([held, *(until for total, until in self.sums(t, policy) if total >= thresholds[tier])])
        return path


@settings(max_examples=250, deadline=None)
@given(sales=SALES, plan=plans(POLICIES))
def test_over_ladders_the_path_is_the_slow_model_s(sales: Sales, plan: Plan) -> None:
    last_day = 13 * 73 + 1 + 731 + 73  # the year after the last sale's is over, and the longest grace

    assert path_of(steps_of(sales, plan)) == Model(sales, plan).path(last_day)


@settings(max_examples=200, deadline=None)
@given(data=st.data(), sales=SALES, plan=plans(POLICIES))
def test_the_order_of_sales_does_not_matter(data: st.DataObject, sales: Sales, plan: Plan) -> None:
    assert steps_of(data.draw(st.permutations(sales)), plan) == steps_of(sales, plan)


@settings(max_examples=200, deadline=None)
@given(sales=SALES, plan=plans(POLICIES), joined=DAYS)
def test_steps_ascend_and_each_is_of_the_ladder_in_force(sales: Sales, plan: Plan, joined: int) -> None:
    first, *others = steps_of(sales, plan, joined=joined)
    ladders = ladders_by(plan)

    assert (first.tier, first.since, first.held_until) == (ladders[0].tiers[0].id, on(joined), on(joined))
    assert all(earlier.since < later.since for earlier, later in pairwise(others))
    for step in others:
        assert step.tier in {tier.id for tier in ladder_at(ladders, step.since).tiers}
        assert step.held_until >= step.since


@settings(max_examples=200, deadline=None)
@given(sales=SALES, joined=DAYS, days=st.lists(DAYS, unique=True, max_size=3).map(sorted))
def test_without_grace_one_ladder_taken_for_several_makes_no_difference(
    sales: Sales, joined: int, days: list[int]
) -> None:
    once = steps_of(sales, [(0, NORMAL, ROLLING)], joined=joined)

    assert steps_of(sales, [(day, NORMAL, ROLLING) for day in [0, *days]], joined=joined) == once


# ---------------------------------------------------------------- resuming


@settings(max_examples=600, deadline=None)
@given(
    unchanged=SALES,
    before=SALES,
    after=SALES,
    plan=plans(POLICIES) | plans(ROLLINGS),
    cut=DAYS | st.integers(min_value=-2, max_value=1400),
    joined=DAYS,
)
def test_resuming_over_ladders_gives_what_a_computation_from_scratch_gives(
    unchanged: Sales, before: Sales, after: Sales, plan: Plan, cut: int, joined: int
) -> None:
    """Whatever was added, changed or removed at or after the cut, and with no older sale than it asks for."""
    kept = [sale for sale in unchanged if sale[0] < cut]
    known = steps_of([*kept, *(sale for sale in before if sale[0] >= cut)], plan, joined=joined)
    sales = [*kept, *(sale for sale in after if sale[0] >= cut)]
    found = resumption(known, ladders=ladders_by(plan), from_=on(cut), zone=UTC_ZONE)
    if found is None:
        return
    needed = [sale for sale in sales if on(sale[0]) > found.after]

    resumed = steps_of(needed, plan, joined=joined, resume=known, from_=cut)

    assert resumed == steps_of(sales, plan, joined=joined)
    assert resumed == steps_of(sales, plan, joined=joined, resume=known, from_=cut)
