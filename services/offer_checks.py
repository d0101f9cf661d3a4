"""What must hold of an offer before it is saved: its own rules, and that all it names is there."""

from collections.abc import Iterable, Sequence

from crm.ids import REWARD, TIER, prefix_of, product_id, store_id
from crm.offers.validity import check_offer
from crm.refusals import Refusal, invalid, not_found
from services.context import Call
from services.lookup import PROBLEMS_MAX
from store import offers, shop
from store.client import Document, Tx
from store.collections import PRODUCTS, STORES

_SKUS = (("conditions", "skus"), ("conditions", "requiredSkus"), ("getSkus",))


async def offer_problems(call: Call, offer: Document, audience: Sequence[str] | None, *, tx: Tx) -> list[Refusal]:
    """Return everything that is wrong with an offer as it would be stored; the first hundred.

    INVALID for what contradicts itself, NOT_FOUND for a SKU that is neither saved nor sold, a category, a store, a
    tier of any version of the programme, or a reward that is not there.
    """
    missing = [name for name in ("title", "kind") if offer[name] is None]
    if missing:
        return [invalid("An offer needs it.", name) for name in missing]
    problems = list(check_offer(offers.value(offer, call.shop.currency_digits)))
    if audience is not None and not audience:
        problems.append(invalid("An offer for named customers names one at least.", "conditions", "customers"))
    problems += await _unknown_products(call, offer, tx=tx)
    problems += await _unknown_places(call, offer["conditions"], tx=tx)
    problems += await _unknown_in_programme(call, offer)
    return problems[:PROBLEMS_MAX]


def _at(offer: Document, path: Sequence[str]) -> Sequence[str]:
    part = offer
    for name in path[:-1]:
        part = part[name]
    return part[path[-1]] or ()


async def _unknown_products(call: Call, offer: Document, *, tx: Tx) -> list[Refusal]:
    named = {path: _at(offer, path) for path in _SKUS}
    ids = list(dict.fromkeys(product_id(sku) for skus in named.values() for sku in skus))
    found = await shop.existing(call.database, PRODUCTS, ids, tx=tx)
    problems: list[Refusal] = []
    for path, skus in named.items():
        problems += _missing("No such product.", path, skus, {sku for sku in skus if product_id(sku) in found})
    categories = offer["conditions"]["categories"] or ()
    known = await shop.known_categories(call.database, categories, tx=tx)
    return problems + _missing("No product has this category.", ("conditions", "categories"), categories, known)


async def _unknown_places(call: Call, conditions: Document, *, tx: Tx) -> list[Refusal]:
    codes = conditions["storeCodes"] or ()
    found = await shop.existing(call.database, STORES, [store_id(code) for code in codes], tx=tx)
    there = {code for code in codes if store_id(code) in found}
    return _missing("No such store.", ("conditions", "storeCodes"), codes, there)


async def _unknown_in_programme(call: Call, offer: Document) -> list[Refusal]:
    """Return the tiers and the reward that no version of the programme has."""
    versions = (await call.shop.known.programs()).versions
    tiers, reward = offer["conditions"]["tiers"] or (), offer["rewardId"]
    known = {tier.id for version in versions for tier in version.tiers}
    path = ("conditions", "tiers")
    problems = [
        invalid("This is an id of another type.", *path, str(index))
        for index, id_ in enumerate(tiers)
        if prefix_of(id_) != TIER
    ]
    problems += _missing("No such tier.", path, tiers, known | {id_ for id_ in tiers if prefix_of(id_) != TIER})
    if reward is not None and prefix_of(reward) != REWARD:
        problems.append(invalid("This is an id of another type.", "rewardId"))
    elif reward is not None and not any(one.id == reward for version in versions for one in version.rewards):
        problems.append(not_found("No such reward.", "rewardId"))
    return problems


def _missing(message: str, path: Sequence[str], named: Sequence[str], known: Iterable[str]) -> list[Refusal]:
    there = set(known)
    return [not_found(message, *path, str(index)) for index, one in enumerate(named) if one not in there]
