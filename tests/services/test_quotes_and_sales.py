"""What was quoted is what the sale then comes to: lines, offers, points and tier."""

from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.services.helpers import line
from tests.services.loyalty_helpers import adjust, amount_off, buy, rewards
from tests.services.offer_helpers import archive, issued, offer_id, products, redemptions
from tests.services.program_helpers import at, clean, flat, rule, save, save_store
from tests.services.quote_helpers import cart, quote, warned
from tests.services.reward_helpers import given as redeemed_code
from tests.services.test_referrals import code_of
from tests.support import World, whole

TIER = "query($id: ID!) { customer(by: {id: $id}) { loyalty { tier { tier { name } } } } }"


def sale_of(world: World, quoted: dict[str, Any], lines: tuple[dict[str, Any], ...], id: str, **fields: Any) -> Any:
    """Return the sale that records a quote, as the contract says how."""
    wrong = {tuple(one["field"][1:]) for one in quoted["warnings"]}
    sent = [
        {name: value for name, value in one.items() if name not in ("discount", "total")}
        | {"discount": told["discount"]["amount"]}
        for one, told in zip(cart(*lines)["lines"], quoted["lines"], strict=True)
    ]
    for name in ("codes", "rewardIds"):
        if name in fields:
            fields[name] = [one for n, one in enumerate(fields[name]) if (name, str(n)) not in wrong]
    return {
        **cart(),
        "externalId": {"source": "till-7", "value": id},
        "occurredAt": world.clock().isoformat(),
        "lines": sent,
        "total": quoted["total"]["amount"],
        "offerIds": [one["offer"]["id"] for one in quoted["offers"] if one["applied"]],
        **fields,
    }


async def sold_as_quoted(world: World, *lines: dict[str, Any], id: str = "s-1", **fields: Any) -> dict[str, Any]:
    """Quote a cart, record its sale, hold that they come to the same, and return the quote."""
    quoted = await quote(world, *lines, **fields)
    payload = await buy(world, sale_of(world, quoted, lines, id, **fields))
    assert payload["userErrors"] == []
    purchase = payload["purchase"]
    assert purchase["total"]["amount"] == quoted["total"]["amount"]
    assert purchase["pointsEarned"] == quoted["pointsToEarn"]
    told = [(one["discount"]["amount"], one["total"]["amount"]) for one in quoted["lines"]]
    assert [(one["discount"]["amount"], one["total"]["amount"]) for one in purchase["lines"]] == told
    applied = [one for one in quoted["offers"] if one["applied"]]
    given_ = [(one["offer"]["title"], (one["discount"] or {"amount": "0.00"})["amount"]) for one in applied]
    assert [(title, amount) for title, amount, _ in await redemptions(world, purchase["id"])] == given_
    if "customer" in fields:
        data = await world.data(TIER, {"id": fields["customer"]["id"]})
        assert data["customer"]["loyalty"]["tier"]["tier"] == quoted["tierAfter"]
    return quoted


async def test_discounts_of_every_kind(world: World) -> None:
    ann = await world.customer()
    await products(world, "SKU-1", "SKU-2", "SKU-3", category="tea")
    await offer_id(world, title="a", value="15", conditions={"skus": ["SKU-1"]})
    await offer_id(world, title="b", kind="AMOUNT", value="2.35", priority=1)
    await offer_id(world, title="c", kind="FIXED_PRICE", value="2.999", conditions={"skus": ["SKU-2"]})
    await offer_id(world, title="d", kind="BUY_X_GET_Y", buyQuantity="2", getQuantity="1", priority=2)
    await offer_id(world, title="e", kind="FREE_ITEM", getSkus=["SKU-3"], priority=3)
    await offer_id(world, title="f", kind="POINTS_MULTIPLIER", value="1.5", conditions={"categories": ["tea"]})
    await offer_id(world, title="g", kind="BONUS_POINTS", value="77")
    lines = line(4, "3", "3.33"), line(2, "1.25", "7.99"), line(3, "2", "4.05"), line(1, "1", "12.34")
    quoted = await sold_as_quoted(world, *lines, customer={"id": ann}, taxTotal="2.10")
    assert len([one for one in quoted["offers"] if one["applied"]]) == 7
    await clean(world)


