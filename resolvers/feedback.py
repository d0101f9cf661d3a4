"""Feedback: as lists, and by id."""

from collections.abc import Sequence
from typing import Any

from crm.ids import STORE, prefix_of
from crm.refusals import invalid
from resolvers.context import Context
from resolvers.lists import Listing, PageArguments, listing
from resolvers.purchases import visible
from services.inputs import FeedbackFilter
from store import feedback
from store.client import Document
from store.collections import FEEDBACK


async def by_ids(context: Context, ids: list[str]) -> Sequence[Document | None]:
    """Batch function: feedback by id; for a customer that of others is missing."""
    return visible(context, await feedback.by_ids(context.reads, ids))


def of_customer(customer_id: str, arguments: PageArguments) -> Listing:
    """Return what a customer has said, newest first."""
    return listing(FEEDBACK, {"owner": customer_id}, feedback.NEWEST_FIRST, arguments)


def list_of(filter: FeedbackFilter | None, arguments: PageArguments) -> Listing:
    """Return feedback that a filter describes, newest first.

    Raises:
        Refusal: INVALID for a store that is none, and as `listing` does.
    """
    conditions: dict[str, Any] = {}
    if filter:
        if filter.store_id is not None and prefix_of(filter.store_id) != STORE:
            raise invalid("This is an id of another type.", "filter", "storeId")
        plain = {"kind": filter.kind and filter.kind.value, "storeId": filter.store_id, "sku": filter.sku}
        conditions = {name: value for name, value in plain.items() if value is not None}
        if filter.score_max is not None:
            conditions["score"] = {"$lte": filter.score_max}
        span = {"$gte": filter.after, "$lt": filter.before}
        given = {operator: at for operator, at in span.items() if at is not None}
        conditions |= {"createdAt": given} if given else {}
    return listing(FEEDBACK, conditions, feedback.NEWEST_FIRST, arguments)
