"""The sales an account keeps: what a sale would read is known already, and is the same as if it had been read."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.tiers import WINDOW, QualifyingSale
from services import recent_sales as recent
from tests.services.helpers import account, cancel, claim
from tests.services.histories import found, simple
from tests.services.program_helpers import at, buy, clean, save
from tests.support import World, whole

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    """Let an account keep three sales."""
    monkeypatch.setattr(recent, "RECENT_MAX", 3)
    return 3


async def test_a_sale_asks_for_no_other_sale(world: World) -> None:
    ann = await world.customer()
    await buy(world, ann, "s-1", 10)
    for number in range(2, 5):
        world.clock.advance(days=200)
        world.commands.sent.clear()
        await buy(world, ann, f"s-{number}", 10)
        asked = [sent for name, sent in world.commands.sent if name == "find" and sent["find"] == "purchases"]
        assert [sent["filter"] for sent in asked if "_id" not in sent["filter"]] == []  # the payload's own is by id
    await clean(world)


async def test_who_buys_every_week_keeps_a_year_and_what_tills_bring_late(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent, "FEW", 5)
    ann = await world.customer()
    for number in range(70):
        world.clock.advance(days=7)
        world.commands.sent.clear()
        late = (world.clock() - timedelta(days=20)).isoformat()
        await buy(world, ann, f"s-{number}", 10, **({"occurredAt": late} if number == 69 else {}))
        asked = [sent for name, sent in world.commands.sent if name == "find" and sent["find"] == "purchases"]
        assert [sent["filter"] for sent in asked if "_id" not in sent["filter"]] == [], number

    kept = (await account(world, ann))["recent"]
    assert 52 <= len(kept["sales"]) / 3 <= 60  # of 70: a year, a month, and the twenty days of the last one
    await clean(world)


@pytest.mark.parametrize(
    "policy",
    [
        {"basis": "POINTS", "window": "ROLLING_365_DAYS"},
        {"basis": "POINTS", "window": "ROLLING_365_DAYS", "graceDays": 30},
        {"basis": "POINTS", "window": "CALENDAR_YEAR"},
        {"window": "SINCE_JOINING", "basis": "SPEND"},
    ],
)
async def test_tiers_are_right_beyond_what_an_account_keeps(world: World, few: int, policy: dict[str, object]) -> None:
    await save(world, tierPolicy=policy)
    ann = await world.customer()
    at(world, "2027-01-01T12:00:00+00:00")
    left = (await world.sell(**whole(700), id="left", occurredAt=world.clock().isoformat()))["purchase"]["id"]
    bought: list[str] = []
    for number, days in enumerate([10, 10, 300, 100, 20, 20, 20, 400, 1, 1, 1, 1]):
        world.clock.advance(days=days)
        bought.append((await buy(world, ann, f"s-{number}", 300))["id"])
        kept = (await account(world, ann))["recent"]
        assert kept is None or len(kept["sales"]) <= 3 * few
        if number == 2:
            await claim(world, left, customer=ann)
        if number == 5:
            await world.give_back(bought[3], {1: "1"})
        if number == 7:
            late = (world.clock() - timedelta(days=90)).isoformat()
            await buy(world, ann, "late", 300, occurredAt=late)
        if number == 10:
            await cancel(world, bought[9])
        await clean(world)


async def test_kept_sales_changed_by_hand_are_found(world: World) -> None:
    ids = await simple(world)
    changed = await world.database["loyalty_accounts"].update_one(
        {"_id": ids["account"]}, {"$pop": {"recent.sales": 1}}
    )
    assert changed.modified_count == 1
    assert (ids["account"], "recent") in await found(world)


@given(
    st.lists(st.tuples(st.integers(0, 90), st.integers(0, 500), st.booleans()), max_size=40),
    st.integers(1, 8),
    st.integers(0, 8),
    st.booleans(),
)
def test_what_an_account_tells_is_what_a_read_would_find(
    steps: list[tuple[int, int, bool]], most: int, few: int, whole_history: bool
) -> None:
    before, (recent.RECENT_MAX, recent.FEW) = (recent.RECENT_MAX, recent.FEW), (most, few)
    try:
        stored: list[QualifyingSale] = []
        account: dict[str, object] = {"recent": {"after": None, "sales": []}}
        now = BEGIN
        for days, late, returned in steps:
            now += timedelta(days=days)
            instant = now - timedelta(days=late)
            since = None if whole_history else instant - WINDOW
            sale = QualifyingSale(at=instant, points=days)
            known = None if returned else recent.recent_sales(account, since)
            if known is not None:
                sales, after = [*known, sale], recent.after_of(account)
            else:
                after = since
                sales = [one for one in (*stored, sale) if since is None or since < one.at]
            stored.append(sale)
            assert sorted(one.at for one in sales if since is None or since < one.at) == sorted(
                one.at for one in stored if since is None or since < one.at
            )
            account = {"recent": recent.recent_document(sales, after, since)}
            if kept := account["recent"]:
                assert isinstance(kept, dict)
                assert kept == recent.all_recent(kept, stored)
                assert len(kept["sales"]) <= 3 * most
    finally:
        recent.RECENT_MAX, recent.FEW = before
