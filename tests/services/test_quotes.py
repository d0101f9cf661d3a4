"""What a cart comes to, asked and not done."""

import pytest

from tests.services.helpers import line, nothing_written
from tests.services.offer_helpers import issued, offer_id, products
from tests.services.quote_helpers import applied, cart, money, quote, reasons, refused, warned
from tests.support import ADMIN, POS, STAFF, STOREFRONT, World, customer_caller, whole


async def test_a_cart_without_offers_comes_to_its_lines(world: World) -> None:
    quoted = await quote(world, taxTotal="1.50")
    assert money(quoted) == ("20.00", "0.00", "21.50")
    assert [(one["lineNumber"], one["quantity"], one["unitPrice"]) for one in quoted["lines"]] == [
        (1, "1", "10"),
        (2, "2", "5"),
    ]
    assert (quoted["offers"], quoted["pointsToEarn"], quoted["tierAfter"], quoted["warnings"]) == ([], 0, None, [])


async def test_the_best_offers_are_taken_off_line_by_line(world: World) -> None:
    await products(world, "SKU-1", "SKU-2")
    await offer_id(world, title="Mugs", value="15", conditions={"skus": ["SKU-2"]})
    await offer_id(world, title="Three off", kind="AMOUNT", value="3", conditions={"minimumSpend": "20"})
    quoted = await quote(world)
    # 1.50 off the second line; 3.00 over 10.00 and 8.50: 1.62 and 1.38
    assert [(one["discount"]["amount"], one["total"]["amount"]) for one in quoted["lines"]] == [
        ("1.62", "8.38"),
        ("2.88", "7.12"),
    ]
    assert money(quoted) == ("20.00", "4.50", "15.50")
    assert applied(quoted) == ["Mugs", "Three off"]
    assert [one["discount"]["amount"] for one in quoted["offers"]] == ["1.50", "3.00"]


async def test_what_is_missing_is_told_with_its_distance(world: World) -> None:
    await offer_id(world, title="From 24.50", conditions={"minimumSpend": "24.50"})
    (one,) = (await quote(world))["offers"]
    assert (one["applied"], one["discount"], one["eligibility"]["eligible"]) == (False, None, False)
    (reason,) = one["eligibility"]["reasons"]
    assert reason == {
        "code": "BELOW_MINIMUM_SPEND",
        "message": "4.50 USD more to unlock.",
        "missingAmount": {"amount": "4.50"},
        "missingQuantity": None,
        "missingPoints": None,
        "availableAt": None,
    }


async def test_the_tills_own_discount_comes_after_the_offers(world: World) -> None:
    await offer_id(world)
    quoted = await quote(world, line(1, "1", "10.00", discount="2.00"), line(2, "1", "10.00", total="9.50"))
    assert [one["discount"]["amount"] for one in quoted["lines"]] == ["3.00", "1.50"]  # 1.00 each before
    assert money(quoted) == ("20.00", "4.50", "15.50")


async def test_points_and_the_tier_are_what_the_sale_would_bring(world: World) -> None:
    ann = await world.customer()
    await world.sell(customer={"id": ann}, **whole(490))
    assert (await quote(world, customer={"id": ann}))["tierAfter"] == {"name": "Silver"}
    quoted = await quote(world, line(1, "1", "9.99"), customer={"id": ann}, taxTotal="0.50", taxIncluded=True)
    assert (quoted["pointsToEarn"], quoted["tierAfter"]) == (9, {"name": "Bronze"})


async def test_offers_of_points_are_told_and_counted(world: World) -> None:
    ann = await world.customer()
    await products(world, "SKU-1")
    await offer_id(world, title="Double", kind="POINTS_MULTIPLIER", value="2", conditions={"skus": ["SKU-1"]})
    await offer_id(world, title="Fifty", kind="BONUS_POINTS", value="50")
    quoted = await quote(world, customer={"id": ann})
    assert quoted["pointsToEarn"] == 80  # 10 twice, 10 and 50
    told = {one["offer"]["title"]: (one["points"], one["discount"]) for one in quoted["offers"]}
    assert told == {"Double": (10, None), "Fifty": (50, None)}
    assert reasons(await quote(world), "Fifty") == ["CUSTOMER_REQUIRED"]


