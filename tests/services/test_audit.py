"""What staff change is in the audit log with the change, and what tills look up a little later; persons by id alone."""

import asyncio
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from crm.ids import product_id, store_id
from services.notebook import NOTES_MAX
from store import audit as stored
from tests.services.offer_helpers import archive, offer_id, save_offer
from tests.support import ADMIN, POS, STAFF, World, customer_caller, sale

UPDATE = """mutation($by: CustomerKey!, $input: UpdateCustomerInput!) {
  updateCustomer(by: $by, input: $input) { customer { version } userErrors { code } } }"""
ADJUST = """mutation($by: CustomerKey!, $points: Int!) {
  adjustPoints(customer: $by, points: $points, reason: "sorry, Ann") { transaction { id } userErrors { code } } }"""
STORE = "mutation($input: StoreInput!) { saveStore(input: $input) { store { id } userErrors { code } } }"
PRODUCTS = """mutation($inputs: [ProductInput!]!) {
  saveProducts(inputs: $inputs) { results { product { id } userErrors { code } } } }"""
PROGRAM = """mutation { saveLoyaltyProgram(input: {name: "Club"}) @idempotent(key: "one") {
  loyaltyProgram { version } userErrors { code } } }"""
FIND = "query($by: CustomerKey!) { customer(by: $by) { id } }"


async def audit(world: World) -> list[dict[str, Any]]:
    """Return all entries in the order in which they were written."""
    return await world.database["audit"].find({}, sort=[("$natural", 1)]).to_list(None)


async def test_a_change_of_a_person_tells_who_which_fields_and_no_value(world: World) -> None:
    ann = await world.customer(email="ann@example.com", phone="+43 1 5550123")
    await world.database["audit"].delete_many({})
    changes = {"email": "eva@example.com", "firstName": "Eva", "phone": None}

    await world.data(UPDATE, {"by": {"id": ann}, "input": changes}, caller=STAFF)

    (entry,) = await audit(world)
    assert (entry["by"], entry["role"], entry["what"], entry["of"]) == ("key_staff", "STAFF", "updateCustomer", [ann])
    assert entry["at"] == world.clock()
    assert entry["facts"][0]["data"]["fields"] == ["email", "firstName", "phone"]
    (change,) = entry["changes"]
    assert (change["before"]["version"], change["after"]["version"]) == (1, 2)
    assert [key.split(":")[0] for key in change["before"]["keys"]] == ["email", "phone"]
    assert [key.split(":")[0] for key in change["after"]["keys"]] == ["email"]
    for personal in ("ann@", "eva@", "Eva", "5550123"):
        assert personal not in str(entry)


async def test_whether_it_was_this_address_can_be_answered_within_the_installation_alone(world: World) -> None:
    def keys_after(entry: dict[str, Any]) -> Any:
        return entry["changes"][0]["after"]["keys"]

    ann, bob = await world.customer(), await world.customer(email="bob@example.com")
    await world.data(UPDATE, {"by": {"id": ann}, "input": {"email": "new@example.com"}})
    await world.data(UPDATE, {"by": {"id": ann}, "input": {"email": "ann@example.com"}})
    await world.data(UPDATE, {"by": {"id": bob}, "input": {"email": "new@example.com"}})
    world.shop.pepper = b"another" * 8
    await world.data(UPDATE, {"by": {"id": bob}, "input": {"email": "bob@example.com"}})
    await world.data(UPDATE, {"by": {"id": ann}, "input": {"email": "new@example.com"}})

    first, _, same, _, elsewhere = [entry for entry in await audit(world) if entry["what"] == "updateCustomer"]
    assert keys_after(first) == keys_after(same) != keys_after(elsewhere)


async def test_settings_are_told_whole_as_they_were_and_became(world: World) -> None:
    await world.data(STORE, {"input": {"code": "v", "name": "Vienna"}})
    await world.data(STORE, {"input": {"code": "v", "name": "Wien"}})
    await world.data(STORE, {"input": {"code": "v", "name": "Wien"}})

    made, renamed = await audit(world)
    assert made["changes"] == [
        {"of": store_id("v"), "before": {}, "after": {"code": "v", "name": "Vienna", "timeZone": "Europe/Vienna"}}
    ]
    assert renamed["changes"] == [{"of": store_id("v"), "before": {"name": "Vienna"}, "after": {"name": "Wien"}}]


