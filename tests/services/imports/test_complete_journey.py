"""The import of real households: the same as selling them basket by basket."""

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest

from loyalty.values import EarningEvent, EarningRule
from services.imports.journey_history import is_plain
from services.known import Known, Programs, programs_of
from tests.services.imports.slow_journey import HALFWAY, TODAY, assert_equal, both_ways
from tests.support import World


async def test_a_year_up_to_today_is_stored_as_if_it_had_been_sold_basket_by_basket(world: World, folder: Path) -> None:
    at_once, one_by_one = await both_ways(world, folder, TODAY)

    assert_equal(at_once, one_by_one)
    assert len(at_once["purchases"]) == 330
    assert {customer for customer, _ in at_once["TIER"]} == {"customer 20", "customer 2042"}
    assert {entry["type"] for entry in at_once["points_transactions"]} == {"EARN"}


async def test_2017_itself_is_stored_as_if_sold_basket_by_basket_and_all_its_points_are_over(
    world: World, folder: Path
) -> None:
    at_once, one_by_one = await both_ways(world, folder, None)

    assert_equal(at_once, one_by_one)
    assert at_once["TIER"] == []
    assert {account["available"] for account in at_once["loyalty_accounts"]} == {0}
    types = [entry["type"] for entry in at_once["points_transactions"]]
    assert types.count("EXPIRE") == types.count("EARN") > 300


async def test_half_of_the_points_being_over_makes_no_difference(world: World, folder: Path) -> None:
    world.clock.now = HALFWAY

    at_once, one_by_one = await both_ways(world, folder, None)

    assert_equal(at_once, one_by_one)
    types = [entry["type"] for entry in at_once["points_transactions"]]
    assert 100 < types.count("EXPIRE") < types.count("EARN") - 100


@pytest.mark.parametrize(("grace_days", "in_memory"), [(0, True), (30, False)])
async def test_a_programme_that_changed_in_the_year_makes_no_difference(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch, grace_days: int, in_memory: bool
) -> None:
    """By line: twice the points on some categories, so that every share of a sale has its own rate.

    Where the tiers changed, too, the import records basket by basket itself.
    """
    (first,) = (await world.shop.known.programs()).versions
    drinks = EarningRule(
        id="rul_drinks",
        name="2 more on drinks",
        event=EarningEvent.PURCHASE,
        points_per_unit=Fraction(2),
        categories=("SOFT DRINKS", "FLUID MILK PRODUCTS", "CHEESE"),
    )
    second = replace(
        first,
        version=2,
        valid_from=datetime(2017, 6, 1, tzinfo=UTC),
        earning_rules=(*first.earning_rules, drinks),
        expiry=replace(first.expiry, months=18),
        tier_policy=replace(first.tier_policy, grace_days=grace_days),
    )

    async def programs(_: Known) -> Programs:
        return programs_of((first, second))

    monkeypatch.setattr(Known, "programs", programs)
    world.clock.now = datetime(2018, 3, 1, tzinfo=UTC)

    at_once, one_by_one = await both_ways(world, folder, None)

    assert is_plain(programs_of((first, second))) is in_memory
    if in_memory:
        assert_equal(at_once, one_by_one)
    else:
        assert at_once == one_by_one
    assert any(len(purchase["earnRates"]) > 1 for purchase in at_once["purchases"])
    assert len({len(purchase["earnRates"]) for purchase in at_once["purchases"]}) > 10
