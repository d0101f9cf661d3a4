"""Referrals: the code, both sides' points at the new customer's first sale that is large enough, and their way back."""

import asyncio
from typing import Any

import pytest

from crm.callers import Caller
from crm.values import Role
from tests.services.helpers import cancel, claim, line, nothing_written
from tests.services.program_helpers import balance, buy, clean, earned, event, flat, loyalty, posted, rule, save, track
from tests.support import ERRORS, World, customer_caller, whole

CODE = "query($id: ID!) { customer(by: {id: $id}) { referralCode } }"
CREATE = f"""mutation($input: CreateCustomerInput!) {{
  createCustomer(input: $input) {{ customer {{ id referralCode }} {ERRORS} }} }}"""
UPDATE_ME = f"""mutation($input: UpdateMeInput!) {{ updateMe(input: $input) {{ customer {{ id }} {ERRORS} }} }}"""
POLICY: dict[str, Any] = {"referrerPoints": 100, "refereePoints": 40, "minimumSpend": "20.00"}


async def code_of(world: World, customer: str) -> str:
    return str((await world.data(CODE, {"id": customer}))["customer"]["referralCode"])


async def invited(world: World, by: str, name: str = "bob") -> str:
    """Create a customer who comes by another's code."""
    return await world.customer(email=f"{name}@example.com", referralCode=await code_of(world, by))


async def accept(world: World, customer: str, code: str) -> list[tuple[str, list[str]]]:
    """Let a customer name a code and return the user errors."""
    told = await world.data(UPDATE_ME, {"input": {"referralCode": code}}, caller=customer_caller(customer))
    return [(error["code"], error["field"]) for error in told["updateMe"]["userErrors"]]


async def test_both_sides_are_rewarded_by_the_first_sale_that_is_large_enough_and_never_again(world: World) -> None:
    await save(world, referral=POLICY)
    ann = await world.customer()
    bob = await invited(world, ann)
    assert await posted(world, ann) == await posted(world, bob) == []

    assert await earned(world, bob, "a", 19) == 19
    taxed = {"total": "20.01", "taxTotal": "0.02", "lines": [line(1, "1", "19.99")]}
    assert await earned(world, bob, "b", 20, **taxed) == 19  # 19.99 without tax
    assert await balance(world, ann) == (0, 0, 0)
    sold = await buy(world, bob, "c", 20)
    assert sold["pointsEarned"] == 60
    assert await earned(world, bob, "d", 50) == 50

    assert await posted(world, ann) == [("BONUS", 100, "Referral")]
    assert await posted(world, bob) == [
        ("EARN", 19, None),
        ("EARN", 19, None),
        ("EARN", 20, None),
        ("BONUS", 40, "Referral"),
        ("EARN", 50, None),
    ]
    (entry,) = (await loyalty(world, ann))["transactions"]["nodes"]
    assert entry["source"] == {"kind": "REFERRAL", "nodeId": sold["id"]}
    assert (await loyalty(world, ann))["tier"]["qualifyingPoints"] == 0
    await clean(world)


async def test_without_a_minimum_any_sale_rewards_and_nobody_is_rewarded_without_a_code(world: World) -> None:
    await save(world, referral={"referrerPoints": 100, "refereePoints": 40})
    ann = await world.customer()
    bob = await invited(world, ann)
    cid = await world.customer(email="cid@example.com")
    assert await earned(world, cid, "a", 1) == 1
    assert await earned(world, bob, "b", 1) == 41
    assert await balance(world, ann) == (100, 0, 0)
    await clean(world)


async def test_without_a_policy_a_code_is_kept_for_a_policy_to_come(world: World) -> None:
    ann = await world.customer()
    bob = await invited(world, ann)
    assert await earned(world, bob, "a", 100) == 100
    world.clock.advance(days=1)
    await save(world, referral=POLICY)
    assert await earned(world, bob, "b", 20) == 60
    assert await balance(world, ann) == (100, 0, 0)
    await clean(world)


async def test_a_code_is_accepted_in_any_case_and_by_update_me(world: World) -> None:
    await save(world, referral=POLICY)
    ann, bob = await world.customer(), await world.customer(email="bob@example.com")
    code = await code_of(world, ann)
    assert await accept(world, bob, f" {code.lower()} ") == []
    assert await accept(world, bob, code) == []  # said again
    assert await earned(world, bob, "a", 20) == 60
    await clean(world)


