"""The README says what is true: its queries give its answers within their commands, its settings are the settings."""

import json
import re
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import pytest
import pytest_asyncio

from api.settings import Settings
from crm.callers import Caller
from services.imports.complete_journey import import_journey
from store import keys
from tests.support import ADMIN, POS, STAFF, World, customer_caller

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
HOUSEHOLDS = 20


class Example(NamedTuple):
    role: str
    household: str | None
    commands_max: int | None
    query: str
    answer: str


def examples() -> list[Example]:
    block = re.compile(
        r"<!-- as (?P<role>[A-Z]+)(?: of household (?P<household>\d+))?(?:, at most (?P<commands>\d+) commands)? -->\n"
        r"```graphql\n(?P<query>.*?)```\n\n```json\n(?P<answer>.*?)```",
        re.DOTALL,
    )
    return [
        Example(m["role"], m["household"], int(m["commands"]) if m["commands"] else None, m["query"], m["answer"])
        for m in block.finditer(README)
    ]


@pytest_asyncio.fixture
async def demo(world: World) -> AsyncIterator[World]:
    await import_journey(world.shop, households=HOUSEHOLDS, shift_to=date(2026, 11, 21))
    yield world


async def caller(world: World, example: Example) -> Caller:
    if example.household is None:
        return {"POS": POS, "STAFF": STAFF, "ADMIN": ADMIN}[example.role]
    name = keys.external(("complete-journey", example.household))
    return customer_caller((await keys.find(world.database, [name]))[name]["ref"])


async def test_every_query_of_the_readme_gives_the_answer_printed_there_within_its_commands(demo: World) -> None:
    assert len(examples()) == README.count("```graphql")
    for example in examples():
        who = await caller(demo, example)
        demo.commands.names.clear()

        data = await demo.data(example.query, caller=who)

        sent = list(demo.commands.names)
        assert data == json.loads(example.answer), example.query
        if example.commands_max is not None:
            assert len(sent) <= example.commands_max, sent


async def test_a_sale_of_the_readme_sent_again_is_the_same_sale(demo: World) -> None:
    sale = next(example for example in examples() if "mutation Sale" in example.query)

    first = await demo.data(sale.query, caller=POS)
    second = await demo.data(sale.query, caller=POS)

    assert first["recordPurchase"]["replayed"] is False
    assert second["recordPurchase"] == {**first["recordPurchase"], "replayed": True}


@pytest.mark.parametrize("name", Settings.model_fields)
def test_the_readme_lists_every_setting_with_its_default_and_meaning(name: str) -> None:
    field = Settings.model_fields[name]
    default = "" if field.default is None else f"`{field.default}`"

    assert f"| `CRM_{name.upper()}` | {default} | {field.description} |" in README


def test_the_readme_lists_no_setting_that_is_none() -> None:
    listed = {name.lower() for name in re.findall(r"^\| `CRM_([A-Z_]+)`", README, re.MULTILINE)}

    assert listed == set(Settings.model_fields)
