"""Which tier a customer is in, at any instant, past or to come: a pure function of the sales.

loyalty/tier_windows.py cuts time into spans over which the amount that decides stays the same, and the path of tiers
is read off span by span: up at once when the amount gives more, down only when neither the amount nor the tier's own
hold suffices and the grace days are over. The path runs on to the last fall, so that no answer depends on when a
worker ran. Where the programme's tiers or tier policy changed, each ladder is played over its own time, one after the
other (docs/decisions/0006, 0011).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from operator import attrgetter
from zoneinfo import ZoneInfo

from loyalty.tier_windows import (
    BEGINNING,
    END,
    HOLD,
    WINDOW,
    Ladder,
    QualifyingSale,
    Span,
    fall_due,
    hold_of,
    ladder_at,
    ladders_of,
    needed_after,
    qualifying,
    scale_of,
    spans,
    start_of_year,
    window_of,
    year_of,
)
from loyalty.values import Tier, TierWindow

__all__ = [
    "WINDOW",
    "Ladder",
    "QualifyingSale",
    "Resumption",
    "TierStatus",
    "TierStep",
    "ladder_at",
    "ladders_of",
    "qualifying",
    "resumption",
    "step_at",
    "step_before",
    "tier_path",
    "tier_status",
    "window_of",
]

_since = attrgetter("since")


@dataclass(frozen=True, slots=True, kw_only=True)
class TierStep:
    """From `since` on, until the next step, the tier with id `tier` is held.

    `held_until` is until when it is held whatever the amount, grace not counted: the end of an upgrade's own 365 days,
    or with calendar years the end of the year after the last one that reached the tier. Where nothing holds it, as
    after a rolling fall and in the first step, it equals `since`.
    """

    tier: str
    since: datetime
    held_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumption:
    """A path is played on from `begin`, its `known` steps so far kept, with the sales later than `after`."""

    known: tuple[TierStep, ...]
    begin: datetime
    after: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TierStatus:
    """The contract's TierStatus: `until` is None where nothing can be lost, the last two where nothing is above."""

    tier: Tier
    since: datetime
    until: datetime | None
    qualifying_points: int
    next: Tier | None
    points_to_next: int | None


def tier_path(
    sales: Sequence[QualifyingSale],
    *,
    ladders: Sequence[Ladder],
    joined: datetime,
    zone: ZoneInfo,
    currency_digits: int,
    resume: Sequence[TierStep] = (),
    from_: datetime | None = None,
) -> tuple[TierStep, ...]:
    """Return the whole path: what happened, and what is to come if nothing more is bought.

    The first step is the lowest tier of the first ladder and stands for all the time before the second one; its
    `since` is `joined`, even where imported sales are older. The others are in order of `since`, no two at the same
    instant: of several sales at one instant the result counts, so their order does not matter.

    A ladder goes on from the tier held at its `since`. A tier that it does not have gives way there to the one that
    the amount reaches, which takes over what is left of the hold. One that it has is kept with its hold; it rises at
    once where the thresholds are lower, and is lost by the new policy, lacking from the ladder's `since` at the
    earliest.

    With `resume` and `from_` only the part from `from_` on is computed again; the result is the same as from scratch
    if every sale that was added, changed or removed lies at or after `from_`.

    Args:
        sales: in any order; all of them or, when resuming, at least those later than `resumption` says.
            `keep_on_return` has been applied.
        ladders: a result of `ladders_of`; oldest first, the `since` of the first is not looked at.
        joined: when the account was made, timezone-aware UTC like every instant here.
        zone: whose calendar years count.
        currency_digits: decimals of the currency's minor unit, for basis SPEND.
        resume: an earlier result for the same ladders; its steps before `from_` are taken as they are.
        from_: given with `resume` and only then.

    Raises:
        ValueError: for ladders that do not follow each other, negative grace days, or tiers that do not ascend from 0;
            for `resume` without `from_` or the reverse; for resuming at a tier that its ladder does not have; for
            resuming where `resumption` says no.
    """
    _check_ladders(ladders)
    first = ladders[0].tiers[0].id
    path, resumed_at = [TierStep(tier=first, since=BEGINNING, held_until=BEGINNING)], BEGINNING
    if resume or from_:
        taken_up = _taken_up(resume, from_, ladders, zone)
        path, resumed_at = list(taken_up.known), taken_up.begin
    starts = [BEGINNING, *(ladder.since for ladder in ladders[1:]), END]
    for ladder, (start, end) in zip(ladders, pairwise(starts), strict=True):
        if resumed_at >= end:
            continue
        if start < resumed_at:
            _rank(ladder.tiers, path[-1].tier)  # a tier gives way where its ladder ends, not where a path is resumed
        cut = spans(sales, policy=ladder.policy, zone=zone, begin=max(start, resumed_at), end=end)
        path[-1:] = _played(path[-1], list(cut), ladder, zone, scale_of(ladder.policy, currency_digits))
    return (TierStep(tier=first, since=joined, held_until=joined), *path[1:])


