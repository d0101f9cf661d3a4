"""Variables and arguments on their way in, without looking at types anew for each request.

graphql-core has the last word: whatever is not plainly as its type has it is left to graphql-core, which takes it after
all or says what is wrong with it. So there is one set of messages, and one meaning.
"""

from collections.abc import Callable, Mapping
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    GraphQLString,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    Undefined,
    ValueNode,
    VariableNode,
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource, get_variable_values
from graphql.type import GraphQLBoolean, GraphQLID
from graphql.utilities.coerce_input_value import coerce_default_value, coerce_input_literal

from executor.leaves import INT_MAX, INT_MIN

ERRORS_MAX = 50
"""As graphql-core has it."""

Taken = Callable[[Any], Any]
"""What was sent -> what resolvers get."""

Given = Callable[[Mapping[str, Any]], Any]
"""Coerced variables -> the value of an argument."""


class NotPlain(Exception):
    """graphql-core has to look at this."""


class Variables:
    """The variables of one operation."""

    def __init__(self, schema: GraphQLSchema, node: OperationDefinitionNode) -> None:
        self._schema = schema
        self._nodes = node.variable_definitions or ()
        types = _Types()
        self._known: list[tuple[str, bool, GraphQLVariableSignature, Taken]] | None = []
        for definition in self._nodes:
            signature = get_variable_signature(schema, definition)
            if not isinstance(signature, GraphQLVariableSignature):
                self._known = None  # its type is none: graphql-core says so
                return
            plain = definition.default_value is None and not isinstance(signature.type, GraphQLNonNull)
            self._known.append((signature.name, plain, signature, types.taken(signature.type)))

    def coerced(self, sent: Mapping[str, Any]) -> Any:
        """Return the variables as graphql-core's VariableValues, or the list of what is wrong with them."""
        try:
            return self._plain(sent)
        except (NotPlain, RecursionError):
            return get_variable_values(self._schema, self._nodes, dict(sent), max_errors=ERRORS_MAX)

    def _plain(self, sent: Mapping[str, Any]) -> VariableValues:
        if self._known is None:
            raise NotPlain
        sources: dict[str, VariableValueSource] = {}
        values: dict[str, Any] = {}
        for name, may_be_left_out, signature, taken in self._known:
            if name in sent:
                value = sent[name]
                values[name] = taken(value)
                sources[name] = VariableValueSource(signature, value)
            elif may_be_left_out:
                sources[name] = VariableValueSource(signature)
            else:
                raise NotPlain
        return VariableValues(sources, values)


class _Types:
    """Makes the functions for types; an input may hold itself, so each is made once, when it first comes."""

    def __init__(self) -> None:
        self._inputs: dict[str, Taken] = {}

    def taken(self, type_: Any) -> Taken:
        if isinstance(type_, GraphQLNonNull):
            inner = self._present(type_.of_type)

            def required(value: Any) -> Any:
                if value is None:
                    raise NotPlain
                return inner(value)

            return required
        inner = self._present(type_)
        return lambda value: None if value is None else inner(value)

    def _present(self, type_: Any) -> Taken:
        if isinstance(type_, GraphQLList):
            return _list(self.taken(type_.of_type))
        if isinstance(type_, GraphQLInputObjectType):
            return lambda value: self._input(type_)(value)  # noqa: PLW0108 -- made when it first comes
        if type_ in (GraphQLString, GraphQLID):
            return _of_class(str)
        if type_ is GraphQLBoolean:
            return _of_class(bool)
        return _integer if type_ is GraphQLInt else _leaf(type_)

    def _input(self, type_: GraphQLInputObjectType) -> Taken:
        known = self._inputs.get(type_.name)
        if known is None:
            known = self._inputs[type_.name] = self._object(type_)
        return known

    def _object(self, type_: GraphQLInputObjectType) -> Taken:
        fields = [
            (name, field.out_name or name, self.taken(field.type), *_default(field))
            for name, field in type_.fields.items()
        ]
        one_of, out_type = type_.is_one_of, type_.out_type

        def taken(value: Any) -> Any:
            if value.__class__ is not dict:
                raise NotPlain
            found, left = {}, len(value)
            for name, out_name, take, required, default in fields:
                if name in value:
                    left -= 1
                    found[out_name] = take(value[name])
                elif required:
                    raise NotPlain
                elif default is not Undefined:
                    found[out_name] = default
            if left or (one_of and (len(found) != 1 or None in found.values())):
                raise NotPlain
            return _made(out_type, found)

        return taken


