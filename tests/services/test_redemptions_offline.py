"""Offers that an offline till has applied: warned of where a sale would be refused, and all counted."""

from tests.services.helpers import ago, cancel, codes, nothing_written
from tests.services.loyalty_helpers import bought, buy, paid, problems, send_day
from tests.services.offer_helpers import count_of, issued, offer_id, products, redemptions
from tests.services.program_helpers import clean
from tests.support import POS, STAFF, World


async def test_an_offline_till_is_warned_where_it_would_have_been_refused_and_all_is_counted(world: World) -> None:
    await products(world, "TEA")
    ann = await world.customer()
    once = await offer_id(world, title="Once", priority=1, limits={"total": 1, "budget": "1.50"})
    over = await offer_id(world, title="Over", priority=2, endsAt=ago(world, days=1), conditions={"tags": ["vip"]})
    lacking = await offer_id(world, title="Lacking", conditions={"skus": ["TEA"]})
    await bought(world, paid(world, 10, off="1.00", offerIds=[once], id="first"))
    sent = paid(world, 10, off="1.90", customer=ann, offerIds=[once, over, lacking], acceptOffers=True)
    payload = await buy(world, sent, caller=POS, key="k")
    assert payload["userErrors"] == []
    # nothing of tea that is not there, 10 per cent of 10.00, then 10 per cent of 9.00
    assert await redemptions(world, payload["purchase"]["id"]) == [
        ("Lacking", "0.00", False),
        ("Once", "1.00", False),
        ("Over", "0.90", False),
    ]
    assert [(one["code"], one["field"]) for one in payload["warnings"]] == [
        ("OFFER_EXHAUSTED", ["input", "offerIds", "0"]),
        ("OFFER_NOT_ELIGIBLE", ["input", "offerIds", "1"]),
        ("OFFER_NOT_ELIGIBLE", ["input", "offerIds", "2"]),
    ]
    assert await count_of(world, once) == 2
    async with nothing_written(world):
        assert await buy(world, sent, caller=POS) == {**payload, "replayed": True}
        assert await buy(world, sent, caller=POS, key="k") == {**payload, "replayed": True}
    await clean(world)
    await cancel(world, payload["purchase"]["id"])
    assert await count_of(world, once) == 1
    await clean(world)


async def test_an_offline_tills_totals_are_still_checked_and_its_codes_known(world: World) -> None:
    ten = await offer_id(world, endsAt=ago(world, days=1))
    async with nothing_written(world):
        less = await buy(world, paid(world, 10, off="0.99", offerIds=[ten], acceptOffers=True), caller=POS)
        assert problems(less) == [("TOTAL_MISMATCH", ["input", "offerIds"])]
        unknown = await buy(world, paid(world, 10, off="5", codes=["NEVER"], acceptOffers=True), caller=POS)
        assert problems(unknown) == [("OFFER_NOT_ELIGIBLE", ["input", "codes", "0"])]


async def test_only_tills_and_admins_accept_offers(world: World) -> None:
    ten = await offer_id(world)
    sent = paid(world, 10, off="1", offerIds=[ten], acceptOffers=True)
    async with nothing_written(world):
        assert problems(await buy(world, sent, caller=STAFF)) == [("FORBIDDEN", ["input", "acceptOffers"])]
    assert (await buy(world, sent))["userErrors"] == []


async def test_a_code_that_an_offline_till_took_twice_is_used_by_the_first(world: World) -> None:
    ten = await offer_id(world, conditions={"requiresCode": True})
    ann, bea = await world.customer(), await world.customer(email="bea@example.com")
    (code,) = await issued(world, ten, ann)
    first = await bought(world, paid(world, 10, off="1", customer=ann, codes=[code]))
    second = paid(world, 10, off="1", customer=bea, codes=[code], id="s-2", acceptOffers=True)
    payload = await buy(world, second, caller=POS)
    assert [one["code"] for one in payload["warnings"]] == ["OFFER_NOT_ELIGIBLE"]
    await cancel(world, payload["purchase"]["id"], id="c-1")
    assert codes(await buy(world, paid(world, 10, off="1", customer=ann, codes=[code], id="s-3"))) == [
        "OFFER_EXHAUSTED"
    ]
    await cancel(world, first["id"], id="c-2")
    await bought(world, paid(world, 10, off="1", customer=ann, codes=[code], id="s-3"))
    await clean(world)


async def test_a_day_from_an_offline_till_is_taken_beyond_the_limit_with_warnings(world: World) -> None:
    once = await offer_id(world, limits={"total": 1})
    rows = [
        paid(world, 10, off="1", offerIds=[once], acceptOffers=True, id=f"s-{n}", occurredAt=ago(world, hours=5 - n))
        for n in range(3)
    ]
    day = await send_day(world, rows, caller=POS)
    assert [codes(row) for row in day["results"]] == [[], [], []]
    assert await count_of(world, once) == 3
    assert codes(await buy(world, paid(world, 10, off="1", offerIds=[once], id="s-9"))) == ["OFFER_EXHAUSTED"]
    await clean(world)
