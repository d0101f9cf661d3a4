"""Records sales: with a customer, their points in the same transaction; without one, to be claimed later."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from pymongo.errors import DuplicateKeyError

from crm.ids import PURCHASE, product_id
from crm.refusals import Refusal, Refusals, UserErrorCode, conflict, invalid
from crm.values import Role
from loyalty.tiers import step_before
from services import tastes
from services.context import Call
from services.earnings import earn_sale, needs_lots
from services.inputs import RecordPurchaseInput
from services.lookup import customer_key, named_customer
from services.outcomes import RECEIPT, Outcome, done, finish, refused, row_by_row, try_again
from services.paying import check_discounts, needs_customer, pay, takes_points
from services.products import NewThings, new_things
from services.redemptions import Redeemed, limited_offers, names_offers, redeem
from services.selling import PlaceOfSale, content_fingerprint, fingerprint, line_totals, place_of
from services.standing import Standing, locked, reconsider_tier, write
from services.stored_sale import key_documents, new_purchase, purchase_fact
from store import customers, keys, ledger, purchases
from store.client import Document, Tx
from store.outbox import Fact

TRIES = 3
LASTING = frozenset(
    {
        UserErrorCode.INSUFFICIENT_POINTS,
        UserErrorCode.HOLD_EXPIRED,
        UserErrorCode.HOLD_NOT_ACTIVE,
        UserErrorCode.REWARD_UNAVAILABLE,
        UserErrorCode.OFFER_NOT_ELIGIBLE,
        UserErrorCode.OFFER_EXHAUSTED,
    }
)
"""Refusals of a batch's row that another try of the same batch repeats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A sale that adds up, not looked up yet."""

    input: RecordPurchaseInput
    place: PlaceOfSale
    totals: Sequence[int]
    fingerprint: str


def check(call: Call, input: RecordPurchaseInput) -> Checked:
    """Return a sale whose numbers, place and currency hold.

    Raises:
        Refusal: INVALID, FORBIDDEN, CURRENCY_MISMATCH or TOTAL_MISMATCH with its field.
    """
    place = place_of(call.caller, input)
    if place.channel is None:
        raise invalid("Name the channel.", "channel")
    if input.currency_code != call.shop.currency:
        raise Refusal(UserErrorCode.CURRENCY_MISMATCH, f"The currency here is {call.shop.currency}.", ("currencyCode",))
    if input.accept_offers and call.caller.role not in (Role.POS, Role.ADMIN):
        raise Refusal(UserErrorCode.FORBIDDEN, "Only a till that could not ask accepts offers.", ("acceptOffers",))
    needs_customer(input)
    totals = line_totals(input, call.shop.currency_digits)
    return Checked(input=input, place=place, totals=totals, fingerprint=fingerprint(input, place))


async def record_purchase(call: Call, input: RecordPurchaseInput) -> Outcome:
    """Record a sale and post its points in one transaction.

    The same external id with the same content gives the first purchase, however often and from wherever it is sent;
    with other content it is a CONFLICT and the first purchase is in the outcome.

    Raises:
        Refusal: everything `check` refuses, and NOT_FOUND for a customer who is not there.
    """
    try:
        sale = check(call, input)
    except Refusal as problem:
        return await _conflict_before(call, input, problem)
    name = keys.purchase(input.external_id.pair)
    named = [customer_key(input.customer)] if input.customer and not input.customer.id else []
    named += [keys.code(code) for code in input.codes or ()]
    for number in range(TRIES + len(input.lines)):  # every try that is lost knows one new product more
        # Where nobody has to be looked up, the first try leaves it to the key's index whether the sale is known.
        found = await keys.find(call.database, [name, *named]) if named or number else {}
        if name in found:
            first = await _again(call, sale, found[name], found)
            if first is not None:
                return first
            continue  # claimed between the two reads
        buyer = named_customer(call, input.customer, found, "customer") if input.customer else None
        things = await new_things(call, input.lines, sale.place.store_code)
        limited = await limited_offers(call, input, found) if names_offers(input) else []
        queues = [*([buyer] if buyer else ()), *limited]
        try:
            purchase = await call.database.transaction(
                lambda tx: _record(call, sale, buyer, things, limited, tx),  # noqa: B023 -- runs within the iteration
                queue=queues,
                threaded=True,
            )
        except DuplicateKeyError:
            continue  # the same sale, or a new product of it, came in elsewhere: read what won
        things.remember(call)
        call.written[purchase["_id"]] = purchase
        return recorded(call, purchase)
    raise try_again("externalId")


