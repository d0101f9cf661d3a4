"""What must hold of a purchase and of its customer's metrics, recomputed from lines, returns and ledger."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from crm.values import PurchaseStatus
from loyalty.values import ReturnPolicy
from services.checks import Difference, Moves, differing
from services.context import Call
from services.known import Programs
from services.terms import kept_shares, owed, returned_part
from store.client import Document
from store.customers import NO_PURCHASES


def metrics_differences(customer: Document, purchases: Sequence[Document]) -> Iterator[Difference]:
    """Compare a customer's metrics with the purchases, as `store.purchases.metrics` counts them."""
    counted: dict[str, Any] = dict(NO_PURCHASES)
    kept = [sale for sale in purchases if sale["status"] != PurchaseStatus.CANCELLED]
    if kept:
        counted = {
            "purchaseCount": len(kept),
            "totalSpent": sum(sale["total"] - sale["returnedTotal"] for sale in kept),
            "firstPurchaseAt": min(sale["occurredAt"] for sale in kept),
            "lastPurchaseAt": max(sale["occurredAt"] for sale in kept),
            "channels": sorted({sale["channel"] for sale in kept}),
        }
    stored = {**customer["metrics"], "channels": sorted(customer["metrics"]["channels"])}
    names = sorted({*stored, *counted})
    return differing(customer["_id"], ((f"metrics.{name}", stored.get(name), counted.get(name)) for name in names))


def money_differences(purchase: Document) -> Iterator[Difference]:
    """Compare a purchase's totals with its lines and its returns."""
    returns = purchase.get("returns", [])
    tax = 0 if purchase["taxIncluded"] else purchase["taxTotal"]
    off = purchase["discountTotal"] - purchase["linesDiscount"]
    back: dict[int, int] = {}
    for line in (line for one in returns for line in one["lines"]):
        back[line["lineNumber"]] = back.get(line["lineNumber"], 0) + line["quantity"]
    lines = {line["lineNumber"]: line for line in purchase.get("lines", [])}
    whole = all(back.get(number, 0) == line["quantity"] for number, line in lines.items())
    returned = sum(one["total"] for one in returns)
    parts = [
        (f"returns.{one['id']}.total", one["total"], sum(line["total"] for line in one["lines"])) for one in returns
    ]
    yield from differing(
        purchase["_id"],
        (
            ("total", purchase["total"], purchase["linesTotal"] - off + tax),
            ("returnedTotal", purchase["returnedTotal"], min(returned, purchase["total"])),
            ("status", purchase["status"], _status(purchase["status"], bool(returns), whole)),
            *parts,
        ),
    )
    for number in sorted({*lines, *back}):
        line = lines.get(number, {"quantity": 0})
        stored = line.get("returnedQuantity", 0)
        computed = min(back.get(number, 0), line["quantity"])
        yield from differing(purchase["_id"], ((f"lines.{number}.returnedQuantity", stored, computed),))


def _status(stored: str, any_returns: bool, whole: bool) -> str:
    """Return the status that the returns make; only what came back whole may have been cancelled instead."""
    if not any_returns:
        return PurchaseStatus.COMPLETED
    if not whole:
        return PurchaseStatus.PARTIALLY_RETURNED
    return stored if stored == PurchaseStatus.CANCELLED else PurchaseStatus.RETURNED


def points_differences(
    call: Call, purchase: Document, moves: Moves, lots: Mapping[str, Document], programs: Programs
) -> Iterator[Difference]:
    """Compare what a purchase earned and was paid with, and what its returns moved, with ledger, lots and rule."""
    id_, program = purchase["_id"], programs.of(purchase)
    earned, taken = purchase["pointsEarned"], purchase["pointsTakenBack"]
    spent, given = purchase["pointsSpent"], purchase.get("pointsGivenBack", 0)
    returns, parts = purchase.get("returns", []), purchase.get("spent", [])
    missing = [lot for lot in moves.lots_of_purchase.get(id_, ()) if lot not in purchase["lotIds"]]
    checks: list[tuple[str, object, object]] = [
        ("pointsEarned", earned, moves.earned_by_purchase.get(id_, 0)),
        ("pointsTakenBack", taken, sum(one["pointsTakenBack"] for one in returns)),
        ("pointsSpent", spent, moves.spent_on_purchase.get(id_, 0)),
        ("pointsSpent.parts", spent, sum(part["points"] for part in parts)),
        ("pointsGivenBack", given, sum(one["pointsGivenBack"] for one in returns)),
        ("pointsGivenBack.parts", given, sum(part["returned"] for part in parts)),
        ("pointsGivenBack.inLedger", given, moves.given_to_purchase.get(id_, 0)),
        ("lotIds", purchase["lotIds"], [*(lot for lot in purchase["lotIds"] if lot in lots), *missing]),
    ]
    bonuses = sum(bonus["points"] for bonus in purchase.get("bonuses", ()))
    lots_spent = {part["lotId"]: part["points"] for part in parts if part["lotId"]}
    checks.append(("bonuses", bonuses, moves.bonus_by_purchase.get(id_, 0)))
    checks.append(("spent", lots_spent, moves.lots_spent_on_purchase.get(id_, {})))
    checks += _counting_checks(call, purchase, keep=program.tier_policy.keep_on_return)
    posted = moves.taken_from_purchase.get(id_, 0)
    posted += sum(moves.expired.get(lot, 0) - lots[lot]["expired"] for lot in purchase["lotIds"] if lot in lots)
    if posted > taken or program.returns is ReturnPolicy.DEBT:  # FORGIVE posts less than it takes back
        checks.append(("pointsTakenBack.inLedger", taken, posted))
    return differing(id_, checks)


def _counting_checks(call: Call, purchase: Document, *, keep: bool) -> Iterator[tuple[str, object, object]]:
    """Yield what a purchase counts towards a tier, and what the rule says of its returns."""
    bonuses = sum(bonus["points"] for bonus in purchase.get("bonuses", ()))
    counted, base = purchase["pointsEarned"] - bonuses, purchase["total"] - purchase["taxTotal"]
    if purchase.get("returns") and purchase["earnRates"]:
        cancelled = purchase["status"] == PurchaseStatus.CANCELLED
        by_rule = owed(call, purchase, cancelled=cancelled)
        yield "pointsTakenBack.byRule", purchase["pointsTakenBack"], by_rule.taken_back
        yield "pointsGivenBack.byRule", purchase.get("pointsGivenBack", 0), by_rule.given_back
        if not keep:
            counted -= by_rule.earned_back
            base = sum(kept_shares(purchase)) if returned_part(call, purchase, cancelled=cancelled).anything_kept else 0
    yield "qualifying", purchase["qualifying"], counted
    if not (keep and purchase.get("returns")):  # what was kept at a claim is not known any more
        yield "qualifyingSpend", purchase["qualifyingSpend"], base if purchase["customerId"] else 0
