"""From the versions of a programme to ladders of tiers."""

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

import pytest

from loyalty.program import default_program
from loyalty.tiers import ladder_at, ladders_of
from loyalty.values import Program
from tests.loyalty.ladders import LOWER_SILVER, NORMAL, ROLLING, YEARLY, on, tiers_of


def version(number: int, day: int, **changes: object) -> Program:
    program = replace(default_program(lambda prefix: f"{prefix}_1"), tiers=tiers_of(NORMAL), tier_policy=ROLLING)
    return replace(program, version=number, valid_from=on(day), **changes)


LOWER = tiers_of(LOWER_SILVER)
HIGHER = tiers_of({**NORMAL, "gold": 3000})


def test_one_version_is_one_ladder_from_the_beginning_of_time() -> None:
    (ladder,) = ladders_of([version(1, 10)])

    assert (ladder.tiers, ladder.policy) == (tiers_of(NORMAL), ROLLING)
    assert ladder.since < datetime(1000, 1, 1, tzinfo=UTC)


def test_versions_with_other_tiers_or_another_policy_are_ladders_of_their_own() -> None:
    first, second, third = ladders_of([version(1, 0), version(2, 10, tiers=LOWER), version(3, 20, tier_policy=YEARLY)])

    assert [second.since, third.since] == [on(10), on(20)]
    assert [first.tiers, second.tiers, third.tiers] == [tiers_of(NORMAL), LOWER, tiers_of(NORMAL)]
    assert [first.policy, second.policy, third.policy] == [ROLLING, ROLLING, YEARLY]


def test_names_multipliers_and_benefits_make_no_ladder() -> None:
    renamed = tuple(
        replace(tier, name="Other", earn_multiplier=Fraction(9), benefits=("tea",)) for tier in tiers_of(NORMAL)
    )

    ladders = ladders_of([version(1, 0), version(2, 10, tiers=renamed), version(3, 20, tiers=LOWER)])

    assert [ladder.tiers for ladder in ladders] == [tiers_of(NORMAL), LOWER]


@pytest.mark.parametrize(
    ("days", "in_force"),
    [
        pytest.param([0, 20, 10], [(1, None), (3, 10)], id="a plan is superseded by what begins earlier"),
        pytest.param([0, 10, 10], [(1, None), (3, 10)], id="and by what begins with it"),
        pytest.param([0, 10, 20], [(1, None), (2, 10), (3, 20)], id="not by what begins later"),
        pytest.param([20, 30, 10], [(3, None)], id="everything superseded: the newest from the beginning of time"),
        pytest.param([0, 30, 10, 20], [(1, None), (3, 10), (4, 20)], id="a new plan after a superseded one"),
    ],
)
def test_a_later_version_supersedes_those_that_begin_with_it_or_after_it(
    days: list[int], in_force: list[tuple[int, int | None]]
) -> None:
    versions = [
        version(number, day, tiers=tiers_of({**NORMAL, "gold": 2000 + number})) for number, day in enumerate(days, 1)
    ]

    first, *others = ladders_of(versions)

    found = [(first.tiers[2].threshold - 2000, None), *((o.tiers[2].threshold - 2000, o.since) for o in others)]
    assert found == [(number, None if day is None else on(day)) for number, day in in_force]


def test_versions_that_become_neighbours_when_a_plan_is_superseded_are_one_ladder() -> None:
    assert len(ladders_of([version(1, 0), version(2, 20, tiers=LOWER), version(3, 10)])) == 1


def test_the_ladder_at_an_instant_begins_with_its_since() -> None:
    ladders = ladders_of([version(1, 0), version(2, 10, tiers=LOWER), version(3, 20, tiers=HIGHER)])

    assert [ladders.index(ladder_at(ladders, on(day))) for day in (-9999, 0, 9.9, 10, 19.9, 20, 9999)] == [
        *(0, 0, 0),
        *(1, 1),
        *(2, 2),
    ]