async def _conflict_before(call: Call, input: RecordPurchaseInput, problem: Refusal) -> Outcome:
    """Tell a sale that does not add up from one that was recorded before and edited since: that is a CONFLICT.

    Raises:
        Refusal: the problem, where nothing is known under the external id.
    """
    name = keys.purchase(input.external_id.pair)
    edited = problem.code in (UserErrorCode.TOTAL_MISMATCH, UserErrorCode.CURRENCY_MISMATCH)
    found = await keys.find(call.database, [name]) if edited else {}
    if name not in found:
        raise problem
    return _conflict(found[name]["ref"])


def _conflict(purchase_id: str) -> Outcome:
    refusal = conflict("Another sale was recorded under this external id.", "externalId")
    return refused(refusal, purchase=purchase_id, receiptToken=None, warnings=[])


async def _again(call: Call, sale: Checked, key: Document, found: dict[str, Document]) -> Outcome | None:
    """Answer a sale whose external id is known; None where the purchase has just changed hands."""
    (purchase,) = await purchases.owned_by(call.database, [(key["owner"], key["ref"])])
    if purchase is None:
        return None
    if purchase["fingerprint"] == sale.fingerprint and _same_customer(call, sale.input, purchase, found):
        return {**recorded(call, purchase), "replayed": True}
    return _conflict(purchase["_id"])


def _same_customer(call: Call, input: RecordPurchaseInput, purchase: Document, found: dict[str, Document]) -> bool:
    """Whether the sale names whom it named first: by the same key, or by one that now names the same person."""
    if input.customer is None or purchase["customerKey"] is None:
        return input.customer is None and purchase["customerKey"] is None
    text = customer_key(input.customer)
    named = text if input.customer.id else found[text]["ref"] if text in found else None
    return digest(call, text) == purchase["customerKey"] or (named is not None and named == purchase["customerId"])


def digest(call: Call, text: str) -> str:
    """Return a keyed digest: tells whether a key was the same without holding personal data."""
    return hmac.new(call.shop.pepper, text.encode(), hashlib.sha256).hexdigest()[:32]


def receipt_token(call: Call, purchase_id: str) -> str:
    """Return what a receipt of an anonymous sale carries so that its buyer can claim it; never stored."""
    return hmac.new(call.shop.pepper, b"receipt:" + purchase_id.encode(), hashlib.sha256).hexdigest()[:40]


def recorded(call: Call, purchase: Document) -> Outcome:
    """Return the outcome of a purchase that is recorded, now or before."""
    token = receipt_token(call, purchase["_id"]) if purchase["customerId"] is None else None
    return done(purchase=purchase["_id"], receiptToken=token, warnings=purchase.get("warnings", []))


async def with_receipt(call: Call, outcome: Outcome) -> Outcome:
    """Return a stored outcome with the receipt token that is never stored, as long as the purchase is unclaimed."""
    if RECEIPT not in outcome or outcome["userErrors"]:
        return outcome
    (purchase,) = await purchases.by_ids(call.database, [outcome["purchase"]])
    return outcome if purchase is None else {**outcome, RECEIPT: recorded(call, purchase)[RECEIPT]}


async def _record(
    call: Call, sale: Checked, buyer: str | None, things: NewThings, limited: Sequence[str], tx: Tx
) -> Document:
    """Record the sale in a transaction and return its purchase as it is stored."""
    purchase = _purchase(call, sale, buyer, things)
    facts: list[Fact] = []
    standing = await _lock(call, sale.input, buyer, tx=tx) if buyer else None
    # Before points and offers are looked at: it may be known.
    await keys.insert(call.database, key_documents(purchase, limited), tx=tx)
    redeemed = await redeem(call, sale.input, standing, purchase, tx=tx) if names_offers(sale.input) else Redeemed()
    facts += redeemed.facts
    if standing:
        at = purchase["occurredAt"]
        await pay(call, standing, sale.input, purchase, tx=tx)
        tier = step_before(standing.steps, at).tier
        facts += await earn_sale(call, standing, purchase, tier, offers=redeemed.offers, tx=tx)
    check_discounts(call, sale.input, purchase)
    await purchases.insert(call.database, purchase, tx=tx)
    if standing:
        facts += await post(call, standing, purchase, sale.input.total, tx=tx)
    await things.store(call, tx=tx)
    facts = [purchase_fact(purchase), *facts]
    await finish(call, recorded(call, purchase), facts, owner=purchase["owner"], tx=tx)
    return purchase


