"""What clients send, one class an input of the contract: GraphQL's input types are made from these, imports use them.

Left out is told from null by `model_fields_set`. Money is in minor units once a model is made.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from crm.refusals import Refusal, Refusals, UserErrorCode, invalid
from crm.values import Channel, ConsentPurpose, ConsentState, FeedbackKind
from services.input_types import (
    Amount,
    Attributes,
    BirthDate,
    Code,
    Comment,
    CurrencyCode,
    Email,
    ExternalValue,
    Input,
    Instant,
    LineNumber,
    Locale,
    Name,
    NodeId,
    PastInstant,
    Phone,
    Points,
    Quantity,
    UnitPrice,
    Url,
)

SCORES = {FeedbackKind.REVIEW: (1, 5), FeedbackKind.CSAT: (1, 5), FeedbackKind.NPS: (0, 10)}


class ExternalIdInput(Input):
    """An id in somebody else's system."""

    source: Code = Field(description="The other system, such as shopify or till-7.")
    value: ExternalValue = Field(description="The id there.")

    @property
    def pair(self) -> tuple[str, str]:
        """The external id as (source, value)."""
        return (self.source, self.value)


class _OneOf(Input):
    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.model_fields_set) != 1 or getattr(self, next(iter(self.model_fields_set))) is None:
            raise ValueError("Name exactly one key.")
        return self


class CustomerKey(_OneOf):
    """Names one customer by exactly one key."""

    id: NodeId | None = Field(None, description="The customer's id.")
    email: Email | None = Field(None, description="The e-mail address, upper or lower case.")
    phone: Phone | None = Field(None, description="The phone number with its country code.")
    card_number: Code | None = Field(None, description="The number of the customer card.")
    external_id: ExternalIdInput | None = Field(None, description="The customer's id in another system.")


class PurchaseKey(_OneOf):
    """Names one purchase by exactly one key."""

    id: NodeId | None = Field(None, description="The purchase's id.")
    external_id: ExternalIdInput | None = Field(None, description="The purchase's id in the system that recorded it.")


class ConsentInput(Input):
    """What a person said about one purpose."""

    purpose: ConsentPurpose = Field(description="What the consent is for.")
    state: ConsentState = Field(description="What the person said.")
    source: Code = Field(description="Where it was said, such as checkout or till-7.")
    evidence: Comment | None = Field(None, description="What proves it, such as the wording shown.")
    at: PastInstant | None = Field(None, description="When it was said; now where left out.")


class _Profile(Input):
    first_name: Name | None = Field(None, description="Given name.")
    last_name: Name | None = Field(None, description="Family name.")
    email: Email | None = Field(None, description="E-mail address; belongs to one customer.")
    phone: Phone | None = Field(None, description="Phone number with its country code; belongs to one customer.")
    birth_date: BirthDate | None = Field(None, description="Date of birth.")
    locale: Locale | None = Field(None, description="Preferred language as a BCP 47 tag.")


class _FullProfile(_Profile):
    card_number: Code | None = Field(None, description="Number of the customer card; belongs to one customer.")
    external_ids: Annotated[list[ExternalIdInput], Field(max_length=50)] | None = Field(
        None, description="The customer's ids in other systems; replaces all known ones."
    )
    attributes: Attributes | None = Field(
        None, description="The shop's own fields; merged by top-level name, null removes a name."
    )
    tags: Annotated[list[Code], Field(max_length=100)] | None = Field(
        None, description="The shop's labels; replaces all known ones."
    )


class CreateCustomerInput(_FullProfile):
    """A new customer, with at least one key."""

    consents: Annotated[list[ConsentInput], Field(max_length=20)] | None = Field(
        None, description="What the person said about each purpose."
    )
    referral_code: Code | None = Field(None, description="The code of whoever referred the person.")

    @model_validator(mode="after")
    def _has_a_key(self) -> Self:
        if not (self.email or self.phone or self.card_number or self.external_ids):
            raise ValueError("A customer needs an e-mail address, a phone number, a card number or an external id.")
        return self


class UpdateCustomerInput(_FullProfile):
    """Changes to a customer. Left out: unchanged. null: cleared."""

    expected_version: Annotated[int, Field(ge=1)] | None = Field(
        None, description="The version the change was made on; CONFLICT where the customer has changed since."
    )


class UpdateMeInput(_Profile):
    """Changes a customer makes to the own profile. Left out: unchanged. null: cleared."""

    referral_code: Code | None = Field(None, description="The code of whoever referred the person; for new customers.")