async def test_tax_contained_and_the_tills_own_discount(world: World) -> None:
    ann = await world.customer()
    await offer_id(world, value="12.5")
    lines = line(1, "1", "9.99", discount="1.00"), line(2, "3", "0.33", total="0.90")
    await sold_as_quoted(world, *lines, customer={"id": ann}, taxTotal="1.23", taxIncluded=True)


async def test_a_sale_to_nobody(world: World) -> None:
    await offer_id(world, limits={"total": 5, "budget": "1.50"})
    assert (await sold_as_quoted(world))["discountTotal"]["amount"] == "1.50"
    assert (await sold_as_quoted(world, id="s-2"))["discountTotal"]["amount"] == "0.00"


async def test_codes_of_all_kinds_and_rewards(world: World) -> None:
    ann = await world.customer()
    await adjust(world, ann, 700)
    await products(world, "SKU-2")
    off, mug, later = await rewards(
        world,
        amount_off(100, "1.50"),
        {"title": "Mug", "points": 200, "kind": "PRODUCT", "productSku": "SKU-2"},
        amount_off(500, "9.00"),
    )
    code = await redeemed_code(world, ann, off)
    await offer_id(world, title="all", code="SPRING", conditions={"requiresCode": True})
    hers = await offer_id(world, title="hers", priority=1, kind="AMOUNT", value="1", conditions={"requiresCode": True})
    (own,) = await issued(world, hers, ann)
    quoted = await sold_as_quoted(
        world,
        customer={"id": ann},
        codes=["spring", own, code, "nothing"],
        rewardIds=[mug, later, off],
        points=50,
    )
    assert quoted["total"]["amount"] == "9.00"  # 20.00 less 10% and 1.00, a code of 1.50, a mug of 5.00 and 1.50
    assert warned(quoted) == [
        ("OFFER_NOT_ELIGIBLE", ["cart", "codes", "3"]),
        ("INSUFFICIENT_POINTS", ["cart", "rewardIds", "1"]),
    ]
    used = await quote(world, customer={"id": ann}, codes=[own, code])
    assert [one["code"] for one in used["warnings"]] == ["OFFER_EXHAUSTED", "OFFER_EXHAUSTED"]
    await clean(world)


async def test_a_code_sent_twice_is_warned_of_as_a_sale_would_refuse_it(world: World) -> None:
    ann = await world.customer()
    hers = await offer_id(world, conditions={"requiresCode": True})
    code, another = await issued(world, hers, ann), await issued(world, hers, ann)

    for codes in ([*code, *code], [*code, *another]):
        (warning,) = (await quote(world, customer={"id": ann}, codes=codes))["warnings"]
        refused = await world.sell(customer={"id": ann}, codes=codes)
        (error,) = refused["userErrors"]
        assert (warning["code"], warning["message"]) == (error["code"], error["message"])
        assert warning["field"][1:] == error["field"][1:] == ["codes", "1"]


async def test_caps_first_purchases_and_referrals(world: World) -> None:
    await products(world, "SKU-1")
    await save(
        world,
        earningRules=[
            rule(capPoints=25, capPeriod="DAY"),
            rule(pointsPerUnit="0.5", skus=["SKU-1"]),
            flat(40, event="FIRST_PURCHASE"),
            flat(10, capPoints=15, capPeriod="EVER"),
        ],
        referral={"referrerPoints": 100, "refereePoints": 60, "minimumSpend": "15.00", "perReferrerLimit": 3},
    )
    ann = await world.customer()
    bob = await world.customer(email="bob@example.com", referralCode=await code_of(world, ann))
    await offer_id(world, title="Double", kind="POINTS_MULTIPLIER", value="2")
    first = await sold_as_quoted(world, customer={"id": bob})
    assert first["pointsToEarn"] == 25 + 10 + 40 + 10 + 60  # the cap of the first rule, 0.5 of 10.00 twice
    second = await sold_as_quoted(world, customer={"id": bob}, id="s-2")
    assert second["pointsToEarn"] == 10 + 5
    await clean(world)


