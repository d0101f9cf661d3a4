"""Fields with arguments beneath an object: the resolver says what is asked for, one batch function fetches it."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import strawberry
from graphql import GraphQLResolveInfo, get_named_type
from strawberry.extensions import FieldExtension
from strawberry.types.field import StrawberryField

from executor.kinds import KIND, Keyed, Reads
from resolvers.context import Load
from resolvers.lists import Listing, load_pages
from schema.fields import Decorator
from schema.resolver import Info, Resolver


def listed(description: str, *, reads: Reads = None) -> Decorator:
    """Return the decorator of a connection whose resolver returns the `Listing` it is, `reads` keys of its document."""
    return _decorator(_Listed(load_pages), description, reads)


def batched(load: Load, description: str) -> Decorator:
    """Return the decorator of a field whose resolver returns the key under which a batch function has it."""
    return _decorator(_Batched(load), description, None)


def _decorator(extension: "_Batched", description: str, reads: Reads) -> Decorator:
    decorator: Decorator = strawberry.field(
        description=description,
        extensions=[extension],
        metadata={KIND: Keyed(extension.load, extension.bind, reads=reads)},
    )
    return decorator


class _Batched(FieldExtension):
    """Fetches what a resolver names."""

    def __init__(self, load: Load) -> None:
        self.load = load

    def apply(self, field: StrawberryField) -> None:
        """Remember the field."""
        self._called = Resolver(field)

    def resolve(self, next_: Any, source: Any, info: Info, **arguments: Any) -> Any:
        """Resolve, and return what fetches it."""
        return info.context.load(self.load, next_(source, info, **arguments))

    def bind(
        self, raw: GraphQLResolveInfo[Any], arguments: dict[str, Any], selected: Collection[str]
    ) -> Callable[[Any], Any]:
        """Return the resolver with its arguments, which are the same for a whole level."""
        called = self._called
        info, given = called.info(raw), called.named(arguments)
        resolve = called.resolve
        return lambda source: resolve(source, info, **given)


class _Listed(_Batched):
    """Fetches the part of a list that a resolver names."""

    def bind(
        self, raw: GraphQLResolveInfo[Any], arguments: dict[str, Any], selected: Collection[str]
    ) -> Callable[[Any], Any]:
        """Return the resolver with its arguments."""
        resolve, shown = super().bind(raw, arguments, selected), Shown.of(raw)
        return lambda source: shown.of_part(resolve(source))


def shown_part(info: Info, part: Listing) -> Listing:
    """Return a part of a list of which no more is read than the operation looks at."""
    return Shown.of(info._raw_info).of_part(part)


@dataclass(frozen=True, slots=True)
class Shown:
    """What an operation looks at of a kind of connection.

    `fields` are its nodes' keys, None for all; `more`: whether it asks if the list goes on; `cursors`: or for cursors.
    """

    fields: tuple[str, ...] | None
    more: bool
    cursors: bool

    @classmethod
    def of(cls, raw: GraphQLResolveInfo[Any]) -> "Shown":
        """Return what is looked at of the connection that a field is."""
        connection: Any = get_named_type(raw.return_type)
        keys = raw.context.shown.get(connection.name)
        fields = raw.context.shown.get(get_named_type(connection.fields["nodes"].type).name)
        return cls(fields, keys is None or "more" in keys, keys is None or "cursors" in keys)

    def of_part(self, part: Listing) -> Listing:
        """Let a part of a list be read no further than that."""
        part.tells_more = self.more
        if self.fields is not None:
            sorted_by = (part.order.field.partition(".")[0],) if self.cursors else ()
            part.fields = (*self.fields, *sorted_by)
        return part