async def test_codes_that_cannot_be_accepted_are_refused_and_write_nothing(world: World) -> None:
    ann, bob, cid, old = [await world.customer(email=f"{name}@example.com") for name in ("ann", "bob", "cid", "old")]
    await buy(world, old, "a", 1)
    codes = {who: await code_of(world, who) for who in (ann, bob, cid, old)}
    assert await accept(world, bob, codes[ann]) == []
    field = ["input", "referralCode"]
    async with nothing_written(world):
        assert await accept(world, bob, codes[bob]) == [("INVALID", field)]
        assert await accept(world, bob, "NEVERTHERE") == [("NOT_FOUND", field)]
        assert await accept(world, ann, codes[bob]) == [("INVALID", field)]  # a circle
        assert await accept(world, bob, codes[cid]) == [("CONFLICT", field)]  # a second one
        assert await accept(world, old, codes[ann]) == [("CONFLICT", field)]  # is no new customer
        new = {"input": {"email": "new@example.com", "referralCode": "NEVERTHERE"}}
        told = (await world.data(CREATE, new))["createCustomer"]
        assert [(error["code"], error["field"]) for error in told["userErrors"]] == [("NOT_FOUND", field)]


async def test_two_who_name_each_other_at_once_make_no_circle(world: World) -> None:
    for n in range(6):
        one, two = [await world.customer(email=f"{who}{n}@example.com") for who in ("one", "two")]
        theirs = await code_of(world, one), await code_of(world, two)
        await asyncio.gather(accept(world, one, theirs[1]), accept(world, two, theirs[0]))
    pairs = {(one["_id"], one["referrer"]) for one in await world.all("referrals")}
    assert [pair for pair in pairs if (pair[1], pair[0]) in pairs] == []


async def test_a_person_who_is_created_by_update_me_comes_by_a_code_too(world: World) -> None:
    await save(world, referral=POLICY)
    ann = await world.customer()
    new = Caller(role=Role.CUSTOMER, principal="jwt:new", name="customer", identity=("jwt", "new"))
    variables = {"input": {"email": "new@example.com", "referralCode": await code_of(world, ann)}}
    told = (await world.data(UPDATE_ME, variables, caller=new))["updateMe"]
    assert told["userErrors"] == []
    assert await earned(world, told["customer"]["id"], "a", 20) == 60
    assert await balance(world, ann) == (100, 0, 0)
    await clean(world)


async def test_who_bought_something_that_was_cancelled_is_still_new(world: World) -> None:
    ann, bob = await world.customer(), await world.customer(email="bob@example.com")
    await cancel(world, (await buy(world, bob, "a", 10))["id"])
    assert await accept(world, bob, await code_of(world, ann)) == []


async def test_a_referrer_is_rewarded_up_to_the_limit_and_those_who_come_all_the_same(world: World) -> None:
    await save(world, referral={**POLICY, "perReferrerLimit": 2})
    ann = await world.customer()
    people = [await invited(world, ann, f"c{n}") for n in range(4)]
    told = [await earned(world, person, f"s-{n}", 20) for n, person in enumerate(people)]
    assert told == [60, 60, 60, 60]
    assert await posted(world, ann) == [("BONUS", 100, "Referral")] * 2
    await clean(world)


async def test_first_sales_of_many_at_once_never_exceed_the_limit(world: World) -> None:
    await save(world, referral={**POLICY, "perReferrerLimit": 2})
    ann = await world.customer()
    people = [await invited(world, ann, f"c{n}") for n in range(6)]
    told = await asyncio.gather(*(earned(world, person, f"s-{n}", 20) for n, person in enumerate(people)))
    assert told == [60] * 6
    assert await balance(world, ann) == (200, 0, 0)
    await clean(world)


async def test_two_first_sales_at_once_reward_once(world: World) -> None:
    await save(world, referral=POLICY)
    ann = await world.customer()
    bob = await invited(world, ann)
    told = await asyncio.gather(*(earned(world, bob, f"s-{n}", 20) for n in range(5)))
    assert sorted(told) == [20, 20, 20, 20, 60]
    assert await posted(world, ann) == [("BONUS", 100, "Referral")]
    await clean(world)


async def test_the_referrer_buys_while_the_referred_does(world: World) -> None:
    await save(world, referral=POLICY)
    ann = await world.customer()
    people = [await invited(world, ann, f"c{n}") for n in range(4)]
    await asyncio.gather(
        *(earned(world, person, f"s-{n}", 20) for n, person in enumerate(people)),
        *(earned(world, ann, f"a-{n}", 10) for n in range(4)),
    )
    assert await balance(world, ann) == (440, 0, 0)
    await clean(world)


