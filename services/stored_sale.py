"""A purchase as stored: what a new one looks like, what names it, and what it earns.

One place for whoever makes purchases: a sale at a till, a claim, an import of whole histories.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from types import MappingProxyType
from typing import TypedDict
from zoneinfo import ZoneInfo

from crm.ids import store_id
from crm.offers.points import bonus_points, boosts
from crm.offers.values import Offer
from crm.values import Channel, PurchaseStatus, Topic
from loyalty.earning import Bonus, Sale, SoldLine, Terms, points_for
from loyalty.earning import terms as terms_of
from loyalty.ledger import Ledger
from loyalty.points import Source
from loyalty.program import active_at, expires_at, sliding_months, tier_of
from loyalty.values import PendingKind, Program, SourceKind, TransactionType
from services.context import Call
from services.terms import kept_shares, returned_part, terms_document
from store import keys
from store.caps import CapKey
from store.client import Document
from store.keys import Pair
from store.outbox import Fact


class Ends(TypedDict):
    """When points end."""

    expires_at: datetime | None
    sliding_months: int | None


class Waiting(TypedDict):
    """When points become spendable."""

    active_at: datetime | None
    awaits: str | None


AT_ONCE: Waiting = {"active_at": None, "awaits": None}


def new_purchase(
    *,
    id_: str,
    buyer: str | None,
    customer_key: str | None,
    external_id: Pair,
    fingerprint: str,
    channel: Channel,
    store_code: str | None,
    terminal_id: str | None,
    occurred_at: datetime,
    recorded_at: datetime,
    lines: Sequence[Document],
    discount_total: int,
    tax_total: int,
    tax_included: bool,
    total: int,
) -> Document:
    """Return a purchase before it has earned anything.

    Amounts are in minor units, `discount_total` is everything taken off, on lines and on the whole.
    """
    return {
        "_id": id_,
        "owner": buyer or id_,
        "customerId": buyer,
        "customerKey": customer_key,
        "externalId": {"source": external_id[0], "value": external_id[1]},
        "fingerprint": fingerprint,
        "channel": channel.value,
        "storeCode": store_code,
        "storeId": store_id(store_code) if store_code else None,
        "terminalId": terminal_id,
        "occurredAt": occurred_at,
        "recordedAt": recorded_at,
        "status": PurchaseStatus.COMPLETED.value,
        "lines": list(lines),
        "discountTotal": discount_total,
        "taxTotal": tax_total,
        "taxIncluded": tax_included,
        "total": total,
        "returns": [],
        "returnedTotal": 0,
        "pointsEarned": 0,
        "pointsTakenBack": 0,
        "pointsSpent": 0,
        "pointsGivenBack": 0,
        "qualifying": 0,
        "qualifyingSpend": 0,
        "earnRates": [],
        "lotIds": [],
    }


def key_documents(purchase: Document, limited: Sequence[str] = ()) -> list[Document]:
    """Return the keys that name a purchase: its external id, and its id for whoever does not know the owner.

    Args:
        limited: offers it redeemed that all sales share something of; its returns wait for each other by them.
    """
    external = purchase["externalId"]
    names = (keys.purchase((external["source"], external["value"])), keys.of_id(purchase["_id"]))
    shared = {"limited": list(limited)} if limited else {}
    return [{"_id": name, "ref": purchase["_id"], "owner": purchase["owner"], **shared} for name in names]


def purchase_fact(purchase: Document) -> Fact:
    """Return the fact of a recorded sale."""
    names = ("customerId", "externalId", "channel", "storeCode", "occurredAt", "pointsEarned", "total")
    return (Topic.PURCHASE, purchase["_id"], {"change": "RECORDED", **{name: purchase[name] for name in names}})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """By what a purchase earns, its points per unit, and the base of them that is kept, in minor units."""

    terms: Terms
    earned: int
    base: int

    @property
    def points(self) -> int:
        """All points: per unit, and the flat ones of rules and offers."""
        return self.earned + sum(bonus.points for bonus in self.terms.bonuses)


def rate(
    call: Call,
    program: Program,
    tier_id: str,
    purchase: Document,
    *,
    used: Mapping[CapKey, Fraction] = MappingProxyType({}),
    zone: ZoneInfo | None = None,
    first: bool = False,
    offers: Sequence[Offer] = (),
) -> Rated:
    """Work out what a purchase earns, less what is returned already; the arguments are `earn`'s."""
    terms = terms_by(call, program, tier_id, purchase, used=used, zone=zone, first=first, offers=offers)
    return rate_by(call, terms, purchase)


