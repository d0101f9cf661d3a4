"""Lists by keyset: a page is found by where the last one ended, never by an offset.

Any number of lists of one collection is answered in one command, so a list of fifty customers can show the newest
purchase of each without fifty questions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from store.client import Database, Document, Filter

Position = tuple[Any, str]
"""The sort value and the id of the document where a page ended."""


@dataclass(frozen=True, slots=True)
class Order:
    """A sort by `field` (dotted), ties by `_id`, both in one direction; documents without the field come last."""

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of a list is asked for: `limit` documents from one end, between two positions."""

    limit: int
    backward: bool = False
    after: Position | None = None
    before: Position | None = None


@dataclass(frozen=True, slots=True)
class ListRequest:
    """One list: what is in it, in which order, and which part of it."""

    filter: Filter
    order: Order
    window: Window


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list, in the list's order; `more` says whether the list goes on in the direction asked for."""

    documents: list[Document]
    more: bool


async def fetch(database: Database, collection: str, requests: Sequence[ListRequest]) -> list[Page]:
    """Return a page for every request, in their order, with one command."""
    if len(requests) == 1:
        request = requests[0]
        cursor = database[collection].find(_match(request), sort=list(_sort(request).items()), limit=_limit(request))
        return [_page(request, await cursor.to_list(None))]
    documents = await database.aggregate(collection, union(collection, [_pipeline(request) for request in requests]))
    found: list[list[Document]] = [[] for _ in requests]
    for document in documents:
        found[document.pop("_list")].append(document)
    return [_page(request, documents) for request, documents in zip(requests, found, strict=True)]


async def count(database: Database, collection: str, filters: Sequence[Filter]) -> list[int]:
    """Return how many documents each filter finds, with one command."""
    if len(filters) == 1:
        return [await database[collection].count_documents(filters[0])]
    pipelines: list[list[Filter]] = [[{"$match": filter_}, {"$count": "count"}] for filter_ in filters]
    found = await database.aggregate(collection, union(collection, pipelines))
    counts = {document["_list"]: int(document["count"]) for document in found}
    return [counts.get(index, 0) for index in range(len(filters))]


def union(collection: str, pipelines: Sequence[Sequence[Filter]]) -> list[Filter]:
    """Return one pipeline that gives the documents of all, each marked with its pipeline's number as `_list`."""
    marked = [[*pipeline, {"$set": {"_list": index}}] for index, pipeline in enumerate(pipelines)]
    return [*marked[0], *({"$unionWith": {"coll": collection, "pipeline": rest}} for rest in marked[1:])]


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
    return {request.order.field: direction, "_id": direction}


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
