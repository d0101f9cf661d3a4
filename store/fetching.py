"""Reads outside of transactions, and how few commands they need.

What is read at one tick of the event loop goes as one command: look-ups of a collection as one $in, all else as one
pipeline each, put together by $unionWith. That is so within a request, a person with account, purchases and ledger, and
where requests share their reads it is so for all of them: a command for eight account pages takes MongoDB a third of
what eight take, and the driver half. Who may see what is found is decided afterwards, by each request for itself, and
nothing is kept from tick to tick.

Only brief reads go together; one that may take long, a search or a count of everything, would hold the others up.
Nothing in here takes a session, so nothing that a transaction reads is ever put together.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pymongo.errors import OperationFailure

from store.client import Database
from store.deadlines import timed_out
from store.reads import Document, Fields, Read, Reader, by_id, look_up
from store.ticks import Tick

Found = list[list[Document]]
"""The documents of every read."""


class Gathered:
    """The reads of one request, or of all that share it: what is asked at one tick is one command."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tick: Tick[Sequence[Read], Found] = Tick(self._together)

    async def read(self, reads: Sequence[Read]) -> Found:
        """Return the documents of every read."""
        if all(read.brief for read in reads):
            return await self._tick.ask(reads)
        return await self._database.read(reads)

    async def by_ids(self, collection: str, ids: Iterable[str], fields: Fields = None) -> dict[str, Document]:
        """Return the documents with these ids, by id; `fields` of each, None for all."""
        (documents,) = await self._tick.ask([look_up(collection, ids, fields)])
        return by_id(documents)

    async def _together(self, asked: Sequence[Sequence[Read]]) -> Sequence[Found | Exception]:
        """Answer all of them by one command; where that fails, each by its own, for it may be the fault of one."""
        question = Question(asked)
        try:
            return question.parts(await self._database.read(question.reads))
        except OperationFailure as problem:
            if len(asked) == 1 or timed_out(problem):
                raise
        return await asyncio.gather(*(self._alone(reads) for reads in asked))

    async def _alone(self, reads: Sequence[Read]) -> Found | Exception:
        try:
            return await self._database.read(reads)
        except Exception as problem:  # noqa: BLE001 -- it is the answer to who asked
            return problem


class Question:
    """What several ask, without what is asked twice: `reads` are the reads it takes, `parts` what each of them gets."""

    def __init__(self, asked: Sequence[Sequence[Read]]) -> None:
        self._asked = asked
        self._places: dict[tuple[str, object], list[int]] = {}
        """Where in `reads` look-ups are, by collection and fields, and others, by collection and owner."""
        self._ids: dict[int, dict[str, None]] = {}
        self.reads: list[Read] = []
        self._of_asked = [[self._place(read) for read in reads] for reads in asked]
        for place, ids in self._ids.items():
            self.reads[place] = look_up(self.reads[place].collection, ids, self.reads[place].fields)

    def _place(self, read: Read) -> int:
        """Return where in `reads` a read is answered."""
        if read.ids is not None:
            places = self._places.setdefault((read.collection, read.fields), [])
            if not places:
                self._add(read, places)
            self._ids.setdefault(places[0], {}).update(dict.fromkeys(read.ids))
            return places[0]
        owner = read.filter.get("owner")
        places = self._places.setdefault((read.collection, owner if isinstance(owner, str) else ""), [])
        known = next((place for place in places if self.reads[place] == read), None)
        return self._add(read, places) if known is None else known

    def _add(self, read: Read, places: list[int]) -> int:
        places.append(len(self.reads))
        self.reads.append(read)
        return places[-1]

    def parts(self, found: Found) -> list[Found]:
        """Return what each of those who asked gets of what was found."""
        named = {place: by_id(found[place]) for place in self._ids}
        return [
            [
                found[place] if read.ids is None else [named[place][id_] for id_ in read.ids if id_ in named[place]]
                for read, place in zip(reads, places, strict=True)
            ]
            for reads, places in zip(self._asked, self._of_asked, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Separate:
    """The reads of one request, each a command of its own, where nothing is to be put together but look-ups."""

    database: Database
    look_ups: Reader

    async def read(self, reads: Sequence[Read]) -> Found:
        """Return the documents of every read."""
        return await self.database.read(reads)

    async def by_ids(self, collection: str, ids: Iterable[str], fields: Fields = None) -> dict[str, Document]:
        """Return the documents with these ids, by id; `fields` of each, None for all."""
        return await self.look_ups.by_ids(collection, ids, fields)
