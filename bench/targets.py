"""What the figures are to come to, and what is said of each: met or missed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from bench.contenders import BARE, MERCURIUS, MERCURIUS_FUSED, OURS, PLAIN_MOTOR

RATIOS: Mapping[str, Mapping[str, float]] = {
    PLAIN_MOTOR: {"A": 12, "B": 9, "C": 15, "M": 4},
    MERCURIUS: {"A": 2.5, "B": 2.5, "C": 2.5, "M": 1.1},
    MERCURIUS_FUSED: {"A": 1.3},
    BARE: {"A": 0.9, "B": 0.9, "C": 0.9, "M": 0.9},
}
"""How many times as many requests a second as another server, at least, by operation."""

GROWN_TIMES_MAX = 1.3
"""How much longer an answer may take with a hundred times the customers, or a thousand times the purchases."""

MEGABYTES_MAX = 120.0
COLD_MILLISECONDS_MAX = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A figure and what it is to be: at least `aim`, or at most where it is `most`; `beside` is what else to know."""

    what: str
    aim: float
    measured: float
    unit: str
    most: bool = False
    beside: str = ""

    @property
    def met(self) -> bool:
        """Whether it is."""
        return self.measured <= self.aim if self.most else self.measured >= self.aim

    @property
    def row(self) -> tuple[str, str, str, str, str]:
        """The verdict as a row of a table."""
        side = "at most" if self.most else "at least"
        return (
            self.what,
            f"{side} {self.aim:g} {self.unit}",
            f"{self.measured:.2f} {self.unit}",
            "met" if self.met else "MISSED",
            self.beside,
        )

    def plain(self) -> dict[str, Any]:
        """Return the verdict for another program."""
        return {"what": self.what, "aim": self.aim, "most": self.most, "measured": self.measured, "met": self.met}


def ratios(rates: Mapping[str, Mapping[str, float]], spent: Mapping[str, Mapping[str, float]]) -> list[Verdict]:
    """Return what the rates of servers, by operation, say of ours; what was not measured is not judged.

    Args:
        spent: processor time of the server for a request: how many times less ours takes stands beside.
    """
    verdicts = []
    for other, aims in RATIOS.items():
        for operation, aim in aims.items():
            of_operation = rates.get(operation, {})
            if OURS in of_operation and other in of_operation:
                less = spent[operation][other] / spent[operation][OURS]
                verdicts.append(
                    Verdict(
                        what=f"{operation} against {other}",
                        aim=aim,
                        measured=of_operation[OURS] / of_operation[other],
                        unit="times",
                        beside=f"by the server's processor time {less:.2f} times",
                    )
                )
    return verdicts


def table(verdicts: Iterable[Verdict]) -> Table:
    """Return all verdicts as one table."""
    shown = Table("what", "aim", "measured", "", "", title="Against the aims")
    for verdict in verdicts:
        shown.add_row(*verdict.row, style=None if verdict.met else "bold red")
    return shown
