"""What is told as it happens: events are the field's values, read anew after each change."""

from collections.abc import AsyncGenerator

from crm.ids import account_of
from crm.refusals import Refusal, UserErrorCode
from resolvers.context import Context
from store.client import Document


async def own_account(context: Context) -> AsyncGenerator[Document, None]:
    """Yield the calling customer's account as it is now, and after every change.

    Raises:
        Refusal: NOT_FOUND where the shop does not know the person, or no longer.
    """
    own = context.caller.customer_id
    if own is None:
        raise _unknown()
    changes = context.call.shop.live.account(account_of(own))
    try:
        async for account in changes:
            if account is None:
                raise _unknown()
            yield account
    finally:
        await changes.aclose()


def _unknown() -> Refusal:
    return Refusal(UserErrorCode.NOT_FOUND, "The shop does not know this person; ask again after the first purchase.")
