"""Wrong input, whatever it is: told with its place, nothing written, never our fault."""

from typing import Any

import pytest

from tests.support import CREATE, ERRORS, RECORD, RETURN, World, customer_caller, sale

UPDATE = f"""mutation($by: CustomerKey!, $input: UpdateCustomerInput!) {{
  updateCustomer(by: $by, input: $input) {{ customer {{ id }} {ERRORS} }} }}"""
FEEDBACK = f"mutation($input: FeedbackInput!) {{ submitFeedback(input: $input) {{ feedback {{ id }} {ERRORS} }} }}"
STORE = f"mutation($input: StoreInput!) {{ saveStore(input: $input) {{ store {{ id }} {ERRORS} }} }}"
SALES = f"""mutation($inputs: [RecordPurchaseInput!]!) {{ recordPurchases(inputs: $inputs) {{
  results {{ purchase {{ id }} {ERRORS} }} {ERRORS} }} }}"""
OPERATOR = '{"$ne": ""}'
INVALID = "INVALID"


def line(**fields: Any) -> dict[str, Any]:
    return {"lineNumber": 1, "sku": "MUG", "title": "MUG", "quantity": "2", "unitPrice": "5.45", **fields}


async def refused(world: World, document: str, **variables: Any) -> list[tuple[str, list[str] | None]]:
    """Send a mutation that must be refused as data and write nothing; return codes with fields."""
    before = await world.everything()
    (payload,) = (await world.data(document, variables)).values()
    assert [value for name, value in payload.items() if name not in ("userErrors", "warnings", "replayed")] in (
        [None],
        [None, None],
        [[]],
    )
    assert all(error["message"] for error in payload["userErrors"])
    assert await world.everything() == before
    return [(error["code"], error["field"]) for error in payload["userErrors"]]


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"total": "10.91"}, "TOTAL_MISMATCH", ["total"]),
        ({"discountTotal": "0.01"}, "TOTAL_MISMATCH", ["total"]),
        ({"lines": [line(quantity="0")]}, INVALID, ["lines", "0", "quantity"]),
        ({"lines": [line(quantity="-1")]}, INVALID, ["lines", "0", "quantity"]),
        ({"lines": [line(), line(lineNumber=2, quantity="0.000001")]}, INVALID, ["lines", "1", "quantity"]),
        ({"lines": [line(unitPrice="5.1234567")]}, INVALID, ["lines", "0", "unitPrice"]),
        ({"lines": [line(unitPrice="-5.45")]}, INVALID, ["lines", "0", "unitPrice"]),
        ({"lines": [line(lineNumber=0)]}, INVALID, ["lines", "0", "lineNumber"]),
        ({"lines": [line(sku=" ")]}, INVALID, ["lines", "0", "sku"]),
        ({"lines": [line(sku="x" * 101)]}, INVALID, ["lines", "0", "sku"]),
        ({"lines": [line(title="x" * 201)]}, INVALID, ["lines", "0", "title"]),
        ({"lines": []}, INVALID, ["lines"]),
        ({"lines": [line(lineNumber=n + 1) for n in range(501)]}, INVALID, ["lines"]),
        ({"currencyCode": "EUR"}, "CURRENCY_MISMATCH", ["currencyCode"]),
        ({"currencyCode": "usd"}, INVALID, ["currencyCode"]),
        ({"total": "NaN"}, INVALID, ["total"]),
        ({"total": "Infinity"}, INVALID, ["total"]),
        ({"total": "1e5"}, INVALID, ["total"]),
        ({"total": "1234567890123"}, INVALID, ["total"]),
        ({"total": "10.9000000"}, INVALID, ["total"]),
        ({"total": "10.905"}, INVALID, ["total"]),
        ({"total": "+10.90"}, INVALID, ["total"]),
        ({"total": "10,90"}, INVALID, ["total"]),
        ({"total": " 10.90"}, INVALID, ["total"]),
        ({"total": "10.90\n"}, INVALID, ["total"]),
        ({"total": "\u0661\u0660.90"}, INVALID, ["total"]),
        ({"total": ".90"}, INVALID, ["total"]),
        ({"total": ""}, INVALID, ["total"]),
        ({"total": OPERATOR}, INVALID, ["total"]),
        ({"occurredAt": "2026-11-21T11:00:00"}, INVALID, ["occurredAt"]),
        ({"occurredAt": "2026-11-21T12:06:00Z"}, INVALID, ["occurredAt"]),
        ({"occurredAt": "2026-11-21T12:05:00.001Z"}, INVALID, ["occurredAt"]),
        ({"occurredAt": "2026-02-30T11:00:00Z"}, INVALID, ["occurredAt"]),
        ({"occurredAt": "2026-11-21"}, INVALID, ["occurredAt"]),
        ({"occurredAt": "1899-12-31T23:59:59Z"}, INVALID, ["occurredAt"]),
        ({"occurredAt": OPERATOR}, INVALID, ["occurredAt"]),
        ({"customer": {"id": "pur_01J00000000000000000000000"}}, INVALID, ["customer", "id"]),
        ({"customer": {"id": OPERATOR}}, INVALID, ["customer", "id"]),
        ({"customer": {"email": "no address"}}, INVALID, ["customer", "email"]),
        ({"customer": {"phone": "0664 1234567"}}, INVALID, ["customer", "phone"]),
        ({"customer": {"email": "a\x00b@example.com"}}, INVALID, ["customer", "email"]),
        ({"externalId": {"source": "a\x00b", "value": "1"}}, INVALID, ["externalId", "source"]),
        ({"externalId": {"source": "a", "value": "\ud800"}}, INVALID, ["externalId", "value"]),
        ({"externalId": {"source": "", "value": "x" * 101}}, INVALID, ["externalId", "source"]),
        ({"terminalId": "a\nb"}, INVALID, ["terminalId"]),
        ({"channel": None}, INVALID, ["channel"]),
    ],
)
async def test_a_sale_that_is_wrong_is_refused_where_it_is_wrong(
    world: World, fields: dict[str, Any], code: str, field: list[str]
) -> None:
    errors = await refused(world, RECORD, input=sale(**fields))

    named = [place for _, place in errors]
    assert (code, ["input", *field]) in errors or (code, ["input", *field, "id"]) in errors, errors
    assert len(named) == len(errors)


