"""A history of everything that the ledger can post, step by step, and a customer with something of each kind."""

from collections.abc import AsyncIterator, Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any

from crm.ids import account_of, referral_code
from tests.services.histories import TWO_LINES, cancel, claim
from tests.services.loyalty_helpers import adjust, bought, capture, event, held, redeem, release, track, transfer
from tests.services.program_helpers import birthdays, save, say, settle, update
from tests.support import World, sale

EVENTFUL: dict[str, Any] = {
    "earningRules": [
        {"name": "Base", "event": "PURCHASE", "pointsPerUnit": "1"},
        {"name": "Tea", "event": "PURCHASE", "pointsPerUnit": "2", "skus": ["TEA"], "capPoints": 60}
        | {"capPeriod": "MONTH"},
        {"name": "Mug", "event": "PURCHASE", "points": 9, "skus": ["MUG"], "capPoints": 100, "capPeriod": "YEAR"},
        {"name": "Welcome", "event": "FIRST_PURCHASE", "points": 25},
        {"name": "Voice", "event": "FEEDBACK", "points": 10, "capPoints": 15, "capPeriod": "DAY"},
        {"name": "Birthday", "event": "BIRTHDAY", "points": 50},
        {"name": "Profile", "event": "PROFILE_COMPLETED", "points": 7},
        {"name": "Friend", "event": "REFERRAL", "points": 5, "capPoints": 100, "capPeriod": "EVER"},
        {"name": "Quiz", "event": "CUSTOM_EVENT", "eventName": "quiz", "points": 20, "capPoints": 30}
        | {"capPeriod": "MONTH"},
    ],
    "rewards": [
        {"title": "5 off", "points": 100, "kind": "AMOUNT_OFF", "value": "5.00", "stock": 5},
        {"title": "A mug", "points": 30, "kind": "PRODUCT", "productSku": "MUG", "perCustomerLimit": 2},
    ],
    "pending": {"kind": "DAYS", "days": 3},
    "expiry": {"kind": "ROLLING", "months": 6},
    "overdraftPoints": 50,
    "referral": {"referrerPoints": 30, "refereePoints": 20, "minimumSpend": "40.00"},
}


def _in_two(world: World, tea: int, mug: int, *, off: str = "0", **fields: Any) -> dict[str, Any]:
    """Return a sale now of two lines, `off` taken off the whole by points or rewards."""
    line = {"quantity": "4"}
    lines = [
        {**line, "lineNumber": 1, "sku": "TEA", "title": "Tea", "unitPrice": f"{tea}.00"},
        {**line, "lineNumber": 2, "sku": "MUG", "title": "Mug", "unitPrice": f"{mug}.00"},
    ]
    total = f"{4 * (tea + mug) - float(off):.2f}"
    return sale(
        **{"lines": lines, "discountTotal": off, "total": total, "occurredAt": world.clock().isoformat(), **fields}
    )


async def _sold(world: World, id: str, customer: str, tea: int, mug: int, **fields: Any) -> str:
    return str((await bought(world, _in_two(world, tea, mug, id=id, customer={"id": customer}, **fields)))["id"])


async def _back(world: World, purchase: str, id: str, lines: dict[int, str]) -> None:
    taken = await world.give_back(purchase, lines, id=id)
    assert taken["userErrors"] == []


