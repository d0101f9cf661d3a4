"""Calls resolvers without what strawberry does around one at each call."""

from collections.abc import Mapping
from typing import Any

import strawberry
from graphql import GraphQLResolveInfo
from strawberry.types.field import StrawberryField

from crm.names import camel
from resolvers.context import Context

Info = strawberry.Info[Context, None]


class Resolver:
    """A field's resolver, called as strawberry calls it: (source, info, arguments by their names in Python).

    strawberry itself looks at the types of all arguments anew at each call. Here scalars and enums are what they are,
    and inputs come as they were sent (schema/inputs.py), so there is nothing to convert.
    """

    def __init__(self, field: StrawberryField) -> None:
        assert field.base_resolver, "only decorated fields are resolved so"
        self.resolve: Any = field.base_resolver.wrapped_func
        self._field = field
        self._names = {
            argument.graphql_name or camel(argument.python_name): argument.python_name for argument in field.arguments
        }

    def info(self, raw: GraphQLResolveInfo[Any]) -> Info:
        """Return what strawberry tells a resolver of its field."""
        schema = raw.schema._strawberry_schema  # type: ignore[attr-defined]  # strawberry's own mark
        info: Info = schema.config.info_class(_raw_info=raw, _field=self._field)
        return info

    def named(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return coerced arguments by their names in Python."""
        return {self._names[name]: value for name, value in arguments.items()}
