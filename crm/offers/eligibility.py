"""Whether an offer applies to a cart, and if not, every reason with its distance.

Conditions are about the cart as it stands before any discount, so whether an offer applies does not depend on which
others do.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from crm.offers.basket import Basket
from crm.offers.freebies import missing_units
from crm.offers.hours import birthday_near, birthday_window, is_open, next_period, opens_at
from crm.offers.values import Buyer, IneligibilityCode, Offer, OfferKind, Usage

NO_POINTS: Mapping[str, int] = MappingProxyType({})
NOT_USED = Usage()

OF_PERSONS = frozenset({OfferKind.POINTS_MULTIPLIER, OfferKind.BONUS_POINTS, OfferKind.REWARD_CODE})
"""The kinds that give something to a person's account."""

CART_LACKS = frozenset(
    {
        IneligibilityCode.PRODUCTS_MISSING,
        IneligibilityCode.BELOW_MINIMUM_SPEND,
        IneligibilityCode.BELOW_MINIMUM_QUANTITY,
    }
)
"""What is missing in the cart itself: the only thing that an offer accepted from an offline till may lack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why an offer does not apply, and how far away it is.

    `missing_amount` in minor units, `missing_quantity` in hundred-thousandths, `missing_points` to the lowest of its
    tiers, `available_at` the instant from which this reason may no longer hold.
    """

    code: IneligibilityCode
    missing_amount: int | None = None
    missing_quantity: int | None = None
    missing_points: int | None = None
    available_at: datetime | None = None


def reasons(
    offer: Offer,
    basket: Basket,
    buyer: Buyer | None,
    usage: Usage = NOT_USED,
    *,
    code_sent: bool = False,
    points_to: Mapping[str, int] = NO_POINTS,
) -> tuple[Reason, ...]:
    """Return every reason for which the offer does not apply, in a fixed order; none: it applies.

    Args:
        buyer: None for an anonymous cart.
        usage: of this offer, by everybody and by the buyer, in the period around the cart's local instant.
        code_sent: whether a code that unlocks this offer came with the cart.
        points_to: by tier id, what the buyer's qualifying points lack to the tiers above the present one.
    """
    return (
        *_of_time(offer, basket),
        *_of_place(offer, basket),
        *_of_buyer(offer, basket, buyer, points_to),
        *lacking(offer, basket),
        *_of_limits(offer, basket, buyer, usage),
        *_of_code(offer, code_sent),
    )


def lacking(offer: Offer, basket: Basket) -> tuple[Reason, ...]:
    """Return what the cart lacks: all that counts for an offer accepted from an offline till (`acceptOffers`)."""
    conditions = offer.conditions
    if conditions.required_skus is not None and not conditions.required_skus <= basket.by_sku.keys():
        missing = True
    else:
        missing = offer.of_lines and not basket.named(conditions)
    found = [Reason(code=IneligibilityCode.PRODUCTS_MISSING)] if missing else []
    if conditions.minimum_spend is not None or conditions.minimum_quantity is not None:
        found += _below(offer, basket)
    if offer.kind in {OfferKind.BUY_X_GET_Y, OfferKind.FREE_ITEM} and not found:
        found += _without_units(offer, basket)
    return tuple(found)


def _below(offer: Offer, basket: Basket) -> Iterator[Reason]:
    indexes = basket.named(offer.conditions)
    spend, quantity = offer.conditions.minimum_spend, offer.conditions.minimum_quantity
    if spend is not None and (short := spend - sum(basket.amounts[index] for index in indexes)) > 0:
        yield Reason(code=IneligibilityCode.BELOW_MINIMUM_SPEND, missing_amount=short)
    if quantity is not None and (short := quantity - basket.quantity(indexes)) > 0:
        yield Reason(code=IneligibilityCode.BELOW_MINIMUM_QUANTITY, missing_quantity=short)


def _without_units(offer: Offer, basket: Basket) -> Iterator[Reason]:
    bought, given = missing_units(offer, basket)
    if bought:
        yield Reason(code=IneligibilityCode.BELOW_MINIMUM_QUANTITY, missing_quantity=bought)
    elif given:
        yield Reason(code=IneligibilityCode.PRODUCTS_MISSING, missing_quantity=given)


