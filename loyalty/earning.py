"""What a sale earns, and what of it a return takes back; what else gives points.

base = total - taxTotal, tax included or not, in minor units. Every purchase rule that matches adds its points per
unit; the tier's multiplier applies to their sum. Rates are exact fractions and one floor comes last, so
10.90 at x1.25 earns floor(13.625) = 13. Flat points are bonuses: once a sale, never multiplied.

A cap counts per person, rule and period, in exact fractions. By what a sale earned stays with it (`Terms`), so a
return computes with what the caps had left then, and what it gives back to them is a difference of two `cap_use`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from math import floor
from zoneinfo import ZoneInfo

from crm.numbers import round_half_up
from crm.values import Period
from loyalty.periods import period_key
from loyalty.values import EarningEvent, EarningRule, Program, Tier

PURCHASES = frozenset({EarningEvent.PURCHASE, EarningEvent.FIRST_PURCHASE})
"""The events that are a sale; all others are engagement and give flat points only."""

CapKey = tuple[str, str]
"""A rule's id and the name of the period that its cap counts in."""

_NOTHING = Fraction(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SoldLine:
    """What an earning rule may ask of a line."""

    sku: str
    category: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """What an earning rule may ask of a sale; `first` is the customer's first purchase."""

    occurred_at: datetime
    channel: str
    store_code: str | None
    lines: Sequence[SoldLine]
    first: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CappedRate:
    """A capped rule: its points per unit, multiplied, as in `Terms.rates`, and the points its cap had left."""

    rule_id: str
    period_key: str
    rates: tuple[Fraction, ...]
    room: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Bonus:
    """Flat points of a rule, at least 1 and capped already; `period_key` is None where the rule has no cap.

    Of an offer's points `rule_id` is the id of the offer and `name` its title.
    """

    rule_id: str
    name: str
    points: int
    period_key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """By what a sale earns; it stays with the sale.

    `rates` are the points per unit of currency of all rules without a cap: one a line, or a single one where all lines
    earn alike.
    """

    rates: tuple[Fraction, ...]
    capped: tuple[CappedRate, ...] = ()
    bonuses: tuple[Bonus, ...] = ()


def cap_key(rule: EarningRule, at: datetime, zone: ZoneInfo) -> CapKey | None:
    """Return what a rule's use at an instant counts under, by the calendar of `zone`; None where it has no cap.

    A cap without a period counts for ever.
    """
    if rule.cap_points is None:
        return None
    return rule.id, period_key(rule.cap_period or Period.EVER, at, zone)


def caps_of(program: Program, tier: Tier, sale: Sale, zone: ZoneInfo) -> tuple[CapKey, ...]:
    """Return the caps that the sale may use, in the programme's order: `terms` asks how much of each is used."""
    keys = (cap_key(rule, sale.occurred_at, zone) for rule in _rules_of(program, tier, sale))
    return tuple(key for key in keys if key)


def terms(
    program: Program,
    tier: Tier,
    sale: Sale,
    *,
    zone: ZoneInfo,
    used: Mapping[CapKey, Fraction],
    boosts: Sequence[Fraction] = (),
    granted_by_offers: Sequence[Bonus] = (),
) -> Terms:
    """Return by what the sale earns.

    Args:
        program: the version in force at the sale.
        tier: the tier whose multiplier applies to points per unit.
        zone: whose days, weeks, months and years caps count by.
        used: the points that this person has of each of `caps_of` so far; none where one is missing.
        boosts: by what offers multiply the points per unit of each line; empty where none does.
        granted_by_offers: flat points of offers; no cap counts them, no multiplier applies to them.

    Raises:
        ValueError: `boosts` has not one for each of the lines.
    """
    uncapped: list[EarningRule] = []
    capped: list[CappedRate] = []
    bonuses: list[Bonus] = []
    for rule in _rules_of(program, tier, sale):
        key = cap_key(rule, sale.occurred_at, zone)
        so_far = used.get(key, _NOTHING) if key else _NOTHING
        if rule.points_per_unit is None:
            if points := granted(rule, so_far):
                bonuses.append(Bonus(rule_id=rule.id, name=rule.name, points=points, period_key=key and key[1]))
        elif key is None:
            uncapped.append(rule)
        else:
            rates = _boosted(_rates([rule], tier, sale.lines), boosts)
            capped.append(CappedRate(rule_id=rule.id, period_key=key[1], rates=rates, room=_room(rule, so_far)))
    rates = _boosted(_rates(uncapped, tier, sale.lines), boosts)
    return Terms(rates=rates, capped=tuple(capped), bonuses=(*bonuses, *granted_by_offers))


def _rules_of(program: Program, tier: Tier, sale: Sale) -> list[EarningRule]:
    """Return the rules that give the sale, or one of its lines, anything."""
    return [
        rule
        for rule in program.earning_rules
        if (rule.event is EarningEvent.PURCHASE or (sale.first and rule.event is EarningEvent.FIRST_PURCHASE))
        and _applies(rule, tier, sale.occurred_at, sale.channel, sale.store_code)
        and (_all_lines(rule) or any(_names(rule, line) for line in sale.lines))
    ]


def _applies(rule: EarningRule, tier: Tier, at: datetime, channel: str | None, store_code: str | None) -> bool:
    return (
        rule.active
        and (rule.channels is None or channel in rule.channels)
        and (rule.store_codes is None or store_code in rule.store_codes)
        and (rule.tiers is None or tier.id in rule.tiers)
        and (rule.starts_at is None or rule.starts_at <= at)
        and (rule.ends_at is None or at < rule.ends_at)
    )


def _all_lines(rule: EarningRule) -> bool:
    return rule.categories is None and rule.skus is None


def _names(rule: EarningRule, line: SoldLine) -> bool:
    return (rule.categories is None or line.category in rule.categories) and (
        rule.skus is None or line.sku in rule.skus
    )


def _rates(rules: Sequence[EarningRule], tier: Tier, lines: Sequence[SoldLine]) -> tuple[Fraction, ...]:
    """Return the points per unit that each line earns, or one rate where all lines earn alike."""
    if all(_all_lines(rule) for rule in rules):
        return (_rate(rules, tier),)
    rates = tuple(_rate([rule for rule in rules if _names(rule, line)], tier) for line in lines)
    return rates if len(set(rates)) > 1 else rates[:1]


def _boosted(rates: tuple[Fraction, ...], boosts: Sequence[Fraction]) -> tuple[Fraction, ...]:
    """Return the rates multiplied line by line, or one rate where all lines still earn alike."""
    if not boosts:
        return rates
    each = rates * len(boosts) if len(rates) == 1 else rates
    boosted = tuple(rate * boost for rate, boost in zip(each, boosts, strict=True))
    return boosted if len(set(boosted)) > 1 else boosted[:1]


def _rate(rules: Sequence[EarningRule], tier: Tier) -> Fraction:
    return sum((rule.points_per_unit or _NOTHING for rule in rules), _NOTHING) * tier.earn_multiplier


def _room(rule: EarningRule, used: Fraction) -> Fraction:
    return max(_NOTHING, (rule.cap_points or 0) - used)


def points_for(shares: Sequence[int], terms: Terms, currency_digits: int) -> int:
    """Return the points per unit for the lines' shares of the base, in minor units: one floor, on the sum.

    Bonuses are not in it. `shares` has one share a line; where every rate of the terms is a single one, only their sum
    counts.

    Raises:
        ValueError: `shares` has not one share for each of the rates.
    """
    unit: int = 10**currency_digits
    if len(terms.rates) == 1 and not terms.capped:  # most sales: integers alone, for every sale pays for a fraction
        rate = terms.rates[0]
        return sum(shares) * rate.numerator // (rate.denominator * unit)
    uncapped = _exact(shares, terms.rates, unit)
    return floor(uncapped + sum(cap_use(shares, terms, currency_digits).values(), _NOTHING))


def cap_use(shares: Sequence[int], terms: Terms, currency_digits: int) -> dict[CapKey, Fraction]:
    """Return the points that each capped rule gives for these shares, exactly; never more than its room.

    What a return gives back to a cap is the difference between the use before and after it, of the kept shares.

    Raises:
        ValueError: as `points_for`.
    """
    unit: int = 10**currency_digits
    return {(rate.rule_id, rate.period_key): min(_exact(shares, rate.rates, unit), rate.room) for rate in terms.capped}


def _exact(shares: Sequence[int], rates: Sequence[Fraction], unit: int) -> Fraction:
    if len(rates) == 1:
        return sum(shares) * rates[0] / unit
    return sum((share * rate for share, rate in zip(shares, rates, strict=True)), _NOTHING) / unit


def kept_share(share: int, *, returned: int, quantity: int) -> int:
    """Return what is kept of a line's share once `returned` of its `quantity` is back: the rest, rounded half up."""
    return share - round_half_up(share * returned, quantity)


def points_taken_back(earned: int, kept_shares: Sequence[int], terms: Terms, currency_digits: int) -> int:
    """Return how many of the sale's points per unit all its returns so far take back.

    The sum over several partial returns is that of one full return, whatever the rounding and the caps, because each
    is the difference between two values of this function.

    Raises:
        ValueError: as `points_for`.
    """
    return earned - min(earned, points_for(kept_shares, terms, currency_digits))


def spent_given_back(points: int, *, returned: int, base: int, anything_kept: bool) -> int:
    """Return how many of `points`, flat or spent, go back with all returns so far: floor(points x returned / base).

    All of them when nothing is kept; none where `base` is 0, for which the caller has other weights.

    Args:
        returned: what of `base` has come back, in the same unit.
    """
    if not anything_kept:
        return points
    return points * returned // base if base else 0


def bonus_kept(points: int, *, returned: int, base: int, anything_kept: bool) -> int:
    """Return how many of a bonus's points are kept; the rest goes back as `spent_given_back` says."""
    return points - spent_given_back(points, returned=returned, base=base, anything_kept=anything_kept)


def event_rules(
    program: Program,
    event: EarningEvent,
    tier: Tier,
    at: datetime,
    *,
    event_name: str | None = None,
    channel: str | None = None,
    store_code: str | None = None,
) -> tuple[EarningRule, ...]:
    """Return the rules that give flat points for an engagement event, in the programme's order.

    Args:
        at: when it happened; the programme is the version in force then, the tier the one held then.
        event_name: which CUSTOM_EVENT; other events have none.
        channel: where it happened; a rule for some channels or stores is not for an event without.

    Raises:
        ValueError: the event is a sale, for which there are `terms`.
    """
    if event in PURCHASES:
        raise ValueError(f"{event} is a sale.")
    return tuple(
        rule
        for rule in program.earning_rules
        if rule.event is event
        and rule.points
        and (event is not EarningEvent.CUSTOM_EVENT or rule.event_name == event_name)
        and _applies(rule, tier, at, channel, store_code)
    )


def granted(rule: EarningRule, used: Fraction) -> int:
    """Return the flat points that a rule gives to a person who has `used` points of its cap (`cap_key`) so far."""
    points = rule.points or 0
    return points if rule.cap_points is None else min(points, floor(_room(rule, used)))
