"""Random days of sales and returns, sent late, twice, at once and in any order, end as each fact once would end."""

import asyncio
from random import Random
from typing import Any

import pytest

from tests.services.helpers import RETURNS, back, batch, codes, row
from tests.services.program_helpers import balance, clean
from tests.support import ADMIN, World

SALES, RETURNED = 14, 6


def day(world: World, dice: Random, people: list[str]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of a day: sales of 1 to 9 of a thing at 5.00, and returns of some of each, by external id."""
    sales, returns = [], []
    for number in range(SALES):
        count = dice.randint(1, 9)
        fields = {"customer": {"id": dice.choice(people)}, "minutes": dice.randint(60, 600)}
        thing = {"lineNumber": 1, "sku": "MUG", "title": "Mug", "quantity": str(count), "unitPrice": "5.00"}
        sales.append(row(world, f"s-{number}", count * 5, lines=[thing], **fields))
    for number, sale in enumerate(dice.sample(sales, RETURNED)):
        count = dice.randint(1, int(sale["lines"][0]["quantity"]))
        named = {"externalId": sale["externalId"]}
        returns.append(back(world, "", {1: str(count)}, id=f"r-{number}", purchase=named))
    return sales, returns


async def take_back(world: World, rows: list[dict[str, Any]]) -> list[str]:
    """Send returns and return the external ids of those whose sale is not known yet."""
    told = (await world.data(RETURNS, {"inputs": rows}, caller=ADMIN))["recordReturns"]["results"]
    assert {code for one in told for code in codes(one)} <= {"NOT_FOUND", "THROTTLED"}
    return [sent["externalId"]["value"] for sent, one in zip(rows, told, strict=True) if codes(one)]


@pytest.mark.parametrize("seed", range(6))
async def test_a_day_sent_in_any_way_leaves_every_fact_once(world: World, seed: int) -> None:
    dice = Random(seed)
    people = [await world.customer(email=f"{name}@example.com") for name in ("ann", "bob", "cid")]
    sales, returns = day(world, dice, people)
    late = list(returns)
    for _ in range(4):  # each time a part of the day, some of it known already, and returns before their sales
        part = dice.sample(sales, dice.randint(3, SALES))
        sent = [batch(world, *part), batch(world, *dice.sample(part, 2)), take_back(world, dice.sample(returns, 4))]
        dice.shuffle(sent)
        await asyncio.gather(*sent)
    for rows in (sales, sales[::-1]):
        for told in (await batch(world, *rows))["results"]:
            assert codes(told) == []
    assert await take_back(world, late) == await take_back(world, late[::-1]) == []

    kept = dict.fromkeys(people, 0)
    for sale in sales:
        kept[sale["customer"]["id"]] += int(sale["lines"][0]["quantity"]) * 5
    owner = {sale["externalId"]["value"]: sale["customer"]["id"] for sale in sales}
    for one in returns:
        kept[owner[one["purchase"]["externalId"]["value"]]] -= int(one["lines"][0]["quantity"]) * 5
    assert {person: await balance(world, person) for person in people} == {
        person: (points, 0, 0) for person, points in kept.items()
    }
    assert len(await world.all("purchases")) == SALES
    entries = await world.all("points_transactions", {"type": {"$in": ["EARN", "RETURN_EARNED"]}})
    assert len(entries) == SALES + RETURNED
    await clean(world)
