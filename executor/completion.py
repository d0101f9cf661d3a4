"""From a resolved value to the answer, as the specification's CompleteValue has it.

Leaves are serialized, objects take a seat in the level beneath, to be answered together when their field is through.
"""

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from graphql import (
    Executor,
    GraphQLAbstractType,
    GraphQLError,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLResolveInfo,
    Undefined,
    default_type_resolver,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
)
from graphql.execution.collect_fields import FieldDetails
from graphql.pyutils import inspect, is_iterable

from executor.leaves import serializer
from executor.levels import Level, Run, Spots, located, path_of
from executor.shapes import Shape, present

if TYPE_CHECKING:
    from executor.plans import FieldPlan, ObjectPlan


class Completing:
    """One field of one level on its way: `children` are the levels that its objects make, one a type."""

    __slots__ = ("_info", "children", "field", "level", "run")

    def __init__(self, run: Run, level: Level, field: "FieldPlan") -> None:
        self.run = run
        self.level = level
        self.field = field
        self.children: dict[ObjectPlan, Level] = {}
        self._info: GraphQLResolveInfo[Any] | None = None

    def level_of(self, plan: "ObjectPlan") -> Level:
        """Return the level in which this field's objects of one type take their seats."""
        level = self.children.get(plan)
        if level is None:
            level = self.children[plan] = Level(plan.blank, self.field, self.level)
        return level

    def info(self, owner: int) -> GraphQLResolveInfo[Any]:
        """Return what type resolvers are told, made once a level: none of them reads the path."""
        if self._info is None:
            self._info = self.run.info(self.field, path_of(self.level, owner, self.field, ()))
        return self._info


Complete = Callable[[Completing, int, Spots, Any], Any]
"""(completing, owner, spots, value that is not null) -> the answer; raises the error of this very position."""
PlanOf = Callable[[GraphQLObjectType], "ObjectPlan"]


def place(run: Run, level: Level, field: "FieldPlan", values: Iterable[Any]) -> None:
    """Complete a field's values, one for each object of the level, and go on with the objects among them."""
    completing = Completing(run, level, field)
    complete, key, nullable, results = field.complete, field.key, field.nullable, level.results
    for owner, value in enumerate(values):
        try:
            if value is not None and value is not Undefined:
                results[owner][key] = complete(completing, owner, (), value)
            elif not nullable:
                must_not_be_null(field)
        except Exception as problem:  # noqa: BLE001 -- as the specification has it: every error is its field's
            run.fail(problem, level, owner, field)
    for plan, child in completing.children.items():
        plan.fill(run, child)


def may_be_null(_: "FieldPlan") -> None:
    """Answer null."""


def must_not_be_null(field: "FieldPlan") -> None:
    """Raise the error of a null where none may be."""
    raise TypeError(f"Cannot return null for non-nullable field {field.parent_type}.{field.name}.")


def completion(type_: Any, plan_of: PlanOf) -> Complete:
    """Return how values of a type are completed; whether they may be null is the caller's to see."""
    if isinstance(type_, GraphQLNonNull):
        type_ = type_.of_type
    if is_leaf_type(type_):
        serialize = serializer(type_)
        return lambda _, __, ___, value: serialize(value)
    if is_abstract_type(type_):
        return _abstract(type_, plan_of)
    complete = (
        _list(type_.of_type, completion(type_.of_type, plan_of))
        if isinstance(type_, GraphQLList)
        else _object(cast("GraphQLObjectType", type_), plan_of)
    )
    named = get_named_type(type_)
    shape = present(type_, plan_of(named) if isinstance(named, GraphQLObjectType) else None)
    return _shaped(shape, complete) if shape else complete


def _shaped(shape: Shape, complete: Complete) -> Complete:
    """Complete at one go what needs nobody; what is not as it should be goes the long way, which tells of it."""

    def complete_shaped(completing: Completing, owner: int, spots: Spots, value: Any) -> Any:
        try:
            return shape(value, completing.run.context)
        except Exception:  # noqa: BLE001 -- the long way raises it again, and knows where it is
            return complete(completing, owner, spots, value)

    return complete_shaped


def _list(item_type: Any, complete_item: Complete) -> Complete:
    item_nullable = not isinstance(item_type, GraphQLNonNull)
    null = may_be_null if item_nullable else must_not_be_null

    def complete(completing: Completing, owner: int, spots: Spots, values: Any) -> list[Any]:
        if isinstance(values, Exception):
            raise values
        field = completing.field
        if not is_iterable(values):
            raise GraphQLError(f"Expected Iterable, but did not find one for field '{field.parent_type}.{field.name}'.")
        answers: list[Any] = []
        for index, value in enumerate(values):
            spot = (*spots, index)
            try:
                present = value is not None and value is not Undefined
                answers.append(complete_item(completing, owner, spot, value) if present else null(field))
            except Exception as problem:  # noqa: BLE001 -- every error is its position's
                _failed_item(problem, completing, owner, spot, item_nullable)
                answers.append(None)
        return answers

    return complete


def _failed_item(problem: Exception, completing: Completing, owner: int, spots: Spots, nullable: bool) -> None:
    """Keep the error of a list's item that may be null, else let the list have it."""
    level, field = completing.level, completing.field
    error = located(problem, level, owner, field, spots)
    if not nullable:
        raise error from None
    completing.run.keep(error, (*level.place(owner), field.order, *spots))


def _object(type_: GraphQLObjectType, plan_of: PlanOf) -> Complete:
    is_type_of, plan = type_.is_type_of, plan_of(type_)

    def complete(completing: Completing, owner: int, spots: Spots, value: Any) -> dict[str, Any]:
        if isinstance(value, Exception):
            raise value
        if is_type_of and not is_type_of(value, completing.info(owner)):
            raise GraphQLError(
                f"Expected value of type '{type_}' but got: {inspect(value)}.", list(completing.field.nodes)
            )
        return completing.level_of(plan).add(value, owner, spots)

    return complete


def _abstract(type_: GraphQLAbstractType, plan_of: PlanOf) -> Complete:
    resolve_type = type_.resolve_type or default_type_resolver
    completes: dict[GraphQLObjectType, Complete] = {}

    def complete(completing: Completing, owner: int, spots: Spots, value: Any) -> dict[str, Any]:
        if isinstance(value, Exception):
            raise value
        info = completing.info(owner)
        runtime_type = _runtime_type(type_, resolve_type(value, info, type_), completing.field, info, value)
        complete_object = completes.get(runtime_type)
        if complete_object is None:
            complete_object = completes[runtime_type] = _object(runtime_type, plan_of)
        answer: dict[str, Any] = complete_object(completing, owner, spots, value)
        return answer

    return complete


def _runtime_type(
    type_: GraphQLAbstractType, name: Any, field: "FieldPlan", info: GraphQLResolveInfo[Any], value: Any
) -> GraphQLObjectType:
    """Return the object type of a value; graphql-core judges the name, and words what is wrong with it."""
    nodes = [FieldDetails(node, None) for node in field.nodes]
    judge = cast("Executor[Any]", SimpleNamespace(schema=info.schema))
    return Executor.ensure_valid_runtime_type(judge, name, type_, nodes, info, value)
