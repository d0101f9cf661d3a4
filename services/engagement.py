"""Points for what is no purchase: feedback, a complete profile, a birthday, a referral, an event of the shop's own."""

from datetime import datetime
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from crm.ids import store_id
from loyalty.earning import cap_key, event_rules, granted
from loyalty.points import Source
from loyalty.program import tier_of
from loyalty.tiers import step_at
from loyalty.values import EarningEvent, EarningRule, Program, SourceKind, TransactionType
from services.context import Call
from services.standing import Standing
from services.stored_sale import ends
from services.terms import Part
from store import caps, keys, shop
from store.client import Document, Tx
from store.collections import STORES

COMPLETE = ("firstName", "lastName", "email", "phone", "birthDate")
"""What a profile has to say before it is complete."""


def rewards(program: Program, event: EarningEvent) -> bool:
    """Whether any rule of a programme gives points for such an event: else there is no need to lock an account."""
    return any(rule.active and rule.event is event for rule in program.earning_rules)


async def grant(
    call: Call,
    standing: Standing,
    event: EarningEvent,
    *,
    at: datetime,
    source: Source,
    once: str | None = None,
    part: Part | None = None,
    tx: Tx,
    **about: Any,
) -> list[Document]:
    """Post the points of every rule for an event, and return what was given: rule, points, period, lot.

    Args:
        at: when it happened; the version and the tier of that instant decide.
        once: names the period in which a rule gives at most once, such as a year.
        part: how much of the purchase it is about has come back already.
        about: the event's name, channel and store, as `event_rules` takes them.
    """
    program = standing.program_at(at)
    tier = tier_of(program, step_at(standing.steps, at).tier)
    given: list[Document] = []
    for rule in event_rules(program, event, tier, at, **about):
        if once is not None and not await _first_time(call, standing.customer_id, rule, once, tx=tx):
            continue
        zone = await zone_of(call, about.get("store_code") if rule.cap_points is not None else None, tx=tx)
        one = await _give(call, standing, rule, at, source, zone, part, tx=tx)
        given += [one] if one else []
    return given


async def zone_of(call: Call, store_code: str | None, *, tx: Tx | None = None) -> ZoneInfo:
    """Return by whose calendar caps count: the store's, where there is one; else the shop's."""
    if not store_code:
        return call.shop.time_zone
    id_ = store_id(store_code)
    found = await shop.existing(call.database, STORES, [id_], tx=tx)
    return ZoneInfo(found[id_]["timeZone"]) if found else call.shop.time_zone


async def _first_time(call: Call, owner: str, rule: EarningRule, once: str, *, tx: Tx) -> bool:
    """Claim the period for a rule; the account is locked, so nobody else claims it meanwhile."""
    name = keys.once(owner, rule.id, once)
    if await keys.find(call.database, [name], tx=tx):
        return False
    await keys.insert(call.database, [{"_id": name, "ref": owner, "owner": owner}], tx=tx)
    return True


async def _give(
    call: Call,
    standing: Standing,
    rule: EarningRule,
    at: datetime,
    source: Source,
    zone: ZoneInfo,
    part: Part | None,
    *,
    tx: Tx,
) -> Document | None:
    owner, cap, program = standing.customer_id, cap_key(rule, at, zone), standing.program_at(at)
    used = await caps.used(call.database, owner, [cap] if cap else [], tx=tx)
    of = granted(rule, used[cap] if cap else Fraction(0))
    points = part.bonus_kept(of) if part else of
    lot = standing.ledger.credit(
        TransactionType.BONUS,
        points,
        occurred_at=at,
        source=source,
        reason=rule.name,
        cap=cap,
        **ends(call, program, at),
    )
    if lot is None:
        return None
    if cap:
        await caps.add(call.database, owner, {cap: Fraction(points)}, known=used, tx=tx)
    return {"ruleId": rule.id, "points": points, "of": of, "period": cap[1] if cap else None, "lotId": lot.id}


async def grant_profile(call: Call, standing: Standing, person: Document, *, tx: Tx) -> None:
    """Give the points of a complete profile, once a person."""
    if all(person.get(name) for name in COMPLETE):
        source = Source(kind=SourceKind.EVENT)
        await grant(call, standing, EarningEvent.PROFILE_COMPLETED, at=call.now, source=source, once="ever", tx=tx)
