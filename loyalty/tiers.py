"""Which tier a customer is in, at any instant, past or to come: a pure function of the sales.

The rule is the contract's ("Tier at an instant"). Qualifying points are those of the sales of the last 365 days. Time
is cut into spans over which that sum stays the same, and the path of tiers is read off span by span: up at once when
the points give more, down only when the tier's own 365 days and the grace days are over. Sales end, and so do their
points: the path runs on to the last fall, so that no answer depends on when a worker ran.

A window is half-open, (t - 365 d, t]: a sale counts from its own instant and is gone exactly 365 days later.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from operator import attrgetter

from loyalty.values import Tier, TierBasis, TierPolicy, TierWindow

WINDOW = timedelta(days=365)
"""How long a sale counts."""

HOLD = timedelta(days=365)
"""How long a tier reached by an upgrade is kept whatever the points."""

_BEGINNING = datetime.min.replace(tzinfo=UTC)
_END = datetime.max.replace(tzinfo=UTC)
_since = attrgetter("since")


@dataclass(frozen=True, slots=True, kw_only=True)
class QualifyingSale:
    """A sale as far as tiers know it: its occurredAt and its qualifying points.

    `points` are whole points, at least 0: EARN alone (no bonus, adjustment or transfer), less what returns took back
    unless the policy keeps them on return.
    """

    at: datetime
    points: int

    def __post_init__(self) -> None:
        if self.points < 0:
            raise ValueError(f"points must not be negative, got {self.points}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TierStep:
    """From `since` on, until the next step, the tier with id `tier` is held.

    `held_until` is the end of an upgrade's own 365 days; a fall and the first step have none, there it equals `since`.
    """

    tier: str
    since: datetime
    held_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TierStatus:
    """The contract's TierStatus: `until` is None where nothing can be lost, the last two where nothing is above."""

    tier: Tier
    since: datetime
    until: datetime | None
    qualifying_points: int
    next: Tier | None
    points_to_next: int | None


def tier_steps(
    sales: Sequence[QualifyingSale],
    *,
    tiers: Sequence[Tier],
    policy: TierPolicy,
    joined: datetime,
    resume: Sequence[TierStep] = (),
    from_: datetime | None = None,
) -> tuple[TierStep, ...]:
    """Return the whole path: what happened, and the falls to come if nothing more is bought.

    The first step is the lowest tier and stands for all the time before the second one; its `since` is `joined`, even
    where imported sales are older. The others are in order of `since`, no two at the same instant: of several sales at
    one instant the result counts, so their order does not matter.

    With `resume` and `from_` only the part from `from_` on is computed again; the result is the same as from scratch
    if every sale that was added, changed or removed lies at or after `from_`.

    Args:
        sales: in any order; all of them or, when resuming, at least those later than `from_` - 365 d.
        tiers: thresholds in qualifying points, ascending, the first 0.
        policy: POINTS over ROLLING_365_DAYS. `keep_on_return` has been applied to `sales`.
        joined: when the account was made, timezone-aware UTC like every instant here.
        resume: an earlier result for the same tiers and policy; its steps before `from_` are taken as they are.
        from_: given with `resume` and only then.

    Raises:
        ValueError: for another basis or window, or negative grace days; for tiers that do not ascend from 0; for
            `resume` without `from_` or the reverse; for resuming at a tier that is not in `tiers`; for resuming with
            grace days, because a step does not tell since when points have been lacking.
    """
    _check_policy(policy)
    _check_tiers(tiers)
    if bool(resume) != (from_ is not None):
        raise ValueError("resume and from_ go together")
    if resume and policy.grace_days:
        raise ValueError("with grace days the path must be computed from scratch")
    begin = from_ or _BEGINNING
    first = TierStep(tier=tiers[0].id, since=joined, held_until=joined)
    known = [first, *(step for step in resume[1:] if step.since < begin)]
    grace = timedelta(days=policy.grace_days)
    return (*known, *_further_steps(known[-1], _spans(sales, begin), tiers, grace))


def step_at(steps: Sequence[TierStep], instant: datetime) -> TierStep:
    """Return the step in force at `instant`: the last with since <= instant, or the first step of all."""
    return steps[_position_at(steps, instant)]


def step_before(steps: Sequence[TierStep], instant: datetime) -> TierStep:
    """Return the step in force just before `instant`: the one at which a sale of that instant earns."""
    return steps[bisect_left(steps, instant, lo=1, key=_since) - 1]


