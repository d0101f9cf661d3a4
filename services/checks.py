"""What must hold between stored documents: recomputed from the ledger and the purchases, compared, told as differences.

Pure functions over the documents of one owner. `what` is the path of what differs, such as `nextExpiry` or
`entries.3.balanceAfter`, where 3 is the entry's place in the ledger.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from loyalty.points import EARNED, Lot, due_at, is_activity, next_expiry
from loyalty.tiers import tier_path
from loyalty.values import HoldStatus, SourceKind, TransactionType
from services.context import Call
from services.known import Programs
from services.recent_sales import all_recent
from services.standing import outdated, qualifying_document
from store.client import Document
from store.holds import value as hold_value
from store.ledger import lot_value, source_value, steps_document
from store.purchases import qualifying_sale

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
    bonus_by_purchase: dict[str, int] = field(default_factory=dict)
    spent_on_purchase: dict[str, int] = field(default_factory=dict)
    lots_spent_on_purchase: dict[str, dict[str, int]] = field(default_factory=dict)
    spent_from_hold: dict[str, int] = field(default_factory=dict)
    given_to_purchase: dict[str, int] = field(default_factory=dict)
    points_of_lot: dict[str, int] = field(default_factory=dict)
    activity_at: datetime | None = None

    @property
    def debt(self) -> int:
        """Points that entries took and no lot gave, or that entries gave and no lot got."""
        return sum(self.lots.values()) - self.points


def moves_of(entries: Sequence[Document], own: Collection[str]) -> Moves:
    """Add up the entries of a ledger; `own` are the purchases of its owner: a referrer's entries name another's."""
    moves = Moves()
    for entry in entries:
        kind, points, node = entry["type"], entry["points"], entry["source"].get("nodeId")
        moves.points += points
        if kind in EARNED:
            moves.earned += points
        if is_activity(TransactionType(kind), source_value(entry["source"])):
            moves.activity_at = max(moves.activity_at or entry["at"], entry["at"])
        for part in entry["lots"]:
            _add(moves.lots, part["id"], part["points"])
            if kind == TransactionType.EXPIRE:
                _add(moves.expired, part["id"], -part["points"])
        if kind in EARNED and len(entry["lots"]) == 1:
            moves.points_of_lot[entry["lots"][0]["id"]] = points
        _count_purchase(moves, entry, kind, node, foreign=node not in own)
    return moves


def _count_purchase(moves: Moves, entry: Document, kind: str, node: str, *, foreign: bool) -> None:
    """Count an entry for the purchase it names; a referrer's share of somebody else's purchase is not counted."""
    source, points = entry["source"]["kind"], entry["points"]
    if kind in EARNED and (source == SourceKind.PURCHASE or (source == SourceKind.REFERRAL and not foreign)):
        _add(moves.earned_by_purchase, node, points)
        if kind == TransactionType.BONUS:
            _add(moves.bonus_by_purchase, node, points)
        moves.lots_of_purchase.setdefault(node, []).extend(part["id"] for part in entry["lots"])
    elif kind == TransactionType.SPEND and source == SourceKind.PURCHASE:
        _add(moves.spent_on_purchase, node, -points)
        for part in entry["lots"]:
            _add(moves.lots_spent_on_purchase.setdefault(node, {}), part["id"], -part["points"])
    elif kind == TransactionType.SPEND and source == SourceKind.HOLD:
        _add(moves.spent_from_hold, node, -points)
    elif kind == TransactionType.RETURN_SPENT:
        _add(moves.given_to_purchase, node, points)
    elif kind == TransactionType.RETURN_EARNED and not foreign:
        _add(moves.taken_from_purchase, node, -points)


def _add(sums: dict[str, int], key: str, points: int) -> None:
    sums[key] = sums.get(key, 0) + points


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


def lot_differences(
    account: Document, moves: Moves, lots: Mapping[str, Document], holds: Sequence[Document]
) -> Iterator[Difference]:
    """Compare each lot of an account with what the entries did to it, and with what active holds reserve of it.

    `lots` are all of the account's, and those that entries name.
    """
    held: dict[str, int] = {}
    for part in (part for hold in holds for part in hold["parts"]):
        _add(held, part["id"], part["points"])
    for id_ in sorted({*lots, *moves.lots, *held}):
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
            ("held", lot["held"], held.get(id_, 0)),
            ("held", lot["held"], min(max(lot["held"], 0), 0 if lot["pending"] else lot["remaining"])),
            ("expired", lot["expired"], min(max(lot["expired"], 0), expired)),
        )
        yield from differing(account["_id"], ((f"lots.{id_}.{what}", old, new) for what, old, new in checks))


def total_differences(
    call: Call,
    account: Document,
    entries: Sequence[Document],
    moves: Moves,
    lots: Iterable[Document],
    holds: Sequence[Document],
) -> Iterator[Difference]:
    """Compare an account's totals, as stored and before anything that is due, with its entries, lots and holds."""
    available, pending, held, debt = (account[name] for name in ("available", "pending", "held", "debt"))
    own: list[Lot] = [lot_value(lot) for lot in lots if lot["owner"] == account["customerId"]]
    zone, activity_at = call.shop.time_zone, moves.activity_at
    expiry = next_expiry(own, activity_at, zone)
    yield from differing(
        account["_id"],
        (
            ("sequence", account["sequence"], len(entries)),
            ("balance", available + pending + held - debt, moves.points),
            ("available", available, sum(lot.available for lot in own)),
            ("pending", pending, sum(lot.remaining for lot in own if lot.pending)),
            ("held", held, sum(hold["points"] for hold in holds)),
            ("debt", debt, max(moves.debt, 0)),
            ("lifetimeEarned", account["lifetimeEarned"], moves.earned),
            ("lastAt", account.get("lastAt"), entries[-1]["at"] if entries else None),
            ("activityAt", account.get("activityAt"), activity_at),
            ("nextExpiry", account.get("nextExpiry"), {"points": expiry.points, "at": expiry.at} if expiry else None),
            ("sliding", account["sliding"], any(lot.sliding_months is not None for lot in own if lot.remaining)),
            ("dueAt", account.get("dueAt"), due_at(own, [hold_value(one) for one in holds], activity_at, zone)),
        ),
    )


