"""Redemptions are counted once, within limits, and given back with what they discounted."""

from typing import Any

import pytest

from tests.services.helpers import ago, cancel, claim, codes, line, nothing_written
from tests.services.loyalty_helpers import bought, buy, paid, problems, send_day, together
from tests.services.offer_helpers import archive, count_of, issued, offer_id, products, redemptions, save_offer
from tests.services.program_helpers import at, clean, save_store
from tests.support import POS, World

# ---------------------------------------------------------------- limits


async def test_a_total_and_a_budget_are_kept(world: World) -> None:
    two = await offer_id(world, limits={"total": 2})
    for number in range(2):
        await bought(world, paid(world, 10, off="1.00", offerIds=[two], id=f"s-{number}"))
    async with nothing_written(world):
        third = await buy(world, paid(world, 10, off="1.00", offerIds=[two], id="s-3"))
        assert problems(third) == [("OFFER_EXHAUSTED", ["input", "offerIds", "0"])]
    budget = await offer_id(world, limits={"budget": "2.50"})
    for number, took in enumerate(("1.00", "1.00", "0.50")):  # the last has what is left
        purchase = await bought(world, paid(world, 10, off="1.00", offerIds=[budget], id=f"b-{number}"))
        assert await redemptions(world, purchase["id"]) == [("Ten off", took, False)]
    async with nothing_written(world):
        gone = await buy(world, paid(world, 10, off="1.00", offerIds=[budget], id="b-4"))
        assert problems(gone) == [("OFFER_EXHAUSTED", ["input", "offerIds", "0"])]
        assert "BUDGET_SPENT" in gone["userErrors"][0]["message"]
    await clean(world)


async def test_a_person_is_one_under_every_key(world: World) -> None:
    await world.customer(phone="+43 664 1234567", cardNumber="C-1", externalIds=[{"source": "app", "value": "1"}])
    once = await offer_id(world, limits={"perCustomer": 1})
    keys: list[dict[str, Any]] = [
        {"email": "ANN@example.com"},
        {"phone": "+436641234567"},
        {"cardNumber": "C-1"},
        {"externalId": {"source": "app", "value": "1"}},
    ]
    sent = [paid(world, 10, off="1", customer=key, offerIds=[once], id=f"s-{n}") for n, key in enumerate(keys)]
    payloads = await together(*(buy(world, one) for one in sent))
    assert sorted(map(str, map(codes, payloads))) == ["['OFFER_EXHAUSTED']"] * 3 + ["[]"]
    assert await count_of(world, once) == 1
    await clean(world)


async def test_a_limit_of_a_period_counts_on_the_calendar_of_the_store(world: World) -> None:
    await save_store(world, "tokyo", "Asia/Tokyo")
    at(world, "2026-11-22T14:00:00+00:00")  # Sunday 23:00 in Tokyo, 15:00 in Vienna
    ann = await world.customer()
    weekly = await offer_id(world, limits={"period": "WEEK", "perPeriod": 1})
    sent: dict[str, Any] = {"off": "1", "customer": ann, "offerIds": [weekly]}
    await bought(world, paid(world, 10, id="s-1", storeCode="tokyo", **sent))
    assert codes(await buy(world, paid(world, 10, id="s-2", **sent))) == ["OFFER_EXHAUSTED"]
    world.clock.advance(hours=1)  # Monday in Tokyo
    await bought(world, paid(world, 10, id="s-3", storeCode="tokyo", **sent))
    late = paid(world, 10, id="s-4", storeCode="tokyo", occurredAt=ago(world, hours=2), **sent)
    assert codes(await buy(world, late)) == ["OFFER_EXHAUSTED"]  # it is of the week before, which had its one
    await clean(world)


async def test_a_limit_that_comes_later_counts_what_was_redeemed_before(world: World) -> None:
    ten = await offer_id(world)
    for number in range(3):
        await bought(world, paid(world, 10, off="1.00", offerIds=[ten], id=f"s-{number}"))
    await save_offer(world, ten, limits={"total": 4, "budget": "100"})
    assert await count_of(world, ten) == 3
    await bought(world, paid(world, 10, off="1.00", offerIds=[ten], id="s-4"))
    assert codes(await buy(world, paid(world, 10, off="1.00", offerIds=[ten], id="s-5"))) == ["OFFER_EXHAUSTED"]
    (counter,) = await world.all("offer_counters")
    assert (counter["redeemed"], counter["spent"]) == (4, 400)
    await save_offer(world, ten, limits=None)
    assert await world.all("offer_counters") == []
    await bought(world, paid(world, 10, off="1.00", offerIds=[ten], id="s-5"))
    assert await count_of(world, ten) == 5
    await clean(world)


async def test_an_offer_without_limits_has_no_document_that_all_sales_write(world: World) -> None:
    ten = await offer_id(world)
    world.commands.sent.clear()
    await bought(world, paid(world, 10, off="1.00", offerIds=[ten]), caller=POS)
    written = {command[name] for name, command in world.commands.sent if name in ("update", "findAndModify")}
    assert not written & {"offers", "offer_counters"}


# ---------------------------------------------------------------- given back


