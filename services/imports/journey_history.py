"""Works out one household's whole history in memory: what recording its baskets one by one would have stored.

The rules are the same pure functions; only the reading and writing in between is left out. A test imports a household
both ways and compares every document. One thing differs: the tier a history led to is one event, at its end.
"""

from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from crm.ids import CUSTOMER, PURCHASE
from crm.taste.counters import Tally, counted
from crm.values import Channel, ConsentPurpose, ConsentState, Topic
from loyalty.ledger import Ledger
from loyalty.points import Account
from loyalty.program import tier_of
from loyalty.tiers import WINDOW, QualifyingSale, TierStep, step_at, step_before, tier_path
from loyalty.values import EarningEvent, ExpiryKind, PendingKind, TierBasis, TierWindow
from services.context import Call
from services.customers import key_documents as customer_keys
from services.customers import new_customer
from services.imports.journey_reader import CHANNEL, CURRENCY, SOURCE, JourneyBasket
from services.known import Programs
from services.purchases import digest
from services.selling import content_fingerprint
from services.standing import entry_facts, qualifying_document, tier_facts, tier_fields
from services.stored_sale import earn, key_documents, new_purchase, purchase_fact
from store import keys, ledger, outbox, tastes
from store.client import Document
from store.collections import ACCOUNTS, CUSTOMERS, KEYS, LOTS, OUTBOX, PURCHASES, TASTES, TRANSACTIONS
from store.outbox import Fact
from store.purchases import qualifying_sale

CONSENT_SOURCE = "complete-journey-import"


class Tiers:
    """The tier of a history that is told in order: worked out anew only where a sale can have changed it."""

    def __init__(self, call: Call, programs: Programs) -> None:
        self._call = call
        self._programs = programs
        self._program = programs.versions[0]
        self._window: deque[QualifyingSale] = deque()
        self._in_window = 0
        self._stale = False
        self.sales: list[QualifyingSale] = []
        self.steps: tuple[TierStep, ...] = self._worked_out()

    def _worked_out(self) -> tuple[TierStep, ...]:
        shop = self._call.shop
        return tier_path(
            self.sales,
            ladders=self._programs.ladders,
            joined=self._call.now,
            zone=shop.time_zone,
            currency_digits=shop.currency_digits,
        )

    def before(self, instant: datetime) -> str:
        """Return the tier just before an instant that no known sale lies after."""
        return self._found(step_before, instant)

    def _found(self, find: Callable[[Sequence[TierStep], datetime], TierStep], instant: datetime) -> str:
        # Sales not worked in yet can only put a projected fall off: where none is projected, there is none.
        if self._stale and find(self.steps, instant) != step_at(self.steps, self.sales[-1].at):
            self.current()
        return find(self.steps, instant).tier

    def count(self, sale: QualifyingSale) -> None:
        """Take a sale in, which no known one lies after."""
        held = self._found(step_at, sale.at)
        self.sales.append(sale)
        self._window.append(sale)
        self._in_window += sale.points
        while self._window[0].at <= sale.at - WINDOW:
            self._in_window -= self._window.popleft().points
        self._stale = True
        higher = [tier for tier in self._program.tiers if tier.threshold <= self._in_window]
        if higher and higher[-1].threshold > tier_of(self._program, held).threshold:
            self.current()

    def current(self) -> tuple[TierStep, ...]:
        """Return the path with every sale in it."""
        if self._stale:
            self.steps, self._stale = self._worked_out(), False
        return self.steps


def is_plain(programs: Programs) -> bool:
    """Whether a history can be worked out in memory: one ladder by points of 365 days, rules without counters.

    Else a household is completed basket by basket, through `record_purchase`.
    """
    policy = programs.ladders[0].policy
    return (
        len(programs.ladders) == 1
        and (policy.basis, policy.window, policy.grace_days) == (TierBasis.POINTS, TierWindow.ROLLING_365_DAYS, 0)
        and all(
            program.pending.kind is not PendingKind.UNTIL_EVENT
            and program.expiry.kind is not ExpiryKind.SLIDING
            and all(
                rule.cap_points is None and rule.event is not EarningEvent.FIRST_PURCHASE
                for rule in program.earning_rules
            )
            for program in programs.versions
        )
    )