async def test_returns_take_both_sides_points_back_by_share_and_in_the_end_exactly(world: World) -> None:
    await save(world, referral={**POLICY, "referrerPoints": 101, "refereePoints": 41})
    ann = await world.customer()
    bob = await invited(world, ann)
    sold = await buy(world, bob, "a", 30, lines=[line(1, "3", "10.00")], total="30.00")
    assert sold["pointsEarned"] == 71
    referrer, referee = [], []
    for n in range(3):
        back = await world.give_back(sold["id"], {1: "1"}, id=f"r-{n}")
        assert back["purchaseReturn"]["pointsTakenBack"] == (23, 24, 24)[n]  # 10 and of 41: 13, 27, 41
        referrer.append((await balance(world, ann))[0])
        referee.append((await balance(world, bob))[0])
    assert referee == [48, 24, 0]
    assert referrer == [68, 34, 0]  # of 101: 33, 67, 101 are back
    assert [entry[:2] for entry in await posted(world, ann)] == [
        ("BONUS", 101),
        ("RETURN_EARNED", -33),
        ("RETURN_EARNED", -34),
        ("RETURN_EARNED", -34),
    ]
    assert await earned(world, bob, "b", 30) == 30  # rewarded once, come what may
    assert await balance(world, ann) == (0, 0, 0)
    await clean(world)


async def test_a_referrer_who_spent_the_points_owes_them(world: World) -> None:
    await save(world, referral=POLICY, earningRules=[])
    ann = await world.customer()
    bob = await invited(world, ann)
    sold = await buy(world, bob, "a", 20)
    await buy(world, ann, "b", 20, points=70)
    await cancel(world, sold["id"])
    assert await balance(world, ann) == (0, 0, 70)
    assert await balance(world, bob) == (0, 0, 0)
    await clean(world)


async def test_a_rule_for_referrals_adds_to_the_referrer_up_to_its_cap_and_comes_back(world: World) -> None:
    friend = flat(30, name="A friend", event="REFERRAL", capPoints=50, capPeriod="MONTH")
    await save(world, referral=POLICY, earningRules=[rule(), friend])
    ann = await world.customer()
    bob, cid = await invited(world, ann), await invited(world, ann, "cid")
    first, second = await buy(world, bob, "a", 20), await buy(world, cid, "b", 20)
    assert (first["pointsEarned"], second["pointsEarned"]) == (60, 60)
    assert await posted(world, ann) == [
        ("BONUS", 100, "Referral"),
        ("BONUS", 30, "A friend"),
        ("BONUS", 100, "Referral"),
        ("BONUS", 20, "A friend"),
    ]
    await cancel(world, first["id"])
    assert await balance(world, ann) == (120, 0, 0)
    eve = await invited(world, ann, "eve")
    await buy(world, eve, "c", 20)
    assert await balance(world, ann) == (250, 0, 0)  # the cap has 30 again
    await clean(world)


async def test_referral_points_of_both_sides_are_pending_as_the_sale_is(world: World) -> None:
    await save(world, referral=POLICY, pending={"kind": "DAYS", "days": 14})
    ann = await world.customer()
    bob = await invited(world, ann)
    sold = await buy(world, bob, "a", 20)
    assert (await balance(world, ann), await balance(world, bob)) == ((0, 100, 0), (0, 60, 0))
    await cancel(world, sold["id"])
    assert (await balance(world, ann), await balance(world, bob)) == ((0, 0, 0), (0, 0, 0))
    await clean(world)


async def test_the_event_that_the_sale_waits_for_frees_the_referrers_points_too(world: World) -> None:
    await save(world, referral=POLICY, pending={"kind": "UNTIL_EVENT", "event": "paid"})
    ann = await world.customer()
    bob = await invited(world, ann)
    sold = await buy(world, bob, "a", 20)
    await track(world, bob, event("e-1", "paid", properties={"purchaseId": sold["id"]}))
    assert await balance(world, bob) == (60, 0, 0)
    assert await balance(world, ann) == (100, 0, 0)
    await clean(world)


async def test_a_claimed_sale_rewards_like_any_other(world: World) -> None:
    await save(world, referral=POLICY)
    ann = await world.customer()
    bob = await invited(world, ann)
    left = (await world.sell(**whole(30), id="left", occurredAt=world.clock().isoformat()))["purchase"]["id"]
    assert await balance(world, ann) == (0, 0, 0)
    assert (await claim(world, left, customer=bob))["purchase"]["pointsEarned"] == 70
    assert await balance(world, ann) == (100, 0, 0)
    await world.give_back(left, {1: "1"})
    assert (await balance(world, ann), await balance(world, bob)) == ((0, 0, 0), (0, 0, 0))
    await clean(world)


@pytest.mark.parametrize("returned", ["1", "2"])
async def test_of_a_claimed_sale_that_came_back_in_part_both_sides_get_their_share(world: World, returned: str) -> None:
    await save(world, referral=POLICY)
    ann = await world.customer()
    bob = await invited(world, ann)
    two = {"lines": [line(1, "2", "25.00")], "total": "50.00", "occurredAt": world.clock().isoformat()}
    left = (await world.sell(**two, id="left"))["purchase"]["id"]
    await world.give_back(left, {1: returned}, id="r-1")
    await claim(world, left, customer=bob)
    kept = 0 if returned == "2" else 1
    assert await balance(world, bob) == (kept * (25 + 20), 0, 0)
    assert await balance(world, ann) == (kept * 50, 0, 0)
    await clean(world)
