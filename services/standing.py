"""A customer's loyalty inside a transaction: locked, settled, changed by pure rules, written back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crm.refusals import invalid, not_found
from crm.values import Topic
from loyalty.ledger import Ledger
from loyalty.points import POINTS_MAX, Entry
from loyalty.tiers import (
    WINDOW,
    Ladder,
    QualifyingSale,
    TierStep,
    ladder_at,
    qualifying,
    resumption,
    step_at,
    tier_path,
    window_of,
)
from loyalty.values import Program, TierWindow
from services.context import Call
from services.known import Programs
from services.recent_sales import after_of, recent_document, recent_sales
from store import customers, holds, purchases
from store import ledger as accounts
from store.client import Document, Tx
from store.outbox import Fact


@dataclass(slots=True, kw_only=True)
class Standing:
    """The working copy of one customer's account and tier.

    `account` is the document as it was locked, `purchase` the one `lock` was asked for, None where it is not the
    customer's. `extra` are fields of the account that a fact sets beside points and tier, `facts` what the lock itself
    found: a tier that new ladders changed; then the path is `renewed`.
    """

    customer_id: str
    account: Document
    ledger: Ledger
    steps: tuple[TierStep, ...]
    programs: Programs
    purchase: Document | None
    extra: dict[str, Any]
    facts: list[Fact]
    renewed: bool = False

    def program_at(self, instant: datetime) -> Program:
        """Return the version by which a sale at `instant` is judged."""
        return self.programs.at(instant)


async def lock(
    call: Call,
    customer_id: str,
    *,
    tx: Tx,
    purchase_id: str | None = None,
    lots: bool = False,
    lot_ids: Sequence[str] = (),
    hold_id: str | None = None,
) -> Standing | None:
    """Lock a customer's account and settle what fell due; None where there is no such customer.

    Args:
        purchase_id: the purchase a return is about. It is read behind the lock, with its lots, points left or not,
            and every other lot with points left.
        lots: whether the fact takes points, or needs every lot with points left.
        lot_ids: lots of this customer that the fact is about, points left or not.
        hold_id: a hold of this customer that the fact is about, ended or not.

    What takes effect, does so at the instant behind the lock, however long the call had to wait for it.
    """
    document = await accounts.lock(call.database, customer_id, tx=tx)
    if document is None:
        return None
    call.now = max(call.now, call.shop.clock())
    programs = await call.shop.known.programs()
    if outdated(document, programs):  # either the account's path is old, or what this process remembers
        call.shop.known.forget_programs()
        programs = await call.shop.known.programs()
    purchase = await purchases.get(call.database, customer_id, purchase_id, tx=tx) if purchase_id else None
    due = document["dueAt"] is not None and document["dueAt"] <= call.now
    whole = lots or lot_ids or due or hold_id or purchase or document.get("sliding") or programs.slides
    ledger = Ledger(
        accounts.account_value(document),
        [accounts.lot_value(lot) for lot in await _lots(call, customer_id, purchase, lot_ids, tx)] if whole else (),
        [holds.value(hold) for hold in await _holds(call, document, hold_id, tx)] if whole else (),
        now=call.now,
        new_id=call.new_id,
        zone=call.shop.time_zone,
    )
    ledger.settle()
    standing = Standing(
        customer_id=customer_id,
        account=document,
        ledger=ledger,
        steps=accounts.steps_value(document["tierSteps"]),
        programs=programs,
        purchase=purchase,
        extra={},
        facts=[],
    )
    if outdated(document, programs):
        standing.facts, standing.renewed = await reconsider_tier(call, standing, None, tx=tx), True
    return standing


async def locked(call: Call, customer_id: str, *path: str, tx: Tx, lots: bool = True, **about: Any) -> Standing:
    """Lock a customer who must be there.

    Raises:
        Refusal: NOT_FOUND of `path`.
    """
    standing = await lock(call, customer_id, tx=tx, lots=lots, **about)
    if standing is None:
        raise not_found("No such customer.", *path)
    return standing


async def _lots(call: Call, owner: str, purchase: Document | None, lot_ids: Sequence[str], tx: Tx) -> list[Document]:
    """Return every lot with points left, those that a purchase made or was paid from, and those asked for."""
    lots = await accounts.live_lots_in(call.database, owner, tx=tx)
    known = {lot["_id"] for lot in lots}
    about = list(lot_ids)
    if purchase:
        about += [*purchase["lotIds"], *(part["lotId"] for part in purchase.get("spent", ()) if part["lotId"])]
    return lots + await accounts.lots_by_id(
        call.database, owner, [lot_id for lot_id in dict.fromkeys(about) if lot_id not in known], tx=tx
    )


async def _holds(call: Call, account: Document, hold_id: str | None, tx: Tx) -> list[Document]:
    """Return the active holds, and the one that the fact is about."""
    owner = account["customerId"]
    active = await holds.active_in(call.database, owner, tx=tx) if account["held"] else []
    if hold_id is None or any(hold["_id"] == hold_id for hold in active):
        return active
    asked = await holds.get(call.database, owner, hold_id, tx=tx)
    return [*active, asked] if asked else active


async def reconsider_tier(
    call: Call, standing: Standing, changed_at: datetime | None, *, new: QualifyingSale | None = None, tx: Tx
) -> list[Fact]:
    """Work the tier out anew, and return the fact of a tier that is another now.

    Args:
        changed_at: the sale that was recorded or changed; None: any may have.
        new: that sale, where it is the only one that the account does not know yet.
    """
    programs = standing.programs
    resume = None
    if changed_at is not None and not outdated(standing.account, programs):
        changed_at = min(changed_at, call.now)  # what is told now needs the sales that count now
        resume = resumption(standing.steps, ladders=programs.ladders, from_=changed_at, zone=call.shop.time_zone)
    sales = await _sales(call, standing, resume.after if resume else None, new, tx=tx)
    standing.steps = path_of(
        call, standing.account, programs, sales, standing.steps, from_=changed_at if resume else None
    )
    standing.extra |= tier_fields(standing.steps, programs, call.now)
    standing.extra["qualifying"] = qualifying_document(call, sales, programs.ladders, call.now)
    before = standing.account.get("tierId") or standing.steps[0].tier
    after = step_at(standing.steps, call.now)
    standing.account["tierId"] = after.tier
    return tier_facts(standing.customer_id, before, after)


def path_of(
    call: Call,
    account: Document,
    programs: Programs,
    sales: Sequence[QualifyingSale],
    steps: Sequence[TierStep],
    *,
    from_: datetime | None,
) -> tuple[TierStep, ...]:
    """Return a customer's path of tiers from all sales, or only anew `from_` an instant after these steps."""
    return tier_path(
        sales,
        ladders=programs.ladders,
        joined=account["createdAt"],
        zone=call.shop.time_zone,
        currency_digits=call.shop.currency_digits,
        resume=steps if from_ else (),
        from_=from_,
    )