async def test_products_of_a_batch_are_one_entry_of_those_that_changed(world: World) -> None:
    rows = [{"sku": "MUG", "title": "Mug"}, {"sku": "TEA", "title": "Tea"}]
    await world.data(PRODUCTS, {"inputs": rows})
    await world.data(PRODUCTS, {"inputs": [rows[0], {"sku": "TEA", "title": "Green tea", "active": False}]})

    made, changed = await audit(world)
    assert made["of"] == sorted([product_id("MUG"), product_id("TEA")])
    assert changed["changes"] == [
        {
            "of": product_id("TEA"),
            "before": {"title": "Tea", "active": True},
            "after": {"title": "Green tea", "active": False},
        }
    ]


async def test_a_version_of_the_programme_is_told_once_however_often_it_is_sent(world: World) -> None:
    for _ in range(3):
        await world.data(PROGRAM)

    (entry,) = await audit(world)
    assert entry["what"] == "saveLoyaltyProgram"
    (change,) = entry["changes"]
    assert (change["before"], change["after"]["version"], change["after"]["fields"]) == ({"version": 1}, 2, ["name"])


async def test_an_offer_is_told_as_it_was_and_became_and_nobody_whom_it_is_for(world: World) -> None:
    ann = await world.customer()
    offer = await offer_id(world, title="Ten off", conditions={"customers": [{"id": ann}]})
    await save_offer(world, offer, title="Twelve off", value="12")
    await archive(world, offer)
    await archive(world, offer)  # changes nothing

    made, saved, archived = [entry for entry in await audit(world) if offer in entry["of"]]
    assert [entry["what"] for entry in (made, saved, archived)] == ["saveOffer", "saveOffer", "archiveOffer"]
    ((new,), (later,), (gone,)) = (entry["changes"] for entry in (made, saved, archived))
    assert (new["before"], new["after"]["title"], new["after"]["conditions"]["customerCount"]) == ({}, "Ten off", 1)
    assert later["of"] == offer
    assert (later["before"]["title"], later["before"]["value"]) == ("Ten off", "10")
    assert (later["after"]["title"], later["after"]["value"]) == ("Twelve off", "12")
    assert {"kind", "conditions", "active"} & later["after"].keys() == set()
    assert (gone["before"]["active"], gone["after"]["active"], "title" in gone["after"]) == (True, False, False)
    assert ann not in str([made, saved, archived])


async def test_points_given_by_hand_are_told_without_the_words(world: World) -> None:
    ann = await world.customer()
    await world.database["audit"].delete_many({})

    await world.data(ADJUST, {"by": {"id": ann}, "points": 50}, caller=STAFF)

    (entry,) = await audit(world)
    assert (entry["what"], ann in entry["of"]) == ("adjustPoints", True)
    assert 50 in [fact["data"].get("points") for fact in entry["facts"]]
    assert "sorry" not in str(entry)


async def test_what_was_refused_or_given_up_is_not_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ann, _ = await world.customer(), await world.customer(email="bob@example.com")
    await world.database["audit"].delete_many({})

    await world.data(UPDATE, {"by": {"id": ann}, "input": {"email": "bob@example.com"}})
    await world.data(ADJUST, {"by": {"id": ann}, "points": -50})
    await world.data(UPDATE, {"by": {"id": ann}, "input": {"email": "ann@example.com"}})

    async def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("services.outcomes.outbox.insert", broken)
    assert "errors" in await world.answer(ADJUST, {"by": {"id": ann}, "points": 50})

    assert await audit(world) == []


