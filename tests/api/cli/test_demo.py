"""`crm demo`'s first start, which a person may well interrupt; the loading itself is tested with the import."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.cli import demo
from api.settings import Settings
from services.api_keys import caller_of
from services.context import Shop
from services.imports.complete_journey import JourneyReport
from services.imports.journey_reader import JourneyTotals, JourneyTraps
from tests.support import World

SETTINGS = Settings(secret="s" * 32)
NOTHING_LOADED = JourneyReport(
    expected=JourneyTotals(households=1, baskets=1, lines=1, sales=1),
    traps=JourneyTraps(
        lines_read=1,
        lines_left_out=0,
        lines_mended=0,
        baskets_emptied=0,
        lines_without_product=0,
        sold_lines_without_product=0,
        sold_lines_without_value=0,
        lines_in_bulk=0,
        lines_with_rounded_price=0,
        lines_with_manufacturer_coupon=0,
        manufacturer_coupons=0,
        baskets_in_2018_utc=0,
    ),
    shift_weeks=0,
)


class Days:
    """Stands for today in the demo, and takes the place of the import: it sells one thing, and may be interrupted."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.today = datetime(2026, 11, 21, 23, 0, tzinfo=UTC)
        self.interrupted = False
        self.loads: list[tuple[int | None, datetime | None]] = []
        self._world = world
        monkeypatch.setattr(demo, "utc_now", lambda: self.today)
        monkeypatch.setattr(demo, "load_journey", self._load)

    async def _load(self, _: Shop, households: int | None, shift_to: datetime | None) -> JourneyReport:
        self.loads.append((households, shift_to))
        await self._world.sell(id=f"s-{len(self.loads)}")
        if self.interrupted:
            raise KeyboardInterrupt
        return NOTHING_LOADED


@pytest.fixture
def days(world: World, monkeypatch: pytest.MonkeyPatch) -> Days:
    return Days(world, monkeypatch)


async def start(world: World, folder: Path) -> None:
    await demo._prepare(world.shop, SETTINGS, 300, 8000, folder)


async def test_the_first_start_loads_and_the_second_does_not(world: World, days: Days, tmp_path: Path) -> None:
    await start(world, tmp_path / "data")
    days.today += timedelta(days=30)
    await start(world, tmp_path / "data")

    assert days.loads == [(300, datetime(2026, 11, 21))]  # noqa: DTZ001 -- a day, as typer reads one


async def test_a_first_start_that_was_interrupted_is_completed_by_the_next_to_the_same_day(
    world: World, days: Days, tmp_path: Path
) -> None:
    days.interrupted = True
    with pytest.raises(KeyboardInterrupt):
        await start(world, tmp_path / "data")
    days.interrupted = False
    days.today += timedelta(days=30)

    await start(world, tmp_path / "data")
    await start(world, tmp_path / "data")

    assert [day for _, day in days.loads] == [datetime(2026, 11, 21)] * 2  # noqa: DTZ001 -- a day, as typer reads one


async def test_every_start_prints_the_same_keys_one_for_every_role(
    world: World, days: Days, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await start(world, tmp_path / "data")
    first = (tmp_path / "data" / "demo.json").read_text()
    capsys.readouterr()

    await start(world, tmp_path / "data")

    printed = capsys.readouterr().out
    assert (tmp_path / "data" / "demo.json").read_text() == first
    assert (tmp_path / "data" / "demo.json").stat().st_mode & 0o077 == 0
    roles = [line.split()[0] for line in printed.splitlines() if " crm_" in line]
    assert roles == ["STOREFRONT", "POS", "STAFF", "ADMIN"]
    for line in printed.splitlines():
        if " crm_" in line:
            role, key = line.split()
            caller = await caller_of(world.shop, key)
            assert caller is not None
            assert caller.role == role
    assert days.loads