def qualifying_points(sales: Iterable[QualifyingSale], at: datetime) -> int:
    """Return the points of the sales in (at - 365 d, at]."""
    return sum(sale.points for sale in sales if at - WINDOW < sale.at <= at)


def tier_status(steps: Sequence[TierStep], *, tiers: Sequence[Tier], qualifying: int, at: datetime) -> TierStatus:
    """Return the status at `at`.

    `until` is the next fall. A rise still to come (a till's clock may be minutes ahead) is not told before its time.

    Args:
        steps: a result of `tier_steps` for the same `tiers`.
        tiers: ascending by threshold.
        qualifying: the `qualifying_points` at `at`. `points_to_next` is how many more the next threshold asks for;
            never below 0.
        at: timezone-aware UTC.

    Raises:
        ValueError: the step's tier is not in `tiers`.
    """
    position = _position_at(steps, at)
    step = steps[position]
    rank = _rank(tiers, step.tier)
    upcoming = steps[position + 1] if position + 1 < len(steps) else None
    following = tiers[rank + 1] if rank + 1 < len(tiers) else None
    return TierStatus(
        tier=tiers[rank],
        since=step.since,
        until=upcoming.since if upcoming and _rank(tiers, upcoming.tier) < rank else None,
        qualifying_points=qualifying,
        next=following,
        points_to_next=max(following.threshold - qualifying, 0) if following else None,
    )


def _check_policy(policy: TierPolicy) -> None:
    """Raise ValueError unless the policy is one that `_spans` and `_further_steps` can follow."""
    if (policy.basis, policy.window) != (TierBasis.POINTS, TierWindow.ROLLING_365_DAYS):
        raise ValueError(f"tiers by {policy.basis} over {policy.window} are not supported")
    if policy.grace_days < 0:
        raise ValueError(f"grace_days must not be negative, got {policy.grace_days}")


def _check_tiers(tiers: Sequence[Tier]) -> None:
    """Raise ValueError unless the first threshold is 0 and each is above the one before."""
    thresholds = [tier.threshold for tier in tiers]
    if thresholds[:1] != [0] or any(low >= high for low, high in pairwise(thresholds)):
        raise ValueError(f"thresholds must ascend from 0, got {thresholds}")


def _spans(sales: Sequence[QualifyingSale], begin: datetime) -> Iterator[tuple[datetime, datetime, int]]:
    """Yield (start, end, qualifying points over [start, end)) without gaps from `begin` to the end of time.

    What leaves and what comes in at one instant fall into one change, so neither shows without the other.
    """
    changes: defaultdict[datetime, int] = defaultdict(int, {begin: 0, _END: 0})
    for sale in sales:
        changes[sale.at] += sale.points
    for sale in sales:  # a second loop: two ascending runs sort in linear time
        changes[sale.at + WINDOW] -= sale.points
    points = 0
    for start, end in pairwise(sorted(changes)):
        points += changes[start]
        if start >= begin:
            yield start, end, points


def _further_steps(
    held: TierStep, spans: Iterable[tuple[datetime, datetime, int]], tiers: Sequence[Tier], grace: timedelta
) -> Iterator[TierStep]:
    """Yield the steps that follow `held` over `spans`.

    Within a span nothing changes, so at most one step falls into it: an upgrade at its start, or a fall when the
    points have been lacking, after the tier's own 365 days, for as long as `grace`. A fall due exactly at a span's end
    is left to the next one, whose sales may still prevent it.
    """
    thresholds = [tier.threshold for tier in tiers]
    rank = _rank(tiers, held.tier)
    lacking_from: datetime | None = None
    for start, end, points in spans:
        deserved = bisect_right(thresholds, points) - 1
        lacking_from = (lacking_from or start) if deserved < rank else None
        since = max(lacking_from, held.held_until) + grace if lacking_from else start
        if deserved != rank and since < end:
            held_until = since + HOLD if deserved > rank else since
            held = TierStep(tier=tiers[deserved].id, since=since, held_until=held_until)
            rank, lacking_from = deserved, None
            yield held


def _rank(tiers: Sequence[Tier], tier_id: str) -> int:
    """Return the place of a tier on the ladder, 0 being the lowest; ValueError when it is not there."""
    return [tier.id for tier in tiers].index(tier_id)


def _position_at(steps: Sequence[TierStep], instant: datetime) -> int:
    """Return the index of the step in force at `instant`; the first step is in force before all others."""
    return bisect_right(steps, instant, lo=1, key=_since) - 1
