"""Purchases, and what hangs on them: store, products, the return a mutation made."""

from collections.abc import Sequence

from crm.ids import PURCHASE, product_id
from crm.refusals import invalid
from crm.values import Channel, Role
from resolvers.context import Context
from resolvers.lists import Listing, PageArguments, listing
from services.inputs import PurchaseKey
from services.lookup import check_kind, purchase_key
from store import keys, purchases, shop
from store.client import Document
from store.collections import PRODUCTS, PURCHASES, STORES
from store.words import starts_with


async def by_ids(context: Context, ids: list[str]) -> Sequence[Document | None]:
    """Batch function: purchases by id; for a customer those of others are missing.

    What the mutation being answered has just recorded is not asked for again.
    """
    written = context.call.written
    asked = [id_ for id_ in ids if id_ not in written]
    owner = context.caller.customer_id or "" if context.caller.role is Role.CUSTOMER else None
    stored = await purchases.by_ids(context.call.database, asked, owner=owner) if asked else []
    found = dict(zip(asked, stored, strict=True))
    return visible(context, [written.get(id_) or found[id_] for id_ in ids])


def visible(context: Context, found: Sequence[Document | None]) -> list[Document | None]:
    """Return what the caller may see of owned things: a customer only the own."""
    if context.caller.role is not Role.CUSTOMER:
        return list(found)
    own = context.caller.customer_id
    return [thing if thing and thing["owner"] == own else None for thing in found]


async def by_key(context: Context, key: PurchaseKey) -> Document | None:
    """Return the purchase a key names, or None where there is none for this caller."""
    check_kind(key, PURCHASE, "by")
    if key.id:
        by_id: Document | None = await context.load(by_ids, key.id)
        context.call.misses += by_id is None
        return by_id
    name = purchase_key(key)
    found = await keys.find(context.call.database, [name])
    if name not in found or not _may_be_seen(context, found[name]["owner"]):
        context.call.misses += 1
        return None
    owned = await purchases.owned_by(context.call.database, [(found[name]["owner"], found[name]["ref"])])
    return visible(context, owned)[0]


def _may_be_seen(context: Context, owner: str) -> bool:
    """Whether the caller may see what belongs to `owner`; not asking for it, nobody learns that it is there."""
    return context.caller.role is not Role.CUSTOMER or owner == context.caller.customer_id


def of_customer(customer_id: str, channel: Channel | None, arguments: PageArguments) -> Listing:
    """Return a customer's purchases, newest first."""
    condition = {"owner": customer_id} | ({"channel": channel.value} if channel else {})
    return listing(PURCHASES, condition, purchases.NEWEST_FIRST, arguments)


async def shop_things(context: Context, ids: list[str]) -> Sequence[Document | None]:
    """Batch function: stores and products by id, which a list of purchases asks for together."""
    return await shop.by_ids(context.reads, ids)


def product_of(line: Document) -> str:
    """Return the id of a line's product."""
    return product_id(line["sku"])


async def returned(context: Context, named: Document) -> Document | None:
    """Return the return a mutation recorded, given its id and its purchase's."""
    purchase: Document | None = await context.load(by_ids, named["purchase"])
    if purchase is None:
        return None
    return next((back for back in purchase["returns"] if back["id"] == named["id"]), None)


def products_list(search: str | None, arguments: PageArguments) -> Listing:
    """Return products by SKU, of those whose SKU, title or a word of it begins with `search`."""
    if search is not None and not 1 <= len(search.strip()) <= 100:  # noqa: PLR2004 -- as long as a SKU
        raise invalid("Search with 1 to 100 characters.", "search")
    from_word = {"search": starts_with(search)} if search is not None else {}
    return listing(PRODUCTS, from_word, shop.BY_SKU, arguments)


def stores_list(arguments: PageArguments) -> Listing:
    """Return stores by code."""
    return listing(STORES, {}, shop.BY_CODE, arguments)
