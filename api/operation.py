"""A rule of validation that is ours."""

from typing import Any

from graphql import DirectiveNode, GraphQLError, ValidationRule


class IdempotentOnMutations(ValidationRule):
    """Refuses @idempotent anywhere but on a field of Mutation: nothing else has an effect to keep."""

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        """Compare the type the field stands on."""
        parent = self.context.get_parent_type()
        mutations = self.context.schema.mutation_type
        if node.name.value == "idempotent" and parent is not None and parent is not mutations:
            self.report_error(GraphQLError("@idempotent is for mutations.", node))
