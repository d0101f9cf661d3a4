"""What a process remembers of the statistics: the pointer for some seconds, products and shelves until it moves."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from crm.taste.ranking import Known, Shelf
from store import statistics
from store.client import Database
from store.statistics import Pointer

REMEMBERED_MAX = 100_000
"""Products: about 12 MB."""

SHELVES_MAX = 500
AGE_MAX = timedelta(seconds=5)


class KnownStatistics:
    """A process's memory of one shop's statistics; empty at start, bounded."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._pointer: Pointer | None = None
        self._read_at: datetime | None = None
        self._moves = 0
        self._products: OrderedDict[str, tuple[float, int, str | None] | None] = OrderedDict()
        self._shelves: OrderedDict[str, Shelf] = OrderedDict()

    async def pointer(self) -> Pointer | None:
        """Return the current generation, at most 5 seconds old."""
        now, moves = self._clock(), self._moves
        if self._read_at is None or abs(now - self._read_at) > AGE_MAX:
            read = await statistics.current(self._database)
            if read != self._pointer:
                self._products.clear()
                self._shelves.clear()
            self._pointer = read
            self._read_at = now if moves == self._moves else None  # else it was moved while we read
        return self._pointer

    def forget(self) -> None:
        """Read the pointer anew at the next question: it was moved."""
        self._read_at = None
        self._moves += 1

    async def products(self, ids: Iterable[str]) -> Known:
        """Return what is known of products; nothing where there are no statistics yet."""
        pointer = await self.pointer()
        if pointer is None:
            return Known()
        wanted = list(dict.fromkeys(ids))
        missing = [id_ for id_ in wanted if id_ not in self._products]
        found = await statistics.products(self._database, pointer.generation, missing) if missing else {}
        known = {id_: found[id_] if id_ in found else self._products.get(id_) for id_ in wanted}
        if pointer is self._pointer:  # else it moved while we read
            for id_ in missing:
                self._products[id_] = found.get(id_)
            while len(self._products) > REMEMBERED_MAX:
                self._products.popitem(last=False)
        there = {id_: values for id_, values in known.items() if values is not None}
        return Known(
            rho={id_: rho for id_, (rho, _, _) in there.items()},
            households={id_: households for id_, (_, households, _) in there.items()},
            categories={id_: category for id_, (_, _, category) in there.items() if category},
            rho_else=pointer.rho,
            most=pointer.most,
        )

    async def shelves(self, places: Sequence[str]) -> dict[str, Shelf]:
        """Return what is popular in places; an empty shelf where nothing is."""
        pointer = await self.pointer()
        if pointer is None:
            return {place: Shelf() for place in places}
        missing = [place for place in dict.fromkeys(places) if place not in self._shelves]
        found = await statistics.shelves(self._database, pointer.generation, missing) if missing else {}
        shelves = {place: Shelf(things=tuple(found.get(place, ()))) for place in missing}
        answer = {place: shelves[place] if place in shelves else self._shelves[place] for place in places}
        if pointer is self._pointer:
            self._shelves |= shelves
            while len(self._shelves) > SHELVES_MAX:
                self._shelves.popitem(last=False)
        return answer

    async def offers(self, ids: Sequence[str]) -> dict[str, tuple[int, dict[str, float]]]:
        """Return (reach, share of each category) of those offers that were there at the last rebuild."""
        pointer = await self.pointer()
        return await statistics.offers(self._database, pointer.generation, ids) if pointer and ids else {}

    async def together(self, ids: Sequence[str]) -> dict[str, list[tuple[str, float]]]:
        """Return what products are bought together with: not remembered, a person's best are few."""
        pointer = await self.pointer()
        return await statistics.together(self._database, pointer.generation, ids) if pointer and ids else {}
