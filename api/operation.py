"""What an operation asks for, read off its document once."""

from collections.abc import Iterator
from typing import Any

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValidationRule,
    get_named_type,
)


class IdempotentOnMutations(ValidationRule):
    """Refuses @idempotent anywhere but on a field of Mutation: nothing else has an effect to keep."""

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        """Compare the type the field stands on."""
        parent = self.context.get_parent_type()
        mutations = self.context.schema.mutation_type
        if node.name.value == "idempotent" and parent is not None and parent is not mutations:
            self.report_error(GraphQLError("@idempotent is for mutations.", node))


def fields_of(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> tuple[str, ...]:
    """Return every field an operation asks for as Type.field, each once; fragments are walked once."""
    fragments = {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    root = schema.get_root_type(operation.operation)
    assert root is not None
    return tuple(dict.fromkeys(_walk(schema, fragments, operation.selection_set, root, set())))


def _walk(
    schema: GraphQLSchema,
    fragments: dict[str, FragmentDefinitionNode],
    selections: SelectionSetNode,
    parent: Any,
    seen: set[str],
) -> Iterator[str]:
    for selection in selections.selections:
        if isinstance(selection, FieldNode):
            yield f"{parent.name}.{selection.name.value}"
            if selection.selection_set and isinstance(parent, (GraphQLObjectType, GraphQLInterfaceType)):
                field = parent.fields.get(selection.name.value)
                if field:  # introspection has none, and no policy
                    type_ = get_named_type(field.type)
                    yield from _walk(schema, fragments, selection.selection_set, type_, seen)
        elif isinstance(selection, InlineFragmentNode):
            condition = selection.type_condition
            type_ = schema.get_type(condition.name.value) if condition else parent
            yield from _walk(schema, fragments, selection.selection_set, type_, seen)
        elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in seen:
            seen.add(selection.name.value)
            fragment = fragments[selection.name.value]
            type_ = schema.get_type(fragment.type_condition.name.value)
            yield from _walk(schema, fragments, fragment.selection_set, type_, seen)
