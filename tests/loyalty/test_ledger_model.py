"""The points ledger over random histories, against a slow model that knows single points and goes from day to day."""

from datetime import UTC

from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty.periods import add_months
from loyalty.points import Account
from loyalty.values import HoldStatus
from tests.loyalty.played_ledger import HISTORY, Play, Step, lots_of, stood, totals_of
from tests.loyalty.support import BEGIN, check, day, on


@settings(max_examples=250, deadline=None, derandomize=True)
@given(HISTORY, st.booleans())
def test_any_history_agrees_with_the_model_and_every_invariant_holds_after_every_step(
    steps: list[Step], worker: bool
) -> None:
    play = Play(modelled=True)
    for step in steps:
        play.run(step, worker=worker)
        for side in play.sides:
            now = side.kept.open(play.today)
            assert totals_of(now.account) == side.model.totals()
            assert lots_of(now, side.kept) == side.model.lots()
            statuses = [now.holds.get(id_, side.kept.holds[id_]).status.value for id_ in side.holds]
            assert statuses == [hold.status for hold in side.model.holds]
            assert all(entry.at <= on(play.today) for entry in side.kept.entries)
            assert now.account.due_at is None or now.account.due_at > on(play.today)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(HISTORY, st.booleans())
def test_the_totals_of_any_day_are_told_alike_then_and_ever_after_settled_or_not(
    steps: list[Step], worker: bool
) -> None:
    play = Play(modelled=True)
    observed: list[dict[int, Account]] = [{}, {}]
    for number, step in enumerate(steps):
        play.run(step, worker=worker)
        for side, seen in zip(play.sides, observed, strict=True):
            seen[play.today] = play.settled(side)
            earlier = sorted(seen)[number % len(seen)]
            assert play.replayed(side, play.today) == seen[play.today]
            assert play.replayed(side, earlier) == seen[earlier]
    play.sleep(40, worker=False)
    for ask_again in (False, True):
        for side, seen in zip(play.sides, observed, strict=True):
            assert {at: play.replayed(side, at) for at in seen} == seen
            diary = side.model.diary
            turns = [at for at in diary if at - 1 in diary and diary[at] != diary[at - 1]]
            for at in {*turns, *(turn - 1 for turn in turns)}:
                assert totals_of(play.replayed(side, at)) == diary[at]
        if not ask_again:
            play.settle()


@settings(max_examples=150, deadline=None, derandomize=True)
@given(HISTORY, st.lists(st.booleans(), min_size=40, max_size=40))
def test_when_the_worker_settles_changes_no_entry_and_no_total(steps: list[Step], rounds: list[bool]) -> None:
    never, daily, sometimes = Play(), Play(), Play()
    for step, now in zip(steps, rounds, strict=False):
        never.run(step, worker=False)
        daily.run(step, worker=True)
        sometimes.run(step, worker=now)
        if now:
            sometimes.settle()
    for play in (never, daily, sometimes):
        play.sleep(40, worker=play is daily)
        play.settle()
    for one, two, three in zip(never.sides, daily.sides, sometimes.sides, strict=True):
        assert stood(one.kept) == stood(two.kept) == stood(three.kept)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(HISTORY)
def test_a_working_copy_kept_for_a_whole_day_does_what_a_fresh_one_for_every_fact_does(steps: list[Step]) -> None:
    fresh, kept = Play(), Play(one_copy_a_day=True)
    for step in steps:
        fresh.run(step, worker=False)
        kept.run(step, worker=False)
    for play in (fresh, kept):
        play.finish_day()
        play.settle()
    for one, two in zip(fresh.sides, kept.sides, strict=True):
        assert stood(one.kept) == stood(two.kept)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(HISTORY, st.lists(st.integers(-6, 2), min_size=40, max_size=40))
def test_a_clock_that_runs_backwards_breaks_no_invariant(steps: list[Step], jumps: list[int]) -> None:
    play = Play()
    for step, jump in zip(steps, jumps, strict=False):
        play.today += jump
        play.run(step, worker=False)
        for side in play.sides:
            check(side.kept)
        assert all(
            (hold.ended_at is None) == (hold.status is HoldStatus.ACTIVE)
            for side in play.sides
            for hold in side.kept.holds.values()
        )


def test_the_model_counts_days_as_the_ledger_does() -> None:
    assert day(on(31)) == 31
    assert on(31) == add_months(BEGIN, 1).astimezone(UTC)
