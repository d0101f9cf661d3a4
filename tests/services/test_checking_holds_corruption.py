"""Holds, pending points, spent points and bonuses changed or deleted by hand: whatever differs is named."""

from datetime import timedelta
from typing import Any

import pytest

from tests.services.eventful import reserved
from tests.services.histories import found
from tests.support import NOW, World

ONE_MINUTE = timedelta(minutes=1)


Told = set[tuple[str, str]]
HELD: Told = {("account", "lots.{lot}.held"), ("account", "available"), ("account", "nextExpiry")}
NO_LONGER: Told = {("account", "lots.{lot}.held"), ("account", "held"), ("account", "dueAt")}
CORRUPTIONS: dict[str, tuple[str, str, dict[str, Any], Told]] = {
    "more held of a lot": ("points_lots", "lot", {"$inc": {"held": 1}}, HELD),
    "less held of a lot": ("points_lots", "lot", {"$inc": {"held": -1}}, HELD),
    "more held of a lot than is left": ("points_lots", "lot", {"$set": {"held": 600}}, HELD),
    "a lot that became pending": (
        "points_lots",
        "lot",
        {"$set": {"pending": True}},
        {
            ("account", "available"),
            ("account", "pending"),
            ("account", "dueAt"),
            ("account", "lots.{lot}.held"),
        },
    ),
    "a lot that is active too soon": (
        "points_lots",
        "waiting",
        {"$set": {"pending": False}},
        {("account", "available"), ("account", "pending")},
    ),
    "a lot that slides": (
        "points_lots",
        "lot",
        {"$set": {"slidingMonths": 1}},
        {("account", "nextExpiry"), ("account", "sliding")},
    ),
    "a lot that never ends": ("points_lots", "lot", {"$set": {"expiresAt": None}}, {("account", "nextExpiry")}),
    "a hold's points": (
        "points_holds",
        "hold",
        {"$inc": {"points": 1}},
        {("account", "held"), ("account", "holds.{hold}.points")},
    ),
    "a hold's parts": (
        "points_holds",
        "hold",
        {"$inc": {"parts.0.points": 1}},
        {("account", "lots.{lot}.held"), ("account", "holds.{hold}.points")},
    ),
    "a hold of a lot that is not there": (
        "points_holds",
        "hold",
        {"$set": {"parts.0.id": "lot_x"}},
        {("account", "lots.{lot}.held"), ("account", "lots.lot_x")},
    ),
    "a hold that was ended": ("points_holds", "hold", {"$set": {"status": "RELEASED"}}, NO_LONGER),
    "a hold that was captured and holds again": (
        "points_holds",
        "captured",
        {"$set": {"status": "ACTIVE"}},
        {*NO_LONGER, ("account", "holds.{captured}.status")},
    ),
    "whose hold": ("points_holds", "hold", {"$set": {"owner": "cus_x"}}, NO_LONGER),
    "a hold's end": (
        "points_holds",
        "hold",
        {"$set": {"expiresAt": NOW + ONE_MINUTE}},
        {("account", "dueAt")},
    ),
    "pending": (
        "loyalty_accounts",
        "account",
        {"$inc": {"pending": 1}},
        {("account", "pending"), ("account", "balance")},
    ),
    "held": ("loyalty_accounts", "account", {"$inc": {"held": 1}}, {("account", "held"), ("account", "balance")}),
    "held instead of available": (
        "loyalty_accounts",
        "account",
        {"$inc": {"held": 1, "available": -1}},
        {("account", "held"), ("account", "available")},
    ),
    "the last activity": (
        "loyalty_accounts",
        "account",
        {"$set": {"activityAt": NOW - ONE_MINUTE}},
        {("account", "activityAt")},
    ),
    "when it is due": ("loyalty_accounts", "account", {"$set": {"dueAt": NOW + ONE_MINUTE}}, {("account", "dueAt")}),
    "where spent points came from": (
        "purchases",
        "paid",
        {"$inc": {"spent.0.points": 1}},
        {("paid", "pointsSpent.parts"), ("paid", "spent")},
    ),
    "where spent points went back": (
        "purchases",
        "paid",
        {"$inc": {"spent.0.returned": 1}},
        {("paid", "pointsGivenBack.parts")},
    ),
    "points spent": (
        "purchases",
        "paid",
        {"$inc": {"pointsSpent": 1}},
        {("paid", "pointsSpent"), ("paid", "pointsSpent.parts")},
    ),
    "points given back": (
        "purchases",
        "paid",
        {"$inc": {"pointsGivenBack": 1}},
        {("paid", f"pointsGivenBack{what}") for what in ("", ".parts", ".inLedger", ".byRule")},
    ),
    "what one return gave back": (
        "purchases",
        "paid",
        {"$inc": {"returns.0.pointsGivenBack": 1}},
        {("paid", "pointsGivenBack")},
    ),
    "money that counts towards a tier": (
        "purchases",
        "paid",
        {"$inc": {"qualifyingSpend": 1}},
        {("paid", "qualifyingSpend")},
    ),
    "what a bonus was": (
        "purchases",
        "plain",
        {"$inc": {"bonuses.0.points": 1}},
        {("plain", "qualifying"), ("plain", "bonuses")},
    ),
    "what a bonus follows a return by": (
        "purchases",
        "paid",
        {"$inc": {"bonuses.0.of": 40}},
        {("paid", "pointsTakenBack.byRule")},
    ),
    "no bonuses": (
        "purchases",
        "paid",
        {"$unset": {"bonuses": ""}},
        {("paid", "pointsTakenBack.byRule"), ("paid", "bonuses")},
    ),
    "what a capped rule had left": (
        "purchases",
        "paid",
        {"$set": {"capped.0.room": "1"}},
        {("paid", "pointsTakenBack.byRule"), ("paid", "qualifying")},
    ),
    "whose referral code": (
        "keys",
        "code",
        {"$set": {"ref": "cus_x"}},
        {("ann", "keys.ref.ref"), ("cus_x", "keys.ref.ref")},
    ),
    "the owner of a referral code": ("keys", "code", {"$set": {"owner": "cus_x"}}, {("ann", "keys.ref.owner")}),
    "a referral code that no key leads to": (
        "customers",
        "ann",
        {"$set": {"referralCode": "X"}},
        {("ann", "keys.ref.ref"), ("ann", "keys.ref.owner")},
    ),
    "no referral code": ("customers", "ann", {"$unset": {"referralCode": ""}}, {("ann", "keys.ref.ref")}),
    "what a bonus was, in a sale returned in part": (
        "purchases",
        "paid",
        {"$inc": {"bonuses.0.points": 1}},
        {("paid", "bonuses")},
    ),
    "the lot spent points came from": (
        "purchases",
        "paid",
        {"$set": {"spent.0.lotId": "lot_x"}},
        {("paid", "spent")},
    ),
    "what was captured of a hold": (
        "points_holds",
        "captured",
        {"$inc": {"captured": 1}},
        {("account", "holds.{captured}.captured")},
    ),
    "what became of an ended hold": (
        "points_holds",
        "captured",
        {"$set": {"status": "RELEASED"}},
        {("account", "holds.{captured}.status")},
    ),
    "whether the account slides": (
        "loyalty_accounts",
        "account",
        {"$set": {"sliding": True}},
        {("account", "sliding")},
    ),
}