async def test_a_sale_five_minutes_ahead_is_a_clock_that_is_a_little_wrong(world: World) -> None:
    assert (await world.sell(occurredAt="2026-11-21T12:05:00Z"))["userErrors"] == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"email": "nobody"}, ["email"]),
        ({"email": "a b@example.com"}, ["email"]),
        ({"email": OPERATOR}, ["email"]),
        ({"email": "a@" + "x" * 250 + ".com"}, ["email"]),
        ({"email": "\ud800@example.com"}, ["email"]),
        ({"phone": "12"}, ["phone"]),
        ({"phone": "+1"}, ["phone"]),
        ({"phone": "call me"}, ["phone"]),
        ({"phone": OPERATOR}, ["phone"]),
        ({"cardNumber": ""}, ["cardNumber"]),
        ({"cardNumber": "a\x00"}, ["cardNumber"]),
        ({"firstName": "x" * 201}, ["firstName"]),
        ({"firstName": "a\tb"}, ["firstName"]),
        ({"lastName": "\udfff"}, ["lastName"]),
        ({"birthDate": "17.5.1990"}, ["birthDate"]),
        ({"birthDate": "1990-02-29"}, ["birthDate"]),
        ({"birthDate": "2026-11-22"}, ["birthDate"]),
        ({"birthDate": OPERATOR}, ["birthDate"]),
        ({"locale": "de_AT"}, ["locale"]),
        ({"tags": ["ok", ""]}, ["tags", "1"]),
        ({"tags": ["t"] * 101}, ["tags"]),
        ({"externalIds": [{"source": "a", "value": ""}]}, ["externalIds", "0", "value"]),
        ({"attributes": [1]}, ["attributes"]),
        ({"attributes": "text"}, ["attributes"]),
        ({"attributes": {"$ne": ""}}, ["attributes"]),
        ({"attributes": {"a": {"b": [{"$where": "1"}]}}}, ["attributes"]),
        ({"attributes": {"a.b": 1}}, ["attributes"]),
        ({"attributes": {"": 1}}, ["attributes"]),
        ({"attributes": {"a\x00": 1}}, ["attributes"]),
        ({"attributes": {"a": "\x00"}}, ["attributes"]),
        ({"attributes": {"a": ["\ud800"]}}, ["attributes"]),
        ({"attributes": {"a": {"b": {"c": {"d": {"e": 1}}}}}}, ["attributes"]),
        ({"attributes": {"a": "x" * 16_385}}, ["attributes"]),
        ({"attributes": {"a": 2**53 + 1}}, ["attributes"]),
        ({"attributes": {"a": 2**70}}, ["attributes"]),
        ({"attributes": {"a": float("nan")}}, ["attributes"]),
        ({"attributes": {"a": [float("-inf")]}}, ["attributes"]),
        (
            {"consents": [{"purpose": "ANALYTICS", "state": "GRANTED", "source": "x" * 101}]},
            ["consents", "0", "source"],
        ),
    ],
)
async def test_a_person_that_is_wrong_is_refused_where_it_is_wrong(
    world: World, fields: dict[str, Any], field: list[str]
) -> None:
    assert (INVALID, ["input", *field]) in await refused(world, CREATE, input={"cardNumber": "C-1", **fields})


