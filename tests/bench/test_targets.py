"""What is said of figures: met or missed, and nothing of what was not measured."""

import pytest

from bench.contenders import BARE, CONTENDERS, MERCURIUS, OURS
from bench.targets import RATIOS, Verdict, ratios


@pytest.mark.parametrize(("measured", "met"), [(2.5, True), (2.49, False)])
def test_a_ratio_is_met_from_its_aim_on(measured: float, met: bool) -> None:
    assert Verdict(what="A", aim=2.5, measured=measured, unit="times").met is met


@pytest.mark.parametrize(("measured", "met"), [(120.0, True), (120.1, False)])
def test_what_may_be_at_most_so_much_is_met_up_to_its_aim(measured: float, met: bool) -> None:
    assert Verdict(what="memory", aim=120, measured=measured, unit="MB", most=True).met is met


def test_a_missed_figure_says_so_beside_its_aim() -> None:
    missed = Verdict(what="A against another", aim=2.5, measured=2, unit="times")

    assert missed.row == ("A against another", "at least 2.5 times", "2.00 times", "MISSED", "")


def test_rates_are_compared_with_ours_by_operation() -> None:
    found = ratios({"A": {OURS: 300.0, MERCURIUS: 100.0, BARE: 400.0}}, {"A": {OURS: 2.0, MERCURIUS: 5.0, BARE: 1.0}})

    assert {(one.what, one.measured, one.met, one.beside) for one in found} == {
        (f"A against {MERCURIUS}", 3.0, True, "by the server's processor time 2.50 times"),
        (f"A against {BARE}", 0.75, False, "by the server's processor time 0.50 times"),
    }


def test_nothing_is_said_of_servers_that_were_not_measured() -> None:
    assert ratios({"A": {MERCURIUS: 100.0}, "B": {OURS: 100.0}}, {"A": {MERCURIUS: 5.0}, "B": {OURS: 5.0}}) == []


def test_every_server_with_an_aim_is_measured_in_the_operations_that_have_one() -> None:
    measured = {(one.name, operation) for one in CONTENDERS for operation in one.operations}

    assert {(name, operation) for name, aims in RATIOS.items() for operation in aims} <= measured
