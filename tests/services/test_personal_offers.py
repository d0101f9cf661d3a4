"""Offers for a person: public and addressed ones, ranked by what the person buys, with what stands in the way."""

from typing import Any

import pytest

from services.offer_inputs import OfferInput
from services.offers import save_offer
from services.validation import parse
from tests.services.taste_helpers import allow, basket, rebuilt
from tests.support import POS, World, customer_caller

LISTED = """query($id: ID!, $first: Int!, $channel: Channel) { customer(by: {id: $id}) {
  offers(first: $first, channel: $channel) {
    offer { title } score why personalized eligibility { eligible reasons { code } } } } }"""


async def offer(world: World, title: str, **fields: Any) -> str:
    call = world.call()
    sent = {"title": title, "kind": "PERCENTAGE", "value": "10", **fields}
    outcome = await save_offer(call, None, parse(OfferInput, sent, call.rules))
    assert outcome["userErrors"] == []
    return str(outcome["offer"])


async def listed(world: World, customer: str, *, first: int = 10, channel: str | None = None, **fields: Any) -> Any:
    variables = {"id": customer, "first": first, "channel": channel}
    return (await world.data(LISTED, variables, **fields))["customer"]["offers"]


def titles(offers: list[dict[str, Any]]) -> list[str]:
    return [one["offer"]["title"] for one in offers]


async def person(world: World, email: str = "ann@example.com", *, consent: bool = True) -> str:
    customer = await world.customer(email=email)
    if consent:
        await allow(world, customer)
    return customer


async def buys(world: World, customer: str, *skus: str, times: int = 3) -> None:
    named = {sku: "COFFEE" for sku in skus if sku.startswith("COF")}
    for number in range(times):
        payload = await world.sell(
            **basket(*skus, categories=named, id=f"{customer}-{skus[0]}-{number}", customer={"id": customer})
        )
        assert payload["userErrors"] == []


async def test_what_the_person_buys_comes_first_and_says_why(world: World) -> None:
    ann, ben = await person(world), await person(world, "ben@example.com")
    await buys(world, ann, "COF")
    await buys(world, ben, "TEA")
    await offer(world, "tea", conditions={"skus": ["TEA"]})
    await offer(world, "coffee", conditions={"skus": ["COF"]})
    await offer(world, "everything")
    await offer(world, "coffees", conditions={"categories": ["COFFEE"]})
    await rebuilt(world)

    for_ann, for_ben = await listed(world, ann), await listed(world, ben)

    assert titles(for_ann)[-1] == "everything"
    assert set(titles(for_ann)[:2]) == {"coffee", "coffees"}
    assert titles(for_ben)[0] == "tea"
    (coffee,) = [one for one in for_ann if one["offer"]["title"] == "coffee"]
    assert coffee["personalized"] is True
    assert coffee["why"][-1] == "You have bought Cof 3 times"
    assert coffee["why"][0].startswith("You buy Coffee")
    assert coffee["eligibility"] == {"eligible": True, "reasons": []}
    assert for_ann[-1]["why"] == ["For everybody"]


async def test_offers_for_others_with_codes_over_or_to_come_are_not_shown(world: World) -> None:
    ann, ben = await person(world), await person(world, "ben@example.com")
    await offer(world, "for ann", conditions={"customers": [{"id": ann}]})
    await offer(world, "for ben", conditions={"customers": [{"id": ben}]})
    await offer(world, "tagged", conditions={"tags": ["vip"]})
    await offer(world, "code", code="SAVE", conditions={"requiresCode": True})
    await offer(world, "over", endsAt="2026-11-20T00:00:00Z")
    await offer(world, "to come", startsAt="2026-12-20T00:00:00Z")

    (one,) = await listed(world, ann)

    assert (one["offer"]["title"], one["why"]) == ("for ann", ["For you"])
    assert titles(await listed(world, ben)) == ["for ben"]


