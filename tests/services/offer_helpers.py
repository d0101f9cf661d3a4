"""What the tests of offers share: GraphQL documents, and short functions that save offers and ask for them."""

from typing import Any

from crm.callers import Caller
from tests.services.loyalty_helpers import run
from tests.support import ADMIN, ERRORS, World

UNKNOWN = "off_00000000000000000000000000"
OFFER_FIELDS = """
id version title description code kind value buyQuantity getQuantity getSkus reward { id } startsAt endsAt priority
stacking stackingGroup redemptionCount active
conditions { channels storeCodes weeklyHours { day from to } tiers tags attributes customerCount firstPurchase
  birthdayWithinDays minimumSpend { amount } minimumQuantity skus categories requiredSkus requiresCode }
limits { total perCustomer period perPeriod budget { amount } }
"""
SAVE = f"""mutation($id: ID, $input: OfferInput!) {{ saveOffer(id: $id, input: $input) {{
  offer {{ {OFFER_FIELDS} }} replayed {ERRORS} }} }}"""
ARCHIVE = f"""mutation($id: ID!) {{ archiveOffer(id: $id) {{ offer {{ {OFFER_FIELDS} }} replayed {ERRORS} }} }}"""
ISSUE = f"""mutation($id: ID!, $count: Int!, $customers: [CustomerKey!]) {{
  issueOfferCodes(id: $id, count: $count, customers: $customers) {{ offer {{ id }} codes replayed {ERRORS} }} }}"""
OFFERS = """query($channel: Channel, $first: Int, $after: String) {
  offers(channel: $channel, first: $first, after: $after) {
    totalCount nodes { id title code } pageInfo { hasNextPage endCursor } } }"""
OFFER = f"query($id: ID!) {{ offer(id: $id) {{ {OFFER_FIELDS} }} }}"
NODE = "query($id: ID!) { node(id: $id) { __typename id } }"
PRODUCTS = """mutation($inputs: [ProductInput!]!) { saveProducts(inputs: $inputs) {
  results { product { id } userErrors { code } } } }"""


async def try_save(
    world: World, id: str | None = None, *, caller: Caller = ADMIN, key: str | None = None, **input: Any
) -> dict[str, Any]:
    """Save an offer and return the payload."""
    payload: dict[str, Any] = await run(world, SAVE, {"id": id, "input": input}, caller=caller, key=key)
    return payload


async def save_offer(world: World, id: str | None = None, **input: Any) -> dict[str, Any]:
    """Save an offer, which must be right, and return it."""
    payload = await try_save(world, id, **input)
    assert payload["userErrors"] == []
    offer: dict[str, Any] = payload["offer"]
    return offer


async def offer_id(world: World, **input: Any) -> str:
    """Make an offer of 10 per cent, unless said otherwise, and return its id."""
    usual = {"title": "Ten off", "kind": "PERCENTAGE"} | ({"value": "10"} if "kind" not in input else {})
    return str((await save_offer(world, **usual | input))["id"])


async def archive(world: World, id: str, *, caller: Caller = ADMIN, key: str | None = None) -> dict[str, Any]:
    """Archive an offer and return the payload."""
    payload: dict[str, Any] = await run(world, ARCHIVE, {"id": id}, caller=caller, key=key)
    return payload


async def issue(
    world: World, id: str, count: int = 1, *customers: str, key: str | None = None, caller: Caller = ADMIN
) -> dict[str, Any]:
    """Issue codes and return the payload."""
    variables = {"id": id, "count": count, "customers": [{"id": one} for one in customers] or None}
    payload: dict[str, Any] = await run(world, ISSUE, variables, caller=caller, key=key)
    return payload


async def issued(world: World, id: str, *customers: str) -> list[str]:
    """Issue one code, or one for each customer, and return them."""
    payload = await issue(world, id, 1, *customers)
    assert payload["userErrors"] == []
    codes: list[str] = payload["codes"]
    return codes


async def listed(world: World, *, caller: Caller = ADMIN, **arguments: Any) -> list[str]:
    """Return the titles of the offers that a caller is shown, in their order."""
    page = (await world.data(OFFERS, arguments, caller=caller))["offers"]
    titles = [offer["title"] for offer in page["nodes"]]
    assert page["totalCount"] >= len(titles)
    return titles


async def seen(world: World, id: str, *, caller: Caller = ADMIN) -> dict[str, Any] | None:
    """Return an offer as a caller sees it, None where there is none for that one."""
    offer: dict[str, Any] | None = (await world.data(OFFER, {"id": id}, caller=caller))["offer"]
    node = (await world.data(NODE, {"id": id}, caller=caller))["node"]
    assert node == ({"__typename": "Offer", "id": id} if offer else None)
    return offer


async def products(world: World, *skus: str, category: str | None = None) -> None:
    """Save products, so that offers can name them."""
    inputs = [{"sku": sku, "category": category} for sku in skus]
    await world.data(PRODUCTS, {"inputs": inputs})


REDEMPTIONS = """query($id: ID!) { purchase(by: {id: $id}) { redemptions {
  id at returned rewardCode discount { amount } offer { id title code } } } }"""


async def sold_with(world: World, purchase: str, *, caller: Caller = ADMIN) -> list[dict[str, Any]]:
    """Return what a purchase redeemed of offers, as a caller sees it."""
    found: list[dict[str, Any]] = (await world.data(REDEMPTIONS, {"id": purchase}, caller=caller))["purchase"][
        "redemptions"
    ]
    return found


async def redemptions(world: World, purchase: str) -> list[tuple[str, str, bool]]:
    """Return what a purchase redeemed of offers as (title, discount, whether it came back)."""
    shown = await sold_with(world, purchase)
    return [(one["offer"]["title"], one["discount"]["amount"], one["returned"]) for one in shown]


async def count_of(world: World, id: str) -> int:
    """Return how often an offer was redeemed."""
    offer = await world.data("query($id: ID!) { offer(id: $id) { redemptionCount } }", {"id": id})
    return int(offer["offer"]["redemptionCount"])
