"""What clients send to ask what a cart comes to."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from crm.values import Channel
from services.input_types import Amount, Code, CurrencyCode, Input, NodeId, Points
from services.inputs import CustomerKey, PurchaseLineInput, lines_are_told_apart


class CartInput(Input):
    """A cart before it is bought."""

    customer: CustomerKey | None = Field(
        None, description="Who buys; left out: the calling customer, else an anonymous cart."
    )
    channel: Channel = Field(description="Where it would be sold.")
    store_code: Code | None = Field(None, description="The store; the API key's where left out.")
    currency_code: CurrencyCode = Field(description="The currency of every amount in it.")
    lines: list[PurchaseLineInput] = Field(min_length=1, max_length=500, description="What is in it, 1 to 500 lines.")
    tax_total: Amount = Field("0", validate_default=True, description="Tax on the whole, taken as sent.")
    tax_included: bool = Field(False, description="Whether the prices contain the tax.")
    codes: Annotated[list[Code], Field(max_length=20)] | None = Field(
        None, description="Codes of offers, or of redeemed rewards."
    )
    reward_ids: Annotated[list[NodeId], Field(max_length=20)] | None = Field(
        None, description="Rewards to redeem with it; what they take off is in the quote."
    )
    points: Points | None = Field(
        None, description="Points to pay with; only checked for being there, changes no total."
    )

    @model_validator(mode="after")
    def _lines_are_told_apart(self) -> Self:
        lines_are_told_apart(self.lines)
        return self
