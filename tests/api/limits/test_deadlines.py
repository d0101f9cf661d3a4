"""The end of a request: queries are given up, mutations happen wholly or not at all, batches stop between rows."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from api.limits import numbers
from api.limits.patience import Gone, Patience
from resolvers.context import Context
from services import outcomes
from store import outbox
from store.client import Database
from tests.support import ADMIN, POS, RECORD, STAFF, World, customer_caller, sale

SLOW = {"$where": "sleep(3000) || true"}
BATCH = """mutation($rows: [RecordPurchaseInput!]!) { recordPurchases(inputs: $rows) @idempotent(key: "day") {
  results { purchase { externalId { value } } replayed userErrors { code } } replayed userErrors { code } } }"""


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "SECONDS_MAX", 0.4)


def codes(body: dict[str, Any]) -> list[str]:
    return [error["extensions"]["code"] for error in body.get("errors", [])]


async def slowly(database: Database, **options: Any) -> list[dict[str, Any]]:
    """Ask for customers, and let MongoDB take three seconds over it."""
    found: list[dict[str, Any]] = await database["customers"].find(SLOW, **options).to_list(None)
    return found


@pytest.mark.usefixtures("hasty")
async def test_a_query_that_takes_too_long_is_told_so_and_the_rest_is_answered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from store import customers

    await world.customer()
    monkeypatch.setattr(customers, "by_ids", lambda *_: slowly(world.database))
    started = time.monotonic()

    body = await world.answer('{ __typename customer(by: {email: "ann@example.com"}) { id } }', caller=STAFF)

    assert time.monotonic() - started < 2
    assert body["data"] == {"__typename": "Query", "customer": None}
    assert codes(body) == ["TIMEOUT"]
    assert body["errors"][0]["message"] == "This took too long and was given up."
    assert "mongo" not in str(body).lower()


@pytest.mark.usefixtures("hasty")
async def test_what_takes_too_long_without_the_database_is_given_up_as_well(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from resolvers import programs

    async def ponder(_: Context) -> None:
        await asyncio.sleep(30)

    monkeypatch.setattr(programs, "program_in_force", ponder)
    body = await world.answer("{ loyaltyProgram { id } }", caller=STAFF)

    assert body == {"errors": [{"message": "This took too long and was given up.", "extensions": {"code": "TIMEOUT"}}]}


@pytest.mark.usefixtures("hasty")
async def test_a_mutation_that_takes_too_long_has_not_happened_and_its_key_can_be_used_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await world.customer()
    sold = RECORD.replace("recordPurchase(input: $input)", 'recordPurchase(input: $input) @idempotent(key: "k")')
    before = await world.everything()
    with monkeypatch.context() as patch:
        insert = outbox.insert

        async def late(database: Database, events: Any, *, tx: Any) -> None:
            await slowly(database, session=tx.session)
            await insert(database, events, tx=tx)

        patch.setattr(outbox, "insert", late)
        body = await world.answer(sold, {"input": sale(customer={"id": ann})}, caller=POS)

    assert codes(body) == ["TIMEOUT"]
    assert await world.everything() == before
    assert (await world.data(sold, {"input": sale(customer={"id": ann})}, caller=POS))["recordPurchase"]["purchase"]
    assert (await world.points(ann))["available"] == 10


@pytest.mark.usefixtures("hasty")
async def test_a_mutation_whose_account_others_hold_says_throttled_in_time(world: World) -> None:
    ann = await world.customer()
    held, go = asyncio.Event(), asyncio.Event()

    async def hold(tx: Any) -> None:
        await world.database["loyalty_accounts"].update_one(
            {"_id": "loy" + ann[3:]}, {"$set": {"touched": True}}, session=tx.session
        )
        held.set()
        await go.wait()
        raise asyncio.CancelledError

    holder = asyncio.create_task(world.database.transaction(hold))
    await held.wait()
    started = time.monotonic()
    body = await world.answer(RECORD, {"input": sale(customer={"id": ann})}, caller=POS)

    assert time.monotonic() - started < 3
    assert [error["code"] for error in body["data"]["recordPurchase"]["userErrors"]] == ["THROTTLED"]
    go.set()
    await asyncio.gather(holder, return_exceptions=True)


async def test_a_batch_stops_between_rows_and_is_completed_by_its_second_try(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [sale(id=f"s-{number}", storeCode="vienna-1") for number in range(5)]
    begun = iter(range(100))
    with monkeypatch.context() as patch:
        patch.setattr(outcomes, "monotonic", lambda: time.monotonic() + (0 if next(begun) < 2 else 3600))
        first = (await world.data(BATCH, {"rows": rows}, caller=POS))["recordPurchases"]

    undone = {"purchase": None, "replayed": False, "userErrors": [{"code": "THROTTLED"}]}
    assert [row["userErrors"] for row in first["results"]] == [[], [], *[[{"code": "THROTTLED"}]] * 3]
    assert first["results"][2:] == [undone] * 3
    assert first["userErrors"] == []
    assert len(await world.all("purchases")) == 2

    second = (await world.data(BATCH, {"rows": rows}, caller=POS))["recordPurchases"]
    assert [row["replayed"] for row in second["results"]] == [True, True, False, False, False]
    assert [row["userErrors"] for row in second["results"]] == [[]] * 5
    assert len(await world.all("purchases")) == 5


class Socket:
    """What a request's `receive` gives: nothing, until the client leaves."""

    def __init__(self) -> None:
        self.left = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}


async def leaving(run: Callable[[], Any]) -> Any:
    """Run a request whose client leaves after a fifth of a second."""
    socket = Socket()
    asyncio.get_running_loop().call_later(0.2, socket.left.set)
    with Patience(socket.receive):
        return await run()


async def test_a_client_who_leaves_ends_his_query(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from store import customers

    await world.customer()
    monkeypatch.setattr(customers, "by_ids", lambda *_: slowly(world.database))
    started = time.monotonic()

    with pytest.raises(Gone):
        await leaving(lambda: world.answer('{ customer(by: {email: "ann@example.com"}) { id } }', caller=ADMIN))

    assert time.monotonic() - started < 1.5


async def test_a_client_who_leaves_does_not_undo_what_he_meant(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ann, insert = await world.customer(), outbox.insert

    async def late(database: Database, events: Any, *, tx: Any) -> None:
        await asyncio.sleep(0.5)
        await insert(database, events, tx=tx)

    monkeypatch.setattr(outbox, "insert", late)
    mutation = """mutation { setConsents(consents: [{purpose: ANALYTICS, state: DENIED, source: "app"}]) {
      userErrors { code } } }"""

    body = await leaving(lambda: world.answer(mutation, caller=customer_caller(ann)))

    assert body["data"]["setConsents"]["userErrors"] == []
    assert (await world.all("customers"))[0]["consents"]


async def test_whoever_is_cancelled_otherwise_is_cancelled() -> None:
    async def request() -> None:
        with Patience(Socket().receive):
            await asyncio.sleep(30)

    task = asyncio.create_task(request())
    await asyncio.sleep(0.15)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
