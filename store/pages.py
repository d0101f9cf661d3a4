"""Lists by keyset: a page is found by where the last one ended, never by an offset.

Any number of lists is answered in one command, so a list of fifty customers can show the newest purchase of each
without fifty questions, and a person's purchases and feedback come together.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from store.client import Document, Filter
from store.reads import Read, Reader

Position = tuple[Any, str]
"""The sort value and the id of the document where a page ended."""


class Order(NamedTuple):
    """A sort by `field` (dotted), ties by `_id`, both in one direction; without the field is below everything else.

    `unique`: a list has no ties, so that its index need not know the `_id`.
    """

    field: str
    descending: bool = False
    unique: bool = False


class Window(NamedTuple):
    """Which part of a list is asked for: `limit` documents from one end, between two positions."""

    limit: int
    backward: bool = False
    after: Position | None = None
    before: Position | None = None


@dataclass(slots=True, eq=False)
class ListRequest:
    """One list: of which collection, what is in it, in which order, and which part of it.

    `tells_more`: whether anybody wants to know if the list goes on. `fields`: what is read of the documents, None for
    all; who wants cursors needs what they are sorted by.
    """

    collection: str
    filter: Filter
    order: Order
    window: Window
    tells_more: bool = True
    fields: tuple[str, ...] | None = None


class Page(NamedTuple):
    """A part of a list, in the list's order; `more` says whether the list goes on in the direction asked for."""

    documents: list[Document]
    more: bool


async def fetch(reader: Reader, requests: Sequence[ListRequest]) -> list[Page]:
    """Return a page for every request, in their order.

    Where many lists want their first document alone, one index scan gives the first of each owner.
    """
    groups: dict[Hashable, list[ListRequest]] = {}
    for request in requests:
        groups.setdefault(_group(request), []).append(request)
    found = await reader.read(
        [_first_of_each(group) if len(group) > 1 else _read(group[0]) for group in groups.values()]
    )
    pages: dict[int, Page] = {}
    for group, documents in zip(groups.values(), found, strict=True):
        if len(group) == 1:
            pages[id(group[0])] = _page(group[0], documents)
        else:
            firsts = {document["_id"]: document["first"] for document in documents}
            for request in group:
                owner = request.filter["owner"]
                pages[id(request)] = Page([firsts[owner]] if owner in firsts else [], more=False)
    return [pages[id(request)] for request in requests]


async def count(reader: Reader, lists: Sequence[tuple[str, Filter]]) -> list[int]:
    """Return how many documents each filter finds in its collection."""
    found = await reader.read([Read(collection, filter_, then=[{"$count": "count"}]) for collection, filter_ in lists])
    return [int(documents[0]["count"]) if documents else 0 for documents in found]


def _group(request: ListRequest) -> Hashable:
    """Return what lists have in common that are read together; a list on its own has nothing."""
    window = request.window
    alone = request.tells_more or window.limit != 1 or window.backward or window.after or window.before
    if alone or "owner" not in request.filter:
        return id(request)
    rest = [one for one in request.filter.items() if one[0] != "owner"]
    return (request.collection, request.order, request.fields, repr(rest) if rest else "")


def _first_of_each(requests: Sequence[ListRequest]) -> Read:
    """Return the read of the first document of every owner: sorted by the index, MongoDB skips from owner to owner."""
    example = requests[0]
    owners = [request.filter["owner"] for request in requests]
    return Read(
        example.collection,
        {**example.filter, "owner": {"$in": owners}},
        sort={"owner": 1, **_sort(example)},
        then=[{"$group": {"_id": "$owner", "first": {"$first": "$$ROOT"}}}, *_of_first(example)],
    )


def _of_first(request: ListRequest) -> list[Filter]:
    if request.fields is None:
        return []
    return [{"$project": dict.fromkeys([f"first.{name}" for name in ("_id", *request.fields)], 1)}]


def _read(request: ListRequest) -> Read:
    return Read(request.collection, _match(request), sort=_sort(request), limit=_limit(request), fields=request.fields)


def value_at(document: Mapping[str, Any], path: str) -> Any:
    """Return what stands at a dotted path, None where nothing does."""
    value: Any = document
    for part in path.split("."):
        value = value.get(part) if value else None
    return value


def _limit(request: ListRequest) -> int:
    """One more than is asked for says whether there is more; MongoDB takes no 0 for none."""
    limit = request.window.limit
    return limit + 1 if request.tells_more else max(limit, 1)


def _sort(request: ListRequest) -> dict[str, int]:
    direction = -1 if request.order.descending != request.window.backward else 1
    return {request.order.field: direction} | ({} if request.order.unique else {"_id": direction})


def _match(request: ListRequest) -> Filter:
    window, order = request.window, request.order
    conditions = [request.filter] if request.filter else []
    if window.after:
        conditions.append(_beyond(order, window.after, order.descending))
    if window.before:
        conditions.append(_beyond(order, window.before, not order.descending))
    return conditions[0] if len(conditions) == 1 else ({"$and": conditions} if conditions else {})


def _beyond(order: Order, position: Position, descending: bool) -> Filter:
    """Return what lies beyond a position. MongoDB sorts a missing value below every other."""
    value, id_ = position
    further = "$lt" if descending else "$gt"
    if order.unique:
        return {order.field: {further: value}}
    same: Document = {order.field: value, "_id": {further: id_}}
    if value is None:
        return same if descending else {"$or": [same, {order.field: {"$ne": None}}]}
    branches: list[Document] = [{order.field: {further: value}}, same]
    if descending:
        branches.append({order.field: None})
    return {"$or": branches}


def _page(request: ListRequest, documents: list[Document]) -> Page:
    more = len(documents) > request.window.limit
    documents = documents[: request.window.limit]
    if request.window.backward:
        documents.reverse()
    return Page(documents, more)
