"""What an offer must be to be saved: every rule that its own parts keep, alone and together.

Field paths are those of the contract's OfferInput, indexes as strings. What needs a look at the shop, such as whether
a SKU is known, is not asked here.
"""

from collections.abc import Iterator
from fractions import Fraction

from crm.offers.values import Offer, OfferKind
from crm.refusals import Refusal, invalid

PER_CENT_MAX = Fraction(100)
MULTIPLIER_MAX = Fraction(100)
BONUS_POINTS_MAX = 1_000_000

_VALUED = frozenset(
    {
        OfferKind.PERCENTAGE,
        OfferKind.AMOUNT,
        OfferKind.FIXED_PRICE,
        OfferKind.POINTS_MULTIPLIER,
        OfferKind.BONUS_POINTS,
    }
)
_NEEDS = {
    OfferKind.BUY_X_GET_Y: ("buyQuantity", "getQuantity"),
    OfferKind.FREE_ITEM: ("getSkus",),
    OfferKind.REWARD_CODE: ("rewardId",),
}
_MAY = {OfferKind.BUY_X_GET_Y: ("getSkus",)}
"""What an offer of a kind needs, and may have, beside `value`; the others' fields must be left out."""


def check_offer(offer: Offer) -> tuple[Refusal, ...]:
    """Return everything that is wrong with an offer, in the contract's order of fields."""
    return (*_value(offer), *_parts(offer), *_span(offer), *_conditions(offer), *_limits(offer))


def _value(offer: Offer) -> Iterator[Refusal]:
    kind, value = offer.kind, offer.value
    if kind not in _VALUED:
        if value is not None:
            yield invalid(f"An offer of kind {kind} has none.", "value")
    elif value is None:
        yield invalid(f"An offer of kind {kind} needs one.", "value")
    elif problem := _bounds(kind, value):
        yield invalid(problem, "value")


def _bounds(kind: OfferKind, value: Fraction) -> str | None:
    """Return what is wrong with a value of a kind, None where nothing is."""
    if kind is OfferKind.PERCENTAGE and not 0 < value <= PER_CENT_MAX:
        return "Must be above 0 and at most 100 per cent."
    if kind is OfferKind.AMOUNT and (value <= 0 or value.denominator != 1):
        return "Must be above 0, with no more decimals than the currency has."
    if kind is OfferKind.POINTS_MULTIPLIER and not 1 < value <= MULTIPLIER_MAX:
        return f"Must be above 1 and at most {MULTIPLIER_MAX}."
    if kind is OfferKind.BONUS_POINTS and (not 1 <= value <= BONUS_POINTS_MAX or value.denominator != 1):
        return f"Must be a whole number from 1 to {BONUS_POINTS_MAX}."
    return None


def _parts(offer: Offer) -> Iterator[Refusal]:
    given = {
        "buyQuantity": offer.buy_quantity,
        "getQuantity": offer.get_quantity,
        "getSkus": offer.get_skus,
        "rewardId": offer.reward_id,
    }
    needed, possible = _NEEDS.get(offer.kind, ()), _MAY.get(offer.kind, ())
    for name, value in given.items():
        if name in needed and not value:
            yield invalid(f"An offer of kind {offer.kind} needs it.", name)
        elif value is not None and name not in (*needed, *possible):
            yield invalid(f"An offer of kind {offer.kind} has none.", name)
        elif name == "getSkus" and value is not None and not value:
            yield invalid("An empty list gives nothing; leave it out to give what is bought.", name)


def _span(offer: Offer) -> Iterator[Refusal]:
    if offer.starts_at and offer.ends_at and offer.ends_at <= offer.starts_at:
        yield invalid("An offer ends after it starts.", "endsAt")


def _conditions(offer: Offer) -> Iterator[Refusal]:
    conditions = offer.conditions
    lists = {
        "channels": conditions.channels,
        "storeCodes": conditions.store_codes,
        "weeklyHours": conditions.weekly_hours,
        "tiers": conditions.tiers,
        "tags": conditions.tags,
        "skus": conditions.skus,
        "categories": conditions.categories,
        "requiredSkus": conditions.required_skus,
    }
    for name, values in lists.items():
        if values is not None and not values:
            message = "An empty list lets nothing through; leave it out to let everything through."
            yield invalid(message, "conditions", name)
    for index, hours in enumerate(conditions.weekly_hours or ()):
        if hours.from_minute >= hours.to_minute:
            message = "Hours end after they begin; over midnight they are two."
            yield invalid(message, "conditions", "weeklyHours", str(index), "to")
    if offer.code is not None and not conditions.requires_code:
        yield invalid("An offer with a code requires it.", "conditions", "requiresCode")


def _limits(offer: Offer) -> Iterator[Refusal]:
    limits = offer.limits
    counts = {
        "total": limits.total,
        "perCustomer": limits.per_customer,
        "perPeriod": limits.per_period,
        "budget": limits.budget,
    }
    for name, count in counts.items():
        if count is not None and count < 1:
            yield invalid("Must be above 0.", "limits", name)
    if limits.period is not None and limits.per_period is None:
        yield invalid("Say how often in a period.", "limits", "perPeriod")
    if limits.period is None and limits.per_period is not None:
        yield invalid("Name the period.", "limits", "period")