def history(
    call: Call, programs: Programs, household: Document, baskets: Sequence[JourneyBasket], *, source: str = SOURCE
) -> dict[str, list[Document]]:
    """Return every document of a household's history by collection.

    Args:
        household: its profile, with its id of `source` as the first of the external ids.
    """
    person = new_customer(call, call.new_id(CUSTOMER), household)
    owner = person["_id"]
    key = digest(call, keys.external((source, household["externalIds"][0]["value"])))
    tiers, tally = Tiers(call, programs), Tally(limit=tastes.COUNTED_MAX)
    working_copy = Ledger(Account(), now=call.now, new_id=call.new_id, zone=call.shop.time_zone)
    documents: dict[str, list[Document]] = {
        KEYS: customer_keys(person),
        PURCHASES: [],
        TRANSACTIONS: [],
        LOTS: [],
        OUTBOX: customer_events(call, person),
    }
    for basket in baskets:
        purchase = _purchase(call, basket, owner, key, source)
        program = programs.at(basket.occurred_at)
        posted = len(working_copy.entries)
        purchase |= earn(call, working_copy, program, tiers.before(basket.occurred_at), purchase)
        tiers.count(qualifying_sale(purchase))
        facts: list[Fact] = [purchase_fact(purchase), *entry_facts(owner, working_copy.entries[posted:])]
        documents[PURCHASES].append(purchase)
        of = counted(purchase["lines"])
        tally.add(of, basket.occurred_at, store_code=basket.store_code, channel=CHANNEL)
        documents[KEYS] += key_documents(purchase)
        documents[OUTBOX] += _events(call, facts, owner)
    principal = call.caller.principal
    documents[TRANSACTIONS] = [ledger.entry_document(owner, entry, principal) for entry in working_copy.entries]
    documents[LOTS] = [ledger.lot_document(owner, lot) for lot in working_copy.changed_lots.values()]
    reached = tier_facts(owner, tiers.current()[0].tier, step_at(tiers.current(), call.now))
    documents[OUTBOX] += _events(call, reached, owner) if reached else []
    steps = ledger.steps_document(tiers.current())
    qualifying = qualifying_document(call, tiers.sales, programs.ladders, call.now) if tiers.sales else None
    extra: dict[str, Any] = {
        **tier_fields(tiers.current(), programs, call.now),
        **({"qualifying": qualifying} if qualifying else {}),
        "locks": len(baskets),
    }
    documents[TASTES] = tastes.documents(owner, tally)
    documents[ACCOUNTS] = [ledger.account_document(owner, call.now, working_copy.account, extra)]
    documents[CUSTOMERS] = [{**person, "metrics": _metrics(baskets), "tierSteps": steps}]
    return documents


def profile(call: Call, household: str, source: str = SOURCE) -> Document:
    """Return what is known of a household: its id, and the consents without which the demo would show nothing."""
    said = {"state": ConsentState.GRANTED.value, "at": call.now, "source": CONSENT_SOURCE, "evidence": None}
    return {
        "externalIds": [{"source": source, "value": household}],
        "consents": [
            {"purpose": purpose.value, **said} for purpose in (ConsentPurpose.PERSONALIZATION, ConsentPurpose.ANALYTICS)
        ],
    }


def customer_events(call: Call, person: Document) -> list[Document]:
    """Return the events of a household that was created."""
    facts: list[Fact] = [(Topic.CUSTOMER, person["_id"], {"change": "CREATED", "version": 1})]
    for consent in person["consents"]:
        said = {name: consent[name] for name in ("purpose", "state", "at", "source")}
        facts.append((Topic.CONSENT, person["_id"], said))
    return _events(call, facts, person["_id"])


def _events(call: Call, facts: Sequence[Fact], owner: str) -> list[Document]:
    return outbox.events(facts, at=call.now, owner=owner, principal=call.caller.principal, new_id=call.new_id)


def _purchase(call: Call, basket: JourneyBasket, owner: str, customer_key: str, source: str) -> Document:
    return new_purchase(
        id_=call.new_id(PURCHASE),
        buyer=owner,
        customer_key=customer_key,
        external_id=(source, basket.basket_id),
        fingerprint=content_fingerprint(content(basket, source)),
        channel=Channel(CHANNEL),
        store_code=basket.store_code,
        terminal_id=None,
        occurred_at=basket.occurred_at,
        recorded_at=call.now,
        lines=_lines(basket),
        discount_total=sum(line.discount for line in basket.lines),
        tax_total=0,
        tax_included=False,
        total=basket.total,
    )


def _lines(basket: JourneyBasket) -> list[Document]:
    lines = []
    for number, (product, quantity, unit_price, discount, total) in enumerate(basket.lines, 1):
        line: Document = {
            "lineNumber": number,
            "sku": product.sku,
            "title": product.title,
            "quantity": quantity,
            "unitPrice": unit_price,
            "discount": discount,
            "total": total,
        }
        if product.category:
            line["category"] = product.category
        lines.append(line)
    return lines


def content(basket: JourneyBasket, source: str = SOURCE) -> dict[str, Any]:
    """Return what the fingerprint is taken of: the very content that recordPurchase is sent for this basket."""
    return {
        "external_id": {"source": source, "value": basket.basket_id},
        "occurred_at": basket.occurred_at,
        "currency_code": CURRENCY,
        "lines": [
            {
                "line_number": number,
                "sku": product.sku,
                "title": product.title,
                **({"category": product.category} if product.category else {}),
                "quantity": quantity,
                "unit_price": unit_price,
                "discount": discount,
                "total": total,
            }
            for number, (product, quantity, unit_price, discount, total) in enumerate(basket.lines, 1)
        ],
        "discount_total": 0,
        "tax_total": 0,
        "total": basket.total,
        "channel": Channel(CHANNEL).value,
        "storeCode": basket.store_code,
    }


def _metrics(baskets: Sequence[JourneyBasket]) -> Document:
    metrics: Document = {"purchaseCount": len(baskets), "totalSpent": sum(basket.total for basket in baskets)}
    if not baskets:
        return {**metrics, "channels": []}
    instants = [basket.occurred_at for basket in baskets]
    return {**metrics, "channels": [CHANNEL], "firstPurchaseAt": min(instants), "lastPurchaseAt": max(instants)}
