"""Whether an offer applies, and every reason with its distance if not."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from crm.offers.eligibility import Reason, lacking, reasons
from crm.offers.hours import birthday_near, next_period, opens_at
from crm.offers.values import Buyer, IneligibilityCode, Offer, Usage, WeeklyHours
from crm.values import Period
from tests.crm.offers.carts import (
    NOON,
    UNIT,
    amount,
    basket,
    bonus,
    buy_get,
    buyer,
    free_item,
    line,
    percent,
    reward_code,
    times,
)

CART = basket(line(1, "A", 2, 500, "tea"), line(2, "B", 1.5, 200), store="S1")  # 10.00 + 3.00

Code = IneligibilityCode


def why(offer: Offer, by: Buyer | None = None, *, anonymous: bool = False, **fields: Any) -> list[str]:
    found = reasons(offer, CART, None if anonymous else by or buyer(), **fields)
    return [one.code.value for one in found]


def only(offer: Offer, by: Buyer | None = None, **fields: Any) -> Reason:
    (reason,) = reasons(offer, CART, by or buyer(), **fields)
    return reason


APPLY: list[tuple[Offer, Buyer | None]] = [
    (percent("o", 10), None),
    (percent("o", 10, channels=["WEB", "POS"], store_codes=["S1"]), None),
    (percent("o", 10, starts_at=NOON), None),
    (percent("o", 10, tiers=["tier_1", "tier_2"]), None),
    (percent("o", 10, tags=["vip"]), buyer(tags=frozenset({"vip", "b"}))),
    (percent("o", 10, attributes={"size": 4, "new": True}), buyer(attributes={"size": 4, "new": True, "x": [1]})),
    (percent("o", 10, customers=["cus_1"]), None),
    (percent("o", 10, first_purchase=True), buyer(first_purchase=True)),
    (percent("o", 10, birthday_within_days=7), buyer(birth_date=date(1990, 3, 25))),
    (percent("o", 10, minimum_spend=1300), None),
    (percent("o", 10, minimum_spend=1000, skus=["A"]), None),
    (percent("o", 10, minimum_quantity=round(3.5 * UNIT)), None),
    (percent("o", 10, required_skus=["A", "B"]), None),
    (percent("o", 10, weekly_hours=(WeeklyHours(day=3, from_minute=720, to_minute=721),)), None),
]


@pytest.mark.parametrize(("offer", "by"), APPLY)
def test_an_offer_applies_where_all_its_conditions_hold(offer: Offer, by: Buyer | None) -> None:
    assert why(offer, by) == []


REFUSED: list[tuple[Offer, Buyer | None, str]] = [
    (percent("o", 10, ends_at=NOON), None, "ENDED"),
    (percent("o", 10, active=False), None, "ENDED"),
    (percent("o", 10, channels=["POS"]), None, "WRONG_CHANNEL"),
    (percent("o", 10, store_codes=["S2"]), None, "WRONG_STORE"),
    (percent("o", 10, tags=["vip", "b"]), buyer(tags=frozenset({"vip"})), "NOT_IN_AUDIENCE"),
    (percent("o", 10, attributes={"size": 4}), buyer(attributes={"size": "4"}), "NOT_IN_AUDIENCE"),
    (percent("o", 10, attributes={"new": True}), buyer(attributes={"new": 1}), "NOT_IN_AUDIENCE"),
    (percent("o", 10, attributes={"size": 4}), None, "NOT_IN_AUDIENCE"),
    (percent("o", 10, customers=["cus_2"]), None, "NOT_IN_AUDIENCE"),
    (percent("o", 10, birthday_within_days=7), None, "NOT_IN_AUDIENCE"),
    (percent("o", 10, first_purchase=True), None, "NOT_FIRST_PURCHASE"),
    (percent("o", 10, skus=["C"]), None, "PRODUCTS_MISSING"),
    (percent("o", 10, skus=["B"], categories=["tea"]), None, "PRODUCTS_MISSING"),
    (percent("o", 10, required_skus=["A", "C"]), None, "PRODUCTS_MISSING"),
    (percent("o", 10, requires_code=True), None, "CODE_REQUIRED"),
]


@pytest.mark.parametrize(("offer", "by", "code"), REFUSED)
def test_an_offer_does_not_apply_where_one_does_not(offer: Offer, by: Buyer | None, code: str) -> None:
    assert why(offer, by) == [code]


@pytest.mark.parametrize(
    "offer",
    [
        percent("o", 10, tiers=["tier_1"]),
        percent("o", 10, customers=["cus_1"]),
        percent("o", 10, first_purchase=True),
        percent("o", 10, birthday_within_days=3),
        percent("o", 10, per_customer=1),
        percent("o", 10, per_period=1, period=Period.DAY),
        times("o", 2),
        bonus("o", 5),
        reward_code("o"),
    ],
)
def test_what_is_about_a_person_needs_one(offer: Offer) -> None:
    assert why(offer, anonymous=True) == ["CUSTOMER_REQUIRED"]


def test_every_reason_is_told_at_once() -> None:
    offer = percent(
        "o", 10, channels=["POS"], tags=["vip"], skus=["C"], minimum_spend=100, requires_code=True, total=1,
        ends_at=NOON,
    )  # fmt: skip
    expected = [
        "ENDED", "WRONG_CHANNEL", "NOT_IN_AUDIENCE", "PRODUCTS_MISSING", "BELOW_MINIMUM_SPEND", "OFFER_LIMIT_REACHED",
        "CODE_REQUIRED",
    ]  # fmt: skip
    assert why(offer, usage=Usage(total=1)) == expected


def test_distances_say_what_is_missing() -> None:
    later = datetime(2026, 4, 1, tzinfo=UTC)
    assert only(percent("o", 10, starts_at=later)) == Reason(code=Code.NOT_STARTED, available_at=later)
    assert only(percent("o", 10, minimum_spend=1750)) == Reason(code=Code.BELOW_MINIMUM_SPEND, missing_amount=450)
    assert only(percent("o", 10, minimum_spend=450, skus=["B"])).missing_amount == 150
    assert only(percent("o", 10, minimum_quantity=4 * UNIT)).missing_quantity == UNIT // 2
    assert only(buy_get("o", 2, 1, skus=["A"])) == Reason(code=Code.BELOW_MINIMUM_QUANTITY, missing_quantity=UNIT)
    assert only(buy_get("o", 2, 1, skus=["A"], get_skus=("C",))).missing_quantity == UNIT
    assert only(free_item("o", "C")) == Reason(code=Code.PRODUCTS_MISSING, missing_quantity=UNIT)


def test_a_tier_above_is_so_many_points_away() -> None:
    offer = percent("o", 10, tiers=["tier_2", "tier_3"])
    assert only(offer, points_to={"tier_2": 120, "tier_3": 1620}).missing_points == 120
    assert only(percent("o", 10, tiers=["tier_0"]), points_to={"tier_2": 120}).missing_points is None


def test_limits_count_everybody_and_each_person() -> None:
    assert why(percent("o", 10, total=3), usage=Usage(total=2)) == []
    assert why(percent("o", 10, total=3), usage=Usage(total=3)) == ["OFFER_LIMIT_REACHED"]
    assert why(percent("o", 10, per_customer=1), usage=Usage(by_customer=1)) == ["CUSTOMER_LIMIT_REACHED"]
    assert why(percent("o", 10, budget=500), usage=Usage(spent=499)) == []
    assert why(percent("o", 10, budget=500), usage=Usage(spent=500)) == ["BUDGET_SPENT"]
    weekly = percent("o", 10, per_period=2, period=Period.WEEK)
    assert why(weekly, usage=Usage(in_period=1, by_customer=9)) == []
    assert only(weekly, usage=Usage(in_period=2)).available_at == datetime(2026, 3, 23, tzinfo=UTC)


def test_a_code_that_was_sent_unlocks_it() -> None:
    assert why(percent("o", 10, requires_code=True), code_sent=True) == []
    assert why(percent("o", 10, code="SPRING")) == []


def test_an_offline_till_lacks_only_what_its_cart_lacks() -> None:
    offer = percent("o", 10, ends_at=NOON, tags=["vip"], total=1, skus=["C"])
    assert [one.code for one in lacking(offer, CART)] == [Code.PRODUCTS_MISSING]
    assert lacking(amount("o", 5, channels=["POS"], customers=["cus_9"]), CART) == ()


BERLIN = ZoneInfo("Europe/Berlin")


def hours(day: int, start: str, end: str) -> WeeklyHours:
    minutes = [int(text[:2]) * 60 + int(text[3:]) for text in (start, end)]
    return WeeklyHours(day=day, from_minute=minutes[0], to_minute=minutes[1])


@pytest.mark.parametrize(
    ("local", "hour", "expected"),
    [
        ("2026-03-18T08:59", hours(3, "09:00", "12:00"), "2026-03-18T08:00"),  # Wednesday, UTC + 1
        ("2026-03-18T12:00", hours(3, "09:00", "12:00"), "2026-03-25T08:00"),  # a week later
        ("2026-03-28T20:00", hours(7, "09:00", "12:00"), "2026-03-29T07:00"),  # summer time begins that Sunday
        ("2026-03-29T01:00", hours(7, "02:30", "04:00"), "2026-03-29T01:00"),  # 02:30 is not shown: 03:00 is the first
        ("2026-03-29T01:00", hours(7, "02:00", "03:00"), "2026-04-05T00:00"),  # none of it is shown that day
        ("2026-10-25T01:00", hours(7, "02:00", "02:30"), "2026-10-25T00:00"),  # the first of two
        ("2026-10-25T02:45", hours(7, "02:00", "02:30"), "2026-10-25T01:00"),  # the second of two
    ],
)
def test_the_next_hours_are_found_whatever_the_clocks_do(local: str, hour: WeeklyHours, expected: str) -> None:
    found = opens_at([hour], datetime.fromisoformat(local).replace(tzinfo=BERLIN))
    assert found == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_an_hour_that_comes_twice_is_open_twice() -> None:
    offer = percent("o", 10, weekly_hours=(hours(7, "02:00", "03:00"),))
    open_ = []
    for hour in range(4):
        at = datetime(2026, 10, 25, hour, tzinfo=UTC)
        cart = basket(line(1, "A", 1, 100), at=at, zone="Europe/Berlin")
        open_.append(not reasons(offer, cart, None))
    assert open_ == [True, True, False, False]  # 02:00 in summer time, 02:00 again, 03:00, 04:00


def test_hours_after_the_end_are_no_promise() -> None:
    offer = percent("o", 10, weekly_hours=(hours(5, "09:00", "10:00"),), ends_at=datetime(2026, 3, 19, tzinfo=UTC))
    assert only(offer) == Reason(code=Code.WRONG_TIME)


@pytest.mark.parametrize(
    ("born", "days", "today", "near"),
    [
        (date(1990, 12, 30), 5, date(2026, 1, 4), True),
        (date(1990, 12, 30), 5, date(2026, 1, 5), False),
        (date(1990, 1, 2), 3, date(2026, 12, 30), True),
        (date(1990, 1, 2), 3, date(2026, 12, 29), False),
        (date(1992, 2, 29), 0, date(2026, 2, 28), True),
        (date(1992, 2, 29), 0, date(2028, 2, 28), False),
        (date(1992, 2, 29), 0, date(2028, 2, 29), True),
        (date(1992, 2, 29), 1, date(2026, 3, 1), True),
        (date(1990, 6, 1), 366, date(2026, 11, 30), True),
    ],
)
def test_birthdays_are_near_around_the_years_end_and_on_the_29th_of_february(
    born: date, days: int, today: date, near: bool
) -> None:
    assert birthday_near(born, days, today) is near


def test_a_birthday_to_come_says_when() -> None:
    by = buyer(birth_date=date(1990, 4, 10))
    assert only(percent("o", 10, birthday_within_days=7), by).available_at == datetime(2026, 4, 3, tzinfo=UTC)
    past = buyer(birth_date=date(1990, 3, 1))
    assert only(percent("o", 10, birthday_within_days=7), past).available_at == datetime(2027, 2, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        (Period.DAY, datetime(2026, 12, 31, 23, tzinfo=UTC)),
        (Period.WEEK, datetime(2027, 1, 3, 23, tzinfo=UTC)),
        (Period.MONTH, datetime(2026, 12, 31, 23, tzinfo=UTC)),
        (Period.YEAR, datetime(2026, 12, 31, 23, tzinfo=UTC)),
        (Period.EVER, None),
    ],
)
def test_a_period_is_over_at_a_local_midnight(period: Period, expected: datetime | None) -> None:
    assert next_period(period, datetime(2026, 12, 31, 18, tzinfo=BERLIN)) == expected
