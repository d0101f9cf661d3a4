"""Recommendations and personal offers: one batch of lists for all customers of a request."""

from collections.abc import Sequence

from crm.refusals import invalid
from crm.taste.ranking import RecommendationKind
from crm.values import Channel
from resolvers.context import Context
from resolvers.customers import personalization
from services import personal_offers
from services.personal_offers import WantedOffers
from services.recommendations import Wanted, recommend
from store.client import Document

FIRST_MAX = 50


def wanted_products(context: Context, customer: Document, first: int, kind: RecommendationKind | None) -> Wanted:
    """Return what is asked for about one customer.

    Raises:
        Refusal: INVALID for a count outside 0 to 50.
    """
    _check(first)
    metrics, caller = customer["metrics"], context.caller
    return Wanted(
        customer_id=customer["_id"],
        personalized=personalization(customer)["active"],
        baskets=metrics["purchaseCount"],
        first_at=metrics.get("firstPurchaseAt"),
        store_code=caller.store_code,
        channel=caller.channel.value if caller.channel else None,
        kind=kind,
        first=first,
    )


async def product_lists(context: Context, asked: list[Wanted]) -> Sequence[list[Document]]:
    """Batch function: the list that each of these asks for."""
    return await recommend(context.call, asked)


def wanted_offers(context: Context, customer: Document, first: int, channel: Channel | None) -> WantedOffers:
    """Return what is asked for about one customer's offers.

    Raises:
        Refusal: INVALID for a count outside 0 to 50.
    """
    _check(first)
    caller = context.caller
    return personal_offers.wanted_offers(
        context.call,
        customer,
        personalized=personalization(customer)["active"],
        store_code=caller.store_code,
        channel=caller.channel.value if caller.channel else None,
        only_channel=channel.value if channel else None,
        first=first,
    )


async def offer_lists(context: Context, asked: list[WantedOffers]) -> Sequence[list[Document]]:
    """Batch function: the offers that each of these asks for."""
    return await personal_offers.offers_for(context.call, asked)


def _check(first: int) -> None:
    if not 0 <= first <= FIRST_MAX:
        raise invalid(f"From 0 to {FIRST_MAX} can be asked for.", "first")
