"""The compiler: from a validated operation to plans, one a selection set and type, made of closures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    BooleanValueNode,
    DocumentNode,
    EnumValueNode,
    ExecutionResult,
    FieldNode,
    FloatValueNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    IntValueNode,
    NullValueNode,
    OperationDefinitionNode,
    OperationType,
    StringValueNode,
    default_field_resolver,
    get_nullable_type,
)
from graphql.execution.values import get_argument_values

from executor.answering import Answer, answering
from executor.completion import Complete, completion
from executor.kinds import Kind, kind_of
from executor.levels import Level, Run
from executor.projections import shown
from executor.selections import Answers, asked_variables, collect
from executor.shapes import Shape, object_shape
from executor.variables import NotPlain, Variables, given_arguments

VARIANT_CHARS_MAX = 8192
"""As many plans for other answers to @skip and @include are kept as fit in so many characters of documents."""
PLAIN_NODES = (BooleanValueNode, EnumValueNode, FloatValueNode, IntValueNode, NullValueNode, StringValueNode)


class NotCompiled(Exception):
    """The operation holds something that graphql-core has to run, such as introspection."""


@dataclass(slots=True, eq=False)
class FieldPlan:
    """One field of one type: where its answer goes and how it is had.

    `null_depth` is how many lists deep the nearest position around this field's objects is that may be null; None
    where only the parent may be. `children` are what is selected of its objects; of an interface's, once they came up.
    """

    key: str
    order: int
    parent_type: GraphQLObjectType
    definition: GraphQLField
    nodes: list[FieldNode]
    nullable: bool
    null_depth: int | None
    kind: Kind | None
    arguments: Callable[[Run], dict[str, Any]]
    children: "dict[GraphQLObjectType, ObjectPlan]" = field(default_factory=dict)
    complete: Complete = field(init=False)
    answer: Answer = field(init=False)

    @property
    def name(self) -> str:
        """The field's name in the schema."""
        return self.nodes[0].name.value

    @property
    def child(self) -> "ObjectPlan | None":
        """What is selected of a field that is a single object of one type."""
        type_ = get_nullable_type(self.definition.type)
        return self.children[type_] if isinstance(type_, GraphQLObjectType) else None

    @property
    def selected(self) -> frozenset[str]:
        """The names of the fields selected of the child."""
        return frozenset(one.name for one in self.child.fields) if self.child else frozenset()

    @property
    def resolve(self) -> Callable[..., Any]:
        """The field's resolver."""
        return self.definition.resolve or default_field_resolver


@dataclass(slots=True, eq=False)
class ObjectPlan:
    """A selection set for one type. `blank` is its answer with every field null and __typename in place.

    `shape` makes the whole answer of a source, where nobody has to be asked.
    """

    type: GraphQLObjectType
    blank: dict[str, Any]
    fields: list[FieldPlan]
    shape: Shape | None = field(init=False)

    def __post_init__(self) -> None:
        self.shape = object_shape(self)

    def fill(self, run: Run, level: Level) -> None:
        """Answer every field of a level, or ask for it."""
        for one in self.fields:
            one.answer(run, level)


@dataclass(frozen=True, slots=True)
class RootPlan:
    """A whole operation: what is selected of its root, and by type what of the documents is looked at."""

    selection: ObjectPlan
    shown: Mapping[str, tuple[str, ...]]


