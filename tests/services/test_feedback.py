"""Feedback: scores by kind, tied to the speaker's own purchase, line, product and store; answered by the shop."""

from typing import Any

import pytest

from crm.callers import Caller
from tests.support import POS, STAFF, STOREFRONT, World, customer_caller

FIELDS = """id kind score comment channel createdAt customer { id } purchase { id } line { lineNumber sku }
product { sku title } store { code } reply { message by at }"""
SUBMIT = f"""mutation($input: FeedbackInput!) {{ submitFeedback(input: $input) {{
  feedback {{ {FIELDS} }} replayed userErrors {{ code field }} }} }}"""
REPLY = f"""mutation($id: ID!, $message: String!) {{ replyToFeedback(id: $id, message: $message) {{
  feedback {{ {FIELDS} }} replayed userErrors {{ code field }} }} }}"""
LINES = [
    {"lineNumber": 1, "sku": "MUG", "title": "Mug", "quantity": "1", "unitPrice": "5.00"},
    {"lineNumber": 2, "sku": "TEA", "title": "Tea", "quantity": "1", "unitPrice": "5.90"},
]


async def submit(world: World, caller: Caller = STAFF, **fields: Any) -> dict[str, Any]:
    sent = {"kind": "IDEA", "channel": "WEB", **fields}
    return (await world.data(SUBMIT, {"input": sent}, caller=caller))["submitFeedback"]


async def reply(world: World, id_: str, message: str, caller: Caller = STAFF) -> dict[str, Any]:
    return (await world.data(REPLY, {"id": id_, "message": message}, caller=caller))["replyToFeedback"]


async def bought(world: World, customer: str, **fields: Any) -> str:
    sold = await world.sell(customer={"id": customer}, lines=LINES, storeCode="vienna-1", **fields)
    return str(sold["purchase"]["id"])


async def test_feedback_about_a_line_knows_purchase_product_and_store(world: World) -> None:
    ann = await world.customer()
    purchase = await bought(world, ann)

    given = await submit(
        world,
        customer_caller(ann),
        kind="REVIEW",
        score=4,
        comment="Nice.\r\nBut small.",
        purchase={"id": purchase},
        lineNumber=2,
    )

    assert given["userErrors"] == []
    assert given["feedback"] == {
        "id": given["feedback"]["id"],
        "kind": "REVIEW",
        "score": 4,
        "comment": "Nice.\r\nBut small.",
        "channel": "WEB",
        "createdAt": "2026-11-21T12:00:00.000Z",
        "customer": {"id": ann},
        "purchase": {"id": purchase},
        "line": {"lineNumber": 2, "sku": "TEA"},
        "product": {"sku": "TEA", "title": "Tea"},
        "store": {"code": "vienna-1"},
        "reply": None,
    }
    assert given["feedback"]["id"].startswith("fbk_")


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("REVIEW", [1, 5], [None, 0, 6, -1]),
        ("CSAT", [1, 5], [None, 0, 6]),
        ("NPS", [0, 10], [None, -1, 11]),
        ("COMPLAINT", [None], [0, 3]),
        ("IDEA", [None], [1]),
        ("QUESTION", [None], [10]),
    ],
)
async def test_each_kind_has_its_scores(world: World, kind: str, good: list[int | None], bad: list[int | None]) -> None:
    ann = await world.customer()

    for score in good:
        given = await submit(world, customer={"id": ann}, kind=kind, score=score)
        assert given["feedback"]["score"] == score
    before = await world.everything()
    for score in bad:
        refused = await submit(world, customer={"id": ann}, kind=kind, score=score)
        assert refused["feedback"] is None
        assert refused["userErrors"] == [{"code": "INVALID", "field": ["input", "score"]}]
    assert await world.everything() == before


