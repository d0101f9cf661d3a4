"""Connections: arguments checked, cursors opened, pages of any number of lists fetched in one command.

A cursor carries the fingerprint of its list (whose it is, its filter and its order), so one of another list is refused.
"""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson

from crm.refusals import Refusal, invalid
from resolvers.context import Context
from store import pages
from store.client import Document, Filter
from store.pages import ListRequest, Order, Page, Position, Window, value_at

FIRST_DEFAULT, FIRST_MAX = 20, 100
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STORED_MAX = 2**63


class PageArguments(NamedTuple):
    """The four arguments every connection takes."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None


@dataclass(slots=True, eq=False)
class Listing(ListRequest):
    """A part of one list; the same part is fetched once a request.

    `asked` is the filter in words: what the client filtered by.
    """

    asked: str = ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Listing) and self._part() == other._part()

    def __hash__(self) -> int:
        return hash(self.asked)

    def _part(self) -> tuple[Any, ...]:
        return (self.asked, self.collection, self.order, self.window, self.tells_more, self.fields)

    @property
    def mark(self) -> str:
        """Stand for collection, filter and order in a cursor."""
        return _mark(self.collection, self.asked, self.order)


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
    words = repr(sorted((filter if asked is None else asked).items()))
    return Listing(collection, filter, order, _window(arguments, collection, words, order), asked=words)


def _mark(collection: str, words: str, order: Order) -> str:
    return hashlib.sha256(repr((collection, words, order.field, order.descending)).encode()).hexdigest()[:32]


def _window(arguments: PageArguments, collection: str, words: str, order: Order) -> Window:
    if arguments.first is not None and arguments.last is not None:
        raise invalid("Ask for first or for last, not for both.", "first")
    backward = arguments.last is not None
    name = "last" if backward else "first"
    limit = arguments.last if backward else arguments.first
    if limit is None:
        limit = FIRST_DEFAULT
    if not 0 <= limit <= FIRST_MAX:
        raise invalid(f"From 0 to {FIRST_MAX} can be asked for at once.", name)
    if arguments.after is None and arguments.before is None:
        return Window(limit, backward)
    mark = _mark(collection, words, order)
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
    found = await pages.fetch(context.reads, listings)
    return [_connection(listing_, page) for listing_, page in zip(listings, found, strict=True)]


def _connection(listing_: Listing, page: Page) -> Document:
    """Return a page as clients see it; edges and cursors are made only where they are asked for."""
    return {"listing": listing_, "nodes": page.documents, "more": page.more}


def page_info(connection: Document) -> Document:
    """Return whether and where a connection's list goes on."""
    listing_: Listing = connection["listing"]
    window, more, mark = listing_.window, connection["more"], listing_.mark
    ends = [cursor(mark, document, listing_.order) for document in _ends(connection["nodes"])]
    start, end = ends or (None, None)
    return {
        "hasNextPage": window.before is not None if window.backward else more,
        "hasPreviousPage": more if window.backward else window.after is not None,
        "startCursor": start,
        "endCursor": end,
    }


def _ends(documents: list[Document]) -> list[Document]:
    return [documents[0], documents[-1]] if documents else []


def edges(connection: Document) -> list[Document]:
    """Return a connection's edges."""
    listing_: Listing = connection["listing"]
    mark = listing_.mark
    return [{"cursor": cursor(mark, document, listing_.order), "node": document} for document in connection["nodes"]]


async def load_counts(context: Context, listings: list[Listing]) -> Sequence[int]:
    """Batch function: return how long each list is; asked only when totalCount is."""
    lists = [(item.collection, item.filter) for item in listings]
    return await pages.count(context.reads, lists)
