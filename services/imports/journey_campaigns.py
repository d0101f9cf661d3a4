"""The Complete Journey's 27 campaigns: who was mailed, which coupons on which products, and who redeemed what.

Dates are days of the shops, in New York, both included. Source: the dataset's user guide (dunnhumby).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from services.imports.journey_files import installed_folder, read_columns

NEW_YORK = ZoneInfo("America/New_York")


@dataclass(frozen=True, slots=True, kw_only=True)
class JourneyCoupon:
    """One coupon of a campaign, on any of its products."""

    upc: str
    skus: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JourneyRedemption:
    """One household using one coupon once."""

    household: str
    upc: str
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class JourneyCampaign:
    """One campaign; `kind` is "Type A", "B" or "C"; redemptions in order of day, household, coupon."""

    number: int
    kind: str
    first_day: date
    last_day: date
    households: tuple[str, ...]
    coupons: tuple[JourneyCoupon, ...]
    redemptions: tuple[JourneyRedemption, ...]

    @property
    def starts_at(self) -> datetime:
        """The first instant of the first day."""
        return datetime.combine(self.first_day, time(), NEW_YORK).astimezone(UTC)

    @property
    def ends_at(self) -> datetime:
        """The first instant after the last day."""
        return datetime.combine(self.last_day + timedelta(days=1), time(), NEW_YORK).astimezone(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class JourneyCampaigns:
    """All campaigns by number, and how much was read; a redemption repeats one of its household and coupon."""

    campaigns: tuple[JourneyCampaign, ...]
    mailings: int
    coupon_rows: int
    coupon_rows_repeated: int
    redemptions_read: int
    redemptions_repeated: int


def read_campaigns(folder: Path | None = None) -> JourneyCampaigns:
    """Read the four files.

    Raises:
        JourneyDataError: the data is not installed, or a column is missing or has gaps.
    """
    folder = folder or installed_folder()
    described = _rows(folder, "campaign_descriptions", ("campaign_id", "campaign_type", "start_date", "end_date"))
    mailed = _rows(folder, "campaigns", ("campaign_id", "household_id"))
    listed = _rows(folder, "coupons", ("campaign_id", "coupon_upc", "product_id"))
    used = _rows(folder, "coupon_redemptions", ("campaign_id", "redemption_date", "household_id", "coupon_upc"))
    households: dict[int, set[int]] = {}
    for campaign, household in mailed:
        households.setdefault(campaign, set()).add(household)
    coupons: dict[int, dict[int, set[int]]] = {}
    for campaign, upc, product in listed:
        coupons.setdefault(campaign, {}).setdefault(upc, set()).add(product)
    redeemed: dict[int, list[JourneyRedemption]] = {}
    for campaign, at, household, upc in sorted(used):
        one = JourneyRedemption(household=str(household), upc=str(upc), day=_day(at))
        redeemed.setdefault(campaign, []).append(one)
    campaigns = tuple(
        JourneyCampaign(
            number=number,
            kind=kind,
            first_day=_day(first),
            last_day=_day(last),
            households=tuple(str(household) for household in sorted(households.get(number, ()))),
            coupons=tuple(
                JourneyCoupon(upc=str(upc), skus=tuple(sorted(products)))
                for upc, products in sorted(coupons.get(number, {}).items())
            ),
            redemptions=tuple(redeemed.get(number, ())),
        )
        for number, kind, first, last in sorted(described)
    )
    return JourneyCampaigns(
        campaigns=campaigns,
        mailings=len(set(mailed)),
        coupon_rows=len(listed),
        coupon_rows_repeated=len(listed) - len(set(listed)),
        redemptions_read=len(used),
        redemptions_repeated=len(used) - len({(campaign, household, upc) for campaign, _, household, upc in used}),
    )


def _rows(folder: Path, name: str, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    read = read_columns(folder / f"{name}.parquet", columns)
    return list(zip(*(read[column].to_pylist() for column in columns), strict=True))


def _day(at: datetime | date) -> date:
    return at.date() if isinstance(at, datetime) else at
