"""What is known of a document before anybody runs it: each is judged once, then remembered for all requests.

A warm request looks its text up here and finds everything that hangs on the text alone: whether it is valid, which
fields it asks for, which of them a role may not see, and the plan by which it runs.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    get_operation_ast,
)

from api.limits.asked import Asked
from api.limits.numbers import POINTS
from api.observability.record import document_hash
from crm.values import Role
from executor.plans import NotCompiled, Operation
from resolvers.policy import first_forbidden

DESCRIBING = frozenset({"__schema", "__type"})


class PreparedOperation:
    """One operation of a valid document; `hash` is what the document is told by."""

    def __init__(
        self, schema: GraphQLSchema, document: DocumentNode, node: OperationDefinitionNode, asked: Asked, hash: str
    ) -> None:
        self.schema = schema
        self.document = document
        self.node = node
        self.asked = asked
        self.hash = hash
        self.kind = node.operation
        self.name = node.name.value if node.name else None
        self._forbidden: dict[Role, str | None] = {}

    @cached_property
    def describes(self) -> bool:
        """Whether the document asks for the schema anywhere."""
        return any(_describes(getattr(one, "selection_set", None)) for one in self.document.definitions)

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
            self._forbidden[role] = first_forbidden(role, self.asked.fields)
        return self._forbidden[role]

    def too_much(self, role: Role, variables: Mapping[str, Any] | None) -> str | None:
        """Return what of it is too much for a role at any time, in a sentence; None where nothing is."""
        points, most = self.asked.cost.requested(variables), POINTS[role].maximum
        return f"This may cost {points} points, and {most} are the most." if points > most else None


class Prepared:
    """A document judged once: good, or what is wrong with it. `unpaid` are the points nobody has paid for that yet."""

    def __init__(
        self,
        schema: GraphQLSchema,
        text: str,
        document: DocumentNode | None,
        errors: tuple[dict[str, Any], ...] = (),
        asked: Mapping[str, Asked] | None = None,
    ) -> None:
        self.document = document
        self.errors = errors
        self.unpaid = 0
        self._asked = asked or {}
        self._schema = schema
        self._text = text
        self._named: dict[str | None, PreparedOperation] = {}

    def operation(self, name: str | None) -> PreparedOperation | None:
        """Return the operation that is meant, None where that is not clear."""
        known = self._named.get(name)
        if known is not None:
            return known
        node = get_operation_ast(self.document, name) if self.document else None
        if node is None:
            return None  # not remembered: anybody can send any number of names that are none
        assert self.document is not None
        asked = self._asked[node.name.value if node.name else ""]
        self._named[name] = PreparedOperation(self._schema, self.document, node, asked, document_hash(self._text))
        return self._named[name]


def _describes(selections: SelectionSetNode | None) -> bool:
    """Whether a selection asks for the schema; fragments are looked through where they are defined."""
    return selections is not None and any(
        (isinstance(one, FieldNode) and one.name.value in DESCRIBING) or _describes(getattr(one, "selection_set", None))
        for one in selections.selections
    )
