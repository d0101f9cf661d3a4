"""What a cart comes to for a customer before it is bought: everything a sale would do, looked at and not done.

The offers are applied by the function that a sale's are (crm/offers/quoting.py), and points are rated by the one that
rates a sale (`stored_sale.rate`), so the quote of a cart and its sale come to the same. Nothing is written.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crm.ids import product_id
from crm.offers.basket import Basket, basket_of
from crm.offers.book import nearest_first
from crm.offers.eligibility import NO_POINTS, Reason, reasons
from crm.offers.quoting import Candidate, Deduction, OfferResult, Priced, priced_best
from crm.offers.values import Buyer, Cart, CartLine, Offer
from crm.offers.words import message
from crm.refusals import Refusal, UserErrorCode, invalid
from loyalty.points import POINTS_MAX
from services.context import Call
from services.engagement import zone_of
from services.offer_usage import find_codes
from services.outcomes import user_error
from services.products import new_things
from services.quote_inputs import CartInput
from services.quoted_offers import candidates
from services.quoted_payments import Payments, name_codes, redeem, use_reward_codes
from services.quoted_points import earnings_of
from services.selling import LINE_UNITS_MAX, PlaceOfSale, line_amount, place_of
from services.shoppers import Shopper, named_shopper, points_to_tiers, shopper
from store.client import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """A quote: `document` as clients see it, `purchase` as far as loyalty knows a stored sale, and for whom.

    `results` are the offers that cart, customer or codes have to do with, in the order in which they are shown;
    `others` public ones that could not apply, judged only when somebody asks for so many.
    """

    document: Document
    purchase: Document
    who: Shopper | None
    basket: Basket
    buyer: Buyer | None
    points_to: Mapping[str, int]
    results: Sequence[OfferResult]
    others: Sequence[Candidate]


async def quote(call: Call, input: CartInput) -> Quoted:
    """Return what a cart comes to.

    Raises:
        Refusal: CURRENCY_MISMATCH, FORBIDDEN and INVALID as a sale has them; NOT_FOUND for a customer who is not there
            or is not the caller.
    """
    place, own = _check(call, input)
    customer_id = await named_shopper(call, input.customer, "customer")
    if customer_id is None and (input.points is not None or input.reward_ids):
        raise invalid("Points and rewards need their customer.", "customer")
    who, cart, codes = await asyncio.gather(
        _shopper(call, customer_id), _cart(call, input, place), find_codes(call, input.codes or ())
    )
    basket, payments = basket_of(cart), Payments(deductions=own)
    of_rewards = name_codes(payments, codes, customer_id)
    await use_reward_codes(call, payments, of_rewards, basket, customer_id)
    if who:
        await redeem(call, payments, input, who, basket)
    return await _quoted(call, input, basket, payments, who)


def _check(call: Call, input: CartInput) -> tuple[PlaceOfSale, list[Deduction]]:
    """Return where the cart would be bought, and what the till itself takes off its lines."""
    digits = call.shop.currency_digits
    place = place_of(call.caller, input)
    if input.currency_code != call.shop.currency:
        raise Refusal(UserErrorCode.CURRENCY_MISMATCH, f"The currency here is {call.shop.currency}.", ("currencyCode",))
    own: list[Deduction] = []
    whole = 0
    for index, line in enumerate(input.lines):
        amount = line_amount(line, index, digits)
        if line.discount > amount:
            raise invalid("A line never comes to less than 0.", "lines", str(index), "discount")
        off = line.discount if line.total is None else max(0, amount - line.total)
        own += [Deduction(amount=off, line_number=line.line_number)] if off else []
        whole += amount
    if whole > LINE_UNITS_MAX * 10**digits:
        raise invalid("A cart comes to at most 10^12.", "lines")
    return place, own


async def _shopper(call: Call, customer_id: str | None) -> Shopper | None:
    return await shopper(call, customer_id, "customer") if customer_id else None


async def _cart(call: Call, input: CartInput, place: PlaceOfSale) -> Cart:
    """Return the cart with the categories that a sale would store, in local time."""
    things, zone = await asyncio.gather(
        new_things(call, input.lines, place.store_code), zone_of(call, place.store_code)
    )
    lines = [
        CartLine(
            line_number=line.line_number,
            sku=line.sku,
            category=line.category or things.products.get(product_id(line.sku), {}).get("category"),
            quantity=line.quantity,
            unit_price=line.unit_price,
        )
        for line in input.lines
    ]
    return Cart(
        lines=tuple(lines),
        channel=input.channel.value,
        store_code=place.store_code,
        at=call.now,
        local_at=call.now.astimezone(zone),
        currency_digits=call.shop.currency_digits,
    )


async def _quoted(call: Call, input: CartInput, basket: Basket, payments: Payments, who: Shopper | None) -> Quoted:
    """Let the best offers apply, and return what the cart comes to."""
    found = await candidates(call, payments, basket, who)
    earnings = await earnings_of(call, who, _purchase(input, basket, basket.amounts)) if who else None
    points_to = await points_to_tiers(call, who) if who and found.asks_for_tiers else NO_POINTS

    def points_of(left: tuple[int, ...], chosen: tuple[Offer, ...]) -> int:
        return earnings.points(_purchase(input, basket, left), chosen) if earnings else 0

    priced = priced_best(
        basket, found.first, found.buyer, points_of=points_of, points_to=points_to, deductions=payments.deductions
    )
    if priced.points > POINTS_MAX:
        raise invalid(f"These points would be beyond {POINTS_MAX}.", "lines")
    totals = {line.line_number: line.total for line in priced.lines}
    purchase = _purchase(input, basket, [totals[line.line_number] for line in basket.lines])
    if earnings:
        rated = earnings.rated(purchase, priced.applied)
        purchase |= {"qualifying": rated.earned, "qualifyingSpend": rated.base}
    return Quoted(
        document=_document(input, basket, priced, payments),
        purchase=purchase,
        who=who,
        basket=basket,
        buyer=found.buyer,
        points_to=points_to,
        results=nearest_first(priced.offers),
        others=found.others,
    )


def shown(call: Call, quoted: Quoted, number: int) -> list[Document]:
    """Return the offers that a quote shows first, as clients see them."""
    results = list(quoted.results[:number])
    if len(results) < number:
        others = [_judged(quoted, one) for one in quoted.others]
        results += nearest_first(others)[: number - len(results)]
    return [_offer(call, one) for one in results]


def _judged(quoted: Quoted, one: Candidate) -> OfferResult:
    why = reasons(
        one.offer,
        quoted.basket,
        quoted.buyer,
        one.usage,
        code_sent=one.code_sent,
        points_to=quoted.points_to,
    )
    return OfferResult(offer=one.offer, applied=False, reasons=why)


def _purchase(input: CartInput, basket: Basket, totals: Sequence[int]) -> Document:
    """Return the cart as a stored sale, as far as loyalty asks; `totals` are in the order of the basket's lines.

    Where the tax contained is more than what is left to pay, nothing is left that earns.
    """
    goods = sum(totals)
    tax = min(input.tax_total, goods) if input.tax_included else input.tax_total
    cart = basket.cart
    return {
        "occurredAt": cart.at,
        "channel": cart.channel,
        "storeCode": cart.store_code,
        "lines": [
            {"lineNumber": line.line_number, "sku": line.sku, "quantity": line.quantity, "total": total}
            | ({"category": line.category} if line.category else {})
            for line, total in zip(basket.lines, totals, strict=True)
        ],
        "taxTotal": tax,
        "total": goods if input.tax_included else goods + tax,
        "returns": [],
    }


def _document(input: CartInput, basket: Basket, priced: Priced, payments: Payments) -> Document:
    """Return the quote as clients see it, without its offers."""
    goods = priced.subtotal - priced.discount_total
    warnings = payments.warnings
    if input.tax_included and input.tax_total > goods:
        warnings = [*warnings, invalid("The tax is more than the total.", "taxTotal")]
    cart_lines = {line.line_number: line for line in basket.lines}
    return {
        "lines": [
            {
                "lineNumber": line.line_number,
                "sku": cart_lines[line.line_number].sku,
                "quantity": cart_lines[line.line_number].quantity,
                "unitPrice": cart_lines[line.line_number].unit_price,
                "discount": line.discount,
                "total": line.total,
            }
            for line in priced.lines
        ],
        "subtotal": priced.subtotal,
        "discountTotal": priced.discount_total,
        "taxTotal": input.tax_total,
        "total": goods if input.tax_included else goods + input.tax_total,
        "pointsToEarn": priced.points,
        "warnings": [user_error(problem.under("cart")) for problem in warnings],
    }


def _offer(call: Call, result: OfferResult) -> Document:
    reasons = [reason_document(call, reason) for reason in result.reasons]
    return {
        "offerId": result.offer.id,
        "applied": result.applied,
        "discount": result.discount,
        "points": None if result.points is None else min(result.points, POINTS_MAX),
        "eligibility": {"eligible": not reasons, "reasons": reasons},
    }


def reason_document(call: Call, reason: Reason) -> dict[str, Any]:
    """Return why an offer does not apply, as clients see it."""
    return {
        "code": reason.code.value,
        "message": message(reason, call.shop.currency, call.shop.currency_digits),
        "missingAmount": reason.missing_amount,
        "missingQuantity": reason.missing_quantity,
        "missingPoints": reason.missing_points,
        "availableAt": reason.available_at,
    }
