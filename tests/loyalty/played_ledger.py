"""Random histories of two accounts, and who plays them: on the ledger alone or on the slow model too."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st

from crm.refusals import Refusal
from loyalty.ledger import Ledger
from loyalty.points import Account, SpentPart
from loyalty.program import UNTIL_EVENT_HAPPENS
from loyalty.replay import balance_as_of
from loyalty.values import ReturnPolicy, TransactionType
from tests.loyalty.slow_ledger import NEVER, Batch, Model
from tests.loyalty.support import BACK, DEBT, GIFT, SALE, Kept, day, on

Step = tuple[str, int, tuple[int, int, int, int]]
"""What happens, to which of two accounts, and four numbers of which each step makes what it needs."""

KINDS = ["credit"] * 5 + ["wait"] * 4 + ["spend", "hold", "capture", "give_back"] * 2
KINDS += ["late", "take_back"] * 2 + ["release", "transfer", "activate"]
STEP = st.tuples(
    st.sampled_from(KINDS),
    st.sampled_from([0, 0, 0, 1]),
    st.tuples(st.integers(0, 19), st.integers(0, 19), st.integers(0, 19), st.integers(0, 19)),
)
HISTORY = st.lists(STEP, min_size=25, max_size=40)


@dataclass
class Side:
    """One account, its model (None where only the ledger is played), and what later facts refer to."""

    kept: Kept = field(default_factory=Kept)
    model: Model = field(default_factory=Model)
    sales: list[tuple[str, Batch]] = field(default_factory=list)
    spent: list[tuple[tuple[SpentPart, ...], list[Batch | None]]] = field(default_factory=list)
    holds: list[str] = field(default_factory=list)
    working: Ledger | None = None


class Play:
    """Plays a history, each fact in a transaction of its own or all of one day in one, with or without the model."""

    def __init__(self, *, modelled: bool = False, one_copy_a_day: bool = False) -> None:
        self.sides = (Side(), Side())
        self.today = 0
        self.modelled = modelled
        self.one_copy_a_day = one_copy_a_day

    def run(self, step: Step, *, worker: bool) -> None:
        kind, which, numbers = step
        if kind == "wait":
            self.sleep((1, 1, 2, 3, 5, 9, 16, 33)[numbers[0] % 8], worker=worker)
        else:
            getattr(self, kind)(self.sides[which], *numbers)

    def sleep(self, days: int, *, worker: bool) -> None:
        self.finish_day()
        for _ in range(days):
            self.today += 1
            if worker:
                self.settle()
        for side in self.sides:
            if self.modelled:
                side.model.live_until(self.today)

    def settle(self) -> None:
        for side in self.sides:
            side.kept.settle(self.today)

    def finish_day(self) -> None:
        for side in self.sides:
            if side.working:
                side.kept.close(side.working)
                side.working = None

    def act(
        self,
        side: Side,
        fact: Callable[[Ledger], Any],
        model: Callable[[Model], Any],
        *,
        lots: Sequence[str | None] = (),
        hold: str | None = None,
    ) -> tuple[Any, Any]:
        """Apply a fact about these lots and this hold to both; what was refused is told as its code."""
        try:
            result = self.write(side, fact, lots=lots, hold=hold)
        except Refusal as refusal:
            result = refusal.code.value
        told = model(side.model) if self.modelled else None
        if self.modelled and (isinstance(told, str) or isinstance(result, str)):
            assert told == result
        return result, told

    def write(
        self, side: Side, fact: Callable[[Ledger], Any], *, lots: Sequence[str | None] = (), hold: str | None = None
    ) -> Any:
        if not self.one_copy_a_day:
            return side.kept.act(self.today, fact, lots=lots, hold=hold)
        side.working = side.working or side.kept.open(self.today, lots=list(side.kept.lots))
        if hold and hold not in side.working.holds:
            side.working.holds[hold] = side.kept.holds[hold]
        return fact(side.working)

    # -------------------------------------------------------- one method a step

    def credit(self, side: Side, points: int, end: int, wait: int, late: int) -> None:
        type_ = (TransactionType.EARN, TransactionType.BONUS, TransactionType.ADJUST)[late % 3]
        sliding = 1 if end % 7 == 0 else None
        sold = self.today - late // 3
        ends = None if end % 7 < 2 else sold + (end - 2) * 2
        active = sold if wait < 9 else NEVER if wait > 17 else sold + wait - 8
        points = points + 4
        lot, batch = self.act(
            side,
            lambda ledger: ledger.credit(
                type_,
                points,
                occurred_at=on(sold),
                source=SALE,
                expires_at=None if ends is None else on(ends),
                sliding_months=sliding,
                active_at=UNTIL_EVENT_HAPPENS if active == NEVER else on(active),
            ),
            lambda model: model.credit(points, type_=type_, sold=sold, ends=ends, active=active, sliding=sliding),
        )
        side.sales.append((lot.id, batch))

    def spend(self, side: Side, points: int, overdraft: int, *_: int) -> None:
        bound = overdraft if overdraft > 7 else 0
        parts, taken = self.act(
            side,
            lambda ledger: ledger.spend(points // 2 + 1, occurred_at=on(self.today), source=SALE, overdraft=bound),
            lambda model: model.spend(points // 2 + 1, bound),
        )
        self.remember(side, parts, taken)

    def remember(self, side: Side, parts: Any, taken: Any) -> None:
        if not isinstance(parts, str):
            side.spent.append((parts, taken))
        if self.modelled and not isinstance(parts, str):
            told = [part.lot_id for part in parts for _ in range(part.points)]
            assert told == [None if lot is None else list(side.kept.lots)[lot.number] for lot in taken]

    def hold(self, side: Side, points: int, days: int, *_: int) -> None:
        made, _ = self.act(
            side,
            lambda ledger: ledger.hold(points // 2 + 1, expires_at=on(self.today + days // 3 + 1)),
            lambda model: model.hold(points // 2 + 1, self.today + days // 3 + 1),
        )
        if not isinstance(made, str):
            side.holds.append(made.id)

    def capture(self, side: Side, which: int, points: int, *_: int) -> None:
        self.capture_of(side, which, None if points > 9 else points // 2 + 1, self.today, in_sale=points % 2 == 0)

    def late(self, side: Side, which: int, points: int, ago: int, _: int) -> None:
        timed_out = [index for index, id_ in enumerate(side.holds) if self.is_expired(side, id_)]
        if timed_out:
            which = timed_out[-1 - which % len(timed_out)]
            sold = int(day(side.kept.holds[side.holds[which]].expires_at) or 0) - 2 + ago // 6
            self.capture_of(side, which, points // 6 + 1, sold, in_sale=True)

    def is_expired(self, side: Side, hold_id: str) -> bool:
        hold = side.kept.holds.get(hold_id)
        return bool(hold and hold.expires_at <= on(self.today))

    def capture_of(self, side: Side, which: int, points: int | None, sold: int, *, in_sale: bool) -> None:
        if not side.holds:
            return
        hold = which % len(side.holds)
        id_ = side.holds[hold]
        parts, taken = self.act(
            side,
            lambda ledger: ledger.capture(id_, points, occurred_at=on(sold), source=SALE, in_sale=in_sale),
            lambda model: model.capture(model.holds[hold], points, sold, in_sale=in_sale),
            hold=id_,
        )
        self.remember(side, parts, taken)

    def release(self, side: Side, which: int, *_: int) -> None:
        if side.holds:
            hold = which % len(side.holds)
            id_ = side.holds[hold]
            self.act(
                side,
                lambda ledger: ledger.release(id_),
                lambda model: model.release(model.holds[hold]),
                hold=id_,
            )

    def take_back(self, side: Side, points: int, which: int, others: int, forgive: int) -> None:
        if not side.sales:
            return
        points *= 2
        own = [side.sales[which % len(side.sales)], *side.sales[: others % 3]]
        own = list(dict.fromkeys(own))
        policy = ReturnPolicy.FORGIVE if forgive < 6 else DEBT
        self.act(
            side,
            lambda ledger: ledger.take_back(
                points + 1,
                lot_ids=[lot for lot, _ in own],
                policy=policy,
                occurred_at=on(self.today),
                source=BACK,
            ),
            lambda model: model.take_back(points + 1, [batch for _, batch in own], policy),
            lots=[lot for lot, _ in own],
        )

    def give_back(self, side: Side, points: int, which: int, end: int, _: int) -> None:
        open_ = [n for n, (parts, _) in enumerate(side.spent) if any(part.points > part.returned for part in parts)]
        if not open_:
            return
        index = open_[which % len(open_)]
        parts, sale = side.spent[index]
        points = min(points // 3 + 1, sum(part.points - part.returned for part in parts))
        ends = None if end > 15 else self.today + end - 3
        after, _ = self.act(
            side,
            lambda ledger: ledger.give_back(
                points,
                parts,
                occurred_at=on(self.today),
                source=BACK,
                expires_at=None if ends is None else on(ends),
            ),
            lambda model: model.give_back(points, sale, ends),
            lots=[part.lot_id for part in parts],
        )
        side.spent[index] = (after, sale)

    def transfer(self, giver: Side, points: int, *_: int) -> None:
        taker = self.sides[giver is self.sides[0]]
        moved, _ = self.act(
            giver,
            lambda ledger: ledger.transfer_out(points // 2 + 1, source=GIFT),
            lambda model: model.transfer(points // 2 + 1, taker.model),
        )
        if not isinstance(moved, str):
            self.write(taker, lambda ledger: ledger.transfer_in(moved, source=GIFT))

    def activate(self, side: Side, which: int, *_: int) -> None:
        own = side.sales[which % 3 :: 2]
        ids = {lot for lot, _ in own}
        self.act(
            side,
            lambda ledger: ledger.activate(lambda lot: lot.id in ids),
            lambda model: model.activate([batch for _, batch in own]),
        )

    # -------------------------------------------------------- looking

    def settled(self, side: Side) -> Account:
        """Return the totals as a read tells them: what fell due is played in memory."""
        return without_due(side.kept.open(self.today).account)

    def replayed(self, side: Side, at: int) -> Account:
        """Replay what a read loads, or on every other day more than that: it does no harm."""
        kept, then = side.kept, on(at)
        entries, lots, holds = kept.entries, list(kept.lots.values()), list(kept.holds.values())
        if at % 2:
            entries = [entry for entry in entries if entry.at <= then]
            named = {lot_id for entry in entries for lot_id, _ in entry.lots}
            lots = [lot for lot in lots if lot.id in named]
            holds = [hold for hold in holds if hold.created_at <= then]
            holds = [hold for hold in holds if hold.ended_at is None or hold.ended_at > then]
        return without_due(balance_as_of(entries, lots, holds, at=then, zone=kept.zone))


def without_due(account: Account) -> Account:
    """Leave out when points would become spendable: an event that came since may have made it earlier."""
    return replace(account, due_at=None)


def totals_of(account: Account) -> tuple[object, ...]:
    expiry = account.next_expiry
    return (
        account.available,
        account.pending,
        account.held,
        account.debt,
        account.lifetime_earned,
        (expiry.points, day(expiry.at)) if expiry else None,
    )


def lots_of(ledger: Ledger, kept: Kept) -> list[tuple[int, int, int]]:
    lots = [ledger.lots.get(lot.id, lot) for lot in kept.lots.values()]
    return [(lot.remaining, lot.held, lot.expired) for lot in lots]


def story(kept: Kept) -> list[tuple[object, ...]]:
    return [
        (entry.sequence, entry.type, entry.points, entry.balance_after, entry.at, entry.occurred_at, entry.reason,
         entry.source, entry.lots)
        for entry in kept.entries
    ]  # fmt: skip


def stood(kept: Kept) -> tuple[object, ...]:
    """Return what an account is, but for the pending lots that ended before they were ever spendable."""
    lots = [replace(lot, pending=lot.pending and lot.remaining > 0) for lot in kept.lots.values()]
    return kept.account, lots, list(kept.holds.values()), story(kept)
