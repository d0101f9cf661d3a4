"""Whatever is changed or deleted by hand, the check names the object and the value."""

from typing import Any

import pytest

from store import purchases
from tests.services.corruptions import CORRUPTIONS
from tests.services.histories import checked, found, mixed, simple
from tests.support import World


@pytest.mark.parametrize(
    ("collection", "which", "change", "told"), [case[1:] for case in CORRUPTIONS], ids=[case[0] for case in CORRUPTIONS]
)
async def test_what_was_changed_by_hand_is_found(
    world: World, collection: str, which: dict[str, Any], change: dict[str, Any], told: set[tuple[str, str]]
) -> None:
    ids = await simple(world)
    ids["entry"] = (await world.all("points_transactions", {"sequence": 3}))[0]["_id"]
    named = {
        field: ids.get(value, str(value).format(**ids)) if isinstance(value, str) else value
        for field, value in which.items()
    }
    result = await world.database[collection].update_one(named, change, bypass_document_validation=True)
    assert result.modified_count == 1

    assert {(ids.get(subject, subject.format(**ids)), what.format(**ids)) for subject, what in told} <= await found(
        world
    )


async def test_metrics_are_counted_as_the_store_counts_them(world: World) -> None:
    ann = await mixed(world)
    await world.database["customers"].update_one({"_id": ann}, {"$set": {"metrics": {"channels": []}}})

    report = await checked(world)

    counted = await purchases.metrics(world.database, ann)
    assert {difference.what: difference.computed for difference in report.differences} == {
        f"metrics.{name}": value for name, value in counted.items()
    }


@pytest.mark.parametrize(
    ("collection", "which", "told"),
    [
        (
            "loyalty_accounts",
            "account",
            {("ann", "account"), ("first", "owner"), ("second", "owner"), ("lot", "owner")},
        ),
        ("customers", "ann", {("account", "customerId"), ("ann", "keys.email.ref"), ("ann", "keys.ext.ref")}),
        ("points_lots", "lot", {("account", "lots.{lot}"), ("account", "available"), ("second", "lotIds")}),
        ("purchases", "second", {("account", "purchases.{second}"), ("ann", "metrics.purchaseCount")}),
        ("purchases", "alone", {("alone", "keys.pur.ref"), ("alone", "keys.id.ref")}),
        ("keys", "id:{second}", {("second", "keys.id.ref"), ("second", "keys.id.owner")}),
        ("keys", "pur:till-7:s-3", {("alone", "keys.pur.ref")}),
        ("keys", "ret:till-7:r-1", {("first", "keys.ret.ref")}),
        ("keys", "email:ann@example.com", {("ann", "keys.email.ref")}),
    ],
)
async def test_what_was_deleted_by_hand_is_missed(
    world: World, collection: str, which: str, told: set[tuple[str, str]]
) -> None:
    ids = await simple(world)
    deleted = await world.database[collection].delete_one({"_id": ids.get(which, which.format(**ids))})
    assert deleted.deleted_count == 1

    assert {(ids[subject], what.format(**ids)) for subject, what in told} <= await found(world)