async def test_hours_of_the_store_and_limits_of_a_person(world: World) -> None:
    await save_store(world, "tokyo", "Asia/Tokyo")
    at(world, "2026-11-21T02:00:00+00:00")  # Saturday: 11:00 in Tokyo, 03:00 in Vienna
    ann = await world.customer()
    hours = [{"day": 6, "from": "09:00", "to": "12:00"}]
    limits = {"perPeriod": 1, "period": "DAY"}
    await offer_id(world, title="Morning", conditions={"weeklyHours": hours}, limits=limits)
    vienna = await quote(world, customer={"id": ann})
    assert [one["code"] for one in vienna["offers"][0]["eligibility"]["reasons"]] == ["WRONG_TIME"]
    tokyo: dict[str, Any] = {"customer": {"id": ann}, "storeCode": "tokyo"}
    assert (await sold_as_quoted(world, **tokyo))["discountTotal"]["amount"] == "2.00"
    again = await sold_as_quoted(world, id="s-2", **tokyo)
    (reason,) = again["offers"][0]["eligibility"]["reasons"]
    assert (reason["code"], reason["availableAt"]) == ("CUSTOMER_LIMIT_REACHED", "2026-11-21T15:00:00.000Z")


async def test_a_tier_that_the_sale_reaches_counts_from_the_next_one_on(world: World) -> None:
    ann = await world.customer()
    program = await world.data("{ loyaltyProgram { tiers { id name } } }")
    silver = next(one["id"] for one in program["loyaltyProgram"]["tiers"] if one["name"] == "Silver")
    await offer_id(world, conditions={"tiers": [silver]})
    await world.sell(customer={"id": ann}, id="s-0", **whole(485))
    first = await sold_as_quoted(world, customer={"id": ann})
    assert (first["tierAfter"]["name"], first["pointsToEarn"], first["discountTotal"]["amount"]) == (
        "Silver",
        20,
        "0.00",
    )
    world.clock.advance(seconds=1)
    second = await sold_as_quoted(world, customer={"id": ann}, id="s-2")
    assert (second["pointsToEarn"], second["discountTotal"]["amount"]) == (22, "2.00")  # 18.00 at 1.25


async def test_codes_that_an_offer_hands_out_while_there_are_any(world: World) -> None:
    ann = await world.customer()
    (off,) = await rewards(world, amount_off(100, "1.50", stock=1))
    sent: dict[str, Any] = {"title": "A code", "kind": "REWARD_CODE", "rewardId": off}
    await offer_id(world, code="GIFT", conditions={"requiresCode": True}, **sent)
    await offer_id(world, title="Ten off")
    first = await sold_as_quoted(world, customer={"id": ann}, codes=["GIFT"])
    assert sorted(one["offer"]["title"] for one in first["offers"] if one["applied"]) == ["A code", "Ten off"]
    second = await sold_as_quoted(world, customer={"id": ann}, codes=["GIFT"], id="s-2")
    assert [one["offer"]["title"] for one in second["offers"]] == ["Ten off"]
    assert warned(second) == [("REWARD_UNAVAILABLE", ["cart", "codes", "0"])]


async def test_a_reward_that_is_a_code_is_redeemed_first(world: World) -> None:
    ann = await world.customer()
    await adjust(world, ann, 500)
    ten = await offer_id(world, conditions={"requiresCode": True})
    (reward,) = await rewards(world, {"title": "Ten", "points": 100, "kind": "OFFER_CODE", "offerId": ten})
    quoted = await sold_as_quoted(world, customer={"id": ann}, rewardIds=[reward])
    assert (quoted["discountTotal"]["amount"], warned(quoted)) == ("0.00", [("INVALID", ["cart", "rewardIds", "0"])])
    code = await redeemed_code(world, ann, reward)
    again = await sold_as_quoted(world, customer={"id": ann}, codes=[code], id="s-2")
    assert again["discountTotal"]["amount"] == "2.00"


