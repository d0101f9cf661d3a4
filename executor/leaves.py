"""Scalars and enums on their way out, without a call where the value is what it will be."""

from collections.abc import Callable
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLString,
    Undefined,
)
from graphql.pyutils import inspect

Serialize = Callable[[Any], Any]
INT_MIN, INT_MAX = -(2**31), 2**31 - 1


def plain_class(type_: GraphQLLeafType) -> type | None:
    """Return the class whose values, exactly of it, stand for themselves in the answer; None where none does."""
    if type_ in (GraphQLString, GraphQLID) or type_.coerce_output_value is str:
        return str
    return bool if type_ is GraphQLBoolean else None


def serializer(type_: GraphQLLeafType) -> Serialize:
    """Return the function that makes a value what a client gets; it raises where the value is none of the type."""

    def anything(value: Any) -> Any:
        if isinstance(value, Exception):
            raise value
        coerced = type_.coerce_output_value(value)
        if coerced is None or coerced is Undefined:
            raise TypeError(
                f"Expected `{inspect(type_)}.coerce_output_value({inspect(value)})` to return non-nullable value,"
                f" returned: {inspect(coerced)}"
            )
        return coerced

    if type_ is GraphQLInt:
        return _integer(anything)
    if isinstance(type_, GraphQLEnumType):
        return _remembering(anything)
    return anything


def _integer(anything: Serialize) -> Serialize:
    def serialize(value: Any) -> Any:
        if value.__class__ is int and INT_MIN <= value <= INT_MAX:
            return value
        return anything(value)

    return serialize


def _remembering(anything: Serialize) -> Serialize:
    """Remember what strings came to: an enum has few values, and graphql-core searches for each."""
    names: dict[str, str] = {}

    def serialize(value: Any) -> Any:
        if value.__class__ is not str:
            return anything(value)
        name = names.get(value)
        if name is None:
            name = names[value] = anything(value)
        return name

    return serialize