async def _sales(
    call: Call, standing: Standing, since: datetime | None, new: QualifyingSale | None, *, tx: Tx
) -> list[QualifyingSale]:
    """Return at least all sales after `since`, and let the account keep them as far as it can."""
    known = recent_sales(standing.account, since) if new else None
    if known is not None and new:
        sales, after = [*known, new], after_of(standing.account)
    else:
        found = await purchases.qualifying_since(call.database, standing.customer_id, since, tx=tx)
        sales, after = [sale for _, sale in found], since
    standing.extra["recent"] = recent_document(sales, after, since)
    return sales


def outdated(account: Document, programs: Programs) -> bool:
    """Whether an account's path of tiers was worked out by other ladders."""
    return bool(account.get("ladders") != programs.ladders_id)


def tier_facts(customer_id: str, before: str, after: TierStep) -> list[Fact]:
    """Return the fact of a tier that is another now, or none."""
    if after.tier == before:
        return []
    return [(Topic.TIER, customer_id, {"from": before, "to": after.tier, "since": after.since})]


def tier_fields(steps: Sequence[TierStep], programs: Programs, now: datetime) -> dict[str, Any]:
    """Return an account's fields of its tier: the path, the tier told last, and when it changes by itself."""
    return {
        "tierSteps": accounts.steps_document(steps),
        "tierId": step_at(steps, now).tier,
        "tierDueAt": next((step.since for step in steps[1:] if step.since > now), None),
        "ladders": programs.ladders_id,
    }


def qualifying_document(
    call: Call, sales: Sequence[QualifyingSale], ladders: Sequence[Ladder], now: datetime
) -> dict[str, Any]:
    """Return what counts towards the tier now, with the span of instants [from, until) over which that stays true.

    `sales` are at least those that count now; one of the next minutes (a till's clock is ahead) ends the span.
    """
    policy = ladder_at(ladders, now).policy
    zone, digits = call.shop.time_zone, call.shop.currency_digits
    _, until = window_of(policy, now, zone)
    changes = [until] if until else []
    changes += [ladder.since for ladder in ladders[1:] if ladder.since > now]
    changes += [sale.at for sale in sales if sale.at > now]
    if policy.window is TierWindow.ROLLING_365_DAYS:
        changes += [sale.at + WINDOW for sale in sales if now - WINDOW < sale.at <= now]
    counted = qualifying(sales, now, policy=policy, zone=zone, currency_digits=digits)
    return {"points": counted, "from": now, "until": min(changes, default=None)}


async def write(call: Call, standing: Standing, *, tx: Tx) -> list[Fact]:
    """Store the working copy and return what there is to tell: a fact for every entry, and what the lock found.

    Raises:
        Refusal: INVALID where the balance would not fit into GraphQL's Int.
    """
    ledger = standing.ledger
    if max(ledger.account.balance, ledger.account.lifetime_earned, ledger.account.debt) > POINTS_MAX:
        raise invalid(f"The balance of points would be beyond {POINTS_MAX}.")
    await accounts.write(
        call.database,
        standing.customer_id,
        ledger,
        principal=call.caller.principal,
        extra=standing.extra,
        tx=tx,
    )
    if standing.renewed:
        await customers.set_tier_steps(call.database, standing.customer_id, standing.extra["tierSteps"], tx=tx)
    return [*standing.facts, *entry_facts(standing.customer_id, ledger.entries)]


def entry_facts(customer_id: str, entries: Sequence[Entry]) -> list[Fact]:
    """Return one fact for every new entry of a customer's ledger."""
    return [
        (
            Topic.POINTS,
            customer_id,
            {
                "entryId": entry.id,
                "type": entry.type.value,
                "points": entry.points,
                "balanceAfter": entry.balance_after,
                "occurredAt": entry.occurred_at,
            },
        )
        for entry in entries
    ]