async def test_no_change_of_staff_goes_without_its_entry(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = await world.customer()

    async def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError

    before = await world.everything()
    monkeypatch.setattr("services.audit.audit.insert", broken)
    for query, variables in (
        (UPDATE, {"by": {"id": ann}, "input": {"firstName": "Eva"}}),
        (ADJUST, {"by": {"id": ann}, "points": 50}),
        (STORE, {"input": {"code": "v"}}),
        (PRODUCTS, {"inputs": [{"sku": "NEW"}]}),
        (PROGRAM, {}),
    ):
        assert "errors" in await world.answer(query, variables), query

    assert await world.everything() == before


async def test_what_customers_and_tills_do_is_no_entry_of_staff(world: World) -> None:
    create = 'mutation { createCustomer(input: {email: "eva@example.com"}) { customer { id } } }'
    created = await world.data(create, caller=POS)
    eva = created["createCustomer"]["customer"]["id"]
    await world.sell(caller=POS, customer={"id": eva})
    await world.data('mutation { updateMe(input: {firstName: "Eva"}) { replayed } }', caller=customer_caller(eva))
    await world.shop.notebook.flush()

    assert await audit(world) == []


async def test_many_at_once_each_have_their_entry(world: World) -> None:
    ann = await world.customer()
    await world.database["audit"].delete_many({})

    await asyncio.gather(*(world.data(ADJUST, {"by": {"id": ann}, "points": number}) for number in range(1, 6)))
    await asyncio.gather(*(world.data(STORE, {"input": {"code": "v", "name": f"V{number}"}}) for number in range(5)))

    entries = await audit(world)
    assert len([entry for entry in entries if entry["what"] == "adjustPoints"]) == 5
    chain = [entry["changes"][0] for entry in entries if entry["what"] == "saveStore"]
    names = {change["before"].get("name"): change["after"]["name"] for change in chain}
    assert len(names) == len(chain) == 5, "each store's change begins where another ended"


# ---------------------------------------------------------------- look-ups


async def test_a_tills_look_up_tells_the_kind_of_key_and_whom_it_found_and_is_written_later(world: World) -> None:
    ann = await world.customer(cardNumber="C-1")
    await world.database["audit"].delete_many({})
    world.commands.names.clear()

    await world.data(FIND, {"by": {"cardNumber": "C-1"}}, caller=POS)
    await world.data(FIND, {"by": {"email": "nobody@example.com"}}, caller=POS)
    await world.data("query($id: ID!) { node(id: $id) { id } }", {"id": ann}, caller=POS)
    await world.data(FIND, {"by": {"cardNumber": "C-1"}}, caller=STAFF)

    assert not [name for name in world.commands.names if "audit" in name]
    await world.shop.notebook.flush()
    entries = await audit(world)
    assert sorted((entry["key"], entry["of"]) for entry in entries) == [
        ("cardNumber", [ann]),
        ("email", []),
        ("id", [ann]),
    ]
    assert {entry["by"] for entry in entries} == {"key_till"}
    assert "C-1" not in str(entries)
    assert "nobody@" not in str(entries)


async def test_a_guess_within_a_mutation_is_told_too(world: World) -> None:
    wrong = sale(customer={"phone": "+43 1 5550199"})
    record = "mutation($i: RecordPurchaseInput!) { recordPurchase(input: $i) { replayed } }"
    await world.answer(record, {"i": wrong}, caller=POS)
    await world.answer(
        'mutation { holdPoints(customer: {email: "x@example.com"}, points: 1) { userErrors { code } } }', caller=POS
    )
    await world.shop.notebook.flush()

    found = {(entry["what"], entry["key"], tuple(entry["of"])) for entry in await audit(world)}
    assert found == {("recordPurchase", "phone", ()), ("holdPoints", "email", ())}


async def test_notes_are_bounded_and_what_is_lost_is_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.notebook.NOTES_MAX", 3)
    notebook = world.shop.notebook
    for number in range(5):
        await world.data(FIND, {"by": {"email": f"n{number}@example.com"}}, caller=POS)

    await notebook.flush()

    assert (len(await audit(world)), notebook.lost, NOTES_MAX) == (3, 2, 10_000)


async def test_notes_whose_writing_failed_are_written_later_and_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = stored.insert_missing
    await world.data(FIND, {"by": {"email": "n@example.com"}}, caller=POS)

    async def lost(*words: Any) -> None:
        await insert(*words)
        raise AutoReconnect("the answer was lost")

    monkeypatch.setattr("services.notebook.audit.insert_missing", lost)
    with pytest.raises(AutoReconnect):
        await world.shop.notebook.flush()
    monkeypatch.undo()
    await world.shop.notebook.flush()
    await world.shop.notebook.flush()

    assert len(await audit(world)) == 1


async def test_entries_end_by_themselves(world: World) -> None:
    await world.data(STORE, {"input": {"code": "v"}}, caller=ADMIN)
    await world.data(FIND, {"by": {"email": "n@example.com"}}, caller=POS)
    await world.shop.notebook.flush()

    spans = {entry["what"]: (entry["until"] - entry["at"]).days for entry in await audit(world)}
    indexes = await world.database["audit"].index_information()
    assert spans == {"saveStore": 730, "customer": 90}
    assert indexes["until"]["expireAfterSeconds"] == 0
