"""What an admin sends to make a new version of the loyalty programme. Left out: as in the version before."""

from typing import Annotated

from pydantic import Field

from crm.values import Channel, Period
from loyalty.values import (
    EarningEvent,
    ExpiryKind,
    PendingKind,
    ReturnPolicy,
    RewardKind,
    TierBasis,
    TierWindow,
)
from services.input_types import Amount, Code, Comment, Input, Instant, Name, NodeId, Rate

Whole = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]


class TierInput(Input):
    """A level of the programme."""

    id: NodeId | None = Field(None, description="The tier's id in earlier versions; left out: a new tier.")
    name: Name = Field(description="The name customers see.")
    threshold: Whole = Field(description="Qualifying points, or whole units of currency, that reach it; the lowest 0.")
    earn_multiplier: Rate = Field("1", validate_default=True, description="What points per unit are multiplied by.")
    benefits: Annotated[list[Name], Field(max_length=50)] | None = Field(
        None, description="What else it gives, in words."
    )


class EarningRuleInput(Input):
    """Points for an event; every filter given must hold."""

    id: NodeId | None = Field(None, description="The rule's id in earlier versions; left out: a new rule.")
    name: Name = Field(description="What the shop calls it; stands as the reason of flat points.")
    event: EarningEvent = Field(description="What makes it apply.")
    event_name: Code | None = Field(None, description="The custom event's name.")
    points_per_unit: Rate | None = Field(None, description="Points for every whole unit of currency.")
    points: Whole | None = Field(None, description="Flat points.")
    categories: list[Name] | None = Field(None, description="Only lines of these categories.")
    skus: list[Code] | None = Field(None, description="Only lines with these SKUs.")
    channels: list[Channel] | None = Field(None, description="Only through these channels.")
    store_codes: list[Code] | None = Field(None, description="Only in these stores.")
    tiers: list[Name] | None = Field(None, description="Only customers of these tiers, by name.")
    starts_at: Instant | None = Field(None, description="Only from then on.")
    ends_at: Instant | None = Field(None, description="Only before then.")
    cap_points: Whole | None = Field(None, description="At most so many points a person and period.")
    cap_period: Period | None = Field(None, description="The period of the cap.")
    active: bool = Field(True, description="Whether it applies.")


class RewardInput(Input):
    """What points buy."""

    id: NodeId | None = Field(None, description="The reward's id in earlier versions; left out: a new reward.")
    title: Name = Field(description="The name customers see.")
    description: Comment | None = Field(None, description="More about it.")
    points: Whole = Field(description="What it costs.")
    kind: RewardKind = Field(description="What it gives.")
    value: Amount | None = Field(None, description="What AMOUNT_OFF takes off.")
    product_sku: Code | None = Field(None, description="What PRODUCT gives.")
    offer_id: NodeId | None = Field(None, description="The offer whose code OFFER_CODE gives.")
    stock: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = Field(
        None, description="How many are left; left out: as many as before; null: as many as anybody wants."
    )
    per_customer_limit: Whole | None = Field(None, description="How often one customer may have it.")
    active: bool = Field(True, description="Whether it can be redeemed.")


class PendingPolicyInput(Input):
    """When earned points become spendable."""

    kind: PendingKind = Field(description="How it is decided.")
    days: Whole | None = Field(None, description="After so many days of 24 hours.")
    event: Code | None = Field(None, description="Once this tracked event has happened.")


class ExpiryPolicyInput(Input):
    """When earned points end."""

    kind: ExpiryKind = Field(description="How it is decided.")
    months: Whole | None = Field(None, description="After so many calendar months.")


class TierPolicyInput(Input):
    """What counts towards a tier."""

    basis: TierBasis = Field(description="Points or money.")
    window: TierWindow = Field(description="The span whose sales count.")
    grace_days: Whole = Field(0, description="Days a tier is kept after the points no longer suffice.")
    keep_on_return: bool = Field(False, description="Whether returned sales go on counting.")


class ReferralPolicyInput(Input):
    """Points for both sides of a referral."""

    referrer_points: Whole = Field(description="For whoever referred.")
    referee_points: Whole = Field(description="For the new customer.")
    minimum_spend: Amount | None = Field(None, description="What the new customer's sale must come to, tax left out.")
    per_referrer_limit: Whole | None = Field(
        None, description="How many referrals of one customer are rewarded to that one."
    )


class LoyaltyProgramInput(Input):
    """A new version of the programme. Left out: as in the version before. null: cleared."""

    name: Name | None = Field(None, description="What the shop calls it.")
    valid_from: Instant | None = Field(None, description="From when on it is in force, never in the past; now.")
    earning_rules: list[EarningRuleInput] | None = Field(None, description="What earns points; all that match add up.")
    tiers: list[TierInput] | None = Field(None, description="The tiers, in any order.")
    rewards: list[RewardInput] | None = Field(None, description="What points buy.")
    pending: PendingPolicyInput | None = Field(None, description="When earned points become spendable; null: at once.")
    expiry: ExpiryPolicyInput | None = Field(None, description="When earned points end; null: never.")
    returns: ReturnPolicy | None = Field(None, description="What happens to points that are spent already.")
    tier_policy: TierPolicyInput | None = Field(None, description="What counts towards a tier.")
    overdraft_points: Whole | None = Field(None, description="Debt that a sale's direct points may make; null: none.")
    referral: ReferralPolicyInput | None = Field(None, description="Points for referrals; null: none.")