@pytest.mark.parametrize("cancelled", [False, True])
async def test_an_offer_comes_back_with_all_that_it_discounted(world: World, cancelled: bool) -> None:
    await products(world, "TEA")
    ann = await world.customer()
    limits = {"total": 1, "perCustomer": 1, "budget": "10"}
    tea = await offer_id(world, title="Tea", conditions={"skus": ["TEA"], "requiresCode": True}, limits=limits)
    cart = await offer_id(world, title="Cart", kind="AMOUNT", value="2.00", limits=limits)
    (code,) = await issued(world, tea, ann)
    lines = [line(1, "2", "5.00", sku="TEA"), line(2, "1", "10.00", sku="MUG")]
    sent = paid(world, 0, customer=ann, lines=lines, discountTotal="3", total="17", offerIds=[tea, cart], codes=[code])
    purchase = (await bought(world, sent))["id"]
    none = [("Tea", "1.00", False), ("Cart", "2.00", False)]
    assert await redemptions(world, purchase) == none
    if cancelled:
        await cancel(world, purchase)
    else:
        await world.give_back(purchase, {1: "1"}, id="r-1")
        assert await redemptions(world, purchase) == none
        assert (await count_of(world, tea), await count_of(world, cart)) == (1, 1)
        await world.give_back(purchase, {1: "1"}, id="r-2")
        assert await redemptions(world, purchase) == [("Tea", "1.00", True), ("Cart", "2.00", False)]
        assert (await count_of(world, tea), await count_of(world, cart)) == (0, 1)
        await clean(world)
        await world.give_back(purchase, {2: "1"}, id="r-3")
    assert await redemptions(world, purchase) == [("Tea", "1.00", True), ("Cart", "2.00", True)]
    assert {(one["redeemed"], one["spent"]) for one in await world.all("offer_counters")} == {(0, 0)}
    told = [one["data"]["change"] for one in await world.all("outbox", {"topic": "OFFER"})]
    assert (told.count("REDEEMED"), told.count("RETURNED")) == (2, 2)
    again = {**sent, "externalId": {"source": "till-7", "value": "s-2"}}
    assert len(await redemptions(world, (await bought(world, again))["id"])) == 2
    await clean(world)


async def test_a_return_sent_again_gives_an_offer_back_once(world: World) -> None:
    ten = await offer_id(world, limits={"total": 5})
    first = (await bought(world, paid(world, 10, off="1.00", offerIds=[ten])))["id"]
    await bought(world, paid(world, 10, off="1.00", offerIds=[ten], id="s-2"))
    back = await world.give_back(first, {1: "1"})
    async with nothing_written(world):
        assert await world.give_back(first, {1: "1"}) == {**back, "replayed": True}
    assert await count_of(world, ten) == 1
    await clean(world)


# ---------------------------------------------------------------- sent again, claimed, in a batch


async def test_a_sale_sent_again_redeems_once_though_the_offer_is_exhausted_by_then(world: World) -> None:
    once = await offer_id(world, limits={"total": 1})
    sent = paid(world, 10, off="1.00", offerIds=[once])
    payloads = await together(*(buy(world, sent) for _ in range(20)))
    assert [codes(payload) for payload in payloads] == [[]] * 20
    assert [payload["replayed"] for payload in payloads].count(False) == 1
    await archive(world, once)
    async with nothing_written(world):
        assert (await buy(world, sent))["replayed"]
        other = {**sent, "offerIds": []}
        assert codes(await buy(world, other)) == ["CONFLICT"]
    assert await count_of(world, once) == 1


async def test_what_an_anonymous_sale_redeemed_counts_for_whoever_claims_it(world: World) -> None:
    open_, ann = await offer_id(world), await world.customer()
    sold = await buy(world, paid(world, 10, off="1.00", offerIds=[open_]), caller=POS)
    assert sold["userErrors"] == []
    await save_offer(world, open_, limits={"perCustomer": 1})
    assert (await claim(world, sold["purchase"]["id"], customer=ann))["userErrors"] == []
    await clean(world)
    second = await buy(world, paid(world, 10, off="1.00", customer=ann, offerIds=[open_], id="s-2"))
    assert codes(second) == ["OFFER_EXHAUSTED"]
    await cancel(world, sold["purchase"]["id"])
    await bought(world, paid(world, 10, off="1.00", customer=ann, offerIds=[open_], id="s-2"))
    await clean(world)


async def test_a_row_that_the_limit_refused_stays_refused_when_the_day_is_sent_again(world: World) -> None:
    once = await offer_id(world, limits={"total": 1})
    rows = [
        paid(world, 10, off="1", offerIds=[once], id=f"s-{n}", occurredAt=ago(world, hours=5 - n)) for n in range(3)
    ]
    day = await send_day(world, [rows[1], rows[0], rows[2]])
    assert [codes(row) for row in day["results"]] == [["OFFER_EXHAUSTED"], [], ["OFFER_EXHAUSTED"]]
    await save_offer(world, once, limits={"total": 9})
    again = await send_day(world, rows)
    assert [codes(row) for row in again["results"]] == [[], ["OFFER_EXHAUSTED"], ["OFFER_EXHAUSTED"]]
    assert [row["replayed"] for row in again["results"]] == [True] * 3
    assert await count_of(world, once) == 1
    await clean(world)