async def test_without_consent_the_order_knows_nothing_of_the_person(world: World) -> None:
    ann, ben = await person(world, consent=False), await person(world, "ben@example.com", consent=False)
    await buys(world, ann, "COF")
    await buys(world, ben, "TEA")
    await world.sell(**basket("TEA", id="anonymous"))
    await offer(world, "coffee", conditions={"skus": ["COF"]})
    await offer(world, "tea", conditions={"skus": ["TEA"]})
    await rebuilt(world)

    for_ann = await listed(world, ann)

    assert for_ann == await listed(world, ben)
    assert titles(for_ann) == ["tea", "coffee"]
    assert {one["personalized"] for one in for_ann} == {False}
    assert all(one["why"] == ["For everybody"] for one in for_ann)


async def test_eligibility_is_without_a_cart_and_what_cannot_be_had_comes_last(world: World) -> None:
    ann = await person(world)
    await buys(world, ann, "COF")
    await offer(world, "first purchase", conditions={"skus": ["COF"], "firstPurchase": True})
    await offer(world, "from 100", conditions={"minimumSpend": "100"})
    await offer(world, "on the web", conditions={"channels": ["WEB"]})

    at_the_till, asked = await listed(world, ann, caller=POS), await listed(world, ann)

    told = {one["offer"]["title"]: one["eligibility"] for one in at_the_till}
    assert told["from 100"] == {"eligible": True, "reasons": []}
    assert told["first purchase"] == {"eligible": False, "reasons": [{"code": "NOT_FIRST_PURCHASE"}]}
    assert told["on the web"] == {"eligible": False, "reasons": [{"code": "WRONG_CHANNEL"}]}
    assert titles(asked)[-1] == "first purchase"
    assert {one["offer"]["title"]: one["eligibility"]["eligible"] for one in asked}["on the web"]
    assert titles(await listed(world, ann, channel="POS")) == ["from 100", "first purchase"]


async def test_a_limit_that_a_person_has_reached_is_told(world: World) -> None:
    ann = await person(world)
    once = await offer(world, "once", kind="AMOUNT", value="1", limits={"perCustomer": 1})
    sold = basket("COF", "TEA", customer={"id": ann}, offerIds=[once], discountTotal="1.00")
    assert (await world.sell(**{**sold, "total": "1.00"}))["userErrors"] == []

    (one,) = await listed(world, ann)

    assert one["eligibility"] == {"eligible": False, "reasons": [{"code": "CUSTOMER_LIMIT_REACHED"}]}


async def test_a_customer_sees_the_own_offers(world: World) -> None:
    ann = await person(world)
    await offer(world, "everything")

    told = await world.data("{ me { offers { offer { title } } } }", caller=customer_caller(ann))

    assert told["me"]["offers"] == [{"offer": {"title": "everything"}}]


async def test_lists_of_many_people_take_as_many_commands_as_one(world: World) -> None:
    people = [await person(world, f"{number}@example.com") for number in range(4)]
    for one in people:
        await buys(world, one, "COF", times=1)
    await offer(world, "coffee", conditions={"skus": ["COF"]}, limits={"perCustomer": 3, "total": 100})
    await offer(world, "named", conditions={"customers": [{"id": people[0]}]})
    await rebuilt(world)
    document = "{ customers { nodes { offers { offer { title } why } } } }"
    await world.data(document)
    world.commands.names.clear()

    told = await world.data(document)

    assert sorted(len(one["offers"]) for one in told["customers"]["nodes"]) == [1, 1, 1, 2]
    assert sorted(world.commands.names) == [
        "find customers",
        "find offer_audience",
        "find offer_counters",
        "find offer_redemptions",
        "find offers",
        "find products",
        "find tastes",
    ]


@pytest.mark.parametrize("first", [-1, 51])
async def test_a_length_that_cannot_be_is_refused(world: World, first: int) -> None:
    body = await world.answer(LISTED, {"id": await person(world), "first": first})

    assert body["errors"][0]["extensions"] == {"code": "INVALID", "field": ["first"]}