def resumption(
    steps: Sequence[TierStep], *, ladders: Sequence[Ladder], from_: datetime, zone: ZoneInfo
) -> Resumption | None:
    """Return where a path is taken up to be computed again from `from_` on; None where that needs all sales.

    A step does not tell since when the amount has been lacking, nor which year's sum holds it. Both follow from what
    lies a little further back: the lack counts from the step or the ladder at the earliest, and who lacked before the
    days of grace has fallen by now; a year's sum holds to the end of the next year.

    All sales are needed SINCE_JOINING, and where calendar years and another window meet: a planned year may have put
    off until when a step is held, and an older ladder's hold may last under a ladder of years.
    """
    position = bisect_right(ladders, from_, lo=1, key=_since) - 1
    ladder = ladders[position]
    ahead = {one.policy.window for one in ladders[position:]}
    if TierWindow.SINCE_JOINING in ahead or (len(ahead) > 1 and ladder.policy.window is TierWindow.ROLLING_365_DAYS):
        return None
    known = [TierStep(tier=steps[0].tier, since=BEGINNING, held_until=BEGINNING)]
    known += [step for step in steps[1:] if step.since < from_]
    began, policy = ladder.since if position else BEGINNING, ladder.policy
    if policy.window is TierWindow.CALENDAR_YEAR:
        year = year_of(from_ - timedelta(days=policy.grace_days + 1), zone)
        if policy.grace_days >= HOLD.days or (position and began > start_of_year(year - 3, zone)):
            return None
        begin = max(known[-1].since, start_of_year(year - 1, zone))
        if known[-1].tier != ladder.tiers[0].id:  # the sums from `begin` on renew whatever holds it
            known[-1] = replace(known[-1], held_until=known[-1].since)
    else:
        begin = max(known[-1].since, began, from_ - timedelta(days=policy.grace_days))
    return Resumption(known=tuple(known), begin=begin, after=needed_after(policy, begin, zone))


def _taken_up(
    steps: Sequence[TierStep], from_: datetime | None, ladders: Sequence[Ladder], zone: ZoneInfo
) -> Resumption:
    if not steps or from_ is None:
        raise ValueError("resume and from_ go together")
    found = resumption(steps, ladders=ladders, from_=from_, zone=zone)
    if found is None:
        raise ValueError("this path must be computed from scratch")
    return found


def step_at(steps: Sequence[TierStep], instant: datetime) -> TierStep:
    """Return the step in force at `instant`: the last with since <= instant, or the first step of all."""
    return steps[_position_at(steps, instant)]


def step_before(steps: Sequence[TierStep], instant: datetime) -> TierStep:
    """Return the step in force just before `instant`: the one at which a sale of that instant earns."""
    return steps[bisect_left(steps, instant, lo=1, key=_since) - 1]


