"""What an account's totals were at an instant: the same whenever it is asked and whatever the worker did."""

from datetime import timedelta
from random import Random
from typing import Any

import pytest

from tests.services.helpers import ago, nothing_written
from tests.services.loyalty_helpers import (
    AS_OF,
    adjust,
    amount_off,
    as_of,
    bought,
    buy,
    capture,
    event,
    held,
    hold,
    paid,
    redeem,
    release,
    rich,
    track,
    transfer,
)
from tests.services.program_helpers import clean, save, settle
from tests.support import NOW, POS, World, customer_caller

Told = list[tuple[str, str, dict[str, Any]]]
"""(customer, instant, the balance that was told then)."""


async def tell(world: World, told: Told, *customers: str) -> None:
    """Note what these customers are told now."""
    for customer in customers:
        told.append((customer, world.clock().isoformat(), await world.points(customer)))


async def hold_true(world: World, told: Told) -> None:
    """Hold that every balance is told today as it was then."""
    for customer, instant, balance in told:
        assert await as_of(world, customer, instant) == balance, instant


# ---------------------------------------------------------------- a history of two years with everything in it


PROGRAMMES: list[tuple[int, dict[str, Any]]] = [
    (0, {"overdraftPoints": 150, "rewards": [amount_off(40, "1.00", stock=30)]}),
    (120, {"pending": {"kind": "DAYS", "days": 14}, "expiry": {"kind": "ROLLING", "months": 3}}),
    (270, {"pending": {"kind": "UNTIL_EVENT", "event": "delivered"}, "returns": "FORGIVE"}),
    (400, {"pending": None, "expiry": {"kind": "SLIDING", "months": 2}, "returns": "DEBT"}),
    (550, {"pending": {"kind": "DAYS", "days": 3}, "expiry": {"kind": "END_OF_QUARTER"}}),
    (650, {"pending": None, "expiry": None}),
]


