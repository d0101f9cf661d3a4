"""Offers as they are saved: versions, what is left out and what is cleared."""

from typing import Any

from tests.services.loyalty_helpers import then, together
from tests.services.offer_helpers import archive, offer_id, products, save_offer, try_save
from tests.services.program_helpers import in_force
from tests.support import STAFF, World

NO_CONDITIONS = {
    **dict.fromkeys(("channels", "storeCodes", "weeklyHours", "tiers", "tags", "attributes", "customerCount")),
    **dict.fromkeys(("firstPurchase", "birthdayWithinDays", "minimumSpend", "minimumQuantity")),
    **dict.fromkeys(("skus", "categories", "requiredSkus")),
    "requiresCode": False,
}
NO_LIMITS = dict.fromkeys(("total", "perCustomer", "period", "perPeriod", "budget"))


async def test_a_new_offer_has_nothing_that_was_not_said(world: World) -> None:
    offer = await save_offer(world, title=" Ten off ", kind="PERCENTAGE", value="10.00")

    assert offer.pop("id").startswith("off_")
    assert offer == {
        **dict.fromkeys(("description", "code", "buyQuantity", "getQuantity", "getSkus", "reward")),
        **dict.fromkeys(("startsAt", "endsAt", "stackingGroup")),
        "version": 1,
        "title": "Ten off",
        "kind": "PERCENTAGE",
        "value": "10",
        "priority": 0,
        "stacking": "COMBINABLE",
        "redemptionCount": 0,
        "active": True,
        "conditions": NO_CONDITIONS,
        "limits": NO_LIMITS,
    }


async def test_an_offer_is_answered_as_it_was_sent(world: World) -> None:
    await products(world, "TEA", "MUG", category="Kitchen")
    await world.data('mutation { saveStore(input: {code: "vienna-1"}) { store { id } } }')
    tier = (await in_force(world))["tiers"][1]["id"]
    ann, bea = await world.customer(), await world.customer(email="bea@example.com")
    hours = [{"day": 1, "from": "09:00", "to": "12:30"}, {"day": 7, "from": "18:00", "to": "24:00"}]
    conditions: dict[str, Any] = {
        "channels": ["WEB", "POS"],
        "storeCodes": ["vienna-1"],
        "weeklyHours": hours,
        "tiers": [tier],
        "tags": ["vip"],
        "attributes": {"size": 42, "club": True, "town": "Graz"},
        "firstPurchase": True,
        "birthdayWithinDays": 3,
        "minimumQuantity": "1.5",
        "skus": ["TEA"],
        "categories": ["Kitchen"],
        "requiredSkus": ["MUG"],
    }
    offer = await save_offer(
        world,
        title="Tea",
        description="Two for one",
        code=" tea-time ",
        kind="BUY_X_GET_Y",
        buyQuantity="1",
        getQuantity="0.5",
        getSkus=["TEA", "MUG"],
        startsAt="2026-11-01T00:00:00+01:00",
        endsAt="2026-12-01T00:00:00+01:00",
        priority=-3,
        stacking="EXCLUSIVE",
        stackingGroup="tea",
        conditions={**conditions, "minimumSpend": "5", "customers": [{"id": ann}, {"email": "BEA@example.com"}]},
        limits={"total": 100, "perCustomer": 2, "period": "WEEK", "perPeriod": 1, "budget": "250.5"},
        active=False,
    )

    assert offer["conditions"] == {
        **conditions,
        "minimumSpend": {"amount": "5.00"},
        "customerCount": 2,
        "requiresCode": True,
    }
    assert offer["limits"] == {
        "total": 100,
        "perCustomer": 2,
        "period": "WEEK",
        "perPeriod": 1,
        "budget": {"amount": "250.50"},
    }
    assert (offer["code"], offer["buyQuantity"], offer["getQuantity"]) == ("TEA-TIME", "1", "0.5")
    assert (offer["startsAt"], offer["endsAt"]) == ("2026-10-31T23:00:00.000Z", "2026-11-30T23:00:00.000Z")
    assert (offer["priority"], offer["stacking"], offer["stackingGroup"]) == (-3, "EXCLUSIVE", "tea")
    assert (offer["getSkus"], offer["active"], offer["description"]) == (["TEA", "MUG"], False, "Two for one")
    members = {member["owner"] for member in await world.all("offer_audience")}
    assert members == {ann, bea}


