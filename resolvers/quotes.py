"""What a cart comes to, and what that does to the customer's loyalty."""

from crm.refusals import Refusal, invalid
from loyalty.program import tier_of
from resolvers import programs
from resolvers.context import Context
from resolvers.lists import FIRST_MAX
from resolvers.tiers import tier_document
from services import quotes, shoppers
from services.quote_inputs import CartInput
from store.client import Document


async def quote(context: Context, cart: CartInput) -> Document:
    """Return a quote.

    Raises:
        Refusal: what is wrong with the cart, with its path from the argument.
    """
    try:
        quoted = await quotes.quote(context.call, cart)
    except Refusal as problem:
        raise problem.under("cart") from None
    return {**quoted.document, "quoted": quoted}


def offers(context: Context, quote: Document, first: int) -> list[Document]:
    """Return the offers of a quote that are shown first.

    Raises:
        Refusal: INVALID for a count outside 0 to 100.
    """
    if not 0 <= first <= FIRST_MAX:
        raise invalid(f"From 0 to {FIRST_MAX} can be asked for at once.", "first")
    return quotes.shown(context.call, quote["quoted"], first)


async def tier_after(context: Context, quote: Document) -> Document | None:
    """Return the tier that the customer would be in; None for nobody."""
    quoted = quote["quoted"]
    if quoted.who is None:
        return None
    tier_id = await shoppers.tier_after(context.call, quoted.who, quoted.purchase)
    return tier_document(tier_of(quoted.who.program(context.call), tier_id))


async def rewards(context: Context, quote: Document) -> list[Document]:
    """Return the rewards that can be had now, and what is missing for each."""
    who = quote["quoted"].who
    return await programs.options(context, who.account if who else None)
