"""@idempotent: a mutation is carried out at most once per key, whatever happens to whoever held it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from crm.refusals import Refusal, UserErrorCode
from services.context import Call
from services.idempotent import KEEP, once
from services.inputs import RecordPurchaseInput
from services.outcomes import Outcome, done, row_by_row
from services.purchases import record_purchase
from services.validation import parse
from store import idempotency
from store.client import Tx
from store.idempotency import Claim
from tests.services.helpers import batch, claim, codes, contents, ledger_of, nothing_written, row
from tests.support import ADMIN, ERRORS, NOW, POS, STAFF, World, sale, whole

RECORD = f"""mutation($input: RecordPurchaseInput!, $key: String!) {{
  recordPurchase(input: $input) @idempotent(key: $key) {{
    purchase {{ id total {{ amount }} }} receiptToken replayed {ERRORS} }} }}"""
OTHER_SELECTION = """mutation Till($i: RecordPurchaseInput!, $key: String!) {
  again: recordPurchase(input: $i) @idempotent(key: $key) { replayed purchase { pointsEarned customer { id } } } }"""
CREATE = f"""mutation($email: String!, $key: String!) {{
  createCustomer(input: {{email: $email}}) @idempotent(key: $key) {{ customer {{ id }} replayed {ERRORS} }} }}"""
BATCH = f"""mutation($inputs: [RecordPurchaseInput!]!, $key: String!) {{
  recordPurchases(inputs: $inputs) @idempotent(key: $key) {{
    results {{ purchase {{ id }} replayed {ERRORS} }} replayed {ERRORS} }} }}"""
ID = idempotency.key_id(ADMIN.principal, "k-1")


async def send(world: World, *, key: str = "k-1", caller: Any = ADMIN, **fields: Any) -> dict[str, Any]:
    return (await world.data(RECORD, {"input": sale(**fields), "key": key}, caller=caller))["recordPurchase"]


async def kept(world: World) -> list[dict[str, Any]]:
    return await world.all("keys", {"_id": {"$regex": "^idem:"}})


async def test_a_retry_gives_the_first_outcome_and_writes_nothing(world: World) -> None:
    ann = await world.customer()
    first = await send(world, customer={"id": ann})
    async with nothing_written(world):
        again = await send(world, customer={"id": ann})
    assert (first["replayed"], again) == (False, {**first, "replayed": True})
    assert await ledger_of(world, ann) == [("EARN", 10, 10)]


async def test_a_retry_may_select_other_fields_under_another_alias_in_another_document(world: World) -> None:
    ann = await world.customer()
    await send(world, customer={"id": ann})
    again = await world.data(OTHER_SELECTION, {"i": sale(customer={"id": ann}), "key": "k-1"})
    assert again == {"again": {"replayed": True, "purchase": {"pointsEarned": 10, "customer": {"id": ann}}}}


async def test_a_key_sent_twenty_times_at_once_is_carried_out_once(world: World) -> None:
    payloads = await asyncio.gather(*(send(world) for _ in range(20)))
    assert len(await world.all("purchases")) == 1
    assert {code for payload in payloads for code in codes(payload)} <= {"IDEMPOTENCY_KEY_IN_USE"}
    assert [payload["replayed"] for payload in payloads if not codes(payload)].count(False) == 1


@pytest.mark.parametrize("fields", [{"total": "10.91"}, {"id": "s-2"}, {"storeCode": "graz-1"}])
async def test_the_same_key_with_other_arguments_is_a_mismatch_whatever_became_of_the_first(
    world: World, fields: dict[str, Any]
) -> None:
    await send(world, **whole(12), id="s-0")
    async with nothing_written(world):
        payload = await send(world, **fields)
    assert codes(payload) == ["IDEMPOTENCY_KEY_MISMATCH"]
    assert payload["purchase"] is None


async def test_the_same_key_on_another_mutation_is_a_mismatch(world: World) -> None:
    await send(world)
    async with nothing_written(world):
        payload = (await world.data(CREATE, {"email": "a@example.com", "key": "k-1"}))["createCustomer"]
    assert codes(payload) == ["IDEMPOTENCY_KEY_MISMATCH"]


async def test_keys_of_two_principals_are_apart(world: World) -> None:
    for caller, number in ((ADMIN, 1), (STAFF, 2), (POS, 3)):
        payload = await send(world, id=f"s-{number}", caller=caller)
        assert (codes(payload), payload["replayed"]) == ([], False)
    assert len(await kept(world)) == 3


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb"])
async def test_what_is_no_key_is_invalid(world: World, key: str) -> None:
    async with nothing_written(world):
        assert codes(await send(world, key=key)) == ["INVALID"]


# ---------------------------------------------------------------- what is stored


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"lines": []}, "INVALID"),
        ({"taxTotal": "11.00", "taxIncluded": True}, "INVALID"),
        ({"customer": {"email": "nobody@example.com"}}, "NOT_FOUND"),
        ({"customer": {"id": "cus_00000000000000000000000000"}}, "NOT_FOUND"),
        ({"storeCode": "graz-1"}, "FORBIDDEN"),
    ],
)
async def test_what_was_wrong_input_is_not_stored_and_the_key_can_be_used_again(
    world: World, wrong: dict[str, Any], code: str
) -> None:
    async with nothing_written(world):
        assert codes(await send(world, caller=POS, **wrong)) == [code]
    payload = await send(world, caller=POS)
    assert (codes(payload), payload["replayed"]) == ([], False)


async def test_refusals_by_the_rules_are_stored_and_replayed_as_they_were(world: World) -> None:
    mismatch = await send(world, key="k-1", total="11.00")
    await send(world, key="k-2")
    conflict = await send(world, key="k-3", **whole(12))
    created = (await world.data(CREATE, {"email": "a@example.com", "key": "k-4"}))["createCustomer"]
    taken = (await world.data(CREATE, {"email": "a@example.com", "key": "k-5"}))["createCustomer"]
    assert [codes(payload) for payload in (mismatch, conflict, created, taken)] == [
        ["TOTAL_MISMATCH"], ["CONFLICT"], [], ["ALREADY_EXISTS"],
    ]  # fmt: skip
    async with nothing_written(world):
        assert await send(world, key="k-1", total="11.00") == {**mismatch, "replayed": True}
        assert await send(world, key="k-3", **whole(12)) == {**conflict, "replayed": True}
        again = (await world.data(CREATE, {"email": "a@example.com", "key": "k-5"}))["createCustomer"]
        assert again == {**taken, "replayed": True}


async def test_the_receipt_token_is_replayed_until_the_purchase_is_claimed_and_never_stored(world: World) -> None:
    ann = await world.customer()
    first = await send(world)
    assert len(first["receiptToken"]) == 40
    assert first["receiptToken"] not in str(await contents(world))
    assert (await send(world))["receiptToken"] == first["receiptToken"]
    await claim(world, first["purchase"]["id"], customer=ann)
    last = await send(world)
    assert (last["replayed"], last["receiptToken"], codes(last)) == (True, None, [])


async def test_an_outcome_is_kept_for_30_days_and_the_key_is_new_after(world: World) -> None:
    await send(world)
    (key,) = await kept(world)
    assert key["expiresAt"] == NOW + timedelta(days=30)
    world.clock.advance(days=29, hours=23)
    assert (await send(world))["replayed"] is True
    world.clock.advance(hours=1)  # whether MongoDB has deleted it by now or not
    payload = await send(world, id="s-2")
    assert (codes(payload), payload["replayed"]) == ([], False)
    (key,) = await kept(world)
    assert key["outcome"]["purchase"] == payload["purchase"]["id"]


# ---------------------------------------------------------------- leases


async def crashed(world: World, **fields: Any) -> None:
    """Leave the key as somebody does who claimed it now and never came back, nothing of the sale committed."""
    await send(world, **fields)
    (key,) = await kept(world)
    for name in ("purchases", "points_lots", "points_transactions", "outbox", "keys"):
        await world.database[name].delete_many({"_id": {"$not": {"$regex": "^(cus|email)"}}})
    held = await idempotency.claim(
        world.database, key["_id"], fingerprint=key["fingerprint"], token="dead", now=world.clock(), keep=KEEP
    )
    assert isinstance(held, Claim)


async def test_a_key_that_is_being_used_is_in_use_for_60_seconds_and_then_taken_over(world: World) -> None:
    await crashed(world)
    world.clock.advance(seconds=59.999)
    async with nothing_written(world):
        assert codes(await send(world)) == ["IDEMPOTENCY_KEY_IN_USE"]
        assert codes(await send(world, **whole(12))) == ["IDEMPOTENCY_KEY_MISMATCH"]
    world.clock.advance(milliseconds=1)
    payload = await send(world)
    assert (codes(payload), payload["replayed"]) == ([], False)
    assert (await send(world))["replayed"] is True


Run = Callable[[], Awaitable[Outcome]]


def recording(call: Call, **fields: Any) -> Run:
    """Return the recording of a sale as the engine would start it."""
    return lambda: record_purchase(call, parse(RecordPurchaseInput, sale(**fields), call.rules))


@pytest.mark.parametrize(
    ("late", "why"),
    [({"id": "s-2"}, "new"), ({}, "a replay"), ({"id": "s-2", "total": "11.00"}, "refused by the rules")],
)
async def test_who_lost_the_lease_aborts_and_writes_nothing(world: World, late: dict[str, Any], why: str) -> None:
    slow = world.call()

    async def overtaken() -> Outcome:
        world.clock.advance(seconds=61)
        other = world.call()
        first = await once(other, "k-1", "print", recording(other))
        assert (first["replayed"], first["userErrors"]) == (False, [])
        return await recording(slow, **late)()

    with pytest.raises(Refusal) as refusal:
        await once(slow, "k-1", "print", overtaken)

    assert refusal.value.code is UserErrorCode.IDEMPOTENCY_KEY_IN_USE, why
    assert [purchase["externalId"]["value"] for purchase in await world.all("purchases")] == ["s-1"]
    (key,) = await kept(world)
    assert key["outcome"]["userErrors"] == []
    assert len(await world.all("outbox")) == 1


async def test_a_batch_renews_its_lease_row_by_row_and_stops_when_it_lost_it(world: World) -> None:
    slow = world.call()
    done_rows: list[int] = []

    async def effect(call: Call, number: int) -> Outcome:
        world.clock.advance(seconds=40)  # three rows last longer than one lease
        done_rows.append(number)
        if number == 3:
            await world.database["keys"].update_one({"_id": ID}, {"$set": {"token": "another"}})
        return done()

    async def run() -> Outcome:
        return done(results=await row_by_row(slow, [1, 2, 3, 4, 5], effect, order=lambda number: number))

    with pytest.raises(Refusal) as refusal:
        await once(slow, "k-1", "print", run, batch=True)
    assert refusal.value.code is UserErrorCode.IDEMPOTENCY_KEY_IN_USE
    assert done_rows == [1, 2, 3]
    (key,) = await kept(world)
    assert key["leaseUntil"] == NOW + timedelta(seconds=80 + 60)


async def test_an_effect_that_breaks_frees_its_key(world: World) -> None:
    async def broken() -> Outcome:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError):
        await once(world.call(), "k-1", "print", broken)
    assert await kept(world) == []


async def test_a_request_that_is_cancelled_frees_its_key_and_leaves_nothing(world: World) -> None:
    call = world.call()
    working = asyncio.Event()

    async def slow() -> Outcome:
        async def work(tx: Tx) -> Outcome:
            await world.database["outbox"].insert_one(
                {"_id": "evt_1", "topic": "PURCHASE", "at": NOW, "transactionId": "evt_1", "position": 0},
                session=tx.session,
            )
            working.set()
            await asyncio.Event().wait()
            return done()

        return await world.database.transaction(work)

    async with nothing_written(world):
        task = asyncio.ensure_future(once(call, "k-1", "print", slow))
        await working.wait()
        assert len(await kept(world)) == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_an_outcome_of_another_request_is_stored_though_an_own_transaction_had_stored_its_own(
    world: World,
) -> None:
    call = world.call()

    async def beaten() -> Outcome:
        call.claim_completed = True  # in a transaction that was then aborted, because somebody else was first
        return {**done(purchase="pur_x"), "replayed": True}

    await once(call, "k-1", "print", beaten)
    (key,) = await kept(world)
    assert key["outcome"]["purchase"] == "pur_x"


# ---------------------------------------------------------------- batches


async def test_a_batch_stores_only_that_it_ran_and_its_retry_finds_every_row(world: World) -> None:
    ann = await world.customer()
    rows = [row(world, f"s-{n}", n, customer={"id": ann}) for n in (5, 6)] + [row(world, "s-7", 7, total="8.00")]
    first = (await world.data(BATCH, {"inputs": rows, "key": "k-1"}))["recordPurchases"]
    (key,) = await kept(world)
    assert key["outcome"] == {}
    async with nothing_written(world):
        again = (await world.data(BATCH, {"inputs": rows, "key": "k-1"}))["recordPurchases"]
        other = (await world.data(BATCH, {"inputs": rows[:1], "key": "k-1"}))["recordPurchases"]
    assert (first["replayed"], again["replayed"]) == (False, True)
    assert [payload["replayed"] for payload in again["results"]] == [True, True, False]
    assert [codes(payload) for payload in again["results"]] == [[], [], ["TOTAL_MISMATCH"]]
    ids = [[payload["purchase"] for payload in told["results"]] for told in (first, again)]
    assert ids[0] == ids[1]
    assert (codes(other), other["results"]) == (["IDEMPOTENCY_KEY_MISMATCH"], [])


async def test_a_row_recorded_without_the_key_is_a_replay_within_the_batch(world: World) -> None:
    await batch(world, row(world, "s-5", 5))
    rows = [row(world, "s-5", 5), row(world, "s-6", 6)]
    told = (await world.data(BATCH, {"inputs": rows, "key": "k-1"}))["recordPurchases"]
    assert (told["replayed"], [payload["replayed"] for payload in told["results"]]) == (False, [True, False])