async def test_a_purchase_of_another_customer_is_not_found_just_as_one_that_is_not_there(world: World) -> None:
    ann, bob = await world.customer(), await world.customer(email="bob@example.com")
    bobs = await bought(world, bob)
    anonymous = str((await world.sell(id="s-2"))["purchase"]["id"])
    before = await world.everything()

    keys = [
        {"id": bobs},
        {"id": anonymous},
        {"id": "pur_01J00000000000000000000000"},
        {"externalId": {"source": "till-7", "value": "s-1"}},
        {"externalId": {"source": "till-7", "value": "never"}},
    ]
    answers = [await submit(world, customer_caller(ann), purchase=key) for key in keys]
    answers += [await submit(world, STAFF, customer={"id": ann}, purchase=key) for key in keys]

    refusal = {
        "feedback": None,
        "replayed": False,
        "userErrors": [{"code": "NOT_FOUND", "field": ["input", "purchase"]}],
    }
    assert answers == [refusal] * 10
    assert await world.everything() == before


@pytest.mark.parametrize(
    ("about", "code", "field"),
    [
        ({"lineNumber": 3}, "INVALID", "lineNumber"),
        ({"lineNumber": 0}, "INVALID", "lineNumber"),
        ({"sku": "POT"}, "NOT_FOUND", "sku"),
        ({"lineNumber": 1, "sku": "TEA"}, "INVALID", "sku"),
        ({"lineNumber": 1, "sku": "POT"}, "NOT_FOUND", "sku"),
        ({"storeCode": "nowhere"}, "NOT_FOUND", "storeCode"),
    ],
)
async def test_what_the_purchase_does_not_have_is_refused(
    world: World, about: dict[str, Any], code: str, field: str
) -> None:
    ann = await world.customer()
    purchase = await bought(world, ann)
    before = await world.everything()

    refused = await submit(world, customer_caller(ann), purchase={"id": purchase}, **about)

    assert refused["feedback"] is None
    assert refused["userErrors"] == [{"code": code, "field": ["input", field]}]
    assert await world.everything() == before


async def test_a_line_needs_its_purchase_and_a_sku_needs_to_be_known(world: World) -> None:
    ann = await world.customer()
    await bought(world, ann)
    before = await world.everything()

    line = await submit(world, customer={"id": ann}, lineNumber=1)
    unknown = await submit(world, customer={"id": ann}, sku="POT")
    assert line["userErrors"] == [{"code": "INVALID", "field": ["input", "lineNumber"]}]
    assert unknown["userErrors"] == [{"code": "NOT_FOUND", "field": ["input", "sku"]}]
    assert await world.everything() == before

    known = await submit(world, customer={"id": ann}, sku="TEA")
    assert known["feedback"]["product"] == {"sku": "TEA", "title": "Tea"}
    assert known["feedback"]["purchase"] is None
    assert known["feedback"]["line"] is None


@pytest.mark.parametrize("caller", [POS, STAFF])
async def test_tills_and_staff_name_the_customer(world: World, caller: Caller) -> None:
    before = await world.everything()

    unnamed = await submit(world, caller, channel="POS")
    unknown = await submit(world, caller, channel="POS", customer={"email": "nobody@example.com"})
    no_such_id = await submit(world, caller, channel="POS", customer={"id": "cus_01J00000000000000000000000"})

    assert unnamed["userErrors"] == [{"code": "INVALID", "field": ["input", "customer"]}]
    assert unknown["userErrors"] == no_such_id["userErrors"]
    assert unknown["userErrors"] == [{"code": "NOT_FOUND", "field": ["input", "customer"]}]
    assert await world.everything() == before


async def test_a_till_speaks_of_its_own_channel_and_store_only(world: World) -> None:
    ann = await world.customer()
    await world.sell(storeCode="vienna-1")
    await world.sell(id="s-2", storeCode="graz-1")
    before = await world.everything()

    channel = await submit(world, POS, customer={"id": ann}, channel="WEB")
    store = await submit(world, POS, customer={"id": ann}, channel="POS", storeCode="graz-1")
    assert channel["userErrors"] == [{"code": "FORBIDDEN", "field": ["input", "channel"]}]
    assert store["userErrors"] == [{"code": "FORBIDDEN", "field": ["input", "storeCode"]}]
    assert await world.everything() == before

    left_out = await submit(world, POS, customer={"id": ann}, channel="POS")
    assert left_out["feedback"]["store"] == {"code": "vienna-1"}