async def test_attributes_of_five_levels_and_nearly_sixteen_kilobytes_are_taken_as_they_are(world: World) -> None:
    attributes = {"a": {"b": {"c": [1, 1.5, True, None, "x" * 16_000, "\r\n", "ß", 2**53]}}}

    id_ = await world.customer(attributes=attributes)

    found = await world.data("query($id: ID!) { customer(by: {id: $id}) { attributes } }", {"id": id_})
    assert found["customer"]["attributes"] == attributes


@pytest.mark.parametrize("version", [0, -1])
async def test_a_version_begins_at_one(world: World, version: int) -> None:
    id_ = await world.customer()

    errors = await refused(world, UPDATE, by={"id": id_}, input={"expectedVersion": version})

    assert errors == [(INVALID, ["input", "expectedVersion"])]


@pytest.mark.parametrize(
    ("document", "variables", "field"),
    [
        (UPDATE, {"by": {"id": "fbk_01J00000000000000000000000"}, "input": {}}, ["by", "id"]),
        (UPDATE, {"by": {"phone": "x"}, "input": {}}, ["by", "phone"]),
        (UPDATE, {"by": {"cardNumber": "\x00"}, "input": {}}, ["by", "cardNumber"]),
        (STORE, {"input": {"code": "", "name": "V"}}, ["input", "code"]),
        (STORE, {"input": {"code": "v", "name": "\ud800"}}, ["input", "name"]),
        (FEEDBACK, {"input": {"kind": "IDEA", "channel": "WEB", "comment": "x" * 5001}}, ["input", "comment"]),
        (FEEDBACK, {"input": {"kind": "IDEA", "channel": "WEB", "comment": "a\x1bb"}}, ["input", "comment"]),
    ],
)
async def test_other_arguments_are_told_with_their_path_from_the_argument(
    world: World, document: str, variables: dict[str, Any], field: list[str]
) -> None:
    assert await refused(world, document, **variables) == [(INVALID, field)]


async def test_a_return_of_nothing_of_an_id_of_another_type_in_the_future_says_all_of_it(world: World) -> None:
    back = {
        "externalId": {"source": "till-7", "value": "r-1"},
        "purchase": {"id": "cus_01J00000000000000000000000"},
        "occurredAt": "2026-11-21T12:06:00Z",
        "lines": [{"lineNumber": 1, "quantity": "0"}],
        "refundTotal": "-1",
    }

    assert await refused(world, RETURN, input=back) == [
        (INVALID, ["input", "occurredAt"]),
        (INVALID, ["input", "lines", "0", "quantity"]),
        (INVALID, ["input", "refundTotal"]),
    ]
    good = {"occurredAt": "2026-11-21T12:00:00Z", "lines": [{"lineNumber": 1, "quantity": "1"}], "refundTotal": None}
    errors = await refused(world, RETURN, input={**back, **good})
    assert errors == [(INVALID, ["input", "purchase", "id"])]


async def test_five_hundred_and_one_rows_are_refused_as_a_whole(world: World) -> None:
    rows = [sale(id=f"s-{number}") for number in range(501)]

    assert await refused(world, SALES, inputs=rows) == [(INVALID, ["inputs"])]


@pytest.mark.parametrize("key", ["", ' @idempotent(key: "k-1")'])
async def test_a_bad_row_is_told_from_the_row_and_stops_no_other(world: World, key: str) -> None:
    rows = [sale(id="s-1"), sale(id="\ud800"), sale(id="s-2", total="NaN")]

    answer = await world.data(SALES.replace("(inputs: $inputs)", f"(inputs: $inputs){key}"), {"inputs": rows})

    first, second, third = answer["recordPurchases"]["results"]
    assert first["userErrors"] == []
    assert [(error["code"], error["field"]) for error in second["userErrors"]] == [(INVALID, ["externalId", "value"])]
    assert [(error["code"], error["field"]) for error in third["userErrors"]] == [(INVALID, ["total"])]
    assert len(await world.all("purchases")) == 1


async def test_an_idempotency_key_that_is_none_is_refused(world: World) -> None:
    document = CREATE.replace("(input: $input)", "(input: $input) @idempotent(key: $key)", 1)
    document = document.replace("($input: CreateCustomerInput!)", "($input: CreateCustomerInput!, $key: String!)")
    for key in ("", "x" * 256, "a\x00b", "a\nb", "\ud800"):
        assert await refused(world, document, input={"email": "a@example.com"}, key=key) == [(INVALID, None)]


async def test_a_customers_own_mutations_are_checked_alike(world: World) -> None:
    ann = await world.customer()
    before = await world.everything()

    body = await world.data(
        'mutation { updateMe(input: {email: "x"}) { customer { id } userErrors { code field } } }',
        caller=customer_caller(ann),
    )

    assert body["updateMe"] == {"customer": None, "userErrors": [{"code": INVALID, "field": ["input", "email"]}]}
    assert await world.everything() == before
