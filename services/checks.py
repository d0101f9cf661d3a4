"""What must hold between stored documents: recomputed from the ledger and the purchases, compared, told as differences.

Pure functions over the documents of one owner. `what` is the path of what differs, such as `nextExpiry` or
`entries.3.balanceAfter`, where 3 is the entry's place in the ledger.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from crm.values import PurchaseStatus
from loyalty.earning import points_taken_back
from loyalty.ledger import Lot, next_expiry
from loyalty.program import program_at
from loyalty.tiers import QualifyingSale, tier_steps
from loyalty.values import Program, ReturnPolicy, SourceKind, TransactionType
from services.context import Call
from services.standing import qualifying_document
from services.stored_sale import kept_shares
from store.client import Document
from store.customers import NO_PURCHASES
from store.ledger import account_value, lot_value, steps_document

Checks = Iterable[tuple[str, object, object]]
"""What, as stored, as computed."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What is stored about `subject` and what the ledger and the purchases say instead.

    Args:
        subject: id of the account, purchase or customer; of the entry or lot where nobody owns it.
        what: path of what differs; names no personal data.
    """

    subject: str
    what: str
    stored: object
    computed: object


def differing(subject: str, checks: Checks) -> Iterator[Difference]:
    """Yield a difference for each check whose two values are not the same."""
    for what, stored, computed in checks:
        if stored != computed:
            yield Difference(subject, what, stored, computed)


@dataclass(slots=True)
class Moves:
    """What the entries of one ledger come to: over all, by lot and by purchase."""

    points: int = 0
    earned: int = 0
    lots: dict[str, int] = field(default_factory=dict)
    expired: dict[str, int] = field(default_factory=dict)
    lots_of_purchase: dict[str, list[str]] = field(default_factory=dict)
    earned_by_purchase: dict[str, int] = field(default_factory=dict)
    taken_from_purchase: dict[str, int] = field(default_factory=dict)
    points_of_lot: dict[str, int] = field(default_factory=dict)

    @property
    def debt(self) -> int:
        """Points that entries took and no lot gave, or that entries gave and no lot got."""
        return sum(self.lots.values()) - self.points


def moves_of(entries: Sequence[Document]) -> Moves:
    """Add up the entries of a ledger."""
    moves = Moves()
    for entry in entries:
        kind, points, node = entry["type"], entry["points"], entry["source"].get("nodeId")
        moves.points += points
        if kind in (TransactionType.EARN, TransactionType.BONUS):
            moves.earned += points
        for part in entry["lots"]:
            moves.lots[part["id"]] = moves.lots.get(part["id"], 0) + part["points"]
            if kind == TransactionType.EXPIRE:
                moves.expired[part["id"]] = moves.expired.get(part["id"], 0) - part["points"]
        if kind == TransactionType.EARN and entry["source"]["kind"] == SourceKind.PURCHASE:
            made = [part["id"] for part in entry["lots"]]
            moves.earned_by_purchase[node] = moves.earned_by_purchase.get(node, 0) + points
            moves.lots_of_purchase.setdefault(node, []).extend(made)
            if len(made) == 1:
                moves.points_of_lot[made[0]] = points
        elif kind == TransactionType.RETURN_EARNED:
            moves.taken_from_purchase[node] = moves.taken_from_purchase.get(node, 0) - points
    return moves


def entry_differences(account_id: str, entries: Sequence[Document]) -> Iterator[Difference]:
    """Compare each entry with those before it; of each kind only the first is told, later ones follow from it."""
    told: set[str] = set()
    for place, checks in _entry_checks(entries):
        for what, stored, computed in checks:
            if stored != computed and what not in told:
                told.add(what)
                yield Difference(account_id, f"entries.{place}.{what}", stored, computed)


def _entry_checks(entries: Sequence[Document]) -> Iterator[tuple[int, Checks]]:
    balance = debt = 0
    before = None
    for place, entry in enumerate(entries, 1):
        points, at = entry["points"], entry["at"]
        moved = sum(part["points"] for part in entry["lots"])
        balance += points
        # What comes in may pay debt and never makes any; what goes out takes from lots, and only the rest is debt.
        least, most = (points - max(debt, 0), points) if points >= 0 else (points, 0)
        yield (
            place,
            (
                ("sequence", entry["sequence"], place),
                ("balanceAfter", entry["balanceAfter"], balance),
                ("at", at, max(at, before) if before else at),
                ("lots", moved, min(max(moved, least), most)),
            ),
        )
        debt += moved - points
        before = at


def lot_differences(account: Document, moves: Moves, lots: Mapping[str, Document]) -> Iterator[Difference]:
    """Compare each lot of an account with what the entries did to it; `lots` are all of them, and those named."""
    for id_ in sorted({*lots, *moves.lots}):
        lot = lots.get(id_)
        remaining, expired = moves.lots.get(id_, 0), moves.expired.get(id_, 0)
        if lot is None:
            yield Difference(account["_id"], f"lots.{id_}", None, remaining)
            continue
        checks: Checks = (
            ("owner", lot["owner"], account["customerId"]),
            ("earned", lot["earned"], moves.points_of_lot.get(id_, lot["earned"])),
            ("remaining", lot["remaining"], remaining),
            ("remaining", lot["remaining"], min(max(lot["remaining"], 0), lot["earned"])),
            ("expired", lot["expired"], min(max(lot["expired"], 0), expired)),
        )
        yield from differing(account["_id"], ((f"lots.{id_}.{what}", old, new) for what, old, new in checks))


def total_differences(
    account: Document, entries: Sequence[Document], moves: Moves, lots: Iterable[Document]
) -> Iterator[Difference]:
    """Compare an account's totals, as stored and before anything that is due, with its entries and lots."""
    available, pending, held, debt = (account[name] for name in ("available", "pending", "held", "debt"))
    own: list[Lot] = [lot_value(lot) for lot in lots if lot["owner"] == account["customerId"]]
    expiry = next_expiry(own)
    return differing(
        account["_id"],
        (
            ("sequence", account["sequence"], len(entries)),
            ("balance", available + pending + held - debt, moves.points),
            ("available", available, sum(lot.remaining for lot in own) - pending - held),
            ("debt", debt, max(moves.debt, 0)),
            ("lifetimeEarned", account["lifetimeEarned"], moves.earned),
            ("lastAt", account.get("lastAt"), entries[-1]["at"] if entries else None),
            ("nextExpiry", account.get("nextExpiry"), {"points": expiry.points, "at": expiry.at} if expiry else None),
            ("dueAt", account.get("dueAt"), replace(account_value(account), next_expiry=expiry).due_at()),
        ),
    )


