"""The bare endpoint answers as the service does, reads by indexes alone, and writes as many documents a sale."""

import json
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient
from starlette.requests import Request

from bench.bare import PAGE, create_app
from bench.bare_sale import TEMPLATE, WRITTEN, BareSale
from bench.data import offer
from bench.load import NAMES, OPERATIONS
from crm.callers import SYSTEM
from services.offer_inputs import OfferInput
from services.offers import save_offer
from services.validation import parse
from tests.support import STAFF, World, customer_caller, whole


@pytest.fixture
async def ann(world: World) -> str:
    """A customer with purchases, in a shop with offers."""
    customer = await world.customer(firstName="Ann")
    for number in range(12):
        await world.sell(**whole(number + 1), id=f"s-{number}", customer={"id": customer})
    for number in range(6):
        call = world.call(SYSTEM)
        await save_offer(call, None, parse(OfferInput, offer(number), call.rules))
    return customer


async def by_bare(
    monkeypatch: pytest.MonkeyPatch, mongodb_uri: str, name: str, customer: str, variables: dict[str, Any]
) -> Any:
    for setting, value in (("URI", mongodb_uri), ("DATABASE", "tests")):
        monkeypatch.setenv(f"CRM_MONGODB_{setting}", value)
    monkeypatch.setenv("CRM_MONGO_DRIVER", "pymongo")
    app = create_app()
    sent = {"query": OPERATIONS[name], "operationName": NAMES[name], "variables": variables}
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://bare") as to,
    ):
        return (await to.post("/graphql", content=json.dumps(sent), headers={"x-customer": customer})).json()["data"]


@pytest.mark.parametrize("name", ["A", "B", "C"])
async def test_the_bare_endpoint_answers_as_the_service_does(
    world: World, ann: str, monkeypatch: pytest.MonkeyPatch, mongodb_uri: str, name: str
) -> None:
    caller = customer_caller(ann) if name == "A" else STAFF
    variables = {"id": ann} if name == "C" else {}

    ours = await world.data(OPERATIONS[name], variables, caller=caller)

    assert await by_bare(monkeypatch, mongodb_uri, name, ann, variables) == json.loads(json.dumps(ours))


async def test_the_account_page_is_compared_with_five_offers_ten_purchases_and_five_entries(
    world: World, ann: str
) -> None:
    page = await world.data(OPERATIONS["A"], caller=customer_caller(ann))

    assert len(page["offers"]["nodes"]) == 5
    assert len(page["me"]["purchases"]["nodes"]) == 10
    assert len(page["me"]["loyalty"]["transactions"]["nodes"]) == 5


async def test_every_look_up_of_the_bare_account_page_goes_by_an_index(world: World, ann: str) -> None:
    aggregation = {"aggregate": "customers", "pipeline": [{"$match": {"_id": ann}}, *PAGE], "cursor": {}}

    told = await world.database.command({"explain": aggregation, "verbosity": "executionStats"})

    look_ups = {
        stage["$lookup"]["from"]: (stage["collectionScans"], stage["indexesUsed"])
        for stage in told["stages"]
        if "$lookup" in stage
    }
    assert look_ups == {
        "loyalty_accounts": (0, ["_id_"]),
        "points_transactions": (0, ["history"]),
        "purchases": (0, ["timeline"]),
    }


async def test_a_bare_sale_writes_as_many_documents_of_each_kind_as_the_service(world: World) -> None:
    source, value = TEMPLATE
    of_template, bob = await world.customer(), await world.customer(email="bob@example.com")
    await world.sell(externalId={"source": source, "value": value}, customer={"id": of_template})
    written = []
    for sale in (
        lambda: world.sell(customer={"id": bob}),
        lambda: BareSale(world.database).answer(
            world.database, Request({"type": "http"}), {"variables": {"input": {"customer": {"id": bob}}}}
        ),
    ):
        before = await world.everything()
        await sale()
        after = await world.everything()
        written.append({name: after[name] - before[name] for name in WRITTEN})

    assert written[0] == written[1]
    assert all(written[0].values())
