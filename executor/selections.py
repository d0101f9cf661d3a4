"""Which fields a selection set comes to for one type: fragments opened, same response keys merged.

@skip and @include are decided before: a plan is made for one set of answers to them, so nothing is left to decide
while it runs.
"""

from collections.abc import Iterator, Mapping, Sequence

from graphql import (
    BooleanValueNode,
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
)
from graphql.execution.collect_fields import does_fragment_condition_match

Fragments = Mapping[str, FragmentDefinitionNode]
Answers = Mapping[str, bool]
"""What the variables of @skip and @include are."""


def collect(
    schema: GraphQLSchema,
    fragments: Fragments,
    answers: Answers,
    type_: GraphQLObjectType,
    selection_sets: Sequence[SelectionSetNode],
) -> dict[str, list[FieldNode]]:
    """Return the fields by response key, in the order in which they first appear."""
    collecting = _Collecting(schema, fragments, answers, type_)
    for selection_set in selection_sets:
        collecting.visit(selection_set)
    return collecting.fields


class _Collecting:
    """Walks selection sets for one type, each fragment once."""

    def __init__(self, schema: GraphQLSchema, fragments: Fragments, answers: Answers, type_: GraphQLObjectType) -> None:
        self.fields: dict[str, list[FieldNode]] = {}
        self._schema = schema
        self._fragments = fragments
        self._answers = answers
        self._type = type_
        self._opened: set[str] = set()

    def visit(self, selections: SelectionSetNode) -> None:
        """Take in what is selected here."""
        for selection in selections.selections:
            if not _included(selection, self._answers):
                continue
            if isinstance(selection, FieldNode):
                self.fields.setdefault(response_key(selection), []).append(selection)
            elif isinstance(selection, InlineFragmentNode):
                self._open(selection)
            elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in self._opened:
                self._opened.add(selection.name.value)
                self._open(self._fragments[selection.name.value])

    def _open(self, fragment: InlineFragmentNode | FragmentDefinitionNode) -> None:
        if does_fragment_condition_match(self._schema, fragment, self._type):
            self.visit(fragment.selection_set)


def response_key(node: FieldNode) -> str:
    """Return the name under which a field is answered."""
    return node.alias.value if node.alias else node.name.value


def asked_variables(fragments: Fragments, selections: SelectionSetNode) -> tuple[str, ...]:
    """Return the names of the variables that @skip and @include ask for, in everything an operation may open."""
    names: dict[str, None] = {}
    for selection_set in [selections, *(fragment.selection_set for fragment in fragments.values())]:
        for node in _nodes(selection_set):
            for _, value in _conditions(node):
                if isinstance(value, VariableNode):
                    names[value.name.value] = None
    return tuple(names)


def _nodes(selections: SelectionSetNode) -> Iterator[SelectionNode]:
    for selection in selections.selections:
        yield selection
        inside = getattr(selection, "selection_set", None)
        if inside:
            yield from _nodes(inside)


def _conditions(node: SelectionNode) -> Iterator[tuple[str, object]]:
    directives: Sequence[DirectiveNode] = node.directives or ()
    for directive in directives:
        if directive.name.value in ("skip", "include"):
            for argument in directive.arguments or ():
                yield directive.name.value, argument.value


def _included(node: SelectionNode, answers: Answers) -> bool:
    for name, value in _conditions(node):
        answer = value.value if isinstance(value, BooleanValueNode) else answers[value.name.value]  # type: ignore[attr-defined]  # validated: a boolean or a variable
        if answer is (name == "skip"):
            return False
    return True
