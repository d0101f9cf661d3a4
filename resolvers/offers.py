"""Offers as clients see them: what everybody may see, what only its customers may, and who sees a code."""

from collections.abc import Sequence

from crm.ids import OFFER, prefix_of
from crm.numbers import QUANTITY_DIGITS, decimal
from crm.refusals import invalid
from crm.values import Channel, Role
from resolvers.context import Context
from resolvers.lists import Listing, PageArguments, listing
from store import offer_codes, offer_redemptions, offers
from store.client import Document
from store.collections import OFFERS

DESK = frozenset({Role.STAFF, Role.ADMIN})


def list_of(context: Context, channel: Channel | None, arguments: PageArguments) -> Listing:
    """Return the offers a caller is shown, newest first: all of them at a desk, else the public ones that are live.

    Live as of the whole second, so that all who ask within it ask the same, which is asked once; what applies to a cart
    or a sale is judged to the millisecond.
    """
    here = {"conditions.channels": {"$in": [None, channel.value]}} if channel else {}
    if context.caller.role in DESK:
        return listing(OFFERS, here, offers.NEWEST_FIRST, arguments)
    asked = {"public": True, **here}  # the condition holds the instant: a cursor would be of that instant
    live = offers.public_now(context.call.now.replace(microsecond=0))
    return listing(OFFERS, {**live, **here}, offers.NEWEST_FIRST, arguments, asked=asked)


async def any_by_ids(context: Context, ids: list[str]) -> Sequence[Document | None]:
    """Batch function: offers by id, for whoever reached them through what names them."""
    return await offers.by_ids(context.call.database, ids)


async def by_ids(context: Context, ids: list[str]) -> Sequence[Document | None]:
    """Batch function: the offers a caller may see by id; a customer also those addressed, or whose code was issued."""
    found = await offers.by_ids(context.call.database, ids)
    if context.caller.role in DESK:
        return found
    # What never was is asked about like what is somebody else's: nobody learns from the time it takes which it is.
    hidden = [id_ for id_, offer in zip(ids, found, strict=True) if not (offer and offer["public"])]
    own = await _own(context, hidden)
    return [
        offer if offer and _live(offer, context) and (offer["public"] or offer["_id"] in own) else None
        for offer in found
    ]


async def by_id(context: Context, id_: str) -> Document | None:
    """Return the offer with this id, or None where there is none for this caller.

    Raises:
        Refusal: INVALID for an id of another type.
    """
    if prefix_of(id_) != OFFER:
        raise invalid("This is not an id of an offer.", "id")
    found: Document | None = await context.load(by_ids, id_)
    return found


def _live(offer: Document, context: Context) -> bool:
    now, starts, ends = context.call.now, offer["startsAt"], offer["endsAt"]
    return bool(offer["active"] and (starts is None or starts <= now) and (ends is None or now < ends))


async def _own(context: Context, ids: Sequence[str]) -> set[str]:
    """Return which of these offers are the calling customer's: addressed, or with a code to use."""
    customer_id = context.caller.customer_id
    if not ids or customer_id is None:
        return set()
    database = context.call.database
    named = await offers.addressed(database, customer_id, ids)
    return {*named, *await offer_codes.usable(database, customer_id, ids)}


async def own_codes(context: Context, ids: list[str]) -> Sequence[str | None]:
    """Batch function: the code of each offer that the calling customer was issued and can use."""
    customer_id = context.caller.customer_id
    if customer_id is None:
        return [None] * len(ids)
    found = await offer_codes.usable(context.call.database, customer_id, ids)
    return [found[id_]["code"] if id_ in found else None for id_ in ids]


async def code(context: Context, offer: Document) -> str | None:
    """Return the offer's code to a desk, the own one to whom it was issued, nothing to anybody else."""
    if context.caller.role in DESK:
        everybodys: str | None = offer["code"]
        return everybodys
    if not offer["conditions"]["requiresCode"]:
        return None
    issued: str | None = await context.load(own_codes, offer["_id"])
    return issued


async def redemption_counts(context: Context, ids: list[str]) -> Sequence[int]:
    """Batch function: how often each offer was redeemed; from its counter, where it has one, else from an index."""
    database = context.call.database
    counted = await offer_redemptions.counters(database, ids)
    counted |= await offer_redemptions.recount(database, [id_ for id_ in ids if id_ not in counted])
    return [counted[id_].redeemed for id_ in ids]


async def issued_codes(context: Context, issues: list[str]) -> Sequence[list[str]]:
    """Batch function: the codes of each issue."""
    return [await offer_codes.of_issue(context.call.database, issue) for issue in issues]


def quantity(value: int | None) -> str | None:
    """Return a stored quantity as clients see it."""
    return decimal(value, QUANTITY_DIGITS) if value is not None else None
