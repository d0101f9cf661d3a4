"""What is recommended to a person and which offers fit, and why."""

import strawberry

from crm.taste.ranking import RecommendationKind
from resolvers import offers
from schema.fields import relation, stored
from schema.offers import Offer
from schema.quotes import OfferEligibility
from schema.shop import Product


@strawberry.type(description="A product for a person.")
class Recommendation:
    """Made by services/recommendations.py."""

    product: Product = stored("What is recommended.")
    kind: RecommendationKind = stored("Why it stands here, for programs.")
    score: float = stored("How well it fits; comparable within one list.")
    why: list[str] = stored("Why it stands here, in words that a shop can show; in English.")
    personalized: bool = stored("Whether the person's purchases shaped the list; not without PERSONALIZATION.")


@strawberry.type(description="An offer for a person.")
class PersonalOffer:
    """Made by services/personal_offers.py."""

    offer: Offer = relation(offers.any_by_ids, "The offer.", key=lambda one: one["offerId"])
    score: float = stored("How well it fits; comparable within one list.")
    why: list[str] = stored("Why it fits, in words that a shop can show; in English.")
    personalized: bool = stored("Whether the person's purchases shaped the list; not without PERSONALIZATION.")
    eligibility: OfferEligibility = stored("Whether a cart with the right things gets it, here and now.")
