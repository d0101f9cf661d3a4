"""What offers are about, for scoring: their products, else their categories; nothing for a whole cart."""

from collections.abc import Collection, Mapping

from crm.ids import PRODUCT, prefix_of
from crm.offers.values import Offer
from crm.taste.counters import product_ids
from crm.taste.offer_scoring import Subject, shares


def about_of(offer: Offer) -> frozenset[str]:
    """Return the ids of the products that an offer is about, else the names of its categories."""
    conditions = offer.conditions
    skus = conditions.skus or frozenset(offer.get_skus or ()) or conditions.required_skus
    return product_ids(skus) if skus else conditions.categories or frozenset()


def of_products(things: Collection[str]) -> bool:
    """Whether these are ids of products, and not names of categories."""
    return all(prefix_of(thing) == PRODUCT for thing in things)


def shares_of(things: Collection[str], catalogue: Mapping[str, str]) -> dict[str, float]:
    """Return each category's share of what an offer is about."""
    return shares(catalogue.get(thing) for thing in things) if of_products(things) else shares(things)


def subject_of(offer: Offer, known: tuple[int, Mapping[str, float]] | None) -> Subject:
    """Return an offer as scoring sees it.

    Args:
        known: its reach and the shares of its categories; None for an offer younger than the last rebuild, whose
            products alone speak for it.
    """
    things = about_of(offer)
    products = things if of_products(things) else frozenset()
    reach, in_categories = known or (0, shares_of(things, {}))
    return Subject(id=offer.id, products=products, categories=things - products, shares=in_categories, reach=reach)
