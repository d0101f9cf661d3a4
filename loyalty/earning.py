"""What a sale earns, and what of it a return takes back.

base = total - taxTotal, tax included or not, in minor units. Every purchase rule that matches adds its points per
unit; the tier's multiplier applies to their sum. Rates are exact fractions and one floor comes last, so
10.90 at x1.25 earns floor(13.625) = 13.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from crm.numbers import round_half_up
from loyalty.values import EarningEvent, EarningRule, Program, Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class SoldLine:
    """What an earning rule may ask of a line."""

    sku: str
    category: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """What an earning rule may ask of a sale."""

    occurred_at: datetime
    channel: str
    store_code: str | None
    lines: Sequence[SoldLine]


def earn_rates(program: Program, tier: Tier, sale: Sale) -> tuple[Fraction, ...]:
    """Return the points per unit of currency that each line earns, or one rate where all lines earn alike."""
    rules = [rule for rule in program.earning_rules if _applies(rule, tier, sale)]
    if all(rule.categories is None and rule.skus is None for rule in rules):
        return (_rate(rules, tier),)
    return tuple(_rate([rule for rule in rules if _names(rule, line)], tier) for line in sale.lines)


def _rate(rules: Sequence[EarningRule], tier: Tier) -> Fraction:
    return sum((rule.points_per_unit or Fraction(0) for rule in rules), Fraction(0)) * tier.earn_multiplier


def _applies(rule: EarningRule, tier: Tier, sale: Sale) -> bool:
    return (
        rule.active
        and rule.event is EarningEvent.PURCHASE
        and (rule.channels is None or sale.channel in rule.channels)
        and (rule.store_codes is None or sale.store_code in rule.store_codes)
        and (rule.tiers is None or tier.id in rule.tiers)
        and (rule.starts_at is None or rule.starts_at <= sale.occurred_at)
        and (rule.ends_at is None or sale.occurred_at < rule.ends_at)
    )


def _names(rule: EarningRule, line: SoldLine) -> bool:
    return (rule.categories is None or line.category in rule.categories) and (
        rule.skus is None or line.sku in rule.skus
    )


def points_for(shares: Sequence[int], rates: Sequence[Fraction], currency_digits: int) -> int:
    """Return the points for the lines' shares of the base, in minor units: one floor, on the sum.

    `rates` has one rate a line, or a single one for all of them.
    """
    unit: int = 10**currency_digits
    if len(rates) == 1:
        rate = rates[0]
        return sum(shares) * rate.numerator // (rate.denominator * unit)
    points = sum((share * rate for share, rate in zip(shares, rates, strict=True)), Fraction(0)) / unit
    return points.numerator // points.denominator


def kept_share(share: int, *, returned: int, quantity: int) -> int:
    """Return what is kept of a line's share once `returned` of its `quantity` is back: the rest, rounded half up."""
    return share - round_half_up(share * returned, quantity)


def points_taken_back(earned: int, kept_shares: Sequence[int], rates: Sequence[Fraction], currency_digits: int) -> int:
    """Return how many of the sale's points all its returns so far take back.

    The sum over several partial returns is that of one full return, whatever the rounding, because each is the
    difference between two values of this function.
    """
    return earned - min(earned, points_for(kept_shares, rates, currency_digits))
