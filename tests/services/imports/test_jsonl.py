"""`crm import jsonl`: what is right goes in once and in order."""

from pathlib import Path
from typing import Any

import pytest

from services.checking import check
from services.imports import jsonl
from services.imports.jsonl import Imported, import_jsonl
from tests.services.imports.jsonl_lines import ANN, bought, brought_back, ledger, the_customer, written
from tests.support import World, whole


async def test_customers_purchases_and_returns_go_in(world: World, tmp_path: Path) -> None:
    by = {"email": "ann@example.com"}
    path = written(tmp_path, ANN, bought("s-1", 30, by), bought("s-2", 20), brought_back("r-1", "s-1"))

    report = await import_jsonl(world.shop, path)

    assert report == Imported(read=4, customers=1, purchases=2, returns=1)
    assert await ledger(world, await the_customer(world)) == [("s-1", 30), ("r-1", -30)]
    assert {event["by"] for event in await world.all("outbox")} == {"system"}
    assert (await check(world.call())).differences == []


async def test_a_second_run_adds_nothing(world: World, tmp_path: Path) -> None:
    path = written(tmp_path, ANN, bought("s-1", 30, {"cardNumber": "C-1"}), brought_back("r-1", "s-1"))
    await import_jsonl(world.shop, path)
    names = await world.everything()
    before = {name: await world.all(name) for name in names}
    world.clock.advance(days=3)

    report = await import_jsonl(world.shop, path)

    assert report == Imported(read=3, unchanged=3)
    assert {name: await world.all(name) for name in names} == before


async def test_the_same_line_twice_in_a_file_counts_once(world: World, tmp_path: Path) -> None:
    path = written(tmp_path, ANN, ANN, bought("s-1", 30), bought("s-1", 30))

    assert await import_jsonl(world.shop, path) == Imported(read=4, customers=1, purchases=1, unchanged=2)


async def test_a_customer_with_more_keys_by_now_is_there_already(world: World, tmp_path: Path) -> None:
    await world.customer(phone="+43 660 1234567", cardNumber="C-1")

    report = await import_jsonl(world.shop, written(tmp_path, {"customer": {"cardNumber": "C-1"}}))

    assert report == Imported(read=1, unchanged=1)


@pytest.mark.parametrize(
    ("keys", "field"),
    [
        ({"email": "ann@example.com", "cardNumber": "C-2"}, "email"),
        ({"email": "new@example.com", "cardNumber": "C-1"}, "cardNumber"),
        ({"email": "ann@example.com", "phone": "+43 660 1234567"}, "email"),
    ],
    ids=["a key nobody has beside it", "a new address beside it", "two people's keys"],
)
async def test_a_customer_only_some_of_whose_keys_are_there_is_reported(
    world: World, tmp_path: Path, keys: dict[str, str], field: str
) -> None:
    await world.customer(cardNumber="C-1")
    await world.customer(email="bob@example.com", phone="+43 660 1234567")

    report = await import_jsonl(world.shop, written(tmp_path, {"customer": keys}))

    assert (report.refused, report.unchanged, report.customers) == (1, 0, 0)
    assert [(problem.code, problem.field) for problem in report.problems] == [("ALREADY_EXISTS", ("customer", field))]


