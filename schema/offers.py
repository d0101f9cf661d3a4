"""Offers: what they give, to whom, when, and how often."""

from typing import Any

import strawberry

from crm.ids import OFFER
from crm.offers.values import OfferKind, Stacking
from crm.values import Channel, Period
from resolvers import offers, programs
from schema.common import Money, Node, known_by
from schema.fields import answered, computed, relation, stored
from schema.loyalty import Reward
from schema.scalars import JSON, DateTime, Decimal


def _quantity(name: str, description: str) -> Any:
    return computed(lambda document, _: offers.quantity(document[name]), description)


@strawberry.type(description="Hours of one day of every week, on the clock of the store, else of the shop.")
class WeeklyHours:
    """Embedded in an offer's conditions."""

    day: int = stored("ISO day of the week: 1 is Monday, 7 is Sunday.")
    from_: str = strawberry.field(
        resolver=lambda root: root["from"], name="from", description="From then on, such as 09:00."
    )
    to: str = stored("Until then, up to 24:00.")


@strawberry.type(description="What must hold for an offer to apply; null: no such condition.")
class OfferConditions:
    """Embedded in its offer."""

    channels: list[Channel] | None = stored("Only through these channels.")
    store_codes: list[str] | None = stored("Only in these stores.")
    weekly_hours: list[WeeklyHours] | None = stored("Only within these hours.")
    tiers: list[strawberry.ID] | None = stored("Only for customers in one of these tiers.")
    tags: list[str] | None = stored("Only for customers with all of these tags.")
    attributes: JSON | None = stored("Only for customers whose attributes of these names equal these.")
    customer_count: int | None = stored("How many customers it is addressed to; null: to everybody.")
    first_purchase: bool | None = stored("Only with a customer's first purchase.")
    birthday_within_days: int | None = stored("Only so many days before and after the customer's birthday.")
    minimum_spend: Money | None = stored("Only when the lines discounted come to this.")
    minimum_quantity: Decimal | None = _quantity(
        "minimumQuantity", "Only when so much of the lines discounted is bought."
    )
    skus: list[str] | None = stored("Discounts the lines with these SKUs.")
    categories: list[str] | None = stored("Discounts the lines of these categories.")
    required_skus: list[str] | None = stored("Only when all of these are in the cart.")
    requires_code: bool = stored("Only with a code.")


@strawberry.type(description="How often an offer can be had; a person counts once, however many keys one has.")
class OfferLimits:
    """Embedded in its offer."""

    total: int | None = stored("How often altogether.")
    per_customer: int | None = stored("How often one person.")
    period: Period | None = stored("The period of perPeriod.")
    per_period: int | None = stored("How often one person in a period.")
    budget: Money | None = stored("What it may take off altogether.")


@strawberry.type(description="Something off, or points, under conditions.")
class Offer(Node):
    """Each save is a new version; sales are judged by the newest."""

    version: int = stored("Grows with every change.")
    title: str = stored("The name customers see.")
    description: str | None = stored("More about it.")
    code: str | None = answered(offers.code, "The code to say; null except to a desk and to whom one was issued.")
    kind: OfferKind = stored("What it gives.")
    value: Decimal | None = stored("How much, in the unit of its kind.")
    buy_quantity: Decimal | None = _quantity("buyQuantity", "How much is bought, of BUY_X_GET_Y.")
    get_quantity: Decimal | None = _quantity("getQuantity", "How much is given, of BUY_X_GET_Y.")
    get_skus: list[str] | None = stored("What FREE_ITEM, or the GET of BUY_X_GET_Y, gives.")
    reward: Reward | None = relation(
        programs.rewards_by_id, "What REWARD_CODE hands out a code of.", key=lambda offer: offer["rewardId"]
    )
    starts_at: DateTime | None = stored("Only from then on.")
    ends_at: DateTime | None = stored("Only before then.")
    priority: int = stored("Lower ones come first.")
    stacking: Stacking = stored("Whether it applies beside others.")
    stacking_group: str | None = stored("At most one offer of a group applies.")
    conditions: OfferConditions = stored("What must hold.")
    limits: OfferLimits = stored("How often it can be had.")
    redemption_count: int = relation(
        offers.redemption_counts, "How often it was redeemed; what came back left out.", key=lambda offer: offer["_id"]
    )
    active: bool = stored("Whether it can be had.")

    is_type_of = known_by(OFFER)
