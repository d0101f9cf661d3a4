"""What can be done to points and to the programme; `schema/mutation.py` has the rest."""

from typing import Annotated

import strawberry

from schema.fields import mutation
from schema.payloads import (
    EventsPayload,
    HoldPayload,
    LoyaltyProgramPayload,
    PointsPayload,
    RedeemRewardPayload,
    TransferPayload,
)
from schema.resolver import Info
from services import events as tracking
from services import holds, programs, rewards
from services import points as by_hand
from services.inputs import CustomerKey, EventInput
from services.program_inputs import LoyaltyProgramInput

Whose = Annotated[CustomerKey | None, strawberry.argument(description="Which customer; left out: the caller.")]
HoldId = Annotated[strawberry.ID, strawberry.argument(description="Which hold.")]


@strawberry.type(description="What can be done to points.")
class LoyaltyMutation:
    """Thin: each field is one service."""

    @mutation("Reserve points while a cart is open.")
    async def hold_points(
        self,
        info: Info,
        *,
        customer: Whose = None,
        points: Annotated[int, strawberry.argument(description="How many, 1 or more.")],
        ttl_seconds: Annotated[int, strawberry.argument(description="For how long, 1 to 86,400 seconds.")] = 900,
    ) -> HoldPayload:
        """See services/holds.py."""
        return await holds.hold_points(info.context.call, customer, points, ttl_seconds)

    @mutation("Spend a hold's points, all or a part; the rest is free again.")
    async def capture_hold(
        self,
        info: Info,
        hold_id: HoldId,
        points: Annotated[int | None, strawberry.argument(description="How many; left out: all.")] = None,
    ) -> HoldPayload:
        """See services/holds.py."""
        return await holds.capture_hold(info.context.call, hold_id, points)

    @mutation("Give a hold's points free.")
    async def release_hold(self, info: Info, hold_id: HoldId) -> HoldPayload:
        """See services/holds.py."""
        return await holds.release_hold(info.context.call, hold_id)

    @mutation("Spend points on a reward; the code names it at the till, once.")
    async def redeem_reward(
        self,
        info: Info,
        *,
        customer: Whose = None,
        reward_id: Annotated[strawberry.ID, strawberry.argument(description="Which reward.")],
    ) -> RedeemRewardPayload:
        """See services/rewards.py."""
        return await rewards.redeem_reward(info.context.call, customer, reward_id)

    @mutation("Give points by hand, or take available ones where negative.")
    async def adjust_points(
        self,
        info: Info,
        customer: Annotated[CustomerKey, strawberry.argument(description="Which customer.")],
        points: Annotated[int, strawberry.argument(description="How many; not 0.")],
        reason: Annotated[str, strawberry.argument(description="Why, in up to 500 characters; the customer sees it.")],
    ) -> PointsPayload:
        """See services/points.py."""
        return await by_hand.adjust_points(info.context.call, customer, points, reason)

    @mutation("Move available points to another customer; they keep their ends.")
    async def transfer_points(
        self,
        info: Info,
        from_: Annotated[CustomerKey, strawberry.argument(name="from", description="Who gives.")],
        to: Annotated[CustomerKey, strawberry.argument(description="Who gets.")],
        points: Annotated[int, strawberry.argument(description="How many, 1 or more.")],
    ) -> TransferPayload:
        """See services/points.py."""
        return await by_hand.transfer_points(info.context.call, from_, to, points)

    @mutation("Make a new version of the loyalty programme; what was earned before stays as it was.")
    async def save_loyalty_program(
        self,
        info: Info,
        input: Annotated[LoyaltyProgramInput, strawberry.argument(description="What changes.")],
    ) -> LoyaltyProgramPayload:
        """See services/programs.py."""
        return await programs.save_loyalty_program(info.context.call, input)

    @mutation("Tell what a customer did outside of purchases; each event counts once, all or none are kept.")
    async def track_events(
        self,
        info: Info,
        *,
        customer: Whose = None,
        events: Annotated[list[EventInput], strawberry.argument(description="The events, up to 500.")],
    ) -> EventsPayload:
        """See services/events.py."""
        return await tracking.track_events(info.context.call, customer, events)
