"""Carts and offers written as a table would have them: quantities in units, prices in minor units."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from crm.offers.basket import Basket, basket_of
from crm.offers.quoting import Candidate, Priced, priced_best
from crm.offers.values import Buyer, Cart, CartLine, Conditions, Limits, Offer, OfferKind, Stacking, Usage

NOON = datetime(2026, 3, 18, 12, tzinfo=UTC)
"""A Wednesday."""

UNIT = 10**5
CENT = 10**4
"""A minor unit in millionths of the currency's unit."""


def line(number: int, sku: str, quantity: float, cents: float, category: str | None = None) -> CartLine:
    return CartLine(
        line_number=number,
        sku=sku,
        category=category,
        quantity=round(quantity * UNIT),
        unit_price=round(cents * CENT),
    )


def basket(
    *lines: CartLine, at: datetime = NOON, zone: str = "UTC", channel: str = "WEB", store: str | None = None
) -> Basket:
    local = at.astimezone(ZoneInfo(zone))
    return basket_of(Cart(lines=lines, channel=channel, store_code=store, at=at, local_at=local, currency_digits=2))


def buyer(**changes: Any) -> Buyer:
    fields: dict[str, Any] = {
        "id": "cus_1",
        "tier_id": "tier_1",
        "tags": frozenset(),
        "attributes": {},
        "birth_date": None,
        "first_purchase": False,
    }
    return Buyer(**(fields | changes))


def offer(id_: str, kind: OfferKind, value: float | Fraction | None = None, **fields: Any) -> Offer:
    """An offer; what belongs to conditions or limits is sorted into them, a set for each list."""
    conditions = {
        name: frozenset(one) if isinstance(one, (list, set)) and name != "weekly_hours" else one
        for name, one in fields.items()
        if name in Conditions.__dataclass_fields__
    }
    limits = {name: one for name, one in fields.items() if name in Limits.__dataclass_fields__}
    rest = {name: one for name, one in fields.items() if name not in conditions and name not in limits}
    for name in ("buy_quantity", "get_quantity"):
        if name in rest:
            rest[name] = round(rest[name] * UNIT)
    return Offer(
        id=id_,
        version=1,
        title=id_,
        kind=kind,
        value=None if value is None else Fraction(value),
        conditions=Conditions(**conditions),
        limits=Limits(**limits),
        **rest,
    )


def percent(id_: str, value: float | Fraction, **fields: Any) -> Offer:
    return offer(id_, OfferKind.PERCENTAGE, value, **fields)


def amount(id_: str, cents: int, **fields: Any) -> Offer:
    return offer(id_, OfferKind.AMOUNT, cents, **fields)


def fixed(id_: str, cents: float, **fields: Any) -> Offer:
    return offer(id_, OfferKind.FIXED_PRICE, Fraction(round(cents * CENT)), **fields)


def buy_get(id_: str, buy: float, get: float, **fields: Any) -> Offer:
    return offer(id_, OfferKind.BUY_X_GET_Y, buy_quantity=buy, get_quantity=get, **fields)


def free_item(id_: str, *skus: str, **fields: Any) -> Offer:
    return offer(id_, OfferKind.FREE_ITEM, get_skus=skus, **fields)


def times(id_: str, factor: float | Fraction, **fields: Any) -> Offer:
    return offer(id_, OfferKind.POINTS_MULTIPLIER, factor, **fields)


def bonus(id_: str, points: int, **fields: Any) -> Offer:
    return offer(id_, OfferKind.BONUS_POINTS, points, **fields)


def reward_code(id_: str, **fields: Any) -> Offer:
    return offer(id_, OfferKind.REWARD_CODE, reward_id="rew_1", **fields)


EXCLUSIVE = Stacking.EXCLUSIVE


def point_a_euro(of: Basket) -> Any:
    """Points as a simple programme gives them: one a whole unit of currency, times multipliers, plus bonuses."""

    def points(left: tuple[int, ...], offers: Sequence[Offer]) -> int:
        rates = [Fraction(1)] * len(left)
        flat = 0
        for one in offers:
            if one.kind is OfferKind.BONUS_POINTS:
                flat += int(one.value or 0)
            else:
                for index in of.named(one.conditions):
                    rates[index] *= one.value or 1
        return flat + int(sum(share * rate for share, rate in zip(left, rates, strict=True)) / 100)

    return points


def best(
    of: Basket,
    *offers: Offer,
    by: Buyer | None = None,
    used: Mapping[str, Usage] | None = None,
    codes: Sequence[str] = (),
) -> Priced:
    """The best combination for a known customer, with a point a euro."""
    candidates = [
        Candidate(offer=one, usage=(used or {}).get(one.id, Usage()), code_sent=one.id in codes) for one in offers
    ]
    return priced_best(of, candidates, by or buyer(), points_of=point_a_euro(of))


def discounts(priced: Priced) -> list[int]:
    return [line.discount for line in priced.lines]


def ids(priced: Priced) -> list[str]:
    return [one.id for one in priced.applied]
