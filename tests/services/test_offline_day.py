"""A till that was offline sends its day: in any order, more than once, and it ends the same every time."""

from random import Random
from typing import Any

import pytest

from tests.services.helpers import ago, codes, contents, ledger_of, line, nothing_written
from tests.services.loyalty_helpers import (
    adjust,
    amount_off,
    bought,
    buy,
    held,
    paid,
    problems,
    redeem,
    rewards,
    rich,
    send_day,
    together,
    totals,
)
from tests.services.program_helpers import clean
from tests.support import World

ROWS = 40
KNOWN, EDITED = (3, 17), (5, 29)
SPENT, LATE_HOLD, LOST_HOLD, REWARD, USED_CODE, SUM, GONE = 12, 14, 16, 18, 20, 22, 24
REFUSED = {
    SPENT: [("INSUFFICIENT_POINTS", ["points"])],
    LOST_HOLD: [("HOLD_EXPIRED", ["holdId"])],
    USED_CODE: [("OFFER_EXHAUSTED", ["codes", "0"])],
}
NOT_KEPT = {
    **{number: [("CONFLICT", ["externalId"])] for number in EDITED},
    SUM: [("TOTAL_MISMATCH", ["total"])],
    GONE: [("NOT_FOUND", ["customer"])],
}


class Day:
    """A day of forty sales to Ann, Bob and nobody, and what happened to them elsewhere before it was sent."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.rows: list[dict[str, Any]] = []
        self.order = list(range(ROWS))

    async def make(self) -> "Day":
        """Make customers, points and holds as the till knew them; then the day; then what it did not know."""
        world = self.world
        self.ann, self.bob = await rich(world, 100), await rich(world, 100, email="bob@example.com")
        (reward,) = await rewards(world, amount_off(30, "1.00", stock=1))
        (code,) = ((await redeem(world, self.bob, reward))["code"],)
        await rewards(world, amount_off(30, "1.00", stock=1, id=reward))
        late, lost = await held(world, self.bob, 20, ttl=3600), await held(world, self.ann, 90, ttl=3600)
        start = world.clock()
        special: dict[int, dict[str, Any]] = {
            SPENT: {"customer": self.ann, "points": 95},
            LATE_HOLD: {"customer": self.bob, "holdId": late, "points": 15},
            LOST_HOLD: {"customer": self.ann, "holdId": lost},
            REWARD: {"customer": self.bob, "rewardIds": [reward], "off": "1.00"},
            USED_CODE: {"customer": self.bob, "codes": [code], "off": "1.00"},
            SUM: {"customer": self.ann, "total": "9.99"},
            GONE: {"customer": {"email": "later@example.com"}},
        }
        for number in range(ROWS):
            world.clock.now = start
            world.clock.advance(minutes=number)
            customer = (self.ann, self.bob, None)[number % 3] if number > SPENT + 12 else None
            fields = {"customer": customer, **special.get(number, {})}
            self.rows.append(paid(world, 10 + number, id=f"row-{number:02}", **fields))
        world.clock.now = start
        world.clock.advance(hours=8)
        await adjust(world, self.ann, -60)
        await bought(world, paid(world, 9, off="1.00", codes=[code], id="elsewhere"))
        for number in KNOWN:
            await bought(world, self.rows[number])
        for number in EDITED:
            await bought(world, {**self.rows[number], "lines": [line(1, "1", "1.00")], "total": "1.00"})
        Random(7).shuffle(self.order)
        return self

    async def send(self, *, key: str | None = None, **changed: dict[str, Any]) -> dict[int, dict[str, Any]]:
        """Send the day in its order and return the results by row."""
        rows = {number: {**row, **changed.get(f"row_{number}", {})} for number, row in enumerate(self.rows)}
        rows = {number: {k: v for k, v in row.items() if v is not None} for number, row in rows.items()}
        payload = await send_day(self.world, [rows[number] for number in self.order], key=key)
        assert payload["userErrors"] == []
        assert len(payload["results"]) == ROWS
        return dict(zip(self.order, payload["results"], strict=True))


async def without_requests(world: World) -> dict[str, list[dict[str, Any]]]:
    """Return everything stored but the names of requests."""
    found = await contents(world)
    return {
        name: [document for document in documents if not str(document["_id"]).startswith("idem:")]
        for name, documents in found.items()
        if "idempot" not in name
    }


KEYS = [
    pytest.param((None, None, None), id="without a key"),
    pytest.param(("day-1", "day-1", "day-1"), id="with a key"),
    pytest.param((None, "day-1", "day-1"), id="with a key from the second time on"),
    pytest.param(("day-1", "day-2", None), id="with a new key each time"),
]


@pytest.mark.parametrize("keys", KEYS)
async def test_a_day_sent_three_times_ends_as_it_did_at_first(world: World, keys: tuple[str | None, ...]) -> None:
    day = await Day(world).make()
    first = await day.send(key=keys[0])

    assert {n: problems(row) for n, row in first.items() if row["userErrors"]} == {**REFUSED, **NOT_KEPT}
    assert [n for n in sorted(first) if first[n]["replayed"]] == list(KNOWN)
    assert (first[LATE_HOLD]["purchase"]["pointsSpent"], first[REWARD]["purchase"]["pointsSpent"]) == (15, 30)
    assert [n for n in sorted(first) if first[n]["purchase"] is None] == sorted({*REFUSED, SUM, GONE})
    sold = {one["externalId"]["value"]: one["_id"] for one in await world.all("purchases")}
    assert {n: row["purchase"]["id"] for n, row in first.items() if row["purchase"]} == {
        n: sold[f"row-{n:02}"] for n in range(ROWS) if n not in {*REFUSED, SUM, GONE}
    }
    await clean(world)

    for turn, key in enumerate(keys[1:]):
        world.clock.advance(hours=1)
        for customer in (day.ann, day.bob):  # sales elsewhere bring in what was missing
            await bought(world, paid(world, 500, customer=customer, id=f"{turn}-{customer[-4:]}"))
        before = await without_requests(world)
        again = await day.send(key=key)
        assert await without_requests(world) == before
        for number, row in again.items():
            kept = number not in NOT_KEPT
            assert row == {**first[number], "replayed": kept}, number
    await clean(world)


async def test_a_refused_row_without_its_points_is_another_sale_and_taken(world: World) -> None:
    day = await Day(world).make()
    await day.send()
    async with nothing_written(world):
        await day.send()
    before = await totals(world, day.ann)

    taken = await day.send(row_12={"points": None})

    assert problems(taken[SPENT]) == []
    assert (taken[SPENT]["purchase"]["pointsSpent"], taken[SPENT]["replayed"]) == (0, False)
    assert {n for n, row in taken.items() if row["userErrors"]} == {*REFUSED, *NOT_KEPT} - {SPENT}
    earned = taken[SPENT]["purchase"]["pointsEarned"]
    assert earned == 10 + SPENT
    assert (await totals(world, day.ann))[0] == before[0] + earned
    async with nothing_written(world):
        again = await day.send(row_12={"points": None})
        assert again[SPENT] == {**taken[SPENT], "replayed": True}
        assert (await day.send())[SPENT]["userErrors"] != []  # what was sent first is not what is known now
    await clean(world)


async def test_a_row_whose_customer_is_known_later_is_taken_then(world: World) -> None:
    day = await Day(world).make()
    await day.send(key="day-1")
    cleo = await world.customer(email="later@example.com")
    again = await day.send(key="day-1")
    assert (problems(again[GONE]), again[GONE]["replayed"]) == ([], False)
    assert await ledger_of(world, cleo) == [("EARN", 10 + GONE, 10 + GONE)]
    await clean(world)


async def test_a_row_takes_the_points_that_an_earlier_row_of_the_day_earned(world: World) -> None:
    ann = await world.customer()
    early = paid(world, 100, customer=ann, id="b", occurredAt=ago(world, minutes=30))
    late = paid(world, 10, customer=ann, id="a", points=100, occurredAt=ago(world, minutes=10))
    payload = await send_day(world, [late, early])
    assert [problems(row) for row in payload["results"]] == [[], []]
    assert [row["purchase"]["pointsSpent"] for row in payload["results"]] == [100, 0]
    assert await ledger_of(world, ann) == [("EARN", 100, 100), ("SPEND", -100, 0), ("EARN", 10, 10)]


async def test_a_row_does_not_take_the_points_of_a_later_one_and_stays_refused(world: World) -> None:
    ann = await world.customer()
    early = paid(world, 10, customer=ann, id="a", points=100, occurredAt=ago(world, minutes=30))
    late = paid(world, 100, customer=ann, id="b", occurredAt=ago(world, minutes=10))
    first = await send_day(world, [late, early])
    assert [codes(row) for row in first["results"]] == [[], ["INSUFFICIENT_POINTS"]]
    async with nothing_written(world):
        again = await send_day(world, [late, early])
        alone = await send_day(world, [early])
    assert again["results"] == [{**row, "replayed": True} for row in first["results"]]
    assert alone["results"] == again["results"][1:]
    assert await totals(world, ann) == (100, 0, 0, 0)


@pytest.mark.parametrize("key", [None, "day-1"])
async def test_a_day_that_is_sent_again_before_the_first_answer_came_is_taken_once(
    world: World, key: str | None
) -> None:
    (reward,) = await rewards(world, amount_off(30, "1.00", stock=2, perCustomerLimit=2))
    ann = await rich(world, 100)
    code = (await redeem(world, ann, reward))["code"]
    made = await held(world, ann, 20)
    day = [
        paid(world, 10, customer=ann, id="points", points=20),
        paid(world, 10, customer=ann, id="hold", holdId=made),
        paid(world, 10, off="1.00", customer=ann, id="reward", rewardIds=[reward]),
        paid(world, 10, off="1.00", customer=ann, id="code", codes=[code]),
    ]
    payloads = await together(*(send_day(world, day, key=key if turn % 2 else None) for turn in range(6)))
    answered = [payload for payload in payloads if not payload["userErrors"]]
    assert len(answered) >= (3 if key else 6)
    for payload in answered:
        assert [codes(row) for row in payload["results"]] == [[]] * 4
    async with nothing_written(world):  # and no try that was late has left a refusal behind
        again = await send_day(world, day)
        assert [(codes(row), row["replayed"]) for row in again["results"]] == [([], True)] * 4
        assert [row["purchase"]["pointsSpent"] for row in again["results"]] == [20, 20, 30, 0]
    await clean(world)


async def test_a_refused_row_is_free_to_be_recorded_on_its_own(world: World) -> None:
    ann = await rich(world, 10)
    sent = paid(world, 10, customer=ann, points=50)
    assert codes((await send_day(world, [sent]))["results"][0]) == ["INSUFFICIENT_POINTS"]
    await adjust(world, ann, 100)
    assert codes(await buy(world, sent)) == []  # somebody sends it anew, by itself, knowing what they do
    async with nothing_written(world):
        (row,) = (await send_day(world, [sent]))["results"]
    assert (codes(row), row["replayed"]) == ([], True)
