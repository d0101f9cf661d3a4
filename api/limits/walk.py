"""Judges the size of a document before it is validated: one walk, in which each fragment is walked once.

Validation itself takes quadratic time on some documents and exponential time on none that pass here. Nothing is
expected of a document but that it parsed: names may be unknown, fragments missing or unused.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    ListValueNode,
    Node,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
)

from api.limits import numbers

DESCRIBING = frozenset({"__schema", "__type"})


@dataclass(frozen=True, slots=True)
class Size:
    """How large a selection set is with its fragments written out.

    `depth` counts the fields on the longest way down; `selections` fields and spreads alike.
    """

    depth: int = 0
    selections: int = 0
    aliases: int = 0
    directives: int = 0

    def beside(self, other: "Size") -> "Size":
        """Return the size of both, one beside the other."""
        return Size(
            max(self.depth, other.depth),
            self.selections + other.selections,
            self.aliases + other.aliases,
            self.directives + other.directives,
        )


EMPTY = Size()
SPREAD = Size(selections=1)


def judge(document: DocumentNode) -> None:
    """Let a document pass whose size is within bounds.

    Raises:
        GraphQLError: it is too large; the message says in what, the location where.
    """
    _Walk(document).judge()


class _Walk:
    def __init__(self, document: DocumentNode) -> None:
        self._document = document
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._sizes: dict[str, Size | None] = {}
        self._literals = 0

    def judge(self) -> None:
        operations = [found for found in self._document.definitions if isinstance(found, OperationDefinitionNode)]
        _hold(len(operations), numbers.OPERATIONS_MAX, "operations")
        _hold(len(self._document.definitions) - len(operations), numbers.FRAGMENTS_MAX, "fragments")
        whole = EMPTY
        for operation in operations:
            for variable in operation.variable_definitions or ():
                if variable.default_value:
                    self._value(variable.default_value, 1)
            size = self._inside(operation.selection_set).beside(Size(directives=self._directives(operation)))
            _hold(size.depth, numbers.DEPTH_MAX, "levels", operation)
            whole = whole.beside(size)
        _hold(whole.selections, numbers.SELECTIONS_MAX, "fields, those of its fragments included")
        _hold(whole.aliases, numbers.ALIASES_MAX, "aliases")
        _hold(whole.directives, numbers.DIRECTIVES_MAX, "directives")
        for name, fragment in self._fragments.items():
            if name not in self._sizes:  # nobody has bounded it, and validation would walk it all the same
                raise GraphQLError(f"Fragment {name} is never used.", fragment)

    def _inside(self, selections: SelectionSetNode) -> Size:
        size = EMPTY
        for selection in selections.selections:
            size = size.beside(self._selection(selection))
        return size

    def _selection(self, selection: Any) -> Size:
        directives = Size(directives=self._directives(selection))
        if isinstance(selection, FieldNode):
            return self._field(selection).beside(directives)
        if isinstance(selection, FragmentSpreadNode):
            return self._fragment(selection).beside(directives).beside(SPREAD)
        return self._inside(selection.selection_set).beside(directives).beside(SPREAD)

    def _field(self, field: FieldNode) -> Size:
        for argument in field.arguments or ():
            self._value(argument.value, 1)
        inside = self._inside(field.selection_set) if field.selection_set else EMPTY
        depth = inside.depth + 1
        if field.name.value in DESCRIBING:
            _hold(depth, numbers.INTROSPECTION_DEPTH_MAX, "levels of introspection", field)
            depth = 1
        return Size(depth, inside.selections + 1, inside.aliases + (field.alias is not None), inside.directives)

    def _fragment(self, spread: FragmentSpreadNode) -> Size:
        name = spread.name.value
        if name in self._sizes:
            size = self._sizes[name]
            if size is None:  # it is being walked right now
                raise GraphQLError(f"Fragment {name} spreads itself.", spread)
            return size
        fragment = self._fragments.get(name)
        if fragment is None:
            return EMPTY  # validation says so
        self._sizes[name] = None
        size = self._inside(fragment.selection_set).beside(Size(directives=self._directives(fragment)))
        self._sizes[name] = size
        return size

    def _directives(self, node: Any) -> int:
        directives: Sequence[DirectiveNode] = node.directives or ()
        _hold(len(directives), numbers.DIRECTIVES_AT_ONE_PLACE_MAX, "directives at one place", node)
        for directive in directives:
            for argument in directive.arguments or ():
                self._value(argument.value, 1)
        return len(directives)

    def _value(self, value: ValueNode, depth: int) -> None:
        self._literals += 1
        _hold(self._literals, numbers.LITERALS_MAX, "values of its own (send more as variables)")
        _hold(depth, numbers.LITERAL_DEPTH_MAX, "levels of values", value)
        inside: Iterable[ValueNode] = ()
        if isinstance(value, ListValueNode):
            inside = value.values
        elif isinstance(value, ObjectValueNode):
            inside = (field.value for field in value.fields)
        for one in inside:
            self._value(one, depth + 1)


def _hold(count: int, most: int, what: str, node: Node | None = None) -> None:
    if count > most:
        raise GraphQLError(f"An operation has at most {most} {what}.", node)