class History:
    """Two customers, and what a seed makes happen to them over two years."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.random = Random(seed)
        self.purchases: list[str] = []
        self.paid: list[str] = []
        self.holds: list[str] = []
        self.done: dict[str, int] = {}
        self.number = 0

    async def begin(self) -> None:
        self.people = [await self.world.customer(), await self.world.customer(email="bob@example.com")]
        saved = await save(self.world, **PROGRAMMES[0][1])
        self.reward: str = saved["rewards"][0]["id"]
        self.programmes = PROGRAMMES[1:]

    async def step(self) -> None:
        """Let time pass and something happen."""
        world, random = self.world, self.random
        world.clock.advance(hours=random.choice((0.2, 5, 40, 160, 500)), milliseconds=random.randrange(1, 5000))
        if self.programmes and world.clock() >= NOW + timedelta(days=self.programmes[0][0]):
            await save(world, **self.programmes.pop(0)[1])
        self.number += 1
        ways = [self.sell, self.sell, self.pay, self.pay, self.back, self.hold, self.end, self.hand, self.move]
        way = random.choice([*ways, self.redeem, self.event])
        payload = await way(random.choice(self.people))
        if payload and not payload["userErrors"]:
            self.done[way.__name__] = self.done.get(way.__name__, 0) + 1

    async def sell(self, who: str, **fields: Any) -> dict[str, Any]:
        late = ago(self.world, days=self.random.choice((0, 0, 0, 1, 20, 100)), seconds=1)
        sent = paid(self.world, self.random.randrange(1, 200), customer=who, id=f"s-{self.number}", occurredAt=late)
        payload = await buy(self.world, {**sent, **fields})
        if payload["purchase"]:
            self.purchases.append(payload["purchase"]["id"])
            self.paid += [payload["purchase"]["id"]] if payload["purchase"]["pointsSpent"] else []
        return payload

    async def pay(self, who: str) -> dict[str, Any]:
        if self.holds and self.random.random() < 0.5:
            return await self.sell(who, holdId=self.holds.pop())
        return await self.sell(who, points=self.random.randrange(1, 200))

    async def back(self, who: str) -> dict[str, Any] | None:
        if not self.purchases:
            return None
        purchase = self.random.choice(self.paid if self.paid and self.random.random() < 0.5 else self.purchases)
        quantity = self.random.choice(("0.25", "0.5", "1"))
        return await self.world.give_back(purchase, {1: quantity}, id=f"r-{self.number}")

    async def hold(self, who: str) -> dict[str, Any]:
        ttl = self.random.choice((60, 3600, 86_400))
        payload = await hold(self.world, who, self.random.randrange(1, 120), ttl=ttl)
        if payload["hold"]:
            self.holds.append(payload["hold"]["id"])
        return payload

    async def end(self, who: str) -> dict[str, Any] | None:
        made = await self.hold(who)
        if not made["hold"]:
            return None
        self.world.clock.advance(seconds=self.random.choice((1, 30, 59, 60)))
        made_id = self.holds.pop()
        if self.random.random() < 0.5:
            return await release(self.world, made_id)
        return await capture(self.world, made_id, self.random.choice((None, 1)))

    async def hand(self, who: str) -> dict[str, Any]:
        return await adjust(self.world, who, self.random.choice((-50, -5, 5, 80)))

    async def move(self, who: str) -> dict[str, Any]:
        (other,) = (person for person in self.people if person != who)
        return await transfer(self.world, who, other, self.random.randrange(1, 80))

    async def redeem(self, who: str) -> dict[str, Any]:
        return await redeem(self.world, who, self.reward)

    async def event(self, who: str) -> dict[str, Any]:
        return await track(self.world, who, event(self.world, "delivered", id=f"e-{self.number}"))


@pytest.mark.parametrize(("worker", "seed"), [("never", 0), ("always", 1), ("sometimes", 3)])
async def test_every_balance_of_two_years_is_told_again_as_it_was(world: World, worker: str, seed: int) -> None:
    history, told = History(world, seed), Told()
    await history.begin()
    while world.clock() < NOW + timedelta(days=730):
        await history.step()
        if worker == "always" or (worker == "sometimes" and history.random.random() < 0.2):
            await settle(world)
        await tell(world, told, *history.people)
        if history.random.random() < 0.4:  # and at instants at which nobody wrote anything
            world.clock.advance(hours=history.random.choice((0.01, 1, 70)))
            await tell(world, told, *history.people)
    assert len(told) > 200
    assert {"sell", "pay", "back", "hold", "end", "hand", "move", "redeem"} <= set(history.done)
    kinds = {entry["type"] for entry in await world.all("points_transactions")}
    assert kinds >= {
        "EARN", "SPEND", "RETURN_EARNED", "RETURN_SPENT", "EXPIRE", "ADJUST", "TRANSFER_IN", "TRANSFER_OUT",
    }  # fmt: skip

    async with nothing_written(world):
        await hold_true(world, told)
    await settle(world)
    await clean(world)
    await hold_true(world, told)
    world.clock.advance(days=800)
    await settle(world)
    await clean(world)
    await hold_true(world, told[::7])


# ---------------------------------------------------------------- instants that are easily got wrong


@pytest.mark.parametrize("worked", [False, True])
async def test_a_lot_is_gone_from_its_end_on(world: World, worked: bool) -> None:
    ann = await world.customer()
    await bought(world, paid(world, 10, customer=ann, occurredAt="2024-11-21T13:00:00Z"))
    world.clock.advance(days=3)
    if worked:
        await settle(world)
    before = await as_of(world, ann, "2026-11-21T12:59:59.999Z")
    after = await as_of(world, ann, "2026-11-21T13:00:00Z")
    assert (before["available"], before["nextExpiry"]) == (10, {"points": 10, "at": "2026-11-21T13:00:00.000Z"})
    assert (after["available"], after["nextExpiry"], after["lifetimeEarned"]) == (0, None, 10)


@pytest.mark.parametrize("worked", [False, True])
async def test_a_late_sale_counts_from_when_it_was_recorded(world: World, worked: bool) -> None:
    ann = await world.customer()
    await bought(world, paid(world, 10, customer=ann, occurredAt=ago(world, days=30)))
    world.clock.advance(days=1)
    if worked:
        await settle(world)
    assert (await as_of(world, ann, "2026-11-21T11:59:59.999Z"))["available"] == 0
    assert (await as_of(world, ann, "2026-11-21T12:00:00Z"))["available"] == 10


@pytest.mark.parametrize("worked", [False, True])
@pytest.mark.parametrize("end", ["captured", "released", "timed out", "captured late"])
async def test_a_hold_reserved_from_when_it_was_made_until_it_ended(world: World, worked: bool, end: str) -> None:
    ann = await rich(world, 100)
    world.clock.advance(seconds=10)
    made = await held(world, ann, 30, ttl=60)
    world.clock.advance(seconds=10)
    if end == "captured":
        await capture(world, made, 20)
    elif end == "released":
        await release(world, made)
    world.clock.advance(hours=1)
    if worked:
        await settle(world)
    if end == "captured late":
        sent = paid(world, 1, off="1", customer=ann, holdId=made, points=20, occurredAt="2026-11-21T12:00:30Z")
        await bought(world, sent)
    ended = {"captured": "12:00:20", "released": "12:00:20"}.get(end, "12:01:10")
    told = [
        ((balance := await as_of(world, ann, f"2026-11-21T{at}Z"))["available"], balance["held"])
        for at in ("12:00:09.999", "12:00:10", "12:00:19.999", ended, "12:59:59", "13:00:20")
    ]
    rest = (80, 0) if end == "captured" else (100, 0)
    assert told[:3] == [(100, 0), (70, 30), (70, 30)]
    assert told[3:5] == [rest, rest]
    assert told[5] == ((80, 0) if end.startswith("captured") else (100, 0))


@pytest.mark.parametrize("worked", [False, True])
async def test_pending_points_were_pending_until_their_instant(world: World, worked: bool) -> None:
    await save(world, pending={"kind": "DAYS", "days": 14})
    ann = await world.customer()
    await bought(world, paid(world, 10, customer=ann))
    world.clock.advance(days=20)
    if worked:
        await settle(world)
    before = await as_of(world, ann, "2026-12-05T11:59:59.999Z")
    after = await as_of(world, ann, "2026-12-05T12:00:00Z")
    assert (before["available"], before["pending"]) == (0, 10)
    assert (after["available"], after["pending"]) == (10, 0)


@pytest.mark.parametrize("fields", [{"points": 30}, {}], ids=["paid with points", "alone"])
async def test_a_late_sale_whose_points_are_over_at_once_puts_sliding_ends_off_too(
    world: World, fields: dict[str, Any]
) -> None:
    await save(world, expiry={"kind": "ROLLING", "months": 1})
    ann = await world.customer()
    world.clock.advance(days=60)
    await save(world, expiry={"kind": "SLIDING", "months": 2})
    await bought(world, paid(world, 100, customer=ann, id="s-1"))
    assert (await world.points(ann))["nextExpiry"] == {"points": 100, "at": "2027-03-20T12:00:00.000Z"}
    world.clock.advance(days=10)
    await bought(world, paid(world, 10, customer=ann, id="s-2", occurredAt=ago(world, days=65), **fields))
    told = await world.points(ann)
    assert told["nextExpiry"] == {"points": 100 - fields.get("points", 0), "at": "2027-03-30T11:00:00.000Z"}
    assert await as_of(world, ann, world.clock().isoformat()) == told
    world.clock.advance(days=52)  # the end before it was put off
    assert (await world.points(ann))["available"] == 100 - fields.get("points", 0)
    await settle(world)
    await clean(world)


async def test_before_anything_happened_there_was_nothing(world: World) -> None:
    ann = await rich(world, 100)
    nothing = {
        "available": 0,
        "pending": 0,
        "held": 0,
        "debt": 0,
        "lifetimeEarned": 0,
        "nextExpiry": None,
    }
    for at in ("2026-11-21T11:59:59.999Z", "1970-01-01T00:00:00Z", "1900-01-01T00:00:00Z"):
        assert await as_of(world, ann, at) == nothing
    assert await as_of(world, ann, world.clock().isoformat()) == await world.points(ann)


# ---------------------------------------------------------------- what cannot be asked


async def test_the_future_is_invalid(world: World) -> None:
    ann = await rich(world, 100)
    body = await world.answer(AS_OF, {"id": ann, "at": "2026-11-21T12:00:00.001Z"})
    (error,) = body["errors"]
    assert (error["extensions"]["code"], error["extensions"]["field"]) == ("INVALID", ["at"])
    assert (await as_of(world, ann, "2026-11-21T13:00:00+01:00"))["available"] == 100


@pytest.mark.parametrize("at", ["2026-11-21", "2026-11-21T12:00:00", "yesterday", "", "1899-12-31T00:00:00Z"])
async def test_what_is_no_instant_is_invalid(world: World, at: str) -> None:
    ann = await rich(world, 100)
    body = await world.answer(AS_OF, {"id": ann, "at": at})
    assert [error["extensions"]["code"] for error in body["errors"]] == ["INVALID"]
    assert [error["extensions"]["field"] for error in body["errors"]] == [["at"]]


async def test_a_customer_asks_about_the_own_account_alone(world: World) -> None:
    ann, bob = await rich(world, 100), await rich(world, 200, email="bob@example.com")
    at = world.clock().isoformat()
    own = "query($at: DateTime!) { me { loyalty { id balanceAsOf(at: $at) { available } } } }"
    me = (await world.data(own, {"at": at}, caller=customer_caller(ann)))["me"]
    assert me["loyalty"]["balanceAsOf"] == {"available": 100}
    assert (await world.data(AS_OF, {"id": bob, "at": at}, caller=customer_caller(ann)))["customer"] is None
    node = (
        "query($id: ID!, $at: DateTime!) { node(id: $id) { ... on LoyaltyAccount { balanceAsOf(at: $at) { held } } } }"
    )
    theirs = await world.data("query($id: ID!) { customer(by: {id: $id}) { loyalty { id } } }", {"id": bob})
    account = theirs["customer"]["loyalty"]["id"]
    assert (await world.data(node, {"id": account, "at": at}))["node"] == {"balanceAsOf": {"held": 0}}
    assert (await world.data(node, {"id": account, "at": at}, caller=customer_caller(ann)))["node"] is None
    till = await world.data(AS_OF, {"id": bob, "at": at}, caller=POS)
    assert till["customer"]["loyalty"]["balanceAsOf"]["available"] == 200


async def test_many_instants_are_asked_in_one_query(world: World) -> None:
    ann = await rich(world, 100)
    for _ in range(3):
        world.clock.advance(hours=1)
        await adjust(world, ann, -10)
    asked = " ".join(
        f'h{hour}: balanceAsOf(at: "{(NOW + timedelta(hours=hour)).isoformat()}") {{ available }}' for hour in range(4)
    )
    found = await world.data(
        f"query($id: ID!) {{ customer(by: {{id: $id}}) {{ loyalty {{ {asked} }} }} }}", {"id": ann}
    )
    assert [found["customer"]["loyalty"][f"h{hour}"]["available"] for hour in range(4)] == [100, 90, 80, 70]