def terms_by(
    call: Call,
    program: Program,
    tier_id: str,
    purchase: Document,
    *,
    used: Mapping[CapKey, Fraction] = MappingProxyType({}),
    zone: ZoneInfo | None = None,
    first: bool = False,
    offers: Sequence[Offer] = (),
) -> Terms:
    """Return by what a purchase earns, whatever its lines come to; the arguments are `earn`'s."""
    multipliers = boosts([(line["sku"], line.get("category")) for line in purchase["lines"]], offers) if offers else ()
    return terms_of(
        program,
        tier_of(program, tier_id),
        sold(purchase, first=first),
        zone=zone or call.shop.time_zone,
        used=used,
        boosts=multipliers,
        granted_by_offers=[
            Bonus(rule_id=offer.id, name=offer.title, points=bonus_points(offer), period_key=None)
            for offer in offers
            if bonus_points(offer)
        ],
    )


def rate_by(call: Call, terms: Terms, purchase: Document) -> Rated:
    """Work out what a purchase earns by these terms, less what is returned already."""
    whole = len(terms.rates) == 1 and not terms.capped and not purchase["returns"]  # nothing to tell lines apart by
    shares = [purchase["total"] - purchase["taxTotal"]] if whole else kept_shares(purchase)
    return Rated(terms=terms, earned=points_for(shares, terms, call.shop.currency_digits), base=sum(shares))


def earn(
    call: Call,
    ledger: Ledger,
    program: Program,
    tier_id: str,
    purchase: Document,
    *,
    used: Mapping[CapKey, Fraction] = MappingProxyType({}),
    zone: ZoneInfo | None = None,
    first: bool = False,
    referral_points: int = 0,
    offers: Sequence[Offer] = (),
) -> Document:
    """Post what a purchase earns, less what is returned already, and return the purchase's fields of it.

    Args:
        program: the version in force at the sale.
        tier_id: the tier whose multiplier applies.
        used: what `caps_of` asked for.
        zone: whose days and months caps count by; the shop's where None.
        first: whether it is the customer's first purchase.
        referral_points: what the customer is given for having been referred.
        offers: those that the sale redeemed; the ones that give points count.
    """
    rated = rate(call, program, tier_id, purchase, used=used, zone=zone, first=first, offers=offers)
    terms, earned = rated.terms, rated.earned
    fields = terms_document(terms)
    post = _poster(call, ledger, program, purchase)
    lots = [post(TransactionType.EARN, earned, SourceKind.PURCHASE, None)]
    flat: list[tuple[str | None, str, int, str | None]] = [
        (bonus.rule_id, bonus.name, bonus.points, bonus.period_key) for bonus in terms.bonuses
    ]
    if referral_points:
        flat.append((None, "Referral", referral_points, None))
    bonuses: list[Document] = []
    part = returned_part(call, purchase) if flat and purchase["returns"] else None
    for rule_id, name, points, period in flat:
        granted = part.bonus_kept(points) if part else points
        kind = SourceKind.PURCHASE if rule_id else SourceKind.REFERRAL
        lots.append(post(TransactionType.BONUS, granted, kind, name))
        bonuses.append({"ruleId": rule_id, "name": name, "points": granted, "of": points, "period": period})
    fields |= {"bonuses": bonuses} if bonuses else {}
    return {
        **fields,
        "programVersion": program.version,
        "pointsEarned": earned + sum(bonus["points"] for bonus in bonuses),
        "qualifying": earned,
        "qualifyingSpend": rated.base,
        "lotIds": [lot for lot in lots if lot is not None],
    }


def _poster(
    call: Call, ledger: Ledger, program: Program, purchase: Document
) -> Callable[[TransactionType, int, SourceKind, str | None], str | None]:
    """Return the function that posts points of this purchase and gives their lot's id."""
    at, external = purchase["occurredAt"], purchase["externalId"]

    def post(type_: TransactionType, points: int, kind: SourceKind, reason: str | None) -> str | None:
        lot = ledger.credit(
            type_,
            points,
            occurred_at=at,
            source=Source(kind=kind, node_id=purchase["_id"], external_id=(external["source"], external["value"])),
            reason=reason,
            **waiting(program, at),
            **ends(call, program, at),
        )
        return lot.id if lot else None

    return post


def waiting(program: Program, at: datetime) -> Waiting:
    """Return from when on points that a sale of an instant earned can be spent, as `Ledger.credit` takes it."""
    if program.pending.kind is PendingKind.NONE:
        return AT_ONCE
    return {"active_at": active_at(program.pending, at), "awaits": program.pending.event}


def ends(call: Call, program: Program, at: datetime) -> Ends:
    """Return when points earned at an instant end, as `Ledger.credit` takes it."""
    return {
        "expires_at": expires_at(program.expiry, at, call.shop.time_zone),
        "sliding_months": sliding_months(program.expiry),
    }


def sold(purchase: Document, *, first: bool) -> Sale:
    """Return what the earning rules ask of a purchase."""
    return Sale(
        occurred_at=purchase["occurredAt"],
        channel=purchase["channel"],
        store_code=purchase["storeCode"],
        lines=[SoldLine(sku=line["sku"], category=line.get("category")) for line in purchase["lines"]],
        first=first,
    )