class Operation:
    """A validated operation that can be run: plans are made when their answers to @skip and @include first come."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, node: OperationDefinitionNode) -> None:
        """Raise NotCompiled for an operation that graphql-core has to run."""
        root = schema.get_root_type(node.operation)
        if root is None:
            raise NotCompiled
        self.schema = schema
        self.node = node
        self.fragments: dict[str, FragmentDefinitionNode] = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._root = root
        self._variables = Variables(schema, node)
        self._asked = asked_variables(self.fragments, node.selection_set)
        self._plans: dict[tuple[bool, ...], RootPlan] = {}
        self._plans_max = max(1, VARIANT_CHARS_MAX // len(node.loc.source.body)) if node.loc else 1
        if not self._asked:
            self.plan({})

    def plan(self, answers: Answers) -> "RootPlan":
        """Return the plan for these answers to @skip and @include.

        Raises:
            NotCompiled: graphql-core has to run this one.
        """
        given: Any = tuple([answers.get(name) for name in self._asked])
        known = self._plans.get(given)
        if known is None:
            if not all(isinstance(answer, bool) for answer in given):
                raise NotCompiled  # null, which graphql-core finds words for
            try:
                selected = _Compiler(self.schema, self.fragments, answers).selection(self._root, [self.node])
            except RecursionError:
                raise NotCompiled from None
            known = RootPlan(selected, shown(selected))
            if len(self._plans) >= self._plans_max:
                self._plans.clear()
            self._plans[given] = known
        return known

    def prepare(self, variables: Mapping[str, Any] | None) -> "Ready | list[Any]":
        """Return the operation with its variables, or what is wrong with these.

        Raises:
            NotCompiled: graphql-core has to run this one; nothing has run so far.
        """
        coerced = self._variables.coerced(variables or {})
        return coerced if isinstance(coerced, list) else Ready(self, self.plan(coerced.coerced), coerced)


@dataclass(slots=True)  # frozen, it would take three times as long to make
class Ready:
    """An operation with a plan and with variables: all that is left is to run it."""

    operation: Operation
    plan: RootPlan
    variables: Any

    async def execute(self, context: Any, root: Any = None) -> ExecutionResult:
        """Run the operation."""
        context.shown = self.plan.shown
        run, plan = Run(self.operation, context, self.variables), self.plan.selection
        level = Level(plan.blank)
        level.add(root, 0, ())
        if self.operation.node.operation is OperationType.MUTATION:
            await self._serially(run, level)
        else:
            plan.fill(run, level)
            await run.drain()
        return ExecutionResult(None if run.dead else level.results[0], run.errors() or None)

    async def _serially(self, run: Run, level: Level) -> None:
        """Carry mutations out one after the other; one that leaves no data behind ends it."""
        for one in self.plan.selection.fields:
            one.answer(run, level)
            await run.drain()
            if run.dead:
                return


class _Compiler:
    """Makes the plans of one operation for one set of answers to @skip and @include."""

    def __init__(self, schema: GraphQLSchema, fragments: dict[str, FragmentDefinitionNode], answers: Answers) -> None:
        self._schema = schema
        self._fragments = fragments
        self._answers = answers

    def selection(self, type_: GraphQLObjectType, nodes: list[Any]) -> ObjectPlan:
        """Return the plan of what some nodes select together of a type."""
        sets = [node.selection_set for node in nodes if node.selection_set]
        blank: dict[str, Any] = {}
        fields: list[FieldPlan] = []
        for key, of_key in collect(self._schema, self._fragments, self._answers, type_, sets).items():
            name = of_key[0].name.value
            if name == "__typename":
                blank[key] = type_.name
                continue
            if name.startswith("__"):
                raise NotCompiled
            blank[key] = None
            fields.append(self._field(key, len(blank), type_, of_key))
        return ObjectPlan(type_, blank, fields)

    def _field(self, key: str, order: int, parent: GraphQLObjectType, nodes: list[FieldNode]) -> FieldPlan:
        definition = parent.fields[nodes[0].name.value]
        nullable = not isinstance(definition.type, GraphQLNonNull)
        null_depth, arguments = _null_depth(definition.type), _arguments(definition, nodes[0])
        plan = FieldPlan(key, order, parent, definition, nodes, nullable, null_depth, kind_of(definition), arguments)

        def plan_of(type_: GraphQLObjectType) -> ObjectPlan:
            if type_ not in plan.children:
                plan.children[type_] = self.selection(type_, nodes)
            return plan.children[type_]

        plan.complete = completion(definition.type, plan_of)
        plan.answer = answering(plan, plan.kind)
        return plan


def _arguments(definition: GraphQLField, node: FieldNode) -> Callable[[Run], dict[str, Any]]:
    """Return how a field's arguments are had. Plain ones without a variable are the same in every run."""
    if not definition.args:
        return lambda _: {}

    def coerced(run: Run) -> dict[str, Any]:
        return get_argument_values(definition, node, run.variables)

    values = {argument.name.value: argument.value for argument in node.arguments or ()}
    given = given_arguments(definition, values)
    if given is None:
        return coerced
    if all(isinstance(value, PLAIN_NODES) for value in values.values()):
        always = given({})
        return lambda _: always

    def from_variables(run: Run) -> dict[str, Any]:
        try:
            values: dict[str, Any] = given(run.variables.coerced)
            return values
        except NotPlain:
            return coerced(run)

    return from_variables


def _null_depth(type_: Any) -> int | None:
    found, depth = None, 0
    while True:
        if isinstance(type_, GraphQLNonNull):
            type_ = type_.of_type
        else:
            found = depth
        if not isinstance(type_, GraphQLList):
            return found
        type_, depth = type_.of_type, depth + 1