class PurchaseLineInput(Input):
    """One line of a sale."""

    line_number: LineNumber = Field(description="The line's number, unique within the sale.")
    sku: Code = Field(description="The product's SKU.")
    title: Name = Field(description="What stands on the receipt.")
    category: Name | None = Field(None, description="The product's category; the known one where left out.")
    quantity: Quantity = Field(description="Pieces, weight or volume, above 0, up to 5 decimals.")
    unit_price: UnitPrice = Field(description="Price of one unit before discounts, up to 6 decimals.")
    discount: Amount = Field("0", validate_default=True, description="Taken off this line.")
    total: Amount | None = Field(
        None, description="What the line comes to; quantity x unitPrice, rounded half up, less discount where left out."
    )


def lines_are_told_apart(lines: Sequence[PurchaseLineInput]) -> None:
    """Hold that no two lines have the same number.

    Raises:
        Refusals: INVALID at the later one.
    """
    seen: set[int] = set()
    for index, line in enumerate(lines):
        if line.line_number in seen:
            raise Refusals((invalid("An earlier line has this lineNumber.", "lines", str(index), "lineNumber"),))
        seen.add(line.line_number)


class RecordPurchaseInput(Input):
    """A sale that has happened."""

    external_id: ExternalIdInput = Field(
        description="The sale's id in the system that made it: sent twice, recorded once."
    )
    customer: CustomerKey | None = Field(None, description="Who bought; left out for an anonymous sale.")
    channel: Channel | None = Field(None, description="Where it was sold; the API key's where left out.")
    store_code: Code | None = Field(None, description="The store; the API key's where left out.")
    terminal_id: Code | None = Field(None, description="The till.")
    occurred_at: PastInstant = Field(description="The till's time of the sale.")
    currency_code: CurrencyCode = Field(description="The currency of every amount in it.")
    lines: list[PurchaseLineInput] = Field(min_length=1, max_length=500, description="What was sold, 1 to 500 lines.")
    discount_total: Amount = Field("0", validate_default=True, description="Taken off, and not split over the lines.")
    tax_total: Amount = Field("0", validate_default=True, description="Tax on the whole sale.")
    tax_included: bool = Field(False, description="Whether the prices contain the tax.")
    total: Amount = Field(description="Lines' totals - discountTotal (+ taxTotal unless included).")
    offer_ids: Annotated[list[NodeId], Field(max_length=50)] | None = Field(
        None,
        description="Every offer the till applied; its discount is in the totals, and may be no more than they say.",
    )
    codes: Annotated[list[Code], Field(max_length=20)] | None = Field(
        None, description="Codes of offers, and single-use ones of rewards, whose discount is in the totals."
    )
    accept_offers: bool = Field(
        False,
        description="From a till that could not ask (POS, ADMIN): an offer whose conditions or limits say no is a "
        "warning; totals are still checked.",
    )
    reward_ids: Annotated[list[NodeId], Field(max_length=20)] | None = Field(
        None, description="Rewards this sale redeems: their points are spent with it, their discount is in the totals."
    )
    points: Points | None = Field(
        None,
        description="Points that paid for a discount already in the totals; with holdId how many of it to capture.",
    )
    hold_id: NodeId | None = Field(None, description="A hold to capture, all of it unless points says how many.")

    @model_validator(mode="after")
    def _lines_are_told_apart(self) -> Self:
        lines_are_told_apart(self.lines)
        return self


class ImportedPurchaseInput(RecordPurchaseInput):
    """A sale in an import: it may have lost all its lines."""

    lines: list[PurchaseLineInput] = Field(max_length=500)


class ReturnLineInput(Input):
    """How much of a line comes back."""

    line_number: LineNumber = Field(description="The line of the purchase.")
    quantity: Quantity = Field(description="How much of it comes back, above 0.")


class RecordReturnInput(Input):
    """Goods that came back."""

    external_id: ExternalIdInput = Field(description="The return's id in the system that made it.")
    purchase: PurchaseKey = Field(description="The purchase the goods come from.")
    occurred_at: PastInstant = Field(description="The till's time of the return.")
    lines: list[ReturnLineInput] = Field(min_length=1, max_length=500, description="What came back.")
    channel: Channel | None = Field(None, description="Where it came back; the API key's where left out.")
    store_code: Code | None = Field(None, description="The store; the API key's where left out.")
    terminal_id: Code | None = Field(None, description="The till.")
    reason: Comment | None = Field(None, description="Why, in words.")
    refund_total: Amount | None = Field(
        None, description="What was paid back; the lines' part of the total, tax included, where left out."
    )


