"""Late, old and expired: what the clock does to points, whether or not anybody posted it."""

from datetime import timedelta

import pytest

from resolvers import points
from resolvers.context import Context
from tests.services.helpers import account, ago, instant, ledger_of, nothing_written
from tests.support import NOW, World, whole

LOTS = """query($id: ID!) { customer(by: {id: $id}) { loyalty { lots { earned remaining earnedAt expiresAt }
  transactions { nodes { type points balanceAfter at occurredAt source { kind externalId { value } } } } } } }"""
SOON = "2024-11-21T13:00:00Z"  # its points end one hour after the tests' clock begins


async def loyalty(world: World, customer: str) -> dict[str, list[dict[str, object]]]:
    found = (await world.data(LOTS, {"id": customer}))["customer"]["loyalty"]
    return {"lots": found["lots"], "entries": found["transactions"]["nodes"]}


async def test_points_end_24_months_after_the_sale_in_the_shops_time_zone(world: World) -> None:
    ann = await world.customer()
    await world.sell(customer={"id": ann}, occurredAt="2024-12-31T23:30:00Z")  # 1 January 00:30 in Vienna
    (lot,) = (await loyalty(world, ann))["lots"]
    assert lot == {
        "earned": 10,
        "remaining": 10,
        "earnedAt": "2024-12-31T23:30:00.000Z",
        "expiresAt": "2026-12-31T23:30:00.000Z",
    }
    assert (await world.points(ann))["nextExpiry"] == {"points": 10, "at": "2026-12-31T23:30:00.000Z"}


async def test_a_leap_days_points_end_on_the_last_of_february(world: World) -> None:
    ann = await world.customer()
    world.clock.now = instant("2026-02-01T12:00:00")
    await world.sell(customer={"id": ann}, occurredAt="2024-02-29T12:00:00Z")
    assert (await world.points(ann))["nextExpiry"] == {"points": 10, "at": "2026-02-28T12:00:00.000Z"}


async def test_a_late_sale_takes_effect_now_and_counts_from_when_it_happened(world: World) -> None:
    ann = await world.customer()
    await world.sell(**whole(5), id="s-1", customer={"id": ann})
    await world.sell(**whole(7), id="s-0", customer={"id": ann}, occurredAt="2026-01-10T10:00:00Z")

    entries = (await loyalty(world, ann))["entries"]
    assert [(entry["points"], entry["at"], entry["occurredAt"]) for entry in entries] == [
        (7, "2026-11-21T12:00:00.000Z", "2026-01-10T10:00:00.000Z"),
        (5, "2026-11-21T12:00:00.000Z", "2026-11-21T09:00:00.000Z"),
    ]
    assert (await world.points(ann))["nextExpiry"] == {"points": 7, "at": "2028-01-10T10:00:00.000Z"}


async def test_a_sale_whose_points_are_over_when_it_comes_in_earns_and_expires_at_once(world: World) -> None:
    ann = await world.customer()
    payload = await world.sell(customer={"id": ann}, occurredAt="2024-11-21T12:00:00Z")  # over at this very instant

    assert payload["purchase"]["pointsEarned"] == 10
    assert await ledger_of(world, ann) == [("EARN", 10, 10), ("EXPIRE", -10, 0)]
    balance = await world.points(ann)
    assert (balance["available"], balance["debt"], balance["lifetimeEarned"]) == (0, 0, 10)
    assert balance["nextExpiry"] is None
    assert (await loyalty(world, ann))["lots"] == []


async def test_a_moment_less_and_they_are_still_there(world: World) -> None:
    ann = await world.customer()
    await world.sell(customer={"id": ann}, occurredAt="2024-11-21T12:00:00.001Z")
    assert await ledger_of(world, ann) == [("EARN", 10, 10)]
    assert (await world.points(ann))["available"] == 10


