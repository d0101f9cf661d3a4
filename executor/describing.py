"""A plan in words: what `crm plan` prints."""

from collections.abc import Iterator

from graphql import get_named_type, is_abstract_type

from executor.kinds import Answered, Computed, Keyed, Kind, Related, Stored
from executor.plans import FieldPlan, ObjectPlan, RootPlan


def described(plan: RootPlan) -> Iterator[str]:
    """Yield a line for each field, indented by its level, then one for each type of which not all is read."""
    yield from _fields(plan.selection, 0)
    for name, keys in plan.shown.items():
        if keys and name not in ("Query", "Mutation"):
            yield f"read of {name}: {', '.join(keys)}"


def _fields(plan: ObjectPlan, depth: int) -> Iterator[str]:
    """Yield the key, the type and the way of each field."""
    for field in plan.fields:
        alias = "" if field.key == field.name else f" ({field.name})"
        yield f"{'  ' * depth}{field.key}{alias}: {field.definition.type} <- {had(field.kind)}"
        yield from _beneath(field, depth + 1)


def _beneath(field: FieldPlan, depth: int) -> Iterator[str]:
    abstract = is_abstract_type(get_named_type(field.definition.type))
    if abstract:
        yield f"{'  ' * depth}(planned for each type when it first comes up)"
    for type_, child in field.children.items():
        if abstract:
            yield f"{'  ' * depth}... on {type_}"
        yield from _fields(child, depth + abstract)


def had(kind: Kind | None) -> str:
    """Return how a field of a kind is had, in words."""
    if isinstance(kind, Stored):
        return f"stored as {kind.name}" if kind.name else "stored"
    if isinstance(kind, Computed):
        return "computed"
    if isinstance(kind, Answered):
        return "computed" + (f", needs {_function(kind.needs.load)}" if kind.needs else ", or asked for")
    if isinstance(kind, (Related, Keyed)):
        ahead = ", asks ahead for what hangs on the key" if kind.outline else ""
        return f"one call of {_function(kind.load)} for the level{ahead}"
    return "its resolver, once a parent"


def _function(load: object) -> str:
    return f"{getattr(load, '__module__', '?')}.{getattr(load, '__qualname__', '?')}"
