"""Who sees which offers, by list, by id and through node, and who sees a code."""

from typing import Any

import pytest

from crm.callers import Caller
from tests.services.loyalty_helpers import then
from tests.services.offer_helpers import OFFERS, UNKNOWN, archive, issued, listed, offer_id, seen
from tests.support import ADMIN, POS, STAFF, STOREFRONT, World, customer_caller

STRANGER = customer_caller("cus_01J00000000000000000000000")


async def everything(world: World) -> dict[str, str]:
    """Save an offer of each kind of visibility, and return their ids by title, oldest first."""
    ann = await world.customer()
    wanted: dict[str, dict[str, Any]] = {
        "public": {},
        "web": {"conditions": {"channels": ["WEB"]}},
        "with a code": {"code": "SECRET"},
        "for codes": {"conditions": {"requiresCode": True}},
        "for Ann": {"conditions": {"customers": [{"id": ann}]}},
        "planned": {"startsAt": then(world, hours=1)},
        "over": {"endsAt": then(world, seconds=1)},
        "archived": {},
    }
    made = {title: await saved(world, title, **fields) for title, fields in wanted.items()}
    await archive(world, made["archived"])
    world.clock.advance(seconds=1)
    return {"Ann": ann, **made}


async def saved(world: World, title: str, **input: Any) -> str:
    """Save an offer a moment after the one before: ids of one instant are in no order."""
    world.clock.advance(milliseconds=1)
    return await offer_id(world, title=title, **input)


@pytest.mark.parametrize("caller", [STOREFRONT, STRANGER, POS])
async def test_everybody_sees_what_is_live_without_code_or_named_customers(world: World, caller: Caller) -> None:
    made = await everything(world)
    assert await listed(world, caller=caller) == ["web", "public"]
    assert await listed(world, caller=caller, channel="POS") == ["public"]
    for title, id_ in made.items():
        if title != "Ann":
            assert (await seen(world, id_, caller=caller) is not None) == (title in ("public", "web")), title
    world.clock.advance(hours=1)
    assert await listed(world, caller=caller) == ["planned", "web", "public"]


@pytest.mark.parametrize("caller", [STAFF, ADMIN])
async def test_a_desk_sees_all(world: World, caller: Caller) -> None:
    made = await everything(world)
    assert await listed(world, caller=caller) == [title for title in reversed(made) if title != "Ann"]
    assert await listed(world, caller=caller, channel="POS") == [
        title for title in reversed(made) if title not in ("Ann", "web")
    ]
    offer = await seen(world, made["with a code"], caller=caller)
    assert offer is not None
    assert offer["code"] == "SECRET"
    assert await seen(world, UNKNOWN, caller=caller) is None


async def test_a_customer_sees_what_is_addressed_to_them_and_the_code_they_were_issued(world: World) -> None:
    made = await everything(world)
    bea = await world.customer(email="bea@example.com")
    (anns, beas) = await issued(world, made["for codes"], made["Ann"], bea)
    for owner, code, addressed in ((made["Ann"], anns, True), (bea, beas, False)):
        me = customer_caller(owner)
        assert (await seen(world, made["for Ann"], caller=me) is not None) is addressed
        offer = await seen(world, made["for codes"], caller=me)
        assert offer is not None
        assert offer["code"] == code
        assert await seen(world, made["with a code"], caller=me) is None
        assert await listed(world, caller=me) == ["web", "public"]
    assert await seen(world, made["for codes"], caller=STRANGER) is None


async def test_a_page_of_offers_goes_on_where_it_ended_though_time_passes(world: World) -> None:
    for number in range(3):
        await saved(world, str(number))
    first = (await world.data(OFFERS, {"first": 2}, caller=STOREFRONT))["offers"]
    world.clock.advance(hours=1)
    rest = {"first": 2, "after": first["pageInfo"]["endCursor"]}
    page = (await world.data(OFFERS, rest, caller=STOREFRONT))["offers"]
    assert [offer["title"] for offer in [*first["nodes"], *page["nodes"]]] == ["2", "1", "0"]
    assert (first["totalCount"], page["pageInfo"]["hasNextPage"]) == (3, False)


async def test_a_list_of_offers_is_answered_with_a_fixed_number_of_questions(world: World) -> None:
    counts = []
    for number in (1, 6):
        for one in range(number):
            await offer_id(world, title=f"{number}-{one}", limits={"total": 5} if one % 2 else {})
        world.commands.names.clear()
        await world.data("{ offers { nodes { id code redemptionCount conditions { requiresCode } reward { id } } } }")
        counts.append(list(world.commands.names))
    assert counts[0] == ["find offers", "find offer_counters", "aggregate offer_redemptions"]
    assert counts[1] == counts[0]


async def test_an_id_of_another_type_is_no_offers(world: World) -> None:
    ann = await world.customer()
    body = await world.answer("query($id: ID!) { offer(id: $id) { id } }", {"id": ann})
    assert body["errors"][0]["extensions"] == {"code": "INVALID", "field": ["id"]}
