"""Redeems offers within a sale: judged anew as a quote judges them, and counted in the sale's transaction.

Order of locks: the buyer's account first, then the counters of limited offers by their ids.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from crm.ids import OFFER, OFFER_REDEMPTION, prefix_of
from crm.offers.basket import Basket, basket_of
from crm.offers.eligibility import CART_LACKS, Reason, needs_buyer
from crm.offers.quoting import Candidate, OfferResult, priced_named
from crm.offers.values import Buyer, Cart, CartLine, IneligibilityCode, Offer, OfferKind
from crm.offers.words import message
from crm.refusals import Refusal, UserErrorCode, invalid, not_found
from services import rewards
from services.audience import with_audience
from services.buyers import buyer_of
from services.context import Call
from services.engagement import zone_of
from services.inputs import RecordPurchaseInput
from services.offer_usage import FoundCode, find_codes, judged, usages
from services.offers_back import redemption_fact
from services.outcomes import user_error
from services.standing import Standing
from store import customers, offer_codes, offer_redemptions
from store import offers as stored
from store.client import Document, Tx
from store.outbox import Fact

Path = tuple[str, ...]

EXHAUSTED = frozenset(
    {
        IneligibilityCode.CUSTOMER_LIMIT_REACHED,
        IneligibilityCode.OFFER_LIMIT_REACHED,
        IneligibilityCode.BUDGET_SPENT,
    }
)


@dataclass(slots=True, kw_only=True)
class Redeemed:
    """What a sale redeemed: the offers that give it anything, and what there is to tell."""

    offers: list[Offer] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class _Sale:
    """A sale while its offers are looked up; `fields` says where each was named, `codes` which code unlocked it."""

    purchase: Document
    standing: Standing | None
    accept: bool
    fields: dict[str, Path] = field(default_factory=dict)
    codes: dict[str, list[FoundCode]] = field(default_factory=dict)
    warnings: list[Refusal] = field(default_factory=list)

    @property
    def customer_id(self) -> str | None:
        return self.standing.customer_id if self.standing else None

    def refuse(self, problem: Refusal) -> None:
        """Refuse the sale, or only warn where its till could not ask."""
        if not self.accept:
            raise problem
        self.warnings.append(problem)


def names_offers(input: RecordPurchaseInput) -> bool:
    """Whether a sale may redeem offers."""
    return bool(input.offer_ids or input.codes)


async def limited_offers(call: Call, input: RecordPurchaseInput, found: Mapping[str, Document]) -> list[str]:
    """Return which of a sale's offers have something that all sales share, by id, as far as this process knows.

    Their sales wait for each other here instead of colliding in MongoDB.
    """
    known = (await call.shop.known.offers()).by_id
    named = {*(input.offer_ids or ()), *(key.get("offerId", key["ref"]) for key in found.values())}
    limits = {id_: known[id_].limits for id_ in named if id_ in known}
    return sorted(id_ for id_, one in limits.items() if one.total is not None or one.budget is not None)


async def redeem(
    call: Call, input: RecordPurchaseInput, standing: Standing | None, purchase: Document, *, tx: Tx
) -> Redeemed:
    """Redeem the offers a sale names and those of its codes, use its rewards' codes, and note all in the purchase.

    Raises:
        Refusal: with the index in offerIds or codes. NOT_FOUND for an offer that is not there, OFFER_NOT_ELIGIBLE with
            the reason, OFFER_EXHAUSTED for a limit, a budget or a used code. Of an offline till (`acceptOffers`) most
            of these are warnings.
    """
    sale = _Sale(purchase=purchase, standing=standing, accept=input.accept_offers)
    found = await find_codes(call, input.codes or (), tx=tx)
    await rewards.use_codes(call, [code for code in found if code.of_reward], purchase, tx=tx)
    _name(sale, input, [code for code in found if not code.of_reward])
    if not sale.fields:
        return Redeemed()
    offers = await _offers(call, sale, tx=tx)
    basket, buyer = await _cart(call, sale, offers, tx=tx)
    results = await _judge(call, sale, offers, basket, buyer, tx=tx)
    redemptions = [_redemption(call, sale, result, basket) for result in results]
    await _count(call, sale, results, tx=tx)
    await _use_codes(call, sale, redemptions, tx=tx)
    await _hand_out(call, sale, results, redemptions, tx=tx)
    purchase["redemptions"] = redemptions
    await offer_redemptions.insert(call.database, _rows(purchase, basket.cart.local_at), tx=tx)
    if sale.warnings:
        purchase["warnings"] = [user_error(problem) for problem in sale.warnings]
    facts = [redemption_fact(purchase, redemption, "REDEEMED") for redemption in redemptions]
    return Redeemed(offers=[result.offer for result in results if _gives(result)], facts=facts)


def _gives(result: OfferResult) -> bool:
    """Whether an offer gives anything: not one that an offline till applied to a cart that lacks what it is about."""
    return not any(reason.code in CART_LACKS for reason in result.reasons)


def _name(sale: _Sale, input: RecordPurchaseInput, codes: Iterable[FoundCode]) -> None:
    """Note every offer that the sale names, by id or by a code that its buyer may use."""
    for index, id_ in enumerate(input.offer_ids or ()):
        if prefix_of(id_) != OFFER:
            raise invalid("This is not an id of an offer.", "offerIds", str(index))
        sale.fields.setdefault(id_, ("offerIds", str(index)))
    for code, problem in judged(codes, sale.customer_id, sale.codes):
        if problem and code.offer_id is None:
            raise problem  # there is nothing that an offline till could have applied
        if problem:
            sale.refuse(problem)
        if code.offer_id:
            sale.fields.setdefault(code.offer_id, ("codes", str(code.index)))
            sale.codes.setdefault(code.offer_id, []).append(code)


async def _offers(call: Call, sale: _Sale, *, tx: Tx) -> list[Offer]:
    """Return the offers named, in the version that holds now, addressed to the buyer where they are."""
    documents = await stored.by_ids(call.database, list(sale.fields), tx=tx)
    found: list[Offer] = []
    for document, path in zip(documents, sale.fields.values(), strict=True):
        if document is None:
            raise not_found("No such offer.", *path)
        found.append(stored.value(document, call.shop.currency_digits))
    named = [offer.id for offer in found if offer.conditions.customers is not None]
    if not (named and sale.customer_id):
        return found
    own = await stored.addressed(call.database, sale.customer_id, named, tx=tx)
    return [with_audience(offer, sale.customer_id) if offer.id in own else offer for offer in found]


async def _cart(call: Call, sale: _Sale, offers: Sequence[Offer], *, tx: Tx) -> tuple[Basket, Buyer | None]:
    """Return what was bought, and who bought where an offer asks for it."""
    purchase = sale.purchase
    at, zone = purchase["occurredAt"], await zone_of(call, purchase["storeCode"], tx=tx)
    lines = [
        CartLine(
            line_number=line["lineNumber"],
            sku=line["sku"],
            category=line.get("category"),
            quantity=line["quantity"],
            unit_price=line["unitPrice"],
        )
        for line in purchase["lines"]
    ]
    cart = Cart(
        lines=tuple(lines),
        channel=purchase["channel"],
        store_code=purchase["storeCode"],
        at=at,
        local_at=at.astimezone(zone),
        currency_digits=call.shop.currency_digits,
    )
    buyer = None
    if sale.standing and any(needs_buyer(offer) for offer in offers):
        person = await customers.get(call.database, sale.standing.customer_id, tx=tx)
        buyer = buyer_of(person, sale.standing.steps, at) if person else None
    return basket_of(cart), buyer


async def _judge(
    call: Call, sale: _Sale, offers: Sequence[Offer], basket: Basket, buyer: Buyer | None, *, tx: Tx
) -> list[OfferResult]:
    """Return what each offer does to the cart, in the order in which they apply; refuse one that does not apply."""
    used = await usages(call, offers, sale.customer_id, basket.cart.local_at, tx=tx)
    candidates = [Candidate(offer=one, usage=used[one.id], code_sent=one.id in sale.codes) for one in offers]
    priced = priced_named(basket, candidates, buyer, accept=sale.accept)
    by_id = {result.offer.id: result for result in priced.offers}
    for id_, path in sale.fields.items():
        if why := by_id[id_].reasons:
            sale.refuse(_refusal(call, why, path))
    return list(priced.offers)


def _refusal(call: Call, why: Sequence[Reason], path: Path) -> Refusal:
    """Return the refusal of an offer that does not apply, with every reason: exhausted where only its limits say no."""
    exhausted = all(reason.code in EXHAUSTED for reason in why)
    code = UserErrorCode.OFFER_EXHAUSTED if exhausted else UserErrorCode.OFFER_NOT_ELIGIBLE
    currency, digits = call.shop.currency, call.shop.currency_digits
    told = " ".join(f"{reason.code.value}: {message(reason, currency, digits)}" for reason in why)
    return Refusal(code, f"The offer does not apply. {told}", path)


def _redemption(call: Call, sale: _Sale, result: OfferResult, basket: Basket) -> Document:
    """Return a redemption as its purchase keeps it; `lines` are those that must come back for it to come back."""
    lines = [number for number, _ in result.parts]
    named = basket.named(result.offer.conditions) or basket.every_line
    return {
        "id": call.new_id(OFFER_REDEMPTION),
        "offerId": result.offer.id,
        "version": result.offer.version,
        "discount": result.discount or 0,
        "at": sale.purchase["occurredAt"],
        "returned": False,
        "lines": lines or [basket.lines[index].line_number for index in named],
    }


def _rows(purchase: Document, local_at: datetime) -> list[Document]:
    return [
        {
            "_id": one["id"],
            "owner": purchase["owner"],
            "offerId": one["offerId"],
            "purchaseId": purchase["_id"],
            "day": local_at.date().isoformat(),
            "discount": one["discount"],
            "returned": False,
        }
        for one in purchase["redemptions"]
    ]


async def _count(call: Call, sale: _Sale, results: Iterable[OfferResult], *, tx: Tx) -> None:
    """Count the redemptions of limited offers, by the offers' ids: two sales never wait for each other."""
    for result in sorted(results, key=lambda one: one.offer.id):
        offer, discount = result.offer, result.discount or 0
        total, budget = offer.limits.total, offer.limits.budget
        if total is None and budget is None:
            continue
        if sale.accept:
            await offer_redemptions.add(call.database, offer.id, discount, tx=tx)
        elif not await offer_redemptions.take(call.database, offer.id, discount, total=total, budget=budget, tx=tx):
            raise Refusal(UserErrorCode.OFFER_EXHAUSTED, "The offer is exhausted.", sale.fields[offer.id])