async def _fine(payload: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    done = await payload
    assert done["userErrors"] == []
    return done


async def eventful(world: World) -> AsyncIterator[str]:
    """Live through everything that the ledger can post, and say after each step what it was."""
    ann = await world.customer(firstName="Ann", lastName="A", phone="+43 660 1", birthDate="1990-11-23")
    cas = await world.customer(email="cas@example.com", birthDate="1990-02-28")
    await world.sell(**TWO_LINES, id="e-0")  # a product is known once it was sold
    reward, mug = [one["id"] for one in (await save(world, **EVENTFUL))["rewards"]]
    await birthdays(world)
    yield "a programme"
    whole_ = await _sold(world, "e-1", ann, 10, 5)
    yield "pending points, capped, with the bonuses of a first purchase"
    await _back(world, whole_, "b-1", {1: "1"})
    yield "a return of pending points"
    await update(world, ann, firstName="Anna", phone="+43 660 1234567")
    yield "a complete profile"
    async for step in _holding(world, ann):
        yield step
    async for step in _paying(world, ann, reward, mug):
        yield step
    async for step in _moving(world, ann, cas):
        yield step
    async for step in _engaging(world, ann, cas, whole_):
        yield step
    async for step in _waiting(world, ann, cas):
        yield step


async def _holding(world: World, ann: str) -> AsyncIterator[str]:
    await _fine(adjust(world, ann, 1000))
    yield "points by hand"
    first, second = await held(world, ann, 200), await held(world, ann, 60, ttl=7200)
    yield "two holds"
    await _fine(capture(world, first, 50))
    yield "a part of a hold"
    await _fine(release(world, await held(world, ann, 30)))
    yield "a hold released"
    await held(world, ann, 77, ttl=60)
    world.clock.advance(minutes=5)
    yield "a hold over time, not written down"
    await settle(world)
    yield "a hold over time, written down"
    paid_ = await _sold(world, "e-2", ann, 10, 5, off="6.00", holdId=second, points=45)
    yield "a hold captured by a sale"
    await _back(world, paid_, "b-2", {1: "1.5"})
    yield "a part of what a hold paid for"
    late = await held(world, ann, 120, ttl=600)
    world.clock.advance(hours=5)
    yield "another over time"
    before = (world.clock() - timedelta(hours=4, minutes=55)).isoformat()
    await _sold(world, "e-3", ann, 10, 5, off="1.20", holdId=late, occurredAt=before)
    yield "a hold captured late by a sale of before"


async def _paying(world: World, ann: str, reward: str, mug: str) -> AsyncIterator[str]:
    paid_ = await _sold(world, "p-1", ann, 7, 3, off="2.00", points=101)
    yield "points spent in a sale"
    for number, lines in enumerate(({1: "1"}, {2: "1.3"}, {1: "3", 2: "0.7"})):
        await _back(world, paid_, f"pb-{number}", lines)
        yield "and given back in part"
    await cancel(world, paid_, "pc-1")
    yield "and the rest cancelled"
    given = await _sold(world, "p-2", ann, 7, 3, off="5.00", rewardIds=[reward, mug])
    yield "rewards in a sale"
    await _back(world, given, "pb-4", {1: "2"})
    yield "a part of it back"
    await _back(world, given, "pb-5", {1: "2", 2: "4"})
    yield "all of it back"
    code = (await _fine(redeem(world, ann, reward)))["code"]
    yield "a reward's code"
    used = await _sold(world, "p-3", ann, 7, 3, off="5.00", codes=[code])
    yield "the code used"
    await cancel(world, used, "pc-2")
    yield "and the sale cancelled"
    available = (await world.points(ann))["available"]
    deep = await _sold(world, "p-4", ann, 7, 3, off="5.00", points=available + 50)
    yield "points overdrawn"
    world.clock.advance(days=4)
    yield "pending points due, and debt to pay"
    await settle(world)
    yield "and written down"
    await _back(world, deep, "pb-6", {2: "3"})
    yield "and given back in part"
    await _fine(adjust(world, ann, -(await world.points(ann))["available"]))
    await _sold(world, "p-5", ann, 7, 3, off="1.00", points=50)
    yield "overdrawn with nothing left"
    await cancel(world, deep, "pc-3")
    yield "and given back beyond the debt, the overdrawn points last"


async def _moving(world: World, ann: str, cas: str) -> AsyncIterator[str]:
    await _fine(adjust(world, ann, 300))
    await _fine(adjust(world, ann, -35))
    yield "points taken by hand"
    await _fine(transfer(world, ann, cas, 111))
    yield "a transfer"
    ben = await world.customer(email="ben@example.com", referralCode=referral_code(ann))
    yield "somebody referred"
    small = await _sold(world, "m-1", ben, 5, 3)
    yield "below the minimum of a referral"
    await _back(world, small, "mb-1", {1: "4", 2: "4"})
    due = await _sold(world, "m-2", ben, 7, 4)
    yield "a referral rewarded"
    await _back(world, due, "mb-2", {1: "2"})
    yield "and its sale returned in part"
    world.clock.advance(days=4)
    await _fine(adjust(world, ann, -(await world.points(ann))["available"]))
    await cancel(world, due, "mc-2")
    yield "and cancelled, when the points were spent"


async def _engaging(world: World, ann: str, cas: str, whole_: str) -> AsyncIterator[str]:
    for _ in range(3):
        await say(world, ann)
    yield "feedback up to its cap"
    await _fine(track(world, ann, *(event(world, "quiz", id=f"q-{number}") for number in range(3))))
    yield "events up to their cap"
    await birthdays(world)
    yield "a birthday"
    left = (await bought(world, _in_two(world, 9, 2, id="g-1")))["id"]
    await _back(world, left, "gb-1", {1: "1"})
    await claim(world, left, cas)
    yield "a claim of what came back in part"
    await _back(world, left, "gb-2", {1: "3"})
    yield "and more of it"
    await held(world, cas, 100, ttl=86_400)
    world.clock.now = datetime(2027, 5, 25, 9, tzinfo=UTC)
    yield "most points over"
    await settle(world)
    await birthdays(world)
    yield "and written down"
    await _back(world, whole_, "b-9", {1: "3", 2: "4"})
    yield "a return after the end of its points"


async def _waiting(world: World, ann: str, cas: str) -> AsyncIterator[str]:
    pending = {"kind": "UNTIL_EVENT", "event": "delivered"}
    await save(world, pending=pending, expiry={"kind": "SLIDING", "months": 2})
    one, two = await _sold(world, "w-1", cas, 9, 2), await _sold(world, "w-2", cas, 8, 2)
    yield "points that wait for an event and slide"
    await _back(world, one, "wb-1", {1: "1"})
    yield "a return of what waits"
    world.clock.advance(days=40)
    known = {"properties": {"purchaseId": two}}
    await _fine(track(world, cas, event(world, "delivered", id="d-1", **known)))
    yield "the event of one of them"
    await held(world, cas, 30, ttl=86_400)
    world.clock.advance(days=40)
    yield "a hold of sliding points over time"
    await _fine(adjust(world, cas, 500))
    await _fine(track(world, cas, event(world, "delivered", id="d-2")))
    yield "the event of all"
    await _back(world, one, "wb-2", {1: "2"})
    await _fine(transfer(world, cas, ann, 20))
    yield "sliding points moved"
    three = await _sold(world, "w-3", cas, 9, 2, off="1.00", points=60)
    await save(world, pending=None, expiry={"kind": "NEVER"}, overdraftPoints=None, returns="FORGIVE")
    await _sold(world, "w-4", cas, 9, 2)
    yield "points that never end"
    available = (await world.points(cas))["available"]
    await _fine(adjust(world, cas, -available))
    await _back(world, three, "wb-3", {1: "4", 2: "3"})
    yield "a return of before under a programme that forgives"
    four = await _sold(world, "w-5", cas, 9, 2)
    await _fine(adjust(world, cas, -(await world.points(cas))["available"]))
    await _back(world, four, "wb-4", {1: "2"})
    yield "points forgiven"
    await settle(world)
    yield "a quiet end"
    world.clock.advance(days=800)
    yield "all over"
    await settle(world)
    yield "and written down"


async def reserved(world: World) -> dict[str, str]:
    """Make a customer with a sale paid with points and returned in part, a hold and pending points; return all ids."""
    await world.sell(**TWO_LINES, id="e-0")
    await save(world, **EVENTFUL)
    ann = await world.customer()
    await _fine(adjust(world, ann, 500))
    paid_ = await _sold(world, "r-1", ann, 10, 5, off="3.00", points=120)
    await _back(world, paid_, "rb-1", {1: "1"})
    plain = await _sold(world, "r-2", ann, 2, 1)
    captured = await held(world, ann, 40)
    await _fine(capture(world, captured, 30))
    hold = await held(world, ann, 70, ttl=3600)
    (lot,) = await world.all("points_lots", {"source.kind": "STAFF"})
    (waiting,) = await world.all("points_lots", {"source.nodeId": paid_, "earned": {"$gte": 100}})
    (spend,) = await world.all("points_transactions", {"type": "SPEND", "source.nodeId": paid_})
    return {
        "ann": ann,
        "account": account_of(ann),
        "paid": paid_,
        "plain": plain,
        "captured": captured,
        "hold": hold,
        "lot": lot["_id"],
        "waiting": waiting["_id"],
        "spend": spend["_id"],
        "code": f"ref:{referral_code(ann)}",
    }
