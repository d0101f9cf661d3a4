"""Versions of the loyalty programme: one document each, written once."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from fractions import Fraction
from typing import Any

from pymongo.errors import DuplicateKeyError

from crm.numbers import RATE_DIGITS, decimal, scaled
from crm.values import Period
from loyalty.values import (
    EarningEvent,
    EarningRule,
    ExpiryKind,
    ExpiryPolicy,
    PendingKind,
    PendingPolicy,
    Program,
    ReferralPolicy,
    ReturnPolicy,
    Reward,
    RewardKind,
    Tier,
    TierBasis,
    TierPolicy,
    TierWindow,
)
from store.client import Database, Document, Tx
from store.collections import PROGRAMS


def rate_text(rate: Fraction) -> str:
    """Return a rate, which has at most 6 decimals, as a decimal string."""
    return decimal(int(rate * 10**RATE_DIGITS), RATE_DIGITS)


def rate_value(text: str) -> Fraction:
    """Return a stored rate as an exact fraction."""
    return Fraction(scaled(text, RATE_DIGITS), 10**RATE_DIGITS)


def document(program: Program) -> Document:
    """Return a version as stored and as clients see it."""
    stored = _stored(asdict(program))
    stored["programId"] = stored.pop("id")
    return {"_id": program.version, **stored}


def _stored(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_camel(name): _stored(inner) for name, inner in value.items()}
    if isinstance(value, (tuple, list)):
        return [_stored(inner) for inner in value]
    return rate_text(value) if isinstance(value, Fraction) else value


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def value(document: Document) -> Program:
    """Return a stored version as a value."""
    policy = document["tierPolicy"]
    return Program(
        id=document["programId"],
        version=document["version"],
        name=document["name"],
        valid_from=document["validFrom"],
        earning_rules=tuple(_rule(rule) for rule in document["earningRules"]),
        tiers=tuple(_tier(tier) for tier in document["tiers"]),
        pending=PendingPolicy(
            kind=PendingKind(document["pending"]["kind"]),
            days=document["pending"]["days"],
            event=document["pending"]["event"],
        ),
        expiry=ExpiryPolicy(kind=ExpiryKind(document["expiry"]["kind"]), months=document["expiry"]["months"]),
        returns=ReturnPolicy(document["returns"]),
        tier_policy=TierPolicy(
            basis=TierBasis(policy["basis"]),
            window=TierWindow(policy["window"]),
            grace_days=policy["graceDays"],
            keep_on_return=policy["keepOnReturn"],
        ),
        overdraft_points=document["overdraftPoints"],
        rewards=tuple(_reward(reward) for reward in document.get("rewards", ())),
        referral=_referral(document.get("referral")),
    )


def _reward(reward: Document) -> Reward:
    return Reward(
        id=reward["id"],
        title=reward["title"],
        points=reward["points"],
        kind=RewardKind(reward["kind"]),
        description=reward["description"],
        value=reward["value"],
        product_sku=reward["productSku"],
        offer_id=reward["offerId"],
        per_customer_limit=reward["perCustomerLimit"],
        active=reward["active"],
    )


def _referral(policy: Document | None) -> ReferralPolicy | None:
    if policy is None:
        return None
    return ReferralPolicy(
        referrer_points=policy["referrerPoints"],
        referee_points=policy["refereePoints"],
        minimum_spend=policy["minimumSpend"],
        per_referrer_limit=policy["perReferrerLimit"],
    )


def _tier(tier: Document) -> Tier:
    return Tier(
        id=tier["id"],
        name=tier["name"],
        threshold=tier["threshold"],
        earn_multiplier=rate_value(tier["earnMultiplier"]),
        benefits=tuple(tier["benefits"]),
    )


def _rule(rule: Document) -> EarningRule:
    def texts(name: str) -> tuple[str, ...] | None:
        return tuple(rule[name]) if rule[name] is not None else None

    return EarningRule(
        id=rule["id"],
        name=rule["name"],
        event=EarningEvent(rule["event"]),
        event_name=rule["eventName"],
        points_per_unit=rate_value(rule["pointsPerUnit"]) if rule["pointsPerUnit"] is not None else None,
        points=rule["points"],
        categories=texts("categories"),
        skus=texts("skus"),
        channels=texts("channels"),
        store_codes=texts("storeCodes"),
        tiers=texts("tiers"),
        starts_at=rule["startsAt"],
        ends_at=rule["endsAt"],
        cap_points=rule["capPoints"],
        cap_period=Period(rule["capPeriod"]) if rule["capPeriod"] else None,
        active=rule["active"],
    )


async def versions(database: Database) -> tuple[Program, ...]:
    """Return every version, oldest first."""
    return tuple(value(document) for document in await database[PROGRAMS].find(sort=[("version", 1)]).to_list(None))


async def insert(database: Database, program: Program, *, tx: Tx) -> None:
    """Store a new version; a DuplicateKeyError says that another of its number was first."""
    await database[PROGRAMS].insert_one(document(program), session=tx.session)


async def insert_first(database: Database, program: Program) -> None:
    """Store the programme of a new installation unless there is one; the version's number is its key."""
    if await database[PROGRAMS].find_one({}, projection=["_id"]) is None:
        with suppress(DuplicateKeyError):  # another process was first
            await database[PROGRAMS].insert_one(document(program))
