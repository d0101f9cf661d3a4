"""What can be changed. Every field takes @idempotent(key:) and answers refusals as user errors."""

from typing import Annotated

import strawberry

from schema.fields import mutation
from schema.loyalty_mutation import LoyaltyMutation, Whose
from schema.offer_mutation import OfferMutation
from schema.payloads import (
    CustomerPayload,
    FeedbackPayload,
    ProductsPayload,
    RecordPurchasePayload,
    RecordPurchasesPayload,
    RecordReturnPayload,
    RecordReturnsPayload,
    StorePayload,
)
from schema.resolver import Info
from schema.scalars import DateTime
from services import claims, customers, feedback, products, purchases, returns
from services import consents as consents_
from services.input_types import parse_past_instant
from services.inputs import (
    ConsentInput,
    CreateCustomerInput,
    CustomerKey,
    ExternalIdInput,
    FeedbackInput,
    ProductInput,
    PurchaseKey,
    RecordPurchaseInput,
    RecordReturnInput,
    StoreInput,
    UpdateCustomerInput,
    UpdateMeInput,
)
from services.outcomes import done


@strawberry.type(description="What can be changed; wrong input comes back as userErrors and has changed nothing.")
class Mutation(LoyaltyMutation, OfferMutation):
    """Thin: each field is one service."""

    @mutation("Create a customer with at least one key.")
    async def create_customer(
        self, info: Info, input: Annotated[CreateCustomerInput, strawberry.argument(description="The person.")]
    ) -> CustomerPayload:
        """See services/customers.py."""
        return await customers.create_customer(info.context.call, input)

    @mutation("Change a customer's profile.")
    async def update_customer(
        self,
        info: Info,
        by: Annotated[CustomerKey, strawberry.argument(description="Which customer.")],
        input: Annotated[UpdateCustomerInput, strawberry.argument(description="What changes.")],
    ) -> CustomerPayload:
        """See services/customers.py."""
        return await customers.update_customer(info.context.call, by, input)

    @mutation("Change the own profile; creates it for a person the shop does not know yet.")
    async def update_me(
        self, info: Info, input: Annotated[UpdateMeInput, strawberry.argument(description="What changes.")]
    ) -> CustomerPayload:
        """See services/customers.py."""
        return await customers.update_me(info.context.call, input)

    @mutation("Record what a person said about purposes.")
    async def set_consents(
        self,
        info: Info,
        *,
        customer: Whose = None,
        consents: Annotated[list[ConsentInput], strawberry.argument(description="The statements.")],
    ) -> CustomerPayload:
        """See services/consents.py."""
        return await consents_.set_consents(info.context.call, customer, consents)

    @mutation("Record a sale, with its points in the same transaction; sent again, it gives the first one.")
    async def record_purchase(
        self, info: Info, input: Annotated[RecordPurchaseInput, strawberry.argument(description="The sale.")]
    ) -> RecordPurchasePayload:
        """See services/purchases.py."""
        return await purchases.record_purchase(info.context.call, input)

    @mutation("Record a till's day: up to 500 sales, each in a transaction of its own.", batch=True)
    async def record_purchases(
        self, info: Info, inputs: Annotated[list[RecordPurchaseInput], strawberry.argument(description="The sales.")]
    ) -> RecordPurchasesPayload:
        """See services/purchases.py."""
        return done(results=await purchases.record_purchases(info.context.call, inputs))

    @mutation("Record goods that came back; before its purchase NOT_FOUND, and may be sent again.")
    async def record_return(
        self, info: Info, input: Annotated[RecordReturnInput, strawberry.argument(description="The return.")]
    ) -> RecordReturnPayload:
        """See services/returns.py."""
        return await returns.record_return(info.context.call, input)

    @mutation("Record a till's returns of a day: up to 500, each in a transaction of its own.", batch=True)
    async def record_returns(
        self, info: Info, inputs: Annotated[list[RecordReturnInput], strawberry.argument(description="The returns.")]
    ) -> RecordReturnsPayload:
        """See services/returns.py."""
        return done(results=await returns.record_returns(info.context.call, inputs))

    @mutation("Take back everything that is left of a purchase, and mark it cancelled.")
    async def cancel_purchase(
        self,
        info: Info,
        purchase: Annotated[PurchaseKey, strawberry.argument(description="Which purchase.")],
        external_id: Annotated[ExternalIdInput, strawberry.argument(description="The cancellation's own id.")],
        occurred_at: Annotated[DateTime, strawberry.argument(description="When it was cancelled.")],
        reason: Annotated[str | None, strawberry.argument(description="Why, in words.")] = None,
    ) -> RecordReturnPayload:
        """See services/returns.py."""
        at = parse_past_instant(occurred_at, info.context.call.now, "occurredAt")
        return await returns.cancel_purchase(info.context.call, purchase, external_id, at, reason)

    @mutation("Give an anonymous purchase to the customer who holds its receipt.")
    async def claim_purchase(
        self,
        info: Info,
        purchase: Annotated[PurchaseKey, strawberry.argument(description="Which purchase.")],
        customer: Whose = None,
        receipt_token: Annotated[
            str | None, strawberry.argument(description="From the receipt; a customer needs it.")
        ] = None,
    ) -> RecordPurchasePayload:
        """See services/claims.py."""
        return await claims.claim_purchase(info.context.call, purchase, customer, receipt_token)

    @mutation("Create or change a store by its code.")
    async def save_store(
        self, info: Info, input: Annotated[StoreInput, strawberry.argument(description="The store.")]
    ) -> StorePayload:
        """See services/products.py."""
        return await products.save_store(info.context.call, input)

    @mutation("Create or change up to 500 products by their SKUs.", batch=True)
    async def save_products(
        self, info: Info, inputs: Annotated[list[ProductInput], strawberry.argument(description="The products.")]
    ) -> ProductsPayload:
        """See services/products.py."""
        return done(results=await products.save_products(info.context.call, inputs))

    @mutation("Give feedback, tied to what it is about.")
    async def submit_feedback(
        self, info: Info, input: Annotated[FeedbackInput, strawberry.argument(description="The feedback.")]
    ) -> FeedbackPayload:
        """See services/feedback.py."""
        return await feedback.submit_feedback(info.context.call, input)

    @mutation("Answer feedback in the shop's name; a later answer replaces the earlier one.")
    async def reply_to_feedback(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The feedback's id.")],
        message: Annotated[str, strawberry.argument(description="The answer, up to 5,000 characters.")],
    ) -> FeedbackPayload:
        """See services/feedback.py."""
        return await feedback.reply_to_feedback(info.context.call, id, message)