def tier_differences(
    call: Call, account: Document, customer: Document | None, purchases: Iterable[Document], program: Program
) -> Iterator[Difference]:
    """Compare the path of tiers, and what counts towards it now, with one computed from all purchases."""
    sales = [QualifyingSale(at=sale["occurredAt"], points=max(sale["qualifying"], 0)) for sale in purchases]
    steps = tier_steps(sales, tiers=program.tiers, policy=program.tier_policy, joined=account["createdAt"])
    path = steps_document(steps)
    yield from differing(account["_id"], (("tierSteps", account["tierSteps"], path),))
    if customer is not None:
        yield from differing(customer["_id"], (("tierSteps", customer.get("tierSteps"), path),))
    known = account.get("qualifying")
    if known or sales:
        counted = qualifying_document(sales, known["from"] if known else call.now)
        yield from differing(account["_id"], (("qualifying", known, counted),))


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
    call: Call, purchase: Document, moves: Moves, lots: Mapping[str, Document], programs: Sequence[Program]
) -> Iterator[Difference]:
    """Compare what a purchase earned and what its returns took with its ledger, its lots and the rule."""
    id_, program = purchase["_id"], program_at(programs, purchase["occurredAt"])
    earned, taken = purchase["pointsEarned"], purchase["pointsTakenBack"]
    returns = purchase.get("returns", [])
    kept = earned if program.tier_policy.keep_on_return else earned - taken
    missing = [lot for lot in moves.lots_of_purchase.get(id_, ()) if lot not in purchase["lotIds"]]
    checks: list[tuple[str, object, object]] = [
        ("pointsEarned", earned, moves.earned_by_purchase.get(id_, 0)),
        ("pointsTakenBack", taken, sum(one["pointsTakenBack"] for one in returns)),
        ("qualifying", purchase["qualifying"], kept),
        ("lotIds", purchase["lotIds"], [*(lot for lot in purchase["lotIds"] if lot in lots), *missing]),
    ]
    if returns and purchase["earnRates"]:
        rates = [Fraction(rate) for rate in purchase["earnRates"]]
        by_rule = points_taken_back(earned, kept_shares(purchase), rates, call.shop.currency_digits)
        checks.append(("pointsTakenBack.byRule", taken, by_rule))
    posted = moves.taken_from_purchase.get(id_, 0)
    posted += sum(moves.expired.get(lot, 0) - lots[lot]["expired"] for lot in purchase["lotIds"] if lot in lots)
    if posted > taken or program.returns is ReturnPolicy.DEBT:  # FORGIVE posts less than it takes back
        checks.append(("pointsTakenBack.inLedger", taken, posted))
    return differing(id_, checks)
