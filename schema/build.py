"""Builds the schema: the one place where types, scalars and the directive come together."""

from typing import Annotated

import strawberry
from graphql import GraphQLInterfaceType, GraphQLObjectType, GraphQLSchema, Undefined
from strawberry.directive import DirectiveLocation, DirectiveValue
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema_converter import GraphQLCoreConverter

from executor.kinds import KIND
from schema import enums, inputs
from schema.fields import default_resolver, kind_of
from schema.loyalty import LoyaltyAccount, PointsTransaction
from schema.mutation import Mutation
from schema.query import Query
from schema.scalars import SCALARS

__all__ = ["build_schema", "enums", "executable", "inputs"]


@strawberry.directive(
    locations=[DirectiveLocation.FIELD],
    name="idempotent",
    description="Carry a mutation out once: the same key gives the first outcome, for 30 days. Not on queries.",
)
def idempotent(
    value: DirectiveValue[object],
    key: Annotated[str, strawberry.argument(description="Made by the client, 1 to 255 characters; kept over retries.")],
) -> object:
    """Let the value through; schema/fields.py reads the key before the mutation runs."""
    return value


def build_schema() -> strawberry.Schema:
    """Return the schema of this version."""
    schema = strawberry.Schema(
        Query,
        Mutation,
        types=[LoyaltyAccount, PointsTransaction],
        directives=[idempotent],
        config=StrawberryConfig(default_resolver=default_resolver, scalar_map=SCALARS),
    )
    _without_null_defaults(executable(schema))
    _with_kinds(executable(schema))
    return schema


def _without_null_defaults(schema: GraphQLSchema) -> None:
    """Let an argument that may be left out have no default: strawberry makes Python's None one of null."""
    for type_ in schema.type_map.values():
        if isinstance(type_, (GraphQLObjectType, GraphQLInterfaceType)):
            for field in type_.fields.values():
                for argument in field.args.values():
                    if argument.default_value is None:
                        argument.default_value = Undefined


def _with_kinds(schema: GraphQLSchema) -> None:
    """Tell executor/ the kinds that fields were declared with."""
    for type_ in schema.type_map.values():
        if isinstance(type_, GraphQLObjectType):
            for field in type_.fields.values():
                declared = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
                kind = kind_of(declared) if declared else None
                if kind:
                    field.extensions[KIND] = kind


def executable(schema: strawberry.Schema) -> GraphQLSchema:
    """Return the graphql-core schema that a strawberry schema wraps."""
    inner: GraphQLSchema = schema._schema
    return inner
