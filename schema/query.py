"""What can be asked."""

from typing import Annotated

import strawberry

from crm.refusals import invalid
from crm.values import Channel, CustomerSort
from resolvers import customers, feedback, nodes, offers, programs, purchases, quotes
from resolvers.lists import PageArguments, load_pages
from schema.common import Connection, Node
from schema.customers import Customer
from schema.feedback import Feedback
from schema.fields import After, Before, First, Last, own, query
from schema.listed import shown_part
from schema.loyalty import LoyaltyProgram
from schema.offers import Offer
from schema.purchases import Purchase
from schema.quotes import Quote
from schema.resolver import Info
from schema.shop import Product, Store
from services.inputs import CustomerFilter, CustomerKey, FeedbackFilter, PurchaseKey
from services.quote_inputs import CartInput

NODES_MAX = 100


@strawberry.type(description="What can be asked; who may ask what is in resolvers/policy.py.")
class Query:
    """Objects that are missing, or another's, are null."""

    @query("Any object by its id.")
    async def node(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The object's id.")]
    ) -> Node | None:
        """Return what the id names."""
        return await nodes.node(info.context, id)

    @query("Objects by their ids, in their order, null for each that is missing; at most 100.")
    async def nodes(
        self, info: Info, ids: Annotated[list[strawberry.ID], strawberry.argument(description="The objects' ids.")]
    ) -> list[Node | None]:
        """Return what the ids name."""
        if len(ids) > NODES_MAX:
            raise invalid(f"At most {NODES_MAX} objects can be asked for at once.", "ids")
        return await nodes.all_nodes(info.context, ids)

    me: Customer | None = own(
        customers.by_ids,
        "The calling customer; null where the shop does not know the person yet.",
        key=lambda context: context.caller.customer_id,
        outline=customers.outline,
    )

    @query("One customer by exactly one key.")
    async def customer(
        self, info: Info, by: Annotated[CustomerKey, strawberry.argument(description="Which customer.")]
    ) -> Customer | None:
        """Return whom the key names."""
        return await customers.by_key(info.context, by)

    @query("Customers, oldest first unless sorted otherwise.")
    async def customers(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        filter: Annotated[CustomerFilter | None, strawberry.argument(description="Which ones.")] = None,
        sort: Annotated[CustomerSort | None, strawberry.argument(description="In which order.")] = None,
    ) -> Connection[Customer] | None:
        """Return a part of the list."""
        part = customers.list_of(info.context, filter, sort, PageArguments(first, after, last, before))
        return await info.context.load(load_pages, shown_part(info, part))

    @query("One purchase by exactly one key.")
    async def purchase(
        self, info: Info, by: Annotated[PurchaseKey, strawberry.argument(description="Which purchase.")]
    ) -> Purchase | None:
        """Return what the key names."""
        return await purchases.by_key(info.context, by)

    @query("Products, by SKU.")
    async def products(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        search: Annotated[
            str | None, strawberry.argument(description="Beginning of the SKU, the title or a word of it.")
        ] = None,
    ) -> Connection[Product] | None:
        """Return a part of the list."""
        part = purchases.products_list(search, PageArguments(first, after, last, before))
        return await info.context.load(load_pages, shown_part(info, part))

    @query("Stores, by code.")
    async def stores(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Store] | None:
        """Return a part of the list."""
        part = purchases.stores_list(PageArguments(first, after, last, before))
        return await info.context.load(load_pages, shown_part(info, part))

    @query("The loyalty programme in force now.")
    async def loyalty_program(self, info: Info) -> LoyaltyProgram:
        """Return the version in force."""
        return await programs.program_in_force(info.context)

    @query("Offers, newest first; at a desk all of them, else those that are live, without code or named customers.")
    async def offers(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        channel: Annotated[Channel | None, strawberry.argument(description="Only those for this channel.")] = None,
    ) -> Connection[Offer] | None:
        """Return a part of the list."""
        part = offers.list_of(info.context, channel, PageArguments(first, after, last, before))
        return await info.context.load(load_pages, shown_part(info, part))

    @query("One offer; for a customer also one that is addressed to them, or whose code they were issued.")
    async def offer(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The offer's id.")]
    ) -> Offer | None:
        """Return what the id names."""
        return await offers.by_id(info.context, id)

    @query("What a cart comes to before it is bought: the same as its sale then does. Writes nothing.")
    async def quote(
        self, info: Info, cart: Annotated[CartInput, strawberry.argument(description="What is to be bought.")]
    ) -> Quote | None:
        """Return what the cart comes to."""
        return await quotes.quote(info.context, cart)

    @query("Feedback, newest first.")
    async def feedback(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        filter: Annotated[FeedbackFilter | None, strawberry.argument(description="Which ones.")] = None,
    ) -> Connection[Feedback] | None:
        """Return a part of the list."""
        part = feedback.list_of(filter, PageArguments(first, after, last, before))
        return await info.context.load(load_pages, shown_part(info, part))
