"""What the loyalty rules are about: programme, tiers, rules and policies, as frozen values.

The names are the contract's. Money is minor units, points are integers, rates are exact fractions.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fractions import Fraction

from crm.values import Period


class EarningEvent(StrEnum):
    """What makes an earning rule apply."""

    PURCHASE = "PURCHASE"
    FIRST_PURCHASE = "FIRST_PURCHASE"
    BIRTHDAY = "BIRTHDAY"
    FEEDBACK = "FEEDBACK"
    REFERRAL = "REFERRAL"
    PROFILE_COMPLETED = "PROFILE_COMPLETED"
    CUSTOM_EVENT = "CUSTOM_EVENT"


class PendingKind(StrEnum):
    """When earned points become spendable."""

    NONE = "NONE"
    DAYS = "DAYS"
    UNTIL_EVENT = "UNTIL_EVENT"


class ExpiryKind(StrEnum):
    """When earned points end."""

    NEVER = "NEVER"
    ROLLING = "ROLLING"
    END_OF_MONTH = "END_OF_MONTH"
    END_OF_QUARTER = "END_OF_QUARTER"
    END_OF_YEAR = "END_OF_YEAR"
    SLIDING = "SLIDING"


class HoldStatus(StrEnum):
    """What became of a hold."""

    ACTIVE = "ACTIVE"
    CAPTURED = "CAPTURED"
    RELEASED = "RELEASED"
    EXPIRED = "EXPIRED"


class RewardKind(StrEnum):
    """What a reward gives."""

    AMOUNT_OFF = "AMOUNT_OFF"
    PRODUCT = "PRODUCT"
    OFFER_CODE = "OFFER_CODE"


class ReturnPolicy(StrEnum):
    """What happens to points of a returned sale that are already spent."""

    DEBT = "DEBT"
    FORGIVE = "FORGIVE"


class TierBasis(StrEnum):
    """What counts towards a tier."""

    POINTS = "POINTS"
    SPEND = "SPEND"


class TierWindow(StrEnum):
    """The span whose sales count towards a tier."""

    ROLLING_365_DAYS = "ROLLING_365_DAYS"
    CALENDAR_YEAR = "CALENDAR_YEAR"
    SINCE_JOINING = "SINCE_JOINING"


class TransactionType(StrEnum):
    """What an entry of the ledger did."""

    EARN = "EARN"
    BONUS = "BONUS"
    SPEND = "SPEND"
    RETURN_EARNED = "RETURN_EARNED"
    RETURN_SPENT = "RETURN_SPENT"
    EXPIRE = "EXPIRE"
    ADJUST = "ADJUST"
    TRANSFER_IN = "TRANSFER_IN"
    TRANSFER_OUT = "TRANSFER_OUT"
    MERGE = "MERGE"


class SourceKind(StrEnum):
    """What an entry or a lot came from."""

    PURCHASE = "PURCHASE"
    RETURN = "RETURN"
    REWARD = "REWARD"
    FEEDBACK = "FEEDBACK"
    REFERRAL = "REFERRAL"
    EVENT = "EVENT"
    STAFF = "STAFF"
    TRANSFER = "TRANSFER"
    EXPIRY = "EXPIRY"
    MERGE = "MERGE"
    IMPORT = "IMPORT"
    HOLD = "HOLD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """A level of the programme: reached at `threshold` qualifying points, earning `earn_multiplier` times."""

    id: str
    name: str
    threshold: int
    earn_multiplier: Fraction
    benefits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EarningRule:
    """Points for an event: `points_per_unit` of money spent, or flat `points`.

    A filter that is None lets everything through. `tiers` holds tier ids.
    """

    id: str
    name: str
    event: EarningEvent
    event_name: str | None = None
    points_per_unit: Fraction | None = None
    points: int | None = None
    categories: tuple[str, ...] | None = None
    skus: tuple[str, ...] | None = None
    channels: tuple[str, ...] | None = None
    store_codes: tuple[str, ...] | None = None
    tiers: tuple[str, ...] | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    cap_points: int | None = None
    cap_period: Period | None = None
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingPolicy:
    """When earned points become spendable."""

    kind: PendingKind
    days: int | None = None
    event: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiryPolicy:
    """When earned points end.

    ROLLING: `months` after the sale. END_OF_…: with the month, quarter or year that lies `months` (0 where None) after
    it. SLIDING: `months` after the account's last activity.
    """

    kind: ExpiryKind
    months: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TierPolicy:
    """What counts towards a tier, over which span, and how gently it is lost; docs/decisions/0011 has the windows."""

    basis: TierBasis
    window: TierWindow
    grace_days: int
    keep_on_return: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferralPolicy:
    """Points for both sides of a referral, once the new customer's sale reaches `minimum_spend` (minor units)."""

    referrer_points: int
    referee_points: int
    minimum_spend: int | None = None
    per_referrer_limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reward:
    """What `points` buy: `value` (minor units) off, a product, or an offer's code. Its stock is counted elsewhere."""

    id: str
    title: str
    points: int
    kind: RewardKind
    description: str | None = None
    value: int | None = None
    product_sku: str | None = None
    offer_id: str | None = None
    per_customer_limit: int | None = None
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One version of the programme, in force from `valid_from` until the next version's."""

    id: str
    version: int
    name: str
    valid_from: datetime
    earning_rules: tuple[EarningRule, ...]
    tiers: tuple[Tier, ...]
    pending: PendingPolicy
    expiry: ExpiryPolicy
    returns: ReturnPolicy
    tier_policy: TierPolicy
    overdraft_points: int
    rewards: tuple[Reward, ...] = ()
    referral: ReferralPolicy | None = None
