"""Connections: every list forward and backward, page by page, with ties and nulls; cursors belong to their list."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest

from crm.callers import Caller
from tests.support import ADMIN, NOW, World, customer_caller

PAGE = "pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
CUSTOMERS = f"""query($first: Int, $after: String, $last: Int, $before: String, $sort: CustomerSort,
  $filter: CustomerFilter) {{ found: customers(first: $first, after: $after, last: $last, before: $before, sort: $sort,
  filter: $filter) {{ edges {{ cursor node {{ id }} }} nodes {{ id }} {PAGE} }} }}"""
ARGUMENTS = "first: $first, after: $after, last: $last, before: $before"
VARIABLES = "$first: Int, $after: String, $last: Int, $before: String"
INNER = f"edges {{ cursor node {{ id }} }} nodes {{ id }} {PAGE}"
OTHERS = {
    "products": f"query({VARIABLES}) {{ found: products({ARGUMENTS}) {{ {INNER} }} }}",
    "stores": f"query({VARIABLES}) {{ found: stores({ARGUMENTS}) {{ {INNER} }} }}",
    "feedback": f"query({VARIABLES}) {{ found: feedback({ARGUMENTS}) {{ {INNER} }} }}",
    "own purchases": f"query({VARIABLES}) {{ me {{ found: purchases({ARGUMENTS}) {{ {INNER} }} }} }}",
    "own purchases at tills": f"""query({VARIABLES}) {{ me {{
      found: purchases({ARGUMENTS}, channel: POS) {{ {INNER} }} }} }}""",
    "own feedback": f"query({VARIABLES}) {{ me {{ found: feedback({ARGUMENTS}) {{ {INNER} }} }} }}",
    "own points": f"query({VARIABLES}) {{ me {{ loyalty {{ found: transactions({ARGUMENTS}) {{ {INNER} }} }} }} }}",
}
ME = "cus_01J0000000000000000000000A"
YOU = "cus_01J0000000000000000000000B"
UNIQUE = [f"01J00000000000000000000{number:03d}" for number in range(45)]


def customer_document(number: int) -> dict[str, Any]:
    """Return one of 45 customers: five a day and an amount, every third never bought, names in three spellings."""
    bought = {"lastPurchaseAt": NOW - timedelta(days=number % 7)} if number % 3 else {}
    name = ["", "bell ann", "bell bob"][number % 3]
    return {
        "_id": f"cus_{UNIQUE[number]}",
        "version": 1,
        "createdAt": NOW - timedelta(days=number // 5),
        "updatedAt": NOW,
        "externalIds": [],
        "attributes": {},
        "tags": [],
        "consents": [],
        "metrics": {"purchaseCount": 1, "totalSpent": 100 * (number % 4), "channels": [], **bought},
        "search": [],
        "sortName": name,
        "tierSteps": [],
    }


async def fill(world: World) -> None:
    """Put 45 documents into every collection, seven of them sharing each sort value."""
    at = [NOW - timedelta(hours=number // 7) for number in range(45)]
    purchases = [
        {
            "_id": f"pur_{UNIQUE[number]}",
            "owner": ME,
            "customerId": ME,
            "externalId": {"source": "s", "value": str(number)},
            "fingerprint": "",
            "channel": "POS" if number % 2 else "WEB",
            "occurredAt": at[number],
            "recordedAt": NOW,
            "status": "COMPLETED",
            "lines": [],
            **dict.fromkeys(
                ("total", "taxTotal", "discountTotal", "returnedTotal", "qualifying", "qualifyingSpend"), 0
            ),
        }
        for number in range(45)
    ]
    feedback = [
        {"_id": f"fbk_{UNIQUE[number]}", "owner": ME, "customerId": ME, "kind": "IDEA", "channel": "WEB"}
        | {"createdAt": at[number]}
        for number in range(45)
    ]
    entries = [
        {"_id": f"ptx_{UNIQUE[number]}", "owner": ME, "sequence": number + 1, "type": "EARN", "points": 1}
        | {"balanceAfter": number + 1, "at": NOW, "occurredAt": NOW, "source": {"kind": "PURCHASE"}}
        for number in range(45)
    ]
    me = {**customer_document(0), "_id": ME, "createdAt": NOW - timedelta(days=400)}
    account = {"_id": "loy" + ME[3:], "customerId": ME, "createdAt": NOW, "tierSteps": []}
    account |= dict.fromkeys(("sequence", "available", "pending", "held", "debt", "lifetimeEarned"), 0)
    stores = [{"_id": f"sto_{unique}", "code": unique[-2], "name": "S", "timeZone": "UTC"} for unique in UNIQUE]
    products = [{"_id": f"prd_{unique}", "sku": unique[-2], "title": "P", "active": True} for unique in UNIQUE]
    for name, documents in {
        "customers": [*(customer_document(number) for number in range(45)), me],
        "purchases": purchases,
        "feedback": feedback,
        "points_transactions": entries,
        "loyalty_accounts": [account],
        "stores": stores,
        "products": products,
    }.items():
        await world.database[name].insert_many(documents)


async def page(world: World, query: str, caller: Caller = ADMIN, **arguments: Any) -> dict[str, Any]:
    """Return one page, wherever in the answer it is, with edges, nodes and cursors held to agree."""
    found = await world.data(query, arguments, caller=caller)
    while "found" not in found:
        (found,) = found.values()
    found = found["found"]
    assert [edge["node"]["id"] for edge in found["edges"]] == [node["id"] for node in found["nodes"]]
    cursors = [edge["cursor"] for edge in found["edges"]] or [None]
    assert [found["pageInfo"]["startCursor"], found["pageInfo"]["endCursor"]] == [cursors[0], cursors[-1]]
    return {**found["pageInfo"], "ids": [node["id"] for node in found["nodes"]], "cursors": cursors}


async def walk(world: World, query: str, caller: Caller, size: int, **arguments: Any) -> list[str]:
    """Return the ids of a whole list, read forward; hold that it reads the same backward."""
    forward: list[str] = []
    part = await page(world, query, caller, first=size, **arguments)
    assert part["hasPreviousPage"] is False
    while True:
        forward += part["ids"]
        if not part["hasNextPage"]:
            break
        assert len(part["ids"]) == size
        part = await page(world, query, caller, first=size, after=part["endCursor"], **arguments)
        assert part["hasPreviousPage"] is True
    backward: list[str] = []
    part = await page(world, query, caller, last=size, **arguments)
    assert part["hasNextPage"] is False
    while True:
        backward = part["ids"] + backward
        if not part["hasPreviousPage"]:
            break
        part = await page(world, query, caller, last=size, before=part["startCursor"], **arguments)
        assert part["hasNextPage"] is True
    assert backward == forward
    return forward


def by(*parts: Any) -> Any:
    return parts


EXPECTED = {
    # 46 customers: ME was created long before; UNIQUE grows, createdAt falls with the number
    None: lambda n: by(-(n // 5), n),
    "CREATED_AT": lambda n: by(-(n // 5), n),
    "CREATED_AT_DESC": lambda n: by(n // 5, -n),
    "LAST_PURCHASE_AT_DESC": lambda n: by(n % 3 == 0, n % 7 if n % 3 else 0, -n),
    "TOTAL_SPENT_DESC": lambda n: by(-(n % 4), -n),
    "NAME": lambda n: by(n % 3, n),
}


@pytest.mark.parametrize("size", [1, 7, 44, 45, 100])
@pytest.mark.parametrize("sort", list(EXPECTED))
async def test_customers_in_every_order_without_duplicates_or_gaps(world: World, sort: str | None, size: int) -> None:
    await world.database["customers"].insert_many([customer_document(number) for number in range(45)])

    found = await walk(world, CUSTOMERS, ADMIN, size, sort=sort)

    assert found == [f"cus_{UNIQUE[number]}" for number in sorted(range(45), key=EXPECTED[sort])]


@pytest.mark.parametrize("size", [4, 45])
@pytest.mark.parametrize("name", list(OTHERS))
async def test_every_other_list_without_duplicates_or_gaps(world: World, name: str, size: int) -> None:
    await fill(world)

    found = await walk(world, OTHERS[name], customer_caller(ME) if name.startswith("own") else ADMIN, size)

    newest_first = sorted(range(45), key=lambda n: (n // 7, -n))
    expected = {
        "products": list(range(45)),  # the tens digit is the SKU, so ties run in the order of the ids
        "stores": list(range(45)),
        "own points": list(reversed(range(45))),
        "own purchases at tills": [number for number in newest_first if number % 2],
    }.get(name, newest_first)
    assert [id_.partition("_")[2] for id_ in found] == [UNIQUE[number] for number in expected]


async def test_a_list_between_two_cursors_is_what_lies_between_them(world: World) -> None:
    await fill(world)
    whole = await page(world, CUSTOMERS, first=100, sort="NAME")
    after, before = whole["cursors"][10], whole["cursors"][20]

    assert (await page(world, CUSTOMERS, first=100, after=after, before=before, sort="NAME"))["ids"] == whole["ids"][
        11:20
    ]
    assert (await page(world, CUSTOMERS, first=3, after=after, before=before, sort="NAME"))["ids"] == whole["ids"][
        11:14
    ]
    assert (await page(world, CUSTOMERS, last=3, after=after, before=before, sort="NAME"))["ids"] == whole["ids"][17:20]


async def test_twenty_come_unasked_none_for_nought_and_a_hundred_at_most(world: World) -> None:
    await fill(world)

    assert len((await page(world, CUSTOMERS))["ids"]) == 20
    nothing = await page(world, CUSTOMERS, first=0)
    assert (nothing["ids"], nothing["hasNextPage"], nothing["startCursor"]) == ([], True, None)
    assert (await page(world, CUSTOMERS, last=0))["hasPreviousPage"] is True
    assert len((await page(world, CUSTOMERS, first=100))["ids"]) == 46


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"first": 101}, "first"),
        ({"first": -1}, "first"),
        ({"last": 101}, "last"),
        ({"last": -1}, "last"),
        ({"first": 1, "last": 1}, "first"),
        ({"first": 0, "last": 0}, "first"),
    ],
)
@pytest.mark.parametrize("name", ["customers", *OTHERS])
async def test_a_count_outside_the_bounds_is_refused_before_anything_is_read(
    world: World, name: str, arguments: dict[str, int], field: str
) -> None:
    await world.database["customers"].insert_one({**customer_document(0), "_id": ME})
    account = {"_id": "loy" + ME[3:], "customerId": ME, "createdAt": NOW, "tierSteps": []}
    counts = dict.fromkeys(("sequence", "available", "pending", "held", "debt", "lifetimeEarned"), 0)
    await world.database["loyalty_accounts"].insert_one(account | counts)
    world.commands.names.clear()

    caller = customer_caller(ME) if name.startswith("own") else ADMIN
    body = await world.answer({"customers": CUSTOMERS, **OTHERS}[name], arguments, caller=caller)

    assert [(error["extensions"]["code"], error["extensions"]["field"]) for error in body["errors"]] == [
        ("INVALID", [field])
    ]
    assert not any("purchases" in command or "transactions" in command for command in world.commands.names)


def forged(real: str, **changes: Any) -> str:
    """Return a cursor whose parts are changed by position."""
    parts = json.loads(base64.urlsafe_b64decode(real + "=" * (-len(real) % 4)))
    for position, value in changes.items():
        parts[["mark", "value", "id"].index(position)] = value
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


async def test_what_is_no_cursor_of_the_list_is_refused_with_its_field(world: World) -> None:
    await fill(world)
    real = (await page(world, CUSTOMERS, first=1, sort="TOTAL_SPENT_DESC"))["endCursor"]
    no_cursors = ["", "x", "====", "e30", "bnVsbA", "é", "WzFd", real[:-4], real + "AAAA", "[" * 3000]
    no_cursors += [forged(real, mark="000000000000"), forged(real, id=5), forged(real, id={"$ne": ""})]
    no_cursors += [forged(real, value=value) for value in ({"$gt": ""}, {"ms": "x"}, {"ms": 10**30}, [1], 1.5, 2**63)]

    for name in ("after", "before"):
        for text in no_cursors:
            body = await world.answer(CUSTOMERS, {name: text, "sort": "TOTAL_SPENT_DESC"})
            assert [error["extensions"] for error in body["errors"]] == [{"code": "INVALID", "field": [name]}], text
            assert body["data"] == {"found": None}


async def test_a_cursor_of_another_list_is_refused(world: World) -> None:
    await fill(world)
    await world.database["customers"].insert_one({**customer_document(0), "_id": YOU})
    mine = (await page(world, OTHERS["own purchases"], customer_caller(ME), first=1))["endCursor"]
    of_all = (await page(world, CUSTOMERS, first=1))["endCursor"]
    of_some = (await page(world, CUSTOMERS, first=1, filter={"totalSpentMin": "1.00"}))["endCursor"]

    for cursor, query, caller, arguments in [
        (mine, OTHERS["own purchases"], customer_caller(YOU), {}),
        (mine, OTHERS["own purchases at tills"], customer_caller(ME), {}),
        (mine, OTHERS["own feedback"], customer_caller(ME), {}),
        (mine, CUSTOMERS, ADMIN, {}),
        (of_all, CUSTOMERS, ADMIN, {"sort": "CREATED_AT_DESC"}),
        (of_all, CUSTOMERS, ADMIN, {"filter": {"totalSpentMin": "1.00"}}),
        (of_some, CUSTOMERS, ADMIN, {"filter": {"totalSpentMin": "1.01"}}),
        (of_some, CUSTOMERS, ADMIN, {}),
        (of_all, OTHERS["stores"], ADMIN, {}),
    ]:
        body = await world.answer(query, {"after": cursor, **arguments}, caller=caller)
        assert body["errors"][0]["extensions"] == {"code": "INVALID", "field": ["after"]}


async def test_a_list_read_while_it_grows_shows_everything_that_was_there_once(world: World) -> None:
    await fill(world)
    there = (await page(world, CUSTOMERS, first=100, sort="TOTAL_SPENT_DESC"))["ids"]
    seen: list[str] = []
    after = None

    for number in range(100):
        part = await page(world, CUSTOMERS, first=5, after=after, sort="TOTAL_SPENT_DESC")
        seen += part["ids"]
        after = part["endCursor"]
        new = {**customer_document(number % 45), "_id": f"cus_01K00000000000000000000{number:03d}"}
        await world.database["customers"].insert_one(new)
        await world.database["customers"].delete_one({"_id": part["ids"][-1]})  # even the cursor's own may go
        if not part["hasNextPage"]:
            break

    assert len(seen) == len(set(seen))
    assert [id_ for id_ in seen if id_ in there] == there
