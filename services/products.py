"""Stores and products: saved by hand, or made by the first sale that names them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pymongo.errors import DuplicateKeyError

from crm.ids import product_id, store_id
from crm.refusals import Refusals, invalid
from services import audit
from services.audit import difference
from services.context import Call
from services.inputs import ProductInput, PurchaseLineInput, StoreInput
from services.outcomes import Outcome, done, finish, refused, try_again
from store import shop
from store.client import Document, Tx
from store.collections import PRODUCTS, STORES

T = TypeVar("T")
TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class NewThings:
    """What a sale names for the first time, and what is known of products whose lines leave their category out."""

    products: dict[str, Document]
    new_products: list[Document]
    new_stores: list[Document]

    async def store(self, call: Call, *, tx: Tx) -> None:
        """Store what is new in the sale's transaction."""
        await shop.insert(call.database, PRODUCTS, self.new_products, tx=tx)
        await shop.insert(call.database, STORES, self.new_stores, tx=tx)

    def remember(self, call: Call) -> None:
        """Remember, once that is committed, that none of it will be new again."""
        call.shop.known.exist(
            document["_id"] for document in [*self.new_products, *self.new_stores, *self.products.values()]
        )


async def new_things(call: Call, lines: Sequence[PurchaseLineInput], store_code: str | None) -> NewThings:
    """Look up what the process does not know to exist, and products whose category a line leaves out."""
    known = call.shop.known
    by_id = {product_id(line.sku): line for line in lines}
    categories = known.categories(id_ for id_, line in by_id.items() if not line.category)
    unsure = {id_ for id_, line in by_id.items() if not line.category and id_ not in categories}
    found = await shop.existing(call.database, PRODUCTS, sorted({*known.missing(by_id), *unsure}))
    known.are_of({id_: product.get("category") for id_, product in found.items()})
    fresh = [id_ for id_ in known.missing(by_id) if id_ not in found]
    stores = known.missing([store_id(store_code)]) if store_code else []
    known_stores = await shop.existing(call.database, STORES, stores)
    known.exist([*found, *known_stores])
    zone = call.shop.time_zone.key
    return NewThings(
        products={id_: {"_id": id_, "category": category} for id_, category in categories.items()} | found,
        new_products=[
            shop.new_product(by_id[id_].sku, title=by_id[id_].title, category=by_id[id_].category) for id_ in fresh
        ],
        new_stores=[
            shop.new_store(store_code, time_zone=zone) for id_ in stores if id_ not in known_stores and store_code
        ],
    )


async def save_store(call: Call, input: StoreInput) -> Outcome:
    """Create or change a store by its code.

    Raises:
        Refusal: INVALID for a time zone that is none.
    """
    changes: dict[str, Any] = {}
    if "name" in input.model_fields_set:
        changes["name"] = input.name or input.code
    if "time_zone" in input.model_fields_set:
        changes["timeZone"] = _zone(input.time_zone) if input.time_zone else call.shop.time_zone.key
    defaults = shop.new_store(input.code, time_zone=call.shop.time_zone.key)
    id_ = str(defaults["_id"])

    async def work(tx: Tx) -> Outcome:
        before = (await shop.existing(call.database, STORES, [id_], tx=tx)).get(id_)
        saved = await shop.save_store(call.database, input.code, changes, defaults, tx=tx)
        change = difference(id_, before, saved)
        return await finish(call, done(store=id_), [], owner=id_, tx=tx, changes=[change] if change else [])

    return await _saved(call, work)


async def _saved(call: Call, work: Callable[[Tx], Awaitable[T]]) -> T:
    """Run a transaction that makes what is missing, again where another was first to make it."""
    for _ in range(TRIES):
        try:
            return await call.database.transaction(work)
        except DuplicateKeyError:
            continue
    raise try_again()


def _zone(name: str) -> str:
    try:
        if "/" not in name and name != "UTC":  # localtime and posixrules mean what the machine means
            raise ValueError
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise invalid("No such time zone; expected an IANA name such as Europe/Vienna.", "timeZone") from None


async def save_products(call: Call, rows: Sequence[ProductInput | Refusals]) -> list[Outcome]:
    """Create or change products by SKU; of two rows for one SKU the later one wins."""
    good = [row for row in rows if not isinstance(row, Refusals)]
    if good:
        changes = [(row.sku, _changes(row), shop.new_product(row.sku)) for row in good]
        ids = sorted({product_id(row.sku) for row in good})

        async def work(tx: Tx) -> None:
            before = await shop.existing(call.database, PRODUCTS, ids, tx=tx)
            await shop.save_products(call.database, changes, tx=tx)
            after = await shop.existing(call.database, PRODUCTS, ids, tx=tx)
            told = [difference(id_, before.get(id_), after[id_]) for id_ in ids]
            await audit.record(call, [change for change in told if change], tx=tx)

        await _saved(call, work)
        call.shop.known.exist(product_id(row.sku) for row in good)
        call.shop.known.forget_categories(product_id(row.sku) for row in good)
    return [refused(row) if isinstance(row, Refusals) else done(product=product_id(row.sku)) for row in rows]


def _changes(row: ProductInput) -> dict[str, Any]:
    names = {"category": "category", "image_url": "imageUrl"}
    changes: dict[str, Any] = {names[name]: getattr(row, name) for name in row.model_fields_set if name in names}
    if "title" in row.model_fields_set:
        title = row.title or row.sku
        changes |= {"title": title, "search": shop.product_words(row.sku, title)}
    if row.active is not None:
        changes["active"] = row.active
    return changes
