"""Who offers are addressed to: looked up for the one person a question is about, whatever the audience's size."""

from collections.abc import Mapping
from dataclasses import replace

from crm.offers.values import Offer
from services.context import Call
from services.known_offers import LiveOffers
from store import offers
from store.client import Tx

ASKED_MAX = 200
"""Up to so many offers are asked for by id; of more, all that are addressed to the person are."""


def with_audience(offer: Offer, member: str | None) -> Offer:
    """Return an offer that is addressed to this person alone, or to nobody."""
    customers = frozenset({member} if member else ())
    return replace(offer, conditions=replace(offer.conditions, customers=customers))


async def addressed_to(
    call: Call, live: LiveOffers, customer_id: str | None, *, tx: Tx | None = None
) -> Mapping[str, Offer]:
    """Return the live offers that are addressed to a customer, as addressed to just this one; no customer, none.

    Where no live offer names customers, nothing is asked.
    """
    if customer_id is None or not live.addressed:
        return {}
    asked = live.addressed if len(live.addressed) <= ASKED_MAX else None
    found = await offers.addressed(call.database, customer_id, asked, tx=tx)
    return {id_: with_audience(live.by_id[id_], customer_id) for id_ in found & live.addressed}
