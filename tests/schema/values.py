"""Values for any argument of the schema, so that a walk over it covers fields that are yet to come."""

from collections.abc import Iterator
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    get_named_type,
    is_leaf_type,
)

NAMING = frozenset({"ID", "CustomerKey", "PurchaseKey"})
"""Types by which something is named that belongs to somebody."""

SCALARS: dict[str, Any] = {
    "Boolean": True,
    "CurrencyCode": "USD",
    "Date": "2026-11-01",
    "DateTime": "2026-11-21T10:00:00Z",
    "Decimal": "1",
    "Float": 1.0,
    "ID": "nobody",
    "Int": 1,
    "JSON": {},
    "String": "word",
}
Path = tuple[str, ...]


def naming(field: GraphQLField) -> Iterator[tuple[Path, str]]:
    """Yield the path of every place in a field's arguments where something is named, and the type it is named by."""
    for name, argument in field.args.items():
        yield from _naming(argument.type, (name,), ())


def _naming(type_: Any, path: Path, above: Path) -> Iterator[tuple[Path, str]]:
    named = get_named_type(type_)
    if named.name in NAMING:
        yield path, named.name
    elif isinstance(named, GraphQLInputObjectType) and named.name not in above:
        for name, inner in named.fields.items():
            yield from _naming(inner.type, (*path, name), (*above, named.name))


def arguments(field: GraphQLField, path: Path, value: Any) -> dict[str, Any]:
    """Return values for all that a field requires, with `value` at one place."""
    return {
        name: _value(argument.type, path[1:] if name == path[0] else None, value)
        for name, argument in field.args.items()
        if name == path[0] or isinstance(argument.type, GraphQLNonNull)
    }


def _value(type_: Any, path: Path | None, value: Any) -> Any:
    if isinstance(type_, GraphQLNonNull):
        return _value(type_.of_type, path, value)
    if isinstance(type_, GraphQLList):
        return [_value(type_.of_type, path, value)]
    if path == ():
        return value
    if isinstance(type_, GraphQLEnumType):
        return next(iter(type_.values))
    if not isinstance(type_, GraphQLInputObjectType):
        return SCALARS[type_.name]
    wanted = path[0] if path else None
    if type_.name in NAMING:  # exactly one of its fields
        wanted = wanted or next(iter(type_.fields))
        return {wanted: _value(type_.fields[wanted].type, path[1:] if path else None, value)}
    return {
        name: _value(inner.type, path[1:] if path and name == wanted else None, value)
        for name, inner in type_.fields.items()
        if name == wanted or isinstance(inner.type, GraphQLNonNull)
    }


def operation(kind: str, name: str, field: GraphQLField, given: dict[str, Any], selection: str) -> str:
    """Return an operation of one field with its arguments as variables."""
    heads = ", ".join(f"${argument}: {field.args[argument].type}" for argument in given)
    passed = ", ".join(f"{argument}: ${argument}" for argument in given)
    inside = "" if is_leaf_type(get_named_type(field.type)) else f" {{ {selection} }}"
    head, tail = (f"({heads})", f"({passed})") if given else ("", "")
    return f"{kind}{head} {{ {name}{tail}{inside} }}"