FOLLOWING = ("caps.", "recent")
"""What an account has of its sales: a sale whose terms were changed no longer agrees with it."""


async def corrupt(world: World, collection: str, which: str, change: dict[str, Any]) -> tuple[dict[str, str], Told]:
    """Change one document and return the ids of everything, and what a check then finds."""
    ids = await reserved(world)
    assert await found(world) == set()
    result = await world.database[collection].update_one({"_id": ids[which]}, change, bypass_document_validation=True)
    assert result.modified_count == 1
    return ids, await found(world)


def named(told: Told, ids: dict[str, str]) -> Told:
    return {(ids.get(subject, subject), what.format(**ids)) for subject, what in told}


@pytest.mark.parametrize("name", CORRUPTIONS)
async def test_what_was_changed_by_hand_is_told_and_nothing_else(world: World, name: str) -> None:
    collection, which, change, told = CORRUPTIONS[name]

    ids, differences = await corrupt(world, collection, which, change)

    follows = {one for one in differences if collection == "purchases" and one[1].startswith(FOLLOWING)}
    assert differences - follows == named(told, ids)


DELETIONS: dict[str, tuple[str, str, Told]] = {
    "an entry": (
        "points_transactions",
        "spend",
        {
            ("account", "entries.2.sequence"),
            ("account", "entries.2.balanceAfter"),
            ("account", "sequence"),
            ("account", "balance"),
            ("account", "lots.{lot}.remaining"),
            ("paid", "pointsSpent"),
            ("paid", "spent"),
        },
    ),
    "a hold": ("points_holds", "hold", NO_LONGER),
    "a lot": ("points_lots", "lot", {("account", "lots.{lot}"), ("account", "available"), ("account", "nextExpiry")}),
    "a pending lot": (
        "points_lots",
        "waiting",
        {
            ("account", "lots.{waiting}"),
            ("account", "pending"),
            ("account", "nextExpiry"),
            ("paid", "lotIds"),
        },
    ),
    "a referral code": ("keys", "code", {("ann", "keys.ref.ref"), ("ann", "keys.ref.owner")}),
}


@pytest.mark.parametrize("name", DELETIONS)
async def test_what_was_deleted_by_hand_is_missed_and_nothing_else(world: World, name: str) -> None:
    collection, which, told = DELETIONS[name]
    ids = await reserved(world)
    deleted = await world.database[collection].delete_one({"_id": ids[which]})
    assert deleted.deleted_count == 1

    assert await found(world) == named(told, ids)
