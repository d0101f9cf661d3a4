"""The offers that fit a person: public ones and those addressed to the person, the best fitting first.

Eligibility is judged without a cart: what only a cart can lack (products, a minimum) is left out, so `eligible` says
that a cart with the right things in it gets the offer, here and now.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from crm.offers.basket import basket_of
from crm.offers.book import is_public
from crm.offers.eligibility import CART_LACKS, Reason, reasons
from crm.offers.values import Buyer, Cart, IneligibilityCode, Offer
from crm.taste import why
from crm.taste.counters import NOTHING, Taste, taste_of
from crm.taste.offer_scoring import Fit, Subjects
from services.audience import ASKED_MAX, with_audience
from services.buyers import buyer_of
from services.context import Call
from services.offer_usage import usage_of
from services.quotes import reason_document
from store import ledger, offer_redemptions, shop, tastes
from store import offers as stored
from store.client import Document
from store.collections import PRODUCTS
from store.offer_redemptions import Counted


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedOffers:
    """One person's list that is asked for, and from where."""

    customer_id: str
    personalized: bool
    first_at: datetime | None
    buyer: Buyer = field(compare=False)
    store_code: str | None
    channel: str | None
    only_channel: str | None
    first: int


def wanted_offers(
    call: Call,
    customer: Document,
    *,
    personalized: bool,
    store_code: str | None,
    channel: str | None,
    only_channel: str | None,
    first: int,
) -> WantedOffers:
    """Return what is asked for about one customer.

    Args:
        store_code, channel: where the question comes from.
        only_channel: leaves out what does not hold there.
    """
    return WantedOffers(
        customer_id=customer["_id"],
        personalized=personalized,
        first_at=customer["metrics"].get("firstPurchaseAt"),
        buyer=buyer_of(customer, ledger.steps_value(customer["tierSteps"]), call.now),
        store_code=store_code,
        channel=only_channel or channel,
        only_channel=only_channel,
        first=first,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """One offer for one person."""

    offer: Offer
    fit: Fit
    why_not: tuple[Reason, ...]


async def offers_for(call: Call, wanted: Sequence[WantedOffers]) -> list[list[Document]]:
    """Return each person's list, those that can be had now first, then by score; as `PersonalOffer` has it."""
    live = await call.shop.known.offers()
    people = sorted({one.customer_id for one in wanted})
    asked = live.addressed if len(live.addressed) <= ASKED_MAX else None
    own = await stored.addressed_to_each(call.database, people, asked) if live.addressed else {}
    candidates = [_candidates(call, one, live.by_id, own.get(one.customer_id, frozenset())) for one in wanted]
    used = await _used(call, people, {offer.id: offer for list_ in candidates for offer in list_}.values())
    taste = await _tastes(call, [one.customer_id for one in wanted if one.personalized])
    subjects = await call.shop.known.offer_subjects(live)
    judged = [
        _judge(call, one, list_, subjects, taste.get(one.customer_id, NOTHING), used)
        for one, list_ in zip(wanted, candidates, strict=True)
    ]
    named = {one.fit.product for list_ in judged for one in list_ if one.fit.product}
    titles = await shop.existing(call.database, PRODUCTS, sorted(named))
    return [
        [_told(call, one, judged_, taste.get(one.customer_id, NOTHING), titles) for judged_ in list_]
        for one, list_ in zip(wanted, judged, strict=True)
    ]


def _candidates(call: Call, wanted: WantedOffers, live: Mapping[str, Offer], own: frozenset[str]) -> list[Offer]:
    """Return the offers that have begun and are public or addressed to the person, in the channel asked for."""
    found = []
    for offer in live.values():
        conditions = offer.conditions
        if not (is_public(offer) or offer.id in own) or (offer.starts_at is not None and offer.starts_at > call.now):
            continue
        if wanted.only_channel and conditions.channels and wanted.only_channel not in conditions.channels:
            continue
        found.append(with_audience(offer, wanted.customer_id) if offer.id in own else offer)
    return found


async def _tastes(call: Call, people: Sequence[str]) -> dict[str, Taste]:
    stored_ = await tastes.of_owners(call.database, sorted(set(people)), call.now.year) if people else {}
    return {person: taste_of(documents) for person, documents in stored_.items()}


@dataclass(frozen=True, slots=True)
class _Used:
    """What was redeemed so far: of each offer by everybody, and the days on which each person did."""

    by_all: Mapping[str, Counted]
    by_person: Mapping[tuple[str, str], Sequence[str]]


async def _used(call: Call, people: Sequence[str], offers: Iterable[Offer]) -> _Used:
    limited = list(offers)
    shared = [one.id for one in limited if one.limits.total is not None or one.limits.budget is not None]
    personal = [one.id for one in limited if one.limits.per_customer is not None or one.limits.per_period is not None]
    return _Used(
        await offer_redemptions.counters(call.database, shared),
        await offer_redemptions.by_people(call.database, people, personal),
    )


def _judge(
    call: Call, wanted: WantedOffers, offers: Sequence[Offer], subjects: Subjects, taste: Taste, used: _Used
) -> list[_Judged]:
    """Return the first of a person's offers, each with how well it fits and what stands in its way."""
    fits = subjects.fits(taste, call.now)
    local_at = call.now.astimezone(call.shop.time_zone)
    cart = Cart(
        lines=(),
        channel=wanted.channel or "",
        store_code=wanted.store_code,
        at=call.now,
        local_at=local_at,
        currency_digits=call.shop.currency_digits,
    )
    basket = basket_of(cart)
    judged = []
    for offer in offers:
        days = used.by_person.get((wanted.customer_id, offer.id), ())
        usage = usage_of(offer, used.by_all.get(offer.id, Counted()), days, local_at)
        found = reasons(offer, basket, wanted.buyer, usage)
        why_not = tuple(reason for reason in found if _counts(reason, wanted))
        if any(reason.code is IneligibilityCode.NOT_IN_AUDIENCE and not reason.available_at for reason in why_not):
            continue  # addressed to others by tags or attributes
        judged.append(_Judged(offer=offer, fit=fits.get(offer.id, Fit(score=0.0)), why_not=why_not))
    judged.sort(key=lambda one: (bool(one.why_not), -one.fit.score, one.offer.id))
    return judged[: wanted.first]


def _counts(reason: Reason, wanted: WantedOffers) -> bool:
    """Whether a reason is one without a cart; place and channel only count where the question comes from one."""
    if reason.code is IneligibilityCode.WRONG_CHANNEL:
        return wanted.channel is not None
    if reason.code is IneligibilityCode.WRONG_STORE:
        return wanted.store_code is not None
    return reason.code not in CART_LACKS


def _told(call: Call, wanted: WantedOffers, one: _Judged, taste: Taste, products: Mapping[str, Document]) -> Document:
    return {
        "offerId": one.offer.id,
        "score": one.fit.score,
        "why": _why(call, wanted, one, taste, products),
        "personalized": wanted.personalized,
        "eligibility": {
            "eligible": not one.why_not,
            "reasons": [reason_document(call, reason) for reason in one.why_not],
        },
    }


def _why(call: Call, wanted: WantedOffers, one: _Judged, taste: Taste, products: Mapping[str, Document]) -> list[str]:
    words: list[str] = []
    product = products.get(one.fit.product or "")
    category = one.fit.category
    if category is not None:
        counter = taste.categories.get(category)
        rhythm = why.rhythm(category, counter, first=wanted.first_at, now=call.now)
        words += [rhythm or why.bought_of(category)]
    if product is not None:
        words.append(why.bought_title(product["title"], taste.products[product["_id"]]))
    if not words and one.offer.conditions.customers is not None:
        return [why.FOR_YOU]
    return words or [why.FOR_EVERYBODY]
