"""A customer's loyalty inside a transaction: locked, settled, changed by pure rules, written back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crm.refusals import invalid
from crm.values import Topic
from loyalty.ledger import POINTS_MAX, Entry, Ledger
from loyalty.program import program_at
from loyalty.tiers import WINDOW, QualifyingSale, TierStep, qualifying_points, step_at, tier_steps
from loyalty.values import Program
from services.context import Call
from store import ledger as accounts
from store import purchases
from store.client import Document, Tx
from store.outbox import Fact


@dataclass(slots=True, kw_only=True)
class Standing:
    """The working copy of one customer's account and tier; `programs` are all versions, oldest first.

    `purchase` is the one `lock` was asked for, None where it is not the customer's.
    """

    customer_id: str
    joined: datetime
    ledger: Ledger
    steps: tuple[TierStep, ...]
    programs: Sequence[Program]
    qualifying: dict[str, Any] | None
    purchase: Document | None

    def program_at(self, instant: datetime) -> Program:
        """Return the version by which a sale at `instant` is judged."""
        return program_at(self.programs, instant)


async def lock(call: Call, customer_id: str, *, tx: Tx, purchase_id: str | None = None) -> Standing | None:
    """Lock a customer's account and settle what fell due; None where there is no such customer.

    Args:
        purchase_id: the purchase a return is about. It is read behind the lock, with its lots, points left or not,
            and every other lot with points left. None for a fact that only adds points.
    """
    document = await accounts.lock(call.database, customer_id, tx=tx)
    if document is None:
        return None
    purchase = await purchases.get(call.database, customer_id, purchase_id, tx=tx) if purchase_id else None
    lots = await _lots(call, document, purchase, tx)
    ledger = Ledger(
        accounts.account_value(document),
        [accounts.lot_value(lot) for lot in lots],
        now=call.now,
        new_id=call.new_id,
    )
    ledger.settle()
    return Standing(
        customer_id=customer_id,
        joined=document["createdAt"],
        ledger=ledger,
        steps=accounts.steps_value(document["tierSteps"]),
        programs=await call.shop.known.programs(),
        qualifying=document.get("qualifying"),
        purchase=purchase,
    )


async def _lots(call: Call, account: Document, purchase: Document | None, tx: Tx) -> list[Document]:
    """Return every lot with points left, and those of the purchase; none where nothing is due and nothing returned."""
    due = account["dueAt"] is not None and account["dueAt"] <= call.now
    if not due and purchase is None:
        return []
    owner = account["customerId"]
    lots = (await accounts.live_lots(call.database, [owner], tx=tx))[owner]
    known = {lot["_id"] for lot in lots}
    spent = [lot_id for lot_id in (purchase["lotIds"] if purchase else ()) if lot_id not in known]
    return lots + (await accounts.lots_by_id(call.database, owner, spent, tx=tx) if spent else [])


async def reconsider_tier(call: Call, standing: Standing, changed_at: datetime, *, tx: Tx) -> list[Fact]:
    """Work the tier out anew from the sale at `changed_at` on, and return the fact of a tier that is another now."""
    program = standing.programs[-1]
    resumable = not program.tier_policy.grace_days
    since = min(changed_at, call.now) - WINDOW if resumable else None
    sales = [sale for _, sale in await purchases.qualifying_since(call.database, standing.customer_id, since, tx=tx)]
    before = step_at(standing.steps, call.now).tier
    standing.steps = tier_steps(
        sales,
        tiers=program.tiers,
        policy=program.tier_policy,
        joined=standing.joined,
        resume=standing.steps if resumable else (),
        from_=changed_at if resumable else None,
    )
    standing.qualifying = qualifying_document(sales, call.now)
    after = step_at(standing.steps, call.now)
    return tier_facts(standing.customer_id, before, after)


def tier_facts(customer_id: str, before: str, after: TierStep) -> list[Fact]:
    """Return the fact of a tier that is another now, or none."""
    if after.tier == before:
        return []
    return [(Topic.TIER, customer_id, {"from": before, "to": after.tier, "since": after.since})]


def qualifying_document(sales: Sequence[QualifyingSale], now: datetime) -> dict[str, Any]:
    """Return what counts towards the tier now, with the span of instants [from, until) over which that stays true.

    `sales` are all since a whole window before now; one of the next minutes (a till's clock is ahead) ends the span.
    """
    changes = [sale.at if sale.at > now else sale.at + WINDOW for sale in sales if sale.at > now - WINDOW]
    return {"points": qualifying_points(sales, now), "from": now, "until": min(changes, default=None)}


async def write(call: Call, standing: Standing, *, tx: Tx) -> list[Fact]:
    """Store the working copy and return one fact for every entry.

    Raises:
        Refusal: INVALID where the balance would not fit into GraphQL's Int.
    """
    ledger = standing.ledger
    if max(ledger.account.balance, ledger.account.lifetime_earned) > POINTS_MAX:
        raise invalid(f"The balance of points would be beyond {POINTS_MAX}.")
    await accounts.write(
        call.database,
        standing.customer_id,
        ledger,
        principal=call.caller.principal,
        extra={"tierSteps": accounts.steps_document(standing.steps), "qualifying": standing.qualifying},
        tx=tx,
    )
    return entry_facts(standing.customer_id, ledger.entries)


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