def tier_status(steps: Sequence[TierStep], *, tiers: Sequence[Tier], qualifying: int, at: datetime) -> TierStatus:
    """Return the status at `at`.

    `until` is the next fall, or where a ladder planned ahead does without the tier. A rise still to come (a till's
    clock may be minutes ahead) is not told before its time. Who never rose is in the lowest tier since joining, not
    since before it, when some version renamed that tier. A tier that `tiers` does not have, because a path was stored
    before its version, is told as the lowest, at which `loyalty.program.tier_of` lets it earn.

    Args:
        steps: a result of `tier_path`.
        tiers: of the ladder in force at `at`, ascending by threshold.
        qualifying: the `qualifying` number at `at`. `points_to_next` is how many more the next threshold asks for;
            never below 0.
        at: timezone-aware UTC.
    """
    position = _position_at(steps, at)
    step = steps[position]
    ranks = {tier.id: rank for rank, tier in enumerate(tiers)}
    rank = ranks.get(step.tier, 0)
    never_rose = rank == 0 and all(known.held_until <= known.since for known in steps[: position + 1])
    upcoming = steps[position + 1] if position + 1 < len(steps) else None
    following = tiers[rank + 1] if rank + 1 < len(tiers) else None
    return TierStatus(
        tier=tiers[rank],
        since=max(step.since, steps[0].since) if never_rose else step.since,
        until=upcoming.since if upcoming and ranks.get(upcoming.tier, -1) < rank else None,
        qualifying_points=qualifying,
        next=following,
        points_to_next=max(following.threshold - qualifying, 0) if following else None,
    )


def _check_ladders(ladders: Sequence[Ladder]) -> None:
    """Raise ValueError unless the ladders follow each other and each can be climbed."""
    if not ladders or any(earlier.since >= later.since for earlier, later in pairwise(ladders[1:])):
        raise ValueError("ladders must follow each other, at least one")
    for ladder in ladders:
        if ladder.policy.grace_days < 0:
            raise ValueError(f"grace_days must not be negative, got {ladder.policy.grace_days}")
        thresholds = [tier.threshold for tier in ladder.tiers]
        if thresholds[:1] != [0] or any(low >= high for low, high in pairwise(thresholds)):
            raise ValueError(f"thresholds must ascend from 0, got {thresholds}")


def _played(held: TierStep, cut: Sequence[Span], ladder: Ladder, zone: ZoneInfo, scale: int) -> list[TierStep]:
    """Return `held`, its hold as these spans renew it, and the steps that follow it.

    Within a span nothing changes, so at most one step falls into it: an upgrade at its start, or a fall when it is
    due. A fall due exactly at a span's end is left to the next one, whose sales may still prevent it.
    """
    thresholds = [tier.threshold * scale for tier in ladder.tiers]
    steps = [held]
    if all(tier.id != held.tier for tier in ladder.tiers):
        start, _, amount, _ = cut[0]
        tier = ladder.tiers[bisect_right(thresholds, amount) - 1]
        steps.append(TierStep(tier=tier.id, since=start, held_until=max(held.held_until, start)))
    rank = _rank(ladder.tiers, steps[-1].tier)
    lacking_from: datetime | None = None
    for start, end, amount, kept in cut:
        deserved = bisect_right(thresholds, amount) - 1
        lacking_from = (lacking_from or start) if deserved < rank else None
        since = start
        if lacking_from:
            since = fall_due(ladder.policy, zone, lacking_from=lacking_from, held_until=steps[-1].held_until)
        if deserved != rank and since < end:
            held_until = since + hold_of(ladder.policy) if deserved > rank else since
            steps.append(TierStep(tier=ladder.tiers[deserved].id, since=since, held_until=held_until))
            rank, lacking_from = deserved, None
        for total, until in kept:
            if rank and total >= thresholds[rank] and until > steps[-1].held_until:
                steps[-1] = replace(steps[-1], held_until=until)
    return steps


def _rank(tiers: Sequence[Tier], tier_id: str) -> int:
    """Return the place of a tier on the ladder, 0 being the lowest; ValueError when it is not there."""
    return [tier.id for tier in tiers].index(tier_id)


def _position_at(steps: Sequence[TierStep], instant: datetime) -> int:
    """Return the index of the step in force at `instant`; the first step is in force before all others."""
    return bisect_right(steps, instant, lo=1, key=_since) - 1
