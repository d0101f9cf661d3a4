"""Customers who bring others: the code, and points for both once the new one has bought (docs/decisions/0011)."""

from collections.abc import Callable
from fractions import Fraction

from crm.refusals import conflict, invalid, not_found
from crm.values import PurchaseStatus
from loyalty.points import Lot, Source
from loyalty.values import EarningEvent, Program, SourceKind, TransactionType
from services import engagement
from services.context import Call
from services.standing import Standing, lock, write
from services.stored_sale import AT_ONCE, ends, waiting
from services.terms import Part, kept_shares, returned_part
from store import caps, customers, keys
from store import ledger as accounts
from store import referrals as stored
from store.client import Document, Tx
from store.outbox import Fact

CHAIN_MAX = 50


async def accept(call: Call, referee: str, code: str, *, tx: Tx) -> None:
    """Note whose code a customer came with.

    Raises:
        Refusal: NOT_FOUND for a code that is nobody's; INVALID for the own one, or that of somebody this customer
            brought; CONFLICT where the customer came with another or has bought before. The field is `referralCode`.
    """
    name = keys.referral(code.strip().upper())
    found = await keys.find(call.database, [name], tx=tx)
    if name not in found:
        raise not_found("Nobody has this code.", "referralCode")
    referrer = found[name]["ref"]
    if referrer == referee:
        raise invalid("Nobody refers themselves.", "referralCode")
    known = await stored.get(call.database, referee, tx=tx)
    if known is not None and known["referrer"] == referrer:
        return
    person = await customers.get(call.database, referee, tx=tx)
    if known is not None or (person is not None and person["metrics"]["purchaseCount"]):
        raise conflict("Only a customer who is new comes by referral, and once.", "referralCode")
    await accounts.lock(call.database, referrer, tx=tx)  # two who name each other at once are told apart
    await _check_circle(call, referee, referrer, tx=tx)
    await stored.insert(call.database, referee, referrer, call.now, tx=tx)
    await accounts.set_fields(call.database, referee, {"referrer": referrer}, tx=tx)


async def _check_circle(call: Call, referee: str, referrer: str, *, tx: Tx) -> None:
    """Hold that whoever refers did not come, over however many, by the one referred."""
    above: str | None = referrer
    for _ in range(CHAIN_MAX):
        came = await stored.get(call.database, above, tx=tx) if above else None
        above = came["referrer"] if came else None
        if above == referee:
            raise invalid("This customer came by the other's referral.", "referralCode")


async def activate(call: Call, standing: Standing, chosen: Callable[[Lot], bool], *, tx: Tx) -> list[Fact]:
    """Make spendable what a referrer waits for, because the referred customer's event has happened."""
    known = await stored.get(call.database, standing.customer_id, tx=tx)
    if known is None or known["status"] != stored.REWARDED:
        return []
    referrer = await lock(call, known["referrer"], tx=tx, lots=True)
    if referrer is None:
        return []
    referrer.ledger.activate(lambda lot: lot.source.node_id == known["purchaseId"] and chosen(lot))
    return await write(call, referrer, tx=tx)


def is_due(account: Document, program: Program, purchase: Document) -> bool:
    """Whether this sale is the one by which a referral is rewarded."""
    if program.referral is None or not account.get("referrer"):
        return False
    kept = purchase["total"] - purchase["taxTotal"]
    if purchase["returns"]:  # claimed after some of it came back
        kept = sum(kept_shares(purchase)) if purchase["status"] == PurchaseStatus.PARTIALLY_RETURNED else -1
    return bool(kept >= (program.referral.minimum_spend or 0))


async def reward(
    call: Call, standing: Standing, program: Program, purchase: Document, *, waits: bool, tx: Tx
) -> list[Fact]:
    """Post the referrer's points, and write into the purchase what they were, so that its returns can follow.

    Args:
        waits: whether the event that pending points wait for has still to happen.
    """
    policy, referrer_id = program.referral, standing.account["referrer"]
    assert policy is not None, "is_due"
    standing.extra["referrer"] = None
    await stored.set_rewarded(call.database, standing.customer_id, purchase["_id"], tx=tx)
    referrer = await lock(call, referrer_id, tx=tx)
    if referrer is None:
        return []
    before = referrer.account.get("referralsRewarded", 0)
    if policy.per_referrer_limit is not None and before >= policy.per_referrer_limit:
        return []
    referrer.extra["referralsRewarded"] = before + 1
    at = purchase["occurredAt"]
    source = Source(kind=SourceKind.REFERRAL, node_id=purchase["_id"])
    part = returned_part(call, purchase)
    points = part.bonus_kept(policy.referrer_points)
    lot = referrer.ledger.credit(
        TransactionType.BONUS,
        points,
        occurred_at=at,
        source=source,
        **(waiting(program, at) if waits else AT_ONCE),
        reason="Referral",
        **ends(call, program, at),
    )
    bonuses: list[Document] = []
    if lot:
        of = policy.referrer_points
        bonuses.append({"ruleId": None, "points": points, "of": of, "period": None, "lotId": lot.id})
    bonuses += await engagement.grant(call, referrer, EarningEvent.REFERRAL, at=at, source=source, part=part, tx=tx)
    purchase["referral"] = {"referrer": referrer_id, "bonuses": bonuses, "takenBack": 0}
    return await write(call, referrer, tx=tx)


async def take_back(
    call: Call, program: Program, purchase: Document, part: Part, source: Source, *, tx: Tx
) -> list[Fact]:
    """Let the referrer's points follow a return of the purchase they were given for."""
    given = purchase.get("referral")
    if given is None:
        return []
    kept = {index: min(bonus["points"], part.bonus_kept(bonus["of"])) for index, bonus in enumerate(given["bonuses"])}
    so_far = sum(bonus["points"] - kept[index] for index, bonus in enumerate(given["bonuses"]))
    points = so_far - given["takenBack"]
    if points <= 0:
        return []
    lot_ids = [bonus["lotId"] for bonus in given["bonuses"]]
    referrer = await lock(call, given["referrer"], tx=tx, lot_ids=lot_ids)
    if referrer is None:
        return []
    referrer.ledger.take_back(
        points,
        lot_ids=lot_ids,
        policy=program.returns,
        occurred_at=purchase["returns"][-1]["occurredAt"],
        source=source,
    )
    counted = {
        (bonus["ruleId"], bonus["period"]): Fraction(kept[index] - bonus.get("kept", bonus["points"]))
        for index, bonus in enumerate(given["bonuses"])
        if bonus["period"]
    }
    await caps.add(call.database, given["referrer"], counted, tx=tx)
    bonuses = [{**bonus, "kept": kept[index]} for index, bonus in enumerate(given["bonuses"])]
    purchase["referral"] = {**given, "bonuses": bonuses, "takenBack": so_far}
    return await write(call, referrer, tx=tx)
