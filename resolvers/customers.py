"""Customers: by key, as lists, and what a profile says of itself."""

from collections.abc import Sequence
from typing import Any

from crm.ids import CUSTOMER, TIER, prefix_of
from crm.lifecycle import lifecycle_stage
from crm.refusals import invalid
from crm.values import ConsentPurpose, ConsentState, CustomerSort, LifecycleStage, Role
from resolvers.context import Context
from resolvers.lists import Listing, PageArguments, listing
from services.inputs import CustomerFilter, CustomerKey, with_one_key
from services.lookup import check_kind, customer_key, note_look_up
from store import customers, keys
from store.client import Document
from store.collections import CUSTOMERS
from store.words import starts_with


async def by_ids(context: Context, ids: list[str]) -> Sequence[Document | None]:
    """Batch function: customers by id; for a customer everybody else is missing, unasked."""
    shown = context.shown.get("Customer")
    if context.caller.role is not Role.CUSTOMER:
        return await customers.by_ids(context.reads, ids, shown)
    own = context.caller.customer_id
    (me,) = await customers.by_ids(context.reads, [own], shown) if own in ids and own else [None]
    return [me if id_ == own else None for id_ in ids]


async def by_key(context: Context, key: CustomerKey) -> Document | None:
    """Return the customer a key names, or None where there is none for this caller."""
    check_kind(key, CUSTOMER, "by")
    text = customer_key(key)
    id_: str | None = text
    if not key.id:
        found = await keys.find(context.call.database, [text])
        id_ = found[text]["ref"] if text in found else None
    customer: Document | None = await context.load(by_ids, id_) if id_ else None
    context.call.misses += customer is None
    note_look_up(context.call, with_one_key(key)[0], customer["_id"] if customer else None)
    return customer


def outline(customer_id: str) -> Document:
    """Return what is known of a customer from the id alone."""
    return {"_id": customer_id}


def list_of(
    context: Context, filter: CustomerFilter | None, sort: CustomerSort | None, arguments: PageArguments
) -> Listing:
    """Return the list of customers that a filter describes.

    Raises:
        Refusal: INVALID for a tier that is none, and as `listing` does.
    """
    order = customers.ORDERS[sort or CustomerSort.CREATED_AT]
    if filter is None:
        return listing(CUSTOMERS, {}, order, arguments)
    if filter.tier is not None and prefix_of(filter.tier) != TIER:
        raise invalid("This is an id of another type.", "filter", "tier")
    asked = filter.model_dump(exclude_none=True)  # the conditions hold the instant: a cursor would be of that instant
    return listing(CUSTOMERS, _conditions(context, filter), order, arguments, asked=asked)


def _conditions(context: Context, filter: CustomerFilter) -> Document:
    conditions: Document = {}
    if filter.search is not None:
        conditions["search"] = starts_with(filter.search)
    if filter.tags:
        conditions["tags"] = {"$all": list(filter.tags)}
    if filter.channel is not None:
        conditions["metrics.channels"] = filter.channel.value
    if filter.tier is not None:
        now = context.call.now
        conditions["tierSteps"] = {
            "$elemMatch": {
                "tierId": filter.tier,
                "since": {"$lte": now},
                "$or": [{"until": None}, {"until": {"$gt": now}}],
            }
        }
    spans = {
        "createdAt": (filter.created_after, filter.created_before),
        "metrics.lastPurchaseAt": (filter.last_purchase_after, filter.last_purchase_before),
    }
    for name, (after, before) in spans.items():
        bounds = {"$gte": after, "$lt": before}
        conditions |= _bounds(name, bounds)
    return conditions | _bounds("metrics.totalSpent", {"$gte": filter.total_spent_min, "$lte": filter.total_spent_max})


def _bounds(name: str, bounds: dict[str, Any]) -> Document:
    given = {operator: value for operator, value in bounds.items() if value is not None}
    return {name: given} if given else {}


def stage(customer: Document, context: Context) -> LifecycleStage:
    """Return the lifecycle stage now."""
    metrics = customer["metrics"]
    return lifecycle_stage(
        purchase_count=metrics["purchaseCount"],
        first_purchase_at=metrics.get("firstPurchaseAt"),
        last_purchase_at=metrics.get("lastPurchaseAt"),
        now=context.call.now,
    )


def personalization(customer: Document) -> Document:
    """Return whether this person allows personalisation, and what is missing where not."""
    granted = any(
        consent["purpose"] == ConsentPurpose.PERSONALIZATION and consent["state"] == ConsentState.GRANTED
        for consent in customer["consents"]
    )
    return {"active": granted, "missing": [] if granted else [ConsentPurpose.PERSONALIZATION.value]}
