"""A purchase as stored: what a new one looks like, what names it, and what it earns.

One place for whoever makes purchases: a sale at a till, a claim, an import of whole histories.
"""

from collections.abc import Sequence
from datetime import datetime

from crm.ids import store_id
from crm.values import Channel, PurchaseStatus, Topic
from loyalty.earning import Sale, SoldLine, earn_rates, kept_share, points_for
from loyalty.ledger import Ledger, Source
from loyalty.program import expires_at, tier_of
from loyalty.values import Program, SourceKind
from services.context import Call
from services.selling import split_over_lines
from store import keys
from store.client import Document
from store.keys import Pair
from store.outbox import Fact


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
        "qualifying": 0,
        "earnRates": [],
        "lotIds": [],
    }


def key_documents(purchase: Document) -> list[Document]:
    """Return the keys that name a purchase: its external id, and its id for whoever does not know the owner."""
    external = purchase["externalId"]
    names = (keys.purchase((external["source"], external["value"])), keys.of_id(purchase["_id"]))
    return [{"_id": name, "ref": purchase["_id"], "owner": purchase["owner"]} for name in names]


def purchase_fact(purchase: Document) -> Fact:
    """Return the fact of a recorded sale."""
    names = ("customerId", "externalId", "channel", "storeCode", "occurredAt", "pointsEarned", "total")
    return (Topic.PURCHASE, purchase["_id"], {"change": "RECORDED", **{name: purchase[name] for name in names}})


def earn(call: Call, ledger: Ledger, program: Program, tier_id: str, purchase: Document) -> Document:
    """Post what a purchase earns, less what is returned already, and return the purchase's fields of it.

    Args:
        program: the version in force at the sale.
        tier_id: the tier whose multiplier applies.
    """
    rates = earn_rates(program, tier_of(program, tier_id), _sold(purchase))
    whole = len(rates) == 1 and not purchase["returns"]  # nothing to tell lines apart by
    shares = [purchase["total"] - purchase["taxTotal"]] if whole else kept_shares(purchase)
    points = points_for(shares, rates, call.shop.currency_digits)
    external = purchase["externalId"]
    lot = ledger.earn(
        points,
        occurred_at=purchase["occurredAt"],
        expires_at=expires_at(program.expiry, purchase["occurredAt"], call.shop.time_zone),
        source=Source(
            kind=SourceKind.PURCHASE, node_id=purchase["_id"], external_id=(external["source"], external["value"])
        ),
    )
    return {
        "pointsEarned": points,
        "qualifying": points,
        "earnRates": [str(rate) for rate in rates],
        "lotIds": [lot.id] if lot else [],
    }


def _sold(purchase: Document) -> Sale:
    """Return what the earning rules ask of a purchase."""
    return Sale(
        occurred_at=purchase["occurredAt"],
        channel=purchase["channel"],
        store_code=purchase["storeCode"],
        lines=[SoldLine(sku=line["sku"], category=line.get("category")) for line in purchase["lines"]],
    )


def shares_of(purchase: Document) -> list[int]:
    """Return each line's share of the base that earns points."""
    lines, base = purchase["lines"], purchase["total"] - purchase["taxTotal"]
    return split_over_lines(base, [line["lineNumber"] for line in lines], [line["total"] for line in lines])


def kept_shares(purchase: Document) -> list[int]:
    """Return what is kept of these shares after the returns so far."""
    return [
        kept_share(share, returned=line.get("returnedQuantity", 0), quantity=line["quantity"])
        for share, line in zip(shares_of(purchase), purchase["lines"], strict=True)
    ]