async def test_a_quote_writes_nothing(world: World) -> None:
    ann = await world.customer()
    await offer_id(world, conditions={"requiresCode": True}, code="SPRING", limits={"total": 1, "perCustomer": 1})
    async with nothing_written(world):
        quoted = await quote(world, line(1, "1", "3.00", sku="NEW"), customer={"id": ann}, codes=["spring", "no"])
    assert applied(quoted) == ["Ten off"]
    assert warned(quoted) == [("OFFER_NOT_ELIGIBLE", ["cart", "codes", "1"])]


async def test_codes_unlock_offers_for_whom_they_were_issued(world: World) -> None:
    ann, bob = await world.customer(), await world.customer(email="bob@example.com")
    offer = await offer_id(world, conditions={"requiresCode": True})
    (code,) = await issued(world, offer, ann)
    assert applied(await quote(world, customer={"id": ann}, codes=[code])) == ["Ten off"]
    assert (await quote(world, customer={"id": ann}))["offers"] == []
    quoted = await quote(world, customer={"id": bob}, codes=[code])
    assert (applied(quoted), warned(quoted)) == ([], [("OFFER_NOT_ELIGIBLE", ["cart", "codes", "0"])])


async def test_named_customers_are_told_their_offers_and_nobody_else_is(world: World) -> None:
    ann, bob = await world.customer(), await world.customer(email="bob@example.com")
    named = {"customers": [{"id": ann}]}
    await offer_id(world, title="For Ann", conditions=named)
    await offer_id(world, title="For Ann, from 100", conditions=named | {"minimumSpend": "100"})
    quoted = await quote(world, customer={"id": ann})
    assert applied(quoted) == ["For Ann"]
    assert reasons(quoted, "For Ann, from 100") == ["BELOW_MINIMUM_SPEND"]
    assert (await quote(world, customer={"id": bob}))["offers"] == []
    assert (await quote(world))["offers"] == []


async def test_offers_that_have_not_begun_are_told_to_nobody_without_their_code(world: World) -> None:
    later = {"startsAt": "2027-01-01T00:00:00Z"}
    await offer_id(world, title="Soon", **later)
    await offer_id(world, title="Coded", code="SOON", conditions={"requiresCode": True}, **later)
    quoted = await quote(world, codes=["SOON"])
    (one,) = quoted["offers"]
    assert one["offer"]["title"] == "Coded"
    (reason,) = one["eligibility"]["reasons"]
    assert (reason["code"], reason["availableAt"]) == ("NOT_STARTED", "2027-01-01T00:00:00.000Z")


async def test_a_code_of_an_offer_that_is_over_is_a_warning(world: World) -> None:
    await offer_id(world, code="OLD", conditions={"requiresCode": True}, endsAt="2026-11-21T13:00:00Z")
    await quote(world)
    world.clock.advance(hours=2)
    quoted = await quote(world, codes=["OLD"])
    assert (quoted["offers"], warned(quoted)) == ([], [("OFFER_NOT_ELIGIBLE", ["cart", "codes", "0"])])


async def test_the_nearest_to_unlock_come_first(world: World) -> None:
    await products(world, "SKU-9", "SKU-8")
    await offer_id(world, title="far", conditions={"minimumSpend": "50"})
    await offer_id(world, title="products", conditions={"skus": ["SKU-9"]}, priority=1)
    await offer_id(world, title="other products", conditions={"skus": ["SKU-8"]}, priority=-1)
    await offer_id(world, title="near", conditions={"minimumSpend": "21"})
    await offer_id(world, title="applies")
    titles = [one["offer"]["title"] for one in (await quote(world))["offers"]]
    assert titles == ["applies", "near", "far", "other products", "products"]
    assert [one["offer"]["title"] for one in (await quote(world, first=2))["offers"]] == titles[:2]


