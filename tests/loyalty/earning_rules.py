"""Short rules, sales and tiers for the tests of earning."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from loyalty.earning import CapKey, Sale, SoldLine, Terms, terms
from loyalty.program import default_program
from loyalty.values import EarningEvent, EarningRule, Program, Tier

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
VIENNA = ZoneInfo("Europe/Vienna")
PROGRAM = default_program(lambda prefix: f"{prefix}_x")
BRONZE, SILVER, GOLD = (
    replace(tier, id=name) for tier, name in zip(PROGRAM.tiers, ("bronze", "silver", "gold"), strict=True)
)
COFFEE, MUG = SoldLine(sku="COFFEE", category="food"), SoldLine(sku="MUG", category=None)
SALE = Sale(occurred_at=NOW, channel="POS", store_code="vienna-1", lines=(COFFEE, MUG))
FIRST_SALE = replace(SALE, first=True)


def rule(points_per_unit: int | str | Fraction = 1, id: str = "r", **fields: Any) -> EarningRule:
    one = EarningRule(id=id, name=id, event=EarningEvent.PURCHASE, points_per_unit=Fraction(points_per_unit))
    return replace(one, **fields)


def flat(points: int = 100, id: str = "f", **fields: Any) -> EarningRule:
    return replace(EarningRule(id=id, name=id, event=EarningEvent.PURCHASE, points=points), **fields)


def program(*rules: EarningRule) -> Program:
    return replace(PROGRAM, earning_rules=rules)


def terms_by(
    *rules: EarningRule, tier: Tier = BRONZE, sale: Sale = SALE, used: dict[CapKey, Fraction] | None = None
) -> Terms:
    return terms(program(*rules), tier, sale, zone=VIENNA, used=used or {})


def at(*rates: int | str | Fraction) -> Terms:
    return Terms(rates=tuple(Fraction(rate) for rate in rates))


FILTERS: list[tuple[dict[str, Any], bool]] = [
    ({"channels": ("POS", "WEB")}, True),
    ({"channels": ("WEB",)}, False),
    ({"channels": ()}, False),
    ({"store_codes": ("vienna-1",)}, True),
    ({"store_codes": ("graz-1",)}, False),
    ({"tiers": ("silver",)}, True),
    ({"tiers": ("gold",)}, False),
    ({"starts_at": NOW}, True),
    ({"starts_at": NOW + timedelta(milliseconds=1)}, False),
    ({"ends_at": NOW}, False),
    ({"ends_at": NOW + timedelta(milliseconds=1)}, True),
    ({"active": False}, False),
]
