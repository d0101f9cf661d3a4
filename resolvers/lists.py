"""Connections: arguments checked, cursors opened, pages of any number of lists fetched in one command.

A cursor carries the fingerprint of its list (whose it is, its filter and its order), so one of another list is refused.
"""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import orjson

from crm.refusals import Refusal, invalid
from resolvers.context import Context
from store import pages
from store.client import Document, Filter
from store.pages import ListRequest, Order, Page, Position, Window, value_at

FIRST_DEFAULT, FIRST_MAX = 20, 100
LISTS_MAX = 100
"""As many lists as one command takes."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STORED_MAX = 2**63
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class PageArguments:
    """The four arguments every connection takes."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """A part of one list. `mark` stands for collection, filter and order: the same part is fetched once a request."""

    collection: str = field(compare=False)
    filter: Filter = field(compare=False)
    order: Order = field(compare=False)
    window: Window
    mark: str


def listing(
    collection: str, filter: Filter, order: Order, arguments: PageArguments, *, asked: Filter | None = None
) -> Listing:
    """Return the part of a list that the arguments ask for.

    Args:
        asked: what the client filtered by, where `filter` says something else at every instant.

    Raises:
        Refusal: INVALID with the argument's name: first with last, a count outside 0 to 100, a cursor that is none
            or of another list.
    """
    mark = _mark(collection, filter if asked is None else asked, order)
    return Listing(collection, filter, order, _window(arguments, mark), mark)


def _mark(collection: str, filter: Filter, order: Order) -> str:
    parts = orjson.dumps([collection, filter, order.field, order.descending], option=orjson.OPT_SORT_KEYS, default=repr)
    return hashlib.sha256(parts).hexdigest()[:32]


def _window(arguments: PageArguments, mark: str) -> Window:
    if arguments.first is not None and arguments.last is not None:
        raise invalid("Ask for first or for last, not for both.", "first")
    backward = arguments.last is not None
    name = "last" if backward else "first"
    limit = arguments.last if backward else arguments.first
    if limit is None:
        limit = FIRST_DEFAULT
    if not 0 <= limit <= FIRST_MAX:
        raise invalid(f"From 0 to {FIRST_MAX} can be asked for at once.", name)
    return Window(
        limit=limit,
        backward=backward,
        after=_position(arguments.after, mark, "after"),
        before=_position(arguments.before, mark, "before"),
    )


def cursor(mark: str, document: Document, order: Order) -> str:
    """Return the cursor of a document in a list."""
    value = value_at(document, order.field)
    if isinstance(value, datetime):
        value = {"ms": (value - _EPOCH) // timedelta(milliseconds=1)}
    return urlsafe_b64encode(orjson.dumps([mark, value, document["_id"]])).decode().rstrip("=")


def _position(text: str | None, mark: str, name: str) -> Position | None:
    if text is None:
        return None
    try:
        list_, value, id_ = orjson.loads(urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
        if isinstance(value, dict):
            value = _EPOCH + timedelta(milliseconds=value["ms"])
    except (ValueError, TypeError, KeyError, OverflowError):
        raise _no_cursor(name) from None
    if list_ != mark or not isinstance(id_, str) or not _storable(value):
        raise _no_cursor(name)
    return (value, id_)


def _storable(value: Any) -> bool:
    """Whether a sort value is one that documents have: whoever forges one gets no error out of MongoDB."""
    if isinstance(value, int):
        return abs(value) < _STORED_MAX
    return value is None or isinstance(value, (str, datetime))


def _no_cursor(name: str) -> Refusal:
    return invalid("This is not a cursor of this list.", name)


async def load_pages(context: Context, listings: list[Listing]) -> Sequence[Document]:
    """Batch function: return a connection for every list."""
    requests = [ListRequest(item.collection, item.filter, item.order, item.window) for item in listings]
    found = [page for part in _parts(requests) for page in await pages.fetch(context.call.database, part)]
    return [_connection(listing_, page) for listing_, page in zip(listings, found, strict=True)]


def _parts(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    return (items[start : start + LISTS_MAX] for start in range(0, len(items), LISTS_MAX))


def _connection(listing_: Listing, page: Page) -> Document:
    """Return a page as clients see it; edges are made only where they are asked for."""
    window = listing_.window
    ends = [page.documents[0], page.documents[-1]] if page.documents else []
    cursors: Sequence[str | None] = [cursor(listing_.mark, document, listing_.order) for document in ends] or [
        None,
        None,
    ]
    return {
        "listing": listing_,
        "nodes": page.documents,
        "pageInfo": {
            "hasNextPage": window.before is not None if window.backward else page.more,
            "hasPreviousPage": page.more if window.backward else window.after is not None,
            "startCursor": cursors[0],
            "endCursor": cursors[1],
        },
    }


def edges(connection: Document) -> list[Document]:
    """Return a connection's edges."""
    listing_: Listing = connection["listing"]
    return [
        {"cursor": cursor(listing_.mark, document, listing_.order), "node": document}
        for document in connection["nodes"]
    ]


async def load_counts(context: Context, listings: list[Listing]) -> Sequence[int]:
    """Batch function: return how long each list is; asked only when totalCount is."""
    lists = [(item.collection, item.filter) for item in listings]
    return [length for part in _parts(lists) for length in await pages.count(context.call.database, part)]
