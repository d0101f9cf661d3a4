"""What a process remembers of the shop's offers: those that apply now or may later, followed change by change.

Every change to an offer has a number (`revision`), so a look for what is new is one small question, however many
offers there are. Nothing here is older than the few seconds that `Known` allows.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from crm.offers.book import Book, book_of
from crm.offers.values import Offer
from store import offers
from store.client import Database, Document

AGE_MAX = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class LiveOffers:
    """Offers that are active and not over, by id, and filed for a cart's question.

    One that is `addressed` to named customers has nobody in its audience here: who is in it is asked for a person
    (services/audience.py), so that a process never holds anybody's.
    """

    by_id: Mapping[str, Offer]
    addressed: frozenset[str]
    book: Book


def live_offers(found: Iterable[Offer]) -> LiveOffers:
    """Return offers as a process remembers them."""
    by_id = {offer.id: offer for offer in found}
    addressed = frozenset(id_ for id_, offer in by_id.items() if offer.conditions.customers is not None)
    return LiveOffers(by_id=by_id, addressed=addressed, book=book_of(by_id.values()))


class KnownOffers:
    """A process's memory of one shop's offers; its size is that of the offers that are not over."""

    def __init__(self, database: Database, clock: Callable[[], datetime], currency_digits: int) -> None:
        self._database = database
        self._clock = clock
        self._digits = currency_digits
        self._live: LiveOffers | None = None
        self._revision = 0
        self._at = clock()
        self._changes = 0

    async def now(self) -> LiveOffers:
        """Return the offers, at most 5 seconds old."""
        now, changes = self._clock(), self._changes
        if self._live is not None and abs(now - self._at) <= AGE_MAX:
            return self._live
        before, revision = self._live, self._revision
        if before is None:
            revision = await offers.revision(self._database)
            live = live_offers(self._values(await offers.live(self._database, now)))
        else:
            changed = await offers.changed_since(self._database, revision)
            live = self._followed(before, changed, now)
            revision = max([revision, *(document["revision"] for document in changed)])
        if revision >= self._revision:  # else another question has read further meanwhile
            self._live, self._revision = live, revision
        if changes == self._changes:  # else an offer was saved while we read
            self._at = now
        return live

    def forget(self) -> None:
        """Look for changes at the next question: there is one."""
        self._at = self._clock() - 2 * AGE_MAX
        self._changes += 1

    def _values(self, documents: Iterable[Document]) -> list[Offer]:
        return [offers.value(document, self._digits) for document in documents]

    def _followed(self, before: LiveOffers, changed: list[Document], now: datetime) -> LiveOffers:
        """Return the offers after changes, less what is over."""
        by_id = {**before.by_id, **{offer.id: offer for offer in self._values(changed)}}
        kept = [offer for offer in by_id.values() if offer.active and (offer.ends_at is None or offer.ends_at > now)]
        return before if not changed and len(kept) == len(by_id) else live_offers(kept)