async def test_what_fell_due_shows_though_nobody_posted_it_and_reading_writes_nothing(world: World) -> None:
    ann = await world.customer()
    await world.sell(**whole(10), id="s-0", customer={"id": ann}, occurredAt=SOON)
    await world.sell(**whole(4), id="s-1", customer={"id": ann}, occurredAt="2026-11-01T12:00:00Z")
    async with nothing_written(world):
        world.clock.advance(minutes=59, seconds=59.999)
        assert (await world.points(ann))["available"] == 14
        world.clock.advance(milliseconds=1)
        balance = await world.points(ann)
        lots = (await loyalty(world, ann))["lots"]
    assert (balance["available"], balance["lifetimeEarned"]) == (4, 14)
    assert balance["nextExpiry"] == {"points": 4, "at": "2028-11-01T12:00:00.000Z"}
    assert [lot["remaining"] for lot in lots] == [4]
    assert [entry[0] for entry in await ledger_of(world, ann)] == ["EARN", "EARN"]


async def test_the_next_write_posts_it_first_at_its_due_instant(world: World) -> None:
    ann = await world.customer()
    await world.sell(**whole(10), id="s-0", customer={"id": ann}, occurredAt=SOON)
    world.clock.advance(days=3)
    await world.sell(**whole(7), id="s-1", customer={"id": ann}, occurredAt=ago(world, hours=1))

    assert await ledger_of(world, ann) == [("EARN", 10, 10), ("EXPIRE", -10, 0), ("EARN", 7, 7)]
    entries = (await loyalty(world, ann))["entries"]
    assert [entry["at"] for entry in entries] == [
        "2026-11-24T12:00:00.000Z",
        "2026-11-21T13:00:00.000Z",
        "2026-11-21T12:00:00.000Z",
    ]
    assert entries[1]["source"] == {"kind": "EXPIRY", "externalId": None}
    assert entries[0]["source"] == {"kind": "PURCHASE", "externalId": {"value": "s-1"}}
    assert (await account(world, ann))["dueAt"] == instant("2028-11-24T11:00:00")


@pytest.mark.parametrize("amount", [7, 10])
async def test_an_account_read_before_a_write_that_posted_what_was_due_is_told_as_that_write_left_it(
    world: World, amount: int
) -> None:
    ann = await world.customer()
    await world.sell(**whole(10), id="s-0", customer={"id": ann}, occurredAt=SOON)
    world.clock.advance(hours=2)
    read_before = await account(world, ann)
    await world.sell(**whole(amount), id="s-1", customer={"id": ann}, occurredAt=ago(world))
    told = await points.balance(Context(world.call()), read_before)
    assert (told["available"], told["lifetimeEarned"]) == (amount, 10 + amount)
    assert told["nextExpiry"] == {"points": amount, "at": instant("2028-11-21T14:00:00")}


async def test_another_customers_sale_posts_nothing_of_this_account(world: World) -> None:
    ann, bea = await world.customer(), await world.customer(email="bea@example.com")
    await world.sell(customer={"id": ann}, occurredAt=SOON)
    world.clock.advance(days=1)
    await world.sell(id="s-2", customer={"id": bea})
    assert await ledger_of(world, ann) == [("EARN", 10, 10)]


@pytest.mark.parametrize("behind", [timedelta(0), timedelta(seconds=2)])
async def test_at_never_runs_backwards_though_another_servers_clock_does(world: World, behind: timedelta) -> None:
    ann = await world.customer()
    await world.sell(id="s-1", customer={"id": ann})
    world.clock.now = NOW - behind
    await world.sell(id="s-2", customer={"id": ann})
    assert [entry["at"] for entry in (await loyalty(world, ann))["entries"]] == ["2026-11-21T12:00:00.000Z"] * 2


async def test_an_hour_before_the_end_by_the_calendar_is_the_same_answer_whenever_it_is_asked(world: World) -> None:
    ann = await world.customer()
    await world.sell(customer={"id": ann}, occurredAt=SOON)
    world.clock.advance(days=800)
    assert (await world.points(ann))["available"] == 0
    world.clock.now = NOW
    assert (await world.points(ann))["available"] == 10
