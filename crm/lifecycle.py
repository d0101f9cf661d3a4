"""Where a customer stands with the shop, from nothing but purchases and the instant.

The first rule that holds decides:

1. PROSPECT: has never bought.
2. LAPSED: last bought more than 365 days ago.
3. AT_RISK: last bought more than 90 days ago, or bought at least three times and is now silent for more than three
   times the person's own average interval (never before 30 days).
4. NEW: first bought within the last 30 days.
5. LOYAL: has bought at least five times, the first time at least 90 days ago.
6. ACTIVE: everybody else.
"""

from datetime import datetime, timedelta

from crm.values import LifecycleStage

LAPSED_AFTER = timedelta(days=365)
AT_RISK_AFTER = timedelta(days=90)
SILENCE_FACTOR = 3
SILENCE_PURCHASES_MIN = 3
SILENCE_MIN = timedelta(days=30)
NEW_FOR = timedelta(days=30)
LOYAL_PURCHASES = 5
LOYAL_SINCE = timedelta(days=90)


def lifecycle_stage(
    *, purchase_count: int, first_purchase_at: datetime | None, last_purchase_at: datetime | None, now: datetime
) -> LifecycleStage:
    """Return the stage at `now`; counts and instants leave cancelled purchases out."""
    if purchase_count == 0 or first_purchase_at is None or last_purchase_at is None:
        return LifecycleStage.PROSPECT
    silent = now - last_purchase_at
    if silent > LAPSED_AFTER:
        return LifecycleStage.LAPSED
    if silent > AT_RISK_AFTER or _unusually_silent(purchase_count, last_purchase_at - first_purchase_at, silent):
        return LifecycleStage.AT_RISK
    if now - first_purchase_at <= NEW_FOR:
        return LifecycleStage.NEW
    if purchase_count >= LOYAL_PURCHASES and now - first_purchase_at >= LOYAL_SINCE:
        return LifecycleStage.LOYAL
    return LifecycleStage.ACTIVE


def _unusually_silent(purchase_count: int, span: timedelta, silent: timedelta) -> bool:
    if purchase_count < SILENCE_PURCHASES_MIN:
        return False
    average = span / (purchase_count - 1)
    return silent > max(SILENCE_FACTOR * average, SILENCE_MIN)
