"""How a field gets its values for a whole level: one function a kind.

Each returns a function `answer(run, level)`. What can be had at once is completed at once; what has to be asked is
asked for all objects of the level together, and goes on in the next wave.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from graphql import GraphQLNonNull, Undefined, is_leaf_type

from executor.ahead import bound, go_on
from executor.completion import must_not_be_null, place
from executor.kinds import Answered, Called, Computed, Keyed, Kind, Related, Stored
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
        return _worked_out(field, kind.compute, place)
    if isinstance(kind, Answered):
        return _worked_out(field, kind.answer, _await)
    if isinstance(kind, Related):
        return _related(field, kind)
    if isinstance(kind, Keyed):
        return _keyed(field, kind)
    if isinstance(kind, Called):
        return _called(field, kind)
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
        place(run, level, field, _each(get, level.sources))

    return answer


def _worked_out(
    field: "FieldPlan",
    work_out: Callable[[Any, Any], Any],
    finish: Callable[[Run, Level, "FieldPlan", list[Any]], None],
) -> Answer:
    """Answer with what is worked out of each source; `finish` knows whether any of it may have to be awaited."""

    def answer(run: Run, level: Level) -> None:
        context = run.context
        finish(run, level, field, _each(lambda source: work_out(source, context), level.sources))

    return answer


def _related(field: "FieldPlan", kind: Related) -> Answer:
    def answer(run: Run, level: Level) -> None:
        _load(run, level, field, kind, _each(kind.key, level.sources))

    return answer


def _keyed(field: "FieldPlan", kind: Keyed) -> Answer:
    def answer(run: Run, level: Level) -> None:
        try:
            key = bound(run, field, kind)
        except Exception as problem:  # noqa: BLE001 -- arguments that do not fit are an error of every parent
            place(run, level, field, [problem] * len(level.sources))
            return
        _load(run, level, field, kind, _each(key, level.sources))

    return answer


def _resolved(field: "FieldPlan") -> Answer:
    """Answer a field that only its resolver can answer, called as graphql-core calls it."""
    arguments, resolve = field.arguments, field.resolve

    def answer(run: Run, level: Level) -> None:
        values: list[Any] = []
        for owner, source in enumerate(level.sources):
            try:
                values.append(resolve(source, run.info(field, path_of(level, owner, field, ())), **arguments(run)))
            except Exception as problem:  # noqa: BLE001 -- every error is its field's
                values.append(problem)
        _await(run, level, field, values)

    return answer


def _called(field: "FieldPlan", kind: Called) -> Answer:
    call, arguments = kind.call, field.arguments

    def answer(run: Run, level: Level) -> None:
        def called(owner: int) -> Any:
            return call(run.info(field, path_of(level, owner, field, ())), arguments(run))

        _await(run, level, field, _each(called, list(range(len(level.sources)))))

    return answer


def _each(function: Callable[[Any], Any], sources: list[Any]) -> list[Any]:
    """Return a function's value for each source, or what it raised: an exception for a value is its field's error."""
    values: list[Any] = []
    for source in sources:
        try:
            values.append(function(source))
        except Exception as problem:  # noqa: BLE001 -- every error is its field's
            values.append(problem)
    return values


def _await(run: Run, level: Level, field: "FieldPlan", values: list[Any]) -> None:
    """Complete values, those that are awaitable when all of them are there."""
    waiting = [owner for owner, value in enumerate(values) if hasattr(value, "__await__")]
    if not waiting:
        place(run, level, field, values)
        return

    def then(outcomes: list[Any]) -> None:
        for owner, outcome in zip(waiting, outcomes, strict=True):
            values[owner] = outcome
        place(run, level, field, values)

    run.later([values[owner] for owner in waiting], then)


def _load(run: Run, level: Level, field: "FieldPlan", kind: Related | Keyed, keys: list[Any]) -> None:
    """Complete what a batch function has under the keys of a level; an exception for a key is its parent's error."""
    loader = run.context.loader(kind.load)
    wanted = [key for key in keys if key is not None and not isinstance(key, Exception)]

    def then(_: list[Any]) -> None:
        found = loader.found
        place(run, level, field, [key if key is None or isinstance(key, Exception) else found[key] for key in keys])

    request = loader.request(wanted)
    if request is None:
        then([])
        return
    if len(wanted) == 1 and run.context.asks_ahead:
        go_on(run, field, kind, wanted[0])
    run.later([request], then)
