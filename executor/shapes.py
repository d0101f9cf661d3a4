"""Objects that need nobody: where all that is selected is stored or computed, one function makes the answer.

A page of ten purchases with a hundred lines is one call instead of two hundred seats in levels. A shape knows nothing
of errors: at the first thing that is not as the schema has it, it raises, and the object goes the level's way
(executor/levels.py), which says what is wrong and what becomes null. Nothing has happened by then that could not happen
twice: what is stored or computed asks nobody, and an answer that turns out to need somebody has not begun to ask.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from graphql import (
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    Undefined,
    get_named_type,
    is_leaf_type,
)

from executor.kinds import Answered, Computed, Stored
from executor.leaves import plain_class, serializer

if TYPE_CHECKING:
    from executor.plans import FieldPlan, ObjectPlan

Shape = Callable[[Any, Any], Any]
"""(value, context) -> the answer."""


SOURCES = frozenset({dict, int})
"""What sources nearly always are: a document, an amount."""


NO_INFO: Any = None
"""No `is_type_of` of this house reads what it is told of the field."""


class NotShaped(Exception):
    """Something is not as the schema has it."""


def object_shape(plan: "ObjectPlan") -> Shape | None:
    """Return the function from a source to the answer of a selection set, None where somebody has to be asked."""
    documents, computed = [], []
    for field in plan.fields:
        shape = _field_shape(field)
        if shape is None:
            return None
        if isinstance(field.kind, Stored) and field.kind.name:
            documents.append((field.key, field.kind.name, _plain(field), shape))
        else:
            computed.append((field.key, _compute(field.kind), _plain(field), shape))
    blank, is_type_of = plan.blank, plan.type.is_type_of

    def shape_object(source: Any, context: Any) -> dict[str, Any]:
        if (source.__class__ not in SOURCES and _is_none(source)) or (is_type_of and not is_type_of(source, NO_INFO)):
            raise NotShaped
        answer = blank.copy()
        for key, name, plain, shape in documents:
            value = source.get(name)
            answer[key] = value if value.__class__ is plain else shape(value, context)
        for key, compute, plain, shape in computed:
            value = compute(source, context)
            answer[key] = value if value.__class__ is plain else shape(value, context)
        return answer

    return shape_object


def _is_none(source: Any) -> bool:
    return source is None or source is Undefined or isinstance(source, Exception)


def _field_shape(field: "FieldPlan") -> Shape | None:
    kind = field.kind
    if not isinstance(kind, (Stored, Computed)) and not (isinstance(kind, Answered) and kind.needs is None):
        return None
    child = get_named_type(field.definition.type)
    plan = field.children.get(child) if isinstance(child, GraphQLObjectType) else None
    return position(field.definition.type, plan)


def _compute(kind: Any) -> Shape:
    if isinstance(kind, Computed):
        return kind.compute
    if isinstance(kind, Answered):
        return _at_once(kind.answer)
    get = kind.get
    return lambda source, _: get(source)


def _at_once(answer: Shape) -> Shape:
    """Take what is answered without asking anybody; the level's way asks for the rest, in one wave for all objects."""

    def compute(source: Any, context: Any) -> Any:
        value = answer(source, context)
        if hasattr(value, "__await__"):
            getattr(value, "close", int)()  # it has not begun
            raise NotShaped
        return value

    return compute


def _plain(field: "FieldPlan") -> type | None:
    """Return the class whose values stand for themselves in the answer."""
    type_ = field.definition.type
    inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
    return plain_class(inner) if is_leaf_type(inner) else None


def position(type_: Any, plan: "ObjectPlan | None") -> Shape | None:
    """Return the shape of a position of a type, which may be null or not; `plan` is what is selected of its objects."""
    inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
    nullable = inner is type_
    if is_leaf_type(inner):
        return _leaf(inner, nullable=nullable)
    shape = present(inner, plan)
    if shape is None or (not nullable and isinstance(inner, GraphQLObjectType)):
        return shape  # an object's own shape takes no null

    def shape_position(value: Any, context: Any) -> Any:
        if value is not None and value is not Undefined:
            return shape(value, context)
        if nullable:
            return None
        raise NotShaped

    return shape_position


def present(type_: Any, plan: "ObjectPlan | None") -> Shape | None:
    """Return the shape of objects and lists that are there."""
    if isinstance(type_, GraphQLList):
        return _list(type_.of_type, plan)
    return plan.shape if plan is not None else None


def _leaf(type_: Any, *, nullable: bool) -> Shape:
    serialize = serializer(type_)

    def shape_leaf(value: Any, _: Any) -> Any:
        if value is not None and value is not Undefined:
            return serialize(value)
        if nullable:
            return None
        raise NotShaped

    return shape_leaf


def _list(item_type: Any, plan: "ObjectPlan | None") -> Shape | None:
    shape = position(item_type, plan)
    if shape is None:
        return None

    def shape_list(values: Any, context: Any) -> list[Any]:
        if values.__class__ is not list:
            raise NotShaped
        return [shape(value, context) for value in values]

    return shape_list
