"""What a process may remember about the shop: things that never change once they are there, programme and offers.

Products and stores are never deleted, so remembering that one exists can never be wrong. The programme's versions, the
products' categories and the offers (services/known_offers.py) are read again after a few seconds, and at once where
this process changed them or hears that another did (services/freshness.py).
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crm.taste.offer_scoring import Subjects
from loyalty.program import program_at
from loyalty.tiers import Ladder, ladders_of
from loyalty.values import ExpiryKind, Program
from services.known_offers import AGE_MAX, KnownOffers, LiveOffers
from services.known_statistics import KnownStatistics
from services.offer_subjects import subject_of
from store import programs
from store.client import Database
from store.statistics import Pointer

REMEMBERED_MAX = 200_000


@dataclass(frozen=True, slots=True)
class Programs:
    """All versions of the programme, oldest first, and the ladders of tiers they come to.

    `ladders_id` tells two sets of ladders apart: a path of tiers worked out by others is worked out anew. `slides` is
    whether any version earns points whose end moves: then every fact needs all of an account's lots. `awaited` are
    the events that any version's points wait for.
    """

    versions: tuple[Program, ...]
    ladders: tuple[Ladder, ...]
    ladders_id: str
    slides: bool
    awaited: frozenset[str]

    def of(self, purchase: Mapping[str, Any]) -> Program:
        """Return the version by which a purchase was judged when it was recorded."""
        number = purchase.get("programVersion")
        known = next((program for program in self.versions if program.version == number), None)
        return known or self.at(purchase["occurredAt"])

    def at(self, instant: datetime) -> Program:
        """Return the version in force at an instant."""
        return program_at(self.versions, instant)


def programs_of(versions: tuple[Program, ...]) -> Programs:
    """Return the versions with their ladders."""
    ladders = ladders_of(versions)
    content = [
        (ladder.since.isoformat(), [(tier.id, tier.threshold) for tier in ladder.tiers], repr(ladder.policy))
        for ladder in ladders
    ]
    return Programs(
        versions=versions,
        ladders=ladders,
        ladders_id=hashlib.sha256(repr(content).encode()).hexdigest()[:16],
        slides=any(program.expiry.kind is ExpiryKind.SLIDING for program in versions),
        awaited=frozenset(program.pending.event for program in versions if program.pending.event),
    )


class Known:
    """A process's memory of one shop; empty at start, bounded."""

    def __init__(self, database: Database, clock: Callable[[], datetime], currency_digits: int) -> None:
        self._database = database
        self._clock = clock
        self._offers = KnownOffers(database, clock, currency_digits)
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._categories: OrderedDict[str, tuple[str | None, datetime]] = OrderedDict()
        self._programs: Programs | None = None
        self._program_changes = 0
        self._programs_at = clock()
        self.statistics = KnownStatistics(database, clock)
        self._subjects: tuple[LiveOffers, Pointer | None, Subjects] | None = None

    def categories(self, ids: Iterable[str]) -> dict[str, str | None]:
        """Return the categories of those products that were read at most 5 seconds ago, by id."""
        now = self._clock()
        known = {id_: self._categories[id_] for id_ in ids if id_ in self._categories}
        return {id_: category for id_, (category, at) in known.items() if abs(now - at) <= AGE_MAX}

    def are_of(self, categories: Mapping[str, str | None]) -> None:
        """Remember the categories of products that were read now."""
        now = self._clock()
        for id_, category in categories.items():
            self._categories[id_] = (category, now)
            self._categories.move_to_end(id_)
        while len(self._categories) > REMEMBERED_MAX:
            self._categories.popitem(last=False)

    def forget_categories(self, ids: Iterable[str]) -> None:
        """Read these products anew at the next question: this process has changed them."""
        for id_ in ids:
            self._categories.pop(id_, None)

    def missing(self, ids: Iterable[str]) -> list[str]:
        """Return the ids not known to exist."""
        return [id_ for id_ in dict.fromkeys(ids) if id_ not in self._ids]

    def exist(self, ids: Iterable[str]) -> None:
        """Remember that documents with these ids are committed."""
        for id_ in ids:
            self._ids[id_] = None
        while len(self._ids) > REMEMBERED_MAX:
            self._ids.popitem(last=False)

    def programs_at_hand(self) -> Programs | None:
        """Return all versions of the programme, at most 5 seconds old; None where they have to be read."""
        return self._programs if abs(self._clock() - self._programs_at) <= AGE_MAX else None

    async def programs(self) -> Programs:
        """Return all versions of the programme, at most 5 seconds old."""
        now, at_hand = self._clock(), self.programs_at_hand()
        if at_hand is not None:
            return at_hand
        changes = self._program_changes
        read = programs_of(await programs.versions(self._database))
        if changes == self._program_changes:  # else a version was saved while we read
            self._programs, self._programs_at = read, now
        return read

    async def offer_subjects(self, live: LiveOffers) -> Subjects:
        """Return live offers indexed for scoring; made anew where they or the statistics have changed."""
        pointer = await self.statistics.pointer()
        if self._subjects is None or self._subjects[0] is not live or self._subjects[1] != pointer:
            known = await self.statistics.offers(list(live.by_id))
            made = Subjects(subject_of(offer, known.get(offer.id)) for offer in live.by_id.values())
            self._subjects = (live, pointer, made)
        return self._subjects[2]

    def forget_programs(self) -> None:
        """Read the programme anew at the next question: it has changed."""
        self._programs = None
        self._program_changes += 1

    async def offers(self) -> LiveOffers:
        """Return the offers that apply now or may later, at most 5 seconds old."""
        return await self._offers.now()

    def forget_offers(self) -> None:
        """Look for changed offers at the next question: one has changed."""
        self._offers.forget()
