"""What an account's totals were at an instant of the past: the ledger replayed, the same whenever it is asked."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from loyalty.book import Book
from loyalty.points import EARNED, Account, Entry, Hold, Lot, due_at, is_activity, next_expiry
from loyalty.values import HoldStatus


def balance_as_of(
    entries: Iterable[Entry], lots: Iterable[Lot], holds: Iterable[Hold], *, at: datetime, zone: ZoneInfo
) -> Account:
    """Return the totals as they stood at `at`.

    Entries say what each lot held; a lot says since when it could be spent, a hold from when until when it reserved.
    What had fallen due by then is played in memory, posted or not.

    Args:
        entries: all of the account's up to `at`, oldest first; later ones do no harm.
        lots: at least those that these entries name.
        holds: at least those made by then that ended after it, or not yet.
    """
    known = [entry for entry in entries if entry.at <= at]
    remaining: dict[str, int] = {}
    for entry in known:
        for lot_id, points in entry.lots:
            remaining[lot_id] = remaining.get(lot_id, 0) + points
    active = [_as_of(hold) for hold in holds if hold.created_at <= at and (hold.ended_at is None or hold.ended_at > at)]
    held: dict[str, int] = {}
    for hold in active:
        for lot_id, points in hold.parts:
            held[lot_id] = held.get(lot_id, 0) + points
    then = [
        replace(
            lot,
            remaining=remaining[lot.id],
            held=held.get(lot.id, 0),
            # One that is pending to this day and due by then is played; else its instant decides.
            pending=lot.pending or lot.active_at > at,
        )
        for lot in lots
        if remaining.get(lot.id, 0)
    ]
    book = Book(_account(known, then, active, zone), then, active, now=at, new_id=lambda prefix: prefix, zone=zone)
    book.settle()
    return book.account


def _as_of(hold: Hold) -> Hold:
    return replace(hold, status=HoldStatus.ACTIVE, captured=0, ended_at=None)


def _account(entries: list[Entry], lots: list[Lot], holds: list[Hold], zone: ZoneInfo) -> Account:
    earned = (entry.points for entry in entries if entry.type in EARNED)
    activity_at = max((entry.at for entry in entries if is_activity(entry.type, entry.source)), default=None)
    held = sum(hold.points for hold in holds)
    pending = sum(lot.remaining for lot in lots if lot.pending)
    total = sum(lot.remaining for lot in lots)
    return Account(
        sequence=len(entries),
        available=total - pending - held,
        pending=pending,
        held=held,
        debt=total - sum(entry.points for entry in entries),
        lifetime_earned=sum(earned),
        last_at=entries[-1].at if entries else None,
        next_expiry=next_expiry(lots, activity_at, zone),
        due_at=due_at(lots, holds, activity_at, zone),
        activity_at=activity_at,
        sliding=any(lot.sliding_months is not None for lot in lots),
    )