def _of_time(offer: Offer, basket: Basket) -> Iterator[Reason]:
    at, hours = basket.cart.at, offer.conditions.weekly_hours
    if offer.starts_at is not None and at < offer.starts_at:
        yield Reason(code=IneligibilityCode.NOT_STARTED, available_at=offer.starts_at)
    if not offer.active or (offer.ends_at is not None and at >= offer.ends_at):
        yield Reason(code=IneligibilityCode.ENDED)
    if hours is not None and not is_open(hours, basket.cart.local_at):
        opening = opens_at(hours, basket.cart.local_at)
        if opening is not None and offer.ends_at is not None and opening >= offer.ends_at:
            opening = None
        yield Reason(code=IneligibilityCode.WRONG_TIME, available_at=opening)


def _of_place(offer: Offer, basket: Basket) -> Iterator[Reason]:
    channels, stores = offer.conditions.channels, offer.conditions.store_codes
    if channels is not None and basket.cart.channel not in channels:
        yield Reason(code=IneligibilityCode.WRONG_CHANNEL)
    if stores is not None and basket.cart.store_code not in stores:
        yield Reason(code=IneligibilityCode.WRONG_STORE)


def _of_buyer(offer: Offer, basket: Basket, buyer: Buyer | None, points_to: Mapping[str, int]) -> Iterator[Reason]:
    conditions = offer.conditions
    if buyer is None:
        if needs_buyer(offer):
            yield Reason(code=IneligibilityCode.CUSTOMER_REQUIRED)
        return
    if not _in_audience(offer, buyer):
        yield Reason(code=IneligibilityCode.NOT_IN_AUDIENCE)
    elif conditions.birthday_within_days is not None:
        yield from _of_birthday(conditions.birthday_within_days, basket, buyer)
    if conditions.tiers is not None and buyer.tier_id not in conditions.tiers:
        short = min((points_to[tier] for tier in conditions.tiers if tier in points_to), default=None)
        yield Reason(code=IneligibilityCode.TIER_TOO_LOW, missing_points=short)
    if conditions.first_purchase and not buyer.first_purchase:
        yield Reason(code=IneligibilityCode.NOT_FIRST_PURCHASE)


def needs_buyer(offer: Offer) -> bool:
    """Whether only a known customer can have the offer: it asks for, counts or credits a person."""
    conditions, limits = offer.conditions, offer.limits
    asked = (
        conditions.tiers,
        conditions.tags,
        conditions.attributes,
        conditions.customers,
        conditions.birthday_within_days,
        limits.per_customer,
        limits.per_period,
    )
    return offer.kind in OF_PERSONS or conditions.first_purchase or any(one is not None for one in asked)


def _in_audience(offer: Offer, buyer: Buyer) -> bool:
    conditions = offer.conditions
    return (
        (conditions.customers is None or buyer.id in conditions.customers)
        and (conditions.tags is None or conditions.tags <= buyer.tags)
        and (
            conditions.attributes is None
            or all(_same(buyer.attributes.get(key), value) for key, value in conditions.attributes.items())
        )
    )


def _same(one: Any, other: Any) -> bool:
    """Whether two JSON scalars are equal; to Python, unlike JSON, true is 1."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _of_birthday(within_days: int, basket: Basket, buyer: Buyer) -> Iterator[Reason]:
    local = basket.cart.local_at
    if buyer.birth_date is None:
        yield Reason(code=IneligibilityCode.NOT_IN_AUDIENCE)
    elif not birthday_near(buyer.birth_date, within_days, local.date()):
        start = birthday_window(buyer.birth_date, within_days, local)
        yield Reason(code=IneligibilityCode.NOT_IN_AUDIENCE, available_at=start)


def _of_limits(offer: Offer, basket: Basket, buyer: Buyer | None, usage: Usage) -> Iterator[Reason]:
    limits = offer.limits
    if buyer is not None:
        if limits.per_customer is not None and usage.by_customer >= limits.per_customer:
            yield Reason(code=IneligibilityCode.CUSTOMER_LIMIT_REACHED)
        elif limits.per_period is not None and limits.period is not None and usage.in_period >= limits.per_period:
            again = next_period(limits.period, basket.cart.local_at)
            yield Reason(code=IneligibilityCode.CUSTOMER_LIMIT_REACHED, available_at=again)
    if limits.total is not None and usage.total >= limits.total:
        yield Reason(code=IneligibilityCode.OFFER_LIMIT_REACHED)
    if limits.budget is not None and usage.spent >= limits.budget:
        yield Reason(code=IneligibilityCode.BUDGET_SPENT)


def _of_code(offer: Offer, code_sent: bool) -> Iterator[Reason]:
    if offer.conditions.requires_code and not code_sent:
        yield Reason(code=IneligibilityCode.CODE_REQUIRED)
