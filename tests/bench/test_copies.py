"""Copies of customers are whole customers: what belongs to each is found by its ids, nobody's by another's."""

import pytest

from bench.copies import COPIED, multiply
from bench.data import environ_of
from crm.ids import account_of
from tests.support import World, whole


@pytest.fixture
def environ(mongodb_uri: str) -> dict[str, str]:
    return {**environ_of(mongodb_uri), "CRM_MONGODB_DATABASE": "tests"}


async def two_with_purchases(world: World) -> None:
    for number in range(2):
        customer = await world.customer(email=f"c{number}@example.com")
        for purchase in range(3):
            await world.sell(**whole(purchase + 1), id=f"s-{number}-{purchase}", customer={"id": customer})


async def test_three_times_the_customers_have_three_times_the_documents(world: World, environ: dict[str, str]) -> None:
    await two_with_purchases(world)
    before = await world.everything()

    multiply(environ, 3)

    after = await world.everything()
    assert {name: after[name] for name in COPIED} == {name: before[name] * 3 for name in COPIED}
    assert after["keys"] == before["keys"]


async def test_each_copy_has_its_own_account_purchases_and_entries(world: World, environ: dict[str, str]) -> None:
    await two_with_purchases(world)

    multiply(environ, 3)

    customers = [customer["_id"] for customer in await world.all("customers")]
    accounts = {account["_id"]: account["customerId"] for account in await world.all("loyalty_accounts")}
    assert accounts == {account_of(customer): customer for customer in customers}
    for customer in customers:
        purchases = await world.all("purchases", {"owner": customer})
        entries = await world.all("points_transactions", {"owner": customer})
        assert {entry["source"]["nodeId"] for entry in entries} == {purchase["_id"] for purchase in purchases}
        assert len(purchases) == 3


async def test_what_was_copied_before_is_not_copied_again(world: World, environ: dict[str, str]) -> None:
    await two_with_purchases(world)
    multiply(environ, 2)

    multiply(environ, 4, already=2)

    assert (await world.everything())["customers"] == 8


def test_more_copies_than_there_are_ids_for_are_refused(environ: dict[str, str]) -> None:
    with pytest.raises(AssertionError, match="more than there are ids for"):
        multiply(environ, 1000)
