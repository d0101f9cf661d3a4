"""Codes of offers: one for all, free again once it is another, and single-use codes that are issued."""

from tests.services.helpers import codes, nothing_written
from tests.services.loyalty_helpers import problems, together
from tests.services.offer_helpers import UNKNOWN, issue, issued, offer_id, save_offer, try_save
from tests.support import STAFF, World


async def test_a_code_is_one_whatever_its_case_and_free_again_once_it_is_another(world: World) -> None:
    first, second = await offer_id(world, code="Summer"), await offer_id(world)
    async with nothing_written(world):
        for taken in ("SUMMER", "summer", " sUmMeR "):
            refused = await try_save(world, second, code=taken)
            assert problems(refused) == [("ALREADY_EXISTS", ["input", "code"])]
    assert (await save_offer(world, first, code="summer"))["code"] == "SUMMER"
    await save_offer(world, first, code="winter")
    assert (await save_offer(world, second, code="summer"))["code"] == "SUMMER"
    await save_offer(world, first, code=None)
    assert (await offer_id(world, code="WINTER")) != first


async def test_of_two_offers_saved_at_once_with_one_code_one_has_it(world: World) -> None:
    sent = {"title": "Ten off", "kind": "PERCENTAGE", "value": "10", "code": "ONCE"}
    payloads = await together(*(try_save(world, **sent) for _ in range(6)))
    assert sorted(map(str, map(codes, payloads))) == ["['ALREADY_EXISTS']"] * 5 + ["[]"]
    assert len(await world.all("offers")) == 1


async def test_issued_codes_are_told_apart_and_whoever_retries_gets_the_same(world: World) -> None:
    ann, bea = await world.customer(), await world.customer(email="bea@example.com")
    id_ = await offer_id(world, conditions={"requiresCode": True})
    first = await issue(world, id_, 2, bea, ann, key="k", caller=STAFF)
    assert (first["userErrors"], first["replayed"], first["offer"]["id"]) == ([], False, id_)
    assert len(set(first["codes"])) == 4
    assert {letter for code in first["codes"] for letter in code} <= set("23456789ABCDEFGHJKMNPQRSTVWXYZ")
    owners = {one["code"]: one["owner"] for one in await world.all("offer_codes")}
    assert [owners[code] for code in first["codes"]] == [bea, bea, ann, ann]
    async with nothing_written(world):
        assert await issue(world, id_, 2, bea, ann, key="k", caller=STAFF) == {**first, "replayed": True}
    outcome = next(key["outcome"] for key in await world.all("keys") if key["_id"].startswith("idem:"))
    assert not set(first["codes"]) & set(str(outcome).split("'"))


async def test_ten_thousand_codes_are_issued_at_once_and_no_more(world: World) -> None:
    id_ = await offer_id(world, conditions={"requiresCode": True})
    payload = await issue(world, id_, 10_000)
    assert payload["userErrors"] == []
    assert len(set(payload["codes"])) == 10_000
    ann = await world.customer()
    async with nothing_written(world):
        for count, people in ((10_001, []), (0, []), (-1, []), (5001, [ann, ann])):
            assert problems(await issue(world, id_, count, *people)) == [("INVALID", ["count"])]


async def test_codes_are_issued_of_offers_that_ask_for_one_to_customers_who_are_there(world: World) -> None:
    asks, asks_not = await offer_id(world, code="ASK"), await offer_id(world)
    ann, nobody = await world.customer(), "cus_00000000000000000000000000"
    async with nothing_written(world):
        assert problems(await issue(world, asks_not)) == [("INVALID", ["id"])]
        assert problems(await issue(world, UNKNOWN)) == [("NOT_FOUND", ["id"])]
        assert problems(await issue(world, ann)) == [("INVALID", ["id"])]
        assert problems(await issue(world, asks, 1, ann, nobody)) == [("NOT_FOUND", ["customers", "1"])]
        assert problems(await issue(world, asks, 1, asks)) == [("INVALID", ["customers", "0", "id"])]


async def test_a_codes_name_is_nobody_elses_among_offers_and_rewards(world: World) -> None:
    id_ = await offer_id(world, code="ONE")
    (code,) = await issued(world, id_)
    other = await try_save(world, title="Two", kind="PERCENTAGE", value="1", code=code.lower())
    assert problems(other) == [("ALREADY_EXISTS", ["input", "code"])]
