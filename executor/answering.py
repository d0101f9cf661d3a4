"""How a field gets its values for a whole level: one function a kind.

Each returns a function `answer(run, level)`. What can be had at once is completed at once; what has to be asked is
asked for all objects of the level together, and goes on in the next wave.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from graphql import GraphQLNonNull, Undefined, is_leaf_type
from graphql.execution.values import get_argument_values
from graphql.pyutils import is_awaitable

from executor.completion import must_not_be_null, place
from executor.kinds import Computed, Kind, Listed, Related, Stored
from executor.leaves import plain_class, serializer
from executor.levels import Level, Run, path_of

if TYPE_CHECKING:
    from executor.plans import FieldPlan

Answer = Callable[[Run, Level], None]


def answering(field: "FieldPlan", kind: Kind | None) -> Answer:
    """Return how a field is answered."""
    if isinstance(kind, Stored):
        type_ = field.definition.type
        inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
        return _stored_leaf(field, kind, inner) if kind.name and is_leaf_type(inner) else _stored(field, kind)
    if isinstance(kind, Computed):
        return _computed(field, kind)
    if isinstance(kind, Related):
        return _related(field, kind)
    if isinstance(kind, Listed):
        return _listed(field, kind)
    return _resolved(field)


def _stored_leaf(field: "FieldPlan", kind: Stored, type_: Any) -> Answer:
    """Answer the commonest field of all in one loop: out of the document, into the answer."""
    name, key, nullable = kind.name, field.key, field.nullable
    plain, serialize = plain_class(type_), serializer(type_)

    def answer(run: Run, level: Level) -> None:
        results = level.results
        for owner, source in enumerate(level.sources):
            try:
                value = source.get(name)
                if value.__class__ is plain:
                    results[owner][key] = value
                elif value is not None and value is not Undefined:
                    results[owner][key] = serialize(value)
                elif not nullable:
                    must_not_be_null(field)
            except Exception as problem:  # noqa: BLE001 -- every error is its field's
                run.fail(problem, level, owner, field)

    return answer


def _stored(field: "FieldPlan", kind: Stored) -> Answer:
    get = kind.get

    def answer(run: Run, level: Level) -> None:
        place(run, level, field, [_tried(get, source) for source in level.sources])

    return answer


def _computed(field: "FieldPlan", kind: Computed) -> Answer:
    compute = kind.compute

    def answer(run: Run, level: Level) -> None:
        context = run.context
        _await(run, level, field, [_tried(compute, source, context) for source in level.sources])

    return answer


def _related(field: "FieldPlan", kind: Related) -> Answer:
    def answer(run: Run, level: Level) -> None:
        _load(run, level, field, kind.load, [_tried(kind.key, source) for source in level.sources])

    return answer


def _listed(field: "FieldPlan", kind: Listed) -> Answer:
    arguments = arguments_of(field)

    def answer(run: Run, level: Level) -> None:
        try:
            key = kind.bind(run.info(field, path_of(level, 0, field, ())), arguments(run))
        except Exception as problem:  # noqa: BLE001 -- arguments that do not fit are an error of every parent
            place(run, level, field, [problem] * len(level.sources))
            return
        _load(run, level, field, kind.load, [_tried(key, source) for source in level.sources])

    return answer


def _resolved(field: "FieldPlan") -> Answer:
    """Answer a field that only its resolver can answer, called as graphql-core calls it."""
    arguments, resolve = arguments_of(field), field.resolve

    def answer(run: Run, level: Level) -> None:
        values: list[Any] = []
        for owner, source in enumerate(level.sources):
            try:
                values.append(resolve(source, run.info(field, path_of(level, owner, field, ())), **arguments(run)))
            except Exception as problem:  # noqa: BLE001 -- every error is its field's
                values.append(problem)
        _await(run, level, field, values)

    return answer


def _tried(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return a function's value, or the exception it raised: a value that is one is an error of its field."""
    try:
        return function(*arguments)
    except Exception as problem:  # noqa: BLE001 -- every error is its field's
        return problem


def _await(run: Run, level: Level, field: "FieldPlan", values: list[Any]) -> None:
    """Complete values, those that are awaitable when all of them are there."""
    waiting = [owner for owner, value in enumerate(values) if is_awaitable(value)]
    if not waiting:
        place(run, level, field, values)
        return

    def then(outcomes: list[Any]) -> None:
        for owner, outcome in zip(waiting, outcomes, strict=True):
            values[owner] = outcome
        place(run, level, field, values)

    run.later([values[owner] for owner in waiting], then)


def _load(run: Run, level: Level, field: "FieldPlan", load: Any, keys: list[Any]) -> None:
    """Complete what a batch function has under the keys of a level; an exception for a key is its parent's error."""
    loader = run.context.loader(load)

    def then(_: list[Any]) -> None:
        found = loader.found
        place(run, level, field, [key if key is None or isinstance(key, Exception) else found[key] for key in keys])

    request = loader.request([key for key in keys if key is not None and not isinstance(key, Exception)])
    if request is None:
        then([])
    else:
        run.later([request], then)


def arguments_of(field: "FieldPlan") -> Callable[[Run], dict[str, Any]]:
    """Return how a field's arguments are had; those without variables are coerced once for all runs."""
    definition, node = field.definition, field.nodes[0]
    if not definition.args:
        return lambda _: {}

    def coerced(run: Run) -> dict[str, Any]:
        return get_argument_values(definition, node, run.variables)

    return coerced
