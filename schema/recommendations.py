"""What is recommended to a person, and why."""

import strawberry

from crm.taste.ranking import RecommendationKind
from schema.fields import stored
from schema.shop import Product


@strawberry.type(description="A product for a person.")
class Recommendation:
    """Made by services/recommendations.py."""

    product: Product = stored("What is recommended.")
    kind: RecommendationKind = stored("Why it stands here, for programs.")
    score: float = stored("How well it fits; comparable within one list.")
    why: list[str] = stored("Why it stands here, in words that a shop can show; in English.")
    personalized: bool = stored("Whether the person's purchases shaped the list; not without PERSONALIZATION.")
