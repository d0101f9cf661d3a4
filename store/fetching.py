"""Reads outside of transactions, and how few commands they need.

Two ways to save commands, each of which can be switched off:

* *Fused*: what one request reads at one tick of the event loop, a person with account, purchases and ledger, goes as
  one aggregation of several pipelines ($unionWith), each over its own index.
* *Shared*: look-ups by `_id` of all requests of one tick go as one $in a collection, and what several ask in the very
  same words is asked once: the first page of a list, by everybody who opens it. Who may see what is found is decided
  afterwards, by each request for itself. Nothing is kept from tick to tick.

Nothing in here takes a session, so nothing read in a transaction is ever fused or shared.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate

from store.client import Database
from store.reads import Document, Fields, Read, by_id, look_up
from store.ticks import Tick

COMPARED_MAX = 32
"""With as many questions of a tick a further one is compared."""

KINDS_MAX = 1000
"""As many kinds of look-ups, a collection and what is read of it, are kept at hand."""


class Shared:
    """What all requests of a tick look up by id, as one question a collection, and what several ask alike, asked once.

    There is one of them a process and database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._questions: list[tuple[Sequence[Read], Tick[None, list[list[Document]]]]] = []
        self._ticks: OrderedDict[tuple[str, Fields], Tick[frozenset[str], dict[str, Document]]] = OrderedDict()

    async def by_ids(self, collection: str, ids: Iterable[str], fields: Fields = None) -> dict[str, Document]:
        """Return the documents with these ids, by id; `fields` of each, None for all."""
        kind = (collection, fields)
        tick = self._ticks.get(kind)
        if tick is None:
            tick = self._ticks[kind] = Tick(lambda asked: self._together(collection, fields, asked))
            if len(self._ticks) > KINDS_MAX:  # the oldest goes; who asks there now is answered all the same
                self._ticks.popitem(last=False)
        return await tick.ask(frozenset(ids))

    async def read(self, reads: Sequence[Read]) -> list[list[Document]]:
        """Return the documents of every read; whoever asks for the very same at this tick gets the very same."""
        for question, asked in self._questions[:COMPARED_MAX]:
            if question == reads:
                return await asked.ask(None)
        tick: Tick[None, list[list[Document]]] = Tick(lambda asked: self._once(reads, len(asked)))
        self._questions.append((reads, tick))
        return await tick.ask(None)

    async def _once(self, reads: Sequence[Read], times: int) -> list[list[list[Document]]]:
        self._questions = [one for one in self._questions if one[0] is not reads]
        return [await self._database.read(reads)] * times

    async def _together(
        self, collection: str, fields: Fields, asked: Sequence[frozenset[str]]
    ) -> Sequence[dict[str, Document]]:
        found = await self._database.by_ids(collection, sorted(frozenset().union(*asked)), fields)
        return [{id_: found[id_] for id_ in ids if id_ in found} for ids in asked]


class Fused:
    """The reads of one request: what it asks for at one tick goes as one command.

    Look-ups by id that nothing else is read with are `look_ups`' own kind of question.
    """

    def __init__(self, look_ups: Database | Shared) -> None:
        self._look_ups = look_ups
        self._tick: Tick[Sequence[Read], list[list[Document]]] | None = None

    def together(self, several: bool) -> None:
        """Hear whether several batch functions begin to read now: only then is there anything to wait for."""
        self._tick = Tick(partial(_together, self._look_ups)) if several else None

    async def read(self, reads: Sequence[Read]) -> list[list[Document]]:
        """Return the documents of every read."""
        return await (self._tick.ask(reads) if self._tick else self._look_ups.read(reads))

    async def by_ids(self, collection: str, ids: Iterable[str], fields: Fields = None) -> dict[str, Document]:
        """Return the documents with these ids, by id; `fields` of each, None for all."""
        if self._tick is None:
            return await self._look_ups.by_ids(collection, ids, fields)
        (documents,) = await self._tick.ask([look_up(collection, ids, fields)])
        return by_id(documents)


@dataclass(frozen=True, slots=True)
class Separate:
    """The reads of one request, each a command of its own, where nothing is to be fused."""

    look_ups: Database | Shared

    def together(self, several: bool) -> None:
        """Hear whether several batch functions begin to read now: it is all the same here."""

    async def read(self, reads: Sequence[Read]) -> list[list[Document]]:
        """Return the documents of every read."""
        return await self.look_ups.read(reads)

    async def by_ids(self, collection: str, ids: Iterable[str], fields: Fields = None) -> dict[str, Document]:
        """Return the documents with these ids, by id; `fields` of each, None for all."""
        return await self.look_ups.by_ids(collection, ids, fields)


async def _together(look_ups: Database | Shared, asked: Sequence[Sequence[Read]]) -> Sequence[list[list[Document]]]:
    """Answer what a request reads at one tick with one command, or with look-ups where there is nothing else."""
    reads = [read for of_one in asked for read in of_one]
    if all(read.ids is not None for read in reads):
        found = await asyncio.gather(*(_looked_up(look_ups, read) for read in reads))
    else:
        found = await look_ups.read(reads)
    ends = list(accumulate(len(of_one) for of_one in asked))
    return [list(found[end - len(of_one) : end]) for of_one, end in zip(asked, ends, strict=True)]


async def _looked_up(look_ups: Database | Shared, read: Read) -> list[Document]:
    return list((await look_ups.by_ids(read.collection, read.ids or (), read.fields)).values())