class StoreInput(Input):
    """A store of the shop, known by its code."""

    code: Code = Field(description="The shop's own code.")
    name: Name | None = Field(None, description="The name customers see.")
    time_zone: Code | None = Field(None, description="IANA time zone such as Europe/Vienna.")


class ProductInput(Input):
    """A product, known by its SKU. Left out: unchanged."""

    sku: Code = Field(description="The shop's own article number.")
    title: Name | None = Field(None, description="The name customers see.")
    category: Name | None = Field(None, description="The category it is sold under.")
    image_url: Url | None = Field(None, description="Address of a picture.")
    active: bool | None = Field(None, description="Whether it is still sold.")


class FeedbackInput(Input):
    """What a customer says, tied to what it is about."""

    kind: FeedbackKind = Field(description="What it is.")
    score: int | None = Field(
        None, description="REVIEW and CSAT 1 to 5, NPS 0 to 10: required for these, refused for the others."
    )
    comment: Comment | None = Field(None, description="In the customer's words, up to 5,000 characters.")
    customer: CustomerKey | None = Field(None, description="Who says it; left out: the caller. POS and STAFF name one.")
    purchase: PurchaseKey | None = Field(None, description="The purchase it is about.")
    line_number: LineNumber | None = Field(None, description="The line of that purchase.")
    sku: Code | None = Field(None, description="The product it is about.")
    store_code: Code | None = Field(None, description="The store it is about.")
    channel: Channel = Field(description="Where it was said.")

    @model_validator(mode="after")
    def _score_fits(self) -> Self:
        bounds = SCORES.get(self.kind)
        problem = None
        if bounds is None and self.score is not None:
            problem = f"A {self.kind} has no score."
        elif bounds and (self.score is None or not bounds[0] <= self.score <= bounds[1]):
            problem = f"A {self.kind} needs a score from {bounds[0]} to {bounds[1]}."
        if problem:
            raise Refusals((Refusal(UserErrorCode.INVALID, problem, ("score",)),))
        if self.line_number is not None and self.purchase is None:
            raise Refusals((Refusal(UserErrorCode.INVALID, "lineNumber needs its purchase.", ("lineNumber",)),))
        return self


class EventInput(Input):
    """Something a customer did outside of a purchase."""

    name: Code = Field(description="What happened, such as quiz_finished.")
    external_id: ExternalIdInput = Field(description="The event's id where it was tracked: sent twice, counted once.")
    occurred_at: PastInstant = Field(description="When it happened.")
    properties: Attributes | None = Field(
        None, description="What else is known of it; purchaseId ties it to one purchase."
    )


class CustomerFilter(Input):
    """Which customers are listed; every condition given must hold."""

    search: Code | None = Field(None, description="Beginning of a name, e-mail address, phone or card number.")
    tier: NodeId | None = Field(None, description="Holds this tier now.")
    channel: Channel | None = Field(None, description="Has bought through this channel.")
    tags: Annotated[list[Code], Field(max_length=20)] | None = Field(None, description="Has all of these tags.")
    created_after: Instant | None = Field(None, description="Created at this instant or later.")
    created_before: Instant | None = Field(None, description="Created before this instant.")
    last_purchase_after: Instant | None = Field(None, description="Last bought at this instant or later.")
    last_purchase_before: Instant | None = Field(None, description="Last bought before this instant.")
    total_spent_min: Amount | None = Field(None, description="Has spent this much or more, returns taken off.")
    total_spent_max: Amount | None = Field(None, description="Has spent this much or less, returns taken off.")


class FeedbackFilter(Input):
    """Which feedback is listed; every condition given must hold."""

    kind: FeedbackKind | None = Field(None, description="Is of this kind.")
    store_id: NodeId | None = Field(None, description="Is about this store.")
    sku: Code | None = Field(None, description="Is about this product.")
    score_max: int | None = Field(None, description="Has a score of this or less.")
    after: Instant | None = Field(None, description="Was given at this instant or later.")
    before: Instant | None = Field(None, description="Was given before this instant.")


def with_one_key(key: CustomerKey | PurchaseKey) -> tuple[str, Any]:
    """Return the name and value of the key that was sent."""
    name = next(iter(key.model_fields_set))
    return name, getattr(key, name)
