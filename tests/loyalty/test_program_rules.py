"""What a programme must be to be saved: every bound from both sides, and all that is wrong at once."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest

from crm.refusals import UserErrorCode
from crm.values import Period
from loyalty.program import BEGINNING, default_program
from loyalty.program_rules import check_program, ordered_tiers
from loyalty.values import (
    EarningEvent,
    EarningRule,
    ExpiryKind,
    ExpiryPolicy,
    PendingKind,
    PendingPolicy,
    Program,
    ReferralPolicy,
    Reward,
    RewardKind,
    Tier,
)

DEFAULT = default_program(lambda prefix: prefix)
PROGRAM = replace(DEFAULT, tiers=tuple(replace(tier, id=tier.name) for tier in DEFAULT.tiers))
POINTS_MAX = 1_000_000


def paths(program: Program) -> list[str]:
    """Return the fields that are refused, joined by dots."""
    refusals = check_program(program)
    assert all(refusal.code is UserErrorCode.INVALID and refusal.message.endswith(".") for refusal in refusals)
    return [".".join(refusal.field or ()) for refusal in refusals]


def tier(threshold: int = 0, id: str = "t", **fields: Any) -> Tier:
    return replace(Tier(id=id, name=id, threshold=threshold, earn_multiplier=Fraction(1)), **fields)


def rule(**fields: Any) -> EarningRule:
    """Return a rule for purchases; flat where `points` are given."""
    given = None if "points" in fields else Fraction(1)
    return replace(EarningRule(id="r", name="r", event=EarningEvent.PURCHASE, points_per_unit=given), **fields)


def reward(kind: RewardKind, **fields: Any) -> Reward:
    return replace(Reward(id="w", title="w", points=100, kind=kind), **fields)


def with_rules(*rules: EarningRule) -> Program:
    return replace(PROGRAM, earning_rules=rules)


def test_the_programme_of_a_new_installation_may_be_saved() -> None:
    assert check_program(PROGRAM) == ()


def test_a_programme_that_uses_everything_may_be_saved() -> None:
    capped: dict[str, Any] = {"cap_points": 50, "cap_period": Period.MONTH}
    rules = (
        rule(id="1", categories=("food",), skus=("X",), channels=("POS",), store_codes=("s",), tiers=("Gold",)),
        rule(id="2", event=EarningEvent.FIRST_PURCHASE, points_per_unit=Fraction(10_000), **capped),
        rule(id="3", event=EarningEvent.FIRST_PURCHASE, points=POINTS_MAX, categories=("food",)),
        rule(id="4", event=EarningEvent.BIRTHDAY, points=1, active=False),
        rule(id="5", event=EarningEvent.PROFILE_COMPLETED, points=1),
        rule(id="6", event=EarningEvent.FEEDBACK, points=1, channels=("APP",), **capped),
        rule(id="7", event=EarningEvent.REFERRAL, points=1, **capped),
        rule(id="8", event=EarningEvent.CUSTOM_EVENT, event_name="quiz", points=1, **capped),
        rule(id="9", starts_at=BEGINNING, ends_at=BEGINNING + timedelta(milliseconds=1)),
    )
    rewards = (
        reward(RewardKind.AMOUNT_OFF, id="1", value=1, points=1),
        reward(RewardKind.PRODUCT, id="2", product_sku="MUG", points=10**9),
        reward(RewardKind.OFFER_CODE, id="3", offer_id="off_1", per_customer_limit=1),
    )
    referral = ReferralPolicy(referrer_points=POINTS_MAX, referee_points=0, minimum_spend=0, per_referrer_limit=1)
    program = replace(PROGRAM, earning_rules=rules, rewards=rewards, referral=referral, overdraft_points=POINTS_MAX)
    assert check_program(program) == ()


@pytest.mark.parametrize(
    ("tiers", "refused"),
    [
        ((), ["tiers"]),
        (tuple(tier(number, str(number)) for number in range(20)), []),
        (tuple(tier(number, str(number)) for number in range(21)), ["tiers"]),
        ((tier(500, "b"), tier(0, "a"), tier(10**9, "c")), []),  # in any order
        ((tier(500, "b"), tier(1, "a")), ["tiers.1.threshold"]),
        ((tier(500, "b"), tier(-1, "a")), ["tiers.1.threshold"]),
        ((tier(0, "a"), tier(10**9 + 1, "b")), ["tiers.1.threshold"]),
        ((tier(0, "a"), tier(500, "b"), tier(500, "c")), ["tiers.2.threshold"]),
        ((tier(0, "a"), tier(0, "b"), tier(0, "c")), ["tiers.1.threshold", "tiers.2.threshold"]),
        ((tier(0, "a", name="Gold"), tier(1, "b", name="gold ")), ["tiers.1.name"]),
        ((tier(0, "a", name="Strasse"), tier(1, "b", name="STRAßE")), ["tiers.1.name"]),
        ((tier(0, "a", name="A"), tier(1, "a", name="B")), ["tiers.1.id"]),
        ((tier(earn_multiplier=Fraction(0)),), ["tiers.0.earnMultiplier"]),
        ((tier(earn_multiplier=Fraction(-1)),), ["tiers.0.earnMultiplier"]),
        ((tier(earn_multiplier=Fraction(1, 10**6)),), []),
        ((tier(earn_multiplier=Fraction(100)),), []),
        ((tier(earn_multiplier=Fraction(100) + Fraction(1, 10**6)),), ["tiers.0.earnMultiplier"]),
    ],
)
def test_tiers_are_a_ladder_from_zero(tiers: tuple[Tier, ...], refused: list[str]) -> None:
    assert paths(replace(PROGRAM, tiers=tiers, earning_rules=())) == refused


def test_tiers_that_begin_at_one_threshold_are_called_overlapping() -> None:
    (refusal,) = check_program(replace(PROGRAM, tiers=(tier(0, "a"), tier(0, "b"))))
    assert "overlapping" in refusal.message


def test_tiers_are_put_in_order_by_their_threshold() -> None:
    assert [one.id for one in ordered_tiers([tier(500, "b"), tier(2000, "c"), tier(0, "a")])] == ["a", "b", "c"]


CAP: dict[str, Any] = {"cap_points": 1, "cap_period": Period.EVER}


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"points_per_unit": None}, ["points"]),
        ({"points_per_unit": Fraction(1), "points": 1}, ["points"]),
        ({"points_per_unit": Fraction(0)}, ["pointsPerUnit"]),
        ({"points_per_unit": Fraction(-1)}, ["pointsPerUnit"]),
        ({"points_per_unit": Fraction(10_000)}, []),
        ({"points_per_unit": Fraction(10_001)}, ["pointsPerUnit"]),
        ({"points": 0}, ["points"]),
        ({"points": -1}, ["points"]),
        ({"points": 1}, []),
        ({"points": POINTS_MAX}, []),
        ({"points": POINTS_MAX + 1}, ["points"]),
        ({"event": EarningEvent.FIRST_PURCHASE}, []),
        ({"event": EarningEvent.BIRTHDAY}, ["pointsPerUnit"]),
        ({"event": EarningEvent.FEEDBACK, **CAP}, ["pointsPerUnit"]),
        ({"event": EarningEvent.CUSTOM_EVENT, "points": 1, **CAP}, ["eventName"]),
        ({"event": EarningEvent.CUSTOM_EVENT, "points": 1, "event_name": " ", **CAP}, ["eventName"]),
        ({"event_name": "quiz"}, ["eventName"]),
        ({"event": EarningEvent.FEEDBACK, "points": 1, "event_name": "", **CAP}, ["eventName"]),
        ({"event": EarningEvent.BIRTHDAY, "points": 1, "categories": ("a",)}, ["categories"]),
        ({"event": EarningEvent.BIRTHDAY, "points": 1, "skus": ("a",)}, ["skus"]),
        ({"categories": ()}, ["categories"]),
        ({"skus": ()}, ["skus"]),
        ({"channels": ()}, ["channels"]),
        ({"store_codes": ()}, ["storeCodes"]),
        ({"tiers": ()}, ["tiers"]),
        ({"tiers": ("Gold", "gold", "Silver", "Tin")}, ["tiers.1", "tiers.3"]),
        ({"starts_at": BEGINNING, "ends_at": BEGINNING}, ["endsAt"]),
        ({"starts_at": BEGINNING, "ends_at": BEGINNING - timedelta(milliseconds=1)}, ["endsAt"]),
        ({"ends_at": BEGINNING}, []),
        ({"cap_points": 0, "cap_period": Period.DAY}, ["capPoints"]),
        ({"cap_points": -5, "cap_period": Period.DAY}, ["capPoints"]),
        ({"cap_points": 1}, ["capPeriod"]),
        ({"cap_period": Period.DAY}, ["capPoints"]),
        (CAP, []),
        ({"event": EarningEvent.FEEDBACK, "points": 1}, ["capPoints"]),
        ({"event": EarningEvent.REFERRAL, "points": 1}, ["capPoints"]),
        ({"event": EarningEvent.CUSTOM_EVENT, "event_name": "quiz", "points": 1}, ["capPoints"]),
        ({"event": EarningEvent.FEEDBACK, "points": 1, "cap_points": 1}, ["capPeriod"]),
        ({"event": EarningEvent.FEEDBACK, "points": 1, "cap_period": Period.DAY}, ["capPoints"]),
        ({"event": EarningEvent.FEEDBACK, "points": 1, **CAP}, []),
        ({"event": EarningEvent.BIRTHDAY, "points": 1}, []),
        ({"event": EarningEvent.PROFILE_COMPLETED, "points": 1}, []),
    ],
)
def test_an_earning_rule_says_one_thing_and_is_bounded(fields: dict[str, Any], refused: list[str]) -> None:
    program = with_rules(rule(id="0"), rule(**fields))
    assert paths(program) == [f"earningRules.1.{path}" for path in refused]


def test_there_are_at_most_100_rules_and_each_has_an_id_of_its_own() -> None:
    rules = [rule(id=str(number)) for number in range(101)]
    assert paths(with_rules(*rules[:100])) == []
    assert paths(with_rules(*rules)) == ["earningRules"]
    assert paths(with_rules(rules[0], rules[1], rules[0])) == ["earningRules.2.id"]
    assert paths(with_rules()) == []


@pytest.mark.parametrize(
    ("kind", "fields", "refused"),
    [
        (RewardKind.AMOUNT_OFF, {"value": 1}, []),
        (RewardKind.AMOUNT_OFF, {}, ["value"]),
        (RewardKind.AMOUNT_OFF, {"value": 0}, ["value"]),
        (RewardKind.AMOUNT_OFF, {"value": -1}, ["value"]),
        (RewardKind.AMOUNT_OFF, {"value": 1, "product_sku": "MUG", "offer_id": "off_1"}, ["productSku", "offerId"]),
        (RewardKind.PRODUCT, {"product_sku": "MUG"}, []),
        (RewardKind.PRODUCT, {}, ["productSku"]),
        (RewardKind.PRODUCT, {"product_sku": ""}, ["productSku"]),
        (RewardKind.PRODUCT, {"product_sku": "MUG", "value": -1}, ["value"]),
        (RewardKind.OFFER_CODE, {"offer_id": "off_1"}, []),
        (RewardKind.OFFER_CODE, {"product_sku": "MUG"}, ["productSku", "offerId"]),
        (RewardKind.AMOUNT_OFF, {"value": 1, "points": 0}, ["points"]),
        (RewardKind.AMOUNT_OFF, {"value": 1, "points": 10**9 + 1}, ["points"]),
        (RewardKind.AMOUNT_OFF, {"value": 1, "per_customer_limit": 0}, ["perCustomerLimit"]),
        (RewardKind.AMOUNT_OFF, {"value": 1, "per_customer_limit": 1}, []),
        (RewardKind.AMOUNT_OFF, {"value": 1, "id": "0"}, ["id"]),
    ],
)
def test_a_reward_says_what_its_kind_needs_and_nothing_else(
    kind: RewardKind, fields: dict[str, Any], refused: list[str]
) -> None:
    first = reward(RewardKind.AMOUNT_OFF, id="0", value=500)
    assert paths(replace(PROGRAM, rewards=(first, reward(kind, **fields)))) == [f"rewards.1.{path}" for path in refused]


def test_there_are_at_most_200_rewards() -> None:
    rewards = tuple(reward(RewardKind.AMOUNT_OFF, id=str(number), value=1) for number in range(201))
    assert paths(replace(PROGRAM, rewards=rewards[:200])) == []
    assert paths(replace(PROGRAM, rewards=rewards)) == ["rewards"]


@pytest.mark.parametrize(
    ("kind", "days", "event", "refused"),
    [
        (PendingKind.NONE, None, None, []),
        (PendingKind.NONE, 1, "DELIVERED", ["pending.days", "pending.event"]),
        (PendingKind.DAYS, 1, None, []),
        (PendingKind.DAYS, 365, None, []),
        (PendingKind.DAYS, None, None, ["pending.days"]),
        (PendingKind.DAYS, 0, None, ["pending.days"]),
        (PendingKind.DAYS, 366, None, ["pending.days"]),
        (PendingKind.DAYS, 14, "DELIVERED", ["pending.event"]),
        (PendingKind.UNTIL_EVENT, None, "DELIVERED", []),
        (PendingKind.UNTIL_EVENT, None, None, ["pending.event"]),
        (PendingKind.UNTIL_EVENT, None, " ", ["pending.event"]),
        (PendingKind.UNTIL_EVENT, 14, "DELIVERED", ["pending.days"]),
    ],
)
def test_pending_points_wait_for_days_or_for_an_event(
    kind: PendingKind, days: int | None, event: str | None, refused: list[str]
) -> None:
    assert paths(replace(PROGRAM, pending=PendingPolicy(kind=kind, days=days, event=event))) == refused


@pytest.mark.parametrize(
    ("kinds", "valid"),
    [
        ({ExpiryKind.NEVER}, {None}),
        ({ExpiryKind.ROLLING, ExpiryKind.SLIDING}, {1, 120}),
        ({ExpiryKind.END_OF_MONTH, ExpiryKind.END_OF_QUARTER, ExpiryKind.END_OF_YEAR}, {None, 0, 1, 120}),
    ],
)
def test_expiry_has_the_months_of_its_kind(kinds: set[ExpiryKind], valid: set[int | None]) -> None:
    for kind in kinds:
        for months in (None, -1, 0, 1, 120, 121):
            refused = paths(replace(PROGRAM, expiry=ExpiryPolicy(kind=kind, months=months)))
            assert refused == ([] if months in valid else ["expiry.months"])


@pytest.mark.parametrize(("days", "valid"), [(-1, False), (0, True), (364, True), (365, False)])
def test_grace_is_shorter_than_a_tiers_own_365_days(days: int, valid: bool) -> None:
    program = replace(PROGRAM, tier_policy=replace(PROGRAM.tier_policy, grace_days=days))
    assert paths(program) == ([] if valid else ["tierPolicy.graceDays"])


@pytest.mark.parametrize(("points", "valid"), [(-1, False), (0, True), (POINTS_MAX, True), (POINTS_MAX + 1, False)])
def test_debt_has_a_bound(points: int, valid: bool) -> None:
    assert paths(replace(PROGRAM, overdraft_points=points)) == ([] if valid else ["overdraftPoints"])


@pytest.mark.parametrize(
    ("referrer", "referee", "fields", "refused"),
    [
        (1, 0, {}, []),
        (0, 1, {}, []),
        (0, 0, {}, ["referral.referrerPoints"]),
        (-1, 0, {}, ["referral.referrerPoints"]),
        (POINTS_MAX + 1, POINTS_MAX + 1, {}, ["referral.referrerPoints", "referral.refereePoints"]),
        (1, 1, {"minimum_spend": 0, "per_referrer_limit": 1}, []),
        (1, 1, {"minimum_spend": -1}, ["referral.minimumSpend"]),
        (1, 1, {"per_referrer_limit": 0}, ["referral.perReferrerLimit"]),
    ],
)
def test_a_referral_gives_points_to_somebody(
    referrer: int, referee: int, fields: dict[str, Any], refused: list[str]
) -> None:
    policy = ReferralPolicy(referrer_points=referrer, referee_points=referee, **fields)
    assert paths(replace(PROGRAM, referral=policy)) == refused


def test_everything_that_is_wrong_is_told_at_once_in_the_order_of_fields() -> None:
    program = replace(
        PROGRAM,
        earning_rules=(
            rule(id="0"),
            rule(event=EarningEvent.BIRTHDAY, event_name="x", skus=(), cap_points=0),
            rule(id="2", points_per_unit=None, tiers=("Tin",)),
        ),
        tiers=(tier(5, "a", earn_multiplier=Fraction(0)), tier(-7, "b", name="A")),
        rewards=(reward(RewardKind.PRODUCT, points=0),),
        pending=PendingPolicy(kind=PendingKind.DAYS),
        expiry=ExpiryPolicy(kind=ExpiryKind.NEVER, months=3),
        tier_policy=replace(PROGRAM.tier_policy, grace_days=400),
        overdraft_points=-1,
        referral=ReferralPolicy(referrer_points=0, referee_points=0),
    )
    assert paths(program) == [
        "earningRules.1.pointsPerUnit",
        "earningRules.1.eventName",
        "earningRules.1.skus",
        "earningRules.1.skus",
        "earningRules.1.capPoints",
        "earningRules.1.capPeriod",
        "earningRules.2.points",
        "earningRules.2.tiers.0",
        "tiers.0.earnMultiplier",
        "tiers.1.threshold",
        "tiers.1.name",
        "rewards.0.points",
        "rewards.0.productSku",
        "pending.days",
        "expiry.months",
        "tierPolicy.graceDays",
        "overdraftPoints",
        "referral.referrerPoints",
    ]
