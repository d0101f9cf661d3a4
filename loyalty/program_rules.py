"""What a programme must be to be saved: every rule that its parts keep, alone and together.

Field paths are those of the contract's LoyaltyProgramInput, indexes as strings, tiers and rules in the order given.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from fractions import Fraction

from crm.refusals import Refusal, invalid
from loyalty.earning import PURCHASES
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

TIERS_MAX = 20
RULES_MAX = 100
REWARDS_MAX = 200
THRESHOLD_MAX = 10**9
MULTIPLIER_MAX = Fraction(100)
POINTS_PER_UNIT_MAX = Fraction(10_000)
FLAT_POINTS_MAX = 1_000_000
OVERDRAFT_MAX = 1_000_000
REWARD_POINTS_MAX = 10**9
PENDING_DAYS_MAX = 365
EXPIRY_MONTHS_MAX = 120
GRACE_DAYS_MAX = 364  # below a tier's own 365 days

AT_WILL = frozenset({EarningEvent.FEEDBACK, EarningEvent.REFERRAL, EarningEvent.CUSTOM_EVENT})
"""What a customer can bring about as often as they like: without a cap they would earn without bound."""

_REWARD_FIELDS: dict[RewardKind, tuple[str, Callable[[Reward], object]]] = {
    RewardKind.AMOUNT_OFF: ("value", lambda reward: reward.value),
    RewardKind.PRODUCT: ("productSku", lambda reward: reward.product_sku),
    RewardKind.OFFER_CODE: ("offerId", lambda reward: reward.offer_id),
}
"""The field that says what a reward of a kind gives; the others' must be left out."""


def check_program(program: Program) -> tuple[Refusal, ...]:
    """Return everything that is wrong with a programme, in the contract's order of fields.

    Tiers may come in any order; save them as `ordered_tiers`.
    """
    tier_ids = {tier.id for tier in program.tiers}
    return (
        *_rules(program.earning_rules, tier_ids),
        *_tiers(program.tiers),
        *_rewards(program.rewards),
        *_pending(program.pending),
        *_expiry(program.expiry),
        *_within(program.tier_policy.grace_days, 0, GRACE_DAYS_MAX, "tierPolicy", "graceDays"),
        *_within(program.overdraft_points, 0, OVERDRAFT_MAX, "overdraftPoints"),
        *(_referral(program.referral) if program.referral else ()),
    )


def ordered_tiers(tiers: Iterable[Tier]) -> tuple[Tier, ...]:
    """Return the tiers as a ladder, the lowest first."""
    return tuple(sorted(tiers, key=lambda tier: tier.threshold))


def _within(value: int | None, low: int, high: int, *field: str) -> Iterator[Refusal]:
    """Yield a refusal unless the value, where there is one, lies between both, inclusive."""
    if value is not None and not low <= value <= high:
        yield invalid(f"Must be between {low} and {high}.", *field)


def _above_zero(value: Fraction | None, high: Fraction, *field: str) -> Iterator[Refusal]:
    if value is not None and not 0 < value <= high:
        yield invalid(f"Must be above 0 and at most {high}.", *field)


def _distinct(values: Iterable[Hashable], message: str, list_: str, field: str) -> Iterator[Refusal]:
    """Yield a refusal of every value that another one before it equals."""
    seen: set[Hashable] = set()
    for index, value in enumerate(values):
        if value in seen:
            yield invalid(message, list_, str(index), field)
        seen.add(value)


def _tiers(tiers: Sequence[Tier]) -> Iterator[Refusal]:
    if not 1 <= len(tiers) <= TIERS_MAX:
        yield invalid(f"A programme has 1 to {TIERS_MAX} tiers.", "tiers")
    lowest = min((tier.threshold for tier in tiers), default=0)
    for index, tier in enumerate(tiers):
        at = ("tiers", str(index))
        if tier.threshold == lowest != 0:
            yield invalid("The lowest tier begins at 0, so that everybody is in one.", *at, "threshold")
        else:
            yield from _within(tier.threshold, 0, THRESHOLD_MAX, *at, "threshold")
        yield from _above_zero(tier.earn_multiplier, MULTIPLIER_MAX, *at, "earnMultiplier")
    overlapping = "Two tiers are overlapping: both begin at this threshold."
    yield from _distinct([tier.threshold for tier in tiers], overlapping, "tiers", "threshold")
    names = [tier.name.strip().casefold() for tier in tiers]
    yield from _distinct(names, "Another tier has this name.", "tiers", "name")
    yield from _distinct([tier.id for tier in tiers], "Another tier has this id.", "tiers", "id")


def _rules(rules: Sequence[EarningRule], tier_ids: set[str]) -> Iterator[Refusal]:
    if len(rules) > RULES_MAX:
        yield invalid(f"A programme has at most {RULES_MAX} earning rules.", "earningRules")
    for index, rule in enumerate(rules):
        for refusal in (*_gives(rule), *_event(rule), *_place(rule), *_filters(rule, tier_ids), *_cap(rule)):
            yield refusal.under("earningRules", str(index))
    # Caps count by the rule's id.
    yield from _distinct([rule.id for rule in rules], "Another rule has this id.", "earningRules", "id")


def _gives(rule: EarningRule) -> Iterator[Refusal]:
    if rule.points_per_unit is None and rule.points is None:
        yield invalid("A rule gives pointsPerUnit or points.", "points")
    elif rule.points_per_unit is not None and rule.points is not None:
        yield invalid("A rule gives pointsPerUnit or points, not both.", "points")
    if rule.points_per_unit is not None and rule.event not in PURCHASES:
        yield invalid("Only purchases have units; give points.", "pointsPerUnit")
    yield from _above_zero(rule.points_per_unit, POINTS_PER_UNIT_MAX, "pointsPerUnit")
    yield from _within(rule.points, 1, FLAT_POINTS_MAX, "points")


