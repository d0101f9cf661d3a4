"""What must hold of offers: redemptions and purchases say the same, counters are what a recount gives, codes are found.

Part of `crm check` (services/checking.py): pure comparisons of one owner's documents, and two sweeps over offers and
codes, each part read as of one instant.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from crm.values import PurchaseStatus
from services.checks import Difference, differing
from services.context import Call
from store import keys, offer_checking
from store.client import Document
from store.offer_checking import Codes, Offers
from store.offer_codes import USED

PART = 1000
_ROW = ("offerId", "discount", "returned")


def redemption_differences(
    purchases: Sequence[Document], rows: Sequence[Document], codes: Mapping[str, Document]
) -> Iterator[Difference]:
    """Compare what an owner's purchases redeemed of offers with the rows that limits count by, and with the codes."""
    left = {row["_id"]: row for row in rows}
    for sale in purchases:
        redemptions = sale.get("redemptions", ())
        given = sum(one["discount"] for one in redemptions)
        yield from differing(sale["_id"], (("redemptions", max(given, sale["discountTotal"]), sale["discountTotal"]),))
        for one in redemptions:
            row, what = left.pop(one["id"], {}), f"redemptions.{one['id']}"
            checks: list[tuple[str, object, object]] = [(f"{what}.{name}", row.get(name), one[name]) for name in _ROW]
            checks.append((f"{what}.purchaseId", row.get("purchaseId"), sale["_id"]))
            checks.append((f"{what}.returned.byRule", one["returned"], _is_back(sale, one)))
            if not one["returned"]:
                used = [codes.get(code["id"], {}).get("purchaseId") for code in one["codes"]]
                checks.append((f"{what}.codes", used, [sale["_id"]] * len(used)))
            yield from differing(sale["_id"], checks)
    for id_, row in left.items():
        yield Difference(id_, "purchaseId", row["purchaseId"], None)


def _is_back(sale: Document, redemption: Document) -> bool:
    """Whether nothing that a redemption discounted is kept; a sale's lines are read where something came back."""
    lines = {line["lineNumber"]: line for line in sale.get("lines", ())}
    gone = {number for number, line in lines.items() if line.get("returnedQuantity", 0) == line["quantity"]}
    return sale["status"] == PurchaseStatus.CANCELLED or (bool(gone) and gone.issuperset(redemption["lines"]))


async def check_offers(call: Call, add: Callable[[Iterable[Difference]], None]) -> None:
    """Compare all offers with their counters, audiences and codes, and all single-use codes with their purchases."""
    after: str | None = ""
    while after is not None:
        offers = await call.database.transaction(partial(offer_checking.next_offers, call.database, after, PART))
        add(_of_offers(offers))
        after = offers.documents[-1]["_id"] if offers.documents else None
    after = ""
    while after is not None:
        codes = await call.database.transaction(partial(offer_checking.next_codes, call.database, after, PART))
        add(_of_codes(codes))
        after = codes.documents[-1]["_id"] if codes.documents else None


def _of_offers(found: Offers) -> Iterator[Difference]:
    for offer in found.documents:
        id_, limits, code = offer["_id"], offer["limits"], offer["code"]
        limited = limits["total"] is not None or limits["budget"] is not None
        counter, counted = found.counters.get(id_), found.counted[id_]
        checks: list[tuple[str, object, object]] = [
            ("counter.redeemed", counter and counter.redeemed, counted.redeemed if limited else None),
            ("counter.spent", counter and counter.spent, counted.spent if limited else None),
            ("customerCount", offer["conditions"]["customerCount"] or 0, found.audience.get(id_, 0)),
        ]
        if code is not None:
            checks.append(("keys.code.ref", found.keys.get(keys.code(code), {}).get("ref"), id_))
        yield from differing(id_, checks)


def _of_codes(found: Codes) -> Iterator[Difference]:
    for code in found.documents:
        key = found.keys.get(keys.code(code["code"]), {})
        by = code["purchaseId"]
        yield from differing(
            code["_id"],
            (
                ("keys.code.ref", key.get("ref"), code["_id"]),
                ("keys.code.owner", key.get("owner"), code["owner"]),
                ("status", code["status"] == USED, by is not None),
                ("purchaseId", by, by if by and _uses(found.purchases.get(by), code["_id"]) else None),
            ),
        )


def _uses(purchase: Document | None, code_id: str) -> bool:
    """Whether a purchase redeemed an offer by a code, and keeps something of it."""
    redemptions = purchase.get("redemptions", ()) if purchase else ()
    return any(one["id"] == code_id for held in redemptions if not held["returned"] for one in held["codes"])