async def _lock(call: Call, input: RecordPurchaseInput, buyer: str, *, tx: Tx) -> Standing:
    """Lock the buyer's account, with the lots where the sale looks at them."""
    program = (await call.shop.known.programs()).at(input.occurred_at)
    lots = takes_points(input) or needs_lots(program)
    return await locked(call, buyer, "customer", tx=tx, lots=lots, hold_id=input.hold_id)


async def post(call: Call, standing: Standing, purchase: Document, total: int, *, tx: Tx) -> list[Fact]:
    """Write what a sale did to its customer: tier, account, ledger, metrics, tastes."""
    new = purchases.qualifying_sale(purchase)
    tier = await reconsider_tier(call, standing, purchase["occurredAt"], new=new, tx=tx)
    points = await write(call, standing, tx=tx)
    await customers.count_sale(
        call.database,
        standing.customer_id,
        total=total,
        occurred_at=purchase["occurredAt"],
        channel=purchase["channel"],
        steps=ledger.steps_document(standing.steps),
        tx=tx,
    )
    await tastes.count(call, purchase, tx=tx)
    return [*points, *tier]


def _purchase(call: Call, sale: Checked, buyer: str | None, things: NewThings) -> Document:
    sent, place = sale.input, sale.place
    assert place.channel is not None, "checked"
    return new_purchase(
        id_=call.new_id(PURCHASE),
        buyer=buyer,
        customer_key=digest(call, customer_key(sent.customer)) if sent.customer else None,
        external_id=sent.external_id.pair,
        fingerprint=sale.fingerprint,
        channel=place.channel,
        store_code=place.store_code,
        terminal_id=sent.terminal_id,
        occurred_at=sent.occurred_at,
        recorded_at=call.now,
        lines=[_line(sale, index, things) for index in range(len(sent.lines))],
        discount_total=sent.discount_total + sum(line.discount for line in sent.lines),
        tax_total=sent.tax_total,
        tax_included=sent.tax_included,
        total=sent.total,
    )


def _line(sale: Checked, index: int, things: NewThings) -> Document:
    line = sale.input.lines[index]
    product = things.products.get(product_id(line.sku), {})
    document: Document = {
        "lineNumber": line.line_number,
        "sku": line.sku,
        "title": line.title,
        "quantity": line.quantity,
        "unitPrice": line.unit_price,
        "discount": line.discount,
        "total": sale.totals[index],
    }
    category = line.category or product.get("category")
    return {**document, "category": category} if category else document


async def record_purchases(call: Call, rows: Sequence[RecordPurchaseInput | Refusals]) -> list[Outcome]:
    """Record a till's day: each row in a transaction of its own, oldest sale first, results in the order sent."""
    return await row_by_row(call, rows, _row, order=lambda row: (row.occurred_at, row.external_id.pair))


async def _row(call: Call, input: RecordPurchaseInput) -> Outcome:
    """Record one sale of a batch. What the rules refused stays refused: a day sent again must end as it did before.

    Else a row that came too late for its points would be taken at the third try, because a later row earned some.
    """
    if not (takes_points(input) or names_offers(input)):
        return await record_purchase(call, input)
    name = keys.refused(input.external_id.pair)
    content = {"sale": fingerprint(input, place_of(call.caller, input)), "customer": None}
    if input.customer:
        content["customer"] = digest(call, customer_key(input.customer))
    print_ = content_fingerprint(content)
    sold = keys.purchase(input.external_id.pair)
    found = await keys.find(call.database, [name, sold])
    if name in found and sold not in found and found[name]["fingerprint"] == print_:
        return {**found[name]["outcome"], "replayed": True}
    try:
        return await record_purchase(call, input)
    except Refusal as problem:
        if problem.code in LASTING:
            outcome = refused(problem)
            await keys.put(call.database, {"_id": name, "fingerprint": print_, "outcome": outcome})
        raise
