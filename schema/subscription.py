"""What can be followed."""

from collections.abc import AsyncGenerator
from typing import Any

import strawberry

from resolvers import subscriptions
from schema.fields import subscription
from schema.loyalty import LoyaltyAccount
from schema.resolver import Info


@strawberry.type(description="What can be followed, over graphql-transport-ws or as text/event-stream.")
class Subscription:
    """Ends when the caller's credential does."""

    @subscription(
        "The calling customer's account: as it is now, at once, and anew whenever it changed. "
        "Changes that follow each other quickly come as one."
    )
    async def loyalty_updated(self, info: Info) -> AsyncGenerator[LoyaltyAccount, None]:
        """Yield the account."""
        events: AsyncGenerator[Any, None] = subscriptions.own_account(info.context)
        try:
            async for account in events:
                yield account
        finally:
            await events.aclose()