def _made(out_type: Taken, found: dict[str, Any]) -> Any:
    """Return an input as its type makes it; it may refuse."""
    try:
        return out_type(found)
    except Exception:  # noqa: BLE001 -- graphql-core raises it again, and says where
        raise NotPlain from None


def _default(field: GraphQLInputField | GraphQLArgument) -> tuple[bool, Any]:
    """Return whether something has to be there, and what is taken where nothing is."""
    default = coerce_default_value(field)
    shared = isinstance(default, (list, dict))  # nobody may get what the next one gets too
    return shared or (default is Undefined and isinstance(field.type, GraphQLNonNull)), default


def _list(item: Taken) -> Taken:
    def taken(values: Any) -> list[Any]:
        if values.__class__ is not list:
            raise NotPlain
        return [item(value) for value in values]

    return taken


def _of_class(class_: type) -> Taken:
    def taken(value: Any) -> Any:
        if value.__class__ is not class_:
            raise NotPlain
        return value

    return taken


def _integer(value: Any) -> Any:
    if value.__class__ is not int or not INT_MIN <= value <= INT_MAX:
        raise NotPlain
    return value


def _leaf(type_: Any) -> Taken:
    def taken(value: Any) -> Any:
        try:
            coerced = type_.coerce_input_value(value)
        except Exception:  # noqa: BLE001 -- graphql-core raises it again, and says where
            raise NotPlain from None
        if coerced is Undefined:
            raise NotPlain
        return coerced

    return taken


def given_arguments(definition: GraphQLField, values: Mapping[str, ValueNode]) -> Given | None:
    """Return how a field's arguments come from variables; None where graphql-core has to say at each request."""
    try:
        reads = [
            (argument.out_name or name, read)
            for name, argument in definition.args.items()
            if (read := _argument(argument, values.get(name))) is not None
        ]
    except NotPlain:
        return None
    return lambda variables: {name: read(variables) for name, read in reads}


def _argument(argument: GraphQLArgument | GraphQLInputField, node: ValueNode | None) -> Given | None:
    """Return how one argument, or a field of an input, is had; None where it is left out."""
    if node is not None:
        return _literal(argument.type, node)
    required, default = _default(argument)
    if required:
        raise NotPlain
    return None if default is Undefined else lambda _: default


def _literal(type_: Any, node: ValueNode) -> Given:
    inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
    if isinstance(node, VariableNode):
        return _variable(node.name.value, nullable=inner is type_)
    if isinstance(inner, GraphQLInputObjectType) and isinstance(node, ObjectValueNode):
        return _object_literal(inner, node)
    if isinstance(node, (ListValueNode, ObjectValueNode)):
        raise NotPlain
    value = coerce_input_literal(node, type_)
    if value is Undefined or isinstance(value, (list, dict)):
        raise NotPlain
    return lambda _: value


def _variable(name: str, *, nullable: bool) -> Given:
    def given(variables: Mapping[str, Any]) -> Any:
        value = variables.get(name, Undefined)
        if value is Undefined or (value is None and not nullable):
            raise NotPlain
        return value

    return given


def _object_literal(type_: GraphQLInputObjectType, node: ObjectValueNode) -> Given:
    values = {field.name.value: field.value for field in node.fields}
    reads = [
        (field.out_name or name, read)
        for name, field in type_.fields.items()
        if (read := _argument(field, values.get(name))) is not None
    ]
    one_of, out_type = type_.is_one_of, type_.out_type
    if one_of and len(reads) != 1:
        raise NotPlain

    def given(variables: Mapping[str, Any]) -> Any:
        found = {name: read(variables) for name, read in reads}
        if one_of and None in found.values():
            raise NotPlain
        return _made(out_type, found)

    return given
