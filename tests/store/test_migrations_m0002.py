"""m0002 over a database as m0001 and the version before left it: complete, and the same however often it runs."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from pymongo.errors import OperationFailure

from crm.ids import referral_code
from services.checking import check
from services.installation import open_shop
from store.client import Database
from store.collections import INSTALLATION, PROGRAMS
from store.migrations import m0001_collections, m0002_loyalty_engine, migrate
from store.migrations.m0002_loyalty_engine import CHANGED, INDEXES, SHAPES
from tests.services.helpers import contents
from tests.services.histories import TWO_LINES, cancel, mixed
from tests.support import Commands, World, whole

NEW_FIELDS = {
    "customers": ("referralCode", "birthday", "birthdaySince"),
    "loyalty_accounts": ("activityAt", "sliding", "ladders", "tierId", "tierDueAt"),
    "points_lots": ("held", "pending", "slidingMonths"),
    "purchases": ("qualifyingSpend", "pointsGivenBack"),
}
"""What the version before did not store."""

Documents = dict[str, list[dict[str, Any]]]


async def history(world: World) -> Documents:
    """Sell, give back, claim and cancel, and return every document as this version stores it."""
    await mixed(world)
    bea = await world.customer(email="bea@example.com", birthDate="1992-02-29")
    now = world.clock().isoformat()
    part = (await world.sell(**TWO_LINES, id="part", customer={"id": bea}, occurredAt=now))["purchase"]["id"]
    await world.give_back(part, {1: "1", 2: "0.5"}, id="part-r")
    gone = (await world.sell(**whole(30), id="whole", customer={"id": bea}, occurredAt=now))["purchase"]["id"]
    await cancel(world, gone, "whole-c")
    alone = (await world.sell(**TWO_LINES, id="alone", occurredAt=now))["purchase"]["id"]
    await world.give_back(alone, {2: "0.5"}, id="alone-r")
    assert (await check(world.call())).differences == []
    names = (*m0001_collections.SHAPES, INSTALLATION, PROGRAMS)
    return {name: await world.all(name) for name in dict.fromkeys(names)}


def as_before(documents: Documents) -> Documents:
    """Return documents as the version before stored them."""
    old = {
        name: [
            {field: value for field, value in one.items() if field not in NEW_FIELDS.get(name, ())} for one in stored
        ]
        for name, stored in documents.items()
    }
    old["keys"] = [key for key in old["keys"] if not key["_id"].startswith("ref:")]
    return old


@pytest_asyncio.fixture
async def old(world: World, mongodb_uri: str, driver: str) -> AsyncIterator[tuple[World, Documents]]:
    """A shop in a database of its own, at m0001, and what its documents are in this version."""
    wanted = await history(world)
    commands = Commands()
    database = Database(mongodb_uri, "before_m0002", driver=driver, listeners=[commands])
    await database.drop()
    await m0001_collections.run(database)
    for name, documents in as_before(wanted).items():
        if documents:
            await database[name].insert_many(documents)
    yield World(database, world.engine, world.clock, commands), wanted
    await database.drop()
    await database.close()


async def by_id(world: World, collection: str) -> dict[str, dict[str, Any]]:
    return {document["_id"]: document for document in await world.all(collection)}


async def test_everything_stored_before_is_completed(old: tuple[World, Documents]) -> None:
    world, wanted = old

    await m0002_loyalty_engine.run(world.database)

    purchases, lots = await by_id(world, "purchases"), await by_id(world, "points_lots")
    counted = {sale["externalId"]["value"]: sale["qualifyingSpend"] for sale in purchases.values()}
    assert {id_: sale["qualifyingSpend"] for id_, sale in purchases.items()} == {
        sale["_id"]: sale["qualifyingSpend"] for sale in wanted["purchases"]
    }
    # By hand: 50.00 before tax over lines of 22.97 and 30.00 is 21.68 and 28.32; 2 of 3 and 1 of 1.5 are kept.
    assert (counted["part"], counted["whole"], counted["alone"]) == (1445 + 1888, 0, 0)
    assert {id_: (lot["held"], lot["pending"], lot["slidingMonths"]) for id_, lot in lots.items()} == dict.fromkeys(
        lots, (0, False, None)
    )
    people = await by_id(world, "customers")
    assert {id_: person["referralCode"] for id_, person in people.items()} == {
        id_: referral_code(id_) for id_ in people
    }
    assert sorted(str(person.get("birthday")) for person in people.values()) == ["02-29", "None", "None"]
    assert await by_id(world, "customers") == {person["_id"]: person for person in wanted["customers"]}
    assert await by_id(world, "keys") == {key["_id"]: key for key in wanted["keys"]}
    for account in await world.all("loyalty_accounts"):
        assert (account["ladders"], account["sliding"]) == ("", False)


async def test_the_rest_of_what_was_stored_stays_as_it_was(old: tuple[World, Documents]) -> None:
    world, wanted = old

    await m0002_loyalty_engine.run(world.database)

    before = as_before(wanted)
    after = as_before({name: await world.all(name) for name in wanted})
    for name, documents in before.items():
        assert sorted(map(repr, map(sorted_fields, documents))) == sorted(map(repr, map(sorted_fields, after[name]))), (
            name
        )


def sorted_fields(document: dict[str, Any]) -> dict[str, Any]:
    return dict(sorted(document.items()))


async def test_validators_and_indexes_are_there(old: tuple[World, Documents]) -> None:
    world, _ = old

    await m0002_loyalty_engine.run(world.database)

    listed = (await world.database.command({"listCollections": 1, "cursor": {"batchSize": 500}}))["cursor"][
        "firstBatch"
    ]
    schemas = {one["name"]: one["options"].get("validator", {}).get("$jsonSchema") for one in listed}
    for name, properties in {**SHAPES, **CHANGED}.items():
        assert schemas[name]["required"] == ["_id", *properties], name
    for name, indexes in INDEXES.items():
        known = await world.database[name].index_information()
        assert {index.document["name"] for index in indexes} <= known.keys(), name
    assert "history" not in await world.database["purchases"].index_information()
    for name in ("points_lots", "purchases"):
        with pytest.raises(OperationFailure, match="failed validation"):
            await world.database[name].update_one({}, {"$unset": {[*CHANGED[name]][-1]: ""}})


async def test_twice_is_once(old: tuple[World, Documents]) -> None:
    world, _ = old
    await m0002_loyalty_engine.run(world.database)
    once = await contents(world)

    await m0002_loyalty_engine.run(world.database)

    assert await contents(world) == once


def fails(*_: Any) -> Any:
    raise ConnectionError("cut")


def fails_after(count: int) -> Callable[[str], str]:
    """Return `referral_code`, cut after so many customers."""
    left = count

    def code(customer_id: str) -> str:
        nonlocal left
        left -= 1
        return referral_code(customer_id) if left >= 0 else fails()

    return code


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("_count_spend", fails),
        ("_complete_customers", fails),
        ("referral_code", fails_after(1)),
        ("_kept_base", fails),
    ],
)
async def test_a_step_that_was_cut_is_completed_by_the_next_start(
    old: tuple[World, Documents], monkeypatch: pytest.MonkeyPatch, name: str, instead: Any
) -> None:
    world, _ = old
    with monkeypatch.context() as patch:
        patch.setattr(m0002_loyalty_engine, name, instead)
        patch.setattr(m0002_loyalty_engine, "BATCH", 2)
        with pytest.raises(ConnectionError, match="cut"):
            await migrate(world.database)

    assert (await migrate(world.database))[0] == "m0002_loyalty_engine"
    cut = await contents(world)
    await m0002_loyalty_engine.run(world.database)
    assert {**await contents(world), "migrations": []} == {**cut, "migrations": []}
    assert all("qualifyingSpend" in sale for sale in cut["purchases"])
    assert {key["_id"] for key in cut["keys"] if key["_id"].startswith("ref:")} == {
        f"ref:{referral_code(person['_id'])}" for person in cut["customers"]
    }


async def test_a_process_that_starts_migrates_and_sells_on(old: tuple[World, Documents]) -> None:
    world, _ = old

    await open_shop(world.shop)

    (part,) = await world.all("purchases", {"externalId.value": "part"})
    assert (await world.give_back(part["_id"], {1: "1"}, id="after"))["userErrors"] == []
    (stored,) = await world.all("purchases", {"_id": part["_id"]})
    assert stored["qualifyingSpend"] == 723 + 1888  # 1 of 3 and 1 of 1.5 kept
    assert (await check(world.call())).differences == []


async def test_a_check_finds_nothing_after_the_migration(old: tuple[World, Documents]) -> None:
    world, _ = old

    await open_shop(world.shop)

    assert (await check(world.call())).differences == []
