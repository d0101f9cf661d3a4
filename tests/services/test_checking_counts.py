"""The check proves counters of caps, redeemed rewards and referrals, and names what was changed by hand."""

from typing import Any

import pytest

from crm.ids import account_of
from tests.services.helpers import line
from tests.services.histories import cancel, claim, found
from tests.services.loyalty_helpers import amount_off, paid, rewards
from tests.services.program_helpers import adjust, buy, clean, event, flat, rule, save, say, track
from tests.services.reward_helpers import given
from tests.services.test_referrals import invited
from tests.support import World, whole

Told = set[tuple[str, str]]


async def history(world: World) -> dict[str, str]:
    """Let Ann bring Bob, both use caps by sales, returns and engagement, and Ann redeem rewards; return all ids."""
    capped = {"capPoints": 50, "capPeriod": "MONTH"}
    program = await save(
        world,
        earningRules=[
            rule(),
            rule(name="Capped", **capped),
            flat(7, name="Flat", **capped),
            flat(5, name="Word", event="FEEDBACK", **capped),
            flat(6, name="Quiz", event="CUSTOM_EVENT", eventName="quiz", **capped),
            flat(9, name="Friend", event="REFERRAL", **capped),
        ],
        referral={"referrerPoints": 100, "refereePoints": 40},
    )
    ids = {one["name"]: one["id"] for one in program["earningRules"]}
    ann = await world.customer()
    bob = await invited(world, ann)
    three = {"lines": [line(1, "3", "10.00")], "total": "30.00"}
    brought = (await buy(world, bob, "b-1", 30, **three))["id"]
    await world.give_back(brought, {1: "1"}, id="br-1")
    await buy(world, bob, "b-2", 40)
    await say(world, ann)
    await track(world, ann, event("q-1"), event("q-2"))
    own = (await buy(world, ann, "a-1", 30, **three))["id"]
    await world.give_back(own, {1: "2"}, id="ar-1")
    await cancel(world, (await buy(world, ann, "a-2", 20))["id"], "c-1")
    left = (await world.sell(**whole(9), id="left", occurredAt=world.clock().isoformat()))["purchase"]["id"]
    await claim(world, left, ann)
    await adjust(world, ann, 1000)
    world.clock.advance(minutes=1)
    one, two = await rewards(world, amount_off(100, "1.00", stock=3), amount_off(50, "2.00"))
    codes = [await given(world, ann, two) for _ in range(2)]
    sale = paid(world, 10, off="3.00", customer=ann, rewardIds=[one], codes=codes[:1], id="r-1")
    redeemed = (await world.sell(**{**sale, "id": "r-1"}))["purchase"]["id"]
    gone = paid(world, 10, off="1.00", customer=ann, rewardIds=[one])
    await cancel(world, (await world.sell(**{**gone, "id": "r-2"}))["purchase"]["id"], "c-2")
    used = {thing["_id"]: thing for thing in await world.all("reward_redemptions", {"purchaseId": redeemed})}
    return ids | {
        "ann": ann,
        "bob": bob,
        "account": account_of(ann),
        "bobs": account_of(bob),
        "brought": brought,
        "redeemed": redeemed,
        "two": two,
        "direct": next(id_ for id_, thing in used.items() if "code" not in thing),
        "coded": next(id_ for id_, thing in used.items() if "code" in thing),
    }


async def test_caps_rewards_and_referrals_of_a_mixed_history_hold(world: World) -> None:
    ids = await history(world)
    used = {one["_id"].removeprefix(f"{ids['ann']}:"): one["used"] for one in await world.all("cap_counters")}
    # Friend: floor(9 x 10 / 30) = 3 of 9 went back with Bob's first sale.
    told = {name: used[f"{ids[name]}:2026-11"] for name in ("Word", "Quiz", "Friend")}
    assert told == {"Word": "5", "Quiz": "12", "Friend": "6"}
    await clean(world)