async def test_a_tier_offer_says_how_many_points_are_missing(world: World) -> None:
    ann = await world.customer()
    await world.sell(customer={"id": ann}, **whole(100))
    program = await world.data("{ loyaltyProgram { tiers { id name } } }")
    silver = next(one["id"] for one in program["loyaltyProgram"]["tiers"] if one["name"] == "Silver")
    await offer_id(world, conditions={"tiers": [silver]})
    quoted = await quote(world, customer={"id": ann})
    # only those of the tier are shown what the tier gives first; others find it behind
    (reason,) = quoted["offers"][0]["eligibility"]["reasons"]
    assert (reason["code"], reason["missingPoints"]) == ("TIER_TOO_LOW", 400)


async def test_categories_are_the_ones_that_the_sale_would_store(world: World) -> None:
    await products(world, "SKU-1", category="tea")
    await offer_id(world, title="Tea", conditions={"categories": ["tea"]})
    assert money(await quote(world)) == ("20.00", "1.00", "19.00")
    assert money(await quote(world, line(1, "1", "10.00", category="food"))) == ("10.00", "0.00", "10.00")


@pytest.mark.parametrize("caller", [ADMIN, STAFF, POS, STOREFRONT], ids=lambda caller: caller.role)
async def test_everybody_asks_without_a_customer(world: World, caller: object) -> None:
    assert money(await quote(world, caller=caller))[2] == "20.00"  # type: ignore[arg-type]  # of the parameters


async def test_a_customer_is_quoted_for_oneself_and_for_nobody_else(world: World) -> None:
    ann, bob = await world.customer(), await world.customer(email="bob@example.com")
    caller = customer_caller(ann)
    assert (await quote(world, customer={"id": ann}, caller=caller))["pointsToEarn"] == 20
    assert (await quote(world, caller=caller))["pointsToEarn"] == 20
    not_found = ("NOT_FOUND", ["cart", "customer"])
    assert await refused(world, customer={"id": bob}, caller=caller) == not_found
    assert await refused(world, customer={"email": "bob@example.com"}, caller=caller) == not_found
    assert await refused(world, customer={"email": "no@example.com"}, caller=caller) == not_found


async def test_a_storefront_names_nobody(world: World) -> None:
    ann = await world.customer()
    assert await refused(world, customer={"id": ann}, caller=STOREFRONT) == ("FORBIDDEN", ["cart", "customer"])


MANY = [line(number, "1", "1.00") for number in range(1, 502)]
BAD = [
    ({"currencyCode": "EUR"}, "CURRENCY_MISMATCH", ["cart", "currencyCode"]),
    ({"currencyCode": "Euro"}, "INVALID", ["cart", "currencyCode"]),
    ({"lines": MANY}, "INVALID", ["cart", "lines"]),
    ({"lines": []}, "INVALID", ["cart", "lines"]),
    ({"lines": [line(1, "999999999999", "999999999999")]}, "INVALID", ["cart", "lines", "0", "quantity"]),
    ({"lines": [line(n, "999999", "999999") for n in (1, 2, 3)]}, "INVALID", ["cart", "lines"]),
    ({"lines": [line(1, "1", "1"), line(1, "1", "1")]}, "INVALID", ["cart", "lines", "1", "lineNumber"]),
    ({"lines": [line(1, "0", "1")]}, "INVALID", ["cart", "lines", "0", "quantity"]),
    ({"lines": [line(1, "-1", "1")]}, "INVALID", ["cart", "lines", "0", "quantity"]),
    ({"lines": [line(1, "1e3", "1")]}, "INVALID", ["cart", "lines", "0", "quantity"]),
    ({"lines": [line(1, "1", "1", discount="1.01")]}, "INVALID", ["cart", "lines", "0", "discount"]),
    ({"lines": [line(1, "1", "1", discount="0.001")]}, "INVALID", ["cart", "lines", "0", "discount"]),
    ({"customer": {"id": "cus_00000000000000000000000000"}}, "NOT_FOUND", ["cart", "customer"]),
    ({"customer": {"email": "nobody@example.com"}}, "NOT_FOUND", ["cart", "customer"]),
    ({"customer": {"id": "pur_00000000000000000000000000"}}, "INVALID", ["cart", "customer", "id"]),
    ({"points": 5}, "INVALID", ["cart", "customer"]),
    ({"taxTotal": "-1"}, "INVALID", ["cart", "taxTotal"]),
    ({"codes": ["A"] * 21}, "INVALID", ["cart", "codes"]),
]


