"""Tiers of a history told in order, against those worked out from scratch."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from loyalty.program import default_program
from loyalty.tiers import QualifyingSale, TierStep, step_before, tier_path
from services.imports.journey_history import Tiers
from services.known import Programs, programs_of

PROGRAM = default_program(lambda prefix: f"{prefix}_{id(object())}")
TIERS = tuple(replace(tier, id=tier.name) for tier in PROGRAM.tiers)
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
JOINED = BEGIN + timedelta(days=500)
# A fifth of 365 and the days beside it: sales meet what leaves, and the end of a tier's own 365 days.
DAYS = st.sampled_from(sorted(73 * fifth + beside for fifth in range(16) for beside in (-1, 0, 1)))
POINTS = st.sampled_from([0, 1, 250, 499, 500, 501, 1500, 2000])
SALES = st.lists(st.tuples(DAYS, POINTS), max_size=14).map(sorted)
GRACE_DAYS = st.sampled_from([0, 0, 1, 73, 365])


def call_at(now: datetime) -> Any:
    """Return what `Tiers` asks of a call, without a database."""
    return SimpleNamespace(now=now, shop=SimpleNamespace(time_zone=ZoneInfo("Europe/Vienna"), currency_digits=2))


def from_scratch(sales: Sequence[QualifyingSale], programs: Programs) -> tuple[TierStep, ...]:
    shop = call_at(JOINED).shop
    return tier_path(
        sales,
        ladders=programs.ladders,
        joined=JOINED,
        zone=shop.time_zone,
        currency_digits=shop.currency_digits,
    )


@settings(max_examples=500, deadline=None)
# Gold and its grace end on day 730, but for what the sale on day 1 still gives then.
@example(sales=[(-1, 1500), (0, 500), (1, 2000), (730, 0), (731, 0)], grace_days=365, asked=False)
@given(sales=SALES, grace_days=GRACE_DAYS, asked=st.booleans())
def test_tiers_told_in_order_are_those_worked_out_from_scratch_before_and_after_every_sale(
    sales: list[tuple[int, int]], grace_days: int, asked: bool
) -> None:
    """With `asked` the whole path is asked for after every sale, else only the tier before each, as the import does."""
    policy = replace(PROGRAM.tier_policy, grace_days=grace_days)
    programs = programs_of((replace(PROGRAM, tiers=TIERS, tier_policy=policy),))
    told = Tiers(call_at(JOINED), programs)
    history: list[QualifyingSale] = []
    steps = from_scratch(history, programs)
    for day, points in sales:
        sale = QualifyingSale(at=BEGIN + timedelta(days=day), points=points)

        assert told.before(sale.at) == step_before(steps, sale.at).tier
        told.count(sale)
        history.append(sale)
        steps = from_scratch(history, programs)

        assert not asked or told.current() == steps
    assert told.current() == steps
    assert told.sales == history