def hold_differences(
    account: Document, moves: Moves, holds: Iterable[Document], purchases: Iterable[Document]
) -> Iterator[Difference]:
    """Compare what became of each hold with the ledger: spent by itself, or by the sale that names it."""
    sales = {sale["holdId"]: sale["pointsSpent"] for sale in purchases if sale.get("holdId")}
    for hold in holds:
        id_, captured = hold["_id"], hold["captured"]
        spent = moves.spent_from_hold.get(id_, min(captured, sales[id_]) if id_ in sales else 0)
        was = hold["status"] == HoldStatus.CAPTURED
        checks: Checks = (
            ("captured", captured, min(spent, hold["points"])),
            ("status", was, captured > 0),
            ("points", hold["points"], sum(part["points"] for part in hold["parts"])),
        )
        yield from differing(account["_id"], ((f"holds.{id_}.{what}", old, new) for what, old, new in checks))


def tier_differences(
    call: Call, account: Document, customer: Document | None, purchases: Iterable[Document], programs: Programs
) -> Iterator[Difference]:
    """Compare the path of tiers, and what counts towards it now, with one computed from all purchases.

    A path by an older ladder is no difference: `crm worker` is on its way, and answers do not wait for it.
    """
    if outdated(account, programs):
        return
    sales = [qualifying_sale(sale) for sale in purchases]
    shop = call.shop
    steps = tier_path(
        sales,
        ladders=programs.ladders,
        joined=account["createdAt"],
        zone=shop.time_zone,
        currency_digits=shop.currency_digits,
    )
    path = steps_document(steps)
    yield from differing(account["_id"], (("tierSteps", account["tierSteps"], path),))
    if customer is not None:
        yield from differing(customer["_id"], (("tierSteps", customer.get("tierSteps"), path),))
    known = account.get("qualifying")
    if known or sales:
        counted = qualifying_document(call, sales, programs.ladders, known["from"] if known else call.now)
        yield from differing(account["_id"], (("qualifying", known, counted),))
    if recent := account.get("recent"):
        yield from differing(account["_id"], (("recent", recent, all_recent(recent, sales)),))
