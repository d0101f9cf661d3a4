"""Every hot query uses an index, asked of MongoDB about the very commands that are sent."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest

from crm.ids import account_of
from crm.values import Channel, CustomerSort
from resolvers import customers as customer_lists
from resolvers import offers as offer_lists
from resolvers import points as point_lists
from resolvers import purchases as purchase_lists
from resolvers.context import Context
from resolvers.lists import Listing, PageArguments, load_counts, load_pages, page_info
from services.inputs import CustomerFilter
from services.validation import parse
from store import (
    caps,
    customers,
    events,
    holds,
    idempotency,
    keys,
    ledger,
    offer_codes,
    offer_redemptions,
    offers,
    purchases,
    referrals,
    rewards,
    shop,
)
from store.client import Document, Tx
from tests.services.offer_helpers import offer_id
from tests.support import NOW, STOREFRONT, World

ANN, BEA = "cus_00000000000000000000000000", "cus_00000000000000000000000001"
BY_ID = {"IDHACK", "EXPRESS_IXSCAN"}
INDEXED = {"IXSCAN", "COUNT_SCAN", *BY_ID}
ASKED = ("find", "aggregate", "findAndModify", "update")
PARTS = (
    "find", "aggregate", "findAndModify", "update", "filter", "sort", "projection", "limit", "pipeline", "cursor",
    "query", "updates", "new", "fields", "upsert",
)  # fmt: skip
FIRST, NEXT, LAST = PageArguments(), "next", PageArguments(last=5)

Query = Callable[[World], Awaitable[Any]]


def stages(plan: Any) -> Iterator[str]:
    """Yield every stage of the winning plans in an answer of explain."""
    if isinstance(plan, dict):
        if isinstance(plan.get("stage"), str):
            yield plan["stage"]
        for name, inner in plan.items():
            if name not in ("rejectedPlans", "command"):
                yield from stages(inner)
    elif isinstance(plan, list):
        for inner in plan:
            yield from stages(inner)


async def plan_of(world: World, query: Query) -> list[str]:
    """Run a query, have MongoDB explain what was sent, and return the stages."""
    world.commands.sent.clear()
    await query(world)
    sent = [command for name, command in world.commands.sent if name in ASKED]
    assert sent, "the query asked nothing"
    found: list[str] = []
    for command in sent:
        asked = {name: value for name, value in command.items() if name in PARTS}
        answer = await world.database.command({"explain": asked, "verbosity": "queryPlanner"})
        found += stages(answer)
    return found


def page(listing: Callable[[World, PageArguments], Listing], *arguments: Any) -> Query:
    """Return the query of one page; NEXT is the page behind a cursor of the list."""

    async def ask(world: World) -> None:
        context = Context(world.call())
        for argument in arguments or (FIRST,):
            asked = FIRST if argument == NEXT else argument
            (found,) = await load_pages(context, [listing(world, asked)])
            if argument == NEXT and (cursor := page_info(found)["endCursor"]):
                await load_pages(context, [listing(world, PageArguments(after=cursor))])

    return ask


def of_customer(channel: Channel | None) -> Callable[[World, PageArguments], Listing]:
    return lambda world, arguments: purchase_lists.of_customer(ANN, channel, arguments)


def transactions(world: World, arguments: PageArguments) -> Listing:
    return point_lists.transactions_of({"customerId": ANN}, arguments)


def public_offers(world: World, arguments: PageArguments) -> Listing:
    return offer_lists.list_of(Context(world.call(STOREFRONT)), None, arguments)


async def two_lists(world: World) -> None:
    listings = [purchase_lists.of_customer(owner, None, FIRST) for owner in (ANN, BEA)]
    await load_pages(Context(world.call()), listings)


async def counted(world: World) -> None:
    await load_counts(Context(world.call()), [purchase_lists.of_customer(ANN, None, FIRST)])


async def locked(world: World) -> None:
    await world.database.transaction(lambda tx: ledger.lock(world.database, ANN, tx=tx))


async def handed_over(world: World) -> None:
    await world.database.transaction(lambda tx: keys.change_owner(world.database, ["pur:till:1"], ANN, tx=tx))


def within(query: Callable[[World, Tx], Awaitable[Any]]) -> Query:
    """Return a query that is only asked inside a transaction."""
    return lambda world: world.database.transaction(lambda tx: query(world, tx))


RULE = ("rul_00000000000000000000000000", "2026-11")


async def taken_over(world: World) -> None:
    for token in ("a", "b"):
        await idempotency.claim(
            world.database, "idem:x:y", fingerprint="f", token=token, now=NOW, keep=timedelta(days=30)
        )


HOT: dict[str, tuple[Query, set[str]]] = {
    "purchases, newest first": (page(of_customer(None), FIRST, NEXT, LAST), {"SORT"}),
    "purchases through one channel": (page(of_customer(Channel.WEB), FIRST, NEXT, LAST), {"SORT"}),
    "purchases of two customers at once": (two_lists, {"SORT"}),
    "how many purchases": (counted, {"FETCH"}),
    "purchases by id": (lambda world: purchases.by_ids(world.database, ["pur_1"]), {"SORT"}),
    "what counts towards the tier": (
        lambda world: purchases.qualifying_since(world.database, ANN, NOW),
        {"FETCH", "SORT"},
    ),
    "everything that ever counted": (
        lambda world: purchases.qualifying_since(world.database, ANN, None),
        {"FETCH", "SORT"},
    ),
    "qualifying points of many": (
        lambda world: purchases.qualifying_totals(world.database, [ANN, BEA], after=NOW, until=NOW),
        {"FETCH"},
    ),
    "metrics": (lambda world: purchases.metrics(world.database, ANN), set()),
    "live lots": (lambda world: ledger.live_lots(world.database, [ANN]), {"SORT"}),
    "live lots of many": (lambda world: ledger.live_lots(world.database, [ANN, BEA]), {"SORT"}),
    "transactions, newest first": (page(transactions, FIRST, NEXT, LAST), {"SORT"}),
    "accounts": (lambda world: ledger.by_ids(world.database, [account_of(ANN)]), {"SORT"}),
    "locking an account": (locked, {"SORT"}),
    "keys": (lambda world: keys.find(world.database, ["email:a@example.com", "pur:till:1"]), {"SORT"}),
    "keys of what changes hands": (handed_over, {"SORT"}),
    "an idempotency key": (taken_over, {"SORT"}),
    "active holds": (lambda world: holds.active(world.database, [ANN]), {"SORT"}),
    "active holds of many": (lambda world: holds.active(world.database, [ANN, BEA]), {"SORT"}),
    "a hold": (within(lambda world, tx: holds.get(world.database, ANN, "hld_1", tx=tx)), {"SORT"}),
    "holds by id": (lambda world: holds.owned_by(world.database, [(ANN, "hld_1")]), {"SORT"}),
    "holds of an instant": (within(lambda world, tx: holds.reserved_at(world.database, ANN, NOW, tx=tx)), {"SORT"}),
    "entries up to an instant": (
        within(lambda world, tx: ledger.entries_until(world.database, ANN, NOW, tx=tx)),
        set(),
    ),
    "lots by id": (lambda world: ledger.lots_by_id(world.database, ANN, ["lot_1"]), {"SORT"}),
    "counters of caps": (lambda world: caps.used(world.database, ANN, [RULE]), {"SORT"}),
    "counting a cap": (
        within(lambda world, tx: caps.add(world.database, ANN, {RULE: Fraction(1)}, tx=tx)),
        {"SORT"},
    ),
    "events by id": (within(lambda world, tx: events.by_ids(world.database, ANN, ["trk_1"], tx=tx)), {"SORT"}),
    "whether an event happened": (
        within(lambda world, tx: events.happened(world.database, ANN, "quiz", NOW, tx=tx)),
        {"SORT"},
    ),
    "how often rewards were redeemed": (lambda world: rewards.counts(world.database, ANN, ["rwd_1"]), {"SORT"}),
    "redemptions by id": (within(lambda world, tx: rewards.by_ids(world.database, ANN, ["red_1"], tx=tx)), {"SORT"}),
    "using a reward's code": (
        within(lambda world, tx: rewards.set_status(world.database, ANN, "red_1", "REDEEMED", {"at": NOW}, tx=tx)),
        {"SORT"},
    ),
    "the stock of rewards": (lambda world: rewards.stocks(world.database, ["rwd_1"]), {"SORT"}),
    "taking from a stock": (within(lambda world, tx: rewards.take(world.database, "rwd_1", 1, tx=tx)), {"SORT"}),
    "whom offers are addressed to": (lambda world: offers.addressed(world.database, ANN, ["off_1"]), {"FETCH", "SORT"}),
    "all that is addressed to one": (lambda world: offers.addressed(world.database, ANN), {"FETCH", "SORT"}),
    "offers by id": (lambda world: offers.by_ids(world.database, ["off_1"]), {"SORT"}),
    "offers that are live": (lambda world: offers.live(world.database, NOW), {"SORT"}),
    "offers that changed": (lambda world: offers.changed_since(world.database, 5), {"SORT"}),
    "offers for everybody": (page(public_offers, FIRST, NEXT, LAST), {"SORT"}),
    "codes of an offer": (lambda world: offer_codes.owned_by(world.database, [(ANN, "ocd_1")]), {"SORT"}),
    "codes to use": (lambda world: offer_codes.usable(world.database, ANN, ["off_1"]), {"SORT"}),
    "codes issued at once": (lambda world: offer_codes.of_issue(world.database, "ois_1"), {"SORT"}),
    "using an offer's code": (
        within(lambda world, tx: offer_codes.set_status(world.database, ANN, "ocd_1", "ISSUED", {"at": NOW}, tx=tx)),
        {"SORT"},
    ),
    "what a person redeemed": (
        lambda world: offer_redemptions.by_person(world.database, ANN, ["off_1"]),
        {"FETCH", "SORT"},
    ),
    "how often offers were redeemed": (lambda world: offer_redemptions.recount(world.database, ["off_1"]), {"FETCH"}),
    "counters of offers": (lambda world: offer_redemptions.counters(world.database, ["off_1"]), {"SORT"}),
    "counting an offer": (
        within(lambda world, tx: offer_redemptions.take(world.database, "off_1", 5, total=9, budget=9, tx=tx)),
        {"SORT"},
    ),
    "redemptions that came back": (
        within(lambda world, tx: offer_redemptions.set_returned(world.database, ANN, ["ord_1"], tx=tx)),
        {"SORT"},
    ),
    "whether a category is known": (lambda world: shop.known_categories(world.database, ["Tea"]), {"FETCH", "SORT"}),
    "a referral": (within(lambda world, tx: referrals.get(world.database, ANN, tx=tx)), {"SORT"}),
    # The worker's: over all accounts and customers, a batch at a time.
    "accounts that are due": (lambda world: ledger.due(world.database, NOW, 5), {"SORT"}),
    "accounts whose tier is due": (lambda world: ledger.tier_due(world.database, NOW, "ladders", 5), {"SORT"}),
    "birthdays": (lambda world: customers.with_birthday(world.database, ["02-28", "02-29"], NOW, None, 5), set()),
}


async def seed(world: World) -> None:
    """Put something into every list, so that a second page has a cursor to begin behind."""
    ann = await world.customer(firstName="Ann", lastName="Archer", phone="+436641234567", tags=["vip"])
    await world.sell(customer={"id": ann})
    for name in ("purchases", "points_transactions", "points_lots"):
        await world.database[name].update_many({}, {"$set": {"owner": ANN}})
    await offer_id(world)


@pytest.mark.parametrize("name", HOT)
async def test_every_hot_query_uses_its_index(world: World, name: str) -> None:
    await seed(world)
    query, never = HOT[name]
    found = await plan_of(world, query)
    assert set(found) & INDEXED, found
    assert not set(found) & {"COLLSCAN", *never}, found


FILTERS: dict[str, Document] = {
    "none": {},
    "search": {"search": "arch"},
    "phone": {"search": "0664 123"},
    "tier": {"tier": "tie_00000000000000000000000000"},
    "channel": {"channel": "POS"},
    "tags": {"tags": ["vip"]},
    "created": {"createdAfter": "2026-01-01T00:00:00Z", "createdBefore": "2027-01-01T00:00:00Z"},
    "last purchase": {"lastPurchaseAfter": "2026-01-01T00:00:00Z"},
    "spent": {"totalSpentMin": "1", "totalSpentMax": "100"},
    "all": {"search": "a", "channel": "POS", "tags": ["vip"], "totalSpentMin": "1"},
}


def customer_list(filter: Document, sort: CustomerSort) -> Callable[[World, PageArguments], Listing]:
    def listing(world: World, arguments: PageArguments) -> Listing:
        context = Context(world.call())
        checked = parse(CustomerFilter, filter, context.call.rules) if filter else None
        return customer_lists.list_of(context, checked, sort, arguments)

    return listing


@pytest.mark.parametrize("sort", CustomerSort)
@pytest.mark.parametrize("name", FILTERS)
async def test_customers_are_found_through_an_index_by_each_sort_and_filter(
    world: World, name: str, sort: CustomerSort
) -> None:
    await seed(world)
    found = await plan_of(world, page(customer_list(FILTERS[name], sort), FIRST, NEXT, LAST))
    assert set(found) & INDEXED, found
    assert "COLLSCAN" not in found
    if name == "none":
        assert "SORT" not in found
