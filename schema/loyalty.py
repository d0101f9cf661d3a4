"""The loyalty account as a customer sees it, and the programme behind it."""

from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from crm.ids import ACCOUNT, HOLD, PROGRAM, REWARD, TRANSACTION, product_id
from crm.refusals import invalid
from crm.values import Channel, Period
from executor.kinds import Related
from loyalty.values import (
    EarningEvent,
    ExpiryKind,
    HoldStatus,
    PendingKind,
    ReturnPolicy,
    RewardKind,
    SourceKind,
    TierBasis,
    TierWindow,
    TransactionType,
)
from resolvers import offers, points, programs, purchases, tiers
from resolvers.lists import PageArguments
from schema.common import Connection, ExternalId, Money, Node, known_by
from schema.fields import After, Before, First, Last, answered, field, relation, stored
from schema.listed import listed
from schema.resolver import Info
from schema.scalars import DateTime, Decimal
from schema.shop import Product
from services.input_types import parse_instant

if TYPE_CHECKING:
    from schema.offers import Offer


@strawberry.type(description="Points that end at one instant.")
class PointsExpiry:
    """Of the lot, or the lots, soonest to expire."""

    points: int = stored("How many.")
    at: DateTime = stored("From when on they are gone.")


@strawberry.type(description="The account's totals; available is never below 0.")
class PointsBalance:
    """Computed at the instant of the request."""

    available: int = stored("Points that can be spent now.")
    pending: int = stored("Points that are earned and not spendable yet.")
    held: int = stored("Points reserved by active holds.")
    debt: int = stored("Points that could not be taken back; later earnings pay them first.")
    lifetime_earned: int = stored("All points ever earned, whatever became of them.")
    next_expiry: PointsExpiry | None = stored("The points that end next.")


@strawberry.type(description="What points came from.")
class PointsSource:
    """The object here, and its id elsewhere."""

    kind: SourceKind = stored("What it is.")
    node_id: strawberry.ID | None = stored("The object's id, where it has one here.")
    external_id: ExternalId | None = stored("The object's id in the system that made it.")


@strawberry.type(description="Points earned together.")
class PointsLot:
    """Spending takes the soonest to expire."""

    id: strawberry.ID = stored("Names the lot.")
    earned: int = stored("How many points it began with.")
    remaining: int = stored("How many are left, those that are held included.")
    earned_at: DateTime = stored("When the sale happened.")
    active_at: DateTime = stored("From when on they can be spent; the year 9999 while an event is awaited.")
    expires_at: DateTime | None = stored("From when on they are gone; null: never.")
    source: PointsSource = stored("What earned them.")


@strawberry.type(description="One entry of the ledger; entries are appended and never changed.")
class PointsTransaction(Node):
    """A correction is a further entry."""

    type: TransactionType = stored("What it did.")
    points: int = stored("Points added, or taken where negative.")
    balance_after: int = stored("The sum of all entries up to this one.")
    at: DateTime = stored("When it took effect here; never runs backwards within an account.")
    occurred_at: DateTime = stored("When the fact happened.")
    reason: str | None = stored("Why, in words.")
    source: PointsSource = stored("What caused it.")

    is_type_of = known_by(TRANSACTION)


@strawberry.type(description="A level of the programme.")
class Tier:
    """Its id stays over the programme's versions."""

    id: strawberry.ID = stored("Names the tier.")
    name: str = stored("The name customers see.")
    threshold: int = stored("Qualifying points that reach it.")
    earn_multiplier: Decimal = stored("What points per unit are multiplied by.")
    benefits: list[str] = stored("What else it gives, in words.")


@strawberry.type(description="The tier held now, and the way to the next.")
class TierStatus:
    """Computed at the instant of the request."""

    tier: Tier = stored("The tier held.")
    since: DateTime = stored("Since when.")
    until: DateTime | None = stored("When it would fall without further sales; null: never.")
    qualifying_points: int = stored("What counts towards a tier now: points, or whole units of currency.")
    next: Tier | None = stored("The next higher tier.")
    points_to_next: int | None = stored("Qualifying points missing to it.")


@strawberry.type(description="Points reserved for a while; they do not expire meanwhile.")
class PointsHold(Node):
    """Captured in whole or in part, released, or timed out."""

    points: int = stored("How many were reserved.")
    captured: int = stored("How many of them were spent.")
    status: HoldStatus = stored("What became of it.")
    expires_at: DateTime = stored("From when on it no longer holds.")

    is_type_of = known_by(HOLD)


@strawberry.type(description="What points buy.")
class Reward(Node):
    """Of the programme; its id stays over versions."""

    title: str = stored("The name customers see.")
    description: str | None = stored("More about it.")
    points: int = stored("What it costs.")
    kind: RewardKind = stored("What it gives.")
    value: Money | None = stored("What AMOUNT_OFF takes off.")
    product: Product | None = relation(
        purchases.shop_things,
        "What PRODUCT gives.",
        key=lambda reward: product_id(reward["productSku"]) if reward["productSku"] else None,
    )
    offer: Annotated["Offer", strawberry.lazy("schema.offers")] | None = relation(
        offers.any_by_ids, "The offer whose code OFFER_CODE gives.", key=lambda reward: reward["offerId"]
    )
    stock: int | None = answered(programs.stock, "How many are left; null: as many as anybody wants.")
    per_customer_limit: int | None = stored("How often one customer may have it.")
    active: bool = stored("Whether it can be redeemed.")

    is_type_of = known_by(REWARD)


