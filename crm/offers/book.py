"""All live offers, filed so that a cart meets those that may apply and none of the thousands that cannot.

Every offer stands under what is rarest of what it asks for: named customers, a code, its SKUs, one of the SKUs it
requires, its categories, its stores, its tiers, its channels, or nothing. A cart asks for what it has of each. The
work is that of the offers found, and of the cart's own size.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from crm.offers.basket import Basket
from crm.offers.discounts import in_order
from crm.offers.eligibility import Reason
from crm.offers.quoting import OfferResult
from crm.offers.values import Buyer, IneligibilityCode, Offer, OfferKind

Key = tuple[str, str]
"""What an offer is filed under: the name of a shelf and a value."""

EVERYWHERE: Key = ("everywhere", "")

GIVING = frozenset({OfferKind.BUY_X_GET_Y, OfferKind.FREE_ITEM})
"""The kinds that give units away, and nothing where none of these are in the cart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """Offers by what they ask for; make it with `book_of`.

    `public` are the offers that anybody may see: without code and named customers, in the order in which they are
    shown where nothing tells them apart.
    """

    by_id: dict[str, Offer]
    shelves: dict[Key, tuple[Offer, ...]]
    public: tuple[Offer, ...]

    def candidates(self, basket: Basket, buyer: Buyer | None, unlocked: Collection[str]) -> list[Offer]:
        """Return the offers that may apply to a cart, each once; `unlocked` are the ids whose code was sent.

        No offer that is left out could apply.
        """
        found = {offer.id: offer for offer in self._found(basket, buyer)}
        found |= {id_: self.by_id[id_] for id_ in unlocked if id_ in self.by_id}
        return list(found.values())

    def _found(self, basket: Basket, buyer: Buyer | None) -> Iterator[Offer]:
        for key in _keys_of_cart(basket, buyer):
            yield from self.shelves.get(key, ())


def book_of(offers: Iterable[Offer]) -> Book:
    """File offers; of each id one version."""
    by_id = {offer.id: offer for offer in offers}
    shelves: dict[Key, list[Offer]] = {}
    for offer in by_id.values():
        for key in _keys_of_offer(offer):
            shelves.setdefault(key, []).append(offer)
    return Book(
        by_id=by_id,
        shelves={key: tuple(filed) for key, filed in shelves.items()},
        public=tuple(sorted((offer for offer in by_id.values() if is_public(offer)), key=in_order)),
    )


def is_public(offer: Offer) -> bool:
    """Whether anybody may see the offer: it needs no code and names no customers."""
    return not offer.conditions.requires_code and offer.conditions.customers is None


def _keys_of_offer(offer: Offer) -> list[Key]:
    """Return the keys that an offer is filed under: whoever it applies to asks for one of them."""
    conditions = offer.conditions
    if conditions.requires_code:
        return []  # found by its id once the code was sent
    if conditions.customers is not None:
        return [("customer", id_) for id_ in conditions.customers]
    for shelf, names in (
        ("sku", conditions.skus),
        ("sku", frozenset(sorted(conditions.required_skus or ())[:1]) or None),
        ("sku", frozenset(offer.get_skus) if offer.kind in GIVING and offer.get_skus else None),
        ("category", conditions.categories),
        ("store", conditions.store_codes),
        ("tier", conditions.tiers),
        ("tag", frozenset(sorted(conditions.tags or ())[:1]) or None),
        ("channel", conditions.channels),
    ):
        if names is not None:
            return [(shelf, name) for name in names]
    return [EVERYWHERE]


def _keys_of_cart(basket: Basket, buyer: Buyer | None) -> Iterator[Key]:
    yield EVERYWHERE
    yield "channel", basket.cart.channel
    if basket.cart.store_code is not None:
        yield "store", basket.cart.store_code
    for sku in basket.by_sku:
        yield "sku", sku
    for category in basket.by_category:
        yield "category", category
    if buyer is not None:
        yield "customer", buyer.id
        yield "tier", buyer.tier_id
        for tag in buyer.tags:
            yield "tag", tag


_STEPS = {
    IneligibilityCode.NOT_COMBINABLE: 1,
    IneligibilityCode.BELOW_MINIMUM_SPEND: 2,
    IneligibilityCode.BELOW_MINIMUM_QUANTITY: 3,
    IneligibilityCode.PRODUCTS_MISSING: 4,
    IneligibilityCode.CODE_REQUIRED: 5,
    IneligibilityCode.CUSTOMER_REQUIRED: 6,
    IneligibilityCode.TIER_TOO_LOW: 7,
    IneligibilityCode.WRONG_TIME: 8,
    IneligibilityCode.NOT_STARTED: 9,
    IneligibilityCode.WRONG_CHANNEL: 10,
    IneligibilityCode.WRONG_STORE: 11,
    IneligibilityCode.CUSTOMER_LIMIT_REACHED: 12,
    IneligibilityCode.NOT_IN_AUDIENCE: 13,
}
"""How far away each reason is: what another item in the cart changes first, what nobody can change last."""

_NEVER = 14


def nearest_first(results: Iterable[OfferResult]) -> list[OfferResult]:
    """Return results in the order in which a quote shows them: applied first, then the nearest to unlock.

    The nearest is the one whose farthest reason is the nearest kind, then that with fewer reasons, then with less
    money, quantity and points missing, then the earlier; then as offers apply.
    """
    shown = list(results)
    applied = [one for one in shown if one.applied]
    return applied + sorted((one for one in shown if not one.applied), key=_distance)


def _distance(result: OfferResult) -> tuple[object, ...]:
    why: Sequence[Reason] = result.reasons
    times = [reason.available_at for reason in why if reason.available_at is not None]
    return (
        max((_STEPS.get(reason.code, _NEVER) for reason in why), default=0),
        len(why),
        sum(reason.missing_amount or 0 for reason in why),
        sum(reason.missing_quantity or 0 for reason in why),
        sum(reason.missing_points or 0 for reason in why),
        max(times).timestamp() if times else 0.0,
        in_order(result.offer),
    )
