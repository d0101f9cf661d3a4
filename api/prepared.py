"""What is known of a document before anybody runs it: each is judged once, then remembered for all requests.

A warm request looks its text up here and finds everything that hangs on the text alone: whether it is valid, which
fields it asks for, which of them a role may not see, and the plan by which it runs.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from graphql import DocumentNode, GraphQLSchema, OperationDefinitionNode, get_operation_ast

from api.operation import fields_of
from api.size import MUTATIONS_MAX, OBJECTS_MAX, Size
from crm.values import Role
from executor.plans import NotCompiled, Operation
from resolvers.policy import first_forbidden

DESCRIBING = frozenset({"__schema", "__type"})


class PreparedOperation:
    """One operation of a valid document."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, node: OperationDefinitionNode) -> None:
        self.schema = schema
        self.document = document
        self.node = node
        self._forbidden: dict[Role, str | None] = {}

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """Every field it asks for, as Type.field."""
        return fields_of(self.schema, self.document, self.node)

    @cached_property
    def describes(self) -> bool:
        """Whether it asks for the schema anywhere."""
        return any(field.rpartition(".")[2] in DESCRIBING for field in self.fields)

    @cached_property
    def compiled(self) -> Operation | None:
        """How the compiled executor runs it; None where graphql-core has to."""
        try:
            return Operation(self.schema, self.document, self.node)
        except NotCompiled:
            return None

    def forbidden(self, role: Role) -> str | None:
        """Return the first field that the role may not ask for."""
        if role not in self._forbidden:
            self._forbidden[role] = first_forbidden(role, self.fields)
        return self._forbidden[role]

    def too_much(self, variables: Mapping[str, Any] | None) -> str | None:
        """Return what of it is too much, in a sentence; None where nothing is. Without variables it is asked once."""
        return self._too_much(variables) if self.node.variable_definitions else self._always_too_much

    @cached_property
    def _always_too_much(self) -> str | None:
        return self._too_much(None)

    def _too_much(self, variables: Mapping[str, Any] | None) -> str | None:
        size = Size(self.schema, self.document, variables)
        if size.mutations(self.node) > MUTATIONS_MAX:
            return f"An operation carries out at most {MUTATIONS_MAX} mutations."
        if size.objects(self.node) > OBJECTS_MAX:
            return f"The lists of an operation ask for at most {OBJECTS_MAX} objects together."
        return None


class Prepared:
    """A document judged once: good, or what is wrong with it."""

    def __init__(
        self, schema: GraphQLSchema, document: DocumentNode | None, errors: tuple[dict[str, Any], ...] = ()
    ) -> None:
        self.document = document
        self.errors = errors
        self._schema = schema
        self._named: dict[str | None, PreparedOperation] = {}

    def operation(self, name: str | None) -> PreparedOperation | None:
        """Return the operation that is meant, None where that is not clear."""
        if name in self._named:
            return self._named[name]
        node = get_operation_ast(self.document, name) if self.document else None
        if node is None:
            return None  # not remembered: anybody can send any number of names that are none
        assert self.document is not None
        self._named[name] = PreparedOperation(self._schema, self.document, node)
        return self._named[name]