async def _use_codes(call: Call, sale: _Sale, redemptions: Iterable[Document], *, tx: Tx) -> None:
    """Let the single-use codes be used; a redemption keeps whose code it used, so that it can be used again."""
    used = {"status": offer_codes.USED, "purchaseId": sale.purchase["_id"]}
    for redemption in redemptions:
        redemption["codes"] = []
        for code in sale.codes.get(redemption["offerId"], ()):
            if code.issued is None:
                continue
            owner, id_ = code.issued["owner"], code.issued["_id"]
            if await offer_codes.set_status(call.database, owner, id_, offer_codes.ISSUED, used, tx=tx):
                redemption["codes"].append({"id": id_, "owner": owner})


async def _hand_out(
    call: Call, sale: _Sale, results: Iterable[OfferResult], redemptions: Iterable[Document], *, tx: Tx
) -> None:
    """Give the buyer the code of the reward that an offer hands out."""
    for result, redemption in zip(results, redemptions, strict=True):
        if result.offer.kind is not OfferKind.REWARD_CODE or sale.standing is None or not _gives(result):
            continue
        reward_id, path = result.offer.reward_id or "", sale.fields[result.offer.id]
        try:
            given = await rewards.give(call, sale.standing, reward_id, path, tx=tx)
        except Refusal as problem:
            sale.refuse(problem)
            continue
        redemption |= {"rewardCode": given["code"], "reward": given}
