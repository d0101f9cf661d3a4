"""Connections beneath an object: the resolver says which part of which list it is, one batch function fetches it."""

from collections.abc import Callable
from typing import Any

import strawberry
from graphql import GraphQLResolveInfo
from strawberry.extensions import FieldExtension
from strawberry.schema.schema_converter import get_arguments
from strawberry.types.field import StrawberryField

from executor.kinds import KIND, Listed
from resolvers.lists import Listing, load_pages
from schema.fields import Decorator, Info


def listed(description: str) -> Decorator:
    """Return the decorator of a connection whose resolver returns the `Listing` it is."""
    extension = _Listed()
    decorator: Decorator = strawberry.field(
        description=description, extensions=[extension], metadata={KIND: Listed(load_pages, extension.bind)}
    )
    return decorator


class _Listed(FieldExtension):
    """Fetches the part of a list that a resolver names."""

    def apply(self, field: StrawberryField) -> None:
        """Remember the field."""
        self._field = field

    async def resolve_async(self, next_: Any, source: Any, info: Info, **arguments: Any) -> Any:
        """Resolve, then fetch."""
        return await info.context.load(load_pages, await next_(source, info, **arguments))

    def bind(self, raw: GraphQLResolveInfo[Any], arguments: dict[str, Any]) -> Callable[[Any], Listing]:
        """Return the resolver with its arguments: they are the same for a whole level."""
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