async def test_fewer_of_a_product_than_rewards_that_give_it(world: World) -> None:
    ann = await world.customer()
    await adjust(world, ann, 500)
    await products(world, "SKU-1")
    (mug,) = await rewards(world, {"title": "Mug", "points": 100, "kind": "PRODUCT", "productSku": "SKU-1"})
    quoted = await sold_as_quoted(world, customer={"id": ann}, rewardIds=[mug, mug])
    assert quoted["discountTotal"]["amount"] == "10.00"
    assert warned(quoted) == [("INVALID", ["cart", "rewardIds", "1"])]
    await clean(world)


NUMBERS = count(1)
SKUS = ("SKU-1", "SKU-2", "SKU-3")
few = st.lists(st.sampled_from(SKUS), min_size=1, max_size=2, unique=True)
cents = st.integers(1, 999).map(lambda value: f"{value // 100}.{value % 100:02}")


@st.composite
def offers(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["PERCENTAGE", "AMOUNT", "FIXED_PRICE", "BUY_X_GET_Y", "FREE_ITEM", "BONUS_POINTS", "POINTS_MULTIPLIER"]))  # fmt: skip  # noqa: E501
    fields: dict[str, Any] = {
        "kind": kind,
        "priority": draw(st.integers(0, 2)),
        "stacking": draw(st.sampled_from(["COMBINABLE"] * 4 + ["EXCLUSIVE"])),
        "stackingGroup": draw(st.sampled_from([None, None, "g"])),
    }
    if kind in ("PERCENTAGE", "BONUS_POINTS"):
        fields["value"] = str(draw(st.integers(1, 100)))
    elif kind == "BUY_X_GET_Y":
        fields |= {"buyQuantity": "1", "getQuantity": draw(st.sampled_from(["1", "0.5"]))}
    elif kind == "FREE_ITEM":
        fields["getSkus"] = draw(few)
    else:
        fields["value"] = draw(cents) if kind != "POINTS_MULTIPLIER" else draw(st.sampled_from(["1.5", "3"]))
    conditions: dict[str, Any] = {"skus": draw(few)} if draw(st.booleans()) else {}
    if draw(st.booleans()):
        conditions["minimumSpend"] = draw(cents)
    limits = draw(st.sampled_from([None, {"budget": "1.00"}, {"total": 2}, {"perCustomer": 1}]))
    return fields | ({"conditions": conditions} if conditions else {}) | ({"limits": limits} if limits else {})


lines = st.lists(
    st.tuples(st.sampled_from(["1", "2", "3", "0.75", "2.5"]), cents, st.sampled_from(["0", "0.01"])),
    min_size=1,
    max_size=4,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some=st.lists(offers(), max_size=6), rows=lines, known=st.booleans(), included=st.booleans())
async def test_any_cart_with_any_offers(
    world: World, some: list[dict[str, Any]], rows: list[tuple[str, str, str]], known: bool, included: bool
) -> None:
    number = next(NUMBERS)
    await products(world, *SKUS)
    made = [await offer_id(world, title=f"{number}-{n}", **fields) for n, fields in enumerate(some)]
    who = {"customer": {"id": await world.customer(email=f"q{number}@example.com")}} if known else {}
    sent = [
        line(n, quantity, price, sku=SKUS[n % 3], discount=off if quantity != "0.75" and price != "0.01" else "0")
        for n, (quantity, price, off) in enumerate(rows, 1)
    ]
    for turn in range(2):  # the second finds limits and budgets used
        await sold_as_quoted(world, *sent, id=f"{number}-{turn}", taxIncluded=included, **who)
    for id_ in made:
        await archive(world, id_)
