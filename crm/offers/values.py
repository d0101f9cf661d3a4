"""What the rules of offers are about: offers, carts, buyers and what was redeemed so far, as frozen values.

The names are the contract's. Money is minor units, quantities count hundred-thousandths and unit prices millionths
(crm/numbers.py), points are integers, rates are exact fractions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from fractions import Fraction
from typing import Any

from crm.values import Period


class OfferKind(StrEnum):
    """What an offer gives."""

    PERCENTAGE = "PERCENTAGE"
    AMOUNT = "AMOUNT"
    FIXED_PRICE = "FIXED_PRICE"
    BUY_X_GET_Y = "BUY_X_GET_Y"
    FREE_ITEM = "FREE_ITEM"
    POINTS_MULTIPLIER = "POINTS_MULTIPLIER"
    BONUS_POINTS = "BONUS_POINTS"
    REWARD_CODE = "REWARD_CODE"


class Stacking(StrEnum):
    """Whether an offer may apply beside others."""

    EXCLUSIVE = "EXCLUSIVE"
    COMBINABLE = "COMBINABLE"


class IneligibilityCode(StrEnum):
    """Why an offer does not apply; for programs."""

    NOT_STARTED = "NOT_STARTED"
    ENDED = "ENDED"
    WRONG_CHANNEL = "WRONG_CHANNEL"
    WRONG_STORE = "WRONG_STORE"
    WRONG_TIME = "WRONG_TIME"
    NOT_IN_AUDIENCE = "NOT_IN_AUDIENCE"
    TIER_TOO_LOW = "TIER_TOO_LOW"
    BELOW_MINIMUM_SPEND = "BELOW_MINIMUM_SPEND"
    BELOW_MINIMUM_QUANTITY = "BELOW_MINIMUM_QUANTITY"
    PRODUCTS_MISSING = "PRODUCTS_MISSING"
    CUSTOMER_LIMIT_REACHED = "CUSTOMER_LIMIT_REACHED"
    OFFER_LIMIT_REACHED = "OFFER_LIMIT_REACHED"
    BUDGET_SPENT = "BUDGET_SPENT"
    NOT_COMBINABLE = "NOT_COMBINABLE"
    CONSENT_MISSING = "CONSENT_MISSING"
    CUSTOMER_REQUIRED = "CUSTOMER_REQUIRED"
    CODE_REQUIRED = "CODE_REQUIRED"
    NOT_FIRST_PURCHASE = "NOT_FIRST_PURCHASE"


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeklyHours:
    """Hours of one ISO weekday (1 to 7): minutes since midnight, [from, to), in the store's time zone or the shop's."""

    day: int
    from_minute: int
    to_minute: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What must hold; a condition that is None (or False) lets everything through.

    `customers` are ids, `tiers` ids of tiers (any of them), `tags` must all be there, `attributes` are top-level keys
    equal to scalars. `skus` and `categories` name the lines discounted and make it a line offer; `minimum_spend`
    (minor units) and `minimum_quantity` are of the lines discounted, of the whole cart where it is a cart offer;
    all of `required_skus` must be in the cart.
    """

    channels: frozenset[str] | None = None
    store_codes: frozenset[str] | None = None
    weekly_hours: tuple[WeeklyHours, ...] | None = None
    tiers: frozenset[str] | None = None
    tags: frozenset[str] | None = None
    attributes: Mapping[str, Any] | None = None
    customers: frozenset[str] | None = None
    first_purchase: bool = False
    birthday_within_days: int | None = None
    minimum_spend: int | None = None
    minimum_quantity: int | None = None
    skus: frozenset[str] | None = None
    categories: frozenset[str] | None = None
    required_skus: frozenset[str] | None = None
    requires_code: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How often: `total` for everybody together, `per_customer` a person for ever, `per_period` a person in a `period`.

    `budget` is the money (minor units) the offer may take off altogether.
    """

    total: int | None = None
    per_customer: int | None = None
    period: Period | None = None
    per_period: int | None = None
    budget: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One version of an offer.

    `value` by kind: PERCENTAGE per cent; AMOUNT minor units; FIXED_PRICE millionths of the currency's unit, for one
    unit; POINTS_MULTIPLIER the factor; BONUS_POINTS points; None for the others. `buy_quantity` and `get_quantity` are
    of BUY_X_GET_Y. `get_skus` are what FREE_ITEM or GET gives. `reward_id` is what REWARD_CODE hands out.
    """

    id: str
    version: int
    title: str
    kind: OfferKind
    value: Fraction | None = None
    description: str | None = None
    code: str | None = None
    buy_quantity: int | None = None
    get_quantity: int | None = None
    get_skus: tuple[str, ...] | None = None
    reward_id: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    priority: int = 0
    stacking: Stacking = Stacking.COMBINABLE
    stacking_group: str | None = None
    conditions: Conditions = field(default_factory=Conditions)
    limits: Limits = field(default_factory=Limits)
    active: bool = True

    @property
    def of_lines(self) -> bool:
        """Whether it is a line offer: it names the lines it discounts."""
        return self.conditions.skus is not None or self.conditions.categories is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class CartLine:
    """One line of a cart; its amount is quantity x unit price, rounded half up."""

    line_number: int
    sku: str
    category: str | None
    quantity: int
    unit_price: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cart:
    """What is being bought, where and when. `local_at` is `at` in the store's time zone, else in the shop's."""

    lines: tuple[CartLine, ...]
    channel: str
    store_code: str | None
    at: datetime
    local_at: datetime
    currency_digits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Buyer:
    """The customer as offers see one; `first_purchase` is whether no other purchase stands."""

    id: str
    tier_id: str
    tags: frozenset[str]
    attributes: Mapping[str, Any]
    birth_date: date | None
    first_purchase: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What was redeemed of one offer so far: by everybody, in money, by this person, and in the running period."""

    total: int = 0
    spent: int = 0
    by_customer: int = 0
    in_period: int = 0