@strawberry.type(description="A reward, as it is to one customer.")
class RewardOption:
    """Rewards that are gone are not shown."""

    reward: Reward = stored("The reward.")
    affordable: bool = stored("Whether the available points suffice.")
    missing_points: int = stored("Points that are missing to it.")


@strawberry.type(description="A customer's points.")
class LoyaltyAccount(Node):
    """One person has one."""

    balance: PointsBalance = answered(points.balance, "The totals now.", reads=points.balance_reads)
    tier: TierStatus = answered(tiers.tier, "The tier now.", reads=tiers.READS)
    lots: list[PointsLot] = answered(
        points.lots,
        "Lots with points left, soonest to expire first.",
        needs=Related(points.all_live_lots, lambda account: account["customerId"]),
        reads=("customerId", "dueAt", "sliding"),
    )
    holds: list[PointsHold] = answered(
        points.holds, "Holds that are active now, soonest to time out first.", reads=("customerId", "held")
    )
    rewards: list[RewardOption] = answered(
        programs.options, "Rewards that can be had now, the cheapest first, and what is missing for each."
    )

    @field("The totals as they stood at an instant: the ledger replayed, the same answer whenever it is asked.")
    async def balance_as_of(
        self: Any, info: Info, at: Annotated[DateTime, strawberry.argument(description="When; not in the future.")]
    ) -> PointsBalance:
        """Return the totals of then."""
        try:
            instant = parse_instant(at)
        except ValueError as problem:
            raise invalid(str(problem), "at") from None
        return await points.balance_as_of(info.context, self, instant)

    @listed(
        "The ledger, newest first; what fell due stands in it once it is written down, within about a second.",
        reads=("customerId",),
    )
    def transactions(
        self: Any, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[PointsTransaction]:
        """Return a part of the ledger."""
        return points.transactions_of(self, PageArguments(first, after, last, before))

    is_type_of = known_by(ACCOUNT)


@strawberry.type(description="Points for an event.")
class EarningRule:
    """Filters left null let everything through."""

    id: strawberry.ID = stored("Names the rule.")
    name: str = stored("What the shop calls it.")
    event: EarningEvent = stored("What makes it apply.")
    event_name: str | None = stored("The custom event's name.")
    points_per_unit: Decimal | None = stored("Points for every whole unit of currency.")
    points: int | None = stored("Flat points.")
    categories: list[str] | None = stored("Only lines of these categories.")
    skus: list[str] | None = stored("Only lines with these SKUs.")
    channels: list[Channel] | None = stored("Only sales through these channels.")
    store_codes: list[str] | None = stored("Only sales in these stores.")
    tiers: list[strawberry.ID] | None = stored("Only customers of these tiers.")
    starts_at: DateTime | None = stored("Only sales from then on.")
    ends_at: DateTime | None = stored("Only sales before then.")
    cap_points: int | None = stored("At most so many points a person and period.")
    cap_period: Period | None = stored("The period of the cap.")
    active: bool = stored("Whether it applies.")


@strawberry.type(description="When earned points become spendable.")
class PendingPolicy:
    """Of the programme."""

    kind: PendingKind = stored("How it is decided.")
    days: int | None = stored("After so many days.")
    event: str | None = stored("Once this event has happened.")


@strawberry.type(description="When earned points end.")
class ExpiryPolicy:
    """Of the programme."""

    kind: ExpiryKind = stored("How it is decided.")
    months: int | None = stored("After so many calendar months.")


@strawberry.type(description="What counts towards a tier.")
class TierPolicy:
    """Of the programme."""

    basis: TierBasis = stored("Points or money.")
    window: TierWindow = stored("The span whose sales count.")
    grace_days: int = stored("Days a tier is kept after the points no longer suffice.")
    keep_on_return: bool = stored("Whether returned sales go on counting.")


@strawberry.type(description="Points for both sides of a referral, once the new customer has bought.")
class ReferralPolicy:
    """Of the programme."""

    referrer_points: int = stored("For whoever referred.")
    referee_points: int = stored("For the new customer.")
    minimum_spend: Money | None = stored("What the new customer's sale must come to, tax left out.")
    per_referrer_limit: int | None = stored("How many referrals of one customer are rewarded to that customer.")


@strawberry.type(description="The rules by which points are earned, kept and lost.")
class LoyaltyProgram(Node):
    """One version of it; its id stays over all."""

    version: int = stored("Grows with every change.")
    name: str = stored("What the shop calls it.")
    valid_from: DateTime = stored("Since when this version is in force.")
    earning_rules: list[EarningRule] = stored("What earns points; all that match add up.")
    tiers: list[Tier] = stored("The tiers, lowest first.")
    rewards: list[Reward] = stored("What points buy.")
    pending: PendingPolicy = stored("When earned points become spendable.")
    expiry: ExpiryPolicy = stored("When earned points end.")
    returns: ReturnPolicy = stored("What happens to points of a returned sale that are already spent.")
    tier_policy: TierPolicy = stored("What counts towards a tier.")
    overdraft_points: int = stored("Debt that a sale's direct points may make.")
    referral: ReferralPolicy | None = stored("Points for referrals.")

    is_type_of = known_by(PROGRAM)
