"""Both executors on the shop's own schema and data, damaged data too: the same answers for every role."""

import json
from collections import defaultdict
from random import Random
from typing import Any

import pytest
from graphql import GraphQLSchema, parse, validate

from api.engine import Engine
from crm.callers import Caller
from crm.ids import store_id
from resolvers.context import Context
from schema.build import build_schema, executable
from tests.executor.operations import Generator
from tests.support import ADMIN, POS, STAFF, World, customer_caller, whole

OPERATIONS = 150
SCHEMA: GraphQLSchema = executable(build_schema())
ENGINES = {name: Engine(SCHEMA, executor=name) for name in ("compiled", "graphql-core")}  # type: ignore[arg-type]


async def filled(world: World) -> list[str]:
    """Make a small shop, and return ids of it and some that are none."""
    ann = await world.customer(firstName="Ann", tags=["vip"])
    bob = await world.customer(email="bob@example.com")
    sold = [
        await world.sell(
            **whole(number + 5), id=f"s-{number}", customer={"id": (ann, bob)[number % 2]}, storeCode="v-1"
        )
        for number in range(6)
    ]
    await world.give_back(sold[0]["purchase"]["id"], {1: "0.5"})
    await world.data(
        "mutation($by: CustomerKey) { submitFeedback(input: {kind: IDEA, channel: WEB, customer: $by}) { replayed } }",
        {"by": {"id": ann}},
    )
    return [ann, bob, "loy" + ann[3:], sold[0]["purchase"]["id"], sold[1]["purchase"]["id"], "pur_x", "x"]


async def damaged(world: World) -> dict[str, list[Any]]:
    """Make a small shop, damage a part of it, and return what may be sent for each scalar."""
    ids = await filled(world)
    for collection, id_, damage in (
        ("purchases", ids[3], {"$unset": {"total": ""}}),
        ("purchases", ids[4], {"$set": {"channel": "MOON"}}),
        ("customers", ids[1], {"$set": {"tags": "no list"}}),
        ("stores", store_id("v-1"), {"$unset": {"name": ""}}),
    ):
        await world.database[collection].update_one({"_id": id_}, damage, bypass_document_validation=True)
    return {"ID": ids, "DateTime": ["2026-11-21T12:00:00Z", "x"], "Int": [0, 1, 3, -1], "String": ["x", "a", ""]}


def told(body: dict[str, Any]) -> tuple[str, dict[str, set[str]]]:
    """Return the data in its order, and the errors by the position that each made null.

    graphql-core runs fields of one object at once, so which of several errors is told that take the same position
    along hangs on time; that one is told does not.
    """
    errors: dict[str, set[str]] = defaultdict(set)
    for error in body.get("errors", ()):
        plain = {**error, "extensions": {k: v for k, v in error["extensions"].items() if k != "errorId"}}
        errors[json.dumps(nulled(body.get("data"), error.get("path", [])))].add(json.dumps(plain, sort_keys=True))
    return json.dumps(body.get("data", "none")), errors


def nulled(data: Any, path: list[Any]) -> list[Any]:
    for depth, step in enumerate(path):
        if data is None:
            return path[:depth]
        data = data[step]
    return path


def generated(random: Random, values: dict[str, list[Any]]) -> tuple[str, dict[str, Any]]:
    while True:
        generator = Generator(SCHEMA, random, depth_max=6, values=values, fields_left=30)
        made = generator.operation()
        if not validate(SCHEMA, parse(made.text)):
            return made.text, made.variables


async def answer(world: World, name: str, caller: Caller, text: str, variables: dict[str, Any]) -> dict[str, Any]:
    return (await ENGINES[name].run(Context(world.call(caller)), text, variables, None)).body


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_generated_operations_on_the_shop_give_the_same_answer_to_every_role(world: World) -> None:
    values = await damaged(world)
    callers = [ADMIN, STAFF, POS, customer_caller(values["ID"][0])]
    random, failed = Random(7), 0
    for number in range(OPERATIONS):
        text, variables = generated(random, values)
        caller = callers[number % len(callers)]
        data, errors = told(await answer(world, "compiled", caller, text, variables))
        expected, expected_errors = told(await answer(world, "graphql-core", caller, text, variables))
        assert data == expected, (text, variables)
        assert errors.keys() == expected_errors.keys(), (text, variables, errors, expected_errors)
        for position, of_position in errors.items():
            assert of_position & expected_errors[position], (text, position)
        failed += bool(errors)
    assert OPERATIONS / 10 < failed < OPERATIONS  # else nothing, or nothing but refusals, was compared