@pytest.mark.parametrize("window", [1, 3, 1000])
async def test_what_one_person_did_happens_in_the_order_of_the_file_whatever_key_names_them(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    monkeypatch.setattr(jsonl, "WINDOW_LINES", window)
    keys = [{"email": "ann@example.com"}, {"cardNumber": "C-1"}, {"externalId": {"source": "shop", "value": "7"}}]
    lines = [bought(f"s-{n}", 100 + n, keys[n % 3]) for n in range(12)]
    lines.insert(7, brought_back("r-2", "s-2"))
    lines += [bought(f"other-{n}", 5) for n in range(20)]

    report = await import_jsonl(world.shop, written(tmp_path, ANN, *lines))

    assert (report.purchases, report.returns, report.problems) == (32, 1, [])
    posted = [value for value, _ in await ledger(world, await the_customer(world))]
    assert posted == [*(f"s-{n}" for n in range(7)), "r-2", *(f"s-{n}" for n in range(7, 12))]
    assert (await check(world.call())).differences == []


async def test_keys_the_shop_knows_stand_for_one_person(world: World, tmp_path: Path) -> None:
    ann = await world.customer(cardNumber="C-1")
    await world.sell(**whole(9), id="old", customer={"id": ann})
    keys = [{"id": ann}, {"email": "ann@example.com"}, {"cardNumber": "C-1"}]
    lines = [bought(f"s-{n}", 100 + n, keys[n % 3]) for n in range(9)]

    await import_jsonl(world.shop, written(tmp_path, *lines[:4], brought_back("r-1", "old"), *lines[4:]))

    posted = [value for value, _ in await ledger(world, ann)]
    assert posted == ["old", "s-0", "s-1", "s-2", "s-3", "r-1", *(f"s-{n}" for n in range(4, 9))]


async def test_a_person_named_before_the_line_that_creates_them_is_not_found(world: World, tmp_path: Path) -> None:
    early, late = bought("s-1", 30, {"email": "ann@example.com"}), bought("s-2", 20, {"cardNumber": "C-1"})

    report = await import_jsonl(world.shop, written(tmp_path, early, ANN, late))

    assert [(problem.line, problem.code) for problem in report.problems] == [(1, "NOT_FOUND")]
    assert await ledger(world, await the_customer(world)) == [("s-2", 20)]


async def test_different_people_are_worked_off_at_once_and_not_too_many(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running: list[int] = []
    active = 0
    record = jsonl.record_purchase

    async def counted(*args: Any) -> Any:
        nonlocal active
        active += 1
        running.append(active)
        try:
            return await record(*args)
        finally:
            active -= 1

    monkeypatch.setattr(jsonl, "record_purchase", counted)
    monkeypatch.setattr(jsonl, "LANES_AT_ONCE", 4)

    report = await import_jsonl(world.shop, written(tmp_path, *(bought(f"s-{n}", n + 1) for n in range(40))))

    assert report == Imported(read=40, purchases=40)
    assert max(running) == 4


async def test_many_new_products_at_once_are_no_reason_to_refuse(world: World, tmp_path: Path) -> None:
    def basket(n: int) -> dict[str, Any]:
        lines = [
            {
                "lineNumber": i + 1,
                "sku": f"NEW-{(n + i) % 12}",
                "title": f"NEW-{(n + i) % 12}",
                "quantity": "1",
                "unitPrice": "1",
            }
            for i in range(12)
        ]
        return bought(f"s-{n}", 12, lines=lines, total="12.00", storeCode="new")

    report = await import_jsonl(world.shop, written(tmp_path, *(basket(n) for n in range(24))))

    assert report == Imported(read=24, purchases=24)
    assert len(await world.all("products")) == 12


async def test_what_is_no_refusal_stops_the_import_and_is_raised(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> Any:
        raise RuntimeError("the database is gone")

    monkeypatch.setattr(jsonl, "record_purchase", broken)

    with pytest.raises(RuntimeError, match="the database is gone"):
        await import_jsonl(world.shop, written(tmp_path, *(bought(f"s-{n}", 1) for n in range(30))))


async def test_all_refused_lines_are_counted_and_only_the_first_problems_kept(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonl, "PROBLEMS_MAX", 3)
    monkeypatch.setattr(jsonl, "WINDOW_LINES", 2)

    report = await import_jsonl(world.shop, written(tmp_path, *[b"oops"] * 7))

    assert (report.read, report.refused) == (7, 7)
    assert [problem.line for problem in report.problems] == [1, 2, 3]


async def test_the_file_is_read_in_parts_and_progress_ends_at_its_size(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, *(bought(f"s-{n}", 1) for n in range(6)), b"", b"")
    monkeypatch.setattr(jsonl, "WINDOW_BYTES", path.stat().st_size // 3)
    told: list[int] = []

    await import_jsonl(world.shop, path, told.append)

    assert len(told) >= 3
    assert told == sorted(told)
    assert told[-1] == path.stat().st_size


async def test_an_empty_file_is_nothing(world: World, tmp_path: Path) -> None:
    assert await import_jsonl(world.shop, written(tmp_path)) == Imported()
