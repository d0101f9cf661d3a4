"""node(id:) and nodes(ids:): the id's prefix says which batch function knows the object."""

import asyncio
from collections.abc import Mapping, Sequence

from crm import ids
from resolvers import customers, feedback, offers, points, programs, purchases
from resolvers.context import Context, Load
from resolvers.policy import may
from services.lookup import note_look_up
from store.client import Document

LOADS: Mapping[str, tuple[str, Load]] = {
    ids.CUSTOMER: ("Query.customer", customers.by_ids),
    ids.ACCOUNT: ("Customer.loyalty", points.accounts),
    ids.HOLD: ("Customer.loyalty", points.holds_by_id),
    ids.TRANSACTION: ("Customer.loyalty", points.transactions),
    ids.PURCHASE: ("Query.purchase", purchases.by_ids),
    ids.STORE: ("Query.stores", purchases.shop_things),
    ids.PRODUCT: ("Query.products", purchases.shop_things),
    ids.FEEDBACK: ("Customer.feedback", feedback.by_ids),
    ids.OFFER: ("Query.offer", offers.by_ids),
    ids.REWARD: ("Query.loyaltyProgram", programs.rewards_by_id),
    ids.PROGRAM: ("Query.loyaltyProgram", programs.by_ids),
}
"""Which field a type's object is otherwise reached by, whose policy then holds here too, and how it is found."""


async def node(context: Context, id_: str) -> Document | None:
    """Return the object with this id; None where there is none that this caller may see."""
    prefix = ids.prefix_of(id_)
    if prefix is None or prefix not in LOADS:
        return None
    field, load = LOADS[prefix]
    if not may(context.caller.role, field):
        return None
    found: Document | None = await context.load(load, id_)
    if prefix == ids.CUSTOMER:
        note_look_up(context.call, "id", id_ if found else None)
    return found


async def all_nodes(context: Context, ids_: Sequence[str]) -> list[Document | None]:
    """Return the objects with these ids in their order, with one question for each type."""
    return list(await asyncio.gather(*(node(context, id_) for id_ in ids_)))
