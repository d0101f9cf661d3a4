"""Lists by keyset: a page is found by where the last one ended, never by an offset.

Any number of lists is answered in one command, so a list of fifty customers can show the newest purchase of each
without fifty questions, and a person's purchases and feedback come together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from store.client import Database, Document, Filter

Position = tuple[Any, str]
"""The sort value and the id of the document where a page ended."""


@dataclass(frozen=True, slots=True)
class Order:
    """A sort by `field` (dotted), ties by `_id`, both in one direction; without the field is below everything else.

    `unique`: a list has no ties, so that its index need not know the `_id`.
    """

    field: str
    descending: bool = False
    unique: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of a list is asked for: `limit` documents from one end, between two positions."""

    limit: int
    backward: bool = False
    after: Position | None = None
    before: Position | None = None


@dataclass(frozen=True, slots=True)
class ListRequest:
    """One list: of which collection, what is in it, in which order, and which part of it."""

    collection: str
    filter: Filter
    order: Order
    window: Window


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list, in the list's order; `more` says whether the list goes on in the direction asked for."""

    documents: list[Document]
    more: bool


async def fetch(database: Database, requests: Sequence[ListRequest]) -> list[Page]:
    """Return a page for every request, in their order, with one command."""
    if len(requests) == 1:
        request = requests[0]
        found_here = database[request.collection].find(
            _match(request), sort=list(_sort(request).items()), limit=_limit(request)
        )
        return [_page(request, await found_here.to_list(None))]
    pipelines = [(request.collection, _pipeline(request)) for request in requests]
    documents = await database.aggregate(pipelines[0][0], union(pipelines))
    found: list[list[Document]] = [[] for _ in requests]
    for document in documents:
        found[document.pop("_list")].append(document)
    return [_page(request, documents) for request, documents in zip(requests, found, strict=True)]


async def count(database: Database, lists: Sequence[tuple[str, Filter]]) -> list[int]:
    """Return how many documents each filter finds in its collection, with one command."""
    if len(lists) == 1:
        ((collection, filter_),) = lists
        return [await database[collection].count_documents(filter_)]
    pipelines: list[tuple[str, list[Filter]]] = [
        (collection, [{"$match": filter_}, {"$count": "count"}]) for collection, filter_ in lists
    ]
    found = await database.aggregate(pipelines[0][0], union(pipelines))
    counts = {document["_list"]: int(document["count"]) for document in found}
    return [counts.get(index, 0) for index in range(len(lists))]


def union(pipelines: Sequence[tuple[str, Sequence[Filter]]]) -> list[Filter]:
    """Return one pipeline over the first one's collection that gives the documents of all.

    Each document is marked with its pipeline's number as `_list`.
    """
    marked = [(coll, [*pipeline, {"$set": {"_list": index}}]) for index, (coll, pipeline) in enumerate(pipelines)]
    return [*marked[0][1], *({"$unionWith": {"coll": coll, "pipeline": rest}} for coll, rest in marked[1:])]


def value_at(document: Mapping[str, Any], path: str) -> Any:
    """Return what stands at a dotted path, None where nothing does."""
    value: Any = document
    for part in path.split("."):
        value = value.get(part) if value else None
    return value


def _pipeline(request: ListRequest) -> list[Filter]:
    return [{"$match": _match(request)}, {"$sort": _sort(request)}, {"$limit": _limit(request)}]


def _limit(request: ListRequest) -> int:
    return request.window.limit + 1


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
