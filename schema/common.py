"""What many types share: Node, money, external ids, pages, user errors."""

from typing import Any, Generic, TypeVar

import strawberry

from crm.numbers import decimal
from crm.refusals import UserErrorCode
from resolvers.lists import edges, load_counts, page_info
from schema.fields import computed, relation, stored
from schema.scalars import CurrencyCode, Decimal

NodeT = TypeVar("NodeT")


@strawberry.interface(description="An object that can be fetched again by its id alone.")
class Node:
    """Implemented by every object with an id of its own; ids are unique over all types."""

    id: strawberry.ID = stored("Unique over all types; the same in the database, the logs, webhooks and node(id:).")


def known_by(prefix: str) -> Any:
    """Return the `is_type_of` of a Node type: an object's id names its type."""
    begins = prefix + "_"

    def is_type_of(_: type, source: Any, __: Any) -> bool:
        return bool(source["_id"].startswith(begins))

    return classmethod(is_type_of)


@strawberry.type(description="An amount in the shop's currency.")
class Money:
    """Its source is an integer in the minor unit."""

    amount: Decimal = computed(
        lambda minor, context: decimal(minor, context.call.shop.currency_digits, trailing_zeros=True),
        "The amount, with exactly the currency's decimals.",
    )
    currency_code: CurrencyCode = computed(lambda _, context: context.call.shop.currency, "The currency.")


@strawberry.type(description="An id in somebody else's system.")
class ExternalId:
    """Embedded in what it names."""

    source: str = stored("The other system.")
    value: str = stored("The id there.")


@strawberry.type(description="What was wrong with a mutation's input; nothing was written.")
class UserError:
    """See services/outcomes.py."""

    code: UserErrorCode = stored("For programs.")
    field: list[str] | None = stored("Path from the argument, indexes as strings; in a batch, from the row.")
    message: str = stored("For people.")


@strawberry.type(description="Whether a list goes on beyond this part, and where.")
class PageInfo:
    """As Relay has it."""

    has_next_page: bool = stored("Whether there is more behind.")
    has_previous_page: bool = stored("Whether there is more before.")
    start_cursor: str | None = stored("Cursor of the first one here.")
    end_cursor: str | None = stored("Cursor of the last one here.")


@strawberry.type(description="One place in a list.")
class Edge(Generic[NodeT]):
    """As Relay has it."""

    cursor: str = stored("Where in the list this is; opaque.")
    node: NodeT = stored("What stands there.")


@strawberry.type(description="A part of a list.")
class Connection(Generic[NodeT]):
    """Its source is made by resolvers/lists.py, which reads no more than is asked for: `cursors` are sort values."""

    edges: list[Edge[NodeT]] = computed(
        lambda page, _: edges(page), "The places of this part.", reads=("nodes", "cursors")
    )
    nodes: list[NodeT] = stored("What stands at these places.")
    page_info: PageInfo = computed(
        lambda page, _: page_info(page), "Whether and where the list goes on.", reads=("nodes", "more", "cursors")
    )
    total_count: int = relation(
        load_counts,
        "How long the whole list is; counted only when asked for.",
        key=lambda page: page["listing"],
        reads=("listing",),
    )
