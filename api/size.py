"""How large an answer may become, worked out before anything runs.

A list inside a list multiplies: a customer's purchases, each with its customer, each with its purchases. The bound is
on objects of lists, counted by what `first` and `last` ask for; one walk, each fragment once.
"""

from collections.abc import Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    get_named_type,
)

from resolvers.lists import FIRST_DEFAULT, FIRST_MAX

OBJECTS_MAX = 20_000
MUTATIONS_MAX = 20


class Size:
    """Counts one operation; `variables` are as sent, and what is no number counts as the most that is allowed."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any] | None) -> None:
        self._schema = schema
        self._variables = variables or {}
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._counted: dict[str, int] = {}

    def objects(self, operation: OperationDefinitionNode) -> int:
        """Return how many objects of lists the operation can ask for."""
        return self._inside(operation.selection_set, self._schema.get_root_type(operation.operation))

    def mutations(self, operation: OperationDefinitionNode) -> int:
        """Return how many fields a mutation has; fragments on Mutation count with all their fields."""
        if operation.operation is not OperationType.MUTATION:
            return 0
        return self._fields(operation.selection_set, set())

    def _fields(self, selections: SelectionSetNode, seen: set[str]) -> int:
        count = 0
        for selection in selections.selections:
            if isinstance(selection, FieldNode):
                count += 1
            elif isinstance(selection, InlineFragmentNode):
                count += self._fields(selection.selection_set, seen)
            elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in seen:
                seen.add(selection.name.value)
                count += self._fields(self._fragments[selection.name.value].selection_set, seen)
        return count

    def _inside(self, selections: SelectionSetNode, parent: Any) -> int:
        return sum(self._selection(selection, parent) for selection in selections.selections)

    def _selection(self, selection: Any, parent: Any) -> int:
        if isinstance(selection, FieldNode):
            return self._field(selection, parent)
        if isinstance(selection, InlineFragmentNode):
            condition = selection.type_condition
            return self._inside(
                selection.selection_set, self._schema.get_type(condition.name.value) if condition else parent
            )
        name = selection.name.value
        if name not in self._counted:
            fragment = self._fragments[name]
            type_ = self._schema.get_type(fragment.type_condition.name.value)
            self._counted[name] = self._inside(fragment.selection_set, type_)
        return self._counted[name]

    def _field(self, selection: FieldNode, parent: Any) -> int:
        field = getattr(parent, "fields", {}).get(selection.name.value)
        if field is None or selection.selection_set is None:
            return 0
        inside = self._inside(selection.selection_set, get_named_type(field.type))
        if "first" not in field.args:
            return inside
        usual = field.args["first"].default_value
        many = self._asked(selection, usual if isinstance(usual, int) else FIRST_DEFAULT)
        return many + many * inside

    def _asked(self, selection: FieldNode, usual: int) -> int:
        """Return how many the field asks for; a literal and a variable alike, too many are refused where they run."""
        for argument in selection.arguments or ():
            if argument.name.value in ("first", "last"):
                value: Any = FIRST_MAX
                if isinstance(argument.value, IntValueNode):
                    value = int(argument.value.value)
                elif isinstance(argument.value, VariableNode):
                    value = self._variables.get(argument.value.name.value, FIRST_MAX)
                if isinstance(value, int):
                    return max(0, min(value, FIRST_MAX))
                return usual if value is None else FIRST_MAX
        return usual