async def test_a_customer_says_nothing_in_the_name_of_another(world: World) -> None:
    ann, bob = await world.customer(), await world.customer(email="bob@example.com")
    before = await world.everything()

    others = await submit(world, customer_caller(ann), customer={"id": bob})

    assert others["userErrors"] == [{"code": "NOT_FOUND", "field": ["input", "customer"]}]
    assert await world.everything() == before


async def test_a_later_answer_replaces_the_earlier_one(world: World) -> None:
    ann = await world.customer()
    given = (await submit(world, customer={"id": ann}))["feedback"]["id"]
    await reply(world, given, "Thank you.")
    world.clock.advance(minutes=5)

    answered = await reply(world, given, " Done.\nSee you. ")

    assert answered["userErrors"] == []
    assert answered["feedback"]["reply"] == {
        "message": "Done.\nSee you.",
        "by": "Desk",
        "at": "2026-11-21T12:05:00.000Z",
    }
    assert len(await world.all("feedback")) == 1


@pytest.mark.parametrize(
    ("id_", "message", "code", "field"),
    [
        ("fbk_01J00000000000000000000000", "Hello", "NOT_FOUND", "id"),
        ("cus_01J00000000000000000000000", "Hello", "INVALID", "id"),
        ("nonsense", "Hello", "INVALID", "id"),
        ("fbk_01J00000000000000000000000", "  ", "INVALID", "message"),
        ("fbk_01J00000000000000000000000", "x" * 5001, "INVALID", "message"),
        ("fbk_01J00000000000000000000000", "a\x00b", "INVALID", "message"),
        ("fbk_01J00000000000000000000000", "a\x1b[31mb", "INVALID", "message"),
    ],
)
async def test_a_bad_answer_is_refused_and_writes_nothing(
    world: World, id_: str, message: str, code: str, field: str
) -> None:
    before = await world.everything()

    refused = await reply(world, id_, message)

    assert refused["feedback"] is None
    assert refused["userErrors"] == [{"code": code, "field": [field]}]
    assert await world.everything() == before


@pytest.mark.parametrize("caller", [STOREFRONT, POS, customer_caller("cus_01J00000000000000000000000")])
async def test_only_the_desk_answers(world: World, caller: Caller) -> None:
    ann = await world.customer()
    given = (await submit(world, customer={"id": ann}))["feedback"]["id"]

    body = await world.answer(REPLY, {"id": given, "message": "Hi"}, caller=caller)

    assert body["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    (stored,) = await world.all("feedback")
    assert "reply" not in stored


async def test_events_tell_what_it_is_about_and_not_a_word_of_it(world: World) -> None:
    ann = await world.customer()
    given = (await submit(world, customer={"id": ann}, kind="NPS", score=2, comment="Ann Bell was rude"))["feedback"]
    await reply(world, given["id"], "Sorry, Ann")

    events = await world.all("outbox", {"topic": "FEEDBACK"})

    assert [(event["nodeId"], event["data"]["change"]) for event in events] == [
        (given["id"], "SUBMITTED"),
        (given["id"], "REPLIED"),
    ]
    assert events[0]["data"]["score"] == 2
    assert "Ann" not in str(events)
    assert "rude" not in str(events)


async def test_feedback_sent_again_under_its_key_is_given_once(world: World) -> None:
    ann = await world.customer()
    text = SUBMIT.replace("submitFeedback(input: $input)", 'submitFeedback(input: $input) @idempotent(key: "f-1")')
    sent = {"input": {"kind": "IDEA", "channel": "WEB", "comment": "Bigger mugs"}}

    first = (await world.data(text, sent, caller=customer_caller(ann)))["submitFeedback"]
    again = (await world.data(text, sent, caller=customer_caller(ann)))["submitFeedback"]

    assert again == {**first, "replayed": True}
    assert len(await world.all("feedback")) == 1
