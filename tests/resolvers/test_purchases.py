"""A sale's payload shows what was just stored, and asks for none of it again."""

from typing import Any

import pytest

from resolvers.context import Context
from tests.services.loyalty_helpers import amount_off, paid, rewards, rich
from tests.services.offer_helpers import offer_id
from tests.support import ADMIN, POS, RECORD, World, sale

TOTAL = """mutation($input: RecordPurchaseInput!) { recordPurchase(input: $input) {
  purchase { total { amount } pointsEarned } } }"""
IN_ONE = """mutation($sale: RecordPurchaseInput!, $back: RecordReturnInput!) {
  recordPurchase(input: $sale) { purchase { status } }
  recordReturn(input: $back) { purchase { status returnedTotal { amount } } userErrors { code } }
  again: recordPurchase(input: $sale) { purchase { status } replayed } }"""


async def written_by(world: World, input: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a sale's purchase as its payload has it and as it is stored."""
    context = Context(world.call(ADMIN))
    body = (await world.engine.run(context, RECORD, {"input": input}, None)).body
    assert body["data"]["recordPurchase"]["userErrors"] == []
    (written,) = context.call.written.values()
    (stored,) = await world.all("purchases", {"_id": written["_id"]})
    return written, stored


async def test_a_known_customers_sale_is_nine_writes_and_its_payload_reads_nothing(world: World) -> None:
    ann = await world.customer()
    for name in ("s-1", "s-2"):  # the first one makes the product, the second one asks for its category
        await world.sell(id=name, customer={"id": ann}, caller=POS)
    world.commands.names.clear()

    sold = await world.data(TOTAL, {"input": sale(id="s-3", customer={"id": ann})}, caller=POS)

    assert sold["recordPurchase"]["purchase"] == {"total": {"amount": "10.90"}, "pointsEarned": 10}
    assert world.commands.names == [
        "findAndModify loyalty_accounts",
        "insert keys",
        "insert purchases",
        "update loyalty_accounts",
        "insert points_transactions",
        "insert points_lots",
        "update customers",
        "update tastes",
        "insert outbox",
        "commitTransaction",
    ]


@pytest.mark.parametrize(
    "kind", ["anonymous", "a customer's", "at a second's fraction, elsewhere", "with rewards", "with offers"]
)
async def test_what_a_payload_shows_is_what_is_stored(world: World, kind: str) -> None:
    (reward,) = await rewards(world, amount_off(100, "1.00", stock=3))
    offer = await offer_id(world)
    ann = await rich(world, 1000)
    inputs = {
        "anonymous": sale(),
        "a customer's": sale(customer={"id": ann}, terminalId="7", storeCode="vienna-1"),
        "at a second's fraction, elsewhere": sale(occurredAt="2026-11-21T12:00:00.1239+05:30"),
        "with rewards": paid(world, 10, off="3.00", customer=ann, rewardIds=[reward], points=200),
        "with offers": paid(world, 10, off="1.00", customer=ann, offerIds=[offer]),
    }

    written, stored = await written_by(world, inputs[kind])

    assert written == stored
    assert repr(written) == repr(stored)


async def test_what_a_later_mutation_changes_is_seen(world: World) -> None:
    back = {
        "externalId": {"source": "till-7", "value": "r-1"},
        "purchase": {"externalId": {"source": "till-7", "value": "s-1"}},
        "occurredAt": world.clock().isoformat(),
        "lines": [{"lineNumber": 1, "quantity": "2"}],
    }

    found = await world.data(IN_ONE, {"sale": sale(), "back": back})

    assert found["recordPurchase"]["purchase"]["status"] == "COMPLETED"
    assert found["recordReturn"]["userErrors"] == []
    assert found["recordReturn"]["purchase"] == {"status": "RETURNED", "returnedTotal": {"amount": "10.90"}}
    assert found["again"] == {"purchase": {"status": "RETURNED"}, "replayed": True}
