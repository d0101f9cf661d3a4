"""Fields with arguments beneath an object: the resolver says what is asked for, one batch function fetches it."""

from collections.abc import Callable, Collection
from typing import Any

import strawberry
from graphql import GraphQLResolveInfo, get_named_type
from strawberry.extensions import FieldExtension
from strawberry.schema.schema_converter import get_arguments
from strawberry.types.field import StrawberryField

from executor.kinds import KIND, Keyed, Reads
from resolvers.context import Load
from resolvers.lists import Listing, load_pages
from schema.fields import Decorator, Info


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
        self._field = field

    def resolve(self, next_: Any, source: Any, info: Info, **arguments: Any) -> Any:
        """Resolve, and return what fetches it."""
        return info.context.load(self.load, next_(source, info, **arguments))

    def bind(
        self, raw: GraphQLResolveInfo[Any], arguments: dict[str, Any], selected: Collection[str]
    ) -> Callable[[Any], Any]:
        """Return the resolver with its arguments, which are the same for a whole level."""
        field, schema = self._field, raw.schema._strawberry_schema  # type: ignore[attr-defined]  # strawberry's own mark
        info: Info = schema.config.info_class(_raw_info=raw, _field=field)
        _, given = get_arguments(
            field=field,
            source=None,
            info=info,
            kwargs=arguments,
            config=schema.config,
            scalar_registry=schema.schema_converter.scalar_registry,
        )
        resolve: Any = field.base_resolver.wrapped_func  # type: ignore[union-attr]  # a decorated field has one
        return lambda source: resolve(source, **given)


class _Listed(_Batched):
    """Fetches the part of a list that a resolver names."""

    def bind(
        self, raw: GraphQLResolveInfo[Any], arguments: dict[str, Any], selected: Collection[str]
    ) -> Callable[[Any], Any]:
        """Return the resolver with its arguments.

        A list that nobody wants to know more of than what it holds is read without asking whether it goes on.
        """
        resolve, more, fields = super().bind(raw, arguments, selected), "pageInfo" in selected, _shown(raw)

        def part_of(source: Any) -> Listing:
            part: Listing = resolve(source)
            part.tells_more, part.fields = more, fields
            return part

        return part_of


def shown_part(info: Info, part: Listing) -> Listing:
    """Return a part of a list of whose documents no more is read than what the operation looks at."""
    part.fields = _shown(info._raw_info)
    return part


def _shown(raw: GraphQLResolveInfo[Any]) -> tuple[str, ...] | None:
    connection: Any = get_named_type(raw.return_type)
    node: Any = get_named_type(connection.fields["nodes"].type)
    shown: tuple[str, ...] | None = raw.context.shown.get(node.name)
    return shown
