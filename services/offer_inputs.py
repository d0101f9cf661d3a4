"""What staff send to save an offer. Left out: unchanged, in a new offer as its description says. null: cleared."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from crm.offers.values import OfferKind, Stacking
from crm.values import Channel, Period
from services.input_types import (
    NUMBER_MAX,
    Amount,
    Code,
    Comment,
    Input,
    Instant,
    JsonObject,
    Name,
    NodeId,
    Quantity,
    Rate,
    clean_text,
)
from services.inputs import CustomerKey

ATTRIBUTES_MAX = 20
TEXT_MAX = 1000
CUSTOMERS_MAX = 10_000
PRODUCTS_MAX = 10_000
HOURS_MAX = 100

_HOUR = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00", re.ASCII)


def _hour(text: str) -> str:
    if not _HOUR.fullmatch(text):
        raise ValueError("Expected a time of day from 00:00 to 24:00, such as 09:30.")
    return text


def _attributes(value: Any) -> Any:
    if not isinstance(value, Mapping) or not 1 <= len(value) <= ATTRIBUTES_MAX:
        raise ValueError(f"Expected an object with 1 to {ATTRIBUTES_MAX} names.")
    for name, one in value.items():
        _attribute(name, one)
    return value


def _attribute(name: Any, value: Any) -> None:
    """Hold that a condition is a name and what it equals: never what a database would take for an operator."""
    if not isinstance(name, str) or not 1 <= len(name) <= TEXT_MAX or name.startswith("$") or "." in name:
        raise ValueError("Names must not be empty, begin with $ or contain a dot.")
    clean_text(name)
    if isinstance(value, str):
        if len(value) > TEXT_MAX:
            raise ValueError(f"At most {TEXT_MAX} characters are accepted.")
        clean_text(value)
    elif not isinstance(value, (bool, int, float)):
        raise ValueError("An attribute is compared with a text, a number, true or false.")
    elif not abs(value) <= NUMBER_MAX:  # NaN is not either
        raise ValueError("Numbers beyond 2^53 lose digits in JSON; send them as strings.")


Whole = Annotated[int, Field(ge=0, le=2**31 - 1)]
AnyWhole = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]
TimeOfDay = Annotated[str, AfterValidator(_hour)]
EqualTo = Annotated[JsonObject, BeforeValidator(_attributes)]
Skus = Annotated[list[Code], Field(max_length=PRODUCTS_MAX)]
Names = Annotated[list[Name], Field(max_length=1000)]
Codes = Annotated[list[Code], Field(max_length=1000)]


class WeeklyHoursInput(Input):
    """Hours of one day of every week, on the clock of the store, else of the shop."""

    day: Annotated[int, Field(ge=1, le=7)] = Field(description="ISO day of the week: 1 is Monday, 7 is Sunday.")
    from_: TimeOfDay = Field(alias="from", description="From then on, such as 09:00.")
    to: TimeOfDay = Field(description="Until then, up to 24:00.")


class OfferConditionsInput(Input):
    """What must hold; left out: unchanged, in a new offer no condition. null: no condition."""

    channels: list[Channel] | None = Field(None, description="Only through these channels.")
    store_codes: Codes | None = Field(None, description="Only in these stores.")
    weekly_hours: Annotated[list[WeeklyHoursInput], Field(max_length=HOURS_MAX)] | None = Field(
        None, description="Only within these hours."
    )
    tiers: list[NodeId] | None = Field(None, description="Only for customers in one of these tiers.")
    tags: Codes | None = Field(None, description="Only for customers with all of these tags.")
    attributes: EqualTo | None = Field(
        None, description="Only for customers whose attributes of these names equal these texts, numbers or booleans."
    )
    customers: Annotated[list[CustomerKey], Field(max_length=CUSTOMERS_MAX)] | None = Field(
        None, description="Only for these customers, up to 10,000; replaces those named before."
    )
    first_purchase: bool | None = Field(None, description="Only with a customer's first purchase.")
    birthday_within_days: Annotated[int, Field(ge=0, le=182)] | None = Field(
        None, description="Only so many days before and after the customer's birthday, 0 to 182."
    )
    minimum_spend: Amount | None = Field(None, description="Only when the lines discounted come to this.")
    minimum_quantity: Quantity | None = Field(None, description="Only when so much of the lines discounted is bought.")
    skus: Skus | None = Field(None, description="Discounts the lines with these SKUs.")
    categories: Names | None = Field(None, description="Discounts the lines of these categories.")
    required_skus: Skus | None = Field(None, description="Only when all of these are in the cart.")
    requires_code: bool | None = Field(None, description="Only with a code; true where the offer has one.")


class OfferLimitsInput(Input):
    """How often; left out: unchanged, in a new offer no limit. null: no limit."""

    total: Whole | None = Field(None, description="How often altogether.")
    per_customer: Whole | None = Field(None, description="How often one person.")
    period: Period | None = Field(None, description="The period of perPeriod.")
    per_period: Whole | None = Field(None, description="How often one person in a period.")
    budget: Amount | None = Field(None, description="What it may take off altogether.")


class OfferInput(Input):
    """An offer. Left out: unchanged. null: cleared."""

    title: Name | None = Field(None, description="The name customers see; a new offer needs one.")
    description: Comment | None = Field(None, description="More about it.")
    code: Code | None = Field(None, description="A code for everybody, upper or lower case; nobody else's.")
    kind: OfferKind | None = Field(None, description="What it gives; a new offer needs it.")
    value: Rate | None = Field(
        None,
        description="PERCENTAGE: per cent; AMOUNT: what is taken off; FIXED_PRICE: the price of a unit; "
        "POINTS_MULTIPLIER: the factor; BONUS_POINTS: points; the others have none.",
    )
    buy_quantity: Quantity | None = Field(None, description="How much is bought, of BUY_X_GET_Y.")
    get_quantity: Quantity | None = Field(None, description="How much is given, of BUY_X_GET_Y.")
    get_skus: Skus | None = Field(None, description="What FREE_ITEM, or the GET of BUY_X_GET_Y, gives.")
    reward_id: NodeId | None = Field(None, description="The reward whose code REWARD_CODE hands out.")
    starts_at: Instant | None = Field(None, description="Only from then on.")
    ends_at: Instant | None = Field(None, description="Only before then.")
    priority: AnyWhole | None = Field(None, description="Lower ones come first; 0 in a new offer.")
    stacking: Stacking | None = Field(None, description="Whether beside others; COMBINABLE in a new offer.")
    stacking_group: Code | None = Field(None, description="At most one offer of a group applies.")
    conditions: OfferConditionsInput | None = Field(None, description="What must hold; null: no condition at all.")
    limits: OfferLimitsInput | None = Field(None, description="How often; null: no limit at all.")
    active: bool | None = Field(None, description="Whether it can be had; true in a new offer.")