CHANGES: list[tuple[str, str, dict[str, Any], dict[str, Any], Told]] = [
    (
        "a counter of sales",
        "cap_counters",
        {"_id": "{ann}:{Capped}:2026-11"},
        {"$set": {"used": "1"}},
        {("account", "caps.{Capped}:2026-11")},
    ),
    (
        "a counter of flat points",
        "cap_counters",
        {"_id": "{bob}:{Flat}:2026-11"},
        {"$set": {"used": "50"}},
        {("bobs", "caps.{Flat}:2026-11")},
    ),
    (
        "a counter of engagement",
        "cap_counters",
        {"_id": "{ann}:{Word}:2026-11"},
        {"$set": {"used": "0"}},
        {("account", "caps.{Word}:2026-11")},
    ),
    (
        "whose counter",
        "cap_counters",
        {"_id": "{ann}:{Friend}:2026-11"},
        {"$set": {"owner": "cus_nobody"}},
        {("account", "caps.{Friend}:2026-11"), ("{ann}:{Friend}:2026-11", "owner")},
    ),
    (
        "a counter of a rule that gave nothing",
        "cap_counters",
        {"_id": "{ann}:rul_none:2026-11"},
        {"$set": {"owner": "{ann}", "used": "3"}},
        {("account", "caps.rul_none:2026-11")},
    ),
    (
        "under which rule an entry counts",
        "points_transactions",
        {"cap.ruleId": "Quiz"},
        {"$unset": {"cap": ""}},
        {("account", "caps.{Quiz}:2026-11")},
    ),
    (
        "a reward given back that is used",
        "reward_redemptions",
        {"_id": "direct"},
        {"$set": {"status": "GIVEN_BACK", "purchaseId": None}},
        {("redeemed", "rewards.{direct}.used")},
    ),
    (
        "a code that can be used again",
        "reward_redemptions",
        {"_id": "coded"},
        {"$set": {"status": "REDEEMED", "purchaseId": None}},
        {("redeemed", "rewards.{coded}.used")},
    ),
    (
        "a reward used by another sale",
        "reward_redemptions",
        {"_id": "direct"},
        {"$set": {"purchaseId": "brought"}},
        {("redeemed", "rewards.{direct}.used"), ("account", "redemptions.{direct}.used")},
    ),
    (
        "a code never used that is",
        "reward_redemptions",
        {"status": "REDEEMED"},
        {"$set": {"status": "USED", "purchaseId": "redeemed"}},
        {("account", "redemptions.{unused}.used")},
    ),
    (
        "what a code cost",
        "reward_redemptions",
        {"_id": "coded"},
        {"$inc": {"points": -1}},
        {("account", "redemptions.{two}.points")},
    ),
    (
        "whose reward",
        "reward_redemptions",
        {"_id": "direct"},
        {"$set": {"owner": "bob"}},
        {("redeemed", "rewards.{direct}.owner")},
    ),
    (
        "a referral that was rewarded",
        "referrals",
        {"_id": "bob"},
        {"$set": {"status": "PENDING"}},
        {("bobs", "referrer"), ("bobs", "referral.purchases")},
    ),
    (
        "by which sale a referral was rewarded",
        "referrals",
        {"_id": "bob"},
        {"$set": {"purchaseId": "redeemed"}},
        {("bobs", "referral.purchaseId"), ("bobs", "referral.purchases"), ("account", "referralsRewarded")},
    ),
    (
        "who referred",
        "referrals",
        {"_id": "bob"},
        {"$set": {"referrer": "bob"}},
        {("account", "referralsRewarded"), ("account", "referrals.{brought}")},
    ),
    (
        "a referral that may be rewarded again",
        "loyalty_accounts",
        {"_id": "bobs"},
        {"$set": {"referrer": "ann"}},
        {("bobs", "referrer")},
    ),
    (
        "how many were rewarded",
        "loyalty_accounts",
        {"_id": "account"},
        {"$inc": {"referralsRewarded": 1}},
        {("account", "referralsRewarded")},
    ),
    (
        "what a referrer was given",
        "purchases",
        {"_id": "brought"},
        {"$inc": {"referral.bonuses.0.points": 1}},
        {("account", "referrals.{brought}")},
    ),
    (
        "points of a referral that name another sale",
        "points_transactions",
        {"type": "BONUS", "source.kind": "REFERRAL", "points": 100},
        {"$set": {"source.nodeId": "pur_other"}},
        {("account", "referrals.{brought}"), ("account", "referrals.pur_other")},
    ),
    (
        "a second sale that was rewarded",
        "purchases",
        {"externalId.value": "b-2"},
        {"$set": {"referral": {"referrer": "ann", "bonuses": [], "takenBack": 0}}},
        {("bobs", "referral.purchases")},
    ),
]


@pytest.mark.parametrize(
    ("collection", "which", "change", "told"), [case[1:] for case in CHANGES], ids=[case[0] for case in CHANGES]
)
async def test_a_count_changed_by_hand_is_found(
    world: World, collection: str, which: dict[str, Any], change: dict[str, Any], told: Told
) -> None:
    ids = await history(world)
    (unused,) = await world.all("reward_redemptions", {"status": "REDEEMED"})
    ids["unused"] = unused["_id"]

    def named(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: named(one) for name, one in value.items()}
        return ids.get(value, value.format(**ids)) if isinstance(value, str) else value

    collection_ = world.database[collection]
    result = await collection_.update_one(named(which), named(change), upsert="rul_none" in str(which))
    assert result.modified_count or result.upserted_id

    computed = {(ids.get(subject, subject.format(**ids)), what.format(**ids)) for subject, what in told}
    assert computed <= await found(world)
