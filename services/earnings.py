"""What a sale earns, with all that has to be looked up for it: caps, the first purchase, a referral, events."""

from collections.abc import Mapping, Sequence
from fractions import Fraction

from crm.offers.values import Offer
from loyalty.earning import caps_of
from loyalty.program import tier_of
from loyalty.values import EarningEvent, PendingKind, Program, ReturnPolicy
from services import referrals
from services.context import Call
from services.engagement import zone_of
from services.standing import Standing
from services.stored_sale import earn, sold
from services.terms import owed
from store import caps, customers, events, purchases
from store.caps import CapKey
from store.client import Document, Tx
from store.outbox import Fact


def needs_lots(program: Program) -> bool:
    """Whether a sale under this programme looks at lots it did not make."""
    return program.pending.kind is PendingKind.UNTIL_EVENT


async def earn_sale(
    call: Call, standing: Standing, purchase: Document, tier_id: str, *, offers: Sequence[Offer] = (), tx: Tx
) -> list[Fact]:
    """Post what a purchase earns for its customer and for whoever referred them, and write it into the purchase.

    By the programme in force at the sale, the tier given and the offers redeemed. Returns what befell the referrer.
    """
    program = standing.program_at(purchase["occurredAt"])
    tier = tier_of(program, tier_id)
    capped = any(rule.cap_points is not None for rule in program.earning_rules)
    zone = await zone_of(call, purchase["storeCode"] if capped else None, tx=tx)
    first = await is_first(call, program, standing.customer_id, tx=tx)
    wanted = caps_of(program, tier, sold(purchase, first=first), zone)
    used = await caps.used(call.database, standing.customer_id, wanted, tx=tx)
    referred = referrals.is_due(standing.account, program, purchase)
    purchase |= earn(
        call,
        standing.ledger,
        program,
        tier_id,
        purchase,
        used=used,
        zone=zone,
        first=first,
        referral_points=program.referral.referee_points if referred and program.referral else 0,
        offers=offers,
    )
    if wanted:
        await caps.add(call.database, standing.customer_id, owed(call, purchase).used, known=used, tx=tx)
    happened = await _happened(call, standing, program, purchase, tx=tx)
    if happened:
        standing.ledger.activate(lambda lot: lot.id in purchase["lotIds"])
    return await referrals.reward(call, standing, program, purchase, waits=not happened, tx=tx) if referred else []


async def is_first(call: Call, program: Program, customer_id: str, *, tx: Tx | None = None) -> bool:
    """Whether the customer has no other purchase that stands; asked only where a rule wants to know.

    Where returns forgive spent points a cancelled one counts too: else buying and cancelling would mint them.
    """
    if not any(rule.active and rule.event is EarningEvent.FIRST_PURCHASE for rule in program.earning_rules):
        return False
    if program.returns is ReturnPolicy.FORGIVE:
        return not await purchases.any_of(call.database, customer_id, tx=tx)
    person = await customers.get(call.database, customer_id, tx=tx)
    return person is not None and person["metrics"]["purchaseCount"] == 0


async def _happened(call: Call, standing: Standing, program: Program, purchase: Document, *, tx: Tx) -> bool:
    """Whether the event that the sale's points wait for is known already."""
    if program.pending.kind is not PendingKind.UNTIL_EVENT:
        return False
    name, since = program.pending.event or "", purchase["occurredAt"]
    return await events.happened(call.database, standing.customer_id, name, since, tx=tx)


async def count_back(
    call: Call, owner: str, before: Mapping[CapKey, Fraction], after: Mapping[CapKey, Fraction], *, tx: Tx
) -> None:
    """Let the caps' counters follow a return."""
    changes = {key: after.get(key, Fraction(0)) - value for key, value in before.items()}
    await caps.add(call.database, owner, changes, tx=tx)
