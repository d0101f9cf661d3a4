"""What the shop owes its customers: outstanding points by the month in which they end."""

from dataclasses import dataclass, field
from datetime import timedelta

from loyalty.book import Book
from loyalty.points import Lot, ends_at

NEVER = "never"


@dataclass(slots=True)
class Outstanding:
    """Points that end in one month: that can be spent, that are not active yet, that holds reserve."""

    available: int = 0
    pending: int = 0
    held: int = 0

    @property
    def points(self) -> int:
        """All of them."""
        return self.available + self.pending + self.held


@dataclass(slots=True)
class Liability:
    """Of one programme, as of now; months are the shop's, `NEVER` stands for points without an end.

    Accounts are counted as they stand once all that fell due is played, whether or not it has been written down.
    """

    program_id: str = ""
    program: str = ""
    months: dict[str, Outstanding] = field(default_factory=dict)

    def count(self, book: Book) -> None:
        """Take a settled account in."""
        for lot in book.lots.values():
            if lot.remaining:
                month = self.months.setdefault(self._month(book, lot), Outstanding())
                month.held += lot.held
                month.available += lot.available
                month.pending += lot.free - lot.available

    @staticmethod
    def _month(book: Book, lot: Lot) -> str:
        """Return the last month in which a lot's points can be spent: what ends with December ends in it."""
        end = ends_at(lot, book.account.activity_at, book.zone)
        return f"{(end - timedelta(milliseconds=1)).astimezone(book.zone):%Y-%m}" if end else NEVER

    def in_order(self) -> list[tuple[str, Outstanding]]:
        """Return the months, the soonest first, points without an end last."""
        return sorted(self.months.items(), key=lambda item: (item[0] == NEVER, item[0]))

    @property
    def points(self) -> int:
        """All that is outstanding."""
        return sum(month.points for month in self.months.values())
