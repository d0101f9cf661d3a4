"""What an operation asks for, response key by response key, fragments written out: as it will stand in the answer.

Made of documents that walk.py let pass, so it is small. Fields that are asked for twice under one key are one place, as
they are in the answer: a screen put together from fragments is not charged twice for what they share.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
)

from api.limits import numbers


@dataclass(slots=True)
class Place:
    """One response key: the field that stands there, of which type, and what is asked for below it.

    `parent` and `definition` are None where the schema does not know them. `certain`: it stands in every object of its
    parent, because no fragment and no directive has a say.
    """

    node: FieldNode
    parent: Any
    definition: GraphQLField | None
    asked: int = 0
    certain: bool = False
    inside: dict[str, "Place"] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The field as the policy names it: Type.field."""
        return f"{getattr(self.parent, 'name', '?')}.{self.node.name.value}"


class Shapes:
    """Writes out the operations of one document."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self._schema = schema
        self._fragments: Mapping[str, FragmentDefinitionNode] = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._fields: dict[str, None] = {}

    def of(self, operation: OperationDefinitionNode) -> tuple[dict[str, Place], tuple[str, ...]]:
        """Return the places of an operation, and every field of the schema it asks for as Type.field, each once.

        Raises:
            GraphQLError: it asks so often for the same that comparing it all takes too long.
        """
        self._fields = {}
        root: dict[str, Place] = {}
        self._write_out(operation.selection_set, self._schema.get_root_type(operation.operation), root)
        if sum(place.asked * (place.asked - 1) // 2 for place in every_place(root)) > numbers.OVERLAPS_MAX:
            raise GraphQLError("An operation asks for the same fields too often.", operation)
        return root, tuple(self._fields)

    def _write_out(
        self, selections: SelectionSetNode, parent: Any, into: dict[str, Place], *, plainly: bool = True
    ) -> None:
        for selection in selections.selections:
            if isinstance(selection, FieldNode):
                place = self._field(selection, parent, into)
                place.certain = place.certain or (plainly and not selection.directives)
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                type_ = self._schema.get_type(condition.name.value) if condition else parent
                self._write_out(selection.selection_set, type_, into, plainly=False)
            elif isinstance(selection, FragmentSpreadNode) and selection.name.value in self._fragments:
                fragment = self._fragments[selection.name.value]
                type_ = self._schema.get_type(fragment.type_condition.name.value)
                self._write_out(fragment.selection_set, type_, into, plainly=False)

    def _field(self, node: FieldNode, parent: Any, into: dict[str, Place]) -> Place:
        key = (node.alias or node.name).value
        definition = getattr(parent, "fields", {}).get(node.name.value)
        place = into.setdefault(key, Place(node, parent, definition))
        place.asked += 1
        self._fields[f"{getattr(parent, 'name', '?')}.{node.name.value}"] = None
        if node.selection_set:
            type_ = get_named_type(definition.type) if definition else None
            self._write_out(node.selection_set, type_, place.inside)
        return place


def every_place(places: Mapping[str, Place]) -> Iterator[Place]:
    """Return all places, those inside others included."""
    for place in places.values():
        yield place
        yield from every_place(place.inside)
