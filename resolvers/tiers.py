"""The tier held at this instant, and since and until when."""

from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Any

from loyalty.tiers import TierStatus, TierStep, ladder_at, qualifying, tier_path, tier_status, window_of
from loyalty.values import Tier, TierBasis
from resolvers.context import Context
from services.known import Programs
from services.standing import outdated
from store import ledger, programs, purchases
from store.client import Document

READS = ("_id", "customerId", "qualifying", "ladders", "tierSteps")
"""What of an account its tier is worked out from."""


def tier(context: Context, account: Document) -> Document | Awaitable[Document]:
    """Return the tier held at this instant, since and until when, and the way to the next.

    All of it stands in the account, unless the programme has to be read, the ladder was changed and nobody has
    written the new path down yet, or what counts has changed since the last sale.
    """
    now, known = context.call.now, context.call.shop.known.programs_at_hand()
    counted = _counted(account, now)
    if known is None or counted is None or outdated(account, known):
        return _asked(context, account)
    return _status(known, ledger.steps_value(account["tierSteps"]), counted, now)


async def _asked(context: Context, account: Document) -> Document:
    now, known = context.call.now, await context.call.shop.known.programs()
    if outdated(account, known):
        steps, counted = await context.load(worked_out, account["_id"])
    else:
        steps, counted = ledger.steps_value(account["tierSteps"]), _counted(account, now)
        if counted is None:
            counted = await context.load(qualifying_now, account["customerId"])
    return _status(known, steps, counted, now)


def _status(known: Programs, steps: Sequence[TierStep], counted: int, now: datetime) -> Document:
    return _tier_document(tier_status(steps, tiers=known.at(now).tiers, qualifying=counted, at=now))


def _counted(account: Document, now: datetime) -> int | None:
    """Return what counts towards the tier now, None where that has changed since it was counted."""
    known = account.get("qualifying")
    if known is None:
        return 0
    if known["from"] <= now and (known["until"] is None or now < known["until"]):
        return int(known["points"])
    return None


async def worked_out(context: Context, account_ids: list[str]) -> Sequence[tuple[tuple[TierStep, ...], int]]:
    """Batch function: the path of tiers, and what counts now, from all sales by the ladders in force."""
    call, known = context.call, await context.call.shop.known.programs()
    zone, digits = call.shop.time_zone, call.shop.currency_digits
    accounts = await ledger.by_ids(call.database, account_ids)
    owners = [account["customerId"] for account in accounts if account]
    sales = await purchases.qualifying_of(call.database, owners)
    policy = ladder_at(known.ladders, call.now).policy
    answers = []
    for account in accounts:
        of_owner = sales.get(account["customerId"], []) if account else []
        steps = tier_path(
            of_owner,
            ladders=known.ladders,
            joined=account["createdAt"] if account else call.now,
            zone=zone,
            currency_digits=digits,
        )
        answers.append((steps, qualifying(of_owner, call.now, policy=policy, zone=zone, currency_digits=digits)))
    return answers


async def qualifying_now(context: Context, customer_ids: list[str]) -> Sequence[int]:
    """Batch function: what counts towards the tier now, counted where that has changed since the last sale."""
    call, known = context.call, await context.call.shop.known.programs()
    policy = ladder_at(known.ladders, call.now).policy
    after, _ = window_of(policy, call.now, call.shop.time_zone)
    spend = policy.basis is TierBasis.SPEND
    found = await purchases.qualifying_totals(call.database, customer_ids, after=after, until=call.now, spend=spend)
    unit: int = 10**call.shop.currency_digits if spend else 1
    return [found.get(id_, 0) // unit for id_ in customer_ids]


def _tier_document(status: TierStatus) -> Document:
    return {
        "tier": tier_document(status.tier),
        "since": status.since,
        "until": status.until,
        "qualifyingPoints": status.qualifying_points,
        "next": tier_document(status.next) if status.next else None,
        "pointsToNext": status.points_to_next,
    }


def tier_document(tier: Tier) -> dict[str, Any]:
    """Return a tier as clients see it."""
    return {
        "_id": tier.id,
        "name": tier.name,
        "threshold": tier.threshold,
        "earnMultiplier": programs.rate_text(tier.earn_multiplier),
        "benefits": list(tier.benefits),
    }