@pytest.mark.parametrize(("fields", "code", "field"), BAD, ids=[f"{row[1]}-{number}" for number, row in enumerate(BAD)])
async def test_a_wrong_cart_is_refused_with_its_field(
    world: World, fields: dict[str, object], code: str, field: list[str]
) -> None:
    lines = fields.pop("lines", None)
    given = cart(**fields) | ({"lines": lines} if lines is not None else {})
    body = await world.answer("query($cart: CartInput!) { quote(cart: $cart) { total { amount } } }", {"cart": given})
    (error,) = body["errors"]
    assert (error["extensions"]["code"], error["extensions"]["field"]) == (code, field)
    assert body["data"] == {"quote": None}


async def test_a_till_asks_for_its_own_store_and_channel(world: World) -> None:
    assert await refused(world, storeCode="graz-1", caller=POS) == ("FORBIDDEN", ["cart", "storeCode"])
    assert await refused(world, channel="WEB", caller=POS) == ("FORBIDDEN", ["cart", "channel"])


async def test_more_offers_than_are_told_at_once_are_refused(world: World) -> None:
    body = await world.answer(
        "query($cart: CartInput!) { quote(cart: $cart) { offers(first: 101) { applied } } }", {"cart": cart()}
    )
    assert body["errors"][0]["extensions"]["code"] == "INVALID"


async def test_tax_contained_beyond_what_is_left_is_a_warning(world: World) -> None:
    ann = await world.customer()
    await offer_id(world, value="100")
    quoted = await quote(world, customer={"id": ann}, taxTotal="3.00", taxIncluded=True)
    assert (money(quoted), quoted["pointsToEarn"]) == (("20.00", "20.00", "0.00"), 0)
    assert warned(quoted) == [("INVALID", ["cart", "taxTotal"])]


async def counted(world: World, **fields: object) -> list[str]:
    """Return the commands that a quote sends, of whatever is asked of it."""
    await quote(world, **fields)  # type: ignore[arg-type]  # fields of the cart
    world.commands.names.clear()
    await quote(world, **fields)  # type: ignore[arg-type]  # fields of the cart
    return sorted(world.commands.names)


async def test_a_quote_asks_little_however_many_offers_there_are(world: World) -> None:
    ann = await world.customer()
    await products(world, "SKU-1", "SKU-2")
    await world.sell(customer={"id": ann}, id="s-0", **whole(100))
    plain = ["find customers", "find loyalty_accounts", "find purchases"]  # the last for tierAfter
    assert await counted(world, customer={"id": ann}) == plain
    assert await counted(world) == []
    for number in range(3):
        await offer_id(world, title=f"{number}", limits={"total": 9, "perCustomer": 9})
    await offer_id(world, title="Ann's", conditions={"customers": [{"id": ann}]})
    once = [*plain, "find offer_audience", "find offer_counters", "find offer_redemptions", "find offers"]
    assert await counted(world, customer={"id": ann}) == sorted(once)
    for number in range(20):
        await offer_id(world, title=f"more {number}", limits={"total": 9, "perCustomer": 9})
    assert await counted(world, customer={"id": ann}) == sorted(once)
