"""`crm import jsonl`: what is wrong is told with its line, and what is right goes in all the same."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from services.imports import jsonl
from services.imports.jsonl import Imported, Problem, import_jsonl
from tests.services.imports.jsonl_lines import ANN, bought, brought_back, written
from tests.support import World

BAD_LINES: list[tuple[str, dict[str, Any] | bytes, str, tuple[str, ...]]] = [
    ("no JSON", b'{"purchase": ', "INVALID", ()),
    ("no UTF-8", '{"customer": {"firstName": "Jürgen"}}'.encode("latin-1"), "INVALID", ()),
    ("UTF-16", '{"customer": {}}'.encode("utf-16"), "INVALID", ()),
    ("no object", b"[1, 2]", "INVALID", ()),
    ("nothing in it", b"{}", "INVALID", ()),
    ("two things in one line", {**ANN, **bought("s-9", 1)}, "INVALID", ()),
    ("something unknown", {"order": {}}, "INVALID", ()),
    ("nesting without end", b'{"customer":' * 2000, "INVALID", ()),
    ("not an object inside", {"purchase": 5}, "INVALID", ("purchase",)),
    ("an unknown field", {"customer": {"email": "a@example.com", "shoeSize": 43}}, "INVALID", ("customer", "shoeSize")),
    ("a customer without a key", {"customer": {"firstName": "Ann"}}, "INVALID", ("customer",)),
    ("no address", {"customer": {"email": "ann"}}, "INVALID", ("customer", "email")),
    ("a number as total", bought("s-9", 1, total=1), "INVALID", ("purchase", "total")),
    ("a fraction as total", bought("s-9", 1, total=1.0), "INVALID", ("purchase", "total")),
    (
        "a number as quantity",
        bought("s-9", 1, lines=[{"lineNumber": 1, "sku": "MUG", "title": "MUG", "quantity": 1, "unitPrice": "1"}]),
        "INVALID",
        ("purchase", "lines", "0", "quantity"),
    ),
    ("no channel", bought("s-9", 1, channel=None), "INVALID", ("purchase", "channel")),
    ("another currency", bought("s-9", 1, currencyCode="EUR"), "CURRENCY_MISMATCH", ("purchase", "currencyCode")),
    ("a wrong total", bought("s-9", 1, total="2.00"), "TOTAL_MISMATCH", ("purchase", "total")),
    ("a sale to come", bought("s-9", 1, occurredAt="2027-01-01T00:00:00Z"), "INVALID", ("purchase", "occurredAt")),
    ("nobody's sale", bought("s-9", 1, {"email": "nobody@example.com"}), "NOT_FOUND", ("purchase", "customer")),
    ("another sale under this id", bought("s-1", 9), "CONFLICT", ("purchase", "externalId")),
    (
        "no lines and a total",
        bought("s-9", 1, lines=[], total="1.00", taxTotal="1.00"),
        "INVALID",
        ("purchase", "lines"),
    ),
    ("a return of nothing known", brought_back("r-9", "s-9"), "NOT_FOUND", ("return", "purchase")),
    (
        "more back than was bought",
        brought_back("r-9", "s-1", "2"),
        "RETURN_EXCEEDS_PURCHASE",
        ("return", "lines", "0", "quantity"),
    ),
]


@pytest.mark.parametrize(
    ("bad", "code", "field"), [case[1:] for case in BAD_LINES], ids=[case[0] for case in BAD_LINES]
)
async def test_a_bad_line_is_reported_and_the_rest_goes_in(
    world: World, tmp_path: Path, bad: dict[str, Any] | bytes, code: str, field: tuple[str, ...]
) -> None:
    path = written(tmp_path, ANN, bought("s-1", 30), bad, bought("s-2", 20, {"email": "ann@example.com"}))

    report = await import_jsonl(world.shop, path)

    assert [(problem.line, problem.code, problem.field) for problem in report.problems] == [(3, code, field)]
    assert report.problems[0].message
    assert (report.read, report.customers, report.purchases, report.returns, report.refused) == (4, 1, 2, 0, 1)
    assert len(await world.all("purchases")) == 2


async def test_everything_wrong_with_a_line_is_told(world: World, tmp_path: Path) -> None:
    path = written(tmp_path, {"customer": {"email": "ann", "phone": "1", "cardNumber": "C-1"}})

    report = await import_jsonl(world.shop, path)

    assert report.refused == 1
    assert [(problem.line, problem.field) for problem in report.problems] == [
        (1, ("customer", "email")),
        (1, ("customer", "phone")),
    ]


async def test_a_purchase_that_lost_all_its_lines_goes_in(world: World, tmp_path: Path) -> None:
    report = await import_jsonl(world.shop, written(tmp_path, bought("s-1", 0, lines=[], total="0")))

    assert report == Imported(read=1, purchases=1)


async def test_a_byte_order_mark_blank_lines_and_foreign_line_ends_are_tolerated(world: World, tmp_path: Path) -> None:
    path = written(tmp_path, b"\xef\xbb\xbf" + orjson.dumps(ANN), b"", b"  \t", bought("s-1", 30), end=b"\r\n")
    path.write_bytes(path.read_bytes() + orjson.dumps(bought("s-2", 20)))

    assert await import_jsonl(world.shop, path) == Imported(read=3, customers=1, purchases=2)


async def test_line_numbers_count_blank_lines(world: World, tmp_path: Path) -> None:
    report = await import_jsonl(world.shop, written(tmp_path, b"", b"", b"oops"))

    assert [problem.line for problem in report.problems] == [3]


async def test_a_line_too_long_is_reported_and_the_next_is_read(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = orjson.dumps(ANN)
    monkeypatch.setattr(jsonl, "LINE_BYTES_MAX", len(fits))
    path = written(tmp_path, b"x" * (5 * len(fits)), b"x" * (len(fits) + 1), fits)

    report = await import_jsonl(world.shop, path)

    assert (report.read, report.customers, report.refused) == (3, 1, 2)
    assert report.problems[0] == Problem(1, "INVALID", (), f"A line has at most {len(fits):,} bytes.")
    assert report.problems[1].line == 2
