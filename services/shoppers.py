"""The customer a cart is for, read without a transaction: a quote locks nobody and writes nothing."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from crm.ids import account_of
from crm.refusals import Refusal, UserErrorCode, not_found
from crm.values import Role
from loyalty.tiers import TierStep, ladder_at, resumption, step_at, step_before, window_of
from loyalty.values import Program, TierBasis
from services.context import Call
from services.inputs import CustomerKey
from services.known import Programs
from services.lookup import customer_key, named_customer
from services.recent_sales import recent_sales
from services.standing import outdated, path_of
from store import customers, keys, ledger, purchases
from store.client import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Shopper:
    """A customer, the account, and the path of tiers by the programme's ladders in force."""

    person: Document
    account: Document
    steps: tuple[TierStep, ...]
    programs: Programs

    @property
    def id(self) -> str:
        """The customer's id."""
        return str(self.person["_id"])

    def program(self, call: Call) -> Program:
        """Return the version by which a sale of now is judged."""
        return self.programs.at(call.now)

    def tier_id(self, call: Call) -> str:
        """Return the tier at which a sale of now earns."""
        return step_before(self.steps, call.now).tier


async def named_shopper(call: Call, key: CustomerKey | None, *path: str) -> str | None:
    """Return the id of whom a cart is for: the one named, else the calling customer, else nobody.

    Raises:
        Refusal: FORBIDDEN for a storefront that names anybody; NOT_FOUND as `named_customer` has it.
    """
    if key is None:
        return call.caller.customer_id if call.caller.role is Role.CUSTOMER else None
    if call.caller.role is Role.STOREFRONT:
        raise Refusal(UserErrorCode.FORBIDDEN, "A storefront asks without a customer.", path)
    found = {} if key.id else await keys.find(call.database, [customer_key(key)])
    return named_customer(call, key, found, *path)


async def shopper(call: Call, customer_id: str, *path: str) -> Shopper:
    """Return a customer as a cart sees one.

    Raises:
        Refusal: NOT_FOUND.
    """
    (person,), (account,) = await asyncio.gather(
        customers.by_ids(call.database, [customer_id]), ledger.by_ids(call.database, [account_of(customer_id)])
    )
    if person is None or account is None:
        raise not_found("No such customer.", *path)
    programs = await call.shop.known.programs()
    if outdated(account, programs):  # either the account's path is old, or what this process remembers
        call.shop.known.forget_programs()
        programs = await call.shop.known.programs()
    steps = ledger.steps_value(account["tierSteps"])
    if outdated(account, programs):
        sales = [sale for _, sale in await purchases.qualifying_since(call.database, customer_id, None)]
        steps = path_of(call, account, programs, sales, steps, from_=None)
    return Shopper(person=person, account=account, steps=steps, programs=programs)


async def tier_after(call: Call, who: Shopper, purchase: Document) -> str:
    """Return the id of the tier that a purchase of now leads to, as its recording would work it out."""
    ladders, resume = who.programs.ladders, None
    if not outdated(who.account, who.programs):
        resume = resumption(who.steps, ladders=ladders, from_=call.now, zone=call.shop.time_zone)
    after = resume.after if resume else None
    sales = recent_sales(who.account, after)
    if sales is None:
        sales = [sale for _, sale in await purchases.qualifying_since(call.database, who.id, after)]
    sales = [*sales, purchases.qualifying_sale(purchase)]
    steps = path_of(call, who.account, who.programs, sales, who.steps, from_=call.now if resume else None)
    return step_at(steps, call.now).tier


async def points_to_tiers(call: Call, who: Shopper) -> Mapping[str, int]:
    """Return what lacks to each tier above the one held, by its id."""
    tiers = who.program(call).tiers
    held = next((rank for rank, tier in enumerate(tiers) if tier.id == step_at(who.steps, call.now).tier), 0)
    above: Sequence[tuple[str, int]] = [(tier.id, tier.threshold) for tier in tiers[held + 1 :]]
    if not above:
        return {}
    counted = await _qualifying(call, who)
    return {id_: max(0, threshold - counted) for id_, threshold in above}


async def _qualifying(call: Call, who: Shopper) -> int:
    """Return what counts towards a tier now; counted where that has changed since the last sale."""
    known = who.account.get("qualifying")
    if known is None:
        return 0
    if known["from"] <= call.now and (known["until"] is None or call.now < known["until"]):
        return int(known["points"])
    policy = ladder_at(who.programs.ladders, call.now).policy
    after, _ = window_of(policy, call.now, call.shop.time_zone)
    spend = policy.basis is TierBasis.SPEND
    found = await purchases.qualifying_totals(call.database, [who.id], after=after, until=call.now, spend=spend)
    return found.get(who.id, 0) // (10**call.shop.currency_digits if spend else 1)