async def test_left_out_is_unchanged_and_null_is_cleared(world: World) -> None:
    ann = await world.customer()
    first = await save_offer(
        world,
        title="Ten off",
        kind="PERCENTAGE",
        value="10",
        priority=5,
        stacking="EXCLUSIVE",
        endsAt=then(world, days=1),
        conditions={"channels": ["WEB"], "minimumSpend": "5.00", "customers": [{"id": ann}]},
        limits={"total": 7, "perCustomer": 1},
    )
    second = await save_offer(
        world, first["id"], value="12", conditions={"minimumSpend": "6.00"}, limits={"perCustomer": 2}
    )
    assert second == {
        **first,
        "version": 2,
        "value": "12",
        "conditions": {**first["conditions"], "minimumSpend": {"amount": "6.00"}},
        "limits": {**first["limits"], "perCustomer": 2},
    }
    third = await save_offer(
        world,
        first["id"],
        endsAt=None,
        priority=None,
        stacking=None,
        conditions={"channels": None, "customers": None},
        limits={"total": None},
    )
    assert (third["endsAt"], third["priority"], third["stacking"]) == (None, 0, "COMBINABLE")
    assert third["conditions"] == {**NO_CONDITIONS, "minimumSpend": {"amount": "6.00"}}
    assert third["limits"] == {**NO_LIMITS, "perCustomer": 2}
    assert await world.all("offer_audience") == []
    fourth = await save_offer(world, first["id"], conditions=None, limits=None)
    assert (fourth["version"], fourth["conditions"], fourth["limits"]) == (4, NO_CONDITIONS, NO_LIMITS)


async def test_whom_an_offer_is_addressed_to_is_replaced_by_who_is_named_next(world: World) -> None:
    people = [await world.customer(email=f"{name}@example.com") for name in "abcd"]
    id_ = await offer_id(world, conditions={"customers": [{"id": one} for one in people[:3]]})
    await save_offer(world, id_, title="Nobody was named")
    assert {one["owner"] for one in await world.all("offer_audience")} == set(people[:3])

    again = await save_offer(world, id_, conditions={"customers": [{"id": people[2]}, {"id": people[3]}] * 2})

    assert again["conditions"]["customerCount"] == 2
    assert {one["owner"] for one in await world.all("offer_audience")} == set(people[2:])


async def test_each_change_is_told_and_an_archived_offer_stays(world: World) -> None:
    id_ = await offer_id(world)
    archived = await archive(world, id_, caller=STAFF)
    assert (archived["offer"]["version"], archived["offer"]["active"]) == (2, False)
    assert (await archive(world, id_))["offer"]["version"] == 2
    assert (await save_offer(world, id_, active=True))["version"] == 3

    told = [(one["nodeId"], one["data"]) for one in await world.all("outbox", {"topic": "OFFER"})]

    def data(change: str, version: int, active: bool) -> dict[str, Any]:
        return {"change": change, "version": version, "kind": "PERCENTAGE", "active": active}

    expected = [data("SAVED", 1, True), data("ARCHIVED", 2, False), data("SAVED", 3, True)]
    assert told == [(id_, one) for one in expected]


async def test_a_retry_saves_once_and_archives_once(world: World) -> None:
    first = await try_save(world, key="k", title="Ten off", kind="PERCENTAGE", value="10")
    again = await try_save(world, key="k", title="Ten off", kind="PERCENTAGE", value="10")
    assert again == {**first, "replayed": True}
    assert len(await world.all("offers")) == 1
    id_ = first["offer"]["id"]
    await archive(world, id_, key="a")
    assert (await archive(world, id_, key="a"))["replayed"]
    assert [one["data"]["version"] for one in await world.all("outbox", {"topic": "OFFER"})] == [1, 2]


async def test_saves_at_once_make_one_version_each(world: World) -> None:
    id_ = await offer_id(world)

    await together(*(try_save(world, id_, priority=number) for number in range(8)))

    (stored,) = await world.all("offers")
    assert stored["version"] == 9
    assert sorted(one["data"]["version"] for one in await world.all("outbox", {"topic": "OFFER"})) == [*range(1, 10)]
