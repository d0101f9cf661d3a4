"""What can be read of a collection, said before anybody reads it, so that several reads can be one command."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from store.collections import OFFERS

Document = dict[str, Any]
Filter = Mapping[str, Any]
Fields = tuple[str, ...] | None
READS_MAX = 100
"""As many reads as one command takes."""

FEW = frozenset({OFFERS})
"""Collections of which a shop has little."""


@dataclass(slots=True)  # frozen, it would take three times as long to make
class Read:
    """Documents of one collection; nobody changes it.

    `then` are further stages of a pipeline, `ids` says that it looks these up alone, `fields` is what is read of each
    document beside its `_id`, None for all of it.
    """

    collection: str
    filter: Filter
    sort: Mapping[str, int] | None = None
    limit: int | None = None
    then: Sequence[Filter] = ()
    ids: tuple[str, ...] | None = None
    fields: Fields = None

    @property
    def brief(self) -> bool:
        """Whether it is over at once: what is named, what one person has, the beginning of a list, or of few."""
        if self.ids is not None or self.collection in FEW:
            return True
        if not self.filter:
            return self.limit is not None
        return "owner" in self.filter.get("$and", (self.filter,))[0]

    @property
    def projection(self) -> dict[str, int] | None:
        """What is read of each document, in MongoDB's words."""
        return None if self.fields is None else dict.fromkeys(("_id", *self.fields), 1)

    def stages(self, mark: int | None = None) -> list[Filter]:
        """Return the read as a pipeline; every document is marked with a number as `_list`, where one is given."""
        stages: list[Filter] = [{"$match": self.filter}]
        if self.sort:
            stages.append({"$sort": self.sort})
        if self.limit is not None:
            stages.append({"$limit": self.limit})
        stages += self.then
        shown, marked = self.projection, {} if mark is None else {"_list": {"$literal": mark}}
        if shown is not None:
            stages.append({"$project": shown | marked})
        elif marked:
            stages.append({"$set": marked})
        return stages


class Reader(Protocol):
    """Whoever reads outside of transactions: the database itself, or what gathers before it asks it."""

    async def read(self, reads: Sequence[Read]) -> list[list[Document]]:
        """Return the documents of every read."""

    async def by_ids(self, collection: str, ids: Iterable[str], fields: Fields = None) -> dict[str, Document]:
        """Return the documents with these ids, by id; `fields` of each, None for all."""


def look_up(collection: str, ids: Iterable[str], fields: Fields = None) -> Read:
    """Return the read of the documents with these ids."""
    wanted = tuple(dict.fromkeys(ids))
    return Read(collection, {"_id": {"$in": list(wanted)}}, ids=wanted, fields=fields)


def by_id(documents: Iterable[Document]) -> dict[str, Document]:
    """Return documents by their ids."""
    return {document["_id"]: document for document in documents}


def union(reads: Sequence[Read]) -> list[Filter]:
    """Return one pipeline over the first one's collection that gives the documents of all.

    Each document is marked with its read's number as `_list`.
    """
    marked = [(read.collection, read.stages(index)) for index, read in enumerate(reads)]
    return [*marked[0][1], *({"$unionWith": {"coll": coll, "pipeline": rest}} for coll, rest in marked[1:])]