def _event(rule: EarningRule) -> Iterator[Refusal]:
    if rule.event is EarningEvent.CUSTOM_EVENT:
        if not (rule.event_name or "").strip():
            yield invalid("Name the event.", "eventName")
    elif rule.event_name is not None:
        yield invalid("Only a CUSTOM_EVENT has a name.", "eventName")
    if rule.event in PURCHASES:
        return
    if rule.categories is not None:
        yield invalid("Only purchases have lines.", "categories")
    if rule.skus is not None:
        yield invalid("Only purchases have lines.", "skus")


def _place(rule: EarningRule) -> Iterator[Refusal]:
    """Yield a refusal of a place that the rule's event does not have: nothing would ever match it."""
    if rule.event in PURCHASES or rule.event is EarningEvent.FEEDBACK:
        return
    if rule.channels is not None:
        yield invalid("Only purchases and feedback have a channel.", "channels")
    if rule.store_codes is not None:
        yield invalid("Only purchases and feedback have a store.", "storeCodes")


def _filters(rule: EarningRule, tier_ids: set[str]) -> Iterator[Refusal]:
    filters = {
        "categories": rule.categories,
        "skus": rule.skus,
        "channels": rule.channels,
        "storeCodes": rule.store_codes,
        "tiers": rule.tiers,
    }
    for name, values in filters.items():
        if values is not None and not values:
            yield invalid("An empty list lets nothing through; leave it out to let everything through.", name)
    for index, tier_id in enumerate(rule.tiers or ()):
        if tier_id not in tier_ids:
            yield invalid("The programme has no such tier.", "tiers", str(index))
    if rule.starts_at and rule.ends_at and rule.ends_at <= rule.starts_at:
        yield invalid("A rule ends after it starts.", "endsAt")


def _cap(rule: EarningRule) -> Iterator[Refusal]:
    if rule.cap_points is not None and rule.cap_points <= 0:
        yield invalid("Must be above 0.", "capPoints")
    if rule.cap_points is None and rule.cap_period is not None:
        yield invalid("A cap has points and a period.", "capPoints")
    elif rule.cap_points is not None and rule.cap_period is None:
        yield invalid("A cap has points and a period.", "capPeriod")
    elif rule.cap_points is None and rule.event in AT_WILL:
        yield invalid(f"{rule.event} can be brought about at will: give capPoints and capPeriod.", "capPoints")


def _rewards(rewards: Sequence[Reward]) -> Iterator[Refusal]:
    if len(rewards) > REWARDS_MAX:
        yield invalid(f"A programme has at most {REWARDS_MAX} rewards.", "rewards")
    for index, reward in enumerate(rewards):
        at = ("rewards", str(index))
        yield from _within(reward.points, 1, REWARD_POINTS_MAX, *at, "points")
        for kind, (field, given) in _REWARD_FIELDS.items():
            if kind is reward.kind and not given(reward):
                yield invalid(f"A reward of kind {reward.kind} needs it.", *at, field)
            elif kind is not reward.kind and given(reward) is not None:
                yield invalid(f"A reward of kind {reward.kind} has none.", *at, field)
        if reward.kind is RewardKind.AMOUNT_OFF and (reward.value or 0) < 0:
            yield invalid("Must be above 0.", *at, "value")
        if reward.per_customer_limit is not None and reward.per_customer_limit < 1:
            yield invalid("Must be at least 1.", *at, "perCustomerLimit")
    yield from _distinct([reward.id for reward in rewards], "Another reward has this id.", "rewards", "id")


def _pending(policy: PendingPolicy) -> Iterator[Refusal]:
    if policy.kind is PendingKind.DAYS:
        yield from _within(policy.days or 0, 1, PENDING_DAYS_MAX, "pending", "days")
    elif policy.days is not None:
        yield invalid("Only DAYS have days.", "pending", "days")
    if policy.kind is PendingKind.UNTIL_EVENT:
        if not (policy.event or "").strip():
            yield invalid("Name the event.", "pending", "event")
    elif policy.event is not None:
        yield invalid("Only UNTIL_EVENT has an event.", "pending", "event")


def _expiry(policy: ExpiryPolicy) -> Iterator[Refusal]:
    if policy.kind is ExpiryKind.NEVER:
        if policy.months is not None:
            yield invalid("NEVER has no months.", "expiry", "months")
    elif policy.kind in {ExpiryKind.ROLLING, ExpiryKind.SLIDING}:
        yield from _within(policy.months or 0, 1, EXPIRY_MONTHS_MAX, "expiry", "months")
    else:
        yield from _within(policy.months, 0, EXPIRY_MONTHS_MAX, "expiry", "months")


def _referral(policy: ReferralPolicy) -> Iterator[Refusal]:
    yield from _within(policy.referrer_points, 0, FLAT_POINTS_MAX, "referral", "referrerPoints")
    yield from _within(policy.referee_points, 0, FLAT_POINTS_MAX, "referral", "refereePoints")
    if policy.referrer_points == policy.referee_points == 0:
        yield invalid("A referral gives points to at least one side.", "referral", "referrerPoints")
    if policy.minimum_spend is not None and policy.minimum_spend < 0:
        yield invalid("Must not be negative.", "referral", "minimumSpend")
    if policy.per_referrer_limit is not None and policy.per_referrer_limit < 1:
        yield invalid("Must be at least 1.", "referral", "perReferrerLimit")
